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

from pipeline import outlines, quality
from pipeline.detect.run import CHANGE, UNSEEN, Scored

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
_DISC = np.zeros((2 * REACH + 1, 2 * REACH + 1), np.uint8)
for _dy, _dx in [(0, 0), *_NEAR]:
    _DISC[_dy + REACH, _dx + REACH] = 1

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
class Rows:
    """Some rows of the pair. change: as in ``Scored``; labels: (y, x), -1 = no patch, else the row of ``Sums``;
    values: (2 · band, y, x)."""

    change: NDArray[np.uint8]
    clear: NDArray[np.bool_]
    labels: NDArray[np.int32]
    values: tuple[NDArray[np.float32], NDArray[np.float32]]

    def last(self, count: int) -> Rows:
        return Rows(
            self.change[-count:].copy(),
            self.clear[-count:].copy(),
            self.labels[-count:].copy(),
            (self.values[0][:, -count:].copy(), self.values[1][:, -count:].copy()),
        )


def _unseen(rows: int, columns: int, bands: int) -> Rows:
    """What lies above and below the image."""
    values = np.zeros((bands, rows, columns), np.float32)
    return Rows(
        np.full((rows, columns), UNSEEN, np.uint8),
        np.zeros((rows, columns), bool),
        np.full((rows, columns), -1, np.int32),
        (values, values),
    )


def gather(scored: Iterable[Scored], bands: int) -> Iterator[tuple[Sums, outlines.Corners]]:
    """The patches that a strip closed, for each strip: their sums, and their corners (label = row of the sums)."""
    sums, corners, kept, y, columns = _nothing(0, bands), outlines.none(), None, 0, 0
    for strip in scored:
        columns = strip.change.shape[1]
        kept = kept or _unseen(KEPT, columns, bands)
        below = _labelled(strip, len(sums.px))
        sums, corners, kept, closed = _advance(sums, corners, kept, below, y, strip.score)
        y += strip.change.shape[0]
        yield closed
    if kept is not None:
        beyond = _unseen(KEPT, columns, bands)
        *_, closed = _advance(sums, corners, kept, beyond, y, np.zeros((KEPT, columns), np.float32))
        yield closed


def _labelled(strip: Scored, first_label: int) -> Rows:
    changed = strip.change == CHANGE
    if changed.any():
        _, labels = cv2.connectedComponents(changed.view(np.uint8), connectivity=4, ltype=cv2.CV_32S)
        labels = np.asarray(labels, np.int32) - 1
        labels[changed] += first_label
    else:
        labels = np.full(changed.shape, -1, np.int32)
    return Rows(strip.change, quality.clear(strip.quality), labels, (strip.before, strip.after))


def _advance(
    sums: Sums, corners: outlines.Corners, kept: Rows, below: Rows, y: int, score: NDArray[np.float32]
) -> tuple[Sums, outlines.Corners, Rows, tuple[Sums, outlines.Corners]]:
    """Take in the rows ``below`` the ones kept; ``y``: the grid row of the first of them."""
    bands = len(below.values[0])
    fresh = int(below.labels.max(initial=-1)) + 1 - len(sums.px)
    table = Sums(
        *(
            np.concatenate([getattr(sums, name), getattr(_nothing(max(0, fresh), bands), name)])
            for name in sums.__dataclass_fields__
        )
    )
    group, count = _same(kept.labels[-1], below.labels[0], len(table.px))
    if count < len(group) or (group != np.arange(len(group))).any():
        table = table.merged(group, count)
        names = np.append(group.astype(np.int32), np.int32(-1))  # -1 stays: it is the last entry
        kept = Rows(kept.change, kept.clear, names[kept.labels], kept.values)
        below = Rows(below.change, below.clear, names[below.labels], below.values)
        corners = outlines.Corners(group[corners.label], corners.y, corners.x, corners.right, corners.down)
    _add_inside(table, below, y, score)
    _add_sides(table, kept, below)
    _add_ring(table, kept, below)
    seam = np.concatenate([kept.labels[-1:], below.labels])
    corners = outlines.joined(corners, outlines.corners(seam, y - 1))
    kept = _together(kept, below)
    still = np.zeros(count + 1, bool)
    still[kept.labels] = True
    still = still[:-1]
    closed = (table[~still], _renamed(corners, ~still))
    names = np.append((np.cumsum(still) - 1).astype(np.int32), np.int32(-1))
    kept = Rows(kept.change, kept.clear, names[kept.labels], kept.values)
    return table[still], _renamed(corners, still), kept, closed


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


