"""Where a part of a case lies as seen by someone who stands near it and looks somewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyproj
import shapely
from shapely.geometry import LineString, Point
from shapely.geometry.base import BaseGeometry

_GEOD = pyproj.Geod(ellps="GRS80")  # the ellipsoid of CGCS2000 to the last digit that counts here


@dataclass(frozen=True)
class Looked:
    """Where a part lies as seen from a position. distance_m: 0 inside. edge_m: to its boundary.
    off_deg: from the heading to the nearest direction in which the part lies within reach; None
    without heading, inside, or where nothing of it is within reach."""

    inside: bool
    distance_m: float
    edge_m: float
    off_deg: float | None


def look(lon: float, lat: float, heading_deg: float | None, geometry: BaseGeometry, reach_m: float) -> Looked:
    """Distances and bearings on the ellipsoid, from (lon, lat) to polygons in EPSG:4490.

    The part is drawn in the azimuthal equidistant plane around the position, where distances and
    bearings from it are exact.
    """

    def around(points: np.ndarray) -> np.ndarray:
        azimuth, _, metres = _GEOD.inv(np.full(len(points), lon), np.full(len(points), lat), points[:, 0], points[:, 1])
        angle = np.radians(azimuth)
        return np.column_stack([metres * np.sin(angle), metres * np.cos(angle)])

    part, here = shapely.transform(shapely.force_2d(geometry), around), Point(0, 0)
    inside = bool(part.covers(here))
    distance, edge = float(part.distance(here)), float(part.boundary.distance(here))
    off = None if inside or heading_deg is None else _off(part, heading_deg % 360.0, reach_m)
    return Looked(inside, distance, edge, off)


def _off(part: BaseGeometry, heading_deg: float, reach_m: float) -> float | None:
    """An edge's bearing runs one way along it, so the least deviation is at a vertex, unless the
    line of sight crosses the part."""
    seen = part.intersection(Point(0, 0).buffer(reach_m, quad_segs=32))
    if seen.is_empty:
        return None
    angle = math.radians(heading_deg)
    if LineString([(0, 0), (reach_m * math.sin(angle), reach_m * math.cos(angle))]).intersects(seen):
        return 0.0
    xy = shapely.get_coordinates(seen)
    bearings = np.degrees(np.arctan2(xy[:, 0], xy[:, 1]))
    return float(np.abs((bearings - heading_deg + 180.0) % 360.0 - 180.0).min())
