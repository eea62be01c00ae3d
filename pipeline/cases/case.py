"""The case: the piece of ground, followed until closed. ``evolve`` replays it from its events.

A case is one part (id "") until it is split; then each part has its verdict, evidence and closing,
and the case stands where its least advanced part stands. What a step may do is in ``table``, what it
must bring in ``steps``; here is only what follows from it, so that a record can be replayed without
the rules of the day on which it was made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from pipeline.cases import proceeding, transfer
from pipeline.cases.events import Event, Kind, Role
from pipeline.cases.refusal import StepRefused
from pipeline.cases.table import NEXT, STAGE_OF, WHOLE, Stage, Status

__all__ = ["NEXT", "STAGE_OF", "Case", "Part", "Stage", "Status", "StepRefused", "evolve", "replay"]

ORDER = (Status.SUSPECTED, Status.DISPATCHED, Status.RECTIFYING, Status.REPORTED, Status.CLOSED, Status.DISMISSED)
"""How far a part has come; the case stands where its least advanced part stands."""
AREAS = (
    "patch_m2", "farmland_gross_m2", "farmland_net_m2", "other_agricultural_m2", "unused_m2",
    "construction_m2", "uncovered_m2",
)  # fmt: skip
"""Areas of ``ground`` that are sums over its parts."""

Payload = Mapping[str, Any]
Of = TypeVar("Of")


@dataclass(frozen=True, eq=False)
class Part:
    """A part of the ground. ground: ``overlay.Occupied`` as JSON (geometry in EPSG:4490, areas in m²).

    due: {"what", "on" (ISO day), "provisional", "from", "n", "unit"}; rectify_by: the last one for the rectification,
    kept when acceptance is due. paused_on: ISO day, "" when not.
    verdict, order, report: payloads of the events that gave them, with at, by and seq; None before.
    evidence, rechecks, postponed: the like, in order. doers: who checked, ruled, ordered, reported or
    brought proof, and those of ``hands``: who made the field link that a verdict or evidence came through, or
    loaded it. since: seq of the event that opened it again, 0 before the first. resumed_on: ISO day.
    """

    id: str
    status: Status
    ground: Payload
    assignee: str = ""
    due: Payload | None = None
    rectify_by: Payload | None = None
    paused_on: str = ""
    verdict: Payload | None = None
    order: Payload | None = None
    report: Payload | None = None
    evidence: tuple[Payload, ...] = ()
    rechecks: tuple[Payload, ...] = ()
    postponed: tuple[Payload, ...] = ()
    lookalikes: tuple[Payload, ...] = ()
    leniency: tuple[Payload, ...] = ()
    proceedings: Mapping[str, proceeding.Proceeding] = field(default_factory=dict)
    transfers: Mapping[str, transfer.Transfer] = field(default_factory=dict)
    returned: tuple[Payload, ...] = ()
    outcome: str = ""
    closing: Payload | None = None
    doers: tuple[str, ...] = ()
    hands: tuple[str, ...] = ()
    since: int = 0
    resumed_on: str = ""

    @property
    def evidence_now(self) -> tuple[Payload, ...]:
        """Of this round: what was given before the ground was opened again proves nothing of what came after."""
        return tuple(item for item in self.evidence if item["seq"] > self.since)

    @property
    def rechecks_now(self) -> tuple[Payload, ...]:
        return tuple(item for item in self.rechecks if item["seq"] > self.since)

    @property
    def geometry(self) -> BaseGeometry:
        return shape(self.ground["geometry"])


@dataclass(frozen=True, eq=False)
class Case:
    """State as replayed from the events. geometry: EPSG:4490. flags: payloads of FOUND, CLUE, SEEN_AGAIN and
    RELAPSED in order (``flags[0]`` is the one that founded it), as ``flags.to_json`` writes them.
    looks: payloads of LOOKED in order. dismissed: of the event that dismissed it, by a person or by a look.
    clues: of batches from outside ({batch, source, clue_id, …}). supplements: what came too late, and
    corrections. overrides: closings against the gates. opened_by: which flag opened the present round.
    version: how many events it has had."""

    number: str
    flags: tuple[Payload, ...]
    parts: tuple[Part, ...]
    found_at: datetime
    latest_at: datetime
    district_code: str
    district_name: str
    township_code: str
    township_name: str
    village_name: str
    clues: tuple[Payload, ...] = ()
    looks: tuple[Payload, ...] = ()
    dated: Payload | None = None
    supplements: tuple[Payload, ...] = ()
    dismissed: Payload | None = None
    dispatched_at: datetime | None = None
    relapses: int = 0
    split: int = 0
    overrides: int = 0
    opened_by: int = 0
    version: int = 0

    @property
    def status(self) -> Status:
        if len(self.parts) == 1:
            return self.parts[0].status
        return min((part.status for part in self.parts), key=ORDER.index)

    @property
    def stage(self) -> Stage:
        return STAGE_OF[self.status]

    @property
    def looks_now(self) -> tuple[Payload, ...]:
        """Of this round, as ``Part.rechecks_now``."""
        return tuple(look for look in self.looks if look["seq"] > self.parts[0].since)

    @cached_property
    def geometry(self) -> BaseGeometry:
        return shape(self.flags[0]["occupied"]["geometry"])

    def part(self, id: str) -> Part:
        """StepRefused where there is no such part, or where a split case needs one to be named."""
        for part in self.parts:
            if part.id == id:
                return part
        raise StepRefused(
            "{number}: has no part {part!r}; its parts are {parts}.",
            number=self.number,
            part=id,
            parts=", ".join(part.id or "''" for part in self.parts),
        )


def replace(value: Of, **changes: Any) -> Of:
    """``dataclasses.replace`` in a fifth of its time: fields are plain values that no constructor looks at."""
    made = object.__new__(type(value))
    made.__dict__.update(value.__dict__, **changes)
    return made


def evolve(case: Case | None, event: Event) -> Case:
    """The case after ``event``; pure, replay = reduce(evolve). StepRefused for an event that the table
    does not have."""
    kind, payload = Kind(event.kind), event.payload
    told = {**payload, "at": event.at.isoformat(), "by": event.by, "role": event.role, "seq": event.seq}
    if case is None:
        _allowed(None, kind, event)
        return _found(event)
    named = payload.get("part", "")
    whole = kind in WHOLE or (kind in (Kind.EVIDENCE, Kind.DATED, Kind.SUPPLEMENT) and not named)
    touched = case.parts if whole else (case.part(named),)
    _allowed(case.status if whole else touched[0].status, kind, event)
    case = replace(case, version=case.version + 1, latest_at=max(case.latest_at, event.at))
    told["at"] = case.latest_at.isoformat()  # order is by sequence: a clock set back makes nothing earlier
    if kind in _OF_CASE:
        return _OF_CASE[kind](case, event, told)
    step = _OF_PART[kind]
    parts = tuple(_rectify_by(step(p, told)) if whole or p.id == named else p for p in case.parts)
    return replace(case, parts=parts, overrides=case.overrides + bool(told.get("overridden")))


def _allowed(status: Status | None, kind: Kind, event: Event) -> None:
    step = NEXT.get((status, kind))
    if step is None or Role(event.role) not in step.roles:
        raise StepRefused(
            "{number}: a case that stands at {status} cannot take the step {kind} by {role}; look at its events.",
            number=event.case or "-",
            status="-" if status is None else status.value,
            kind=kind.value,
            role=event.role,
        )
    to = event.payload.get("to") if step.to else None
    if isinstance(to, str) and to in Status.__members__ and Status(to) not in step.to:
        raise StepRefused(
            "{number}: the step {kind} does not lead to {to}.", number=event.case or "-", kind=kind.value, to=to
        )


def _found(event: Event) -> Case:
    flag = event.payload["flag"]
    ground = flag["occupied"]
    clue = {k: v for k, v in event.payload.items() if k != "flag"}
    return Case(
        number=event.case or "",
        flags=(flag,),
        parts=(Part("", Status.SUSPECTED, ground),),
        found_at=event.at,
        latest_at=event.at,
        district_code=ground["district_code"],
        district_name=ground["district_name"],
        township_code=ground["township_code"],
        township_name=ground["township_name"],
        village_name=ground["village_name"],
        clues=(clue,) if event.kind == Kind.CLUE else (),
        version=1,
    )


# what an event does to the case as a whole


def _seen_again(case: Case, event: Event, _: Payload) -> Case:
    return replace(case, flags=(*case.flags, event.payload["flag"]))


def _clue(case: Case, event: Event, told: Payload) -> Case:
    clue = {k: v for k, v in told.items() if k != "flag"}
    return replace(case, flags=(*case.flags, event.payload["flag"]), clues=(*case.clues, clue))


def _looked(case: Case, event: Event, told: Payload) -> Case:
    """A look that withdraws the suspicion dismisses the case."""
    seen = replace(case, looks=(*case.looks, told))
    return _dismissed(seen, event, told) if told["to"] == Status.DISMISSED else seen


def _everywhere(case: Case, status: Status, **values: Any) -> Case:
    return replace(case, parts=tuple(replace(part, status=status, **values) for part in case.parts))


def _dismissed(case: Case, _: Event, told: Payload) -> Case:
    return replace(_everywhere(case, Status.DISMISSED, due=None), dismissed=told)


def _dispatched(case: Case, event: Event, told: Payload) -> Case:
    moved = _everywhere(case, Status.DISPATCHED, assignee=told["to_whom"], due=told.get("due"))
    return replace(moved, dispatched_at=event.at)


FRESH: Mapping[str, Any] = {
    "verdict": None, "order": None, "rectify_by": None, "report": None, "outcome": "", "closing": None, "paused_on": "",
    "doers": (), "hands": (),
}  # fmt: skip
"""What of a part begins anew when it is opened again; evidence and re-checks stay on record."""


def _relapsed(case: Case, event: Event, told: Payload) -> Case:
    """Closed parts under the new flag open again; where it lies on none of them, all do."""
    was_closed = case.status is not Status.DISMISSED
    patch = shape(event.payload["flag"]["occupied"]["geometry"])
    closed = [part for part in case.parts if part.status in (Status.CLOSED, Status.DISMISSED)]
    hit = {p.id for p in closed if shapely.intersects(p.geometry, patch)} or {p.id for p in closed}
    status = Status.DISPATCHED if was_closed else Status.SUSPECTED
    opened: dict[str, Any] = {"status": status, "due": told.get("due"), "since": told["seq"], **FRESH}
    return replace(
        case,
        parts=tuple(replace(p, **opened) if p.id in hit else p for p in case.parts),
        flags=(*case.flags, event.payload["flag"]),
        relapses=case.relapses + was_closed,
        opened_by=len(case.flags),
        dismissed=None,
    )


def _reopened(case: Case, event: Event, told: Payload) -> Case:
    status = Status.SUSPECTED if case.status is Status.DISMISSED else Status.DISPATCHED
    opened: dict[str, Any] = {"status": status, "due": told.get("due"), "since": told["seq"], **FRESH}
    parts = tuple(replace(p, **opened) for p in case.parts)
    return replace(case, parts=parts, dismissed=None)


def _split(case: Case, _: Event, told: Payload) -> Case:
    parts: list[Part] = []
    for part in case.parts:
        if part.id != told["part"]:
            parts.append(part)
            continue
        parts += [replace(part, id=child["id"], ground=child["occupied"]) for child in told["parts"]]
    return replace(case, parts=tuple(parts), split=case.split + len(told["parts"]))


def _kept(case: Case, _: Event, told: Payload) -> Case:
    return replace(case, supplements=(*case.supplements, told))


_OF_CASE: Mapping[Kind, Callable[[Case, Event, Payload], Case]] = {
    Kind.SEEN_AGAIN: _seen_again,
    Kind.LOOKED: _looked,
    Kind.CLUE: _clue,
    Kind.DATED: lambda case, _, told: replace(case, dated=told),
    Kind.DISMISSED: _dismissed,
    Kind.DISPATCHED: _dispatched,
    Kind.RELAPSED: _relapsed,
    Kind.REOPENED: _reopened,
    Kind.SPLIT: _split,
    Kind.NOTE: lambda case, _, __: case,
    Kind.CORRECTED: _kept,
    Kind.SUPPLEMENT: _kept,
}

# what an event does to one part


def _rectify_by(part: Part) -> Part:
    runs = part.due
    if runs is part.rectify_by or runs is None or runs["what"] != "rectify":
        return part
    return replace(part, rectify_by=runs)


def _done_by(part: Part, told: Payload) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*part.doers, told["by"])))


def _through(part: Part, told: Payload) -> Part:
    """Whoever made a link held its secret and could have sent what came through it under another's name."""
    through = [str(told[name]) for name in ("link_by", "loaded_by") if told.get(name)]
    if not through:
        return part
    hands = tuple(dict.fromkeys((*part.hands, *through)))
    return replace(part, hands=hands, doers=tuple(dict.fromkeys((*part.doers, *through))))


