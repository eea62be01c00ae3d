"""What must hold before a step of a proceeding, whatever the step brings; each refused with its own sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from geodata.words import Text
from pipeline.cases.closing import person
from pipeline.cases.events import Actor
from pipeline.cases.facts import VIOLATION, Facts
from pipeline.cases.procedure import BEFORE_DECISION, IN_FORCE, Proceeding, Step
from pipeline.cases.proceeding_law import ProceedingLaw, words
from pipeline.cases.refusal import StepRefused

_INVESTIGATES = (Step.INVESTIGATE, Step.PRESERVE, Step.PRESERVE_DECIDE, Step.REPORT)
_OFFICE_DOES = ("confiscate_buildings",)
"""Parts of a decision that the office carries out, not the party."""


@dataclass(frozen=True)
class Standing:
    """A step about to be taken. on: the day of its paper; None, and by None, where only asked what is possible."""

    state: Proceeding | None
    step: Step
    facts: Facts
    law: ProceedingLaw
    on: date | None = None
    by: Actor | None = None

    @property
    def name(self) -> Text:
        return words("proceeding").of("steps", self.step)

    @property
    def now(self) -> Proceeding:
        assert self.state is not None
        return self.state

    def due(self, key: str) -> date | None:
        held = self.now.dues.get(key)
        return None if held is None else date.fromisoformat(held["day"])

    def running(self, key: str) -> date | None:
        """The last day of a time limit that runs still on the day of the step, else None."""
        day = self.due(key)
        return day if day is not None and self.on is not None and self.on <= day else None


def check(standing: Standing) -> None:
    """Raises: StepRefused for the first condition that does not hold."""
    for condition in CONDITIONS.get(standing.step, ()):
        condition(standing)


def investigators(state: Proceeding) -> set[str]:
    """All who investigated, as ``person`` reads their names: the officers named and those who took its steps."""
    names = (*state.officers, *(t.by for t in state.steps if t.step in _INVESTIGATES))
    return {person(name) for name in names}


def undone(state: Proceeding) -> list[str]:
    """Parts of the decision that are not performed yet; a warning is performed by its service."""
    left = [p for p in state.penalties if p not in ("fine", "warning", *state.performed)]
    return [*left, *(["fine"] if "fine" in state.penalties and state.paid_yuan < state.fine_yuan else [])]


def reviews_needed(state: Proceeding, law: ProceedingLaw) -> tuple[str, ...]:
    """Why a legal review is needed before the decision; () where none is."""
    held = ("hearing",) if state.hearing == "held" and "hearing" in law.review_when else ()
    return tuple(dict.fromkeys((*state.reviews_needed, *held)))


def apply_from(state: Proceeding, law: ProceedingLaw) -> date | None:
    """The first day on which the court may be asked; None where no time limit was set by a service."""
    ends = [date.fromisoformat(state.dues[k]["day"]) for k in law.apply_after if k in state.dues]
    return max(ends) + timedelta(days=1) if ends else None


def grounds_open(s: Standing) -> list[str]:
    """Grounds of closing that hold now."""
    found = []
    for key, ground in s.law.grounds.items():
        holds = {
            "served": s.now.served_on is not None,
            "performed": not undone(s.now) and bool(s.now.penalties),
            "applied": s.now.applied_on is not None,
        }
        if s.now.state in ground.states and all(holds[need] for need in ground.needs):
            found.append(key)
    return found


def _violation(s: Standing) -> None:
    if not s.facts.ground_checked:
        raise StepRefused(
            "{step}: the case is a clue until its ground was checked; record the verdict of the ground check first.",
            step=s.name,
        )
    if s.facts.verdict != VIOLATION:
        raise StepRefused(
            "{step}: the verdict of the ground check is {verdict}; a proceeding needs the verdict violation.",
            step=s.name,
            verdict=s.facts.verdict or "-",
        )


def _not_investigator(s: Standing) -> None:
    if s.by is not None and person(s.by.name) in investigators(s.now):
        raise StepRefused(
            "{step}: {name} investigated this case and cannot take it; another person must.",
            step=s.name,
            name=s.by.name,
        )


def _nothing_preserved(s: Standing) -> None:
    if "preservation" in s.now.dues:
        raise StepRefused(
            "{step}: what to do with the evidence preserved is not decided (due {day}); decide it first.",
            step=s.name,
            day=s.due("preservation"),
        )


def _something_preserved(s: Standing) -> None:
    if "preservation" not in s.now.dues:
        raise StepRefused("{step}: no evidence is preserved that waits for a decision.", step=s.name)


def _reviewed(s: Standing) -> None:
    needed = reviews_needed(s.now, s.law)
    if needed and s.now.review != "passed":
        raise StepRefused(
            "{step}: the legal review is missing or did not agree; it is required here ({reasons}).",
            step=s.name,
            reasons=words("proceeding").listed("fields", needed),
        )


def _discussed(s: Standing) -> None:
    if s.now.discussion_needed and not s.now.discussed:
        raise StepRefused(
            "{step}: the collective discussion is missing; a complex or major act requires it.", step=s.name
        )


def _statement_over(s: Standing) -> None:
    until = s.running("statement")
    if s.now.statement != "waived" and until is not None:
        raise StepRefused(
            "{step}: the party may make its statement until {day}; wait, or record that it was given up in writing.",
            step=s.name,
            day=until,
        )


def _hearing_over(s: Standing) -> None:
    if s.now.hearing == "required":
        raise StepRefused(
            "{step}: the notice of the right to a hearing is missing; {penalties} require it.",
            step=s.name,
            penalties=_penalties(s, s.now.noticed),
        )
    until = s.running("hearing_request")
    if s.now.hearing == "noticed" and until is not None:
        raise StepRefused(
            "{step}: the party may ask for a hearing until {day}; wait, or record that it was given up in writing.",
            step=s.name,
            day=until,
        )


def _penalties(s: Standing, keys: tuple[str, ...]) -> Text:
    names = [s.law.penalties[k].name for k in keys if k in s.law.penalties]
    return {"zh": "、".join(n["zh"] for n in names), "en": ", ".join(n["en"] for n in names)}


def _hearing_noticed(s: Standing) -> None:
    if s.now.hearing not in ("noticed", "requested", "scheduled"):
        raise StepRefused("{step}: the notice of the right to a hearing was not given, or is spent.", step=s.name)


def _hearing_not_noticed(s: Standing) -> None:
    if s.now.hearing not in ("", "required"):
        raise StepRefused("{step}: the notice of the right to a hearing was given already.", step=s.name)


def _hearing_set(s: Standing) -> None:
    day = s.now.hearing_on
    if s.now.hearing != "scheduled" or day is None:
        raise StepRefused("{step}: no day is set for the hearing; set it first.", step=s.name)
    if s.on is not None and s.on < day:
        raise StepRefused("{step}: the hearing is set for {day}; hold it then.", step=s.name, day=day)


def _not_extended(s: Standing) -> None:
    if s.now.extended:
        raise StepRefused("{step}: the time for the decision was extended already.", step=s.name)


def _not_published(s: Standing) -> None:
    if s.now.published:
        raise StepRefused("{step}: the decision is published already.", step=s.name)


def _published(s: Standing) -> None:
    if not s.now.published:
        raise StepRefused("{step}: the decision is not published.", step=s.name)


def _not_served(s: Standing) -> None:
    if s.now.served_on is not None:
        raise StepRefused("{step}: was served on {day} already.", step=s.name, day=s.now.served_on)


def _fine_unpaid(s: Standing) -> None:
    if "fine" not in undone(s.now):
        raise StepRefused("{step}: the decision has no fine that is still unpaid.", step=s.name)


def _to_hand_over(s: Standing) -> None:
    if "confiscate_buildings" not in undone(s.now):
        raise StepRefused("{step}: the decision confiscates nothing that is still to be handed over.", step=s.name)


def _party_undone(s: Standing) -> list[str]:
    return [p for p in undone(s.now) if p not in _OFFICE_DOES]


def _something_undone(s: Standing) -> None:
    if not _party_undone(s):
        raise StepRefused("{step}: the party has performed the decision; nothing is left to enforce.", step=s.name)


def _overdue(s: Standing) -> None:
    left = _party_undone(s)
    ends = [s.running("payment" if p == "fine" else "perform") for p in left]
    if ends and all(ends):
        raise StepRefused(
            "{step}: the party has until {day} to perform the decision; wait until then.",
            step=s.name,
            day=min(e for e in ends if e is not None),
        )


def _may_apply(s: Standing) -> None:
    until = s.running("urge")
    if until is not None:
        raise StepRefused(
            "{step}: the time of the demand to perform runs until {day}; wait until then.", step=s.name, day=until
        )
    first = apply_from(s.now, s.law)
    if first is not None and s.on is not None and s.on < first:
        raise StepRefused(
            "{step}: the party may ask for reconsideration or sue until {day}; wait until then.",
            step=s.name,
            day=first - timedelta(days=1),
        )


def _was_before_decision(s: Standing) -> None:
    if s.now.back_to is not None and s.now.back_to not in BEFORE_DECISION:
        raise StepRefused("{step}: the decision is in force; end its execution instead.", step=s.name)


def _was_in_force(s: Standing) -> None:
    if s.now.back_to is not None and s.now.back_to not in IN_FORCE:
        raise StepRefused(
            "{step}: there is no decision in force yet; terminate the investigation instead.", step=s.name
        )


def _some_ground(s: Standing) -> None:
    if not grounds_open(s):
        raise StepRefused(
            "{step}: no ground of closing holds; not performed yet: {left}.",
            step=s.name,
            left=_penalties(s, tuple(undone(s.now))) if undone(s.now) else {"zh": "无", "en": "none"},
        )


def _provisional(s: Standing) -> None:
    if not any(due["provisional"] for due in s.now.dues.values()):
        raise StepRefused("{step}: no day is provisional.", step=s.name)


CONDITIONS: Mapping[Step, tuple[Callable[[Standing], None], ...]] = {
    Step.FILE: (_violation,),
    Step.PRESERVE: (_nothing_preserved,),
    Step.PRESERVE_DECIDE: (_something_preserved,),
    Step.EXTEND: (_not_extended,),
    Step.REPORT: (_nothing_preserved,),
    Step.LEGAL_REVIEW: (_not_investigator,),
    Step.NOTIFY: (_violation,),
    Step.HEARING_NOTICE: (_hearing_not_noticed,),
    Step.HEARING_REQUEST: (_hearing_noticed,),
    Step.HEARING_WAIVE: (_hearing_noticed,),
    Step.HEARING_HOLD: (_not_investigator, _hearing_set),
    Step.DECIDE: (_violation, _not_investigator, _statement_over, _hearing_over, _reviewed, _discussed),
    Step.NOT_PUNISH: (_not_investigator, _reviewed),
    Step.SERVE: (_not_served,),
    Step.PUBLISH: (_not_published,),
    Step.UNPUBLISH: (_published,),
    Step.PAY: (_fine_unpaid,),
    Step.DEFER: (_fine_unpaid,),
    Step.URGE: (_something_undone, _overdue),
    Step.APPLY: (_something_undone, _may_apply),
    Step.HAND_OVER: (_to_hand_over,),
    Step.TERMINATE: (_was_before_decision,),
    Step.END_EXECUTION: (_was_in_force,),
    Step.CLOSE: (_some_ground,),
    Step.RECOUNT: (_provisional,),
}