def _together(kept: Rows, below: Rows) -> Rows:
    """The last ``KEPT`` rows of both."""
    if below.change.shape[0] >= KEPT:
        return below.last(KEPT)
    return Rows(
        np.concatenate([kept.change, below.change]),
        np.concatenate([kept.clear, below.clear]),
        np.concatenate([kept.labels, below.labels]),
        (
            np.concatenate([kept.values[0], below.values[0]], axis=1),
            np.concatenate([kept.values[1], below.values[1]], axis=1),
        ),
    ).last(KEPT)


def _add(target: NDArray, labels: NDArray[np.int32], weights: NDArray | None = None) -> None:
    target += np.bincount(labels, weights, len(target)).astype(target.dtype)


def _add_inside(table: Sums, below: Rows, y: int, score: NDArray[np.float32]) -> None:
    places = np.flatnonzero(below.labels >= 0)
    if len(places) == 0:
        return
    labels = below.labels.ravel()[places]
    np.minimum.at(table.first, labels, places + y * below.labels.shape[1])
    _add(table.px, labels)
    _add(table.score, labels, score.ravel()[places])
    bands = len(below.values[0])
    for n, band in enumerate([band for date in below.values for band in date]):
        values = band.ravel()[places].astype(np.float64)
        _add(table.inside[:, n], labels, values)
        _add(table.inside[:, 2 * bands + n], labels, values * values)


def _add_sides(table: Sums, kept: Rows, below: Rows) -> None:
    """Sides between the rows, and between the columns of ``below``; the image's border counts as unseen."""
    change = np.concatenate([kept.change[-1:], below.change])
    labels = np.concatenate([kept.labels[-1:], below.labels])
    _count(table, change[:-1], change[1:], labels[:-1], labels[1:])
    _count(table, below.change[:, :-1], below.change[:, 1:], below.labels[:, :-1], below.labels[:, 1:])
    for column in (0, -1):
        edge = below.labels[:, column]
        _add(table.sides, edge[edge >= 0])
        _add(table.unseen_sides, edge[edge >= 0])


def _count(table: Sums, one: NDArray[np.uint8], two: NDArray[np.uint8], one_label: NDArray, two_label: NDArray) -> None:
    y, x = np.nonzero((one == CHANGE) != (two == CHANGE))
    labels = np.maximum(one_label[y, x], two_label[y, x])  # the other one is -1
    _add(table.sides, labels)
    _add(table.unseen_sides, labels[np.maximum(one[y, x], two[y, x]) == UNSEEN])


def _add_ring(table: Sums, kept: Rows, below: Rows) -> None:
    """The ring pixels in the rows whose surroundings are now known: from the middle of ``kept`` on."""
    changed = np.concatenate([kept.change, below.change]) == CHANGE
    if not changed.any():
        return
    near = cv2.dilate(changed.view(np.uint8), _DISC, borderType=cv2.BORDER_CONSTANT, borderValue=0).view(bool)
    near &= ~changed
    near &= np.concatenate([kept.clear, below.clear])
    core = near[REACH:-REACH]
    y, x = np.nonzero(core)
    y += REACH
    labels = _nearest(np.concatenate([kept.labels, below.labels]), y, x)
    _add(table.ring_px, labels)
    held = kept.change.shape[0]
    upper = y < held
    for n, (before, after) in enumerate(
        [(a, b) for date in (0, 1) for a, b in zip(kept.values[date], below.values[date], strict=True)]
    ):
        values = np.concatenate([before[y[upper], x[upper]], after[y[~upper] - held, x[~upper]]])
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
