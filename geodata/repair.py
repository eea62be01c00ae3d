"""Repair of polygons: what was wrong with how many, nothing dropped unseen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

POLYGON, MULTIPOLYGON = shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON
DROPPED = ("null_geometry", "empty_geometry", "unreadable_geometry", "not_finite", "not_polygon", "collapsed")
"""Reasons that leave nothing of a record; all others change it."""


@dataclass(frozen=True, eq=False)
class Repaired:
    """geometries: valid 2-D (Multi)Polygons, None where nothing is left. kept: False there.
    changed: True where a shape is no longer what was delivered. counts: {reason: n}."""

    geometries: NDArray[np.object_]
    kept: NDArray[np.bool_]
    changed: NDArray[np.bool_]
    counts: Mapping[str, int]


def read_wkb(wkb: NDArray[np.object_]) -> tuple[NDArray[np.object_], dict[str, int]]:
    """(n,) WKB → geometries in x and y; what cannot be read, or has coordinates that are no numbers,
    is None and counted. Rings that are not closed are closed."""
    counts: dict[str, int] = {}
    missing = np.array([w is None for w in wkb], bool)
    found = from_wkb(wkb)
    for reason, which in (
        ("null_geometry", missing),
        ("unreadable_geometry", shapely.is_missing(found) & ~missing),
        ("not_finite", _not_finite(found)),
    ):
        if which.any():
            counts[reason] = int(which.sum())
    found[_not_finite(found)] = None
    _flatten(found, counts)
    return found, counts


def _flatten(geometries: NDArray[np.object_], counts: dict[str, int]) -> None:
    high = shapely.has_z(geometries) | shapely.has_m(geometries)
    if high.any():
        counts["z_dropped"] = int(high.sum())
        geometries[high] = shapely.force_2d(geometries[high])


def from_wkb(wkb: NDArray[np.object_]) -> NDArray[np.object_]:
    """(n,) WKB → geometries, None for what cannot be read."""
    try:
        return shapely.from_wkb(wkb, on_invalid="fix")
    except NotImplementedError:  # one of them is curved: find which
        if len(wkb) == 1:
            return np.array([None], object)
        return np.concatenate([from_wkb(wkb[: len(wkb) // 2]), from_wkb(wkb[len(wkb) // 2 :])])


def repair(geometries: NDArray[np.object_]) -> Repaired:
    """Make (n,) shapely geometries valid polygons: overlaps of a shape with itself are merged, holes
    stay holes, what is no area goes; Z goes. The order and number of records stay."""
    found = np.array(geometries, dtype=object)
    counts: dict[str, int] = {}
    changed = np.zeros(len(found), bool)

    def drop(reason: str, which: NDArray[np.bool_]) -> None:
        if which.any():
            counts[reason] = counts.get(reason, 0) + int(which.sum())
            found[which] = None

    drop("null_geometry", shapely.is_missing(found))
    drop("empty_geometry", shapely.is_empty(found))
    drop("not_finite", _not_finite(found))
    _flatten(found, counts)
    held = ~shapely.is_missing(found)
    other = held & ~_is_polygon(found)
    if other.any():
        found[other] = _polygons_of(found[other])
        drop("not_polygon", other & shapely.is_empty(found))
        parts = other & ~shapely.is_missing(found)
        if parts.any():
            counts["parts_dropped"] = int(parts.sum())
            changed |= parts
    invalid = ~shapely.is_missing(found) & ~shapely.is_valid(found)
    if invalid.any():
        for reason, n in zip(*np.unique(_reasons(found[invalid]), return_counts=True), strict=True):
            counts[str(reason)] = int(n)
        found[invalid] = _valid(found[invalid])
        changed |= invalid
        drop("collapsed", invalid & shapely.is_empty(found))
    return Repaired(found, ~shapely.is_missing(found), changed, counts)


def _not_finite(geometries: NDArray[np.object_]) -> NDArray[np.bool_]:
    xy, owner = shapely.get_coordinates(geometries, return_index=True)
    bad = np.zeros(len(geometries), bool)
    bad[owner[~np.isfinite(xy).all(axis=1)]] = True
    return bad


def _is_polygon(geometries: NDArray[np.object_]) -> NDArray[np.bool_]:
    return np.isin(shapely.get_type_id(geometries), (POLYGON, MULTIPOLYGON))


def _polygons_of(geometries: NDArray[np.object_]) -> NDArray[np.object_]:
    """The polygons inside collections as one (Multi)Polygon each; an empty one where there are none."""
    out = np.empty(len(geometries), object)
    for i, geometry in enumerate(geometries):
        parts = [geometry]
        while any(shapely.get_type_id(p) == shapely.GeometryType.GEOMETRYCOLLECTION for p in parts):
            parts = [q for p in parts for q in (p.geoms if p.geom_type == "GeometryCollection" else [p])]
        parts = [q for p in parts if _is_polygon(np.array([p]))[0] for q in shapely.get_parts(p)]
        parts = [p for p in parts if not p.is_empty]
        out[i] = parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
    return out


def _valid(geometries: NDArray[np.object_]) -> NDArray[np.object_]:
    made = shapely.make_valid(geometries, method="structure", keep_collapsed=False)
    for mend in (_as_it_is, _united, _linework):
        bad = ~(_is_polygon(made) & shapely.is_valid(made))  # GEOS may leave parts that share an edge
        if bad.any():
            made[bad] = _polygons_of(mend(made[bad]))
    return made


def _as_it_is(geometries: NDArray[np.object_]) -> NDArray[np.object_]:
    return geometries


def _linework(geometries: NDArray[np.object_]) -> NDArray[np.object_]:
    return _united(np.asarray(shapely.make_valid(geometries), object))


def _united(geometries: NDArray[np.object_]) -> NDArray[np.object_]:
    return np.array([shapely.union_all(p) for p in map(shapely.get_parts, _polygons_of(geometries))], object)


def _reasons(geometries: NDArray[np.object_]) -> NDArray[np.str_]:
    """ "Ring Self-intersection[1 2]" → "ring_self_intersection"."""
    told = [str(r).partition("[")[0].strip() for r in shapely.is_valid_reason(geometries)]
    return np.array([t.lower().replace("-", "_").replace(" ", "_") or "invalid" for t in told])
