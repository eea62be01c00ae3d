"""Is a layer shifted against one that is held, and by the offset of GCJ-02? Told by edges that both have.

Vertices of the one are laid over edges of the other in three ways: as said, with the offset of GCJ-02
taken back, with it added (then it is the layer held that is shifted). A way is true where edges lie
nearer than after every move of the same length, and of half of it, in twelve directions around it:
layers that have edges in common show that once, layers that have none nowhere (at the rim of what is
held far moves alone would mislead: nothing lies out there), and those stay undecided.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import shapely
from numpy.typing import NDArray

from geodata import crs, gcj02
from geodata.errors import CRSContradiction
from geodata.layers import Layer
from geodata.parcels import ParcelStore
from geodata.words import Text, both

POINTS, FEWEST = 800, 30
RUNS, ROWS_A_RUN, ROWS_HELD = 12, 16, 30_000
LOWEST = 0.85
"""The true way lies at most so far as the nearest of its twelve moves; the two others lie farther than theirs."""
REACH_M, NEAR_M = 1_500.0, 3_000.0
_METRES_A_DEGREE = 111_320.0
_TURNS = np.radians(np.arange(0, 360, 30))

Degrees = NDArray[np.float64]


class Lies(StrEnum):
    AS_SAID = "as_said"
    SHIFTED = "shifted"
    HELD_SHIFTED = "held_shifted"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Found:
    """as_said_m, taken_back_m: median distance of the vertices from the edges held, as they are and with the
    offset of GCJ-02 taken back. offset_m: of GCJ-02 there, east and north. points: vertices that were looked at."""

    lies: Lies
    as_said_m: float
    taken_back_m: float
    offset_m: tuple[float, float]
    points: int


def compare(layer: ParcelStore, held: ParcelStore) -> Found | None:
    """None where they share no ground, or lie outside China."""
    points, segments = _together(layer, held)
    if len(points) < FEWEST or not len(segments):
        return None
    edges = _Edges(segments)
    points = points[edges.distances(points) <= NEAR_M]
    offset = gcj02.shifted(points) - points
    if len(points) < FEWEST or not offset.any(axis=1).all():
        return None
    points, offset = (values[np.linspace(0, len(values) - 1, min(POINTS, len(values))).astype(int)]
                      for values in (points, offset))  # fmt: skip
    ways = {
        Lies.AS_SAID: points,
        Lies.SHIFTED: gcj02.unshifted(points),
        Lies.HELD_SHIFTED: points + offset,
    }
    away = {way: edges.median(moved) for way, moved in ways.items()}
    moves = [_turned(offset, points, turn) for turn in _TURNS]
    far = {way: min(edges.median(moved + move) for move in moves) for way, moved in ways.items()}
    half = {way: min(edges.median(moved + move / 2) for move in moves) for way, moved in ways.items()}
    east, north = np.median(offset * _scale(points), axis=0).tolist()
    return Found(_true_one(away, far, half), away[Lies.AS_SAID], away[Lies.SHIFTED], (east, north), len(points))


def _true_one(away: dict[Lies, float], far: dict[Lies, float], half: dict[Lies, float]) -> Lies:
    best = min(away, key=lambda way: away[way])
    lowest = away[best] <= LOWEST * far[best] and away[best] <= half[best]
    others = all(away[way] > far[way] for way in away if way is not best)
    return best if lowest and others else Lies.UNDECIDED


class _Edges:
    """Segments, laid in metres about their middle, and how far points lie from the nearest."""

    def __init__(self, segments: Degrees) -> None:
        """segments: (n, 2, 2) in degrees."""
        self.middle = segments.reshape(-1, 2).mean(axis=0)
        lines = shapely.linestrings(self._metres(segments.reshape(-1, 2)).reshape(-1, 2, 2))
        self.lines = np.asarray(lines, object)
        self.tree = shapely.STRtree(self.lines)

    def _metres(self, lonlat: Degrees) -> Degrees:
        return np.asarray((lonlat - self.middle) * _scale(self.middle[None]))

    def distances(self, lonlat: Degrees) -> NDArray[np.float64]:
        points = shapely.points(self._metres(lonlat))
        return np.asarray(shapely.distance(points, self.lines[self.tree.nearest(points)]))

    def median(self, lonlat: Degrees) -> float:
        return float(np.median(self.distances(lonlat)))


def _together(layer: ParcelStore, held: ParcelStore) -> tuple[Degrees, Degrees]:
    """Vertices of runs of neighbours all over ``layer``, and the segments held around them, in degrees."""
    points, rows, n = [], [], 0
    for run in _runs(len(layer)):
        shapes = crs.transform(layer.geometries(run), layer.zone, held.zone)
        boxes = shapely.bounds(shapes) + np.array([-1, -1, 1, 1]) * REACH_M
        _, near = held.query(boxes)
        near = np.unique(near)
        n += len(near)
        if n > ROWS_HELD:
            break
        if len(near):
            rows.append(near)
            points.append(shapely.get_coordinates(crs.transform(shapes, held.zone, crs.GEOGRAPHIC)))
    if not rows:
        return np.empty((0, 2)), np.empty((0, 2, 2))
    around = held.geometries(np.unique(np.concatenate(rows)))
    return np.concatenate(points), _segments(crs.transform(around, held.zone, crs.GEOGRAPHIC))


def _runs(rows: int) -> list[NDArray[np.intp]]:
    """Row numbers: all, where they are few; else runs of neighbours (rows lie in Hilbert order)."""
    if rows <= RUNS * ROWS_A_RUN:
        return np.array_split(np.arange(rows), min(RUNS, rows))
    return [int(first) + np.arange(ROWS_A_RUN) for first in np.linspace(0, rows - ROWS_A_RUN, RUNS)]


def _segments(shapes: NDArray[np.object_]) -> Degrees:
    rings = shapely.get_rings(shapely.get_parts(shapes))
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    same = ring[1:] == ring[:-1]
    return np.stack([xy[:-1][same], xy[1:][same]], axis=1)


def _scale(points: Degrees) -> Degrees:
    return np.column_stack([np.cos(np.radians(points[:, 1])), np.ones(len(points))]) * _METRES_A_DEGREE


def _turned(offset: Degrees, points: Degrees, turn: float) -> Degrees:
    """``offset`` in degrees, turned by ``turn`` on the ground."""
    scale = _scale(points)
    east, north = (offset * scale).T
    cos, sin = np.cos(turn), np.sin(turn)
    return np.column_stack([east * cos - north * sin, east * sin + north * cos]) / scale


# --- what follows from it -------------------------------------------------------------------------


def hints(names: Iterable[str], columns: Sequence[str], driver: str) -> list[str]:
    """What in the names of a file, its layer and its columns speaks of GCJ-02; in its own words."""
    told = [name for name in (*names, *columns) if any(word in name.lower() for word in _WORDS)]
    held = {column.lower() for column in columns}
    if driver == "JSON" or len(held & _SERVICE) >= 3:
        told.append("/".join(sorted(held & (_SERVICE | {"code", "name"}))) or driver)
    return told


_WORDS = ("gcj", "火星", "高德", "amap", "腾讯", "qqmap")
_SERVICE = {"adcode", "center", "centroid", "childrennum", "level", "parent", "subfeatureindex", "acroutes"}
"""Columns of the boundaries that map services of the web hand out."""


def judge(
    layer: Layer,
    store: ParcelStore,
    held: Iterable[tuple[Layer, ParcelStore]],
    hinted: Sequence[str],
    unshifted: bool,
    path: object,
) -> list[Text]:
    """What is to be said of where ``layer`` lies against those ``held``.

    Raises: CRSContradiction where it lies shifted by GCJ-02, or its names say so, and the user has not
    said what holds (--crs GCJ-02, or --unshifted).
    """
    taken_back = layer.crs == gcj02.NAME
    for other, other_store in held:
        found = compare(store, other_store)
        if found is None or found.lies is Lies.UNDECIDED:
            continue
        if found.lies is Lies.AS_SAID:
            return [_lies_as(other, found)] if hinted or taken_back else []
        if not unshifted:
            raise _shifted(path, other, found, taken_back)
        return [_insisted(other, found)]
    if taken_back or unshifted or not hinted:
        return []
    raise CRSContradiction(
        "{path}: {hints} speak of GCJ-02, the shifted datum of map services, and no layer held tells whether it is;"
        " take it in with --crs GCJ-02, or with --unshifted if it is right as it is.",
        path=path,
        hints=", ".join(hinted[:4]),
        instead=gcj02.NAME,
    )


def _named(other: Layer) -> str:
    return f"{other.kind} {other.edition}"


def _lies_as(other: Layer, found: Found) -> Text:
    return both("It lies as {other} does ({away:.0f} m).", other=_named(other), away=found.as_said_m)


def _insisted(other: Layer, found: Found) -> Text:
    return both(
        "Against {other} it lies as if shifted by GCJ-02 ({away:.0f} m off, {back:.0f} m with the shift taken back);"
        " taken as it is, as --unshifted says.",
        other=_named(other),
        away=found.as_said_m,
        back=found.taken_back_m,
    )


def _shifted(path: object, other: Layer, found: Found, taken_back: bool) -> CRSContradiction:
    if taken_back:
        return CRSContradiction(
            "{path}: --crs GCJ-02 does not fit: with the shift taken back it lies {away:.0f} m from {other}, without it"
            " nearer; leave --crs GCJ-02 away.",
            path=path,
            other=_named(other),
            away=found.as_said_m,
        )
    if found.lies is Lies.HELD_SHIFTED:
        return CRSContradiction(
            "{path}: {other} lies against it as if {other} were in GCJ-02 ({east:+.0f} m east, {north:+.0f} m north);"
            " remove {other} and add it again with --crs GCJ-02, or take this one as it is with --unshifted.",
            path=path,
            other=_named(other),
            east=found.offset_m[0],
            north=found.offset_m[1],
        )
    return CRSContradiction(
        "{path}: lies against {other} as data in GCJ-02 do ({east:+.0f} m east, {north:+.0f} m north: {away:.0f} m off"
        " as it is, {back:.0f} m with that taken back); take it in with --crs GCJ-02, or with --unshifted if it is"
        " right as it is.",
        path=path,
        other=_named(other),
        east=found.offset_m[0],
        north=found.offset_m[1],
        away=found.as_said_m,
        back=found.taken_back_m,
        instead=gcj02.NAME,
    )
