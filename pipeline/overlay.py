"""Changes × layers → m² of each kind, gross and net."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geodata.area import cents, polygon_area_m2, zones_of
from geodata.crs import GEOGRAPHIC, central_meridian, gk3, transform
from geodata.errors import EmptyData
from geodata.landcodes import CLASSES, FARMLAND, land_class, land_name
from geodata.layers import Kind
from geodata.parcels import hilbert_order
from geodata.words import Text, both
from pipeline.districts import Gazetteer
from pipeline.pieces import Candidates, Geometries, Parts, Pieces, cut, moved
from pipeline.records import Records, in_force, records
from pipeline.seen import QualityGrid, Seen, farmland_seen
from pipeline.tiling import OVERLAP_M2, balanced_cents, sum_by

if TYPE_CHECKING:
    from geodata.editions import LayersOnDay

__all__ = ["OVERLAYS", "Occupied", "QualityGrid", "Seen", "Share", "farmland_seen", "overlay"]

OVERLAYS = (Kind.BASIC_FARMLAND, Kind.REDLINE, Kind.APPROVED, Kind.FACILITY)
"""Kinds that are told beside the sum, never in it."""

PATCHES_AT_ONCE = 512


class Share(NamedTuple):
    """What one parcel of one layer contributes to a patch. label: TBBH, YJJBNTTBBH, 批文号, 备案号 …
    (A tuple, because a city has tens of thousands, and a frozen dataclass costs four times as much to make.)

    net_m2 = gross_m2 × (1 − KCXS) for 耕地 and basic farmland; equal to gross_m2 elsewhere.
    """

    kind: Kind
    layer_sha256: str
    row: int
    code: str
    name: str
    label: str
    unit: str
    kcxs: float
    gross_m2: float
    net_m2: float
    attributes: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Occupied:
    """A patch split over the layers valid that day; every area ellipsoidal, m², two decimals.

    patch_m2 = farmland_gross_m2 + other_agricultural_m2 + unused_m2 + construction_m2
    + uncovered_m2 exactly (cents balanced per patch), and the FARMLAND ``shares`` + uncovered_m2
    too. Ground under two parcels counts once, for the first in row order; doubly_covered_m2 tells
    how much. Parcels of unknown DLBM are uncovered ground, with a warning, and no share.
    Overlays (basic farmland, redline, approved, facility) are no terms of that sum.
    geometry: the patch in EPSG:4490 (lon, lat). zone: the CRS the areas were computed in.
    districts: {XZQDM: m2} at the deepest level held.
    """

    geometry: BaseGeometry
    zone: str
    patch_m2: float
    farmland_gross_m2: float
    farmland_net_m2: float
    other_agricultural_m2: float
    unused_m2: float
    construction_m2: float
    uncovered_m2: float
    doubly_covered_m2: float
    overlays: Mapping[Kind, tuple[float, float]]
    """BASIC_FARMLAND, REDLINE, APPROVED, FACILITY → (gross m², net m²), union of that kind's parcels
    (APPROVED and FACILITY: of those in force that day)."""
    shares: tuple[Share, ...]
    districts: Mapping[str, float]
    district_code: str
    district_name: str
    township_code: str
    township_name: str
    village_code: str
    village_name: str
    warnings: tuple[Text, ...] = ()


def overlay(
    patches: Sequence[BaseGeometry],
    crs: str,
    layers: LayersOnDay,
    *,
    day: date | None = None,
    progress: Callable[[float], None] | None = None,
) -> list[Occupied]:
    """Each patch split over ``layers``, in the order given.

    patches: polygons in ``crs``. day: the day on which approvals and facility records must be in
    force, ``layers.day`` if not given. progress: told the share done, 0 to 1.
    A patch is computed in the 3° zone in which most of its FARMLAND candidates are kept (else in
    that of its centroid); parcels kept in another zone are brought over.
    Raises: EmptyData for a patch without ground.
    """
    shapes = np.empty(len(patches), object)
    shapes[:] = patches
    empty = np.flatnonzero(shapely.is_missing(shapes) | (shapely.area(shapes) <= 0))
    if len(empty):
        raise EmptyData("Patch {number} has no area; give polygons.", number=int(empty[0]) + 1)
    gazetteer = Gazetteer(layers.parts.get(Kind.DISTRICT, []))
    found: list[Occupied | None] = [None] * len(shapes)
    # Neighbours together: a batch then reads few pages of the layers.
    order = hilbert_order(shapely.bounds(shapes)) if len(shapes) else np.empty(0, np.intp)
    for first in range(0, len(order), PATCHES_AT_ONCE):
        chosen = order[first : first + PATCHES_AT_ONCE]
        for group, zone, in_zone, asked in _by_zone(shapes[chosen], crs, layers.parts.get(Kind.FARMLAND, [])):
            split = _split(in_zone, zone, layers.parts, asked, day or layers.day, gazetteer)
            lonlat = transform(shapes[chosen[group]], crs, GEOGRAPHIC)
            for number, geometry, fields in zip(chosen[group], lonlat, split, strict=True):
                found[number] = Occupied(geometry=geometry, zone=zone, **fields)
        if progress:
            progress(min(1.0, (first + PATCHES_AT_ONCE) / len(order)))
    return [one for one in found if one is not None]


def _by_zone(
    patches: Geometries, crs: str, farmland: Parts
) -> Iterator[tuple[NDArray[np.intp], str, Geometries, Candidates]]:
    """(numbers of patches, their working zone, the patches in it, the farmland parcels asked of them)."""
    held = sorted({store.zone for _, store in farmland})
    in_zone = {zone: moved(patches, crs, zone) for zone in held}
    own = np.array([gk3(int(zone)) for zone in zones_of(patches, crs)], object)
    votes = np.zeros((len(held), len(patches)))
    asked = [store.query(shapely.bounds(in_zone[store.zone])) for _, store in farmland]
    for (_, store), (patch, _) in zip(farmland, asked, strict=True):
        votes[held.index(store.zone)] += np.bincount(patch, minlength=len(patches))
    for i, zone in enumerate(held):
        votes[i] += 0.5 * (own == zone)  # the centroid decides between equals
    working = own.copy()
    if held:
        best = votes.argmax(axis=0)
        working = np.where(votes.max(axis=0) >= 1, np.array(held, object)[best], own)
    for zone in sorted(set(working)):
        group = np.flatnonzero(working == zone)
        number = np.full(len(patches), -1)
        number[group] = np.arange(len(group))
        own_asked = [(number[patch][number[patch] >= 0], row[number[patch] >= 0]) for patch, row in asked]
        yield group, zone, in_zone[zone][group] if zone in in_zone else moved(patches[group], crs, zone), own_asked


def _split(
    patches: Geometries,
    zone: str,
    layers: Mapping[Kind, Parts],
    asked: Candidates,
    day: date,
    gazetteer: Gazetteer,
) -> list[dict[str, Any]]:
    """The fields of ``Occupied`` (geometry and zone apart) of patches that lie in ``zone``."""
    out: list[dict[str, Any]] = [{"overlays": {}, "shares": [], "warnings": []} for _ in patches]
    exact = polygon_area_m2(patches, central_meridian(zone))
    parts = layers.get(Kind.FARMLAND, [])
    seats = _add_land(out, cut(patches, zone, parts, asked), patches, zone, parts, exact)
    for kind in OVERLAYS:
        _add_overlay(out, kind, patches, zone, layers.get(kind, []), day)
    parts = layers.get(Kind.DISTRICT, [])
    places = cut(patches, zone, parts)
    codes, areas, ends = records(Kind.DISTRICT, places, parts).code, cents(places.m2).tolist(), places.ends(len(out))
    for i, fields in enumerate(out):
        own = slice(ends[i], ends[i + 1])
        fields.update(gazetteer.place(codes[own], areas[own], seats[i]))
        fields.update(shares=tuple(fields["shares"]), warnings=tuple(fields["warnings"]))
    return out


def _slack_m2(patches: Geometries, pieces: Pieces) -> NDArray[np.float64]:
    """(n,) what the pieces of a patch may miss of its area by rounding alone: coordinates to 0.1 mm
    and B, L to 1e-6" move an edge of 70 m by up to 0.005 m², and errors of many edges add as roots."""
    outline = shapely.length(patches) + sum_by(pieces.patch, shapely.length(pieces.geometry), len(patches))
    return 0.005 + 1e-3 * np.sqrt(outline)


