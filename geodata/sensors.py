"""What is known of satellites and cameras: bands and their names, quality codes.

One table a question; all functions are pure. What the tables cannot tell for certain is left
open: the caller asks, it does not guess. What file names and tags say is in ``labels``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

# --- quality ---------------------------------------------------------------------------------

CONDITIONS = ("nodata", "cloud", "shadow", "cirrus", "snow", "water", "saturated")


@dataclass(frozen=True)
class QualityTable:
    """What the values of a quality band mean.

    codes: {value: conditions} where one value is one class. bits: {bit: conditions} where each bit
    stands for itself. ``other`` holds for class values that the table does not list.
    """

    codes: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    bits: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    other: tuple[str, ...] = ()


QUALITY: Mapping[str, QualityTable] = {
    # Sentinel-2 L2A scene classification; 2 (dark) and 7 (unclassified) stay, as is usual.
    "scl": QualityTable(
        codes={
            0: ("nodata",),
            1: ("saturated",),
            2: (),
            3: ("shadow",),
            4: (),
            5: (),
            6: ("water",),
            7: (),
            8: ("cloud",),
            9: ("cloud",),
            10: ("cirrus",),
            11: ("snow",),
        },
        other=("nodata",),
    ),
    # Sentinel-2 L1C/L2A QA60 mask.
    "qa60": QualityTable(bits={10: ("cloud",), 11: ("cirrus",)}),
    # Landsat Collection 2 QA_PIXEL.
    "qa_pixel": QualityTable(
        bits={
            0: ("nodata",),
            1: ("cloud",),
            2: ("cirrus",),
            3: ("cloud",),
            4: ("shadow",),
            5: ("snow",),
            7: ("water",),
        }
    ),
    # Fmask classes (Zhu and Woodcock 2012).
    "fmask": QualityTable(
        codes={0: (), 1: ("water",), 2: ("shadow",), 3: ("snow",), 4: ("cloud",), 255: ("nodata",)},
        other=("nodata",),
    ),
    # A plain mask: 0 clear, 255 not observed, anything else cloud.
    "cloudmask": QualityTable(codes={0: (), 255: ("nodata",)}, other=("cloud",)),
    # Our own: one bit a condition, in the order of CONDITIONS.
    "quality_bits": QualityTable(bits={bit: (name,) for bit, name in enumerate(CONDITIONS)}),
}


def has_condition(values: NDArray[np.integer], table: str, conditions: Iterable[str]) -> NDArray[np.bool_]:
    """Where any of ``conditions`` holds; same shape as ``values`` (raw codes of the quality band)."""
    wanted = set(conditions)
    rules = QUALITY[table]
    found = np.zeros(values.shape, bool)
    for bit, names in rules.bits.items():
        if wanted & set(names):
            found |= (values >> bit) & 1 == 1
    if rules.codes:
        hit = [code for code, names in rules.codes.items() if wanted & set(names)]
        if hit:
            found |= np.isin(values, hit)
        if wanted & set(rules.other):
            found |= ~np.isin(values, list(rules.codes))
    return found


UDM2 = {2: "snow", 3: "shadow", 4: "cirrus", 5: "cloud", 6: "cloud"}
"""What the bands of a PlanetScope usable data mask (UDM2) say where they are 1; 4 is light haze, 5 heavy haze.
Band 1 is clear, 7 a confidence, 8 the older mask, whose bit 0 means not observed."""


def udm2_bits(bands: NDArray[np.integer]) -> NDArray[np.uint8]:
    """The table "quality_bits" (y, x) from the eight ``bands`` (8, y, x) of a UDM2."""
    codes = (bands[7] & 1).astype(np.uint8)
    for number, condition in UDM2.items():
        codes |= (bands[number - 1] == 1).astype(np.uint8) << CONDITIONS.index(condition)
    return codes


def fill_code(table: str) -> int:
    """The value that means "not observed" in ``table``; 0 where it has none."""
    rules = QUALITY[table]
    codes = [code for code, names in rules.codes.items() if "nodata" in names]
    bits = [1 << bit for bit, names in rules.bits.items() if "nodata" in names]
    return (codes + bits or [0])[0]


_QUALITY_NAMES = {
    "scl": "scl",
    "qa60": "qa60",
    "qapixel": "qa_pixel",
    "fmask": "fmask",
    "cfmask": "fmask",
    "cloudmask": "cloudmask",
    "maskcloud": "cloudmask",
    "qualitybits": "quality_bits",
}
_QUALITY_UNNAMED = {"quality", "qa", "qaband", "bqa", "pixelqa", "mask", "udm", "udm2"}


def quality_table(platform: str | None, values: Sequence[int]) -> str | None:
    """Which table a band described only as "quality" follows, from platform and values present.

    None where it is not certain.
    """
    present = {int(v) for v in values}
    if not present:
        return None
    if platform and platform.startswith("sentinel-2") and present <= set(QUALITY["scl"].codes):
        return "scl"
    if platform and platform.startswith("landsat"):
        if present <= set(QUALITY["fmask"].codes):
            return "fmask"
        if max(present, default=0) >= 1 << 12:  # confidence bits of Collection 2 are always set
            return "qa_pixel"
    return None


# --- bands -----------------------------------------------------------------------------------

BGRN = ("blue", "green", "red", "nir")
_TM = {1: "blue", 2: "green", 3: "red", 4: "nir", 5: "swir1", 6: "thermal", 7: "swir2", 8: "pan"}
_OLI = dict(
    enumerate(
        ("coastal", "blue", "green", "red", "nir", "swir1", "swir2", "pan", "cirrus", "thermal", "thermal2"), start=1
    )
)
_MSI = dict(
    enumerate(
        (
            "coastal",
            "blue",
            "green",
            "red",
            "rededge1",
            "rededge2",
            "rededge3",
            "nir",
            "water_vapour",
            "cirrus",
            "swir1",
            "swir2",
        ),
        start=1,
    )
)
WFV8 = (*BGRN, "rededge1", "rededge2", "coastal", "yellow")
_ZY8 = (*BGRN, "coastal", "yellow", "rededge1", "nir2")


def _numbered(names: Sequence[str]) -> dict[int, str]:
    return dict(enumerate(names, start=1))


@dataclass(frozen=True)
class Platform:
    """bands: {the product's own band number: our name}. bits: radiometric depth of raw values."""

    bands: Mapping[int, str]
    bits: int | None = None


PLATFORMS: Mapping[str, Platform] = {
    **{f"sentinel-2{unit}": Platform(_MSI) for unit in ("", "a", "b", "c", "d")},
    "landsat-4": Platform(_TM, 8),
    "landsat-5": Platform(_TM, 8),
    "landsat-7": Platform(_TM, 8),
    "landsat-8": Platform(_OLI),
    "landsat-9": Platform(_OLI),
    **{f"gf-1{unit}": Platform(_numbered(BGRN), 10) for unit in ("", "b", "c", "d")},
    "gf-2": Platform(_numbered(BGRN), 10),
    "gf-6": Platform(_numbered(WFV8), 12),
    "gf-7": Platform(_numbered(BGRN), 11),
    **{f"zy3-0{unit}": Platform(_numbered(BGRN), 10) for unit in (1, 2, 3)},
    **{f"zy1-02{unit}": Platform(_numbered(_ZY8), 12) for unit in ("d", "e")},
    "superview-1": Platform(_numbered(BGRN), 11),
    "jilin-1": Platform({}),
    "drone": Platform({}, None),
}

_ALIASES = {
    "blue": ("b", "visblue", "蓝", "蓝波段"),
    "green": ("g", "visgreen", "绿", "绿波段"),
    "red": ("r", "visred", "红", "红波段"),
    "nir": ("n", "nir1", "nearinfrared", "nir08m", "近红外"),
    "nir2": ("nir08", "nirnarrow", "narrownir"),
    "rededge1": ("rededge", "re", "re1", "红边", "红边1"),
    "rededge2": ("re2", "红边2"),
    "rededge3": ("re3", "红边3"),
    "swir1": ("swir16", "shortwaveinfrared1", "短波红外1"),
    "swir2": ("swir22", "shortwaveinfrared2", "短波红外2"),
    "coastal": ("coastalaerosol", "aerosol", "coastalblue", "海岸"),
    "yellow": ("黄", "黄边"),
    "thermal": ("thermal1", "lwir", "lwir11", "tir", "热红外"),
    "thermal2": ("lwir12",),
    "pan": ("panchromatic", "全色"),
    "cirrus": (),
    "water_vapour": ("watervapour", "watervapor"),
}
_KNOWN = {alias: name for name, aliases in _ALIASES.items() for alias in (name.replace("_", ""), *aliases)}
_AUXILIARY = re.compile(r"^(aot|wvp|tci.*|msk.*|qa10|qa20|cld|clp|snw|.*prob.*|.*azimuth.*|.*zenith.*|.*angle.*)$")
_AUTOMATIC = re.compile(r"^(band|layer|gray|grey|undefined|channel|波段|图层|第)?\d*(波段)?$")
RADAR = ("vv", "vh", "hh", "hv")
_RADAR = re.compile(r"^(?:s1)?(?:sigma0|gamma0|beta0)?(vv|vh|hh|hv)(?:db|lin|linear)?$")
_NUMBERED = re.compile(r"^(?:sr|toa|st)?_?b(?:and)?[ _]?0*(\d{1,2})(a?)(?![0-9a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class Meaning:
    """What one band of a file is.

    kind: "band" (name is ours), "quality" (name is a table of QUALITY, or "" where uncertain),
    "alpha", "auxiliary" (not a measurement of the ground's brightness), "unknown".
    """

    kind: str
    name: str = ""


def meaning(description: str | None, platform: str | None) -> Meaning:
    """What a band with this description (or name given by ``--bands``) is."""
    text = (description or "").strip()
    plain = re.sub(r"[\s_\-.()]+", "", text).lower()
    if plain in _QUALITY_NAMES:
        return Meaning("quality", _QUALITY_NAMES[plain])
    if plain in _QUALITY_UNNAMED:
        return Meaning("quality")
    if plain in ("alpha", "a"):
        return Meaning("alpha")
    if _AUXILIARY.match(plain):
        return Meaning("auxiliary", text)
    if radar := _RADAR.match(plain):
        return Meaning("band", radar[1])
    if plain in _KNOWN:
        return Meaning("band", _KNOWN[plain])
    if numbered := _NUMBERED.match(text):
        bands = PLATFORMS[platform].bands if platform and platform in PLATFORMS else {}
        name = bands.get(int(numbered[1]))
        if platform and platform.startswith("sentinel-2") and numbered[1] in ("8", "08") and numbered[2]:
            name = "nir2"
        return Meaning("band", name) if name else Meaning("unknown")
    if _AUTOMATIC.match(plain):
        return Meaning("unknown")
    return Meaning("band", re.sub(r"[\s\-]+", "_", text).lower()[:40])
