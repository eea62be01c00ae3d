"""What a photo says about itself: EXIF and XMP fields turned into time, place and direction.

Values in, values out; ``geodata.photofile`` opens the files. A field that is absent, empty or
nonsense (a zero denominator, the day 0000:00:00, the place 0, 0) is None, never a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Photo:
    """One photo. Angles in degrees, heading clockwise from north; lon, lat as written: WGS 84,
    which agrees with EPSG:4490 within a metre. taken_at, gps_at: UTC.

    time_source: "zone" (the clock's offset is written), "gps" (zone told by the time of GPS),
    "assumed" (``assumed_zone`` was taken), "" (no time). heading_source: "exif", "gimbal",
    "flight", "". heading_north: "true", "magnetic", "" (not said). pitch_deg: −90 looks straight
    down. height_m: above take-off. fov_deg: horizontal field of view. rtk: "fixed", "float",
    "single", "none" or the receiver's number. edited_with: the program that wrote it anew.
    metadata: "none", "exif", "xmp", "exif+xmp". problems: keys of ``photofile.PROBLEMS``.
    """

    media_type: str
    width_px: int | None = None
    height_px: int | None = None
    taken_at: datetime | None = None
    time_source: str = ""
    gps_at: datetime | None = None
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
    fov_deg: float | None = None
    rtk: str | None = None
    camera: str | None = None
    edited_with: str | None = None
    metadata: str = "none"
    problems: tuple[str, ...] = ()
