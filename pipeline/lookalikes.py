"""Equal treatment: farmland nearby that shows the same change as a part and was not flagged.

The change is taken against the season's: what a pixel changed by, less what the fields around changed by in the
middle, in units of the fields' own scatter. Alike is what changed in the same direction (cosine) by a similar
amount. This lists places for a person to look at; it says nothing of their lawfulness.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from pipeline import likeness
from pipeline.plain import from_plain, to_plain

ALIKE = 0.85
"""Least similarity."""
SIZE = 2.0
"""The amount may differ by this factor either way."""
LEAST_PX = 4
LEAST_FIELDS = 200
"""Pixels of fields needed to know the season's change."""


@dataclass(frozen=True, eq=False)
class Lookalike:
    """geometry: EPSG:4490, what changed alike. area_m2: its ellipsoidal area. similarity: 0 to 1, of the change's
    direction. amount: how much it changed, of what the part did. distance_m: from the part. parcels: what it
    lies on, each {code, area_m2}; approved_m2, facility_m2: what such a record explains."""

    geometry: BaseGeometry
    area_m2: float
    similarity: float
    amount: float
    distance_m: float
    parcels: tuple[Mapping[str, Any], ...]
    approved_m2: float = 0.0
    facility_m2: float = 0.0


@dataclass(frozen=True, eq=False)
class Place:
    """Connected pixels that changed alike: (y, x) mask, mean similarity, mean amount relative to the part's."""

    mask: NDArray[np.bool_]
    similarity: float
    amount: float


def places(
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    clear: NDArray[np.bool_],
    part: NDArray[np.bool_],
    farmland: NDArray[np.bool_],
    taken: NDArray[np.bool_],
    inert: NDArray[np.bool_],
) -> list[Place]:
    """Most alike first.

    before, after: (d, y, x) on one grid; clear: on both dates. part: pixels wholly inside it. farmland: where to
    look. taken: flagged already, the part among it. inert: ground that is no field. [] where the part is not seen.
    """
    fields = clear & farmland & ~taken
    seen = part & clear
    if not seen.any() or fields.sum() < LEAST_FIELDS:
        return []
    to = likeness.light(_rows(before, inert & clear), _rows(after, inert & clear))
    moved = after - (before * to.gain[:, None, None] + to.offset[:, None, None])
    usual = _rows(moved, fields)
    sample = usual[:: max(1, len(usual) // 5_000)]
    beyond = np.moveaxis(moved, 0, -1) - np.median(sample, axis=0)
    white = beyond @ likeness.units_of(sample)
    own = white[seen].mean(axis=0)
    size = float(np.linalg.norm(own))
    if size <= 0:
        return []
    lengths = np.linalg.norm(white, axis=-1)
    cosine = (white @ own) / np.maximum(lengths * size, 1e-9)
    alike = fields & (cosine >= ALIKE) & (lengths >= size / SIZE) & (lengths <= size * SIZE)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(alike.astype(np.uint8), connectivity=8)
    found = []
    for n in range(1, count):
        if stats[n, cv2.CC_STAT_AREA] >= LEAST_PX:
            mask = labels == n
            found.append(Place(mask, float(cosine[mask].mean()), float(lengths[mask].mean()) / size))
    return sorted(found, key=lambda place: -place.similarity)


def to_json(one: Lookalike) -> dict[str, Any]:
    return to_plain(one)


def from_json(data: Mapping[str, Any]) -> Lookalike:
    return from_plain(Lookalike, data)


def _rows(values: NDArray[np.floating], where: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n, d)."""
    return values[:, where].T.astype(np.float64)
