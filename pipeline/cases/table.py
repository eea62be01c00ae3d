"""The transition table: every step a piece of ground may take, who may take it, what it must bring.

(status now, event) → ``Step``. All else is refused with a sentence. An event that brings several
statuses to choose from (a verdict leads to acceptance or to rectification) carries its choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from geodata.words import Text, both
from pipeline.cases.events import Kind, Role


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


@dataclass(frozen=True)
class Step:
    """to: the statuses it may lead to; empty: the status stays. roles: who may take it.
    needs: fields of the payload that must be given (``steps`` asks for more where the matter does)."""

    roles: frozenset[Role]
    to: tuple[Status, ...] = ()
    needs: tuple[str, ...] = ()


_MACHINE = frozenset({Role.SYSTEM, Role.REMOTE_SENSING})
_IMPORT = _MACHINE | {Role.ADMINISTRATOR}
_OFFICE = frozenset({Role.REMOTE_SENSING, Role.REVIEWER})
_FIELD = frozenset({Role.FIELD_INSPECTOR, Role.DISTRICT_OFFICER})
_SECOND = frozenset({Role.REVIEWER, Role.LEADER})
_LAW = frozenset({Role.DISTRICT_OFFICER, Role.REVIEWER, Role.LEGAL_REVIEWER, Role.LEADER})
_PEOPLE = frozenset(Role) - {Role.SYSTEM}

S, D, R, A, C, X = Status


def _table() -> dict[tuple[Status | None, Kind], Step]:
    found: dict[tuple[Status | None, Kind], Step] = {
        (None, Kind.FOUND): Step(_MACHINE, (S,), ("flag",)),
        (None, Kind.CLUE): Step(_IMPORT, (S,), ("batch", "source", "clue_id", "flag")),
        (S, Kind.LOOKED): Step(frozenset({Role.SYSTEM}), (S, X), ("look",)),  # no person speaks for the imagery
        (S, Kind.DISMISSED): Step(_OFFICE, (X,), ("reason",)),
        (S, Kind.DISPATCHED): Step(_OFFICE, (D,), ("to_whom",)),
        (D, Kind.POSTPONED): Step(_FIELD, (), ("reason", "again_on")),
        (D, Kind.VERDICT): Step(_FIELD, (R, A), ("verdict",)),
        (R, Kind.ORDERED): Step(frozenset({Role.DISTRICT_OFFICER, Role.REVIEWER}), (), ("rectification",)),
        (R, Kind.REPORTED): Step(_FIELD, (A,), ("text",)),
        (R, Kind.RETURNED): Step(_SECOND, (D,), ("reason",)),  # the verdict itself is doubted
        (A, Kind.RETURNED): Step(_SECOND, (R, D), ("reason",)),
        (A, Kind.ACCEPTED): Step(_SECOND, (C,)),
        (C, Kind.RELAPSED): Step(_MACHINE, (D,), ("flag",)),
        (X, Kind.RELAPSED): Step(_MACHINE, (S,), ("flag",)),
        (C, Kind.REOPENED): Step(_SECOND, (D,), ("reason",)),
        (X, Kind.REOPENED): Step(_SECOND, (S,), ("reason",)),
    }
    everywhere = {
        Kind.CLUE: Step(_IMPORT, (), ("batch", "source", "clue_id", "flag")),
        Kind.SEEN_AGAIN: Step(_MACHINE, (), ("flag",)),
        Kind.EVIDENCE: Step(_PEOPLE, (), ("sha256",)),
        Kind.NOTE: Step(_PEOPLE, (), ("text",)),
        Kind.CORRECTED: Step(_PEOPLE, (), ("corrects", "text")),
        Kind.SUPPLEMENT: Step(_FIELD, (), ("kind", "late")),
        Kind.DATED: Step(_MACHINE, (), ("without", "with")),
    }
    after_check = {
        # the system and the administrator for one step of it alone: provisional days are counted again
        Kind.PROCEEDING: Step(_LAW | {Role.SYSTEM, Role.ADMINISTRATOR}, (), ("step",)),
        Kind.TRANSFER: Step(_LAW, (), ("step",)),
        Kind.LENIENCY: Step(_LAW),
        Kind.LOOKALIKES: Step(_MACHINE | {Role.REVIEWER}, (), ("parcels",)),
        Kind.RECHECKED: Step(frozenset({Role.SYSTEM}), (), ("recheck",)),
    }
    for status in Status:
        found |= {(status, kind): step for kind, step in everywhere.items()}
    for status in (R, A, C):
        found |= {(status, kind): step for kind, step in after_check.items()}
    for kind in (Kind.PROCEEDING, Kind.TRANSFER):  # one that runs goes on after a relapse; none is opened there
        found[D, kind] = after_check[kind]
    for status in (D, R, A):
        found[status, Kind.ASSIGNED] = Step(_FIELD | _SECOND | {Role.ADMINISTRATOR}, (), ("to_whom",))
        found[status, Kind.EXTENDED] = Step(_SECOND, (), ("reason", "due_on"))
        found[status, Kind.DUE_SET] = Step(frozenset({Role.SYSTEM, Role.ADMINISTRATOR}), (), ("due",))
        found[status, Kind.PAUSED] = Step(_LAW, (), ("reason",))
        found[status, Kind.RESUMED] = Step(_LAW, (), ("reason",))
    for status in (D, R, A):
        found[status, Kind.RELAPSED] = Step(_MACHINE, (D,), ("flag",))  # of a part that was closed already
    for status in (D, R):
        found[status, Kind.SPLIT] = Step(_FIELD | {Role.REVIEWER}, (), ("parts",))
    return found


NEXT: Mapping[tuple[Status | None, Kind], Step] = _table()
"""Every step there is."""

WHOLE = frozenset({
    Kind.FOUND, Kind.CLUE, Kind.SEEN_AGAIN, Kind.LOOKED, Kind.RELAPSED, Kind.DISMISSED, Kind.DISPATCHED,
    Kind.REOPENED, Kind.NOTE, Kind.CORRECTED,
})  # fmt: skip
"""Events of the case as a whole; all others are of one part."""

STEP_WORDS: Mapping[Kind, str] = {
    Kind.INSPECTED: "inspection",
    Kind.FOUND: "found by imagery",
    Kind.CLUE: "clue from outside",
    Kind.SEEN_AGAIN: "seen again",
    Kind.LOOKED: "look by a later scene",
    Kind.DATED: "start interval",
    Kind.DISMISSED: "dismissal",
    Kind.DISPATCHED: "dispatch",
    Kind.ASSIGNED: "assignment",
    Kind.POSTPONED: "cannot be checked today",
    Kind.EVIDENCE: "evidence",
    Kind.SPLIT: "split",
    Kind.VERDICT: "verdict",
    Kind.LOOKALIKES: "look-alikes",
    Kind.ORDERED: "order to rectify",
    Kind.EXTENDED: "extension",
    Kind.PAUSED: "pause of the deadline",
    Kind.RESUMED: "resumption of the deadline",
    Kind.DUE_SET: "due day recomputed",
    Kind.REPORTED: "rectification reported",
    Kind.RECHECKED: "re-check by imagery",
    Kind.RETURNED: "return",
    Kind.ACCEPTED: "acceptance and closing",
    Kind.RELAPSED: "relapse",
    Kind.REOPENED: "reopening",
    Kind.PROCEEDING: "proceeding",
    Kind.TRANSFER: "transfer",
    Kind.LENIENCY: "leniency facts",
    Kind.NOTE: "note",
    Kind.CORRECTED: "correction",
    Kind.SUPPLEMENT: "supplement",
}
"""What a step is called, as msgids; Chinese in the locale."""

ROLE_WORDS: Mapping[Role, str] = {
    Role.REMOTE_SENSING: "remote sensing",
    Role.DISTRICT_OFFICER: "district officer",
    Role.FIELD_INSPECTOR: "field inspector",
    Role.REVIEWER: "reviewer of the office",
    Role.LEGAL_REVIEWER: "legal reviewer",
    Role.LEADER: "leader of the office",
    Role.ADMINISTRATOR: "administrator",
    Role.SYSTEM: "the system",
}


def step_name(kind: Kind) -> Text:
    return both(STEP_WORDS[kind])


def role_name(role: str) -> Text:
    """Of a role of ours; any other word is shown as it is."""
    return both(ROLE_WORDS[Role(role)]) if role in set(Role) else {"zh": role, "en": role}
