"""[io] How much higher than a take-off point the ground lies, by a terrain model; read in a child process.

Only differences are used, so that it does not matter what the model's heights are above.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geodata import safe
from geodata.crs import GEOGRAPHIC
from geodata.drone import Ground, lonlat
from geodata.errors import InputError, NoOverlap

AROUND_M = 800.0
"""Beyond the positions that is read too: as far as a footprint reaches from 120 m."""
STEP_DEG, MOST = 1e-4, 1000
"""Distance of the heights that are kept (about 10 m), and how many rows and columns of them at most."""
LIMITS = safe.Limits(cpu_s=120, wall_s=240, memory_bytes=3 * 1024**3)


def above(path: str | os.PathLike[str], takeoff: tuple[float, float], places: Sequence[tuple[float, float]]) -> Ground:
    """Around (lon, lat) ``places``: the ground's height above that of ``takeoff``.

    Raises: UnreadableFile, CRSMissing; InputError where the model has no height at the take-off point; NoOverlap where
    it has none at any of the places.
    """
    west, north, step, heights = _read(path, [takeoff, *places])

    def at(lon: float, lat: float) -> float | None:
        column, row = int((lon - west) / step), int((north - lat) / step)
        inside = 0 <= row < heights.shape[0] and 0 <= column < heights.shape[1]
        value = float(heights[row, column]) if inside else float("nan")
        return value if np.isfinite(value) else None

    base = at(*takeoff)
    if base is None:
        raise InputError(
            "{path}: the terrain model has no height at the take-off point {lon},{lat}; give another of the two.",
            path=path,
            lon=takeoff[0],
            lat=takeoff[1],
        )
    if places and all(at(lon, lat) is None for lon, lat in places):
        raise NoOverlap("{path}: the terrain model has no height where the photos were taken.", path=path)

    def lift(lon: float, lat: float) -> float | None:
        value = at(lon, lat)
        return None if value is None else value - base

    return lift


def _read(
    path: str | os.PathLike[str], places: Sequence[tuple[float, float]]
) -> tuple[float, float, float, NDArray[Any]]:
    """(west, north, step in degrees, heights with NaN where not known) of the box around the places."""
    west, south, east, north = shapely.MultiPoint(list(places)).bounds
    (west, south), (east, north) = (
        lonlat(lon, lat, np.array([[sign * AROUND_M, sign * AROUND_M]]))[0]
        for lon, lat, sign in ((west, south, -1), (east, north, 1))
    )
    step = max(STEP_DEG, (east - west) / MOST, (north - south) / MOST)
    rows, columns = (int(np.ceil(side / step)) for side in (north - south, east - west))
    told = safe.in_child("geodata.relief:read_here", str(path), west, north, step, rows, columns,
                         about=path, limits=LIMITS)  # fmt: skip
    return float(west), float(north), float(step), told


def read_here(path: str, west: float, north: float, step: float, rows: int, columns: int) -> NDArray[np.float32]:
    """For the child: (rows, columns) heights from the north-west corner on."""
    from geodata.ortho import ELLIPSOIDAL, Dem
    from geodata.ortho.terrain import Terrain

    terrain = Terrain(Dem(safe.local_file(path), ELLIPSOIDAL, 0.0))
    try:
        grid = GeoBox((rows, columns), Affine(step, 0, west, 0, -step, north), GEOGRAPHIC)
        heights, known = terrain.heights(grid)
    finally:
        terrain.close()
    return np.where(known, heights, np.float32(np.nan)).astype(np.float32)
