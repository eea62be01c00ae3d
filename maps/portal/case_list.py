"""[io] The list of cases under filters, in the order in which they want attention."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from maps.portal.access import Person, areas_of
from maps.portal.office import Office
from pipeline.cases import tables
from pipeline.cases.database import reading
from pipeline.cases.table import Status

ENDED = (Status.CLOSED, Status.DISMISSED)
MANY = 1_000_000
SEARCHED = ("number", "district_name", "township_name", "village_name", "party")


def rows_shown(
    office: Office, person: Person, given: Mapping[str, str], shown: int
) -> tuple[list[dict[str, Any]], int]:
    """(the first ``shown`` rows, how many there are): by last day, then what has none, then what has ended; suspected
    ones alone by what a visit is worth.

    given: stage, status, kind, batch, party, assignee, district, overdue, q; "" filters nothing."""
    cases, which = tables.cases.c, _which(office, person, given)
    order: tuple[Any, ...] = (
        cases.status.in_(ENDED),
        cases.due_at.is_(None),
        cases.due_at,
        cases.urgency.desc(),
        cases.number,
    )
    if given["status"] == Status.SUSPECTED:
        order = (cases.worth.desc(), cases.number)
    if given["q"]:
        query = sa.select(cases.row).where(which).order_by(*order)
        with reading(office.ledger.engine) as connection:
            found = [json.loads(row) for row in connection.execute(query).scalars()]
        found = [row for row in found if _fits(row, given["q"])]
        return found[:shown], len(found)
    first = sa.select(cases.number).where(which).order_by(*order).limit(shown)
    with reading(office.ledger.engine) as connection:
        total = connection.execute(sa.select(sa.func.count()).select_from(tables.cases).where(which)).scalar_one()
        rows = connection.execute(sa.select(cases.row).where(cases.number.in_(first)).order_by(*order)).scalars()
        return [json.loads(row) for row in rows], total


def by_status(office: Office, person: Person, given: Mapping[str, str]) -> dict[str, int]:
    """{status: how many}, under all filters but stage and status."""
    cases, which = tables.cases.c, _which(office, person, {**given, "stage": "", "status": ""})
    if given["q"]:
        rows, _ = rows_shown(office, person, {**given, "stage": "", "status": ""}, MANY)
        return {s.value: sum(row["status"] == s for row in rows) for s in Status}
    query = sa.select(cases.status, sa.func.count()).where(which).group_by(cases.status)
    with reading(office.ledger.engine) as connection:
        return {**dict.fromkeys((s.value for s in Status), 0), **dict(connection.execute(query).tuples().all())}


def _which(office: Office, person: Person, given: Mapping[str, str]) -> sa.ColumnElement[bool]:
    cases = tables.cases.c
    which = sa.or_(sa.false(), *(_within(area) for area in areas_of(person, given["district"] or None)))
    for name in ("stage", "status", "kind", "assignee", "party"):
        if given[name]:
            which &= cases[name] == given[name]
    if given["batch"]:
        which &= cases.number.in_(sa.select(tables.clues.c.case).where(tables.clues.c.batch == given["batch"]))
    if given["overdue"]:
        which &= cases.due_at < office.today.isoformat()
    for word in given["q"].split():
        which &= cases.row.contains(word, autoescape=True)  # ``_fits`` says in which field
    return which


def _fits(row: Mapping[str, Any], said: str) -> bool:
    held = " ".join(str(row[name] or "") for name in SEARCHED).casefold()
    return all(word.casefold() in held for word in said.split())


def _within(area: str | None) -> sa.ColumnElement[bool]:
    if area is None:
        return sa.true()
    cases = tables.cases.c
    return cases.district_code.startswith(area, autoescape=True) | cases.township_code.startswith(area, autoescape=True)
