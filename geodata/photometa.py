"""What a photo says about itself: EXIF and XMP fields turned into time, place and direction.

Values in, values out; ``geodata.photofile`` opens the files. A field that is absent, empty or
nonsense (a zero denominator, the day 0000:00:00, the place 0, 0) is None, never a guess.
Tags: Exif 2.32 (CIPA DC-008), DJI's drone-dji and Pix4D's camera namespaces of XMP.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

DJI = "http://www.dji.com/drone-dji/1.0"
PIX4D = "http://pix4d.com/camera/1.0"
XAP = "http://ns.adobe.com/xap/1.0"
HISTORY = "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
META = "adobe:ns:meta"
FLIR = "http://ns.flir.com/xmp/1.0"

RTK = {"0": "none", "16": "single", "34": "float", "50": "fixed"}
DIAGONAL_35MM = 43.27
"""Diagonal of the 36 × 24 mm frame, to which FocalLengthIn35mmFilm refers."""
WIDEST_SENSOR = 1.55
"""Sides of a sensor: 4:3 or 3:2. A wider picture (16:9 of drones and phones) was cut from 4:3 at its full width and
the 35 mm value goes on speaking of the whole sensor."""
THERMAL = re.compile(r"\bflir\b|thermal|infrared|zenmuse ?xt", re.IGNORECASE)
"""Cameras that see heat, by model or by DJI's ImageSource."""
HEAT_AND_LIGHT = re.compile(
    r"\b(Z?H[23]0(N?T)|M30T|M[34]E?T|M3TD|M4TD|MAVIC2-ENTERPRISE-ADVANCED|M2EA)\b", re.IGNORECASE
)
"""Models that see both and call both by one name: the pictures of heat are those of 5:4 (640 × 512, 1280 × 1024)."""
FIRST_YEAR = 2000
"""A clock that says less was never set."""
EDITORS = re.compile(
    r"photoshop|lightroom|gimp|snapseed|picasa|meitu|美图|醒图|xingtu|paint|photo ?viewer|windows photo|photos? editor"
    r"|acdsee|faststone|canva\b|pixlr|affinity|photoscape|xnview|irfanview|imagemagick|vsco|picsart|exiftool|wechat"
    r"|capture one|darktable|rawtherapee",
    re.IGNORECASE,
)
"""Programs that change pictures or their fields; firmware writes its version into the same tag."""


@dataclass(frozen=True)
class Photo:
    """One photo. Angles in degrees, heading clockwise from north; lon, lat as written: WGS 84,
    which agrees with EPSG:4490 within a metre. taken_at, gps_at: UTC.

    time_source: "zone" (the clock's offset is written), "gps" (zone told by the time of GPS),
    "assumed" (a zone was assumed), "" (no time). heading_source: "exif", "gimbal", "flight", "".
    heading_north: "true", "magnetic", "" (not said). pitch_deg: −90 looks straight down.
    height_m: above take-off. roll_deg: of the camera about its line of sight, clockwise. body_yaw_deg: where the
    nose of the aircraft points. focal_px: focal length in pixels of the picture as it lies in the file; focal_source:
    "calibrated", "sensor" (millimetres and pixels a millimetre), "35mm", "". centre_px: principal point from the
    picture's upper left corner; None = its middle. thermal: a camera that sees heat.
    fov_deg: horizontal field of view. clock_gap_s: the camera's clock
    minus the time of GPS. rtk: "fixed", "float", "single", "none" or the receiver's number.
    edited_with: the program that wrote the file anew ("": one that gives no name). taken_px: size
    in pixels as the camera took it, where the picture now has another. metadata: "none", "exif",
    "xmp", "exif+xmp". problems: keys of ``photofile.PROBLEMS``.
    """

    media_type: str
    width_px: int | None = None
    height_px: int | None = None
    taken_at: datetime | None = None
    time_source: str = ""
    gps_at: datetime | None = None
    clock_gap_s: float | None = None
    lon: float | None = None
    lat: float | None = None
    accuracy_m: float | None = None
    position_method: str = ""
    datum: str = ""
    heading_deg: float | None = None
    heading_source: str = ""
    heading_north: str = ""
    pitch_deg: float | None = None
    height_m: float | None = None
    roll_deg: float | None = None
    body_yaw_deg: float | None = None
    focal_px: float | None = None
    focal_source: str = ""
    centre_px: tuple[float, float] | None = None
    thermal: bool = False
    fov_deg: float | None = None
    rtk: str | None = None
    camera: str | None = None
    edited_with: str | None = None
    taken_px: tuple[int, int] | None = None
    metadata: str = "none"
    problems: tuple[str, ...] = ()


