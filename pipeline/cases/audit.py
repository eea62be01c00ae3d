"""[io] Does the record hold: every hash and link, and every table against the events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from shapely.geometry.base import BaseGeometry

from pipeline.cases import tables
from pipeline.cases.events import GENESIS, row_hash
from pipeline.cases.projecting import BATCH, by_case, inspected, of_case, stream

Key = tuple[str, ...]
Difference = tuple[Mapping[Any, Any] | None, Mapping[Any, Any] | None]
"""A row as a table holds it, and as the events give it."""


@dataclass(frozen=True)
class Verified:
    """first_bad: seq from which the record does not fit (None: all does). head: hash of the last event.

    differences: what does not fit, for the log ("cases 430321-2026-00001: status"). clock_back: seq of
    events whose clock ran back; no damage. A tail that was cut off together with all tables cannot
    be seen here: compare ``events`` and ``head`` with a note kept elsewhere.
    """

    ok: bool
    events: int
    first_bad: int | None
    head: str
    differences: tuple[str, ...] = ()
    clock_back: tuple[int, ...] = ()


def audit(connection: sa.Connection) -> Verified:
    """Two passes: along the chain, then case by case against the tables. One batch of events, or the
    events of one case, are held at a time."""
    count, head, bad, clock_back = _chain(connection)
    if bad is not None:
        return Verified(False, count, bad, head, (f"events {bad}",))
    different = sorted(_differences(connection, count))
    return Verified(
        ok=not different,
        events=count,
        first_bad=different[0][0] if different else None,
        head=head,
        differences=tuple(text for _, text in different),
        clock_back=clock_back,
    )


def _chain(connection: sa.Connection) -> tuple[int, str, int | None, tuple[int, ...]]:
    """(events, hash of the last, the first place whose event is missing or not what was written, clock_back)."""
    previous, last_at, back = GENESIS, "", []
    place, bad = 0, None
    for place, row in enumerate(stream(connection, sa.true(), tables.events.c.seq), start=1):
        broken = row["seq"] != place or row["previous_hash"] != previous or row["hash"] != row_hash(row)
        if broken and bad is None:
            bad = place
        if row["at"] < last_at:
            back.append(row["seq"])
        previous, last_at = row["hash"], row["at"]
    return place, previous, bad, tuple(back)


def _differences(connection: sa.Connection, last: int) -> Iterator[tuple[int, str]]:
    """(seq, what) of every row of a projection that the events do not give, or give otherwise."""
    try:
        wanted = list(inspected(connection))
    except Exception:  # a payload that was never written by us, however it is wrong
        yield last + 1, "inspections"
        wanted = []
    rows_held = connection.execute(sa.select(tables.inspections)).mappings()
    for name, row in _compared(tables.inspections, wanted, rows_held):
        yield _where(row, last), name
    held = [_Held(connection, table) for table in OF_CASES]
    for number, events in by_case(connection):
        told = list(events)
        try:
            rows = of_case(iter(told))
        except Exception:  # the like
            yield told[0].seq, f"events of {number}"
            rows = {}
        flagged = {row["id"]: row["seq"] for row in rows.get(tables.flags, ())}
        for one in held:
            for orphan in one.before(number):
                yield last + 1, f"{one.table.name} {orphan}"
            for name, row in _compared(one.table, rows.get(one.table, []), one.of(number)):
                yield _where(row, last, flagged), name
    for one in held:
        for orphan in one.before(None):
            yield last + 1, f"{one.table.name} {orphan}"
    lost = sa.select(tables.flag_layers.c.flag).where(tables.flag_layers.c.flag.not_in(sa.select(tables.flags.c.id)))
    for flag in connection.execute(lost).scalars():
        yield last + 1, f"flag_layers {flag}"


OF_CASES = tuple(table for table in tables.PROJECTIONS if table is not tables.inspections)


class _Held:
    """The rows of one projection, case by case in the order of ``by_case``."""

    def __init__(self, connection: sa.Connection, table: sa.Table) -> None:
        self.table = table
        number = tables.case_column(table)
        query = sa.select(table, number.label("of_case"))
        if table is tables.flag_layers:
            query = query.join(tables.flags, tables.flags.c.id == table.c.flag)
        ordered = query.order_by(number)
        rows = connection.execute(ordered, execution_options={"yield_per": BATCH}).mappings()
        self.groups = groupby(rows, key=lambda row: str(row["of_case"]))
        self.next: tuple[str, list[dict[str, Any]]] | None = None
        self._advance()

    def _advance(self) -> None:
        found = next(self.groups, None)
        names = self.table.columns.keys()
        self.next = found and (found[0], [{name: row[name] for name in names} for row in found[1]])

    def before(self, number: str | None) -> Iterator[str]:
        """Numbers on the way to ``number`` (None: the end), which belong to no case on record."""
        while self.next is not None and (number is None or self.next[0] < number):
            yield self.next[0]
            self._advance()

    def of(self, number: str) -> list[dict[str, Any]]:
        if self.next is None or self.next[0] != number:
            return []
        rows = self.next[1]
        self._advance()
        return rows


def _compared(
    table: sa.Table, wanted: Iterable[Mapping[Any, Any]], held: Iterable[Mapping[Any, Any]]
) -> Iterator[tuple[str, Difference]]:
    """Name of the row, and the row as held and as it must be, where the two differ."""
    names = [c.name for c in table.primary_key]
    then = {_key(row, names): row for row in wanted}
    now = {_key(row, names): dict(row) for row in held}
    for key in now.keys() | then.keys():
        a, b = now.get(key), then.get(key)
        if a is not None and b is not None and _same(a, b):
            continue
        yield f"{table.name} {' '.join(key)}", (a, b)


def _where(row: Difference, last: int, flagged: Mapping[str, int] | None = None) -> int:
    """The event that a differing row speaks of; past ``last`` where the row knows of events that are gone.

    flagged: {flag: seq}, for rows that have none of their own."""
    now, then = row
    told = then or now or {}
    seq = told.get("seq") or (flagged or {}).get(told.get("flag", "")) or last + 1
    return last + 1 if now is not None and (now.get("seq") or 0) > last else int(seq)


def _key(row: Mapping[Any, Any], names: list[str]) -> Key:
    return tuple(str(row[name]) for name in names)


def _same(left: Mapping[Any, Any], right: Mapping[Any, Any]) -> bool:
    return left.keys() == right.keys() and all(_equal(left[k], right[k]) for k in left)


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, BaseGeometry) and isinstance(right, BaseGeometry):
        return left.equals_exact(right, 0.0)
    return bool(left == right)
