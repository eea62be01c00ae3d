"""Inspection: what one pair of scenes gave, in numbers that add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from geodata.words import Text

REASONS = ("too_small", "cloud_edge", "off_farmland", "seasonal", "approved", "facility")
"""Why a change did not become a flag, in the order in which they are asked."""


@dataclass(frozen=True)
class Step:
    """One line of the funnel: ``changes`` first, then one a reason, then ``seen_again``, ``new``.
    count and area of changes = the sums of all other steps."""

    reason: str
    count: int
    area_m2: float


@dataclass(frozen=True, eq=False)
class Inspection:
    """id: uuid5 of before, after, method and version, settings, layer editions; the same inputs
    give the same id. It is stored as the payload of an INSPECTED event (``to_json``).

    outcomes: changes that are explained and not flagged, each {reason, area_m2, lon, lat, text, geometry}.
    timings_s: {step: seconds}. layers: {kind: [edition …]}. notes: what to look at, what to do next.
    """

    id: str
    run: str
    before_id: str
    after_id: str
    method: str
    method_version: str
    settings: Mapping[str, Any]
    layers: Mapping[str, list[str]]
    season: Mapping[str, Any]
    alignment: Mapping[str, Any]
    detection: Mapping[str, Any]
    compared_m2: float
    farmland_m2: float
    observed_farmland_m2: float
    unseen_farmland_m2: Mapping[str, float]
    funnel: tuple[Step, ...]
    outcomes: tuple[Mapping[str, Any], ...]
    timings_s: Mapping[str, float]
    notes: tuple[Text, ...]
