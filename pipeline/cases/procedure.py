"""The legal proceeding as one table: which step leads from which state to which, by whom, with which papers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

OFFICER = "district_officer"
LEGAL = "legal_reviewer"
LEADER = "leader"
SYSTEM = "system"
ADMINISTRATOR = "administrator"


class State(StrEnum):
    FILED = "FILED"
    INVESTIGATING = "INVESTIGATING"
    INVESTIGATED = "INVESTIGATED"
    NOTIFIED = "NOTIFIED"
    HEARING = "HEARING"
    DECIDED = "DECIDED"
    SERVED = "SERVED"
    URGED = "URGED"
    APPLIED = "APPLIED"
    EXECUTING = "EXECUTING"
    ON_HOLD = "ON_HOLD"
    SUSPENDED = "SUSPENDED"
    ANNULLED = "ANNULLED"
    NOT_PUNISHED = "NOT_PUNISHED"
    REFERRED = "REFERRED"
    TERMINATED = "TERMINATED"
    ENDED = "ENDED"
    WITHDRAWN = "WITHDRAWN"
    CLOSED = "CLOSED"


class Step(StrEnum):
    FILE = "file"
    INVESTIGATE = "investigate"
    PRESERVE = "preserve"
    PRESERVE_DECIDE = "preserve_decide"
    EXCLUDE = "exclude"
    EXTEND = "extend"
    REPORT = "report"
    REINVESTIGATE = "reinvestigate"
    LEGAL_REVIEW = "legal_review"
    NOTIFY = "notify"
    STATEMENT = "statement"
    HEARING_NOTICE = "hearing_notice"
    HEARING_REQUEST = "hearing_request"
    HEARING_WAIVE = "hearing_waive"
    HEARING_SCHEDULE = "hearing_schedule"
    HEARING_HOLD = "hearing_hold"
    DISCUSS = "discuss"
    DECIDE = "decide"
    NOT_PUNISH = "not_punish"
    SERVE = "serve"
    PUBLISH = "publish"
    UNPUBLISH = "unpublish"
    PAY = "pay"
    DEFER = "defer"
    HOLD = "hold"
    RELEASE = "release"
    ANNUL = "annul"
    URGE = "urge"
    APPLY = "apply"
    EXECUTE = "execute"
    HAND_OVER = "hand_over"
    SUSPEND = "suspend"
    RESUME = "resume"
    REFER = "refer"
    TERMINATE = "terminate"
    END_EXECUTION = "end_execution"
    WITHDRAW = "withdraw"
    CLOSE = "close"
    RECOUNT = "recount"


BACK = "BACK"
"""In the table: the state from which the proceeding was put on hold."""


@dataclass(frozen=True)
class Way:
    """One row. ways: state now → state then. needs: fields of the payload. papers: type keys of domain 10.1."""

    roles: tuple[str, ...]
    ways: Mapping[State | None, State | str]
    needs: tuple[str, ...] = ()
    papers: tuple[str, ...] = ()


def _stays(*states: State) -> dict[State | None, State | str]:
    return {s: s for s in states}


def _to(then: State | str, *states: State | None) -> dict[State | None, State | str]:
    return dict.fromkeys(states, then)


S = State
BEFORE_DECISION = (S.FILED, S.INVESTIGATING, S.INVESTIGATED, S.NOTIFIED, S.HEARING)
IN_FORCE = (S.SERVED, S.URGED, S.APPLIED, S.EXECUTING)
FINAL = (S.WITHDRAWN, S.CLOSED)

TABLE: Mapping[Step, Way] = {
    Step.FILE: Way(
        (OFFICER, LEADER), _to(S.FILED, None), ("cause", "party", "party_kind", "authority", "approved_by"), ("8001",)
    ),
    Step.INVESTIGATE: Way((OFFICER,), _to(S.INVESTIGATING, S.FILED), ("officers",)),
    Step.PRESERVE: Way((OFFICER,), _stays(S.INVESTIGATING), ("items", "approved_by"), ("2004",)),
    Step.PRESERVE_DECIDE: Way((OFFICER,), _stays(S.INVESTIGATING), ("result",)),
    Step.EXCLUDE: Way((OFFICER,), _stays(*BEFORE_DECISION), ("ground", "from", "to")),
    Step.EXTEND: Way((LEADER,), _stays(*BEFORE_DECISION), ("reason",), ("2999",)),
    Step.REPORT: Way(
        (OFFICER,), _to(S.INVESTIGATED, S.INVESTIGATING), ("complex", "major", "public_interest"), ("2003",)
    ),
    Step.REINVESTIGATE: Way(
        (OFFICER, LEADER), _to(S.INVESTIGATING, S.INVESTIGATED, S.NOTIFIED, S.ANNULLED), ("reason",)
    ),
    Step.LEGAL_REVIEW: Way((LEGAL,), _stays(S.INVESTIGATED, S.NOTIFIED), ("opinion",), ("legal_review",)),
    Step.NOTIFY: Way(
        (OFFICER,), _to(S.NOTIFIED, S.INVESTIGATED, S.NOTIFIED), ("penalties", "received_on"), ("5001", "8007")
    ),
    Step.STATEMENT: Way((OFFICER,), _stays(S.NOTIFIED), ("made",)),
    Step.HEARING_NOTICE: Way((OFFICER,), _stays(S.NOTIFIED), ("received_on",), ("5002", "8007")),
    Step.HEARING_REQUEST: Way((OFFICER,), _to(S.HEARING, S.NOTIFIED), ("requested_on",)),
    Step.HEARING_WAIVE: Way((OFFICER,), {S.NOTIFIED: S.NOTIFIED, S.HEARING: S.NOTIFIED}, ("reason",)),
    Step.HEARING_SCHEDULE: Way((OFFICER, LEGAL), _stays(S.HEARING), ("received_on", "hearing_on")),
    Step.HEARING_HOLD: Way((LEGAL, LEADER), _to(S.NOTIFIED, S.HEARING), ("host",), ("hearing_record",)),
    Step.DISCUSS: Way((LEADER,), _stays(S.INVESTIGATED, S.NOTIFIED), ("members", "conclusion"), ("discussion",)),
    Step.DECIDE: Way((LEADER,), _to(S.DECIDED, S.NOTIFIED), ("number",), ("6001",)),
    Step.NOT_PUNISH: Way(
        (LEADER,), _to(S.NOT_PUNISHED, S.INVESTIGATED, S.NOTIFIED), ("number", "ground"), ("no_penalty",)
    ),
    Step.SERVE: Way(
        (OFFICER,),
        {S.DECIDED: S.SERVED, S.NOT_PUNISHED: S.NOT_PUNISHED},
        ("received_on", "method"),
        ("8007",),
    ),
    Step.PUBLISH: Way((OFFICER, LEADER), _stays(*IN_FORCE), ("where",)),
    Step.UNPUBLISH: Way((OFFICER, LEADER), _stays(S.ANNULLED, *IN_FORCE), ("reason",)),
    Step.PAY: Way((OFFICER,), _stays(*IN_FORCE), ("yuan", "paid_on"), ("payment_receipt",)),
    Step.DEFER: Way((LEADER,), _stays(*IN_FORCE), ("until", "reason")),
    Step.HOLD: Way((OFFICER, LEGAL), _to(S.ON_HOLD, *IN_FORCE), ("kind", "started_on", "number")),
    Step.RELEASE: Way((OFFICER, LEGAL), _to(BACK, S.ON_HOLD), ("result", "ended_on")),
    Step.ANNUL: Way((OFFICER, LEGAL), _to(S.ANNULLED, S.ON_HOLD), ("reason", "ended_on")),
    Step.URGE: Way((OFFICER,), _to(S.URGED, S.SERVED, S.EXECUTING), ("received_on",), ("7002", "8007")),
    Step.APPLY: Way((OFFICER,), _to(S.APPLIED, S.URGED), ("court",), ("7003",)),
    Step.EXECUTE: Way((OFFICER,), _to(S.EXECUTING, *IN_FORCE), ("performed",), ("7005",)),
    Step.HAND_OVER: Way((OFFICER,), _stays(*IN_FORCE), ("to",), ("7001",)),
    Step.SUSPEND: Way(
        (LEADER,),
        _to(S.SUSPENDED, S.FILED, S.INVESTIGATING, S.INVESTIGATED, S.NOTIFIED, S.HEARING, S.APPLIED, S.EXECUTING),
        ("reason",),
        ("8002",),
    ),
    Step.RESUME: Way((LEADER,), _to(BACK, S.SUSPENDED), ("reason",)),
    Step.REFER: Way((LEADER,), _to(S.REFERRED, *BEFORE_DECISION), ("to", "reason"), ("7004",)),
    Step.TERMINATE: Way((LEADER,), _to(S.TERMINATED, *BEFORE_DECISION, S.SUSPENDED), ("reason",), ("8003",)),
    Step.END_EXECUTION: Way((LEADER,), _to(S.ENDED, *IN_FORCE, S.SUSPENDED), ("reason",), ("8003",)),
    Step.WITHDRAW: Way(
        (LEADER,),
        _to(S.WITHDRAWN, S.FILED, S.INVESTIGATING, S.INVESTIGATED, S.NOTIFIED, S.ANNULLED),
        ("reason",),
        ("8005",),
    ),
    Step.CLOSE: Way(
        (LEADER,),
        _to(S.CLOSED, S.NOT_PUNISHED, S.REFERRED, S.TERMINATED, S.ENDED, *IN_FORCE),
        ("ground",),
        ("8006",),
    ),
    Step.RECOUNT: Way((SYSTEM, ADMINISTRATOR), _stays(*(s for s in State if s not in FINAL))),
}
"""Every step there is; what is not in it is refused."""


@dataclass(frozen=True)
class Taken:
    """A step that was taken. on: the day of its paper; at: when it was recorded."""

    step: str
    on: date
    at: datetime
    by: str
    role: str
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class Proceeding:
    """State as replayed.

    officers: who investigate. noticed, noticed_fine_yuan: what the notice announced; penalties, fine_yuan: what was
    decided. performed: keys of the penalties that are done (the fine is done when paid_yuan reaches it).
    statement: "" | "made" | "waived". review: "" | "passed" | "returned"; reviews_needed: why one is needed.
    hearing: "" (not required) | "required" | "noticed" | "requested" | "scheduled" | "held" | "waived".
    back_to: where a hold or a suspension returns to, since paused_on. holds: (from, to) of reconsideration and suit.
    dues: what runs, key of the time limit → {"day", "start", "n", "unit", "provisional", "source", "of": "office" |
    "party", "paused"?}.
    """

    id: str
    state: State
    filed_on: date
    party: str
    party_kind: str
    cause: str
    authority: str
    officers: tuple[str, ...] = ()
    noticed: tuple[str, ...] = ()
    noticed_fine_yuan: float = 0.0
    penalties: tuple[str, ...] = ()
    fine_yuan: float = 0.0
    paid_yuan: float = 0.0
    performed: tuple[str, ...] = ()
    demolished_m2: float = 0.0
    restored_m2: float = 0.0
    confiscated_m2: float = 0.0
    returned_m2: float = 0.0
    number: str = ""
    statement: str = ""
    hearing: str = ""
    hearing_on: date | None = None
    review: str = ""
    reviews_needed: tuple[str, ...] = ()
    discussion_needed: bool = False
    discussed: bool = False
    extended: bool = False
    decided_on: date | None = None
    served_on: date | None = None
    applied_on: date | None = None
    published: bool = False
    back_to: State | None = None
    paused_on: date | None = None
    hold: str = ""
    holds: tuple[tuple[date, date], ...] = ()
    excluded: tuple[tuple[date, date], ...] = ()
    ground: str = ""
    closed_on: date | None = None
    dues: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    steps: tuple[Taken, ...] = ()
