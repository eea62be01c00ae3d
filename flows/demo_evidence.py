"""Photos and papers of the demo: drawn, not taken; a JPEG tells place, direction and time as a phone's does."""

from __future__ import annotations

import io
import math
import random
import time
from datetime import datetime

import shapely
from PIL import Image, ImageDraw
from PIL.TiffImagePlugin import IFDRational
from shapely.geometry.base import BaseGeometry

from geodata.days import BEIJING

SIZE = (480, 360)
SKY, HILL = (178, 200, 214), (92, 118, 92)
EARTH = {"built": (176, 172, 164), "field": (120, 92, 62), "crop": (104, 134, 62), "water": (112, 130, 134)}
"""What the ground looks like in a photo."""


def stand(ground: BaseGeometry, n: int) -> tuple[float, float, float]:
    """(lon, lat, heading) of the n-th photo: from points inside the part, looking to its middle."""
    middle = ground.representative_point()
    edge = shapely.boundary(ground)
    corner = edge.interpolate((0.13 + 0.37 * n) % 1.0, normalized=True)
    place = shapely.Point(middle.x + 0.6 * (corner.x - middle.x), middle.y + 0.6 * (corner.y - middle.y))
    east = (middle.x - place.x) * math.cos(math.radians(middle.y))
    return place.x, place.y, math.degrees(math.atan2(east, middle.y - place.y)) % 360


def photo(looks: str, place: tuple[float, float, float], at: datetime, seed: str) -> bytes:
    """looks: one of ``EARTH``. place: lon, lat, true heading. The same arguments give the same bytes."""
    rng = random.Random(f"{seed}{at.isoformat()}")  # noqa: S311  drawing, no secret
    image = Image.new("RGB", SIZE, SKY)
    draw = ImageDraw.Draw(image)
    wide, high = SIZE
    horizon = int(high * 0.46)
    ridge = [
        (x, horizon - 18 - 26 * math.sin(x / 90 + rng.uniform(0, 2)) * rng.random()) for x in range(0, wide + 60, 60)
    ]
    draw.polygon([(0, horizon), *ridge, (wide, horizon)], fill=HILL)
    earth = EARTH[looks]
    draw.rectangle([0, horizon, wide, high], fill=earth)
    for row in range(14):
        y = horizon + (row / 13) ** 1.7 * (high - horizon)
        tone = rng.randint(-14, 14)
        line = tuple(max(0, min(255, c + tone)) for c in earth)
        draw.line([(0, y), (wide, y + rng.uniform(-5, 5))], fill=line, width=2 + row // 3)
    if looks == "built":
        left, top = wide * rng.uniform(0.18, 0.34), horizon - 46
        draw.rectangle([left, top, left + 190, horizon + 42], fill=(214, 214, 208))
        draw.polygon([(left - 10, top), (left + 95, top - 30), (left + 200, top)], fill=(52, 96, 170))
    for _ in range(220):
        x, y = rng.uniform(0, wide), rng.uniform(horizon, high)
        draw.point((x, y), fill=tuple(max(0, c - 24) for c in earth))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=72, exif=_exif(place, at).tobytes())
    return out.getvalue()


def _exif(place: tuple[float, float, float], at: datetime) -> Image.Exif:
    lon, lat, heading = place
    local = at.astimezone(BEIJING)
    found = Image.Exif()
    found[0x010F], found[0x0110] = "GengXun", "demo"
    camera = found.get_ifd(0x8769)
    camera[0x9003], camera[0x9011] = f"{local:%Y:%m:%d %H:%M:%S}", "+08:00"
    camera[0xA405] = 26  # mm, of a phone
    gps = found.get_ifd(0x8825)
    gps[1], gps[2], gps[3], gps[4] = "N", _dms(lat), "E", _dms(lon)
    gps[16], gps[17] = "T", IFDRational(round(heading * 100), 100)
    gps[18], gps[31] = "WGS-84", IFDRational(4, 1)
    return found


def _dms(degrees: float) -> tuple[IFDRational, IFDRational, IFDRational]:
    whole = int(degrees)
    minutes = int((degrees - whole) * 60)
    seconds = round(((degrees - whole) * 60 - minutes) * 60 * 100_000)
    return IFDRational(whole, 1), IFDRational(minutes, 1), IFDRational(seconds, 100_000)


def paper(number: str, title: str, at: datetime) -> bytes:
    """A PDF of one page; the typeface at hand has no Chinese, so that it names the type by its key."""
    page = Image.new("RGB", (595, 842), "white")
    draw = ImageDraw.Draw(page)
    local = at.astimezone(BEIJING)
    lines = ("GengXun demo: computed, not a real paper", title, number, f"{local:%Y-%m-%d}")
    for n, line in enumerate(lines):
        draw.text((60, 80 + 40 * n), line, fill="black")
    out = io.BytesIO()
    when = time.gmtime(at.timestamp())
    page.save(out, "PDF", creationDate=when, modDate=when)
    return out.getvalue()
