"""Pieces: what the parcels of a layer cut out of patches, all in one 3° zone."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.area import polygon_area_m2, to_zone
from geodata.crs import central_meridian
from geodata.layers import Layer
from geodata.parcels import ParcelStore
from pipeline.tiling import counted_once

PREPARE_ABOVE = 500
"""Vertices from which on a parcel is asked first whether it holds the whole patch."""
SEAM_M2 = 0.005
"""A piece that rounds to nothing is the seam between neighbours."""

Parts = list[tuple[Layer, ParcelStore]]
Geometries = NDArray[np.object_]
Candidates = list[tuple[NDArray[np.intp], NDArray[np.intp]]]
"""(patch, row) of the parcels whose boxes meet, for each part of a layer."""


@dataclass(frozen=True, eq=False)
class Pieces:
    """By patch, then in row order; (k,) each. part: number of the layer's part; row: in its store.
    raw_m2: ellipsoidal area; m2: of what is left where ground under two parcels is counted once."""

    patch: NDArray[np.intp]
    part: NDArray[np.intp]
    row: NDArray[np.intp]
    geometry: Geometries
    raw_m2: NDArray[np.float64]
    m2: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.patch)

    def only(self, kept: NDArray[np.bool_]) -> Pieces:
        return Pieces(*(getattr(self, f.name)[kept] for f in fields(self)))

    def once(self, patches: Geometries, zone: str) -> Pieces:
        """Doubly covered ground left to the first parcel in row order."""
        geometry, lost = counted_once(patches, self.patch, self.geometry)
        m2 = self.m2.copy()
        m2[lost] = polygon_area_m2(geometry[lost], central_meridian(zone))
        return replace(self, geometry=geometry, m2=m2)

    def ends(self, patches: int) -> list[int]:
        """Pieces of patch i: ``slice(ends[i], ends[i + 1])``."""
        return np.searchsorted(self.patch, np.arange(patches + 1)).tolist()


def cut(patches: Geometries, zone: str, parts: Parts, asked: Candidates | None = None) -> Pieces:
    """patches ∩ parcels of every part, in ``zone``; parcels kept in another zone are brought over.

    patches: (n,) valid polygons in ``zone``. asked: the candidates, where they are known already.
    """
    found = []
    for number, (_, store) in enumerate(parts):
        patch, row = asked[number] if asked else store.query(shapely.bounds(to_zone(patches, zone, store.zone)))
        rows, parcel = np.unique(row, return_inverse=True)
        parcels = moved(store.geometries(rows), store.zone, zone)
        geometry = _intersections(parcels, parcel, patches, patch)
        m2 = polygon_area_m2(geometry, central_meridian(zone))
        kept = m2 >= SEAM_M2
        found.append((patch[kept], np.full(kept.sum(), number), row[kept], geometry[kept], m2[kept]))
    if not found:
        none = np.empty(0, np.intp)
        return Pieces(none, none, none, np.empty(0, object), np.empty(0), np.empty(0))
    patch, part, row, geometry, m2 = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    order = np.lexsort((row, part, patch))
    return Pieces(patch[order], part[order], row[order], geometry[order], m2[order], m2[order])


def moved(geometries: Geometries, crs: str, zone: str) -> Geometries:
    """Geometries of any CRS in ``zone``, valid there."""
    if crs != zone:
        geometries = to_zone(geometries, crs, zone).copy()
        broken = ~shapely.is_valid(geometries)
        geometries[broken] = shapely.make_valid(geometries[broken], method="structure")
    return geometries


def _intersections(
    parcels: Geometries, parcel: NDArray[np.intp], patches: Geometries, patch: NDArray[np.intp]
) -> Geometries:
    """parcels[parcel] ∩ patches[patch].

    One of the two may be large: a district that holds the whole patch, or a patch that holds whole
    parcels. The large one is prepared and asked first; only what crosses its outline is cut.
    """
    parcels, pieces = parcels[parcel], patches[patch]
    found = np.empty(len(pieces), object)
    todo = np.ones(len(pieces), bool)
    for large, other in ((parcels, pieces), (pieces, parcels)):
        many = np.flatnonzero(todo & (shapely.get_num_coordinates(large) > PREPARE_ABOVE))
        if len(many):
            shapely.prepare(large[many])
            whole = shapely.contains_properly(large[many], other[many])
            apart = ~whole
            apart[apart] = ~shapely.intersects(large[many[apart]], other[many[apart]])
            found[many[whole]] = other[many[whole]]
            found[many[apart]] = shapely.Polygon()
            todo[many[whole | apart]] = False
    found[todo] = shapely.intersection(parcels[todo], pieces[todo])
    return found
