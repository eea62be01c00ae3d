"""[io] The ledger: append-only events in a hash chain, and the tables read from them.

A run is recorded in one transaction that also does the matching and gives the numbers, so that
two runs at once cannot found a case twice; what is known already adds nothing.

The chain shows a change, a deletion in the middle, an insertion and a new order. It cannot show
that its tail was cut off together with all tables, or that an older copy was put back: that takes
a head kept elsewhere (compare ``Verified.head`` and ``events`` with a note of them).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from geodata.errors import InputError, LedgerDamaged, WorkError
from geodata.layers import Kind as LayerKind
from geodata.words import Text
from pipeline.cases import tables
from pipeline.cases.audit import Verified, audit
from pipeline.cases.case import Case, evolve, replay
from pipeline.cases.database import open_engine, reading, writing
from pipeline.cases.events import GENESIS, SCHEMA_VERSION, Actor, Event, Kind, from_row, row_hash, to_row
from pipeline.cases.lease import Lease, LeaseHeld, LeaseLost, check, hold
from pipeline.flags import Flag
from pipeline.flags import to_json as flag_json
from pipeline.inspection import Inspection, from_json, settled, to_json
from pipeline.match import Ground, founders, match_ground

__all__ = ["Lease", "LeaseHeld", "LeaseLost", "Ledger", "Recorded", "Verified"]

BEIJING = timezone(timedelta(hours=8))
NO_COUNTY = "000000"
"""Stands in a case number where no DISTRICT layer names the county."""


@dataclass(frozen=True)
class Recorded:
    """new: numbers of the cases founded; seen_again: of those seen again; already: it was known before.
    inspection: as stored, its funnel complete."""

    new: list[str]
    seen_again: list[str]
    already: bool
    inspection: Inspection


class Ledger:
    """where: a path (SQLite) or a URL of SQLAlchemy; a new ledger is made where there is none.

    clock: tells the time of an event (UTC with zone).
    """

    def __init__(self, where: str | Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.engine = open_engine(where)
        self.clock = clock

    def close(self) -> None:
        self.engine.dispose()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def record(
        self, inspection: Inspection, flags: Sequence[Flag], by: Actor, *, lease: Lease | None = None
    ) -> Recorded:
        """The inspection and its flags: one INSPECTED event, then FOUND or SEEN_AGAIN for every new flag.

        All or nothing. An inspection known by its id adds nothing; a flag known by its id neither,
        and counts as seen again. lease: where given, LeaseLost unless it is still held.
        """
        with writing(self.engine) as connection:
            if lease is not None:
                check(connection, lease)
            stored = _inspection(connection, inspection.id)
            if stored is not None:
                return Recorded([], [], True, stored)
            return _Recording(connection, self.clock(), by).run(inspection, flags)

    def inspections(self) -> list[Inspection]:
        """In the order in which they were recorded."""
        return [from_json(e.payload) for e in self._events(tables.events.c.kind == Kind.INSPECTED)]

    def inspection_events(self) -> list[Event]:
        """The INSPECTED events: who, when, and the inspection as payload."""
        return self._events(tables.events.c.kind == Kind.INSPECTED)

    def done(self) -> set[tuple[str, str]]:
        """(before id, after id) of every inspection."""
        pairs = sa.select(tables.inspections.c.before_id, tables.inspections.c.after_id)
        with reading(self.engine) as connection:
            return {(before, after) for before, after in connection.execute(pairs)}

    def cases(self) -> list[Case]:
        """In the order in which they were found."""
        return list(replay(self._events(tables.events.c.case.is_not(None))).values())

    def case(self, number: str) -> Case:
        """InputError where there is no such case."""
        found = replay(self.events(number))
        if number not in found:
            raise InputError("{number}: there is no such case; see `gengxun case list`.", number=number)
        return found[number]

    def events(self, number: str | None = None) -> list[Event]:
        """All events, or those of one case, by seq."""
        return self._events(sa.true() if number is None else tables.events.c.case == number)

    def verify(self) -> Verified:
        """Every hash, every link, every table against what the events say it must hold."""
        try:
            with reading(self.engine) as connection:
                return audit(connection)
        except sa.exc.DatabaseError as error:
            raise LedgerDamaged(
                "{path}: the ledger cannot be read to its end ({why}); restore a backup.",
                path=self.engine.url.database,
                why=str(error.orig),
            ) from error

    def references(self, kind: LayerKind, edition: str) -> int:
        """How many flags were laid over this edition."""
        rows = tables.flag_layers
        return self._count(rows, (rows.c.kind == str(kind)) & (rows.c.edition == edition))

    def references_scene(self, id: str) -> int:
        """How many flags were seen in this scene, before or after."""
        rows = tables.flags
        return self._count(rows, (rows.c.before_id == id) | (rows.c.after_id == id))

    def lease(
        self, name: str, *, wait: bool = True, on_wait: Callable[[Text], None] | None = None
    ) -> AbstractContextManager[Lease]:
        """The lease ``name`` for as long as the block runs; see ``lease.hold``."""
        return hold(self.engine, self.clock, name, wait=wait, on_wait=on_wait)

    def _events(self, which: sa.ColumnElement[bool]) -> list[Event]:
        query = sa.select(tables.events).where(which).order_by(tables.events.c.seq)
        with reading(self.engine) as connection:
            return [from_row(row) for row in connection.execute(query).mappings()]

    def _count(self, table: sa.Table, which: sa.ColumnElement[bool]) -> int:
        with reading(self.engine) as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(table).where(which)).scalar_one()


def _inspection(connection: sa.Connection, id: str) -> Inspection | None:
    known = sa.select(tables.events).join(tables.inspections, tables.inspections.c.seq == tables.events.c.seq)
    row = connection.execute(known.where(tables.inspections.c.id == id)).mappings().first()
    return None if row is None else from_json(from_row(row).payload)


class _Recording:
    """One run being written, inside one transaction."""

    def __init__(self, connection: sa.Connection, now: datetime, by: Actor) -> None:
        self.connection, self.now, self.by = connection, now, by
        events = tables.events
        last = connection.execute(sa.select(events.c.seq, events.c.hash).order_by(events.c.seq.desc()).limit(1)).first()
        self.seq: int = 0 if last is None else last.seq
        self.hash: str = GENESIS if last is None else last.hash
        self.cases: dict[str, Case] = {}
        self.latest: dict[str, int] = {}
        self.existing: set[str] = set()
        self.rows: dict[sa.Table, list[dict[str, Any]]] = defaultdict(list)

    def run(self, inspection: Inspection, flags: Sequence[Flag]) -> Recorded:
        known = self._known(flags)
        fresh = [f for f in flags if f.id not in known]
        numbers, new = self._numbers(fresh)
        again = [f for f in flags if f.id in known or f.id not in new]
        again_numbers = sorted({numbers[f.id] for f in fresh if f.id not in new} - {numbers[i] for i in new})
        stored = settled(
            inspection,
            again,
            [f for f in fresh if f.id in new],
            flags=tuple(f.id for f in flags),
            cases_new=tuple(numbers[f.id] for f in fresh if f.id in new),
            cases_seen_again=tuple(again_numbers),
        )
        self._load(again_numbers)
        self._append(Kind.INSPECTED, None, to_json(stored))
        for flag in fresh:
            kind = Kind.FOUND if flag.id in new else Kind.SEEN_AGAIN
            self._append(kind, numbers[flag.id], {"inspection": inspection.id, "flag": flag_json(flag)})
        self._write()
        return Recorded(list(stored.cases_new), again_numbers, False, stored)

    def _known(self, flags: Sequence[Flag]) -> set[str]:
        ids = {f.id for f in flags}
        return {id for id in self.connection.execute(sa.select(tables.flags.c.id)).scalars() if id in ids}

    def _numbers(self, flags: Sequence[Flag]) -> tuple[dict[str, str], set[str]]:
        """{flag id: its case's number}, and the ids of the flags that found a new case."""
        found = match_ground(flags, self._ground(flags))
        first = founders([f for f in flags if found[f.id] is None])
        numbers: dict[str, str] = {id: number for id, number in found.items() if number is not None}
        new = set()
        issued: dict[str, int] = {}
        for flag in flags:
            if found[flag.id] is not None:
                continue
            if first[flag.id] == flag.id:
                new.add(flag.id)
                numbers[flag.id] = self._next_number(flag, issued)
            else:
                numbers[flag.id] = numbers[first[flag.id]]
        return numbers, new

    def _ground(self, flags: Sequence[Flag]) -> list[Ground]:
        """What was seen before in the box around these flags."""
        if not flags:
            return []
        west, south, east, north = _bounds(f.occupied.geometry.bounds for f in flags)
        rows = tables.flags.c
        near = (rows.min_lon <= east) & (rows.max_lon >= west) & (rows.min_lat <= north) & (rows.max_lat >= south)
        query = sa.select(rows.case, rows.geometry).where(near).order_by(rows.seq)
        return [(number, geometry) for number, geometry in self.connection.execute(query)]

    def _next_number(self, flag: Flag, issued: dict[str, int]) -> str:
        """``430321-2026-00001``: county, year (Beijing) of the recording, serial number.

        Counted from the events, which nothing leaves: a number is never used again.
        """
        county = flag.occupied.district_code[:6]
        county = county if len(county) == 6 and county.isdigit() else NO_COUNTY
        series = f"{county}-{self.now.astimezone(BEIJING).year:04d}-"
        if series not in issued:
            column = tables.events.c.case
            last = self.connection.execute(sa.select(sa.func.max(column)).where(column.startswith(series))).scalar()
            issued[series] = 0 if last is None else int(last[len(series) :])
        issued[series] += 1
        if issued[series] > 99_999:
            raise WorkError("{series}: all 99,999 case numbers of this year are given.", series=series)
        return f"{series}{issued[series]:05d}"

    def _append(self, kind: Kind, case: str | None, payload: dict[str, Any]) -> None:
        event = Event(
            seq=self.seq + 1,
            case=case,
            kind=kind.value,
            at=self.now,
            by=self.by.name,
            role=self.by.role,
            payload=payload,
            evidence=(),
            schema_version=SCHEMA_VERSION,
            software_version=_software(),
            previous_hash=self.hash,
            hash="",
        )
        row = to_row(event)
        row["hash"] = row_hash(row)
        if case is not None:
            self.cases[case] = evolve(self.cases.get(case), event)
            self.latest[case] = event.seq
        self.rows[tables.events].append(row)
        for table, rows in tables.event_values(event).items():
            self.rows[table] += rows
        self.seq, self.hash = event.seq, str(row["hash"])

    def _load(self, numbers: Collection[str]) -> None:
        """The cases that exist already, as they stand."""
        column = tables.events.c.case
        for some in _batched(sorted(numbers), 500):
            query = sa.select(tables.events).where(column.in_(some)).order_by(tables.events.c.seq)
            self.cases |= replay(from_row(row) for row in self.connection.execute(query).mappings())
        self.existing = set(self.cases)

    def _write(self) -> None:
        for table in (tables.events, tables.inspections):
            self._insert(table, self.rows[table])
        touched = {n: tables.case_values(case, self.latest[n]) for n, case in self.cases.items()}
        self._insert(tables.cases, [row for n, row in touched.items() if n not in self.existing])
        for number in sorted(self.existing):
            row = touched[number]
            self.connection.execute(tables.cases.update().where(tables.cases.c.number == number).values(row))
        for table in (tables.flags, tables.flag_layers):
            self._insert(table, self.rows[table])

    def _insert(self, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        if rows:
            self.connection.execute(table.insert(), rows)


@cache
def _software() -> str:
    return version("gengxun")


def _batched(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _bounds(boxes: Iterable[tuple[float, float, float, float]]) -> tuple[float, float, float, float]:
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)
