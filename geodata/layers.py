"""Layer: polygons with a meaning; the column contract, code systems, repair with a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum


class Kind(StrEnum):
    FARMLAND = "FARMLAND"
    BASIC_FARMLAND = "BASIC_FARMLAND"
    DISTRICT = "DISTRICT"
    APPROVED = "APPROVED"
    FACILITY = "FACILITY"
    REDLINE = "REDLINE"
    BOUNDARY = "BOUNDARY"


@dataclass(frozen=True, eq=False)
class Layer:
    """One delivered file of one kind and edition, as held. An edition may have several
    (one a zone or county); the parcels themselves are read through ``parcels.ParcelStore``.

    crs: as delivered ("EPSG:4526"); zone: the 3° CGCS2000 zone without prefix it is kept in
    ("EPSG:4547"). folder: where it lies, relative to the catalogue's root.
    repaired: {reason: n}. area_m2: ellipsoidal, after repair.
    """

    kind: Kind
    edition: str
    valid_from: date
    code_system: str | None
    crs: str
    zone: str
    source_sha256: str
    folder: str
    features: int
    area_m2: float
    area_before_m2: float
    repaired: Mapping[str, int] = field(default_factory=dict)
    dropped_columns: tuple[str, ...] = ()
    unknown_codes: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
