"""The ground of a part and of the fields around it, as one scene shows them: plain numbers.

A ``Layout`` is made once for a series of scenes on one grid: which pixels lie wholly inside the part, blocks of as
many pixels on neighbouring fields (like is compared with like: a mean over as much ground), and ground
that is no field. A ``View`` holds what one scene measured there. Pixels of a fine image are first
gathered into tiles of some metres, whose texture stands beside their colour (``tiled``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline import quality

BLOCK_SIDE = 8
"""Largest side of a block in pixels."""
BLOCKS, BLOCKS_A_PARCEL, ENOUGH = 160, 4, 50
"""Most blocks, most of one parcel, and the number below which smaller ones are taken."""
INERT = 600
"""Pixels of ground that is no field."""
FINE_M = 1.0
"""Scenes finer than this are looked at by tiles."""
TILE_M = 2.5
TEXTURE = ("spread", "edges")
"""Names of the two measures of texture that a tile has beside its colours."""

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Layout:
    """Flat indices of pixels on one grid of ``shape`` (rows, columns).

    part: (n,) wholly inside the part. blocks: (m, b) on neighbouring fields, parcel: (m,) whose.
    inert: (k,) on ground that is no field.
    """

    shape: tuple[int, int]
    part: Ints
    blocks: Ints
    parcel: Ints
    inert: Ints


@dataclass(frozen=True, eq=False)
class View:
    """What one scene measured on a layout.

    part: (n, d), blocks: (m, b, d), inert: (k, d) float32, NaN where it is not clear. parcel: (m,).
    hidden: {reason: pixels of the part that are not clear for it}. bands: d names, ``TEXTURE``
    among them. flight: from a drone. shift_px: by how much the scene had to be moved; None = not measurable.
    """

    scene_id: str
    at: datetime
    gsd_m: float
    flight: bool
    bands: tuple[str, ...]
    part: Floats
    blocks: Floats
    inert: Floats
    parcel: Ints
    hidden: Mapping[str, int]
    quality_known: bool = True
    shift_px: float | None = 0.0

    @property
    def pixels(self) -> int:
        """Clear pixels wholly inside the part."""
        return int(np.isfinite(self.part).all(axis=1).sum())

    @property
    def clear_share(self) -> float:
        return self.pixels / len(self.part) if len(self.part) else 0.0


def layout(part: Bools, parcels: NDArray[np.integer], other: Bools) -> Layout:
    """part: (y, x) pixels wholly inside the part. parcels: (y, x) 0, or the number of the neighbouring field that
    a pixel lies wholly inside; without the part and whatever else changed. other: (y, x) no field.

    The same input gives the same layout. Without pixels in the part there are no blocks.
    """
    inside = np.flatnonzero(part)
    side = min(BLOCK_SIDE, max(1, math.isqrt(len(inside))))
    blocks, owners = np.empty((0, side * side), np.intp), np.empty(0, np.intp)
    while len(inside) and side:
        blocks, owners = _blocks(parcels, side, part)
        if len(blocks) >= ENOUGH:
            break
        side //= 2  # small fields: smaller pieces of them scatter more, so that less is strange
    around = np.flatnonzero(other & ~part)
    step = max(1, len(around) // INERT)
    return Layout(part.shape, inside, blocks, owners, around[step // 2 :: step])


def _blocks(parcels: NDArray[np.integer], side: int, part: Bools) -> tuple[Ints, Ints]:
    """Squares of ``side`` pixels inside one parcel each, not over each other, nearest first, few a parcel."""
    width = parcels.shape[1]
    kernel, corner = np.ones((side, side), np.uint8), (0, 0)  # the square's first pixel stands for it
    labels = parcels.astype(np.float32)
    low = cv2.erode(labels, kernel, anchor=corner, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    whole = (low > 0) & (low == cv2.dilate(labels, kernel, anchor=corner))
    y, x = np.nonzero(whole)
    middle = np.argwhere(part).mean(axis=0) - side / 2
    order = np.argsort(np.hypot(y - middle[0], x - middle[1]), kind="stable")
    taken: dict[int, list[tuple[int, int]]] = {}
    kept: list[int] = []
    for n in order.tolist():
        of_parcel = taken.setdefault(int(low[y[n], x[n]]), [])
        if len(of_parcel) == BLOCKS_A_PARCEL or any(
            abs(y[n] - row) < side and abs(x[n] - column) < side for row, column in of_parcel
        ):
            continue
        of_parcel.append((int(y[n]), int(x[n])))
        kept.append(n)
        if len(kept) == BLOCKS:
            break
    offsets = (np.arange(side)[:, None] * width + np.arange(side)).ravel()
    return (y[kept] * width + x[kept])[:, None] + offsets, low[y[kept], x[kept]].astype(np.intp)


def view(
    values: Floats,
    bits: NDArray[np.uint8],
    where: Layout,
    *,
    scene_id: str,
    at: datetime,
    gsd_m: float,
    flight: bool,
    bands: tuple[str, ...],
    quality_known: bool = True,
    shift_px: float | None = 0.0,
) -> View:
    """values: (d, y, x) on the layout's grid; bits: (y, x) ``quality.Quality``, grown."""
    flat = np.where(quality.clear(bits), values, np.float32(np.nan)).reshape(len(bands), -1).T
    found = quality.tally(bits.reshape(-1)[where.part].reshape(1, -1))
    hidden = {reason: n for reason, n in found.items() if n and reason != "clear"}
    return View(
        scene_id, at, gsd_m, flight, bands,
        flat[where.part], flat[where.blocks], flat[where.inert], where.parcel, hidden, quality_known, shift_px,
    )  # fmt: skip


def tiled(values: Floats, bits: NDArray[np.uint8], side: int) -> tuple[Floats, NDArray[np.uint8]]:
    """(d + 2, y, x): means of each tile of ``side`` × ``side`` pixels, then the logarithms of the spread of its
    brightness and of its mean gradient, both relative to its brightness. A tile with any unclear pixel is unclear."""
    rows, columns = (n // side for n in bits.shape)
    cut = (slice(0, rows * side), slice(0, columns * side))

    def by_tile(image: NDArray[np.generic]) -> NDArray[np.generic]:
        return image[cut].reshape(rows, side, columns, side)

    grey = values.mean(axis=0)
    slope = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(grey, cv2.CV_32F, 0, 1) / 8)
    means = np.stack([by_tile(band).mean(axis=(1, 3)) for band in values])
    level = np.maximum(np.abs(means.mean(axis=0)), np.float32(1e-6))
    spread = by_tile(grey).std(axis=(1, 3)) / level
    edges = by_tile(slope).mean(axis=(1, 3)) / level
    texture = np.log(np.stack([spread, edges]) + 1e-3)
    joined = np.bitwise_or.reduce(by_tile(bits), axis=(1, 3))
    return np.concatenate([means, texture]).astype(np.float32), joined.astype(np.uint8)
