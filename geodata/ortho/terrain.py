"""Heights above the ellipsoid from the office's own elevation model.

Heights are read by windows, between posts straight (bilinear). A model says heights above the
geoid (orthometric, as 1985 国家高程基准) or above the ellipsoid; its file does not say which, so
that it is said by who names it: ellipsoidal = orthometric + the geoid's height at the place.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy.ndimage import map_coordinates

from geodata import grids, resample
from geodata.errors import CRSMissing, InputError
from geodata.filepixels import FilePixels
from geodata.ortho import ELLIPSOIDAL, Dem

F32 = NDArray[np.float32]
LIMITS_M = (-1000.0, 9500.0)
"""Heights beyond them are holes of the model that it does not declare."""
SAMPLES = 64
"""Rows and columns at which the range of heights of a whole scene is looked at."""


class Terrain:
    """The model ``dem``. Raises: UnreadableFile, CRSMissing, InputError."""

    def __init__(self, dem: Dem) -> None:
        self.path = Path(dem.path)
        self._pixels = FilePixels(dem.path)
        if len(self._pixels.bands) != 1:
            raise InputError(
                "{path}: has {count} bands; an elevation model has one, name another with --dem.",
                path=dem.path,
                count=len(self._pixels.bands),
            )
        if self._pixels.geobox.crs is None:
            raise CRSMissing("{path}: does not say where it lies; name an elevation model that does.", path=dem.path)
        self._above = 0.0 if dem.heights == ELLIPSOIDAL else float(dem.geoid_m)
        self._scaled: dict[int, FilePixels] = {1: self._pixels}

    def heights(self, target: GeoBox) -> tuple[F32, NDArray[np.bool_]]:
        """(y, x) metres above the ellipsoid at the pixels of ``target``, and where they are known."""
        where = resample.positions(self._pixels.geobox, target)
        area, factor = grids.needed(where, self._pixels.geobox.shape.yx)
        if area is None:
            return np.zeros(target.shape, np.float32), np.zeros(target.shape, bool)
        pixels = self._at(factor)
        window = tuple(
            slice(low // factor, min(high // factor, size))
            for low, high, size in zip(area[0::2], area[1::2], pixels.geobox.shape, strict=True)
        )
        posts = pixels.read((window[0], window[1]))
        x, y = where.within(area[2], area[0], factor)
        at = np.stack([y, x])
        rows, columns = posts.valid.shape
        there = posts.valid & (posts.values[0] > LIMITS_M[0]) & (posts.values[0] < LIMITS_M[1])
        known = (x >= 0) & (y >= 0) & (x <= columns - 1) & (y <= rows - 1)
        if not there.all():
            known &= map_coordinates(there.astype(np.float32), at, order=1) > 0.999
        filled = resample.fill_holes(posts.values, there)[0]
        return map_coordinates(filled, at, order=1, mode="nearest") + np.float32(self._above), known

    def _at(self, factor: int) -> FilePixels:
        """The model, its posts ``factor`` times further apart (means)."""
        if factor not in self._scaled:
            self._scaled[factor] = self._pixels.onto(self._pixels.geobox.zoom_out(factor))
        return self._scaled[factor]

    def range(self, area: GeoBox) -> tuple[float, float] | None:
        """(lowest, highest) ground of an area, from some places; None where nothing is known."""
        heights, known = self.heights(area.zoom_to((SAMPLES, SAMPLES)))
        if not known.any():
            return None
        return float(heights[known].min()), float(heights[known].max())

    def close(self) -> None:
        self._pixels.close()