Fields = Mapping[str, Any]
"""EXIF tags by name: str, int, float (NaN for a zero denominator), or a list of them."""
Xmp = Mapping[tuple[str, str], str]
"""{(namespace without its last stroke, local name): text}."""


def photo_of(media: str, size: tuple[int, int] | None, exif: Fields, gps: Fields, xmp: Xmp, offset_h: float) -> Photo:
    """The photo that these fields describe.

    size: (width, height) of the pixels as they lie in the file. offset_h: hours east of Greenwich
    for a clock that names no zone.
    """
    found = Photo(media, *(size or (None, None)))
    said = [name for name, fields in (("exif", {**exif, **gps}), ("xmp", xmp)) if fields]
    found = replace(found, metadata="+".join(said) or "none", camera=_camera(exif))
    for part in (_time(exif, gps, offset_h), _place(gps, xmp), _direction(gps, xmp), _edited(exif, xmp, size)):
        problems = (*found.problems, *part.pop("problems", ()))
        found = replace(found, **part, problems=problems)
    focal, source = _focal(exif, xmp, size)
    return replace(
        found,
        focal_px=focal,
        focal_source=source,
        centre_px=_centre(exif, xmp, size),
        fov_deg=_field_of_view(exif, focal, size),
        thermal=_thermal(exif, xmp, size),
    )


def _camera(exif: Fields) -> str | None:
    make, model = _text(exif.get("Make")), _text(exif.get("Model"))
    named = model if model.lower().startswith(make.lower()) else f"{make} {model}"
    return named.strip() or None


# -- time


def _time(exif: Fields, gps: Fields, offset_h: float) -> dict[str, Any]:
    """DateTimeOriginal with its zone: the written one; else the one in which it agrees with the
    time of GPS to five minutes; else the assumed one. The time of GPS alone stands for itself."""
    gps_at = _gps_time(gps)
    written = exif.get("DateTimeOriginal") or exif.get("DateTimeDigitized")
    clock = _clock(written)
    if clock is None:
        unset = ("clock_unset",) if written else ()
        return {"taken_at": gps_at, "time_source": "gps" if gps_at else "", "gps_at": gps_at, "problems": unset}
    zone, source = _zone(exif.get("OffsetTimeOriginal") or exif.get("OffsetTime")), "zone"
    if zone is None and gps_at:
        quarters = (clock.replace(tzinfo=UTC) - gps_at) / timedelta(minutes=15)
        near = timedelta(minutes=15) * round(quarters)
        if abs(quarters - round(quarters)) <= 1 / 3 and timedelta(hours=-12) <= near <= timedelta(hours=14):
            zone, source = timezone(near), "gps"
    if zone is None:
        zone, source = timezone(timedelta(hours=offset_h)), "assumed"
    taken_at = clock.replace(tzinfo=zone).astimezone(UTC)
    gap = (taken_at - gps_at).total_seconds() if gps_at else None
    return {"taken_at": taken_at, "time_source": source, "gps_at": gps_at, "clock_gap_s": gap}


def _clock(value: Any) -> datetime | None:
    match = re.fullmatch(r"(\d{4})[:\-](\d\d)[:\-](\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.\d+)?", _text(value))
    if not match or int(match[1]) < FIRST_YEAR:
        return None
    try:
        return datetime(*(int(group) for group in match.groups()))  # type: ignore[arg-type]
    except ValueError:
        return None


def _zone(value: Any) -> timezone | None:
    match = re.fullmatch(r"([+-])(\d\d):?(\d\d)", _text(value))
    if _text(value) == "Z":
        return UTC
    if not match or int(match[2]) > 14 or int(match[3]) > 59:
        return None
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-offset if match[1] == "-" else offset)


def _gps_time(gps: Fields) -> datetime | None:
    numbers = _numbers(gps.get("GPSTimeStamp"), 3)
    if numbers is None or not (0 <= numbers[0] < 24 and 0 <= numbers[1] < 60 and 0 <= numbers[2] < 61):
        return None
    day = _clock(f"{_text(gps.get('GPSDateStamp'))} 00:00:00")
    return (
        None
        if day is None
        else day.replace(tzinfo=UTC) + timedelta(hours=numbers[0], minutes=numbers[1], seconds=round(numbers[2], 3))
    )


# -- place


