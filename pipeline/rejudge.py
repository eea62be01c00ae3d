"""What open cases would be under another edition of a layer: the same questions of ``triage`` that layers answer.

Nothing is changed: a flag keeps the edition by which it was judged, and what it means that another one says
otherwise, people decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from shapely.geometry.base import BaseGeometry

from geodata.days import day_of
from geodata.layers import Kind
from pipeline import clues, triage
from pipeline.cases.case import Case
from pipeline.cases.law import Rules, rules
from pipeline.cases.table import Status
from pipeline.looks import edge_m2
from pipeline.overlay import Occupied

LEAST_M2 = 0.01
OPEN = tuple(status for status in Status if status not in (Status.CLOSED, Status.DISMISSED))


@dataclass(frozen=True)
class Ground:
    """Areas of a part, m², gross and net of ridges. outcome: "flag", or why it would be none: "off_farmland",
    "approved", "facility". criminal: 永农 / 5 亩 + other 耕地 / 10 亩, from 1 a matter for legal review."""

    farmland_gross_m2: float
    farmland_net_m2: float
    basic_gross_m2: float
    basic_net_m2: float
    outcome: str
    urgency: float
    criminal: float


@dataclass(frozen=True, eq=False)
class Asked:
    """An open part of a case. layers: {kind: editions} it was judged by. day: of the layers."""

    case: str
    part: str
    status: str
    kind: str
    clue: bool
    gsd_m: float
    day: date
    layers: Mapping[str, list[str]]
    ground: Mapping[str, Any]
    geometry: BaseGeometry


def asked(case: Case) -> list[Asked]:
    """The open parts of a case."""
    flag = case.flags[0]
    said = flag["after_at"]
    day = day_of_text(said) if said else day_of(case.found_at)
    return [
        Asked(case.number, part.id, part.status.value, flag["kind"], not flag["change"]["after_id"],
              float(flag["gsd_m"] or 0.0), day, flag["layers"], part.ground, part.geometry)
        for part in case.parts if part.status in OPEN
    ]  # fmt: skip


def day_of_text(moment: str) -> date:

    return day_of(datetime.fromisoformat(moment))


def before(one: Asked) -> Ground:
    """As the part stands on the ledger."""
    overlays = {Kind(kind): tuple(m2) for kind, m2 in one.ground["overlays"].items()}
    return _ground(
        one, one.ground["patch_m2"], one.ground["farmland_gross_m2"], one.ground["farmland_net_m2"], overlays
    )


def after(one: Asked, occupied: Occupied) -> Ground:
    """As another edition has it."""
    return _ground(one, occupied.patch_m2, occupied.farmland_gross_m2, occupied.farmland_net_m2, occupied.overlays)


def _ground(one: Asked, patch: float, gross: float, net: float, overlays: Mapping[Kind, Any]) -> Ground:
    law = rules(one.day)
    basic = overlays.get(Kind.BASIC_FARMLAND, (0.0, 0.0))
    if one.clue:  # whoever says so, it is a case; farmland is not asked for
        outcome, urgency = "flag", clues.urgency_of(one.kind, gross, basic[0])
    else:
        outcome = _outcome(one, patch, max(gross, basic[0]), overlays, law)
        urgency = triage.urgency_of(one.kind, (gross, net), basic, law)
    criminal = law.criminal_ratio(basic[1], net)
    return Ground(gross, net, basic[0], basic[1], outcome, round(urgency, 3), round(criminal, 3))


def _outcome(one: Asked, patch: float, touched: float, overlays: Mapping[Kind, Any], law: Rules) -> str:
    edge = edge_m2(one.geometry, one.gsd_m)
    if triage.is_off_farmland(patch, touched, edge, law):
        return "off_farmland"
    for kind, outcome in ((Kind.APPROVED, "approved"), (Kind.FACILITY, "facility")):
        if triage.is_explained(patch, overlays.get(kind, (0.0, 0.0))[0], edge, law):
            return outcome
    return "flag"


def difference(one: Asked, was: Ground, would: Ground) -> dict[str, Any] | None:
    """A row of the report (JSON values), None where nothing would be otherwise."""
    moved = any(
        abs(getattr(was, name) - getattr(would, name)) >= LEAST_M2 for name in asdict(was) if name.endswith("m2")
    )
    crosses = (was.criminal >= 1) != (would.criminal >= 1)
    if not moved and was.outcome == would.outcome and not crosses and was.urgency == would.urgency:
        return None
    return {"case": one.case, "part": one.part, "status": one.status, "before": asdict(was), "after": asdict(would),
            "still_a_flag": would.outcome == "flag", "outcome_changes": was.outcome != would.outcome,
            "criminal_changes": crosses}  # fmt: skip
