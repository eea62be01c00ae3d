"""One step as it was asked for, and what it is judged by. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from geodata.days import day_of
from pipeline.cases.acts import Act
from pipeline.cases.case import Case, Part
from pipeline.cases.events import Actor
from pipeline.cases.facts import Reader
from pipeline.cases.refusal import StepRefused
from pipeline.cases.standards import Standards
from pipeline.cases.workdays import Due

MOST_AHEAD = timedelta(days=730)
"""A last day further ahead than two years is a slip of the pen: the longest period of the law is a part of one."""


@dataclass(frozen=True, eq=False)
class World:
    """What a step is judged by beside the case. at: now, never before the case's last event.

    elsewhere: {sha256: other cases that hold the same bytes}. earlier: acts of the parties of
    this case, its own among them; None where no party is known or the step does not ask.
    """

    at: datetime
    standards: Standards
    elsewhere: Mapping[str, Sequence[str]] = field(default_factory=dict)
    earlier: Sequence[Act] | None = None

    @property
    def today(self) -> date:
        return day_of(self.at)


@dataclass(frozen=True)
class Asked:
    """One step as it was asked for. raw: as given; payload: without what only ``decide`` may say."""

    case: Case
    part: Part
    raw: dict[str, Any]
    payload: dict[str, Any]
    by: Actor
    world: World

    def refuse(self, msgid: str, **fields: object) -> StepRefused:
        return StepRefused(msgid, number=self.case.number + (f"_{self.part.id}" if self.part.id else ""), **fields)

    def day(self, name: str) -> date | None:
        reader = Reader({"zh": self.case.number, "en": self.case.number}, self.raw)
        return reader.day(name) if reader.has(name) else None

    def due(self, what: str, given: date | None = None) -> dict[str, Any] | None:
        """The last day for ``what``: as given, else by the deadline of that key; None where there is none."""
        today = self.world.today
        if given is not None:
            if given <= today:
                raise self.refuse("{number}: the last day {day} is not after today; give a later one.", day=given)
            if given > today + MOST_AHEAD:
                raise self.refuse(
                    "{number}: the last day {day} lies more than two years ahead; give one until {most}.",
                    day=given,
                    most=today + MOST_AHEAD,
                )
            return {"what": what, "on": given.isoformat(), "provisional": False, "from": today.isoformat()}
        rule = self.world.standards.deadlines.get(what)
        if rule is None:
            return None
        return due_json(what, today, rule.due(today, self.world.standards.calendar), rule.roll)


def due_json(what: str, start: date, due: Due, roll: bool) -> dict[str, Any]:
    return {
        "what": what,
        "on": due.day.isoformat(),
        "provisional": due.provisional,
        "from": start.isoformat(),
        "n": due.n,
        "unit": due.unit,
        "roll": roll,
    }