def _verdict(part: Part, told: Payload) -> Part:
    due, to = told.get("due"), Status(told["to"])
    ruled = replace(part, status=to, verdict=told, due=due, paused_on="", doers=_done_by(part, told))
    return _through(ruled, told)


def _reported(part: Part, told: Payload) -> Part:
    done = _done_by(part, told)
    return replace(part, status=Status.REPORTED, report=told, due=told.get("due"), paused_on="", doers=done)


def _returned(part: Part, told: Payload) -> Part:
    again: dict[str, Any] = {"report": None, "paused_on": ""}
    if told["to"] == Status.DISPATCHED:  # who took part in it stays one of those who did
        again = {**FRESH, "since": told["seq"], "doers": part.doers, "hands": part.hands}
    returned = (*part.returned, told)
    return replace(part, status=Status(told["to"]), due=told.get("due"), returned=returned, **again)


def _accepted(part: Part, told: Payload) -> Part:
    return replace(part, status=Status.CLOSED, outcome=told["outcome"], closing=told, due=None, paused_on="")


def _resumed(part: Part, told: Payload) -> Part:
    return replace(part, paused_on="", resumed_on=told["on"], due=told.get("due") or part.due)


def _evidence(part: Part, told: Payload) -> Part:
    """Who brings what a closing rests on cannot accept it."""
    proves = told["shot"] == "after" or told["kind"] == "document"
    doers = _done_by(part, told) if proves else part.doers
    return _through(replace(part, evidence=(*part.evidence, told), doers=doers), told)


