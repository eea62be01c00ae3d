"""Where the shapes of a layer disagree with each other: overlaps, duplicates, slivers. Nothing is mended.

Walked block by block in the order at rest, neighbours with neighbours. Which parcels need a closer look is
told by GEOS' check of coverages (edges that meet exactly are sound); only their pairs are cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.area import polygon_area_m2, to_zone
from geodata.crs import central_meridian
from geodata.words import Text, both
from pipeline.pieces import Geometries, Parts, moved

ROWS_AT_ONCE = 4_096
LEAST_M2 = 0.01
"""Overlaps and gaps below are rounding of coordinates."""
SLIVER_M, SLIVER_M2 = 0.5, 1.0
"""A parcel narrower on the average (2 · area / outline) or smaller is a sliver; the survey maps from 1 m of width."""

Place = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Finding:
    """One thing that is wrong. problem: key of ``PROBLEMS``. geometry: in ``zone``. m2: ellipsoidal.
    parcel, other: (part, row) of those concerned."""

    problem: str
    geometry: Any
    zone: str
    m2: float
    says: Text
    parcel: Place | None = None
    other: Place | None = None


Found = Iterator[tuple[Finding | None, float]]
"""Findings, and the share that is done; None where there is only that to tell."""


def overlaps(parts: Parts) -> Found:
    """Ground under two parcels, pair by pair."""
    whole = sum(len(store) for _, store in parts) or 1
    done = 0
    for number, (_, store) in enumerate(parts):
        for first in range(0, len(store), ROWS_AT_ONCE):
            rows = np.arange(first, min(first + ROWS_AT_ONCE, len(store)))
            shapes = store.geometries(rows)
            for other in range(number, len(parts)):
                for finding in _pairs(parts, number, rows, shapes, other):
                    yield finding, done / whole
            done += len(rows)
            yield None, done / whole


def _pairs(parts: Parts, number: int, rows: NDArray[np.intp], shapes: Geometries, other: int) -> Iterator[Finding]:
    zone, theirs = parts[number][1].zone, parts[other][1]
    bounds = shapely.bounds(to_zone(shapes, zone, theirs.zone))
    one, row = theirs.query(bounds)
    if other == number:
        one, row = one[row > rows[one]], row[row > rows[one]]
    if not len(one):
        return
    known, index = np.unique(row, return_inverse=True)
    neighbours = moved(theirs.geometries(known), theirs.zone, zone)
    inside = np.full(len(known), -1)
    if other == number:  # a neighbour of the same block is there already
        at = known - rows[0]
        here = at < len(rows)
        inside[here] = at[here]
    odd = _odd(np.concatenate([shapes, neighbours[inside < 0]]))
    odd_neighbour = np.empty(len(known), bool)
    odd_neighbour[inside >= 0] = odd[inside[inside >= 0]]
    odd_neighbour[inside < 0] = odd[len(shapes) :]
    asked = odd[one] & odd_neighbour[index]
    one, row, index = one[asked], row[asked], index[asked]
    shared = shapely.intersection(shapes[one], neighbours[index])
    m2 = polygon_area_m2(shared, central_meridian(zone))
    for n in np.flatnonzero(m2 >= LEAST_M2).tolist():
        said = both("{m2} m² lie under both parcels.", m2=f"{m2[n]:,.2f}")
        own, its = (number, int(rows[one[n]])), (other, int(row[n]))
        yield Finding("overlap", shared[n], zone, float(m2[n]), said, own, its)


def _odd(shapes: Geometries) -> NDArray[np.bool_]:
    """Whose edges do not all meet a neighbour's exactly, or nobody's."""
    simple = shapes
    if (shapely.get_type_id(shapes) > 6).any():
        return np.ones(len(shapes), bool)
    return ~shapely.is_empty(np.asarray(shapely.coverage_invalid_edges(simple), object))


def slivers(parts: Parts) -> Found:
    """Parcels that are hardly ground."""
    for number, (_, store), rows, shapes in blocks(parts):
        area, outline = np.asarray(store.areas[rows]), shapely.length(shapes)
        width = 2 * area / np.maximum(outline, 1e-9)
        for n in np.flatnonzero((width < SLIVER_M) | (area < SLIVER_M2)).tolist():
            said = both("{m2} m², {width} m wide on the average.", m2=f"{area[n]:,.2f}", width=f"{width[n]:.2f}")
            yield Finding("sliver", shapes[n], store.zone, float(area[n]), said, (number, int(rows[n]))), 0.0


def blocks(parts: Parts, size: int = ROWS_AT_ONCE) -> Iterator[tuple[int, Any, NDArray[np.intp], Geometries]]:
    """(number of the part, (layer, store), rows, their shapes) of all parcels in turn."""
    for number, part in enumerate(parts):
        for first in range(0, len(part[1]), size):
            rows = np.arange(first, min(first + size, len(part[1])))
            yield number, part, rows, part[1].geometries(rows)


def duplicates(parts: Parts) -> Found:
    """Parcels whose shape, or whose number, another one has: each later one, with the first."""
    starts = np.concatenate([[0], np.cumsum([len(store) for _, store in parts])]).astype(np.intp)
    for columns, says in (
        (("wkb",), both("The same shape, vertex for vertex, as another parcel.")),
        (("BSM",), both("The same BSM as another parcel.")),
        (("ZLDWDM", "TBBH"), both("The same TBBH in the same unit as another parcel.")),
    ):
        if columns != ("wkb",) and not all(set(columns) <= set(store.columns) for _, store in parts):
            continue
        hashes = np.concatenate([_hashes(store, columns) for _, store in parts])
        values, first, inverse, counts = np.unique(hashes, return_index=True, return_inverse=True, return_counts=True)
        again = np.flatnonzero(
            (counts[inverse] > 1) & (values[inverse] != 0) & (first[inverse] != np.arange(len(hashes)))
        )
        for parcel in again.tolist():
            own, its = _place(starts, parcel), _place(starts, int(first[inverse[parcel]]))
            _, store = parts[own[0]]
            shape = store.geometries(np.array([own[1]]))[0]
            yield Finding("duplicate", shape, store.zone, float(store.areas[own[1]]), says, own, its), 0.0


def _place(starts: NDArray[np.intp], parcel: int) -> Place:
    part = int(np.searchsorted(starts, parcel, "right")) - 1
    return part, int(parcel - starts[part])


def _hashes(store: Any, columns: tuple[str, ...]) -> NDArray[np.int64]:
    found = np.zeros(len(store), np.int64)
    for first in range(0, len(store), ROWS_AT_ONCE):
        last = min(first + ROWS_AT_ONCE, len(store))
        told = zip(*(store.column(name, first, last).to_pylist() for name in columns), strict=True)
        found[first:last] = [0 if None in row or "" in row else hash(row) for row in told]
    return found
