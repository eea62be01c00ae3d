"""Before and after image chips: small WEBP pictures of one place, encoded in memory.

Pixels come as uint8 RGB in EPSG:3857 (``geodata.rasterfile.crop``), so that Leaflet lays a chip
between its lon/lat bounds without a warp. Nothing is written here: ``publish`` writes the bytes.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from shapely.geometry.base import BaseGeometry

CHIP_BYTES = 60_000
THUMB_BYTES = 5_000
CHIP_PX = 640
THUMB_PX = (192, 144)
PIXELS = 48
"""Fewest pixels of a coarse scene along a chip's side."""
_RADIUS_M = 6_378_137.0
_PAPER = np.array([[160, 170, 160], [228, 233, 226]], np.uint8)
_QUALITIES = (82, 74, 66, 56, 46, 36, 26)

Bounds = tuple[float, float, float, float]
"""west, south, east, north in degrees."""


@dataclass(frozen=True)
class Chip:
    """One scene over one place, as two files of the site.

    href, thumb: relative to the site's root ("chips/….webp"). bounds: of both, (west, south, east, north)
    in degrees; the picture itself is in EPSG:3857.
    """

    href: str
    thumb: str
    bounds: Bounds


def encode(rgb: NDArray[np.uint8], limit: int = CHIP_BYTES) -> bytes:
    """A (y, x, 3) uint8 picture as WEBP of at most ``limit`` bytes.

    Quality goes down first, then size: noise at 0.2 m compresses badly and still has to fit.
    """
    image = _image(rgb)
    while True:
        for quality in _QUALITIES:
            data = _webp(image, quality)
            if len(data) <= limit:
                return data
        image = image.resize((max(1, image.width * 3 // 4), max(1, image.height * 3 // 4)), Image.Resampling.LANCZOS)


def thumbnail(rgb: NDArray[np.uint8], size: tuple[int, int] = THUMB_PX, limit: int = THUMB_BYTES) -> bytes:
    """The middle of a (y, x, 3) uint8 picture, filling ``size`` (width, height), as WEBP ≤ ``limit`` bytes."""
    image = _image(rgb)
    width, height = size
    across = min(image.width, image.height * width / height)
    up = across * height / width
    left, top = (image.width - across) / 2, (image.height - up) / 2
    box = (left, top, left + across, top + up)
    return encode(np.asarray(image.resize(size, Image.Resampling.LANCZOS, box=box)), limit)


def over_paper(rgb: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(y, x, 3) uint8 with the pixels not ``valid`` (y, x) as hatched paper: what was not seen must
    not look like black ground."""
    rows, columns = valid.shape
    y, x = np.ogrid[:rows, :columns]
    paper = np.where(((x + y) % 14 < 2)[..., None], _PAPER[0], _PAPER[1])
    return np.where(valid[..., None], rgb, paper).astype(np.uint8)


def frame(geometry: BaseGeometry, *, gsd_m: float = 0.0, at_least_m: float = 240.0, times: float = 3.2) -> Bounds:
    """The square of ground (true in EPSG:3857) to cut a chip from: ``times`` the patch's longer
    side and no less than ``at_least_m`` on the ground or ``PIXELS`` of ``gsd_m``, the patch in its middle.

    geometry: EPSG:4490 or WGS 84, degrees; the two differ by less than a pixel of any chip.
    gsd_m: of the coarser scene; 24 pixels of 10 m alone show no land around.
    """
    at_least_m = max(at_least_m, PIXELS * gsd_m)
    west, south, east, north = geometry.bounds
    x0, y0 = _mercator(west, south)
    x1, y1 = _mercator(east, north)
    stretch = 1 / math.cos(math.radians((south + north) / 2))  # Mercator metres a metre of ground
    half = max((x1 - x0) * times, (y1 - y0) * times, at_least_m * stretch) / 2
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    return (*_degrees(x - half, y - half), *_degrees(x + half, y + half))


def _image(rgb: NDArray[np.uint8]) -> Image.Image:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ValueError(f"a chip is (y, x, 3) uint8, not {rgb.shape} {rgb.dtype}")
    return Image.fromarray(np.ascontiguousarray(rgb))


def _webp(image: Image.Image, quality: int) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "WEBP", quality=quality, method=4)
    return stream.getvalue()


def _mercator(lon: float, lat: float) -> tuple[float, float]:
    return math.radians(lon) * _RADIUS_M, math.log(math.tan(math.pi / 4 + math.radians(lat) / 2)) * _RADIUS_M


def _degrees(x: float, y: float) -> tuple[float, float]:
    return math.degrees(x / _RADIUS_M), math.degrees(2 * math.atan(math.exp(y / _RADIUS_M)) - math.pi / 2)
