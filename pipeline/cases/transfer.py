"""Handing a matter to police, agriculture or discipline, each with its receipts. Pure.

A TRANSFER event carries {"transfer": id, "to": "police" | "agriculture" | "discipline", "step": key, …}.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from geodata.days import day_of
from geodata.words import Text, both
from pipeline.cases.criminal import Assessment, assess
from pipeline.cases.events import Actor
from pipeline.cases.facts import VIOLATION, Facts, Reader
from pipeline.cases.procedure import LEADER, LEGAL, OFFICER
from pipeline.cases.proceeding import Possible
from pipeline.cases.proceeding_law import words
from pipeline.cases.refusal import StepRefused
from pipeline.cases.rules import OUTCOMES
from pipeline.cases.transfer_steps import DOES, Taking, Transfer

if TYPE_CHECKING:
    from pipeline.cases.standards import Standards

__all__ = ["RECEIVERS", "STATES", "TABLE", "Assessment", "Transfer", "Way", "assess", "decide", "evolve", "possible"]

RECEIVER_WORDS: Mapping[str, str] = {
    "police": "the police", "agriculture": "the agriculture department", "discipline": "discipline inspection",
}  # fmt: skip
RECEIVERS = tuple(RECEIVER_WORDS)
SAME_PAPER = {"4001": "police_transfer", "7004": "transfer_letter"}
"""Numbers of the forms → keys under which the closing of a case knows the same papers."""


SENDING = frozenset({"letter", "team", "report", "approve", "send", "reconsider", "supervise"})
"""Steps by which the office presses the matter; all others answer, or take an answer."""
NO_MATTER = ("lawful", "false_change", "basemap_wrong")
"""Outcomes of a ground check that leave no matter for the office of agriculture."""


@dataclass(frozen=True)
class Way:
    """One row. ways: state now → state then; needs: fields; papers: type keys."""

    roles: tuple[str, ...]
    ways: Mapping[str | None, str]
    needs: tuple[str, ...] = ()
    papers: tuple[str, ...] = ()


def _letters(roles: tuple[str, ...], letter: str, needs: tuple[str, ...]) -> dict[str, Way]:
    """A transfer by letter: sent, received, done; or returned, and sent again."""
    return {
        "letter": Way(roles, {None: "SENT", "RETURNED": "SENT"}, needs, (letter,)),
        "receipt": Way((OFFICER,), {"SENT": "RECEIVED"}, ("number", "received_at"), ("transfer_receipt",)),
        "return": Way((OFFICER,), {"SENT": "RETURNED", "RECEIVED": "RETURNED"}, ("reason",)),
        "result": Way((OFFICER,), {"RECEIVED": "DONE"}, ("result",)),
    }


_HEARD: dict[str | None, str] = dict.fromkeys(("RECEIVED", "RECONSIDERING", "SUPERVISED"), "ACCEPTED")

TABLE: Mapping[str, Mapping[str, Way]] = {
    "police": {
        "team": Way((OFFICER, LEADER), {None: "TEAM", "REFUSED": "TEAM"}, ("officers",)),
        "report": Way((OFFICER,), {"TEAM": "REPORTED"}, (), ("2003",)),
        "approve": Way((LEADER,), {"REPORTED": "APPROVED"}, ("approved_at",)),
        "refuse": Way((LEADER,), {"REPORTED": "REFUSED"}, ("reason",)),
        "send": Way(
            (OFFICER,),
            {"APPROVED": "SENT"},
            ("organ", "sent_at", "copied_to"),
            ("police_transfer", "2003", "property_list"),
        ),
        "receipt": Way((OFFICER,), {"SENT": "RECEIVED"}, ("number", "received_at"), ("police_receipt",)),
        "ask_supplement": Way((OFFICER,), {"RECEIVED": "SUPPLEMENT"}, ("items", "asked_at")),
        "supplement": Way((OFFICER,), {"SUPPLEMENT": "RECEIVED"}, ("items", "sent_at")),
        "redirect": Way((OFFICER,), {"RECEIVED": "RECEIVED"}, ("organ",)),
        "accept": Way((OFFICER,), _HEARD, ("number", "received_on"), ("police_decision",)),
        "decline": Way((OFFICER,), {"RECEIVED": "DECLINED"}, ("reason", "received_on"), ("police_decision",)),
        "reconsider": Way((LEADER, LEGAL), {"DECLINED": "RECONSIDERING"}, ("reason",), ("reconsideration_request",)),
        "uphold": Way((OFFICER,), {"RECONSIDERING": "UPHELD"}, ("received_on",)),
        "supervise": Way(
            (LEADER, LEGAL), {"DECLINED": "SUPERVISED", "UPHELD": "SUPERVISED"}, ("organ",), ("supervision_request",)
        ),
        "hand_over": Way((OFFICER,), {"ACCEPTED": "HANDED_OVER"}, ("signed_by",), ("material_receipt",)),
        "return": Way(
            (OFFICER,),
            dict.fromkeys(("DECLINED", "UPHELD", "SUPERVISED", "ACCEPTED", "HANDED_OVER"), "RETURNED"),
            ("reason",),
        ),
    },
    "agriculture": _letters((OFFICER, LEADER), "transfer_letter", ("organ", "reason")),
    "discipline": _letters((LEADER,), "4002", ("organ", "reason")),
}
"""Receiver → step → row. After a return from the police the matter is the office's again: it may punish."""

