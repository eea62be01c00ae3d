"""A step of a proceeding in the making: what was read of it, what it sets, which time limits it begins and ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from pipeline.cases.facts import Reader
from pipeline.cases.procedure import Proceeding
from pipeline.cases.proceeding_conditions import Standing
from pipeline.cases.proceeding_law import words
from pipeline.cases.refusal import StepRefused

if TYPE_CHECKING:
    from pipeline.cases.standards import Standards

_OFFICE_DUES = (
    "preservation", "decision", "service", "court_application", "hand_over", "withdraw_publication",
)  # fmt: skip


@dataclass
class Taking:
    """A step in the making. sets: fields of the Proceeding after it, JSON values; dues, ends: time limits."""

    s: Standing
    today: date
    read: Reader
    standards: Standards
    sets: dict[str, Any] = field(default_factory=dict)
    dues: dict[str, Any] = field(default_factory=dict)
    ends: list[str] = field(default_factory=list)

    @property
    def now(self) -> Proceeding:
        return self.s.now

    @property
    def on(self) -> date:
        assert self.s.on is not None
        return self.s.on

    def past(self, name: str, earliest: date | None = None) -> date:
        """A day that has come."""
        return self.read.day(name, earliest=earliest, latest=self.today)

    def period(self, key: str) -> Any:
        return self.standards.deadlines.get(key) or self.s.law.periods[key]

    def last(self, key: str, start: date) -> date:
        """The last day of a time limit that is not begun here."""
        rule = self.period(key)
        return self.standards.calendar.after(start, rule.n, rule.unit, roll=rule.roll).day

    def run(self, key: str, start: date, kept_as: str = "") -> date:
        """Begin the time limit ``key``; its last day. kept_as: the key it is kept under, where another."""
        rule = self.period(key)
        due = self.standards.calendar.after(start, rule.n, rule.unit, roll=rule.roll)
        self._set(
            kept_as or key,
            due.day,
            start,
            name=dict(rule.name),
            n=rule.n,
            unit=rule.unit,
            roll=rule.roll,
            source=rule.source,
        )
        self.dues[kept_as or key]["provisional"] = due.provisional
        return due.day

    def fixed(self, key: str, day: date, source: str) -> None:
        """A last day that people set."""
        name = words("proceeding").of("fields", key)
        self._set(key, day, self.on, name=name, n=(day - self.on).days, unit="days", roll=False, source=source)

    def _set(self, key: str, day: date, start: date, **rest: Any) -> None:
        of = "office" if key in _OFFICE_DUES else "party"
        self.dues[key] = {
            "day": day.isoformat(), "start": start.isoformat(), "moved": 0, "provisional": False, "of": of, **rest,
        }  # fmt: skip

    def move(self, key: str, days: int) -> None:
        """Put a running time limit off by calendar days."""
        if key in self.now.dues:
            due = self.now.dues[key]
            day = date.fromisoformat(due["day"]) + timedelta(days=days)
            self.dues[key] = {**due, "day": day.isoformat(), "moved": due["moved"] + days, "paused": False}

    def late(self, key: str, day: date) -> None:
        """Say by how many days the step is late; a late step of the office is a step still."""
        last = self.s.due(key)
        if last is not None and day > last:
            self.read.read["late_days"] = (day - last).days

    def refuse(self, msgid: str, **fields: object) -> StepRefused:
        return StepRefused(msgid, step=self.s.name, **fields)


def penalties(t: Taking) -> tuple[list[str], float]:
    keys = t.read.names("penalties")
    for key in keys:
        if key not in t.s.law.penalties:
            raise t.refuse("{step}: {key} is no penalty; there are {keys}.", key=key, keys=", ".join(t.s.law.penalties))
    return list(keys), t.read.number("fine_yuan") if "fine" in keys else 0.0
