"""The legal proceeding beside the loop: 立案 … 结案. Pure: decide() completes or refuses a step, evolve() replays.

A PROCEEDING event carries {"proceeding": id, "step": key, "on": day of the paper, …}. 结案 is not
整改到位 and not 销号: nothing here closes a case, and nothing in the loop closes a proceeding.
The table is in ``procedure``, conditions in ``proceeding_conditions``, what a step
brings and does in ``proceeding_deciding`` and ``proceeding_enforcing``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from geodata.days import day_of
from geodata.words import Text, both
from pipeline.cases.events import Actor
from pipeline.cases.facts import Facts, Reader
from pipeline.cases.procedure import BACK, TABLE, Proceeding, State, Step, Taken, Way
from pipeline.cases.proceeding_conditions import Standing, check, grounds_open, undone
from pipeline.cases.proceeding_deciding import DECIDING
from pipeline.cases.proceeding_enforcing import ENFORCING, surcharge
from pipeline.cases.proceeding_law import proceeding_law, words
from pipeline.cases.proceeding_taking import Taking
from pipeline.cases.refusal import StepRefused

if TYPE_CHECKING:
    from pipeline.cases.standards import Standards

__all__ = [
    "TABLE",
    "Facts",
    "Possible",
    "Proceeding",
    "State",
    "Step",
    "Taken",
    "Way",
    "decide",
    "evolve",
    "grounds_open",
    "possible",
    "surcharge",
    "undone",
]

WITH_THE_STEP = ("8007", "7005", "payment_receipt")
"""Papers that come anew with each step; one of an earlier step does not stand for them."""

COMPUTED = frozenset({
    "state", "sets", "dues", "ends", "article", "cause_article", "ground_article", "late_days", "surcharge_yuan",
    "hearing_required_by", "fine_scale_yuan",
})  # fmt: skip
"""Keys that decide() writes; what a caller gives under them is left out."""

_DAYS = ("filed_on", "hearing_on", "decided_on", "served_on", "applied_on", "paused_on", "closed_on")
_SPANS = ("holds", "excluded")


@dataclass(frozen=True)
class Possible:
    """A step of the table from here. missing: why it would be refused now, None where nothing but its needs is."""

    step: str
    name: Text
    state: str
    roles: tuple[str, ...]
    needs: Mapping[str, Text]
    papers: Mapping[str, Text]
    missing: Text | None


def decide(
    state: Proceeding | None,
    step: str,
    payload: Mapping[str, Any],
    *,
    at: datetime,
    by: Actor,
    facts: Facts,
    standards: Standards,
) -> dict[str, Any]:
    """The payload completed; StepRefused with a sentence that says what is missing.

    Adds: "state" (after the step), "on", "article", "sets" (fields of the Proceeding), "dues" (time limits
    begun or moved) and "ends" (keys of those that end). So ``evolve`` needs no law, and a later law changes no past.
    """
    names = words("proceeding")
    payload = {key: value for key, value in payload.items() if key not in COMPUTED}
    taken = _step(state, step, by)
    way, name, today = TABLE[taken], names.of("steps", taken), day_of(at)
    read = Reader(name, payload, names.fields)
    id = read.text("proceeding")
    on = read.day("on", earliest=_not_before(state, facts), latest=today) if read.has("on") else today
    standing = Standing(state, taken, facts, proceeding_law(on), on, by)
    check(standing)
    read.papers(
        [(key, names.of("papers", key)) for key in way.papers], [p for p in facts.papers if p not in WITH_THE_STEP]
    )
    taking = Taking(standing, today, read, standards)
    (DECIDING.get(taken) or ENFORCING[taken])(taking)
    to = way.ways[None if state is None else state.state]
    then = state.back_to if to == BACK and state is not None else to
    done = {**payload, **read.read, "proceeding": id, "step": taken.value, "on": on.isoformat()}
    done |= {"state": str(then), "sets": taking.sets, "dues": taking.dues, "ends": sorted(set(taking.ends))}
    article = names.articles.get(taken)
    return done | ({"article": article} if article else {})


def evolve(state: Proceeding | None, payload: Mapping[str, Any], at: datetime, by: str, role: str) -> Proceeding:
    """The proceeding after a step that was accepted; the law of that day stands in its payload."""
    sets = {key: _value(key, value) for key, value in payload["sets"].items()}
    if state is None:
        state = Proceeding(id=payload["proceeding"], state=State(payload["state"]), **sets)
    else:
        state = replace(state, **sets)
    dues = {key: due for key, due in state.dues.items() if key not in payload["ends"]} | dict(payload["dues"])
    said = {key: value for key, value in payload.items() if key not in ("sets", "dues", "ends")}
    taken = Taken(payload["step"], date.fromisoformat(payload["on"]), at, by, role, said)
    return replace(state, state=State(payload["state"]), dues=dues, steps=(*state.steps, taken))


def possible(state: Proceeding | None, role: str | None, facts: Facts, *, on: date | None = None) -> list[Possible]:
    """The steps of the table from here, for one role or (None) for all. on: what must be waited for is said too."""
    names, now = words("proceeding"), None if state is None else state.state
    law = proceeding_law(on or (date.max if state is None else state.filed_on))
    found = []
    for step, way in TABLE.items():
        if now not in way.ways or (role is not None and role not in way.roles):
            continue
        missing = None
        try:
            check(Standing(state, step, facts, law, on))
        except StepRefused as refused:
            missing = both(refused.msgid, **refused.fields)
        to = way.ways[now]
        then = state.back_to if to == BACK and state is not None else to
        found.append(
            Possible(
                step=step.value,
                name=names.of("steps", step),
                state=str(then),
                roles=way.roles,
                needs={key: names.of("fields", key) for key in needs(state, step)},
                papers={key: names.of("papers", key) for key in way.papers},
                missing=missing,
            )
        )
    return found


def needs(state: Proceeding | None, step: Step) -> tuple[str, ...]:
    """Fields the step must bring, those that the decision itself asks for among them."""
    more: tuple[str, ...] = ()
    if step is Step.SERVE and state is not None and set(state.penalties) & {
        "demolish", "restore", "return_land", "confiscate_gain",
    }:  # fmt: skip
        more = ("perform_by",)
    return (*TABLE[step].needs, *more)


def name_of(step: str) -> Text:
    return words("proceeding").of("steps", step)


def state_name(state: str | None) -> Text:
    return words("proceeding").of("states", state or "none")


def _step(state: Proceeding | None, step: str, by: Actor) -> Step:
    names, now = words("proceeding"), None if state is None else state.state
    if step not in set(Step):
        raise StepRefused("{step} is no step of a proceeding; there are {steps}.", step=step, steps=", ".join(Step))
    taken = Step(step)
    way = TABLE[taken]
    if now not in way.ways:
        open_now = [s for s, w in TABLE.items() if now in w.ways and by.role in w.roles]
        raise StepRefused(
            "{step}: a proceeding that is {state} cannot take this step, which is for {roles}; possible for {role} are"
            " {possible}.",
            step=names.of("steps", taken),
            state=state_name(now),
            roles=names.listed("roles", way.roles),
            role=names.of("roles", by.role),
            possible=names.listed("steps", open_now) if open_now else {"zh": "无", "en": "none"},
        )
    if by.role not in way.roles:
        raise StepRefused(
            "{step}: is a step of {roles}, not of {role}.",
            step=names.of("steps", taken),
            roles=names.listed("roles", way.roles),
            role=names.of("roles", by.role),
        )
    return taken


def _not_before(state: Proceeding | None, facts: Facts) -> date | None:
    """No paper is older than the last step that moved the proceeding, or than the ground check."""
    if state is None:
        return None if facts.checked_at is None else day_of(facts.checked_at)
    days = [a.on for a, b in zip(state.steps, (None, *state.steps), strict=False) if b is None or _moved(a, b)]
    return max(days)


def _moved(a: Taken, before: Taken) -> bool:
    return a.payload["state"] != before.payload["state"]


def _value(key: str, value: Any) -> Any:
    if key in _DAYS:
        return None if value is None else date.fromisoformat(value)
    if key in _SPANS:
        return tuple((date.fromisoformat(a), date.fromisoformat(b)) for a, b in value)
    if key == "back_to":
        return None if value is None else State(value)
    return tuple(value) if isinstance(value, list) else value
