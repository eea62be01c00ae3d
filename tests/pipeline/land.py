"""Land to look at in tests: fields with edges, seen twice."""

from __future__ import annotations

import cv2
import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geodata.scene import ArrayPixels

BANDS = ("blue", "green", "red", "nir")


def fields(shape: tuple[int, int] = (256, 256), seed: int = 1) -> NDArray[np.float32]:
    """(4, y, x): straight-edged fields of many brightnesses, blurred by a sensor."""
    rng = np.random.default_rng(seed)
    land = np.zeros(shape, np.int32)
    for n in range(1, 260):
        y, x = rng.integers(0, shape[0]), rng.integers(0, shape[1])
        corners = cv2.boxPoints(((float(x), float(y)), (float(rng.integers(10, 50)), float(rng.integers(8, 30))), 33.0))
        cv2.fillPoly(land, [corners.astype(np.int32)], n)
    levels = rng.normal(0, 1, (4, 260)) * np.array([[60], [90], [140], [400]]) + [[700], [900], [1000], [2600]]
    return np.stack([cv2.GaussianBlur(level[land].astype(np.float32), (0, 0), 0.8) for level in levels])


def noise(shape: tuple[int, ...], seed: int, size: float = 12.0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, size, shape).astype(np.float32)


def pixels(
    values: NDArray[np.float32], bands: tuple[str, ...] = BANDS, crs: str | None = "EPSG:4547", **more
) -> ArrayPixels:
    """At 10 m near Xiangtan, or without georeference."""
    grid = GeoBox(values.shape[1:], Affine(10, 0, 380_000, 0, -10, 3_090_000) if crs else Affine.identity(), crs)
    return ArrayPixels(np.ascontiguousarray(values, np.float32), grid, bands, **more)
