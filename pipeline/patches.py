"""Patches gathered strip by strip: pixels, outline, sums of values inside and in the ring around.

What is kept between strips: the sums and corners of the patches that are still open, and the last
rows. A closed patch leaves at once. The result does not depend on the height of the strips.

Patches are connected by pixel sides; nothing is smoothed: they are the pixels of ``change.tif``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline import outlines
from pipeline.detect.run import CHANGE, NONE, UNSEEN, Scored

REACH = 3
"""Width of the ring in pixels."""
KEPT = 2 * REACH
"""Rows held over: a patch is closed once its ring is complete, which needs what lies ``REACH`` beyond the ring."""

_NEAR = sorted(
    (
        (dy, dx)
        for dy in range(-REACH, REACH + 1)
        for dx in range(-REACH, REACH + 1)
        if 0 < dy * dy + dx * dx <= REACH**2
    ),
    key=lambda o: (o[0] ** 2 + o[1] ** 2, o),
)
"""Offsets of the ring, nearest first: a ring pixel belongs to its nearest change pixel's patch, so each
belongs to one patch, whatever the strips."""
DISC = np.zeros((2 * REACH + 1, 2 * REACH + 1), np.uint8)
for _dy, _dx in [(0, 0), *_NEAR]:
    DISC[_dy + REACH, _dx + REACH] = 1

F64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sums:
    """One row a patch. first: grid position of the first pixel (row · columns + column). px, score: pixels
    and the sum of their scores. inside: (patch, 4 · band): Σ before, Σ after, Σ before², Σ after². ring_px,
    ring: (patch, 2 · band) the same of the ring. sides, unseen_sides: pixel sides on the outline."""

    first: NDArray[np.int64]
    px: NDArray[np.int64]
    score: F64
    inside: F64
    ring_px: NDArray[np.int64]
    ring: F64
    sides: NDArray[np.int64]
    unseen_sides: NDArray[np.int64]

    def __getitem__(self, chosen: NDArray) -> Sums:
        return Sums(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def merged(self, group: NDArray[np.intp], count: int) -> Sums:
        """Rows of one group added up (the least of ``first``)."""
        parts = {name: getattr(self, name) for name in self.__dataclass_fields__}
        out = {name: np.zeros((count, *part.shape[1:]), part.dtype) for name, part in parts.items()}
        out["first"][:] = np.iinfo(np.int64).max
        np.minimum.at(out["first"], group, self.first)
        for name, part in parts.items():
            if name != "first":
                np.add.at(out[name], group, part)
        return Sums(**out)


def _nothing(count: int, bands: int) -> Sums:
    whole = [np.zeros(count, np.int64) for _ in range(4)]
    first = np.full(count, np.iinfo(np.int64).max)
    return Sums(
        first,
        whole[0],
        np.zeros(count),
        np.zeros((count, 4 * bands)),
        whole[1],
        np.zeros((count, 2 * bands)),
        *whole[2:],
    )


@dataclass(frozen=True, eq=False)
class Stack:
    """``KEPT`` rows held over, and a strip below them. change: as in ``Scored``; labels: (y, x), -1 = no patch,
    else the row of ``Sums``. kept_values, values: (band, y, x) of BEFORE and AFTER, of the rows held over
    and of the strip. changed: places (flat) of the strip's change pixels in ``labels``."""

    change: NDArray[np.uint8]
    labels: NDArray[np.int32]
    kept_values: tuple[NDArray[np.float32], ...]
    values: tuple[NDArray[np.float32], ...]
    changed: NDArray[np.intp]

    def rename(self, names: NDArray[np.int32]) -> None:
        """names: label → its new name; its last entry, -1, is what -1 becomes."""
        self.labels[:KEPT] = names[self.labels[:KEPT]]
        flat = self.labels.reshape(-1)
        flat[self.changed] = names[flat[self.changed]]


