"""[io] Web tiles of a scene: 256 × 256 pixels in EPSG:3857, read by windows and overviews.

One stretch a scene, from the whole of it, so that neighbouring tiles look alike at every zoom.
"""

from __future__ import annotations

import math

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geodata.chips import NATURAL, RADIUS_M, WEB, crop, stretched
from geodata.filepixels import FilePixels

TILE_PX = 256
DEEPEST = 22
LOOK_PX = 512
"""Longer side of the picture of the whole scene that tells the stretch."""
_HALF_M = math.pi * RADIUS_M

Bounds = tuple[float, float, float, float]


def exists(z: int, x: int, y: int) -> bool:
    return 0 <= z <= DEEPEST and 0 <= x < 1 << z and 0 <= y < 1 << z


def grid(z: int, x: int, y: int) -> GeoBox:
    """The EPSG:3857 grid of a tile (XYZ: y counts from the north)."""
    side = 2 * _HALF_M / (1 << z)
    pixel = side / TILE_PX
    return GeoBox((TILE_PX, TILE_PX), Affine(pixel, 0, -_HALF_M + x * side, 0, -pixel, _HALF_M - y * side), WEB)


def deepest(gsd_m: float, lat: float) -> int:
    """The first zoom whose pixels are as small as those of an image; beyond it nothing more is to be seen."""
    world_m = 2 * _HALF_M * math.cos(math.radians(lat))
    return max(0, min(DEEPEST, math.ceil(math.log2(world_m / TILE_PX / gsd_m))))


def bounds(z: int, x: int, y: int) -> Bounds:
    """(west, south, east, north) in degrees."""

    def lat(row: int) -> float:
        return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * row / (1 << z)))))

    return 360 * x / (1 << z) - 180, lat(y + 1), 360 * (x + 1) / (1 << z) - 180, lat(y)


def look(pixels: FilePixels, footprint: Bounds) -> NDArray[np.float64]:
    """The stretch (band, 2) of a scene by its whole; footprint: its bounds in degrees."""
    return crop(pixels, footprint, LOOK_PX).stretch


def tile(pixels: FilePixels, z: int, x: int, y: int, stretch: NDArray[np.float64]) -> NDArray[np.uint8] | None:
    """(y, x, 4) uint8 RGBA, transparent where nothing was seen; None where that is everywhere.

    stretch: of ``look``. Raises: UnreadableFile where the file is damaged.
    """
    names = (
        NATURAL
        if set(NATURAL) <= set(pixels.bands)
        else pixels.bands[:3]
        if len(pixels.bands) > 2
        else pixels.bands[:1]
    )
    raster = pixels.onto(grid(z, x, y), bands=names).read((slice(0, TILE_PX), slice(0, TILE_PX)))
    if not raster.valid.any():
        return None
    return np.dstack([stretched(raster, stretch), np.where(raster.valid, np.uint8(255), np.uint8(0))])
