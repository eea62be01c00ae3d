"""[io] The projections: rows that follow from the events, made by one pass over them.

Events are read case by case, so that one case at a time is held however long the ledger is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from pipeline.cases import tables
from pipeline.cases.case import Case, evolve
from pipeline.cases.events import Event, Kind, from_values

BATCH = 200
CASE = tables.events.columns.keys().index("case")


def stream(connection: sa.Connection, which: sa.ColumnElement[bool], *order: sa.ColumnElement[Any]) -> Iterator[Any]:
    """Rows of ``events``, columns in their order, a batch at a time."""
    query = sa.select(tables.events).where(which).order_by(*order)
    yield from connection.execute(query, execution_options={"yield_per": BATCH})


def by_case(
    connection: sa.Connection, which: sa.ColumnElement[bool] = tables.events.c.case.is_not(None)
) -> Iterator[tuple[str, Iterator[Event]]]:
    """(number, its events in order), one case after the other."""
    events = tables.events.c
    rows = stream(connection, which, events.case, events.seq)
    for number, some in groupby(rows, key=itemgetter(CASE)):
        yield number, (from_values(*row) for row in some)


def of_case(events: Iterator[Event]) -> tables.Rows:
    """All rows that the events of one case give."""
    rows: tables.Rows = defaultdict(list)
    case: Case | None = None
    seq = 0
    for event in events:
        case, seq = evolve(case, event), event.seq
        for table, added in tables.event_values(event, case.geometry if case.version == 1 else None).items():
            rows[table] += added
    if case is not None:
        rows[tables.cases] = [tables.case_values(case, seq)]
    return rows


def inspected(connection: sa.Connection) -> Iterator[dict[str, Any]]:
    """The rows of ``inspections``."""
    events = tables.events.c
    for row in stream(connection, events.kind == Kind.INSPECTED.value, events.seq):
        yield from tables.event_values(from_values(*row))[tables.inspections]


def make_anew(connection: sa.Connection) -> None:
    """Drop every projection and write it again from the events."""
    old = sa.inspect(connection).get_table_names()
    for table in reversed(tables.PROJECTIONS):
        if table.name in old:
            table.drop(connection)
    tables.metadata.create_all(connection, tables=list(tables.PROJECTIONS))
    insert(connection, tables.inspections, list(inspected(connection)))
    waiting: tables.Rows = defaultdict(list)
    for n, (_, events) in enumerate(by_case(connection), start=1):
        for table, rows in of_case(events).items():
            waiting[table] += rows
        if n % BATCH == 0:
            _flush(connection, waiting)
    _flush(connection, waiting)


def _flush(connection: sa.Connection, waiting: tables.Rows) -> None:
    for table in tables.PROJECTIONS:
        insert(connection, table, waiting.pop(table, []))


def insert(connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(table.insert(), rows)
