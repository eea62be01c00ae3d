"""What a step must bring, beyond the table: ``decide`` completes its payload or refuses it with a sentence.

Pure. Rules of the day come in as ``World.standards``; what they said is written into the payload, so
that ``case.evolve`` needs none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from geodata.words import Text, both
from pipeline.cases import beside, finding, rectifying
from pipeline.cases.asked import Asked, World
from pipeline.cases.case import Case, Part
from pipeline.cases.events import Actor, Kind, Role
from pipeline.cases.rectifying import gates
from pipeline.cases.refusal import StepRefused
from pipeline.cases.table import NEXT, WHOLE, Status, Step, role_name, step_name

__all__ = ["Possible", "World", "decide", "found", "gates", "possible"]


def decide(case: Case, kind: Kind, payload: Mapping[str, Any], by: Actor, world: World) -> dict[str, Any]:
    """The payload of the event, complete. Raises: StepRefused with what is missing.

    payload: as given, "part" (id, left out: the only one) among it.
    """
    part = None if kind in WHOLE else _part(case, kind, payload)
    status = case.status if part is None else part.status
    step = _step(case, status, kind, by)
    for name in step.needs:
        if payload.get(name) in (None, "", [], {}):
            raise StepRefused(
                "{number}: {kind} lacks something; give {name}=…", number=case.number, kind=step_name(kind), name=name
            )
    whole = {"part": "" if part is None else part.id}
    own = ("to", "due") if step.to else ("due",)
    given = {k: v for k, v in payload.items() if k not in own} | whole
    asked = Asked(case, part or case.parts[0], dict(payload), given, by, world)
    done = COMPLETE[kind](asked) if kind in COMPLETE else given
    if len(step.to) == 1:
        done["to"] = step.to[0].value
    return done


@dataclass(frozen=True)
class Possible:
    """A step of the table from where a part stands. roles: who may. needs: fields to give."""

    kind: Kind
    roles: tuple[Role, ...]
    needs: tuple[str, ...]
    to: tuple[Status, ...]


def possible(case: Case, part: Part, role: str | None = None) -> list[Possible]:
    """The steps of the table from here, for one role or (None) for all; proof is asked for when one is taken."""
    found = []
    for (status, kind), step in NEXT.items():
        here = case.status if kind in WHOLE else part.status
        if status is here and (role is None or role in {r.value for r in step.roles}):
            found.append(Possible(kind, tuple(sorted(step.roles)), step.needs, step.to))
    return sorted(found, key=lambda one: list(Kind).index(one.kind))


def found(kind: Kind, payload: Mapping[str, Any], by: Actor) -> dict[str, Any]:
    """The payload of an event that founds a case."""
    if (None, kind) not in NEXT or Role(by.role) not in NEXT[None, kind].roles:
        raise StepRefused("No case begins with {kind} by {role}.", kind=kind.value, role=by.role)
    return dict(payload)


def _part(case: Case, kind: Kind, payload: Mapping[str, Any]) -> Part | None:
    named = str(payload.get("part") or "").removeprefix(f"{case.number}_")
    if kind in (Kind.EVIDENCE, Kind.DATED, Kind.SUPPLEMENT) and not named:
        return None
    if not named and len(case.parts) > 1:
        raise StepRefused(
            "{number}: is split; say with --part which of {parts} {kind} is of.",
            number=case.number,
            parts=", ".join(part.id for part in case.parts),
            kind=step_name(kind),
        )
    return case.part(named) if named else case.parts[0]


def _step(case: Case, status: Status, kind: Kind, by: Actor) -> Step:
    step = NEXT.get((status, kind))
    if step is None:
        raise StepRefused(
            "{number}: stands at {status}, where {kind} is no step; {kind} is for {roles}. Possible for {role} now:"
            " {possible}.",
            number=case.number,
            status=both(status.value),
            kind=step_name(kind),
            roles=_listed(role_name(role) for role in _ever(kind)),
            role=role_name(by.role),
            possible=_now(status, by.role),
        )
    if by.role not in {r.value for r in step.roles}:
        raise StepRefused(
            "{number}: {kind} is not for the role {role}; it is for {roles}. Possible for {role} now: {possible}.",
            number=case.number,
            kind=step_name(kind),
            role=role_name(by.role),
            roles=_listed(role_name(role) for role in sorted(step.roles)),
            possible=_now(status, by.role),
        )
    return step


def _ever(kind: Kind) -> list[Role]:
    """Who may take the step wherever it is one."""
    return sorted({role for (_, k), step in NEXT.items() if k is kind for role in step.roles})


def _now(status: Status, role: str) -> Text:
    """What this role may do here; what comes from a run is nobody's step."""
    kinds = [k for (s, k), step in NEXT.items() if s is status and role in {r.value for r in step.roles}]
    found = [step_name(k) for k in kinds if k not in FROM_RUNS]
    return _listed(found) if found else {"zh": "无", "en": "nothing"}


def _listed(names: Iterable[Text]) -> Text:
    words = list(names)
    return {"zh": "、".join(w["zh"] for w in words), "en": ", ".join(w["en"] for w in words)}


FROM_RUNS = frozenset({Kind.INSPECTED, Kind.FOUND, Kind.CLUE, Kind.SEEN_AGAIN, Kind.RELAPSED})
"""Written by ``record`` and ``receive`` of the ledger alone."""

COMPLETE: Mapping[Kind, Callable[[Asked], dict[str, Any]]] = {
    Kind.LOOKED: finding.looked,
    Kind.DISPATCHED: finding.dispatched,
    Kind.POSTPONED: finding.postponed,
    Kind.EVIDENCE: finding.evidence_of,
    Kind.SPLIT: finding.split,
    Kind.VERDICT: finding.verdict,
    Kind.ORDERED: rectifying.ordered,
    Kind.EXTENDED: rectifying.extended,
    Kind.PAUSED: rectifying.paused,
    Kind.RESUMED: rectifying.resumed,
    Kind.DUE_SET: rectifying.due_set,
    Kind.REPORTED: rectifying.reported,
    Kind.RECHECKED: rectifying.rechecked,
    Kind.RETURNED: rectifying.returned,
    Kind.ACCEPTED: rectifying.accepted,
    Kind.REOPENED: finding.opened_again,
    Kind.RELAPSED: finding.opened_again,
    Kind.PROCEEDING: beside.proceeding_step,
    Kind.TRANSFER: beside.transfer_step,
    Kind.LENIENCY: beside.leniency_facts,
    Kind.CORRECTED: beside.corrected,
}
"""What completes a step; one that is not here is taken as it was given."""
