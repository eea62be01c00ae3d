"""[io] Does the record hold: every hash and link, and every table against the events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from shapely.geometry.base import BaseGeometry

from pipeline.cases import tables
from pipeline.cases.case import Case, evolve
from pipeline.cases.events import GENESIS, Event, clock_ran_back, from_row, row_hash

Key = tuple[str, ...]


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
    rows = connection.execute(sa.select(tables.events).order_by(tables.events.c.seq)).mappings().all()
    head = rows[-1]["hash"] if rows else GENESIS
    bad = _first_broken(rows)
    if bad is not None:
        return Verified(False, len(rows), bad, head, (f"events {bad}",))
    events = [from_row(row) for row in rows]
    different = list(_differences(connection, events))
    first = min((seq for seq, _ in different), default=None)
    return Verified(
        ok=not different,
        events=len(events),
        first_bad=first,
        head=head,
        differences=tuple(text for _, text in sorted(different)),
        clock_back=tuple(clock_ran_back(events)),
    )


def _first_broken(rows: Any) -> int | None:
    """The first place in the chain, counted from 1, whose event is missing or not what was written."""
    previous = GENESIS
    for place, row in enumerate(rows, start=1):
        if row["seq"] != place or row["previous_hash"] != previous or row["hash"] != row_hash(row):
            return place
        previous = row["hash"]
    return None


def _differences(connection: sa.Connection, events: list[Event]) -> Iterator[tuple[int, str]]:
    """(seq, what) of every row of a projection that the events do not give, or give otherwise."""
    expected, broken = _rebuilt(events)
    if broken is not None:
        yield broken, f"events {broken}"
        return
    for table in tables.PROJECTIONS:
        names = [c.name for c in table.primary_key]
        held = {_key(row, names): dict(row) for row in connection.execute(sa.select(table)).mappings()}
        wanted = {_key(row, names): row for row in expected[table]}
        seqs = {row["id"]: row["seq"] for row in expected[tables.flags]}
        for key in held.keys() | wanted.keys():
            now, then = held.get(key), wanted.get(key)
            if now is not None and then is not None and _same(now, then):
                continue
            seq = _where(now, then, seqs, len(events))
            yield seq, f"{table.name} {' '.join(key)}"


def _where(now: dict[str, Any] | None, then: dict[str, Any] | None, seqs: Mapping[str, int], last: int) -> int:
    """The event that a differing row speaks of; past ``last`` where the row knows of events that are gone."""
    if now is not None and now.get("seq", 0) > last:
        return last + 1
    row = then or now or {}
    return row.get("seq") or seqs.get(row.get("flag", ""), last + 1)


def _rebuilt(events: list[Event]) -> tuple[tables.Rows, int | None]:
    """All projections as the events give them; and the seq of an event that no case could have taken."""
    rows: tables.Rows = {table: [] for table in tables.PROJECTIONS}
    cases: dict[str, tuple[Case, int]] = {}
    for event in events:
        try:
            if event.case is not None:
                before = cases.get(event.case)
                cases[event.case] = evolve(before and before[0], event), event.seq
            for table, added in tables.event_values(event).items():
                rows[table] += added
        except Exception:  # a payload that was never written by us, however it is wrong
            return rows, event.seq
    rows[tables.cases] = [tables.case_values(case, seq) for case, seq in cases.values()]
    return rows, None


def _key(row: Mapping[Any, Any], names: list[str]) -> Key:
    return tuple(str(row[name]) for name in names)


def _same(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    return left.keys() == right.keys() and all(_equal(left[k], right[k]) for k in left)


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, BaseGeometry) and isinstance(right, BaseGeometry):
        return left.equals_exact(right, 0.0)
    return bool(left == right)
