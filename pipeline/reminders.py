"""What is due, by district and person: parts, and the limits that run beside the loop. Pure.

A reminder names numbers and days only: no party, no matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from geodata.days import day_of
from geodata.words import Text, both
from pipeline.cases.case import Case, Part, Status
from pipeline.cases.rows import due_now
from pipeline.cases.running import running
from pipeline.cases.standards import Standards
from pipeline.cases.workdays import Calendar

AGAIN = "again_on"
"""The key of a check that could not be made and has a new day."""


@dataclass(frozen=True)
class Reminder:
    """beside: "" for the loop itself, else "proceeding" or "transfer". of: who must act ("office", "party", "police").

    days_left: negative when overdue. provisional: 暂定. person: whom the part is assigned to, "" for nobody.
    """

    number: str
    part: str
    beside: str
    what: str
    name: Text
    on: date
    days_left: int
    provisional: bool
    of: str
    person: str
    district_code: str
    district_name: str

    @property
    def overdue(self) -> bool:
        return self.days_left < 0

    @property
    def of_the_loop(self) -> bool:
        """A last day of the loop itself: what lists and statistics call overdue."""
        return not self.beside and self.what != AGAIN


def reminders(cases: Iterable[Case], today: date, within_days: int, rules: Standards) -> list[Reminder]:
    """What is overdue or due up to ``within_days`` from today, by district, person and day. What is paused is left
    out unless it was overdue before, and what a final step has ended too."""
    found = [one for case in cases for part in case.parts for one in _of_part(case, part, today, rules)]
    near = [one for one in found if one.days_left <= within_days]
    return sorted(near, key=lambda r: (r.district_code, r.person, r.on, r.number, r.part, r.beside, r.what))


def _of_part(case: Case, part: Part, today: date, rules: Standards) -> Iterable[Reminder]:
    def one(what: str, name: Text, on: date, provisional: bool, beside: str = "", of: str = "office") -> Reminder:
        return Reminder(
            case.number, part.id, beside, what, name, on, (on - today).days, provisional, of, part.assignee,
            case.district_code, case.district_name,
        )  # fmt: skip

    due = due_now(part)
    if due:
        yield one(due["what"], due_name(due["what"], rules), date.fromisoformat(due["on"]), bool(due["provisional"]))
    if part.postponed and part.status is Status.DISPATCHED:
        again = part.postponed[-1]
        since = (part.due or {}).get("from")  # what was put off before the ground was opened again is over
        if since is None or day_of(datetime.fromisoformat(again["at"])) >= date.fromisoformat(since):
            yield one(AGAIN, both("check again"), date.fromisoformat(again["again_on"]), False)
    beside: Sequence[tuple[str, Mapping[str, Any]]] = (
        *(("proceeding", p.dues) for p in part.proceedings.values()),
        *(("transfer", t.dues) for t in part.transfers.values()),
    )
    for kind, dues in beside:
        for limit in running(dues, today):
            if limit.days_left is not None:
                yield one(limit.key, limit.name, limit.day, limit.provisional, kind, limit.of)


def due_name(what: str, rules: Standards) -> Text:
    rule = rules.deadlines.get(what)
    return rule.name if rule is not None and rule.name else {"zh": what, "en": what}


def recounted(due: Mapping[str, Any], calendar: Calendar, moved_days: int = 0) -> dict[str, Any] | None:
    """A part's provisional due by the calendar of today, moved by its pauses; None where nothing changes."""
    if not due.get("provisional") or "n" not in due:
        return None
    found = calendar.after(date.fromisoformat(due["from"]), due["n"], due["unit"], roll=due.get("roll", False))
    on = date.fromordinal(found.day.toordinal() + moved_days).isoformat()
    if (on, found.provisional) == (due["on"], due["provisional"]):
        return None
    return {**due, "on": on, "provisional": found.provisional}


def recountable(dues: Mapping[str, Mapping[str, Any]], calendar: Calendar) -> bool:
    """Whether the limits of a proceeding have a provisional day that the calendar now says otherwise."""
    for due in dues.values():
        if not due.get("provisional"):
            continue
        found = calendar.after(date.fromisoformat(due["start"]), due["n"], due["unit"], roll=due.get("roll", False))
        day = date.fromordinal(found.day.toordinal() + due.get("moved", 0)).isoformat()
        if (day, found.provisional) != (due["day"], due["provisional"]):
            return True
    return False
