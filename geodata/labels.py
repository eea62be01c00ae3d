"""What the name and the tags of an image file say: platform, acquisition time, calibration.

Pure functions. A name that says two things gives both: the caller asks which holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone

from geodata.days import BEIJING
from geodata.sensors import BGRN, WFV8

# --- times -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class When:
    """An acquisition time. at: UTC. day_only: the time of day is not known (noon in Beijing is put).
    zone_assumed: a time without zone, read as Beijing time."""

    at: datetime
    day_only: bool = False
    zone_assumed: bool = False


_TIME = re.compile(
    r"^\s*(?P<y>(?:19|20)\d\d)[-/:.年]?(?P<m>\d{1,2})[-/:.月]?(?P<d>\d{1,2})日?"
    r"(?:[T _]*(?P<H>\d{2})[:时]?(?P<M>\d{2})(?:[:分]?(?P<S>\d{2}))?(?:\.\d+)?秒?)?"
    r"\s*(?P<zone>Z|UTC|[+-]\d{2}:?\d{2})?\s*$"
)


def parse_time(text: str, *, utc: bool = False) -> When | None:
    """A date or a date with time in the usual spellings; None where it is neither.

    utc: a time without zone is UTC (as in the names of Sentinel-2), else Beijing time.
    """
    found = _TIME.match(text)
    if not found:
        return None
    part = found.groupdict()
    try:
        day = date(int(part["y"]), int(part["m"]), int(part["d"]))
        if part["H"] is None:
            return When(datetime(day.year, day.month, day.day, 4, tzinfo=UTC), day_only=True)
        clock = datetime(day.year, day.month, day.day, int(part["H"]), int(part["M"]), int(part["S"] or 0))
    except ValueError:
        return None
    zone = part["zone"]
    if zone in ("Z", "UTC") or (zone is None and utc):
        return When(clock.replace(tzinfo=UTC))
    if zone:
        minutes = int(zone[1:3]) * 60 + int(zone[-2:])
        offset = timedelta(minutes=minutes if zone[0] == "+" else -minutes)
        return When(clock.replace(tzinfo=timezone(offset)).astimezone(UTC))
    return When(clock.replace(tzinfo=BEIJING).astimezone(UTC), zone_assumed=True)


# --- names of files and platforms ------------------------------------------------------------

_PLATFORM_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), name)
    for pattern, name in (
        (r"(?<![a-z0-9])sentinel[-_ ]?2[-_ ]?([a-d])?(?![a-z0-9])", "sentinel-2{0}"),
        (r"(?<![a-z0-9])S2([A-D])?(?=_MSI|[ _-]|$)", "sentinel-2{0}"),
        (r"(?<![a-z0-9])landsat[-_ ]?([4-9])(?![0-9])", "landsat-{0}"),
        (r"(?<![a-z0-9])L([4-9])[-_ ]?(?:ETM|TM|OLI)\+?(?![a-z])", "landsat-{0}"),
        (r"(?<![a-z0-9])L[CEOTM]0?([4-9])(?=_|\d{6}\d{7}|$)", "landsat-{0}"),
        (r"(?<![a-z0-9])GF[-_ ]?(1[BCD]?|2|6|7)(?![a-z0-9])", "gf-{0}"),
        (r"高分([一二六七])号", "gf-{0}"),
        (r"(?<![a-z0-9])ZY[-_]?3[-_]?0?([123])(?:a)?(?![0-9])", "zy3-0{0}"),
        (r"(?<![a-z0-9])ZY[-_]?3(?![0-9])", "zy3-01"),
        (r"(?<![a-z0-9])ZY[-_]?1[-_]?02([DE])(?![a-z0-9])", "zy1-02{0}"),
        (r"(?<![a-z0-9])ZY1E(?![a-z0-9])", "zy1-02d"),  # as its deliveries call it
        (r"(?<![a-z0-9])ZY1F(?![a-z0-9])", "zy1-02e"),
        (r"(?<![a-z0-9])SV[-_]?1(?:[-_]0\d)?(?![0-9])|superview[-_ ]?1|高景一号", "superview-1"),
        (r"(?<![a-z0-9])PlanetScope|(?<![a-z0-9])PSScene|(?<=_)3B_AnalyticMS", "planetscope"),
        (r"(?<![a-z0-9])sentinel[-_ ]?1[-_ ]?([a-d])?(?![a-z0-9])", "sentinel-1{0}"),
        (r"(?<![a-z0-9])S1([A-D])_(?=IW|EW|SM)", "sentinel-1{0}"),
        (r"(?<![a-z0-9])JL[-_]?1|jilin[-_ ]?1|吉林一号", "jilin-1"),
        (r"odm[_-]orthophoto|(?<![a-z])(?:drone|uav|dji)(?![a-z])|无人机|大疆", "drone"),
    )
)
_CHINESE_DIGITS = {"一": "1", "二": "2", "六": "6", "七": "7"}


def platform_in(text: str) -> str | None:
    """The platform that a file name or a tag names, or None."""
    for pattern, name in _PLATFORM_PATTERNS:
        if found := pattern.search(text):
            unit = (found.group(1) or "").lower() if pattern.groups else ""
            return name.format(_CHINESE_DIGITS.get(unit, unit))
    return None


@dataclass(frozen=True)
class NameFacts:
    """What a file name says. dates: more than one where it is ambiguous. bands: {band count: names}
    where an official product name fixes their order."""

    platform: str | None = None
    times: tuple[When, ...] = ()
    bands: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


_UTC_NAMES = (
    re.compile(r"S1[A-D]_[A-Z0-9]{2}_\w{4}_\w{4}_(\d{8}T\d{6})_", re.IGNORECASE),
    re.compile(r"S2[A-D]_MSIL\d[AC]_(\d{8}T\d{6})_", re.IGNORECASE),
    re.compile(r"(?<!\d)(\d{8}T\d{6})_\d{8}T\d{6}_T\d{2}[A-Z]{3}(?![A-Z])"),
    re.compile(r"(?<![A-Z0-9])T\d{2}[A-Z]{3}_(\d{8}T\d{6})(?!\d)"),
    re.compile(r"L[COTEM]\d{2}_L\w{3}_\d{6}_(\d{8})_\d{8}_"),
)
_LANDSAT_SCENE = re.compile(r"(?<![A-Z0-9])L[COTEM]0?[4-9]\d{6}((?:19|20)\d\d)(\d{3})(?!\d)")
_EARTH_ENGINE_S2 = re.compile(
    r"(?<!\d)\d{8}T\d{6}_\d{8}T\d{6}_T\d{2}[A-Z]{3}(?![A-Z])|(?<![A-Z0-9])T\d{2}[A-Z]{3}_\d{8}T"
)
_GF = re.compile(
    r"^(GF[0-9A-Z]+)_([A-Z]+\d?)_(?:[EW][\d.]+_[NS][\d.]+_)?(\d{8})_L1A\d+"
    r"(?:-(MSS|PAN|MUX|BWDMUX|BWDPAN|FWDPAN)(\d?))?",
    re.IGNORECASE,
)
_DATES = re.compile(
    r"(?<!\d)((?:19|20)\d{6}(?:T\d{6})?|(?:19|20)\d\d[-_.]\d\d[-_.]\d\d|(?:19|20)\d\d年\d{1,2}月\d{1,2}日)(?!\d)"
)


def facts_in_name(stem: str) -> NameFacts:
    """What the file name (without suffix) says of platform, time and band order."""
    platform = platform_in(stem)
    if platform is None and _EARTH_ENGINE_S2.search(stem):
        platform = "sentinel-2"
    for pattern in _UTC_NAMES:
        if (found := pattern.search(stem)) and (time := parse_time(found[1], utc=True)):
            return NameFacts(platform, (time,))
    if (found := _LANDSAT_SCENE.search(stem)) and 1 <= int(found[2]) <= 366:
        day = date(int(found[1]), 1, 1) + timedelta(days=int(found[2]) - 1)
        return NameFacts(platform, (When(datetime(day.year, day.month, day.day, 4, tzinfo=UTC), day_only=True),))
    if gf := _GF.match(stem):
        time = parse_time(gf[3])
        return NameFacts(platform, (time,) if time else (), _gf_bands(gf[1], gf[2], gf[4] or ""))
    times = [parse_time(re.sub(r"[-_.]", "-", text)) for text in _DATES.findall(stem)]
    distinct = {time.at.date(): time for time in times if time}
    return NameFacts(platform, tuple(distinct.values()))


def _gf_bands(satellite: str, sensor: str, product: str) -> dict[int, tuple[str, ...]]:
    if product.upper() in ("MSS", "MUX", "BWDMUX"):
        return {4: BGRN}
    if product.upper().endswith("PAN"):
        return {1: ("pan",)}
    if sensor.upper().startswith("WFV"):
        return {8: WFV8} if satellite.upper() == "GF6" else {4: BGRN}
    return {}


# --- tags ------------------------------------------------------------------------------------

PLATFORM_TAGS = ("PLATFORM", "SPACECRAFTID", "SPACECRAFTNAME", "SATELLITEID", "SATELLITE", "SENSOR", "MISSION")
DRONE_SOFTWARE = re.compile(r"pix4d|opendronemap|odm|metashape|photoscan|dji ?terra|大疆", re.IGNORECASE)
TIME_TAGS = {
    # tag: whether a time without zone is UTC
    "ACQUIRED": False,
    "ACQUISITIONDATETIME": False,
    "ACQUISITIONDATE": False,
    "ACQUISITIONTIME": False,
    "DATEACQUIRED": True,
    "PRODUCTSTARTTIME": True,
    "DATATAKE1DATATAKESENSINGSTART": True,
    "DATATAKESENSINGSTART": True,
    "SENSINGTIME": True,
    "SENSINGSTART": True,
    "RECEIVETIME": False,
    "STARTTIME": False,
    "IMAGEDATE": False,
    "DATETIME": False,
}
FILE_TIME_TAG = "TIFFTAGDATETIME"


def plain_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tag names in capitals without separators, so that ``acquisition_date`` = ``AcquisitionDate``."""
    return {re.sub(r"[\s_\-:.]+", "", str(k)).upper(): str(v).strip() for k, v in tags.items()}


