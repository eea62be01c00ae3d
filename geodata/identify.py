"""What an image is, decided from what its file says and what the user says.

Pure. Whatever is not certain is asked for (``MissingOption`` names the option), never guessed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import PurePath
from typing import Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from geodata import bandroles, labels, sensors
from geodata import crs as crss
from geodata.errors import CRSMissing, InputError, MissingOption, UnreadableFile
from geodata.words import Text, both

DARK_DB = -30.0
"""Border noise of Sentinel-1 is darker than this in every polarisation; its noise floor on land is −22 dB and above."""
OF_DB = 0.02
"""Share of values below 0 from which on they are dB; resampling of linear values may leave a few."""
OFFSET_SINCE = datetime(2022, 1, 25, tzinfo=UTC)
"""First day of processing baseline 04.00 of Sentinel-2."""
WIDER = {"int8": "int16", "uint32": "float32", "int32": "float32", "float64": "float32"}
"""Types that are stored as another; integers beyond 2^24 lose their last digits."""


@dataclass(frozen=True, eq=False)
class Said:
    """What the user says of an image; None = look at the file. offset: what is added to counts of Sentinel-2."""

    platform: str | None = None
    acquired: str | date | datetime | None = None
    bands: Sequence[str] | None = None
    crs: str | None = None
    offset: float | None = None


@dataclass(frozen=True, eq=False)
class Plan:
    """What an image is and how it is stored.

    geobox: as stored, north up. indexes: numbers in the file of ``bands``. mask: number of the alpha
    band, "mask" for a mask beside the bands, None. quality_index: number of the quality band in the
    same file. south_up: the file begins at its southern edge. border: a radar image's pixels at its
    edges are noise below this.
    """

    platform: str
    acquired_at: datetime
    bands: tuple[str, ...]
    indexes: tuple[int, ...]
    geobox: GeoBox
    gsd_m: float
    dtype: str
    nodata: float | None
    mask: int | str | None
    scale: float | tuple[float, ...]
    offset: float | tuple[float, ...]
    quality_index: int | None
    quality_codes: str | None
    south_up: bool
    warnings: tuple[Text, ...]
    border: float | None = None

    @property
    def recipe(self) -> dict[str, Any]:
        """Plain values for ``gridfile.convert``; a quality file is added by who knows where it lies."""
        return {
            "bands": list(self.bands),
            "indexes": list(self.indexes),
            "transform": tuple(self.geobox.affine)[:6],
            "crs": str(self.geobox.crs),
            "dtype": self.dtype,
            "nodata": self.nodata,
            "mask": self.mask,
            "south_up": self.south_up,
            "border": self.border,
            "quality_index": self.quality_index,
            "quality_codes": self.quality_codes,
            "quality_dtype": "uint16" if self.quality_codes in ("qa_pixel", "qa60") else "uint8",
            "quality_path": None,
        }


def plan(
    path: str, header: Mapping[str, Any], said: Said, quality: tuple[str, Mapping[str, Any]] | None = None
) -> Plan:
    """``header``: of ``imagefile.describe``; quality: (path, header) of a quality band in a file of its own.

    Raises: MissingOption, CRSMissing, CRSContradiction, UnknownCodes, UnreadableFile, InputError.
    """
    notes: list[Text] = []
    tags = labels.plain_tags(header["tags"])
    facts = labels.facts_in_name(PurePath(path).stem)
    grid, south_up = placed(path, header, said, notes)
    platform = _platform(path, said, tags, facts)
    acquired_at = _acquired(path, said, tags, facts, notes)
    found = bandroles.roles(path, header, said.bands, platform, facts)
    if found.aside:
        notes.append(both("left aside, as they are no measurements: bands {names}.", names=", ".join(found.aside)))
    codes = _quality(header, platform, found, quality, notes)
    scale, offset = _calibration(path, header, said, platform, tags, list(found.bands))
    dtype, nodata = _values(header, found.mask, notes)
    border = _radar(header, tuple(found.bands.values()), notes)
    if _may_hold_an_offset(platform, acquired_at, dtype, (scale, offset)):
        notes.append(
            both(
                "values may hold the offset of Sentinel-2 from processing baseline 04.00; if they do, add the file with"
                " --offset -1000."
            )
        )
    return Plan(
        platform=platform,
        acquired_at=acquired_at,
        bands=tuple(found.bands.values()),
        indexes=tuple(found.bands),
        geobox=grid,
        gsd_m=gsd_m(grid),
        dtype=dtype,
        nodata=nodata,
        mask=found.mask,
        scale=scale,
        offset=offset,
        quality_index=found.quality[0] if found.quality and quality is None else None,
        quality_codes=codes,
        south_up=south_up,
        warnings=tuple(notes),
        border=border,
    )


# --- where -----------------------------------------------------------------------------------


def placed(path: str, header: Mapping[str, Any], said: Said, notes: list[Text]) -> tuple[GeoBox, bool]:
    """The grid of an image, north up, and whether its file begins at the southern edge; what is to be said of its
    coordinates is put to ``notes``. Raises: UnreadableFile, CRSMissing, CRSContradiction."""
    if not header["georeferenced"]:
        if header["rpcs"] or header["gcps"]:
            raise UnreadableFile(
                "{path}: is not yet projected (it has only control points or RPC); orthorectify it first.", path=path
            )
        if header["driver"] == "JPEG":
            raise CRSMissing(
                "{path}: does not say where it lies; photos go in with “gengxun photo add”, scenes have a georeference"
                " (GeoTIFF).",
                path=path,
            )
        raise CRSMissing("{path}: does not say where it lies; add an image with georeference (GeoTIFF).", path=path)
    height, width = header["height"], header["width"]
    transform = Affine(*header["transform"])
    if abs(transform.b) + abs(transform.d) > 1e-6 * abs(transform.a) or transform.a <= 0 or transform.e == 0:
        raise UnreadableFile(
            "{path}: its rows do not run from west to east (it is rotated); warp it north up first (gdalwarp).",
            path=path,
        )
    south_up = transform.e > 0
    if south_up:
        transform = transform @ Affine.translation(0, height) @ Affine.scale(1, -1)
    bounds = (transform.c, transform.f + transform.e * height, transform.c + transform.a * width, transform.f)
    crs = crss.declared(header["crs"], said.crs, path, bounds)
    notes += crss.check(crs, bounds, path)
    return GeoBox((height, width), transform, crss.name_of(crs)), south_up


def gsd_m(grid: GeoBox) -> float:
    """Ground size of a pixel in metres: mean of both sides, at the middle of the image."""
    size = math.sqrt(abs(grid.resolution.x * grid.resolution.y))
    crs = crss.crs_(str(grid.crs))
    bounds = grid.boundingbox
    middle = (bounds.bottom + bounds.top) / 2
    if crs.is_geographic:
        return size * 111_195 * math.sqrt(math.cos(math.radians(middle)))
    size *= crs.axis_info[0].unit_conversion_factor or 1.0
    return size / math.cosh(middle / 6_378_137) if crs.to_epsg() == 3857 else size


# --- by what, when ---------------------------------------------------------------------------


def platform_said(value: str, path: object) -> str:
    """``--platform`` narrowed to a name of ``sensors.PLATFORMS``, or taken as it is."""
    text = " ".join(value.split())
    if not text or len(text) > 40 or not text.isprintable():
        raise InputError(
            "{path}: --platform “{value}” is not a name; give one of up to 40 characters.", path=path, value=value
        )
    return labels.platform_in(text) or text.lower().replace(" ", "-")


def _platform(path: str, said: Said, tags: Mapping[str, str], facts: labels.NameFacts) -> str:
    if said.platform is not None:
        return platform_said(said.platform, path)
    in_tags, named = labels.platform_in_tags(tags) or "", facts.platform or ""
    if in_tags and named and not (in_tags.startswith(named) or named.startswith(in_tags)):
        raise MissingOption(
            "{path}: its name says {name}, its metadata {tag}; say which with --platform.",
            path=path,
            name=named,
            tag=in_tags,
        )
    found = max(in_tags, named, key=len)
    if not found:
        raise MissingOption(
            "{path}: neither its name nor its metadata say what took it; name it with --platform, for example"
            " gf-2, sentinel-2a or drone.",
            path=path,
        )
    return found


def time_said(value: str | date | datetime, path: object) -> labels.When:
    """``--acquired`` as a time. A time without zone is Beijing time; a day is its noon there."""
    if isinstance(value, datetime):
        at = value if value.tzinfo else value.replace(tzinfo=labels.BEIJING)
        return labels.When(at.astimezone(UTC), zone_assumed=value.tzinfo is None)
    found = labels.parse_time(str(value))
    if found is None:
        raise InputError(
            "{path}: --acquired “{value}” is not a day or time; write it as 2026-05-01 or 2026-05-01T10:30.",
            path=path,
            value=value,
        )
    return found


def time_notes(found: labels.When) -> list[Text]:
    """What was put where a time was not complete."""
    if found.day_only:
        return [both("only the day {day} is known; noon in Beijing is put.", day=found.at.date().isoformat())]
    if found.zone_assumed:
        at = f"{found.at:%Y-%m-%d %H:%M} UTC"
        return [both("the time has no zone and is read as Beijing time: {at}.", at=at)]
    return []


def _acquired(path: str, said: Said, tags: Mapping[str, str], facts: labels.NameFacts, notes: list[Text]) -> datetime:
    found = time_said(said.acquired, path) if said.acquired is not None else _time_of_file(path, tags, facts, notes)
    notes += time_notes(found)
    return found.at


def _time_of_file(path: str, tags: Mapping[str, str], facts: labels.NameFacts, notes: list[Text]) -> labels.When:
    in_tags = labels.time_in_tags(tags)
    if len(facts.times) > 1 and in_tags is None:
        raise MissingOption(
            "{path}: its name holds several days ({days}); say which with --acquired.",
            path=path,
            days=", ".join(sorted(time.at.date().isoformat() for time in facts.times)),
        )
    named = facts.times[0] if len(facts.times) == 1 else None
    if in_tags and named and abs((in_tags.at - named.at).total_seconds()) > 1.01 * 86_400:
        raise MissingOption(
            "{path}: its name says {name}, its metadata {tag}; say which with --acquired.",
            path=path,
            name=named.at.date().isoformat(),
            tag=in_tags.at.date().isoformat(),
        )
    candidates = [time for time in (in_tags, named) if time]
    if candidates:  # the one with a time of day, else the metadata's
        return min(candidates, key=lambda time: time.day_only)
    stamp = labels.parse_time(tags.get(labels.FILE_TIME_TAG, ""))
    if stamp:
        notes.append(both("the time is the file's own stamp (TIFFTAG_DATETIME), which may be that of its processing."))
        return stamp
    raise MissingOption(
        "{path}: neither its name nor its metadata say when it was taken; name it with --acquired, for example"
        " 2026-05-01.",
        path=path,
    )


# --- values ----------------------------------------------------------------------------------


def _quality(
    header: Mapping[str, Any],
    platform: str,
    found: bandroles.Roles,
    beside: tuple[str, Mapping[str, Any]] | None,
    notes: list[Text],
) -> str | None:
    """The code table of the quality band, or None = quality unknown."""
    if beside is not None:
        return bandroles.quality_beside(beside[0], beside[1], platform)
    if found.quality is None:
        notes.append(both("quality unknown: there is no quality band, clouds are not told from changes."))
        return None
    table = bandroles.quality_inside(header, platform, found.quality)
    if table is None:
        number = found.quality[0]
        notes.append(
            both("quality unknown: what the codes of its quality band {number} mean is not known.", number=number)
        )
    return table


def _calibration(
    path: str,
    header: Mapping[str, Any],
    said: Said,
    platform: str,
    tags: Mapping[str, str],
    indexes: Sequence[int],
) -> tuple[float | tuple[float, ...], float | tuple[float, ...]]:
    """Scale and offset as said for Sentinel-2, or as the file's own metadata identify them; else 1 and 0."""
    if said.offset is not None:
        if not platform.startswith("sentinel-2"):
            raise InputError("{path}: --offset is for Sentinel-2, which this is not; leave it away.", path=path)
        scale = (labels.calibration_in_tags(tags) or (1e-4, 0.0))[0]
        return scale, said.offset * scale
    scales = tuple(header["scales"][n - 1] for n in indexes)
    offsets = tuple(header["offsets"][n - 1] for n in indexes)
    if set(scales) == {1.0} and set(offsets) == {0.0}:
        return labels.calibration_in_tags(tags) or (1.0, 0.0)
    return (
        scales[0] if len(set(scales)) == 1 else scales,
        offsets[0] if len(set(offsets)) == 1 else offsets,
    )