STATES: Mapping[str, tuple[str | None, ...]] = {
    to: tuple(dict.fromkeys([None, *(s for way in steps.values() for pair in way.ways.items() for s in pair)]))
    for to, steps in TABLE.items()
}


def decide(
    state: Transfer | None,
    step: str,
    payload: Mapping[str, Any],
    *,
    at: datetime,
    by: Actor,
    facts: Facts,
    standards: Standards,
) -> dict[str, Any]:
    """The payload completed; StepRefused with what is missing.

    Adds: "state" (after the step), "on", "article", "dues" (time limits begun), "ends" (keys that end) and, where a
    receiver signed, "receipt".
    """
    names = words("transfer")
    payload = {key: value for key, value in payload.items() if key not in COMPUTED}
    reader = Reader(names.of("steps", step), payload, names.fields)
    id, to = reader.text("transfer"), state.to if state is not None else reader.one_of("to", RECEIVERS)
    way, now = _row(to, state, step, by), None if state is None else state.state
    _ground(facts, to, step, reader.step)
    today = day_of(at)
    last = None if state is None else date.fromisoformat(state.steps[-1]["on"])
    on = reader.day("on", earliest=last, latest=today) if reader.has("on") else today
    taking = Taking(state, reader, on, at, standards)
    for name in way.needs:
        _READ.get(name, Reader.text)(reader, name)
    given = payload.get("papers") or ()
    given = given.replace("，", ",").split(",") if isinstance(given, str) else given
    held = [SAME_PAPER.get(str(p).strip(), str(p).strip()) for p in (*given, *facts.papers)]
    reader.papers([(key, names.of("papers", key)) for key in way.papers], held)
    if step in DOES:
        DOES[step](taking)
    done = {**payload, **reader.read, "transfer": id, "to": to, "step": step, "on": on.isoformat()}
    done |= {"state": way.ways[now], "dues": taking.dues, "ends": taking.ends}
    if step in ("receipt", "hand_over"):
        done["receipt"] = {k: done[k] for k in ("number", "signed_by", "received_at", "on") if k in done}
    article = names.articles.get(step)
    return done | ({"article": article} if article else {})


def evolve(state: Transfer | None, payload: Mapping[str, Any], at: datetime, by: str, role: str) -> Transfer:
    """The transfer after a step that was accepted."""
    if state is None:
        state = Transfer(payload["transfer"], payload["to"], payload["state"])
    dues = {key: due for key, due in state.dues.items() if key not in payload["ends"]} | dict(payload["dues"])
    said = {k: v for k, v in payload.items() if k not in ("dues", "ends")}
    return replace(
        state,
        state=payload["state"],
        dues=dues,
        receipts=(*state.receipts, payload["receipt"]) if "receipt" in payload else state.receipts,
        steps=(*state.steps, {**said, "at": at.isoformat(), "by": by, "role": role}),
    )


