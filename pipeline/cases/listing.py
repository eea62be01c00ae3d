"""[io] Lists of cases: rows read from their table, where they are not replayed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any, TypedDict

import sqlalchemy as sa

from pipeline.cases import tables

COLUMNS = ("stage", "status", "kind", "assignee", "party")
"""Filters that are columns of the table."""


class Filters(TypedDict, total=False):
    """district: how the code of the district or township begins. due_before: with a last day before it."""

    stage: str | None
    status: str | None
    district: str | None
    kind: str | None
    assignee: str | None
    party: str | None
    batch: str | None
    due_before: date | None


def rows(connection: sa.Connection, filters: Filters, limit: int | None) -> list[dict[str, Any]]:
    """In the order of ``order.order_key``."""
    return ordered(connection, which(filters), limit)


def ordered(connection: sa.Connection, chosen: sa.ColumnElement[bool], limit: int | None) -> list[dict[str, Any]]:
    """The like, of the cases that a condition chooses."""
    table = tables.cases.c
    query = sa.select(table.row).where(chosen).order_by(table.order_key)
    if limit is not None:  # sort the numbers first: the rows are long
        first = query.with_only_columns(table.number).limit(limit)
        query = sa.select(table.row).where(table.number.in_(first)).order_by(table.order_key)
    return [json.loads(row) for row in connection.execute(query).scalars()]


def each(connection: sa.Connection, filters: Filters) -> Iterator[dict[str, Any]]:
    """By number, a few at a time."""
    table = tables.cases.c
    query = sa.select(table.row).where(which(filters)).order_by(table.number)
    for row in connection.execute(query, execution_options={"yield_per": 100}).scalars():
        yield json.loads(row)


def counts(connection: sa.Connection, by: str, filters: Filters) -> dict[str, int]:
    column = tables.cases.c[by]
    query = sa.select(column, sa.func.count()).where(which(filters)).group_by(column)
    return dict(connection.execute(query.order_by(column)).tuples().all())


def which(filters: Filters) -> sa.ColumnElement[bool]:
    table = tables.cases.c
    chosen: sa.ColumnElement[bool] = sa.true()
    for name in COLUMNS:
        if (value := filters.get(name)) is not None:
            chosen &= table[name] == value
    if district := filters.get("district"):
        after = district[:-1] + chr(ord(district[-1]) + 1)
        chosen &= ((table.township_code >= district) & (table.township_code < after)) | (
            (table.district_code >= district) & (table.district_code < after)
        )
    if (batch := filters.get("batch")) is not None:
        chosen &= table.number.in_(sa.select(tables.clues.c.case).where(tables.clues.c.batch == batch))
    if (due_before := filters.get("due_before")) is not None:
        chosen &= table.due_at < due_before.isoformat()
    return chosen
