"""Equal treatment: farmland nearby that shows the same change and was not flagged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shapely.geometry.base import BaseGeometry

from pipeline.plain import from_plain, to_plain


@dataclass(frozen=True, eq=False)
class Lookalike:
    """geometry: EPSG:4490, what changed alike. area_m2: its ellipsoidal area. similarity: 0 to 1, of the change's
    direction and size. distance_m: from the part. parcels: identifiers (or land codes) of the parcels it lies on."""

    geometry: BaseGeometry
    area_m2: float
    similarity: float
    distance_m: float
    parcels: tuple[str, ...]


def to_json(one: Lookalike) -> dict[str, Any]:
    return to_plain(one)


def from_json(data: Mapping[str, Any]) -> Lookalike:
    return from_plain(Lookalike, data)