def possible(state: Transfer | None, role: str | None, facts: Facts) -> list[Possible]:
    """The steps of the table from here, for one role or (None) for all; without a state those that open one.

    Of the openings ``state`` of a Possible says the receiver too: "police:TEAM".
    """
    names, now = words("transfer"), None if state is None else state.state
    found = []
    for to in RECEIVERS if state is None else (state.to,):
        for step, way in TABLE[to].items():
            if now not in way.ways or (role is not None and role not in way.roles):
                continue
            missing = None
            try:
                _ground(facts, to, step, names.of("steps", step))
            except StepRefused as refused:
                missing = both(refused.msgid, **refused.fields)
            found.append(
                Possible(
                    step=step,
                    name=names.of("steps", step),
                    state=f"{to}:{way.ways[now]}" if state is None else way.ways[now],
                    roles=way.roles,
                    needs={key: names.of("fields", key) for key in (*(("to",) if state is None else ()), *way.needs)},
                    papers={key: names.of("papers", key) for key in way.papers},
                    missing=missing,
                )
            )
    return found


def receiver_name(to: str) -> Text:
    return both(RECEIVER_WORDS.get(to, "another office"))


def state_name(state: str | None) -> Text:
    return words("transfer").of("states", state or "none")


COMPUTED = frozenset({
    "state", "dues", "ends", "article", "receipt", "late_days", "late_hours", "assessment",
})  # fmt: skip
"""Keys that decide(), or the case for it, writes; what a caller gives under them is left out."""

_READ: Mapping[str, Callable[[Reader, str], Any]] = {
    "officers": Reader.names, "items": Reader.names, "copied_to": Reader.names, "received_on": Reader.day,
    "approved_at": Reader.moment, "sent_at": Reader.moment, "received_at": Reader.moment, "asked_at": Reader.moment,
}  # fmt: skip


def _row(to: str, state: Transfer | None, step: str, by: Actor) -> Way:
    names, now = words("transfer"), None if state is None else state.state
    rows = TABLE[to]
    if step not in rows:
        raise StepRefused(
            "{step} is no step of a transfer to {to}; there are {steps}.", step=step, to=to, steps=", ".join(rows)
        )
    if now not in rows[step].ways:
        open_now = [s for s, way in rows.items() if now in way.ways and by.role in way.roles]
        raise StepRefused(
            "{step}: a transfer that is {state} cannot take this step, which is for {roles}; possible for {role} are"
            " {possible}.",
            step=names.of("steps", step),
            roles=names.listed("roles", rows[step].roles),
            role=names.of("roles", by.role),
            state=state_name(now),
            possible=names.listed("steps", open_now) if open_now else {"zh": "无", "en": "none"},
        )
    if by.role not in rows[step].roles:
        raise StepRefused(
            "{step}: is a step of {roles}, not of {role}.",
            step=names.of("steps", step),
            roles=names.listed("roles", rows[step].roles),
            role=names.of("roles", by.role),
        )
    return rows[step]


def _ground(facts: Facts, to: str, key: str, step: Text) -> None:
    """What the office sends rests on the ground check as it stands; what others answer is taken whatever came since."""
    if key not in SENDING:
        return
    if not facts.ground_checked:
        raise StepRefused(
            "{step}: the case is a clue until its ground was checked; record the verdict of the ground check first.",
            step=step,
        )
    if to == "police" and facts.verdict != VIOLATION:
        raise StepRefused(
            "{step}: the verdict of the ground check is {verdict}; the police take a violation only.",
            step=step,
            verdict=facts.verdict or "-",
        )
    if to == "agriculture" and facts.outcome in NO_MATTER:
        raise StepRefused(
            "{step}: the ground check found {outcome}; there is nothing to hand to agriculture.",
            step=step,
            outcome=both(OUTCOMES[facts.outcome]),
        )