def _place(gps: Fields, xmp: Xmp) -> dict[str, Any]:
    lat = _degrees(gps.get("GPSLatitude"), gps.get("GPSLatitudeRef"), "NS", 90)
    lon = _degrees(gps.get("GPSLongitude"), gps.get("GPSLongitudeRef"), "EW", 180)
    claimed = "GPSLatitude" in gps or "GPSLongitude" in gps
    if lat is None or lon is None:
        lat = _bounded(xmp.get((DJI, "GpsLatitude")), 90)
        # Old firmware wrote the name with a slip of the pen.
        lon = _bounded(xmp.get((DJI, "GpsLongitude"), xmp.get((DJI, "GpsLongtitude"))), 180)
        claimed |= (DJI, "GpsLatitude") in xmp
    rtk = xmp.get((DJI, "RtkFlag"))
    found: dict[str, Any] = {
        "rtk": None if rtk is None else RTK.get(rtk.strip(), rtk.strip()),
        "height_m": _number(xmp.get((DJI, "RelativeAltitude"))),
        "position_method": _method(gps.get("GPSProcessingMethod")),
        "datum": _text(gps.get("GPSMapDatum")),
    }
    void = _text(gps.get("GPSStatus")) == "V" or xmp.get((DJI, "GpsStatus"), "").strip().lower() == "invalid"
    if lat is None or lon is None or (lat == 0 and lon == 0) or void:
        return {**found, "problems": ("position_void" if void else "position_unusable",)} if claimed or void else found
    return {**found, "lon": lon, "lat": lat, "accuracy_m": _accuracy(gps, xmp)}


def _accuracy(gps: Fields, xmp: Xmp) -> float | None:
    stated = _number(gps.get("GPSHPositioningError"))
    if stated is None:
        stated = _number(xmp.get((PIX4D, "GPSXYAccuracy")))
    if stated is None:
        deviations = [_number(xmp.get((DJI, name))) for name in ("RtkStdLon", "RtkStdLat")]
        if None not in deviations:
            stated = math.hypot(*(d for d in deviations if d is not None))
    return stated if stated is not None and stated > 0 else None


def _degrees(value: Any, hemisphere: Any, letters: str, limit: float) -> float | None:
    """Degrees, minutes, seconds with their hemisphere; without a hemisphere the sign is unknown."""
    letter = _text(hemisphere).upper()[:1]
    parts = _numbers(value)
    if not parts or letter not in tuple(letters) or any(p < 0 for p in parts) or len(parts) > 3:
        return None
    degrees = sum(part / 60**i for i, part in enumerate(parts))
    return (-degrees if letter == letters[1] else degrees) if degrees <= limit else None


def _method(value: Any) -> str:
    """GPS, CELLID, WLAN, MANUAL, …: after the eight bytes that name the character set."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value if isinstance(value, str) else ""
    return re.sub(r"^(ASCII|UNICODE|JIS)\0*", "", text).replace("\0", "").strip().upper()


# -- direction


def _direction(gps: Fields, xmp: Xmp) -> dict[str, Any]:
    """A drone's gimbal before EXIF: on drones GPSImgDirection may be that of the body. Course over
    ground (GPSTrack) is no direction of view."""
    yaw, pitch = xmp.get((PIX4D, "Yaw")), _number(xmp.get((PIX4D, "Pitch")))
    roll, body = (_number(xmp.get((DJI, name))) for name in ("GimbalRollDegree", "FlightYawDegree"))
    if roll is None and pitch is not None:
        roll = _number(xmp.get((PIX4D, "Roll")))
    for number, source, north, tilt in (
        (_number(xmp.get((DJI, "GimbalYawDegree"))), "gimbal", "true", _number(xmp.get((DJI, "GimbalPitchDegree")))),
        (_number(yaw), "gimbal", "true", None if pitch is None else pitch - 90),  # of a camera mounted to look down
        (_number(gps.get("GPSImgDirection")), "exif", _north(gps), None),
        (_number(xmp.get((DJI, "FlightYawDegree"))), "flight", "true", _number(xmp.get((DJI, "GimbalPitchDegree")))),
    ):
        if number is not None and -360 <= number <= 360:
            return {
                "heading_deg": round(number % 360, 6) % 360,
                "heading_source": source,
                "heading_north": north,
                "pitch_deg": tilt,
                "roll_deg": roll,
                "body_yaw_deg": body,
            }
    return {"pitch_deg": _number(xmp.get((DJI, "GimbalPitchDegree"))), "roll_deg": roll, "body_yaw_deg": body}


def _north(gps: Fields) -> str:
    return {"T": "true", "M": "magnetic"}.get(_text(gps.get("GPSImgDirectionRef")).upper()[:1], "")


def _focal(exif: Fields, xmp: Xmp, size: tuple[int, int] | None) -> tuple[float | None, str]:
    """(focal length in pixels of the picture as it lies in the file, where it is from): the calibrated one; else
    millimetres and the sensor's pixels a millimetre; else the 35 mm one, which is taken over the diagonal."""
    if not size or min(size) <= 0:
        return None, ""
    scale = size[0] / max(_number(exif.get("ExifImageWidth")) or size[0], 1.0)
    calibrated = _number(xmp.get((DJI, "CalibratedFocalLength")))
    if calibrated and calibrated > 0:
        return calibrated * scale, "calibrated"
    film, focal_mm = _number(exif.get("FocalLengthIn35mmFilm")), _number(exif.get("FocalLength"))
    per_mm = _per_mm(exif)
    if focal_mm and per_mm and focal_mm * per_mm > 0:
        return focal_mm * per_mm * scale, "sensor"
    if film and film > 0:
        long, short = max(size), min(size)
        whole = math.hypot(long, long * 0.75 if long / short > WIDEST_SENSOR else short)
        return film / DIAGONAL_35MM * whole, "35mm"
    return None, ""


