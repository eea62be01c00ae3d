"""Inspection: what one pair of scenes gave, in numbers that add up."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from geodata.words import Text
from pipeline.flags import NAMESPACE, Flag
from pipeline.plain import from_plain, to_plain

REASONS = ("too_small", "cloud_edge", "off_farmland", "seasonal", "approved", "facility", "unsure")
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
    flags: ids of all flags of the run; cases_new, cases_seen_again (the relapsed among them) and
    cases_relapsed: numbers; the ledger fills in the four, and the last two steps of the funnel, where
    it knows them: inside its transaction.
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
    flags: tuple[str, ...] = ()
    cases_new: tuple[str, ...] = ()
    cases_seen_again: tuple[str, ...] = ()
    cases_relapsed: tuple[str, ...] = ()


def inspection_id(
    before_id: str,
    after_id: str,
    *,
    method: str,
    method_version: str,
    settings: Mapping[str, Any],
    layers: Mapping[str, Sequence[str]],
) -> str:
    """uuid5 of all that the result depends on; the order of keys does not matter."""
    parts = to_plain([before_id, after_id, method, method_version, settings, layers])
    return str(uuid.uuid5(NAMESPACE, json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))))


def funnel(
    too_small: tuple[int, float],
    outcomes: Iterable[Mapping[str, Any]],
    seen_again: Iterable[Flag] = (),
    new: Iterable[Flag] = (),
) -> tuple[Step, ...]:
    """Steps that add up: ``changes`` is the sum of the others, in count and in m² (cents).

    outcomes: as in ``Inspection.outcomes`` ({reason, area_m2, …}).
    """
    counts: dict[str, int] = dict.fromkeys((*REASONS, "seen_again", "new"), 0)
    areas: dict[str, float] = dict.fromkeys(counts, 0.0)
    counts["too_small"], areas["too_small"] = too_small
    rows = [(o["reason"], o["area_m2"]) for o in outcomes]
    rows += [("seen_again", f.occupied.patch_m2) for f in seen_again]
    rows += [("new", f.occupied.patch_m2) for f in new]
    for reason, area_m2 in rows:
        counts[reason] += 1
        areas[reason] += area_m2 or 0.0
    steps = tuple(Step(reason, counts[reason], round(areas[reason], 2)) for reason in counts)
    return (Step("changes", sum(s.count for s in steps), round(sum(s.area_m2 for s in steps), 2)), *steps)


def settled(inspection: Inspection, seen_again: Sequence[Flag], new: Sequence[Flag], **known: Any) -> Inspection:
    """``inspection`` with the last two steps of its funnel, and ``changes``, as the ledger found them."""
    kept = {s.reason: s for s in inspection.funnel if s.reason in REASONS}
    small = kept.get("too_small", Step("too_small", 0, 0.0))
    last = funnel((small.count, small.area_m2), (), seen_again, new)[1:]
    steps = [kept.get(s.reason, s) for s in last]
    total = Step("changes", sum(s.count for s in steps), round(sum(s.area_m2 for s in steps), 2))
    return replace(inspection, funnel=(total, *steps), **known)


def to_json(inspection: Inspection) -> dict[str, Any]:
    return to_plain(inspection)


def from_json(data: Mapping[str, Any]) -> Inspection:
    return from_plain(Inspection, data)
