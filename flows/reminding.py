"""[io] What is due by district and person; provisional days are counted again when a year's table came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from flows.settings import Workspace
from geodata.days import day_of
from geodata.errors import GengXunError
from geodata.words import both
from maps.portal.message import of_reminders
from pipeline.cases.case import Case, Part
from pipeline.cases.events import SYSTEM, Event, Kind
from pipeline.cases.ledger import Ledger
from pipeline.cases.procedure import FINAL, Step
from pipeline.cases.table import Status
from pipeline.cases.workdays import Calendar
from pipeline.plain import to_plain
from pipeline.reminders import AGAIN, recountable, recounted, reminders

ENDED = ("CLOSED", "DISMISSED")


def run(office: Workspace, *, within_days: int | None = None, now: datetime | None = None) -> dict[str, Any]:
    """{today, within_days, overdue, overdue_cases, overdue_beside, overdue_again, due, reminders, recounted, refused}.

    overdue is every reminder; overdue_cases: cases with a last day of the loop passed, which is what ``case list
    --overdue`` and ``stats`` count; overdue_beside, overdue_again: limits of proceedings and transfers, checks put off.
    """
    ledger, today = office.ledger, day_of(now or datetime.now(UTC))
    within = office.settings.case.remind_days if within_days is None else within_days
    rules = office.rules(today)
    with ledger.lease("remind"):
        again, refused = recount(ledger, rules.calendar)
    last = (today + timedelta(days=within)).isoformat()
    found = reminders(_running(ledger, last), today, within, rules)
    rows = [{**to_plain(one), "overdue": one.overdue} for one in found]
    return {
        "today": today.isoformat(),
        "within_days": within,
        "overdue": sum(one.overdue for one in found),
        "overdue_cases": len({one.number for one in found if one.overdue and one.of_the_loop}),
        "overdue_beside": sum(one.overdue and bool(one.beside) for one in found),
        "overdue_again": sum(one.overdue and one.what == AGAIN for one in found),
        "due": sum(not one.overdue for one in found),
        "reminders": rows,
        "recounted": again,
        "refused": refused,
    }


def sent(office: Workspace, found: Mapping[str, Any]) -> int:
    """Send what ``run`` found to the channels of [notify]: numbers, last days, the portal's address. How many
    cases; nothing is sent where nothing is due. Raises: WorkError."""
    from flows.serve import notifier

    if not found["reminders"]:
        return 0
    notifier(office.settings.notify.urls)(*of_reminders(found["reminders"], office.settings.portal.public_url))
    return len({row["number"] for row in found["reminders"]})


def scheduled(office: Workspace, found: Mapping[str, Any]) -> int:
    """``sent`` where [notify] says ``reminders = true``; else nothing leaves. Raises: WorkError."""
    return sent(office, found) if office.settings.notify.reminders else 0


def _running(ledger: Ledger, last: str) -> Iterable[Case]:
    """Cases in which something may be due up to the day ``last``; a proceeding or a transfer outlives the closing."""
    for row in ledger.each_row():
        due = row["due_at"] is not None and row["due_at"] <= last
        waits = due or row["status"] == Status.DISPATCHED or bool(row["parts"])  # of the second: a check put off
        if (waits and row["status"] not in ENDED) or row["proceeding"] or row["transfers"]:
            yield ledger.case(row["number"])


def recount(ledger: Ledger, calendar: Calendar) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """An event for each provisional day that ``calendar`` now says otherwise. (what was counted again, what was
    refused)."""
    again: list[dict[str, str]] = []
    refused: list[dict[str, str]] = []
    numbers = [
        row["number"]
        for row in ledger.each_row()
        if row["proceeding"] or (row["status"] not in ENDED and (row["due_provisional"] or row["parts"]))
    ]
    for number in numbers:
        case = ledger.case(number)
        for part in case.parts:
            try:
                again += _recount_part(ledger, case, part, calendar)
            except GengXunError as error:
                refused.append({"case": case.number, "part": part.id, "error": str(error)})
    return again, refused


def _recount_part(ledger: Ledger, case: Case, part: Part, calendar: Calendar) -> list[dict[str, str]]:
    done = []
    if part.due is not None:
        due = recounted(part.due, calendar, _paused_days(ledger.events(case.number), part))
        if due is not None:
            payload = {"due": due, "reason": both("the year's days off are published")}
            ledger.act(case.number, Kind.DUE_SET, payload, SYSTEM, part=part.id)
            done.append({"case": case.number, "part": part.id, "what": due["what"], "was": part.due["on"],
                         "on": due["on"]})  # fmt: skip
    for id, proceeding in part.proceedings.items():
        if proceeding.state in FINAL or not recountable(proceeding.dues, calendar):
            continue
        event = ledger.act(
            case.number, Kind.PROCEEDING, {"step": Step.RECOUNT.value, "proceeding": id}, SYSTEM, part=part.id
        )
        for key, due in event.payload["dues"].items():
            was = proceeding.dues[key]["day"]
            done.append({"case": case.number, "part": part.id, "what": key, "was": was, "on": due["day"]})
    return done


def _paused_days(events: Iterable[Event], part: Part) -> int:
    """Days by which pauses have moved the due that runs now (a part of a split inherits those of the whole)."""
    assert part.due is not None
    moved = 0
    for event in events:
        due = event.payload.get("due") if event.kind == Kind.RESUMED else None
        if due and (due["what"], due.get("from")) == (part.due["what"], part.due.get("from")):
            moved += max(0, int(event.payload["paused_days"])) if event.payload["part"] in ("", part.id) else 0
    return moved