def _per_mm(exif: Fields) -> float | None:
    """Pixels a millimetre on the sensor."""
    per_unit = _number(exif.get("FocalPlaneXResolution"))
    unit_mm = {2: 25.4, 3: 10.0, 4: 1.0}.get(int(_number(exif.get("FocalPlaneResolutionUnit")) or 0))
    return per_unit / unit_mm if per_unit and unit_mm else None


def _centre(exif: Fields, xmp: Xmp, size: tuple[int, int] | None) -> tuple[float, float] | None:
    """The calibrated principal point, where it lies in the middle tenth of the picture: all else is of another size."""
    x, y = (_number(xmp.get((DJI, f"CalibratedOpticalCenter{axis}"))) for axis in "XY")
    if not size or x is None or y is None:
        return None
    scale = size[0] / max(_number(exif.get("ExifImageWidth")) or size[0], 1.0)
    x, y = x * scale, y * scale
    near = abs(x / size[0] - 0.5) <= 0.05 and abs(y / size[1] - 0.5) <= 0.05
    return (round(x, 2), round(y, 2)) if near else None


def _field_of_view(exif: Fields, focal_px: float | None, size: tuple[int, int] | None) -> float | None:
    """Horizontal field of view, degrees, of the picture as it is looked at."""
    if not size or not focal_px or focal_px <= 0:
        return None
    upright = _number(exif.get("Orientation")) in (5, 6, 7, 8)
    angle = 2 * math.degrees(math.atan(size[1 if upright else 0] / (2 * focal_px)))
    return round(angle, 2) if 1 <= angle <= 170 else None


def _thermal(exif: Fields, xmp: Xmp, size: tuple[int, int] | None) -> bool:
    model = f"{_text(exif.get('Make'))} {_text(exif.get('Model'))}"
    if THERMAL.search(f"{model} {xmp.get((DJI, 'ImageSource'), '')}") or any(space == FLIR for space, _ in xmp):
        return True
    return bool(HEAT_AND_LIGHT.search(model)) and size is not None and max(size) * 4 == min(size) * 5


# -- what was done to the file


def _edited(exif: Fields, xmp: Xmp, size: tuple[int, int] | None) -> dict[str, Any]:
    """edited_with: an editor by its name; else a file written more than a minute after the shutter."""
    names = [_text(exif.get(tag)) for tag in ("Software", "ProcessingSoftware")]
    names += [xmp.get(key, "").strip() for key in ((XAP, "CreatorTool"), (HISTORY, "softwareAgent"), (META, "xmptk"))]
    found: dict[str, Any] = {"edited_with": next((name for name in names if EDITORS.search(name)), None)}
    shutter, written = _clock(exif.get("DateTimeOriginal")), _clock(exif.get("DateTime"))
    if found["edited_with"] is None and shutter and written and written - shutter > timedelta(minutes=1):
        found["edited_with"] = names[0]
    taken = [_number(exif.get(name)) for name in ("ExifImageWidth", "ExifImageHeight")]
    if size and all(taken):
        was, now = sorted(int(t or 0) for t in taken), sorted(size)
        if any(abs(a - b) > 0.02 * max(a, b) for a, b in zip(was, now, strict=True)):
            found["taken_px"] = (int(taken[0] or 0), int(taken[1] or 0))
    return found


# -- numbers and texts as files have them


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value.split("\0")[0].strip() if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _numbers(value: Any, count: int | None = None) -> list[float] | None:
    values = value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]
    numbers = [_number(v) for v in values]
    if None in numbers or (count is not None and len(numbers) != count):
        return None
    return [n for n in numbers if n is not None]


def _bounded(value: Any, limit: float) -> float | None:
    number = _number(value)
    return number if number is not None and abs(number) <= limit else None
