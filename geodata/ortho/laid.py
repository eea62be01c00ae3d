"""An image that only its RPC tie to the ground, read on a grid of the ground (``scene.Pixels``).

For every pixel of a window the height is taken from the terrain; the RPC are asked at nodes on three
levels of height, between which the position is straight across the grid and quadratic in height (of a
satellite both to better than 1/100 pixel); there the image is read by cubic convolution, where it is
finer than the grid as means. Never more than a window is held.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyproj
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geodata import grids, resample
from geodata.filepixels import FilePixels
from geodata.ortho.camera import F64, Camera
from geodata.ortho.terrain import F32, Terrain
from geodata.scene import ROI, Raster

GROUND = "EPSG:4326"
EVERY = 8
"""Pixels of a window between which it is looked how far apart the image shows them."""


class Laid:
    """``pixels``: the image on its own rows and columns; ``geobox``: where it is looked at."""

    quality_codes = None
    saturation = None

    def __init__(self, pixels: FilePixels, camera: Camera, terrain: Terrain, geobox: GeoBox) -> None:
        self.pixels, self.camera, self.terrain, self.geobox = pixels, camera, terrain, geobox
        self.bands = pixels.bands
        self._scaled: dict[int, FilePixels] = {1: pixels}

    def onto(self, geobox: GeoBox, camera: Camera | None = None) -> Laid:
        """The same image on another grid, or seen by another camera."""
        other = Laid(self.pixels, camera or self.camera, self.terrain, geobox)
        other._scaled = self._scaled
        return other

    def read(self, roi: ROI) -> Raster:
        """The window ``roi``: not valid outside the image and where the terrain is not known."""
        target = self.geobox[roi]
        heights, known = self.terrain.heights(target)
        if not known.any():
            return self._nothing(target)
        where = self.where(target, heights, known)
        area, factor = grids.around(where[0][known], where[1][known], _coarser(*where), self.pixels.geobox.shape.yx)
        if area is None:
            return self._nothing(target)
        pixels = self._at(factor)
        rows, columns = (
            slice(first // factor, min(-(-last // factor), limit))
            for first, last, limit in zip(area[0::2], area[1::2], pixels.geobox.shape, strict=True)
        )
        raw = pixels.read((rows, columns))
        x, y = ((at - start) / factor - 0.5 for at, start in zip(where, (area[2], area[0]), strict=True))
        values, valid = resample.remapped(raw.values, raw.valid, x.astype(np.float32), y.astype(np.float32))
        valid &= known
        values[:, ~valid] = 0
        return Raster(values, valid, None, target, self.bands)

    def where(self, target: GeoBox, heights: F32, known: NDArray[np.bool_]) -> tuple[F64, F64]:
        """(x, y), each (rows, columns): where the image shows the pixels of ``target``."""
        rows, columns = target.shape
        (ys, weight_y), (xs, weight_x) = resample.nodes(rows), resample.nodes(columns)
        east, north = resample.apply(target.affine, *np.meshgrid(xs + 0.5, ys + 0.5))
        lon, lat = to_ground(str(target.crs)).transform(east, north)
        low, high = float(heights[known].min()), float(heights[known].max())
        if high - low < 0.01:
            return self._nodes(lon, lat, (low + high) / 2, weight_x, weight_y)
        under, mid, over = (self._nodes(lon, lat, h, weight_x, weight_y) for h in (low, (low + high) / 2, high))
        t = 2 * (np.clip(heights, low, high) - low) / (high - low) - 1  # -1, 0, 1 on the three levels
        a, b, c = t * (t - 1) / 2, 1 - t**2, t * (t + 1) / 2
        return a * under[0] + b * mid[0] + c * over[0], a * under[1] + b * mid[1] + c * over[1]

    def _nodes(self, lon: F64, lat: F64, height: float, weight_x: F32, weight_y: F32) -> tuple[F64, F64]:
        x, y = self.camera.seen(lon, lat, height)
        return weight_y @ x @ weight_x.T, weight_y @ y @ weight_x.T

    def _nothing(self, target: GeoBox) -> Raster:
        shape = target.shape
        return Raster(np.zeros((len(self.bands), *shape), np.float32), np.zeros(shape, bool), None, target, self.bands)

    def _at(self, factor: int) -> FilePixels:
        if factor not in self._scaled:
            self._scaled[factor] = self.pixels.onto(self.pixels.geobox.zoom_out(factor))
        return self._scaled[factor]


def _coarser(x: F64, y: F64) -> int:
    """How often smaller the image may be read where a window shows it at x, y (the narrower way)."""
    every = (slice(None, None, EVERY), slice(None, None, EVERY))
    steps = [np.hypot(np.diff(x[every], axis=axis), np.diff(y[every], axis=axis)) / EVERY for axis in (0, 1)]
    return max(1, int(min((float(np.median(step)) for step in steps if step.size), default=1.0) + 1e-2))


@lru_cache(maxsize=16)
def to_ground(crs: str) -> pyproj.Transformer:
    """From a grid to longitude and latitude. CGCS2000 is taken for WGS 84: they agree to centimetres."""
    return pyproj.Transformer.from_crs(crs, GROUND, always_xy=True)
