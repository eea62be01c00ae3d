"""What each step of a transfer does: receipts read, time limits begun and ended. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from geodata.days import day_of
from pipeline.cases.closing import person
from pipeline.cases.facts import Reader
from pipeline.cases.refusal import StepRefused

if TYPE_CHECKING:
    from pipeline.cases.standards import Standards


@dataclass(frozen=True)
class Transfer:
    """State as replayed. dues: key of the time limit → {"day", "n", "unit", "provisional", "source", "of"}, those in
    hours with "at" too. receipts: what receivers signed for. steps: payloads with at, by, role."""

    id: str
    to: str
    state: str
    dues: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    receipts: tuple[Mapping[str, Any], ...] = ()
    steps: tuple[Mapping[str, Any], ...] = ()


@dataclass
class Taking:
    """A step in the making."""

    state: Transfer | None
    read: Reader
    on: date
    now: datetime
    standards: Standards
    dues: dict[str, Any] = field(default_factory=dict)
    ends: list[str] = field(default_factory=list)

    def end(self, key: str, when: datetime | date) -> None:
        """End a time limit; say by how much it was missed."""
        due = self.state.dues.get(key) if self.state is not None else None
        if due is None:
            return
        self.ends.append(key)
        if "at" in due and isinstance(when, datetime):
            late = when - datetime.fromisoformat(due["at"])
            if late > timedelta(0):
                self.read.read["late_hours"] = round(late / timedelta(hours=1), 2)
        else:
            late_days = ((day_of(when) if isinstance(when, datetime) else when) - date.fromisoformat(due["day"])).days
            if late_days > 0:
                self.read.read["late_days"] = late_days

    def run(self, key: str, start: datetime | date, of: str = "office") -> None:
        """Begin a time limit; one in hours runs to the minute."""
        rule = self.standards.deadlines[key]
        day = day_of(start) if isinstance(start, datetime) else start
        due = self.standards.calendar.after(day, rule.n, rule.unit, roll=rule.roll)
        self.dues[key] = {
            "day": due.day.isoformat(), "start": day.isoformat(), "n": rule.n, "unit": rule.unit,
            "name": dict(rule.name), "provisional": due.provisional, "source": rule.source, "of": of,
        }  # fmt: skip
        if rule.unit == "hours" and isinstance(start, datetime):
            self.dues[key]["at"] = (start + timedelta(hours=rule.n)).isoformat()

    def moment(self, name: str) -> datetime:
        """A time that has come."""
        when = self.read.moment(name)
        if when > self.now:
            raise StepRefused(
                "{step}: {field} {day} lies after {limit}; mend {name}=…",
                step=self.read.step,
                field=self.read.fields.get(name, name),
                day=when.isoformat(),
                limit=self.now.isoformat(),
                name=name,
            )
        return when

    def past(self, name: str) -> date:
        return self.read.day(name, latest=day_of(self.now))


def _team(t: Taking) -> None:
    if len({person(name) for name in t.read.names("officers")}) < 2:
        raise StepRefused("{step}: a transfer needs a team of two officers; one is named.", step=t.read.step)


def _report(t: Taking) -> None:
    t.run("transfer_decision", t.on)


def _approve(t: Taking) -> None:
    approved = t.moment("approved_at")
    t.end("transfer_decision", approved)
    t.run("transfer_delivery", approved)


def _refuse(t: Taking) -> None:
    t.end("transfer_decision", t.on)


def _send(t: Taking) -> None:
    t.end("transfer_delivery", t.moment("sent_at"))


def _receipt(t: Taking) -> None:
    received = t.moment("received_at")
    if t.state is not None and t.state.to == "police":
        t.run("police_supplement_notice", received, "police")
        t.run("police_review", received, "police")


def _ask(t: Taking) -> None:
    asked = t.moment("asked_at")
    t.end("police_supplement_notice", asked)
    t.run("police_supplement", asked)


def _supplement(t: Taking) -> None:
    sent = t.moment("sent_at")
    t.end("police_supplement", sent)
    t.run("police_review", sent, "police")


def _heard(t: Taking) -> None:
    received = t.past("received_on")
    for key in ("police_supplement_notice", "police_review", "police_reconsideration_decision"):
        t.end(key, received)


def _accept(t: Taking) -> None:
    _heard(t)
    t.run("hand_over_materials", t.past("received_on"))


def _decline(t: Taking) -> None:
    _heard(t)
    t.run("police_reconsideration", t.past("received_on"))


def _reconsider(t: Taking) -> None:
    last = t.state.dues.get("police_reconsideration") if t.state is not None else None
    if last is not None and t.on > date.fromisoformat(last["day"]):
        raise StepRefused(
            "{step}: the time to ask for reconsideration ended on {day}; the procuratorate may still be asked.",
            step=t.read.step,
            day=last["day"],
        )
    t.end("police_reconsideration", t.on)
    t.run("police_reconsideration_decision", t.on, "police")


def _uphold(t: Taking) -> None:
    received = t.past("received_on")
    t.end("police_reconsideration_decision", received)
    t.run("prosecutor", received)


def _supervise(t: Taking) -> None:
    t.end("prosecutor", t.on)
    t.end("police_reconsideration", t.on)


def _hand_over(t: Taking) -> None:
    t.end("hand_over_materials", t.on)


def _all_ends(t: Taking) -> None:
    t.ends += list(t.state.dues) if t.state is not None else []


DOES: Mapping[str, Callable[[Taking], None]] = {
    "team": _team,
    "report": _report,
    "approve": _approve,
    "refuse": _refuse,
    "send": _send,
    "receipt": _receipt,
    "ask_supplement": _ask,
    "supplement": _supplement,
    "accept": _accept,
    "decline": _decline,
    "reconsider": _reconsider,
    "uphold": _uphold,
    "supervise": _supervise,
    "hand_over": _hand_over,
    "return": _all_ends,
}
