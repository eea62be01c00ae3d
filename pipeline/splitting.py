"""Cutting the ground of a case into parts: along given polygons, without slivers, areas adding up to the cent. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from geodata.area import cents
from geodata.crs import GEOGRAPHIC, transform
from geodata.errors import InputError
from geodata.landcodes import land_class
from geodata.layers import Kind
from pipeline.overlay import OVERLAYS, Occupied

GRID_M = 0.001
"""Corners are brought onto this grid, so that neighbours share their edge exactly."""
SLIVER_M2 = 1.0
SLIVER_WIDTH_M = 0.3
"""A left-over piece smaller or thinner than this is drawing error: it goes to the neighbour with most of its edge."""
TOLERANCE_M2 = 6.0
"""Less than 0.01 mu: what rounding of corners may move; more is other ground, or other layers."""

TERMS: Mapping[str, str] = {
    "farmland_gross_m2": "farmland", "other_agricultural_m2": "other_agricultural", "unused_m2": "unused",
    "construction_m2": "construction",
}  # fmt: skip
"""Terms of the sum, with their land class."""


@dataclass(frozen=True, eq=False)
class Cut:
    """parts: polygons in ``zone``, in the order given, the remainder last. remainder_m2: 0 where they cover it all."""

    parts: tuple[BaseGeometry, ...]
    zone: str
    remainder_m2: float


def cut(ground: Mapping[str, Any], drawn: Sequence[BaseGeometry | None], path: object) -> Cut:
    """``ground`` (``overlay.Occupied`` as JSON) along polygons in EPSG:4490.

    Raises: InputError where a polygon misses the ground, two lie over one another, or only one part comes out.
    """
    zone = str(ground["zone"])
    usable = [g for g in drawn if g is not None]
    given = np.array([shape(ground["geometry"]), *usable], object)
    inside = shapely.set_precision(np.asarray(transform(given, GEOGRAPHIC, zone), object), GRID_M)
    whole, rest = inside[0], inside[0]
    parts: list[BaseGeometry] = []
    for number, polygon in enumerate(inside[1:], 1):
        own = _polygonal(shapely.intersection(polygon, whole, grid_size=GRID_M))
        free = _polygonal(shapely.intersection(polygon, rest, grid_size=GRID_M))
        if own.area < SLIVER_M2:
            raise InputError("{path}: polygon {n} does not lie on this ground; leave it out.", path=path, n=number)
        if own.area - free.area > max(SLIVER_M2, 0.001 * own.area):
            raise InputError(
                "{path}: polygon {n} lies over an earlier one by {m2} m²; cut them apart.",
                path=path,
                n=number,
                m2=f"{own.area - free.area:.2f}",
            )
        parts.append(free)
        rest = _polygonal(shapely.difference(rest, polygon, grid_size=GRID_M))
    left = [piece for piece in shapely.get_parts(rest) if piece.area > 0]
    large = [piece for piece in left if not _is_sliver(piece)]
    for piece in (piece for piece in left if _is_sliver(piece)):
        _give(piece, parts)
    if large:
        parts.append(shapely.union_all(large))
    if len(parts) < 2:
        raise InputError("{path}: cuts nothing off; a split needs two parts or more.", path=path)
    return Cut(tuple(parts), zone, float(sum(piece.area for piece in large)))


def _is_sliver(piece: BaseGeometry) -> bool:
    return bool(piece.area < SLIVER_M2 or 2 * piece.area / piece.length < SLIVER_WIDTH_M)


def _give(piece: BaseGeometry, parts: list[BaseGeometry]) -> None:
    """To the part with which it shares most of its edge."""
    if not parts:
        return
    shared = [shapely.intersection(piece, part.boundary).length for part in parts]
    best = int(np.argmax(shared))
    parts[best] = _polygonal(shapely.union(parts[best], piece, grid_size=GRID_M))


def _polygonal(geometry: BaseGeometry) -> BaseGeometry:
    pieces = [p for p in shapely.get_parts(geometry) if p.geom_type == "Polygon" and p.area > 0]
    return shapely.union_all(pieces) if len(pieces) != 1 else pieces[0]


def balanced(ground: Mapping[str, Any], parts: Sequence[Occupied], systems: Mapping[str, str | None]) -> list[Occupied]:
    """``parts`` with areas that add up to those of ``ground`` exactly, the cents given to the largest of each kind.

    systems: {sha256 of a layer: its code system}. A difference beyond ``TOLERANCE_M2`` is left as it is: then the
    ground or the layers are others, and the step is refused.
    """
    found = list(parts)
    for name, land in TERMS.items():
        at, left = _largest(found, ground, name)
        if left:
            found[at] = _shared(replace(found[at], **_plus(found[at], name, left)), land, left, systems)
    at, left = _largest(found, ground, "uncovered_m2")
    if left:
        found[at] = replace(found[at], **_plus(found[at], "uncovered_m2", left))
    at, left = _largest(found, ground, "farmland_net_m2")
    if left:
        found[at] = replace(found[at], **_plus(found[at], "farmland_net_m2", left))
    for n, part in enumerate(found):
        terms = sum(getattr(part, name) for name in TERMS) + part.uncovered_m2
        found[n] = replace(part, patch_m2=_cents(terms))
    for kind in OVERLAYS:
        found = _balanced_overlay(ground, found, kind)
    return found


def _cents(value: float) -> float:
    return float(cents(np.array([value]))[0])


def _plus(part: Occupied, name: str, left: float) -> dict[str, Any]:
    return {name: _cents(getattr(part, name) + left)}


def _largest(parts: Sequence[Occupied], ground: Mapping[str, Any], name: str) -> tuple[int, float]:
    """The part with most of it, and what it lacks; 0 where that is more than rounding."""
    values: NDArray[np.float64] = np.array([getattr(part, name) for part in parts])
    left = _cents(float(ground[name]) - float(values.sum()))
    return int(values.argmax()), left if abs(left) <= TOLERANCE_M2 and values.max() + left >= 0 else 0.0


def _shared(part: Occupied, land: str, left: float, systems: Mapping[str, str | None]) -> Occupied:
    """The same cents on its largest parcel of that class, so that the parcels add up as well."""
    own = [
        n
        for n, share in enumerate(part.shares)
        if share.kind is Kind.FARMLAND and land_class(share.code, systems.get(share.layer_sha256)) == land
    ]
    if not own:
        return part
    at = max(own, key=lambda n: part.shares[n].gross_m2)
    old = part.shares[at]
    gross = _cents(old.gross_m2 + left)
    new = old._replace(gross_m2=gross, net_m2=_cents(gross * (1 - old.kcxs)) if land == "farmland" else gross)
    return replace(part, shares=(*part.shares[:at], new, *part.shares[at + 1 :]))


def _balanced_overlay(ground: Mapping[str, Any], parts: list[Occupied], kind: Kind) -> list[Occupied]:
    whole = ground["overlays"].get(str(kind))
    if whole is None:
        return parts
    values = np.array([part.overlays.get(kind, (0.0, 0.0)) for part in parts])
    left = np.asarray(whole, float) - values.sum(axis=0)
    at = int(values[:, 0].argmax())
    if np.abs(left).max() > TOLERANCE_M2 or (values[at] + left).min() < 0:
        return parts
    gross, net = (_cents(float(v)) for v in values[at] + left)
    found = list(parts)
    found[at] = replace(found[at], overlays={**found[at].overlays, kind: (gross, net)})
    return found
