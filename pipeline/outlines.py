"""Outlines of patches, exactly along pixel edges, from the corners where they turn.

A corner is (label, y, x, right, down): at the grid vertex (y, x) (upper left of pixel y, x) the
outline of patch ``label`` has one horizontal edge, to the right or to the left, and one vertical
edge, downward or upward. The corners of a rectilinear outline determine it: sorted along each row
they pair up to its horizontal edges, along each column to its vertical ones. So an outline can be
gathered piecemeal, in any order, and is the same for any way of cutting the image into strips.

Patches are connected by pixel sides (4), so that each is one valid polygon: where two of its
pixels touch at a corner only, the outline keeps the ground between them apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

_NW, _NE, _SW, _SE = 8, 4, 2, 1
# Which quadrant is alone (filled among empty, or empty among filled) → its edges (right, down).
_ALONE = {_NW: (0, 0), _NE: (1, 0), _SW: (0, 1), _SE: (1, 1)}
_PINCH = {_NW | _SE: (_NW, _SE), _NE | _SW: (_NE, _SW)}
_IS_CORNER = np.array([code in {1, 2, 4, 8, 14, 13, 11, 7, 9, 6} for code in range(16)])


@dataclass(frozen=True, eq=False)
class Corners:
    """Parallel arrays, int64: label, y, x; right and down are 0 or 1."""

    label: NDArray[np.int64]
    y: NDArray[np.int64]
    x: NDArray[np.int64]
    right: NDArray[np.int64]
    down: NDArray[np.int64]

    def __getitem__(self, chosen: NDArray) -> Corners:
        return Corners(*(part[chosen] for part in self._parts()))

    def _parts(self) -> tuple[NDArray[np.int64], ...]:
        return self.label, self.y, self.x, self.right, self.down

    def __len__(self) -> int:
        return len(self.label)


def joined(*many: Corners) -> Corners:
    return Corners(*(np.concatenate(parts) for parts in zip(*(c._parts() for c in many), strict=True)))


def none() -> Corners:
    return Corners(*(np.empty(0, np.int64) for _ in range(5)))


def corners(labels: NDArray[np.integer], inside: NDArray[np.bool_], first_row: int) -> Corners:
    """The corners at the vertices between the rows of ``labels`` (rows, columns), where ``inside`` a patch.

    first_row: the grid row of ``labels[0]``. The vertices above it and below the last row belong
    to the neighbouring strips.
    """
    rows, columns = labels.shape
    filled = np.zeros((rows, columns + 2), np.uint8)
    filled[:, 1:-1] = inside
    top, bottom = filled[:-1], filled[1:]
    code = top[:, :-1] * np.uint8(_NW) + top[:, 1:] * np.uint8(_NE)
    code += bottom[:, :-1] * np.uint8(_SW) + bottom[:, 1:]
    places = np.flatnonzero(_IS_CORNER[code])
    codes, y, x = code.ravel()[places], places // (columns + 1), places % (columns + 1)

    def at(quadrant: int, chosen: NDArray) -> NDArray[np.int64]:
        down, right = int(quadrant in (_SW, _SE)), int(quadrant in (_NE, _SE))
        return labels[y[chosen] + down, x[chosen] - 1 + right].astype(np.int64)

    found = []
    for quadrant, (right, down) in _ALONE.items():
        beside = _NE if quadrant in (_NW, _SE) else _NW  # a filled one, where the odd one is empty
        pinched = [code for code, pair in _PINCH.items() if quadrant in pair]
        for wanted, owner in ((quadrant, quadrant), (15 - quadrant, beside), (pinched[0], quadrant)):
            chosen = np.flatnonzero(codes == wanted)
            count = len(chosen)
            found.append(
                Corners(
                    at(owner, chosen),
                    y[chosen] + first_row + 1,
                    x[chosen],
                    np.full(count, right, np.int64),
                    np.full(count, down, np.int64),
                )
            )
    return joined(*found)


def polygons(gathered: Corners, transform: Affine) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """(labels ascending, their polygons with holes), from all corners of each patch.

    Rings begin at their uppermost, then leftmost corner; shells run counter-clockwise.
    """
    if len(gathered) == 0:
        return np.empty(0, np.int64), np.empty(0, object)
    c = gathered[np.lexsort((gathered.right, gathered.x, gathered.y, gathered.label))]
    down = c.down.copy()
    same = np.flatnonzero((c.label[1:] == c.label[:-1]) & (c.y[1:] == c.y[:-1]) & (c.x[1:] == c.x[:-1]))
    # A patch that touches itself: its edges are paired around the empty pixels, not the filled.
    down[same], down[same + 1] = c.down[same + 1], c.down[same]
    order = np.lexsort((down, c.y, c.x, c.label))
    across = np.empty(len(c), np.int64)
    across[order[0::2]], across[order[1::2]] = order[1::2], order[0::2]
    path, starts = _rings(across.tolist())
    x, y = c.x[path].astype(np.float64), c.y[path].astype(np.float64)
    xs = transform.a * x + transform.b * y + transform.c
    ys = transform.d * x + transform.e * y + transform.f
    sizes = np.diff([*starts, len(path)])
    ring = np.repeat(np.arange(len(starts)), sizes)
    rings = np.atleast_1d(np.asarray(shapely.linearrings(np.column_stack([xs, ys]), indices=ring), object))
    owner = c.label[path[starts]]
    labels, place = np.unique(owner, return_inverse=True)
    made = shapely.polygons(rings, indices=place)  # the uppermost ring of each comes first: its shell
    return labels, np.atleast_1d(np.asarray(shapely.orient_polygons(made), object))


def _rings(across: list[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Walk all outlines: along a horizontal edge (corners 2k and 2k + 1), then ``across``.

    Returns the corners in walking order and where each ring starts.
    """
    seen = bytearray(len(across))
    path: list[int] = []
    starts: list[int] = []
    for start in range(0, len(across), 2):
        if seen[start]:
            continue
        starts.append(len(path))
        here = start
        while not seen[here]:
            other = here ^ 1
            seen[here] = seen[other] = 1
            path += (here, other)
            here = across[other]
    return np.array(path, np.int64), np.array(starts, np.int64)
