"""[io] One transaction being written: events appended to the chain, and the rows that follow from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib.metadata import version
from typing import Any

import sqlalchemy as sa

from geodata.days import BEIJING
from geodata.errors import InputError, LedgerDamaged, WorkError
from pipeline.cases import tables
from pipeline.cases.case import Case, evolve, replay
from pipeline.cases.database import name_of
from pipeline.cases.events import GENESIS, SCHEMA_VERSION, Actor, Event, Kind, from_row, row_hash, to_row
from pipeline.cases.projecting import insert
from pipeline.flags import Flag
from pipeline.match import Ground

NO_COUNTY = "000000"
"""Stands in a case number where no DISTRICT layer names the county."""


class Writing:
    """Appends to the ledger inside the transaction of ``connection``; ``finish`` writes it out."""

    def __init__(self, connection: sa.Connection, now: datetime, by: Actor) -> None:
        """Raises: LedgerDamaged where the last event is not what was written: nothing is built on it."""
        self.connection, self.now, self.by = connection, now, by
        self.seq, self.hash = self._tail()
        self.cases: dict[str, Case] = {}
        self.latest: dict[str, int] = {}
        self.existing: set[str] = set()
        self.issued: dict[str, int] = {}
        self.rows: dict[sa.Table, list[dict[str, Any]]] = defaultdict(list)

    def _tail(self) -> tuple[int, str]:
        """seq and hash of the last event, which is hashed anew and must follow on the one before it."""
        events = tables.events
        last = self.connection.execute(sa.select(events).order_by(events.c.seq.desc()).limit(2)).mappings().all()
        if not last:
            return 0, GENESIS
        before = last[1] if len(last) > 1 else {"seq": 0, "hash": GENESIS}
        if (before["seq"], before["hash"]) != (last[0]["seq"] - 1, last[0]["previous_hash"]):
            raise self._damaged(last[0])
        return last[0]["seq"], str(self._as_written(last[0])["hash"])

    def _as_written(self, row: Mapping[Any, Any]) -> Mapping[Any, Any]:
        if row["hash"] != row_hash(row):
            raise self._damaged(row)
        return row

    def _damaged(self, row: Mapping[Any, Any]) -> LedgerDamaged:
        return LedgerDamaged(
            "{path}: event {seq} is not what was written, and nothing is written on it; see gengxun verify, restore a"
            " backup.",
            path=name_of(self.connection.engine),
            seq=row["seq"],
        )

    def load(self, numbers: Collection[str]) -> None:
        """The cases that exist already, as they stand. Raises: LedgerDamaged where an event of theirs was changed."""
        column = tables.events.c.case
        for some in _batched(sorted(set(numbers) - set(self.cases)), 500):
            query = sa.select(tables.events).where(column.in_(some)).order_by(tables.events.c.seq)
            rows = self.connection.execute(query).mappings()
            found = replay(from_row(self._as_written(row)) for row in rows)
            self.cases |= found
            self.existing |= set(found)

    def case(self, number: str) -> Case:
        """InputError where there is no such case."""
        self.load([number])
        if number not in self.cases:
            raise InputError("{number}: there is no such case; see `gengxun case list`.", number=number)
        return self.cases[number]

    def append(
        self,
        kind: Kind,
        case: str | None,
        payload: Mapping[str, Any],
        evidence: Sequence[str] = (),
        by: Actor | None = None,
    ) -> Event:
        """by: who, where it is another than the one who writes."""
        who = by or self.by
        event = Event(
            seq=self.seq + 1,
            case=case,
            kind=kind.value,
            at=self.now,
            by=who.name,
            role=who.role,
            payload=payload,
            evidence=tuple(evidence),
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
        return from_row(row)

    def finish(self) -> None:
        """Events first, then the cases they touched, then what refers to both."""
        insert(self.connection, tables.events, self.rows.pop(tables.events, []))
        insert(self.connection, tables.inspections, self.rows.pop(tables.inspections, []))
        touched = {number: tables.case_values(self.cases[number], seq) for number, seq in self.latest.items()}
        insert(self.connection, tables.cases, [row for n, row in touched.items() if n not in self.existing])
        for number in sorted(self.existing & set(touched)):
            row = touched[number]
            self.connection.execute(tables.cases.update().where(tables.cases.c.number == number).values(row))
        for table in tables.PROJECTIONS:
            insert(self.connection, table, self.rows.pop(table, []))

    def known(self, flags: Sequence[Flag]) -> set[str]:
        """Ids of those flags that are on record."""
        column, found = tables.flags.c.id, set()
        for some in _batched(sorted({flag.id for flag in flags}), 500):
            found |= set(self.connection.execute(sa.select(column).where(column.in_(some))).scalars())
        return found

    def ground(self, flags: Sequence[Flag]) -> list[Ground]:
        """What was seen before in the box around these flags."""
        if not flags:
            return []
        west, south, east, north = _bounds(f.occupied.geometry.bounds for f in flags)
        rows = tables.flags.c
        near = (rows.min_lon <= east) & (rows.max_lon >= west) & (rows.min_lat <= north) & (rows.max_lat >= south)
        query = sa.select(rows.case, rows.geometry).where(near).order_by(rows.seq)
        return [(number, geometry) for number, geometry in self.connection.execute(query)]

    def next_number(self, flag: Flag) -> str:
        """``430321-2026-00001``: county, year (Beijing) of the recording, serial number.

        Counted from the events, which nothing leaves: a number is never used again.
        """
        county = flag.occupied.district_code[:6]
        county = county if len(county) == 6 and county.isdigit() else NO_COUNTY
        series = f"{county}-{self.now.astimezone(BEIJING).year:04d}-"
        if series not in self.issued:
            column = tables.events.c.case
            # the end of the range, not LIKE: an index serves it in every database
            of_series = (column >= series) & (column < series[:-1] + ".")
            last = self.connection.execute(sa.select(sa.func.max(column)).where(of_series)).scalar()
            self.issued[series] = 0 if last is None else int(last[len(series) :])
        self.issued[series] += 1
        if self.issued[series] > 99_999:
            raise WorkError("{series}: all 99,999 case numbers of this year are given.", series=series)
        return f"{series}{self.issued[series]:05d}"


@cache
def _software() -> str:
    return version("gengxun")


def _batched(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _bounds(boxes: Iterable[tuple[float, float, float, float]]) -> tuple[float, float, float, float]:
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)
