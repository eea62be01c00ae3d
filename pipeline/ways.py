"""Ways between points that keep off closed ground: straight where nothing is in between, else round its corners.

Pure; plane metres. The shortest way round polygons runs over their corners (visibility graph, Lozano-Pérez and Wesley
1979). Closed ground is taken wider by ``clearance_m``, and drawn with fewer corners, never nearer than that.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse.csgraph import dijkstra
from shapely.geometry.base import BaseGeometry

from geodata.errors import InputError

Floats = NDArray[np.float64]
COARSE_M = 10.0
"""By how much a closed outline may be drawn wider to have fewer corners."""
SLACK_M = 0.5
"""A way may run along the widened outline."""
MOST_CORNERS = 800


class Ways:
    """closed: polygons, plane metres, may be empty. Raises: InputError where they have too many corners."""

    def __init__(self, closed: BaseGeometry, clearance_m: float) -> None:
        wide = closed.buffer(clearance_m + COARSE_M + SLACK_M, join_style="mitre", mitre_limit=2.0)
        self.closed = wide.simplify(COARSE_M)
        self._inner = self.closed.buffer(-SLACK_M, join_style="mitre")
        shapely.prepare(self._inner)
        shapely.prepare(self.closed)
        self._corners = np.unique(shapely.get_coordinates(self.closed), axis=0)
        if len(self._corners) > MOST_CORNERS:
            raise InputError(
                "--no-fly: its polygons near the cases have {count} corners, more than the {most} that ways are looked"
                " for around; give simpler ones.",
                count=len(self._corners),
                most=MOST_CORNERS,
            )
        self._lengths, self._before = self._between()
        self._known: dict[tuple[float, ...], tuple[Floats, float] | None] = {}

    def free(self, point: Floats) -> bool:
        """Whether a point (x, y) lies outside closed ground and its clearance."""
        return not bool(shapely.intersects(self.closed, shapely.Point(*point)))

    def way(self, start: Floats, end: Floats) -> tuple[Floats, float] | None:
        """(points from start to end, metres); None where there is no way."""
        key = (*start.tolist(), *end.tolist())
        if key not in self._known:
            self._known[key] = self._found(start, end)
        return self._known[key]

    def _found(self, start: Floats, end: Floats) -> tuple[Floats, float] | None:
        if self._open(start[None], end[None])[0]:
            return np.array([start, end]), float(np.hypot(*(end - start)))
        if not len(self._corners):
            return None
        out, back = (self._reach(point) for point in (start, end))
        whole = out[:, None] + self._lengths + back[None, :]
        first, last = (int(n) for n in np.unravel_index(np.argmin(whole), whole.shape))
        if not np.isfinite(whole[first, last]):
            return None
        corners = [last]
        while corners[-1] != first:
            corners.append(int(self._before[first, corners[-1]]))
        return np.array([start, *self._corners[corners[::-1]], end]), float(whole[first, last])

    def _reach(self, point: Floats) -> Floats:
        """(corners,) metres from a point to those it sees, else infinite."""
        seen = self._open(np.broadcast_to(point, self._corners.shape), self._corners)
        return np.where(seen, np.hypot(*(self._corners - point).T), np.inf)

    def _open(self, starts: Floats, ends: Floats) -> NDArray[np.bool_]:
        lines = shapely.linestrings(np.stack([starts, ends], axis=1))
        return ~np.asarray(shapely.intersects(self._inner, lines))

    def _between(self) -> tuple[Floats, NDArray[np.int32]]:
        """(corners, corners): the shortest way's metres, and the corner before the last on it."""
        count = len(self._corners)
        graph = np.zeros((count, count))
        for n, corner in enumerate(self._corners):
            reach = self._reach(corner)
            graph[n] = np.where(np.isfinite(reach), reach, 0.0)
        if not count:
            return graph, np.zeros((0, 0), np.int32)
        lengths, before = dijkstra(graph, directed=False, return_predecessors=True)
        return np.asarray(lengths), np.asarray(before)
