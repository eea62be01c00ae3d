"""[io] What several pages read from the ledger's tables: its last entry, one run, when cases began."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from maps.portal.access import NotThere, Person, areas_of
from maps.portal.office import Office
from pipeline.cases import tables
from pipeline.cases.database import reading
from pipeline.cases.heads import MARK_LENGTH
from pipeline.cases.rows import on_day
from pipeline.flags import Flag, from_json
from pipeline.inspection import Inspection
from pipeline.inspection import from_json as inspection_from

_EVENTS = tables.events.c


@dataclass(frozen=True)
class Last:
    """The last entry of the ledger. mark: as ``heads.mark`` of a head that ends there."""

    seq: int
    hash: str
    at: datetime

    @property
    def mark(self) -> str:
        return f"{self.seq}-{self.hash[:MARK_LENGTH]}"


def last(office: Office) -> Last | None:
    query = sa.select(_EVENTS.seq, _EVENTS.hash, _EVENTS.at).order_by(_EVENTS.seq.desc()).limit(1)
    with reading(office.ledger.engine) as connection:
        row = connection.execute(query).first()
    return None if row is None else Last(row[0], row[1], datetime.fromisoformat(row[2]))


@dataclass(frozen=True, eq=False)
class Run:
    """flags: (flag, case number) in the order of their events. codes: {case number: its codes}."""

    inspection: Inspection
    at: datetime
    flags: tuple[tuple[Flag, str], ...]
    codes: dict[str, dict[str, str]]


def each_row(office: Office, person: Person) -> Iterator[dict[str, Any]]:
    """The rows of the person's area as they stand today, a few at a time: however many there are, few are held."""
    for area in areas_of(person):
        for row in office.ledger.each_row(district=area):
            yield on_day(row, office.today)


def run(office: Office, id: str) -> Run:
    """One inspection with the flags it raised. Raises: NotThere."""
    inspections, flags, cases = tables.inspections.c, tables.flags.c, tables.cases.c
    recorded = sa.select(_EVENTS.payload, _EVENTS.at).join(tables.inspections, inspections.seq == _EVENTS.seq)
    raised = (
        sa.select(_EVENTS.payload, flags.case, cases.district_code, cases.township_code)
        .join_from(tables.flags, tables.events, flags.seq == _EVENTS.seq)
        .join(tables.cases, cases.number == flags.case)
        .where(flags.inspection == id)
        .order_by(flags.seq)
    )
    with reading(office.ledger.engine) as connection:
        row = connection.execute(recorded.where(inspections.id == id)).first()
        if row is None:
            raise NotThere
        rows = connection.execute(raised).mappings().all()
    found = tuple((from_json(json.loads(one["payload"])["flag"]), one["case"]) for one in rows)
    codes = {one["case"]: {k: one[k] for k in ("district_code", "township_code")} for one in rows}
    return Run(inspection_from(json.loads(row[0])), datetime.fromisoformat(row[1]), found, codes)


def run_before(office: Office, id: str, on_ground: Callable[[str], bool]) -> Run | None:
    """The newest inspection recorded before this one whose later scene ``on_ground`` says to lie there."""
    held = tables.inspections.c
    this = sa.select(held.seq).where(held.id == id).scalar_subquery()
    query = sa.select(held.id, held.after_id).where(held.seq < this).order_by(held.seq.desc())
    with reading(office.ledger.engine) as connection:
        earlier = connection.execute(query).all()
    found = next((one.id for one in earlier if on_ground(one.after_id)), None)
    return run(office, found) if found else None


def runs(office: Office) -> list[tuple[datetime, Inspection]]:
    """(when recorded, inspection) of every one, the oldest first."""
    return [(event.at, inspection_from(event.payload)) for event in office.ledger.inspection_events()]


def runs_of_cases(office: Office) -> dict[str, list[dict[str, str]]]:
    """{inspection id: the codes of the cases its flags belong to}."""
    flags, cases = tables.flags.c, tables.cases.c
    query = sa.select(flags.inspection, cases.district_code, cases.township_code).join_from(
        tables.flags, tables.cases, flags.case == cases.number
    )
    found: dict[str, list[dict[str, str]]] = {}
    with reading(office.ledger.engine) as connection:
        for row in connection.execute(query.distinct()).mappings():
            if row["inspection"]:
                found.setdefault(row["inspection"], []).append(dict(row))
    return found


def arrivals(office: Office) -> list[dict[str, Any]]:
    """One row a (source, batch): when its first clue was taken in and by whom, which files, and which of its
    clues founded a case."""
    clues, first = tables.clues.c, sa.func.min(_EVENTS.seq)
    begun = (
        sa.select(_EVENTS.case, first.label("first")).where(_EVENTS.case.is_not(None)).group_by(_EVENTS.case).subquery()
    )
    query = (
        sa.select(
            clues.source, clues.batch, clues.case, clues.seq, begun.c.first, _EVENTS.at, _EVENTS.by, _EVENTS.payload
        )
        .join_from(tables.clues, tables.events, clues.seq == _EVENTS.seq)
        .join(begun, begun.c.case == clues.case)
        .order_by(clues.seq)
    )
    found: dict[tuple[str, str], dict[str, Any]] = {}
    with reading(office.ledger.engine) as connection:
        for row in connection.execute(query).mappings():
            key = row["source"], row["batch"]
            one = found.setdefault(
                key, {"source": key[0], "batch": key[1], "at": datetime.fromisoformat(row["at"]), "by": row["by"],
                      "files": [], "cases": {}}
            )  # fmt: skip
            file = str(json.loads(row["payload"]).get("file") or "")
            if file and file not in one["files"]:
                one["files"].append(file)
            one["cases"].setdefault(row["case"], {"clues": 0, "new": False})
            one["cases"][row["case"]]["clues"] += 1
            one["cases"][row["case"]]["new"] |= row["seq"] == row["first"]
    return list(found.values())
