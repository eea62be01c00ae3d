"""From cases and districts to what a page carries: plain values, small, in stable order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from geodata.days import BEIJING
from geodata.errors import InputError
from pipeline.cases.case import Case
from pipeline.cases.rows import case_row

LEVELS: Mapping[int, str] = {4: "city", 6: "county", 9: "township", 12: "village"}
"""Length of XZQDM → level."""


@dataclass(frozen=True, eq=False)
class District:
    """One unit of the DISTRICT layer. level: city, county, township or village; parent: the code of
    the next level up, "" at the top. geometry: EPSG:4490, degrees."""

    code: str
    name: str
    level: str
    parent: str
    geometry: BaseGeometry


@dataclass(frozen=True)
class Park:
    """A park (园区): a code of its own, and the townships (or counties) that lie in it, by how their code begins."""

    code: str
    name: str
    townships: tuple[str, ...]

    def holds(self, township_code: str) -> bool:
        return bool(township_code) and township_code.startswith(self.townships)


def park(told: str) -> Park:
    """ "430371 湘潭高新区: 430304001 430304002" as a Park. Raises: InputError."""
    found = re.fullmatch(r"\s*(\d{2,12})\s+([^:：]+?)\s*[:：]\s*(\d{2,12}(?:[\s,，]+\d{2,12})*)\s*", told)
    if found is None:
        raise InputError(
            "[bureau] parks: {told} cannot be read; write code, name, colon and the codes of its townships, "
            "as “430371 High-tech Zone: 430304001 430304002”.",
            told=told,
        )
    return Park(found[1], found[2], tuple(re.findall(r"\d+", found[3])))


def district(code: str, name: str, geometry: BaseGeometry) -> District:
    """Level by the length of the code, parent by its prefix; without a name it is shown by its code.

    Codes padded with zeros ("430321000") count by what stands before the padding.
    """
    bare = code
    for length in (6, 9, 12):
        if len(code) > length and not code[length:].strip("0"):
            bare = code[:length]
            break
    level = LEVELS.get(len(bare), "village" if len(bare) > 9 else "county")
    parent = {"township": bare[:6], "village": bare[:9], "county": bare[:4]}.get(level, "")
    return District(bare, name or bare, level, parent, geometry)


def page_row(case: Case, *, chip: str | None = None) -> dict[str, Any]:
    """``case_row`` of a case with what the overview shows beside it.

    chip: address of its thumbnail, from the site's root.
    """
    return {**case_row(case), "chip": chip}


def month_of(at: str | datetime | None) -> str | None:
    """Beijing month of a time, "2026-11"."""
    if at is None:
        return None
    return _month_of(at)


@lru_cache(100_000)
def _month_of(at: str | datetime) -> str:
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{moment.astimezone(BEIJING):%Y-%m}"


def days_left(due: str | datetime | None, as_of: datetime | None) -> int | None:
    """Whole Beijing days from ``as_of`` to the due day; negative = overdue; None = nothing is due."""
    if due is None or as_of is None:
        return None
    return (_day_of(due) - _day_of(as_of)).days


@lru_cache(10_000)
def _day_of(at: str | datetime) -> date:
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return moment.astimezone(BEIJING).date() if moment.tzinfo else moment.date()  # a bare day is Beijing's


def levels(districts: Iterable[District], names: Mapping[str, str] | None = None) -> dict[str, dict[str, District]]:
    """{level: {code: District}}; a county or township that the layer lacks is the union of what lies
    in it. Parts of one unit are joined. names: {code: name} known from elsewhere."""
    found: dict[str, dict[str, list[District]]] = {level: {} for level in LEVELS.values()}
    for unit in districts:
        found[unit.level].setdefault(unit.code, []).append(unit)
    joined = {level: {code: _joined(parts) for code, parts in sorted(units.items())} for level, units in found.items()}
    for level, below, length in (("township", "village", 9), ("county", "township", 6)):
        missing: dict[str, list[BaseGeometry]] = {}
        for unit in joined[below].values():
            if unit.code[:length] not in joined[level]:
                missing.setdefault(unit.code[:length], []).append(unit.geometry)
        for code, parts in sorted(missing.items()):
            joined[level][code] = district(code, (names or {}).get(code, ""), shapely.union_all(parts))
    return joined


def _joined(parts: Sequence[District]) -> District:
    first = parts[0]
    if len(parts) == 1:
        return first
    whole = shapely.union_all([part.geometry for part in parts])
    return District(first.code, first.name, first.level, first.parent, whole)


def simplified(units: Sequence[District], limit_bytes: int) -> list[tuple[District, dict[str, Any]]]:
    """Units with GeoJSON geometries whose text is no longer than ``limit_bytes`` together.

    Shared borders stay shared (coverage simplification), so no gaps open between neighbours.
    """
    if not units:
        return []
    shapes = np.array([_polygonal(unit.geometry) for unit in units], dtype=object)
    west, south, east, north = shapely.total_bounds(shapes)
    span = max(east - west, north - south)
    digits = 4 if span > 0.5 else 5
    tolerance = span / 4000
    for _ in range(16):
        drawn = shapely.coverage_simplify(shapes, tolerance)
        geometries = [_rounded(mapping(g), digits) for g in drawn]
        if sum(_length(g["coordinates"]) for g in geometries) <= limit_bytes:
            break
        tolerance *= 1.6
    return list(zip(units, geometries, strict=True))


def _polygonal(geometry: BaseGeometry) -> BaseGeometry:
    """What of it has an area: a repaired unit may carry stray lines and points."""
    if geometry.geom_type in ("Polygon", "MultiPolygon"):
        return geometry
    flat = [part for part in shapely.get_parts(geometry) if part.geom_type in ("Polygon", "MultiPolygon")]
    return shapely.union_all(flat) if flat else shapely.Polygon()


def _rounded(geometry: Mapping[str, Any], digits: int) -> dict[str, Any]:
    def walk(value: Any) -> Any:
        return round(float(value), digits) if isinstance(value, (int, float)) else [walk(v) for v in value]

    return {"type": geometry["type"], "coordinates": walk(geometry["coordinates"])}


def _length(value: Any) -> int:
    if isinstance(value, list):
        return sum(_length(v) + 2 for v in value) + (0 if value else 2)
    return len(repr(value))


def label_point(geometry: BaseGeometry) -> tuple[float, float]:
    """(lat, lon) for a name, in the upper part of the widest place, so that a ring fits below it."""
    inside = geometry.representative_point()
    _, south, _, north = geometry.bounds
    middle = geometry.centroid if geometry.contains(geometry.centroid) else inside
    line = shapely.LineString([(middle.x, south), (middle.x, north)])
    cut = geometry.intersection(line)
    pieces = [piece for piece in shapely.get_parts(cut) if piece.distance(middle) < 1e-9]
    if not pieces:
        return inside.y, inside.x
    top = pieces[0].bounds[3]
    return middle.y + (top - middle.y) * 0.55, middle.x


def ring_point(geometry: BaseGeometry) -> tuple[float, float]:
    """(lat, lon) for a ring."""
    middle = geometry.centroid
    point = middle if geometry.contains(middle) else geometry.representative_point()
    return point.y, point.x