def gather(scored: Iterable[Scored], bands: int) -> Iterator[tuple[Sums, outlines.Corners]]:
    """The patches that a strip closed, for each strip: their sums, and their corners (label = row of the sums)."""
    sums, corners, stack, y = _nothing(0, bands), outlines.none(), None, 0
    for strip in scored:
        stack = _stacked(stack, strip.change, (strip.before, strip.after), len(sums.px))
        sums, corners, closed = _advance(sums, corners, stack, y, strip.score)
        y += strip.change.shape[0]
        yield closed
    if stack is not None:
        columns = stack.change.shape[1]
        change, values = _unseen(columns, bands)
        stack = _stacked(stack, change, values, len(sums.px))
        yield _advance(sums, corners, stack, y, np.zeros(change.shape, np.float32))[-1]


def _unseen(columns: int, bands: int) -> tuple[NDArray[np.uint8], tuple[NDArray[np.float32], ...]]:
    """What lies above and below the image."""
    values = np.zeros((bands, KEPT, columns), np.float32)
    return np.full((KEPT, columns), UNSEEN, np.uint8), (values, values)


def _stacked(
    above: Stack | None, change: NDArray[np.uint8], values: tuple[NDArray[np.float32], ...], first_label: int
) -> Stack:
    """``change`` below the last rows of ``above``, its patches labelled from ``first_label`` on."""
    rows, columns = change.shape
    labels = np.empty((KEPT + rows, columns), np.int32)
    if above is None:
        labels[:KEPT] = -1
        kept_change, kept_values = _unseen(columns, len(values[0]))
    else:
        labels[:KEPT] = above.labels[-KEPT:]
        kept_change = above.change[-KEPT:]
        kept_values = tuple(
            now[:, -KEPT:].copy() if now.shape[1] >= KEPT else np.concatenate([old, now], axis=1)[:, -KEPT:]
            for old, now in zip(above.kept_values, above.values, strict=True)
        )
    changed = change == CHANGE
    places = np.flatnonzero(changed) + KEPT * columns
    if len(places):
        _, found = cv2.connectedComponents(changed.view(np.uint8), connectivity=4, ltype=cv2.CV_32S)
        np.subtract(found, 1, out=labels[KEPT:])
        labels.reshape(-1)[places] += first_label
    else:
        labels[KEPT:] = -1
    return Stack(np.concatenate([kept_change, change]), labels, kept_values, values, places)


def _advance(
    sums: Sums, corners: outlines.Corners, stack: Stack, y: int, score: NDArray[np.float32]
) -> tuple[Sums, outlines.Corners, tuple[Sums, outlines.Corners]]:
    """Take in the strip of ``stack``, whose first row is the grid's row ``y``: what stays open, and what is closed."""
    flat = stack.labels.reshape(-1)
    fresh = max(0, int(flat[stack.changed].max(initial=-1)) + 1 - len(sums.px))
    new = _nothing(fresh, len(stack.values[0]))
    table = Sums(*(np.concatenate([getattr(part, name) for part in (sums, new)]) for name in sums.__dataclass_fields__))
    group, count = _same(stack.labels[KEPT - 1], stack.labels[KEPT], len(table.px))
    if count < len(group):
        table = table.merged(group, count)
        stack.rename(np.append(group.astype(np.int32), np.int32(-1)))
        corners = outlines.Corners(group[corners.label], corners.y, corners.x, corners.right, corners.down)
    _add_inside(table, stack, y, score)
    _add_sides(table, stack)
    _add_ring(table, stack)
    corners = outlines.joined(
        corners, outlines.corners(stack.labels[KEPT - 1 :], stack.change[KEPT - 1 :] == CHANGE, y - 1)
    )
    still = np.zeros(count + 1, bool)
    still[stack.labels[-KEPT:]] = True
    still = still[:-1]
    stack.labels[-KEPT:] = np.append((np.cumsum(still) - 1).astype(np.int32), np.int32(-1))[stack.labels[-KEPT:]]
    return table[still], _renamed(corners, still), (table[~still], _renamed(corners, ~still))


def _same(above: NDArray[np.int32], below: NDArray[np.int32], count: int) -> tuple[NDArray[np.intp], int]:
    """(label → group, number of groups): labels that meet across the seam are one patch."""
    meet = (above >= 0) & (below >= 0)
    if not meet.any():
        return np.arange(count), count
    pairs = coo_array((np.ones(int(meet.sum()), np.int8), (above[meet], below[meet])), shape=(count, count))
    groups, group = connected_components(pairs, directed=False)
    return group.astype(np.intp), int(groups)