def platform_in_tags(tags: Mapping[str, str]) -> str | None:
    """``tags``: of ``plain_tags``."""
    for name in PLATFORM_TAGS:
        if found := platform_in(tags.get(name, "")):
            return found
    software = " ".join(tags.get(name, "") for name in ("TIFFTAGSOFTWARE", "SOFTWARE"))
    return "drone" if DRONE_SOFTWARE.search(software) else None


def time_in_tags(tags: Mapping[str, str]) -> When | None:
    """``tags``: of ``plain_tags``. The file's own time stamp is not an acquisition time."""
    for name, utc in TIME_TAGS.items():
        if found := parse_time(tags.get(name, ""), utc=utc):
            return found
    milliseconds = tags.get("SYSTEMTIMESTART", "")
    if re.fullmatch(r"-?\d{9,14}", milliseconds):
        return When(datetime.fromtimestamp(int(milliseconds) / 1000, UTC))
    return None


def offset_taken_out(tags: Mapping[str, str]) -> bool | None:
    """Whether tags of Sentinel-2 say that a mirror took the offset out of the values (Earth Search, Earth Engine,
    Sentinel Hub); None where they do not say. tags: of ``plain_tags``."""
    for name, value in tags.items():
        if name.endswith(("BOAOFFSETAPPLIED", "HARMONIZEVALUES")):
            return value.lower() in ("true", "1", "yes")
    return True if any("_HARMONIZED" in value.upper() for value in tags.values()) else None


def calibration_in_tags(tags: Mapping[str, str]) -> tuple[float, float] | None:
    """(scale, offset) by which a Sentinel-2 product's own metadata turns DN into reflectance.

    reflectance = (DN + BOA_ADD_OFFSET) / QUANTIFICATION_VALUE; only where both stand in the tags. An offset that the
    tags say is taken out already (``offset_taken_out``) is not applied again.
    """
    quantification = next((tags[k] for k in ("BOAQUANTIFICATIONVALUE", "QUANTIFICATIONVALUE") if k in tags), None)
    add = next((v for k, v in sorted(tags.items()) if k.startswith("BOAADDOFFSET")), None)
    try:
        offset = 0.0 if offset_taken_out(tags) else float(add) if add else None
        return (
            (1 / float(quantification), offset / float(quantification))
            if quantification and offset is not None
            else None
        )
    except (ValueError, ZeroDivisionError):
        return None
