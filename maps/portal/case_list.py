"""[io] The list of cases under filters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from maps.portal.access import Person, areas_of
from maps.portal.office import Office
from pipeline.cases import tables
from pipeline.cases.database import reading
from pipeline.cases.listing import ordered
from pipeline.cases.table import Status

MANY = 1_000_000
SEARCHED = ("number", "district_name", "township_name", "village_name", "party")


def rows_shown(
    office: Office, person: Person, given: Mapping[str, str], shown: int
) -> tuple[list[dict[str, Any]], int]:
    """(the first ``shown`` rows, how many there are), in the order of every list.

    given: stage, status, kind, batch, party, assignee, district, overdue, q; "" filters nothing."""
    which = _which(office, person, given)
    with reading(office.ledger.engine) as connection:
        if given["q"]:
            found = [row for row in ordered(connection, which, None) if _fits(row, given["q"])]
            return found[:shown], len(found)
        total = connection.execute(sa.select(sa.func.count()).select_from(tables.cases).where(which)).scalar_one()
        return ordered(connection, which, shown), total


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
