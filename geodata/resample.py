"""One grid onto another: where each pixel comes from, and its value there.

Values are (band, y, x), masks (y, x). A map gives, for every pixel of the target, the position in
the source array: x and y of its centre, counted so that the centre of the first pixel is 0.
Shifts are computed by cubic convolution after Keys (1981), a = -1/2, exact for straight ramps; warps
by OpenCV's (a = -3/4, positions to 1/32 pixel: within 0.05 pixel). Quality codes come from the
nearest pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import pyproj
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

STEP = 16
"""Every so many pixels a coordinate is transformed; between them it is interpolated."""
WHOLE = 1e-2
"""Shifts that differ from whole pixels by less are whole: 1/100 of a pixel."""
REACH = 3
"""Pixels that the cubic kernel, and the filling of holes, look beyond a window."""


@dataclass(frozen=True)
class Shift:
    """The grids agree up to a shift: target pixel (x, y) lies at source pixel (x + dx, y + dy)."""

    dx: float
    dy: float

    @property
    def whole(self) -> tuple[int, int] | None:
        x, y = round(self.dx), round(self.dy)
        return (x, y) if abs(self.dx - x) < WHOLE and abs(self.dy - y) < WHOLE else None


def relation(source: GeoBox, target: GeoBox) -> Shift | None:
    """The shift by which two grids differ, or None where they differ by more than a shift."""
    if source.crs != target.crs:
        return None
    step: Affine = ~source.affine @ target.affine
    drift = max(abs(step.a - 1) * target.shape[1], abs(step.e - 1) * target.shape[0])
    drift = max(drift, abs(step.b) * target.shape[0], abs(step.d) * target.shape[1])
    return Shift(step.c, step.f) if drift < WHOLE else None


@dataclass(frozen=True, eq=False)
class Positions:
    """Where the pixel centres of a target grid lie in a source, known at nodes, straight between them.

    x, y: (node, node) in pixels of the source, counted from its outer edges. weight_x: (columns,
    nodes), weight_y: (rows, nodes) float32, of linear interpolation.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    weight_x: NDArray[np.float32]
    weight_y: NDArray[np.float32]

    @property
    def pixel(self) -> float:
        """How many source pixels one target pixel is wide (the narrower way)."""
        sizes = []
        for axis, weights in ((1, self.weight_x), (0, self.weight_y)):
            count = weights.shape[0] - 1
            if count > 0:
                ends = [np.take(at, [0, -1], axis=axis) for at in (self.x, self.y)]
                length = np.hypot(*(np.diff(at, axis=axis) for at in ends)) / count
                sizes.append(float(np.median(length)))
        return min(sizes, default=1.0)

    def within(self, x0: int, y0: int, factor: int = 1) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(x, y), each (rows, columns): the map into an array that begins at source pixel (x0, y0)
        and is ``factor`` times smaller than the source."""
        return self._full(self.x, x0, factor), self._full(self.y, y0, factor)

    def _full(self, nodes: NDArray[np.float64], start: int, factor: int) -> NDArray[np.float32]:
        local = ((nodes - start) / factor - 0.5).astype(np.float32)
        return np.asarray(self.weight_y @ local @ self.weight_x.T, np.float32)


def positions(source: GeoBox, target: GeoBox) -> Positions:
    """Where the pixels of ``target`` lie in ``source``; both may have different CRS."""
    rows, columns = target.shape
    ys, weight_y = nodes(rows)
    xs, weight_x = nodes(columns)
    grid_x, grid_y = np.meshgrid(xs + 0.5, ys + 0.5)
    x, y = apply(target.affine, grid_x, grid_y)
    if source.crs != target.crs:
        if source.crs is None or target.crs is None:
            raise ValueError("a grid without a coordinate system cannot be warped")
        x, y = _transformer(str(target.crs), str(source.crs)).transform(x, y)
    return Positions(*apply(~source.affine, x, y), weight_x, weight_y)


@lru_cache(maxsize=64)
def _transformer(source: str, target: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(source, target, always_xy=True)


def apply(
    affine: Affine, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return affine.a * x + affine.b * y + affine.c, affine.d * x + affine.e * y + affine.f


@lru_cache(maxsize=16)
def nodes(count: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Positions of the nodes along an axis, and (count, nodes) weights of linear interpolation."""
    nodes = np.unique(np.append(np.arange(0, count, STEP), count - 1)).astype(float)
    at = np.arange(count)
    columns = [np.interp(at, nodes, one) for one in np.eye(len(nodes))]
    return nodes, np.stack(columns, axis=1).astype(np.float32)


def fill_holes(values: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Invalid pixels next to valid ones take the mean of those, so that no fill value leaks into a kernel."""
    if valid.all():
        return values
    size = (2 * REACH - 1, 2 * REACH - 1)
    weight = cv2.blur(valid.astype(np.float32), size)
    weight[weight < 1e-6] = 1
    filled = np.empty_like(values)
    for number, band in enumerate(values):
        clean = np.where(valid, band, 0).astype(np.float32)
        filled[number] = np.where(valid, band, cv2.blur(clean, size) / weight)
    return filled


def shifted(
    values: NDArray[np.float32], valid: NDArray[np.bool_], dx: float, dy: float
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """``values`` read at (x + dx, y + dy), dx and dy in [0, 1): same shape, borders repeated.

    A pixel is valid where all of the four pixels around it are.
    """
    filled = fill_holes(values, valid)
    kernel_x, kernel_y = _cubic(dx), _cubic(dy)
    out = np.empty_like(filled)
    for number, band in enumerate(filled):
        cv2.sepFilter2D(band, cv2.CV_32F, kernel_x, kernel_y, out[number], (1, 1), 0, cv2.BORDER_REPLICATE)
    seen = valid
    if not valid.all():
        around = np.ones((1 + (dy > WHOLE), 1 + (dx > WHOLE)), np.uint8)
        seen = cv2.erode(valid.astype(np.uint8), around, anchor=(0, 0), borderType=cv2.BORDER_REPLICATE).astype(bool)
    return out, seen


def _cubic(t: float) -> NDArray[np.float64]:
    """Weights of the pixels at -1, 0, 1, 2 for a position t in [0, 1)."""
    return np.array(
        [
            -0.5 * t + t**2 - 0.5 * t**3,
            1 - 2.5 * t**2 + 1.5 * t**3,
            0.5 * t + 2 * t**2 - 1.5 * t**3,
            -0.5 * t**2 + 0.5 * t**3,
        ]
    )


def remapped(
    values: NDArray[np.float32], valid: NDArray[np.bool_], x: NDArray[np.float32], y: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """``values`` at the positions of a map; valid where all pixels that count are valid and inside."""
    filled = fill_holes(values, valid)
    out = np.empty((len(values), *x.shape), np.float32)
    for number, band in enumerate(filled):
        cv2.remap(band, x, y, cv2.INTER_CUBIC, out[number], cv2.BORDER_REPLICATE)
    weight = cv2.remap(valid.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return out, weight > 0.999


def nearest(
    values: NDArray[np.integer], x: NDArray[np.float32], y: NDArray[np.float32], fill: int
) -> NDArray[np.integer]:
    """Codes (y, x) of the pixels nearest to the positions of a map; ``fill`` outside."""
    column, row = np.rint(x).astype(np.int64), np.rint(y).astype(np.int64)
    inside = (column >= 0) & (row >= 0) & (column < values.shape[1]) & (row < values.shape[0])
    out = np.full(x.shape, fill, values.dtype)
    out[inside] = values[row[inside], column[inside]]
    return out