def _proceeding(part: Part, told: Payload) -> Part:
    id = told["proceeding"]
    state = proceeding.evolve(
        part.proceedings.get(id), told, datetime.fromisoformat(told["at"]), told["by"], told["role"]
    )
    return replace(part, proceedings={**part.proceedings, id: state})


def _transfer(part: Part, told: Payload) -> Part:
    id = told["transfer"]
    state = transfer.evolve(part.transfers.get(id), told, datetime.fromisoformat(told["at"]), told["by"], told["role"])
    return replace(part, transfers={**part.transfers, id: state})


_OF_PART: Mapping[Kind, Callable[[Part, Payload], Part]] = {
    Kind.ASSIGNED: lambda part, told: replace(part, assignee=told["to_whom"]),
    Kind.POSTPONED: lambda part, told: replace(part, postponed=(*part.postponed, told)),
    Kind.EVIDENCE: _evidence,
    Kind.VERDICT: _verdict,
    Kind.LOOKALIKES: lambda part, told: replace(part, lookalikes=(*part.lookalikes, told)),
    Kind.ORDERED: lambda part, told: replace(part, order=told, due=told.get("due"), doers=_done_by(part, told)),
    Kind.EXTENDED: lambda part, told: replace(part, due=told["due"]),
    Kind.DUE_SET: lambda part, told: replace(part, due=told["due"]),
    Kind.PAUSED: lambda part, told: replace(part, paused_on=told["on"]),
    Kind.RESUMED: _resumed,
    Kind.REPORTED: _reported,
    Kind.RECHECKED: lambda part, told: replace(part, rechecks=(*part.rechecks, told)),
    Kind.RETURNED: _returned,
    Kind.ACCEPTED: _accepted,
    Kind.PROCEEDING: _proceeding,
    Kind.TRANSFER: _transfer,
    Kind.LENIENCY: lambda part, told: replace(part, leniency=(*part.leniency, told)),
}


def replay(events: Iterable[Event]) -> dict[str, Case]:
    """All cases by number, in the order in which they were founded."""
    cases: dict[str, Case] = {}
    for event in events:
        if event.case is not None:
            cases[event.case] = evolve(cases.get(event.case), event)
    return cases
