"""Changes × layers → m² of each kind, gross and net."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shapely.geometry.base import BaseGeometry

from geodata.layers import Kind


@dataclass(frozen=True)
class Share:
    """What one parcel of one layer contributes to a patch. label: TBBH, YJJBNTTBBH, 批文号, 备案号 …

    net_m2 = gross_m2 × (1 − KCXS) for 耕地; equal to gross_m2 elsewhere.
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
    + uncovered_m2 exactly (cents balanced per patch). Ground under two parcels counts once, for
    the first in row order; doubly_covered_m2 tells how much. Overlays (basic farmland, redline,
    approved, facility) are no terms of that sum.
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
    """BASIC_FARMLAND, REDLINE, APPROVED, FACILITY → (gross m², net m²), union of that kind's parcels."""
    shares: tuple[Share, ...]
    districts: Mapping[str, float]
    district_code: str
    district_name: str
    township_code: str
    township_name: str
    village_code: str
    village_name: str
    warnings: tuple[str, ...] = ()