def _may_hold_an_offset(platform: str, at: datetime, dtype: str, calibration: tuple[Any, Any]) -> bool:
    """Whether these are counts of Sentinel-2 of a time since which products have an offset, of which nothing tells."""
    raw = calibration == (1.0, 0.0) and dtype != "float32"
    return platform.startswith("sentinel-2") and raw and at >= OFFSET_SINCE


def _radar(header: Mapping[str, Any], bands: tuple[str, ...], notes: list[Text]) -> float | None:
    """What the values of a radar image are is noted; the value below which a pixel at its edge is noise, None where
    there is none such. Linear backscatter is never below 0; in dB that of land is."""
    if not set(bands) & set(sensors.RADAR):
        return None
    share = header.get("below_zero")
    if share is None:
        notes.append(both("radar: values are counts that are not calibrated."))
        return None
    if not set(bands) <= set(sensors.RADAR):
        return None
    if share > OF_DB:
        notes.append(both("radar: values are backscatter in dB; noise at the border is left out."))
        return DARK_DB
    notes.append(both("radar: values are linear backscatter; noise at the border is left out."))
    return float(10 ** (DARK_DB / 10))


def _values(header: Mapping[str, Any], mask: int | str | None, notes: list[Text]) -> tuple[str, float | None]:
    """(type as stored, nodata)."""
    dtype: str = WIDER.get(header["dtype"], header["dtype"])
    if dtype != header["dtype"]:
        notes.append(both("pixels of type {was} are stored as {now}.", was=header["dtype"], now=dtype))
    nodata = header["nodata"]
    declared = nodata is not None or mask is not None
    if nodata is not None and dtype != "float32":
        limits = np.iinfo(dtype)
        if math.isnan(nodata) or nodata != int(nodata) or not limits.min <= nodata <= limits.max:
            notes.append(
                both("its nodata value {value} cannot occur in {dtype} and is not used.", value=nodata, dtype=dtype)
            )
            nodata = None
    if nodata is None and dtype == "float32":
        nodata = math.nan
    if not declared and dtype == "float32":
        notes.append(both("no nodata value is declared: every pixel that holds a number counts as valid."))
    elif not declared:
        notes.append(both("no nodata value is declared: all pixels count as valid."))
    return dtype, nodata


def saturation(planned: Plan, highest: float) -> float | None:
    """The value at which the sensor is full, where values are its raw counts of known depth.

    ``highest``: the largest value in the file; counts beyond the depth show that they are not raw.
    """
    known = sensors.PLATFORMS.get(planned.platform)
    raw = (planned.scale, planned.offset) == (1.0, 0.0) and planned.dtype != "float32"
    if known is None or known.bits is None or not raw:
        return None
    full = float(2**known.bits - 1)
    return full if 0.5 * full < highest <= full else None