def _add_land(
    out: list[dict[str, Any]],
    pieces: Pieces,
    patches: Geometries,
    zone: str,
    parts: Parts,
    exact: NDArray[np.float64],
) -> list[tuple[str, str]]:
    """The terms of the sum, the shares of the land-use parcels, and what was odd about them.

    Returns (ZLDWDM, ZLDWMC) of the largest parcel of each patch.
    """
    count = len(patches)
    pieces = pieces.once(patches, zone)
    found = records(Kind.FARMLAND, pieces, parts)
    land = _classes(found, pieces, parts)
    known = land >= 0
    covered = sum_by(pieces.patch, pieces.m2, count)
    gap = exact - covered
    gap[(gap <= _slack_m2(patches, pieces)) & (covered > 0)] = 0
    uncovered = gap + sum_by(pieces.patch[~known], pieces.m2[~known], count)
    group = np.concatenate([pieces.patch[known], np.arange(count)])
    total = np.rint(cents(exact) * 100).astype(np.int64)
    balanced = balanced_cents(np.concatenate([pieces.m2[known], uncovered]), group, total)

    gross = np.zeros(len(pieces), np.int64)
    gross[known] = balanced[: known.sum()]
    arable = land == CLASSES.index(FARMLAND)
    net = np.where(arable, np.rint(cents(gross / 100 * (1 - found.kcxs)) * 100).astype(np.int64), gross)
    sums = {"patch_m2": total, "uncovered_m2": balanced[known.sum() :]}
    for number, field in enumerate(_TERMS):
        sums[field] = _cents_by(pieces.patch, gross * (land == number), count)
    sums["farmland_net_m2"] = _cents_by(pieces.patch, net * arable, count)
    twice = cents(sum_by(pieces.patch, pieces.raw_m2 - pieces.m2, count))
    sums["doubly_covered_m2"] = np.rint(twice * 100).astype(np.int64)
    for field, values in sums.items():
        for fields, value in zip(out, values.tolist(), strict=True):
            fields[field] = value / 100
    _add_shares(out, Kind.FARMLAND, pieces, found, parts, gross, net, known)
    _warn_of_land(out, pieces, found, parts, ~known, arable & found.odd_kcxs)
    seats = [("", "")] * count
    order = np.lexsort((-gross, pieces.patch))
    for i in order[np.flatnonzero(np.diff(pieces.patch, prepend=-1))].tolist():
        if known[i]:
            seats[pieces.patch[i]] = found.attributes[i].get("ZLDWDM", ""), found.unit[i]
    return seats


