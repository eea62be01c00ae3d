"""The case: the piece of ground, followed until closed. Its whole life is the table ``NEXT``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from pipeline.cases.events import Event, Kind
from pipeline.cases.refusal import StepRefused


class Stage(StrEnum):
    FOUND = "FOUND"
    RECTIFY = "RECTIFY"
    CLOSED = "CLOSED"


class Status(StrEnum):
    SUSPECTED = "SUSPECTED"
    DISPATCHED = "DISPATCHED"
    RECTIFYING = "RECTIFYING"
    REPORTED = "REPORTED"
    CLOSED = "CLOSED"
    DISMISSED = "DISMISSED"


STAGE_OF: Mapping[Status, Stage] = {
    Status.SUSPECTED: Stage.FOUND,
    Status.DISPATCHED: Stage.FOUND,
    Status.RECTIFYING: Stage.RECTIFY,
    Status.REPORTED: Stage.RECTIFY,
    Status.CLOSED: Stage.CLOSED,
    Status.DISMISSED: Stage.CLOSED,
}

NEXT: Mapping[tuple[Status | None, Kind], Status] = {
    (None, Kind.FOUND): Status.SUSPECTED,
    (Status.SUSPECTED, Kind.SEEN_AGAIN): Status.SUSPECTED,
}
"""Every step a case may take: (status now, event) → status then. All else is refused."""


@dataclass(frozen=True, eq=False)
class Case:
    """State as replayed from the events. geometry: EPSG:4490. flags: payloads of FOUND and
    SEEN_AGAIN in order (``flags[0]`` is the one that founded it), as ``flags.to_json`` writes them.
    version: how many events it has had."""

    number: str
    stage: Stage
    status: Status
    geometry: BaseGeometry
    flags: tuple[Mapping[str, Any], ...]
    found_at: datetime
    district_code: str
    district_name: str
    township_code: str
    township_name: str
    village_name: str
    relapses: int = 0
    version: int = 0


def decide(case: Case | None, kind: Kind) -> Status:
    """The status after ``kind``; StepRefused where the table has no such step."""
    now = None if case is None else case.status
    if (now, kind) not in NEXT:
        raise StepRefused(
            "{number}: a case that stands at {status} cannot take the step {kind}; look at its events.",
            number="-" if case is None else case.number,
            status="-" if now is None else now.value,
            kind=kind.value,
        )
    return NEXT[now, kind]


def evolve(case: Case | None, event: Event) -> Case:
    """The case after ``event``; pure, replay = reduce(evolve)."""
    status = decide(case, Kind(event.kind))
    flag = event.payload["flag"]
    if case is None:
        ground = flag["occupied"]
        return Case(
            number=event.case or "",
            stage=STAGE_OF[status],
            status=status,
            geometry=shape(ground["geometry"]),
            flags=(flag,),
            found_at=event.at,
            district_code=ground["district_code"],
            district_name=ground["district_name"],
            township_code=ground["township_code"],
            township_name=ground["township_name"],
            village_name=ground["village_name"],
            version=1,
        )
    return replace(case, status=status, stage=STAGE_OF[status], flags=(*case.flags, flag), version=case.version + 1)


def replay(events: Iterable[Event]) -> dict[str, Case]:
    """All cases by number, in the order in which they were founded."""
    cases: dict[str, Case] = {}
    for event in events:
        if event.case is not None:
            cases[event.case] = evolve(cases.get(event.case), event)
    return cases


def confidence(case: Case) -> float:
    """Of the case: a further scene that sees the ground again raises it; two flags of one scene do not.

    1 − Π(1 − c) over the AFTER scenes (the best flag of each), at most 0.97: only the ground is sure.
    """
    best: dict[str, float] = {}
    for flag in case.flags:
        scene = flag["change"]["after_id"]
        best[scene] = max(best.get(scene, 0.0), flag["confidence"])
    doubt = 1.0
    for value in best.values():
        doubt *= 1.0 - value
    return round(min(1.0 - doubt, max(0.97, *best.values())), 3)


def case_row(case: Case) -> dict[str, Any]:
    """A row of ``case list --json``. Areas and reasons are those of the flag that founded it."""
    flag = case.flags[0]
    occupied, inside = flag["occupied"], case.geometry.representative_point()
    return {
        "number": case.number,
        "status": case.status.value,
        "stage": case.stage.value,
        "kind": flag["kind"],
        "confidence": confidence(case),
        "urgency": max(f["urgency"] for f in case.flags),
        "district_code": case.district_code,
        "district_name": case.district_name,
        "township_code": case.township_code,
        "township_name": case.township_name,
        "village_name": case.village_name,
        "patch_m2": occupied["patch_m2"],
        "farmland_gross_m2": occupied["farmland_gross_m2"],
        "farmland_net_m2": occupied["farmland_net_m2"],
        "basic_farmland_m2": occupied["overlays"].get("BASIC_FARMLAND", [0.0, 0.0])[0],
        "lon": round(inside.x, 7),
        "lat": round(inside.y, 7),
        "geometry": occupied["geometry"],
        "before_id": flag["change"]["before_id"],
        "after_id": flag["change"]["after_id"],
        "before_at": flag["before_at"],
        "after_at": flag["after_at"],
        "found_at": case.found_at.isoformat(),
        "flag_ids": [f["id"] for f in case.flags],
        "reasons": {lang: [r["text"][lang] for r in flag["reasons"]] for lang in ("zh", "en")},
        "doubts": {lang: [r["text"][lang] for r in flag["doubts"]] for lang in ("zh", "en")},
        "version": case.version,
    }
