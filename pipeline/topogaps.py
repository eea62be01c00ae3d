"""Ground under no parcel: gaps inside a layer, and what it leaves of its districts.

The layer's extent is cut into tiles; in each, what the parcels leave free is found, and pieces that meet across
the edge of a tile are joined. What reaches the outside of the whole is no gap of the layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.area import polygon_area_m2
from geodata.crs import central_meridian, transform
from geodata.words import both
from pipeline.pieces import Geometries, Parts, moved
from pipeline.topology import LEAST_M2, Finding, Found

PARCELS_A_TILE = 2_000
MARGIN_M = 1.0
"""The tiles reach beyond the layer, so that the outside is one piece."""
HELD = 0.5
"""Of a district that the layer covers less of, what is missing is not a gap: it was not delivered."""
_NEAR_M = 1e-6


@dataclass(frozen=True, eq=False)
class _Piece:
    """Free ground of one tile. edges: (vertical, its place, from, to) of its sides on edges of the tile.
    outside: one of them is the edge of the whole. unit: of a district, -1 for none."""

    geometry: Any
    edges: tuple[tuple[bool, int, float, float], ...]
    outside: bool
    unit: int = -1


def gaps(parts: Parts, districts: Parts) -> Found:
    """All gaps, larger than rounding; districts: parts of a DISTRICT layer, of which the deepest units count."""
    zone = max(parts, key=lambda part: len(part[1]))[1].zone
    tiles = _Tiles(_bounds(parts, zone), sum(len(store) for _, store in parts))
    units = _units(districts, zone)
    free: list[_Piece] = []
    in_units: list[_Piece] = []
    total, missing = np.zeros(len(units)), np.zeros(len(units))
    for n, (i, j, box) in enumerate(tiles):
        left = _left(parts, zone, box)
        free += tiles.pieces(left, i, j)
        for unit in np.flatnonzero(shapely.intersects(units, box)) if len(units) else ():
            here = shapely.intersection(units[unit], box)
            lacking = shapely.intersection(here, left)
            total[unit] += here.area
            missing[unit] += lacking.area
            in_units += tiles.pieces(lacking, i, j, int(unit))
        yield None, (n + 1) / tiles.count
    enclosed = [group for group in _joined(free) if not any(piece.outside for piece in group)]
    inside = both("Under no parcel, enclosed by parcels.")
    for group in enclosed:
        yield from _told(group, zone, inside, 1.0)
    known = [piece.geometry for group in enclosed for piece in group]
    tree = shapely.STRtree(known)
    held = missing < (1 - HELD) * np.maximum(total, 1e-9)
    rest = [piece for piece in in_units if held[piece.unit] and not _is_known(piece, tree)]
    for group in _joined(rest):
        yield from _told(group, zone, both("Under no parcel, inside the district."), 1.0)


def _is_known(piece: _Piece, tree: shapely.STRtree) -> bool:
    """Is the piece part of a gap that was told already?"""
    return bool(len(tree.query(shapely.point_on_surface(piece.geometry), predicate="intersects")))


def _told(group: list[_Piece], zone: str, says: Any, share: float) -> Found:
    ground = group[0].geometry if len(group) == 1 else shapely.union_all([piece.geometry for piece in group])
    m2 = float(polygon_area_m2(np.array([ground], object), central_meridian(zone))[0])
    if m2 >= LEAST_M2:
        yield Finding("gap", ground, zone, m2, says), share


def _bounds(parts: Parts, zone: str) -> tuple[float, float, float, float]:
    boxes = np.array([moved(np.array([shapely.box(*store.bounds)]), store.zone, zone)[0] for _, store in parts], object)
    west, south, east, north = shapely.total_bounds(boxes).tolist()
    return west - MARGIN_M, south - MARGIN_M, east + MARGIN_M, north + MARGIN_M


def _left(parts: Parts, zone: str, box: Any) -> Any:
    """What the parcels leave free of a tile."""
    found: list[Geometries] = []
    for _, store in parts:
        asked = transform(np.array([box], object), zone, store.zone)
        _, rows = store.query(shapely.bounds(asked))
        found.append(moved(store.geometries(rows), store.zone, zone))
    shapes = np.concatenate(found)
    if not len(shapes):
        return box
    if shapely.coverage_is_valid(shapes):
        covered = shapely.coverage_union_all(shapes)
    else:
        covered = shapely.union_all(shapes)
    return shapely.difference(box, covered)


class _Tiles:
    """Squares over the extent, about ``PARCELS_A_TILE`` parcels each."""

    def __init__(self, bounds: tuple[float, float, float, float], parcels: int) -> None:
        west, south, east, north = bounds
        side = np.sqrt((east - west) * (north - south) * min(1.0, PARCELS_A_TILE / max(parcels, 1)))
        self.x = np.linspace(west, east, max(1, round((east - west) / side)) + 1)
        self.y = np.linspace(south, north, max(1, round((north - south) / side)) + 1)
        self.count = (len(self.x) - 1) * (len(self.y) - 1)

    def __iter__(self) -> Iterator[tuple[int, int, Any]]:
        for j in range(len(self.y) - 1):
            for i in range(len(self.x) - 1):
                yield i, j, shapely.box(self.x[i], self.y[j], self.x[i + 1], self.y[j + 1])

    def pieces(self, ground: Any, i: int, j: int, unit: int = -1) -> list[_Piece]:
        """The polygons of ``ground`` in tile (i, j)."""
        parts = [part for part in shapely.get_parts(ground, return_index=False) if part.geom_type == "Polygon"]
        if ground.geom_type == "GeometryCollection":
            parts = [one for part in shapely.get_parts(ground) for one in shapely.get_parts(part)]
            parts = [part for part in parts if part.geom_type == "Polygon"]
        return [self._piece(part, i, j, unit) for part in parts if not part.is_empty]

    def _piece(self, polygon: Any, i: int, j: int, unit: int) -> _Piece:
        xy = shapely.get_coordinates(polygon.exterior)
        edges = []
        for vertical, axis, places, own in ((True, 0, self.x, i), (False, 1, self.y, j)):
            for number in (own, own + 1):
                on = np.abs(xy[:, axis] - places[number]) < _NEAR_M
                for n in np.flatnonzero(on[:-1] & on[1:]).tolist():
                    low, high = sorted((float(xy[n, 1 - axis]), float(xy[n + 1, 1 - axis])))
                    edges.append((vertical, number, low, high))
        last = {True: len(self.x) - 1, False: len(self.y) - 1}
        outside = any(number in (0, last[vertical]) for vertical, number, _, _ in edges)
        return _Piece(polygon, tuple(edges), outside, unit)


def _joined(pieces: list[_Piece]) -> list[list[_Piece]]:
    """Pieces that share some length of a tile's edge, together."""
    root = list(range(len(pieces)))

    def find(n: int) -> int:
        while root[n] != n:
            root[n] = root[root[n]]
            n = root[n]
        return n

    by_edge: dict[tuple[bool, int, int], list[tuple[float, float, int]]] = {}
    for n, piece in enumerate(pieces):
        for vertical, number, low, high in piece.edges:
            by_edge.setdefault((vertical, number, piece.unit), []).append((low, high, n))
    for sides in by_edge.values():
        sides.sort()
        reach, owner = -np.inf, -1
        for low, high, n in sides:
            if owner >= 0 and min(reach, high) - low > 10 * _NEAR_M:
                root[find(n)] = find(owner)
            if high > reach:
                reach, owner = high, n
    groups: dict[int, list[_Piece]] = {}
    for n, piece in enumerate(pieces):
        groups.setdefault(find(n), []).append(piece)
    return list(groups.values())


def _units(districts: Parts, zone: str) -> NDArray[np.object_]:
    """Outlines of the deepest units, in ``zone``."""
    found: list[tuple[int, Any]] = []
    for _, store in districts:
        rows = np.arange(len(store))
        codes = store.attributes(rows, ["XZQDM"]).get("XZQDM", [""] * len(rows))
        for code, shape in zip(codes, moved(store.geometries(rows), store.zone, zone), strict=True):
            found.append((len(code or ""), shape))
    deepest = max((depth for depth, _ in found), default=0)
    units = np.empty(sum(depth == deepest for depth, _ in found), object)
    units[:] = [shape for depth, shape in found if depth == deepest]
    return units
