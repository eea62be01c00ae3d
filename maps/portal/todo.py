"""[io] 轮到您处理: what waits for one person, the most urgent first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from geodata.words import Text, both
from maps.portal.access import Person, rows_of
from maps.portal.office import Office
from maps.portal.own import own_reports
from pipeline.cases.closing import person as spelled
from pipeline.cases.events import Role
from pipeline.cases.table import Status

WORDS: Mapping[Status, str] = {
    Status.REPORTED: "Accept, or return with the reason",
    Status.SUSPECTED: "Confirm and dispatch, or dismiss",
    Status.DISPATCHED: "Check on the ground, with photos",
    Status.RECTIFYING: "Have it put right, and report it done",
}
TURN: Mapping[Role, tuple[Status, ...]] = {
    Role.REVIEWER: (Status.REPORTED, Status.SUSPECTED),
    Role.LEADER: (Status.REPORTED,),
    Role.REMOTE_SENSING: (Status.SUSPECTED,),
    Role.DISTRICT_OFFICER: (Status.DISPATCHED, Status.RECTIFYING),
    Role.FIELD_INSPECTOR: (Status.DISPATCHED, Status.RECTIFYING),
}
LAW: Mapping[Role, tuple[tuple[str, ...], str]] = {
    Role.LEGAL_REVIEWER: (("INVESTIGATED", "HEARING"), "Legal review of the proceeding"),
    Role.LEADER: (("NOTIFIED",), "Decide in the proceeding"),
}
"""Role → (states of a proceeding that wait for it, what is to be done)."""


@dataclass(frozen=True)
class Todo:
    """part: "" for the whole. days_left: None where nothing runs. mine: it is assigned to this person by name.
    worth: of a visit, to suspected ground. beyond: the first suspected one that the visits of a week do not reach."""

    number: str
    part: str
    status: Status
    what: Text
    place: str
    due_on: str | None
    days_left: int | None
    mine: bool
    href: str
    worth: float = 0.0
    beyond: bool = False

    @property
    def overdue(self) -> bool:
        return self.days_left is not None and self.days_left < 0


def todo(office: Office, person: Person, limit: int = 200) -> list[Todo]:
    """Overdue first, then by last day; what is assigned to the person by name before the rest; suspected ground by what
    a visit is worth. What they took part in waits for somebody else's acceptance and is left out."""
    found = list(_all(office, person))
    found.sort(
        key=lambda one: (not one.overdue, not one.mine, one.due_on or date.max.isoformat(), -one.worth, one.number)
    )
    suspected = [n for n, one in enumerate(found) if one.status is Status.SUSPECTED]
    if 0 < office.visits_week < len(suspected):
        first = suspected[office.visits_week]
        found[first] = replace(found[first], beyond=True)
    return found[:limit]


def _all(office: Office, person: Person) -> Iterator[Todo]:
    wanted = TURN.get(person.role, ())
    rows = rows_of(office, person, stage="RECTIFY") + rows_of(office, person, stage="FOUND") if wanted else []
    mine = own_reports(office, person, {row["number"] for row in rows if _reported(row)})
    for row in rows:
        parts = row["parts"] or [{"id": "", "status": row["status"], "due_at": row["due_at"]}]
        for part in parts:
            status = Status(part["status"])
            if status in wanted and (row["number"], part["id"]) not in mine:
                yield _one(office, person, row, part, both(WORDS[status]))
    states, what = LAW.get(person.role, ((), ""))
    if states:
        for row in rows_of(office, person):
            if row["proceeding"] and row["proceeding"]["status"] in states:
                part = {"id": "", "status": row["status"], "due_at": None}
                yield _one(office, person, row, part, both(what))


def _reported(row: Mapping[str, Any]) -> bool:
    return any(one["status"] == Status.REPORTED for one in (*row["parts"], row))


def _one(office: Office, person: Person, row: Mapping[str, Any], part: Mapping[str, Any], what: Text) -> Todo:
    due = part["due_at"]
    status = Status(part["status"])
    review = status is Status.REPORTED and person.may("review")
    at = f"/{part['id']}" if part["id"] else ""
    return Todo(
        number=row["number"],
        part=part["id"],
        status=status,
        what=what,
        place=" ".join(row[k] for k in ("district_name", "township_name", "village_name") if row[k]),
        due_on=due,
        days_left=(date.fromisoformat(due) - office.today).days if due and not row["paused"] else None,
        mine=bool(row["assignee"]) and spelled(row["assignee"]) == spelled(person.name),
        href=f"/review/{row['number']}{'?part=' + part['id'] if part['id'] else ''}"
        if review
        else f"/case/{row['number']}{at}",
        worth=row["worth"] if status is Status.SUSPECTED else 0.0,
    )