def _renamed(corners: outlines.Corners, kept: NDArray[np.bool_]) -> outlines.Corners:
    names = np.cumsum(kept) - 1
    chosen = corners[kept[corners.label]]
    return outlines.Corners(names[chosen.label], chosen.y, chosen.x, chosen.right, chosen.down)


def _add(target: NDArray, labels: NDArray[np.int32], weights: NDArray | None = None) -> None:
    target += np.bincount(labels, weights, len(target)).astype(target.dtype)


def _add_inside(table: Sums, stack: Stack, y: int, score: NDArray[np.float32]) -> None:
    if len(stack.changed) == 0:
        return
    labels = stack.labels.reshape(-1)[stack.changed]
    places = stack.changed - KEPT * stack.labels.shape[1]
    np.minimum.at(table.first, labels, places + y * stack.labels.shape[1])
    _add(table.px, labels)
    _add(table.score, labels, score.reshape(-1)[places])
    bands = len(stack.values[0])
    for n, band in enumerate([band for date in stack.values for band in date]):
        values = band.reshape(-1)[places].astype(np.float64)
        _add(table.inside[:, n], labels, values)
        _add(table.inside[:, 2 * bands + n], labels, values * values)


def _add_sides(table: Sums, stack: Stack) -> None:
    """The sides of the strip's change pixels, and those of the rows held over that lie on the seam.

    The image's border counts as unseen.
    """
    columns = stack.labels.shape[1]
    change, labels = stack.change.reshape(-1), stack.labels.reshape(-1)
    seam = np.flatnonzero(stack.change[KEPT - 1] == CHANGE) + (KEPT - 1) * columns
    last = len(change) - columns
    upper = stack.changed
    for here, step in (
        (upper, -columns),
        (np.concatenate([seam, upper[upper < last]]), columns),
        (upper[upper % columns > 0], -1),
        (upper[upper % columns < columns - 1], 1),
    ):
        beside = change[here + step]
        out = here[beside != CHANGE]
        _add(table.sides, labels[out])
        _add(table.unseen_sides, labels[here[beside == UNSEEN]])
    for edge in (upper[upper % columns == 0], upper[upper % columns == columns - 1]):
        _add(table.sides, labels[edge])
        _add(table.unseen_sides, labels[edge])


def _add_ring(table: Sums, stack: Stack) -> None:
    """The ring pixels in the rows whose surroundings are now known: from the middle of the rows held over on."""
    changed = stack.change == CHANGE
    if not changed.any():
        return
    near = cv2.dilate(changed.view(np.uint8), DISC, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    columns = changed.shape[1]
    places = np.flatnonzero(near[REACH:-REACH].view(bool) & (stack.change[REACH:-REACH] == NONE)) + REACH * columns
    y, x = places // columns, places % columns
    labels = _nearest(stack.labels, y, x)
    _add(table.ring_px, labels)
    upper = places < KEPT * columns
    above, below = places[upper], places[~upper] - KEPT * columns
    for n, (kept, band) in enumerate(
        (kept, band)
        for olds, news in zip(stack.kept_values, stack.values, strict=True)
        for kept, band in zip(olds, news, strict=True)
    ):
        values = np.concatenate([kept.reshape(-1)[above], band.reshape(-1)[below]])
        _add(table.ring[:, n], labels, values.astype(np.float64))


def _nearest(labels: NDArray[np.int32], y: NDArray[np.intp], x: NDArray[np.intp]) -> NDArray[np.int32]:
    """The label of the nearest change pixel; of several equally near, the uppermost, then leftmost."""
    out = np.full(len(y), -1, np.int32)
    left = np.arange(len(y))
    for dy, dx in _NEAR:
        yy, xx = y[left] + dy, x[left] + dx
        inside = (xx >= 0) & (xx < labels.shape[1])
        found = np.where(inside, labels[yy, np.where(inside, xx, 0)], -1)
        out[left] = found
        left = left[found < 0]
        if len(left) == 0:
            break
    return out
