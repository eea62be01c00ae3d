"""[io] Does the record hold: every hash and link, and every table against the events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import shapely
import sqlalchemy as sa
from sqlalchemy.types import NULLTYPE

from geodata.errors import UnreadableFile
from geodata.safe import in_child
from pipeline.cases import tables
from pipeline.cases.database import name_of, open_engine, reading
from pipeline.cases.events import GENESIS, bytes_of
from pipeline.cases.projecting import BATCH, by_case, inspected, of_case, stream

Values = Sequence[Any]
SEQ, AT = (tables.events.columns.keys().index(name) for name in ("seq", "at"))
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


Found = list[tuple[int, str]]
Chain = tuple[int, str, int | None, tuple[int, ...]]
APART = 100_000
"""From so many events on a second process takes a part of the work."""
SHARE = 0.45
"""Of the cases, beside the chain."""


def audit(connection: sa.Connection) -> Verified:
    """Two passes: along the chain, then case by case against the tables. One batch of events, or the
    events of one case, are held at a time."""
    last = connection.execute(sa.select(sa.func.max(tables.events.c.seq))).scalar() or 0
    cut = _cut(connection) if last >= APART else None
    if cut is not None:
        try:
            return _verified(*_by_two(connection, last, cut))
        except UnreadableFile:  # no second process here, or it broke off
            pass
    chain = _chain(connection)
    return _verified(
        chain, [] if chain[2] is not None else [*_differences(connection, last), *_others(connection, last)]
    )


def _verified(chain: Chain, found: Iterable[tuple[int, str]]) -> Verified:
    count, head, bad, clock_back = chain
    if bad is not None:
        return Verified(False, count, bad, head, (f"events {bad}",))
    different = sorted(found)
    return Verified(
        ok=not different,
        events=count,
        first_bad=different[0][0] if different else None,
        head=head,
        differences=tuple(text for _, text in different),
        clock_back=clock_back,
    )


def _cut(connection: sa.Connection) -> str | None:
    """A number with about ``SHARE`` of all cases before it."""
    number = tables.cases.c.number
    count = connection.execute(sa.select(sa.func.count()).select_from(tables.cases)).scalar_one()
    cut = connection.execute(sa.select(number).order_by(number).offset(int(SHARE * count)).limit(1)).scalar()
    return cut if isinstance(cut, str) else None


def _by_two(connection: sa.Connection, last: int, cut: str) -> tuple[Chain, Found]:
    """The chain and the cases before ``cut`` in a second process, whose view of the ledger is no older
    than this one: all that is compared here has been walked along there."""
    url = connection.engine.url
    if connection.dialect.name == "sqlite":  # that process works in another folder
        url = url.set(database=str(Path(url.database or "").resolve()))
    with ThreadPoolExecutor(1) as pool:
        there = pool.submit(in_child, "pipeline.cases.audit:first_part", url.render_as_string(hide_password=False), cut,
                            about=name_of(connection.engine))  # fmt: skip
        try:
            here = [*_differences(connection, last, after=cut), *_others(connection, last)]
        except Exception:
            if there.result()[0][2] is None:
                raise
            here = []  # what was changed could not even be compared; the chain says where it is
        chain, found = there.result()
    return chain, found + here


def first_part(url: str, cut: str) -> tuple[Chain, Found]:
    """What the second process does."""
    engine = open_engine(url)
    try:
        with reading(engine) as connection:
            chain = _chain(connection)
            found = [] if chain[2] is not None else list(_differences(connection, chain[0], before=cut))
    finally:
        engine.dispose()
    return chain, found


def _chain(connection: sa.Connection) -> Chain:
    """(events, hash of the last, the first place whose event is missing or not what was written, clock_back)."""
    previous, last_at, back = GENESIS, "", []
    place, bad = 0, None
    for place, row in enumerate(stream(connection, sa.true(), tables.events.c.seq), start=1):
        seq, at, previous_hash, own = row[SEQ], row[AT], row[-2], row[-1]
        if bad is None and (seq != place or previous_hash != previous or own != sha256(bytes_of(row)).hexdigest()):
            bad = place
        if isinstance(at, str) and at < last_at:
            back.append(seq)
        previous, last_at = own, at if isinstance(at, str) else last_at
    return place, previous, bad, tuple(back)


def _others(connection: sa.Connection, last: int) -> Iterator[tuple[int, str]]:
    """(seq, what) of every row that is of no case, and is not given by the events or given otherwise."""
    try:
        wanted = list(inspected(connection))
    except Exception:  # a payload that was never written by us, however it is wrong
        yield last + 1, "inspections"
        wanted = []
    form = _Form(tables.inspections, connection.dialect)
    rows_held = connection.execute(sa.select(*form.columns), execution_options={"yield_per": BATCH})
    for name, row in form.compared(wanted, map(tuple, rows_held)):
        yield _where(row, last), name
    lost = sa.select(tables.flag_layers.c.flag).where(tables.flag_layers.c.flag.not_in(sa.select(tables.flags.c.id)))
    for flag in connection.execute(lost).scalars():
        yield last + 1, f"flag_layers {flag}"


def _differences(
    connection: sa.Connection, last: int, *, after: str = "", before: str | None = None
) -> Iterator[tuple[int, str]]:
    """The like of the rows of cases. after, before: of numbers from the first on, and short of the other."""

    def some(number: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
        return number >= after if before is None else (number >= after) & (number < before)

    held = [_Held(connection, table, some) for table in OF_CASES]
    for number, events in by_case(connection, some(tables.events.c.case)):
        told = list(events)
        try:
            rows = of_case(iter(told))
        except Exception:  # the like
            yield told[0].seq, f"events of {number}"
            rows = {}
        flagged = {row["id"]: row["seq"] for row in rows.get(tables.flags, ())}
        for one in held:
            for orphan in one.before(number):
                yield last + 1, f"{one.form.table.name} {orphan}"
            for name, row in one.form.compared(rows.get(one.form.table, ()), one.of(number)):
                yield _where(row, last, flagged), name
    for one in held:
        for orphan in one.before(None):
            yield last + 1, f"{one.form.table.name} {orphan}"


OF_CASES = tuple(table for table in tables.PROJECTIONS if table is not tables.inspections)


class _Held:
    """The rows of one projection as the database holds them, case by case in the order of ``by_case``."""

    def __init__(
        self, connection: sa.Connection, table: sa.Table, some: Callable[[sa.Column[str]], sa.ColumnElement[bool]]
    ) -> None:
        self.form = _Form(table, connection.dialect)
        number = tables.case_column(table)
        query = sa.select(*self.form.columns, number.label("of_case")).where(some(number))
        if table is tables.flag_layers:
            query = query.join(tables.flags, tables.flags.c.id == table.c.flag)
        rows = connection.execute(query.order_by(number), execution_options={"yield_per": BATCH})
        self.groups = groupby(rows, key=itemgetter(-1))
        self.next: tuple[str, list[Values]] | None = None
        self._advance()

    def _advance(self) -> None:
        found = next(self.groups, None)
        self.next = found and (str(found[0]), [row[:-1] for row in found[1]])

    def before(self, number: str | None) -> Iterator[str]:
        """Numbers on the way to ``number`` (None: the end), which belong to no case on record."""
        while self.next is not None and (number is None or self.next[0] < number):
            yield self.next[0]
            self._advance()

    def of(self, number: str) -> list[Values]:
        if self.next is None or self.next[0] != number:
            return []
        rows = self.next[1]
        self._advance()
        return rows


class _Form:
    """How a table's rows look in the database: a geometry as the bytes or the text that it is kept as."""

    def __init__(self, table: sa.Table, dialect: sa.Dialect) -> None:
        self.table, self.dialect = table, dialect
        self.names = table.columns.keys()
        self.places = [n for n, c in enumerate(table.columns) if isinstance(c.type, tables.Geometry)]
        self.columns = [
            sa.type_coerce(c, NULLTYPE) if n in self.places else c for n, c in enumerate(table.columns)
        ]  # fmt: skip
        self._key = itemgetter(*(self.names.index(c.name) for c in table.primary_key))
        self._values = itemgetter(*self.names)
        self._geometry = tables.Geometry()

    def stored(self, row: Mapping[str, Any]) -> Values:
        if not self.places:
            return tuple(self._values(row))
        values = list(self._values(row))
        for n in self.places:
            values[n] = self._geometry.process_bind_param(values[n], self.dialect)
        return tuple(values)

    def compared(self, wanted: Iterable[Mapping[str, Any]], held: Iterable[Values]) -> Iterator[tuple[str, Difference]]:
        """Name of the row, and the row as held and as it must be, where the two differ."""
        then = {self._key(row): row for row in map(self.stored, wanted)}
        now = {self._key(row): row for row in held}
        if now == then:
            return
        for key in now.keys() | then.keys():
            a, b = now.get(key), then.get(key)
            if a is not None and b is not None and self._same(a, b):
                continue
            said = key if isinstance(key, tuple) else (key,)
            yield f"{self.table.name} {' '.join(map(str, said))}", (self._told(a), self._told(b))

    def _same(self, left: Values, right: Values) -> bool:
        """Equal, or the same place in other bytes."""
        return all(a == b or (n in self.places and self._same_place(a, b))
                   for n, (a, b) in enumerate(zip(left, right, strict=True)))  # fmt: skip

    def _same_place(self, a: Any, b: Any) -> bool:
        try:
            one, other = (self._geometry.process_result_value(value, self.dialect) for value in (a, b))
        except (shapely.errors.ShapelyError, TypeError, ValueError):
            return False
        return one is not None and other is not None and one.equals_exact(other, 0.0)

    def _told(self, values: Values | None) -> Mapping[str, Any] | None:
        return None if values is None else dict(zip(self.names, values, strict=True))


def _where(row: Difference, last: int, flagged: Mapping[str, int] | None = None) -> int:
    """The event that a differing row speaks of; past ``last`` where the row knows of events that are gone.

    flagged: {flag: seq}, for rows that have none of their own."""
    now, then = row
    told = then or now or {}
    seq = _whole(told.get("seq")) or (flagged or {}).get(told.get("flag", "")) or last + 1
    return last + 1 if now is not None and (_whole(now.get("seq")) or 0) > last else seq


def _whole(value: Any) -> int | None:
    """None for what somebody put into a column of numbers that is none."""
    return value if isinstance(value, int) else None