_TERMS = ("farmland_gross_m2", "other_agricultural_m2", "unused_m2", "construction_m2")
"""Fields of ``Occupied``, in the order of ``landcodes.CLASSES``."""


def _cents_by(group: NDArray[np.intp], cent: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    return np.rint(sum_by(group, cent, count)).astype(np.int64)  # exact: far below 2^53


def _classes(found: Records, pieces: Pieces, parts: Parts) -> NDArray[np.int64]:
    """Number of each piece's land class in ``CLASSES``, -1 where its DLBM is not known."""
    keys = list(zip(pieces.part.tolist(), found.code, strict=True))
    numbers = {}
    for part, code in set(keys):
        land = land_class(code, parts[part][0].code_system)
        numbers[part, code] = CLASSES.index(land) if land else -1
    return np.array([numbers[key] for key in keys], np.int64)


def _add_shares(
    out: list[dict[str, Any]],
    kind: Kind,
    pieces: Pieces,
    found: Records,
    parts: Parts,
    gross: NDArray[np.int64],
    net: NDArray[np.int64],
    kept: NDArray[np.bool_],
) -> None:
    patch, part, row = pieces.patch.tolist(), pieces.part.tolist(), pieces.row.tolist()
    gross_m2, net_m2, kcxs = (gross / 100).tolist(), (net / 100).tolist(), found.kcxs.tolist()
    for i in np.flatnonzero(kept).tolist():
        layer = parts[part[i]][0]
        name = found.name[i]
        if not name and kind in (Kind.FARMLAND, Kind.BASIC_FARMLAND):
            name = land_name(found.code[i], layer.code_system) or ""
        out[patch[i]]["shares"].append(
            Share(
                kind,
                layer.source_sha256,
                row[i],
                found.code[i],
                name,
                found.label[i],
                found.unit[i],
                kcxs[i],
                gross_m2[i],
                net_m2[i],
                found.attributes[i],
            )
        )


def _warn_of_land(
    out: list[dict[str, Any]],
    pieces: Pieces,
    found: Records,
    parts: Parts,
    unknown: NDArray[np.bool_],
    odd: NDArray[np.bool_],
) -> None:
    for i in np.unique(pieces.patch[pieces.raw_m2 - pieces.m2 > OVERLAP_M2]).tolist():
        warning = both(
            "{m2:.2f} m² lie under two or more land-use parcels and are counted once.", m2=out[i]["doubly_covered_m2"]
        )
        out[i]["warnings"].append(warning)
    for i in np.flatnonzero(unknown).tolist():
        out[pieces.patch[i]]["warnings"].append(
            both(
                "DLBM “{code}” of parcel {label} is not in the code system {system}: {m2:.2f} m² count as uncovered.",
                code=found.code[i],
                label=found.label[i] or "–",
                system=parts[pieces.part[i]][0].code_system or "–",
                m2=float(cents(pieces.m2[i])),
            )
        )
    for i in np.flatnonzero(odd).tolist():
        out[pieces.patch[i]]["warnings"].append(
            both(
                "KCXS of parcel {label} is not between 0 and 1; its net area is taken as its gross area.",
                label=found.label[i] or "–",
            )
        )


def _add_overlay(
    out: list[dict[str, Any]], kind: Kind, patches: Geometries, zone: str, parts: Parts, day: date
) -> None:
    """Union area of one kind's parcels in each patch, gross and net, and their shares."""
    if not parts:
        for fields in out:
            fields["overlays"][kind] = (0.0, 0.0)
        return
    pieces = cut(patches, zone, parts)
    found = records(kind, pieces, parts)
    holds, said = in_force(kind, found, day)
    for i, text in said.items():
        out[pieces.patch[i]]["warnings"].append(text)
    share = np.rint(cents(pieces.m2) * 100).astype(np.int64)
    _add_shares(
        out,
        kind,
        pieces,
        found,
        parts,
        share,
        np.rint(cents(share / 100 * (1 - found.kcxs)) * 100).astype(np.int64),
        holds,
    )
    valid = pieces.only(holds).once(patches, zone)
    gross = sum_by(valid.patch, valid.m2, len(out))
    net = sum_by(valid.patch, valid.m2 * (1 - found.kcxs[holds]), len(out))
    # A patch wholly inside is so to the cent.
    full = np.array([fields["patch_m2"] for fields in out])
    whole = gross > full - _slack_m2(patches, valid) - 0.005
    net[whole] *= full[whole] / gross[whole]
    gross[whole] = full[whole]
    for fields, m2 in zip(out, np.stack([cents(gross), cents(net)], axis=1).tolist(), strict=True):
        fields["overlays"][kind] = tuple(m2)
