"""[io] The ledger: append-only events in a hash chain, and the tables read from them.

A run is recorded in one transaction that also does the matching and gives the numbers, so that
two runs at once cannot found a case twice; what is known already adds nothing.

The chain shows a change, a deletion in the middle, an insertion and a new order. It cannot show
that its tail was cut off together with all tables, or that an older copy was put back: that takes
a head kept elsewhere (compare ``Verified.head`` and ``events`` with a note of them).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Unpack

import sqlalchemy as sa

from geodata.days import day_of
from geodata.errors import InputError, LedgerDamaged
from geodata.layers import Kind as LayerKind
from geodata.words import Text
from pipeline.cases import known, listing, tables
from pipeline.cases.audit import Verified, audit
from pipeline.cases.case import Case, replay
from pipeline.cases.closing import Gate
from pipeline.cases.database import open_engine, reading
from pipeline.cases.database import writing as writing_to
from pipeline.cases.events import SYSTEM, Actor, Event, Kind, from_row, from_values
from pipeline.cases.lease import Lease, LeaseHeld, LeaseLost, check, hold
from pipeline.cases.listing import Filters
from pipeline.cases.projecting import by_case, stream
from pipeline.cases.refusal import StepRefused
from pipeline.cases.standards import Standards, standards
from pipeline.cases.steps import FROM_RUNS, Possible, World, decide, gates, possible
from pipeline.cases.steps import found as founding
from pipeline.cases.writing import Writing
from pipeline.flags import NAMESPACE, Flag
from pipeline.flags import to_json as flag_json
from pipeline.inspection import Inspection, from_json, settled, to_json
from pipeline.match import founders, match_ground, seen_as

__all__ = ["Lease", "LeaseHeld", "LeaseLost", "Ledger", "Received", "Recorded", "Verified"]


@dataclass(frozen=True)
class Recorded:
    """new: numbers of the cases founded; seen_again: of those seen again; already: it was known before.
    inspection: as stored, its funnel complete."""

    new: list[str]
    seen_again: list[str]
    already: bool
    inspection: Inspection


@dataclass(frozen=True)
class Received:
    """new: cases founded by clues; matched: cases that were known; already: how many clues were known."""

    new: list[str]
    matched: list[str]
    already: int


class Ledger:
    """where: a path (SQLite) or a URL of SQLAlchemy; a new ledger is made where there is none.

    clock: tells the time of an event (UTC with zone). rules: the standards in force on a day.
    """

    def __init__(
        self,
        where: str | Path,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        rules: Callable[[date], Standards] = standards,
    ) -> None:
        self.engine = open_engine(where)
        self.clock = clock
        self.rules = rules

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
        with writing_to(self.engine) as connection:
            if lease is not None:
                check(connection, lease)
            stored = _inspection(connection, inspection.id)
            if stored is not None:
                return Recorded([], [], True, stored)
            writing = Writing(connection, self.clock(), by)
            recorded = _recorded(writing, inspection, flags, self.rules(day_of(writing.now)))
            writing.finish()
            return recorded

    def act(
        self,
        number: str,
        kind: Kind,
        payload: Mapping[str, Any],
        by: Actor,
        *,
        part: str = "",
        expect_version: int | None = None,
    ) -> Event:
        """One step of one case, by the table and the proof that it demands.

        expect_version: how many events the case had when this was decided on. Where more have come,
        a step that is still possible is taken, and a verdict or report that came too late is kept as
        a SUPPLEMENT; nothing that was sent is thrown away. The same file, the same verdict on
        a scene, or a further look by one, a second time adds nothing: its event is given back.
        Raises: StepRefused with what is missing; InputError where there is no such case.
        """
        with writing_to(self.engine) as connection:
            writing = Writing(connection, self.clock(), by)
            case = writing.case(number)
            asked = {**payload, "part": str(part or payload.get("part", "")).removeprefix(f"{number}_")}
            if kind in FROM_RUNS:
                raise StepRefused(
                    "{kind} comes from an inspection or a batch; it is no step of its own.", kind=kind.value
                )
            same = known.already(connection, case, kind, asked)
            if same is not None:
                return same
            if kind is Kind.CORRECTED:
                known.of_this_case(connection, number, asked.get("corrects"))
            world = self._world(connection, case, kind, asked)
            late = expect_version is not None and expect_version < case.version
            if late and kind in DECIDED and known.decided_since(connection, number, expect_version or 0):
                asked, kind = {"kind": kind.value, "late": asked, "part": ""}, Kind.SUPPLEMENT
            try:
                done = decide(case, kind, asked, by, world)
            except StepRefused:
                if not (late and kind in DECIDED):
                    raise
                done = decide(case, Kind.SUPPLEMENT, {"kind": kind.value, "late": asked, "part": ""}, by, world)
                kind = Kind.SUPPLEMENT
            event = writing.append(kind, number, done, _rests_on(case, kind, done))
            writing.finish()
            return event

    def receive(
        self, clues: Sequence[tuple[Flag, Mapping[str, Any]]], by: Actor, *, lease: Lease | None = None
    ) -> Received:
        """Clues from outside: (flag made of it, {"source", "batch", "clue_id", …}). Ground that is known
        already is the same case, with both sources; a clue known by source, batch and id adds nothing."""
        with writing_to(self.engine) as connection:
            if lease is not None:
                check(connection, lease)
            writing = Writing(connection, self.clock(), by)
            told = {(about["source"], about["batch"], about["clue_id"]): (flag, about) for flag, about in clues}
            fresh = [(flag, about) for flag, about in told.values() if not known.clue_known(connection, about)]
            numbers, new = _placed(writing, [flag for flag, _ in fresh])
            writing.load({numbers[flag.id] for flag, _ in fresh if flag.id not in new})
            for flag, about in fresh:
                number, payload = numbers[flag.id], {**about, "flag": flag_json(flag)}
                case = writing.cases.get(number)
                if case is None:
                    founding(Kind.CLUE, payload, by)
                else:
                    payload = decide(
                        case, Kind.CLUE, payload, by, World(self.clock(), self.rules(day_of(self.clock())))
                    )
                kind = seen_as(case, flag)
                writing.append(Kind.CLUE, number, payload)
                if kind is Kind.RELAPSED:
                    again = replace(flag, id=str(uuid.uuid5(NAMESPACE, f"{flag.id} relapse")))
                    payload = {"clue": about["clue_id"], "flag": flag_json(again)}
                    world = World(writing.now, self.rules(day_of(writing.now)))
                    writing.append(kind, number, decide(writing.cases[number], kind, payload, SYSTEM, world), by=SYSTEM)
            writing.finish()
        return Received(
            new=sorted({numbers[f.id] for f, _ in fresh if f.id in new}),
            matched=sorted({numbers[f.id] for f, _ in fresh if f.id not in new} - {numbers[i] for i in new}),
            already=len(clues) - len(fresh),
        )

    def possible(self, number: str, *, part: str = "", role: str | None = None) -> list[Possible]:
        """The steps of the table from where the case (or part) stands now."""
        case = self.case(number)
        here = case.part(part) if part else case.parts[0]
        return possible(case, here, role)

    def gates(self, number: str, *, part: str = "", by: str | None = None) -> tuple[Gate, ...]:
        """The gates of a closing, each with what was measured."""
        with reading(self.engine) as connection:
            case = self.case(number)
            here = case.part(part) if part else case.parts[0]
            return gates(case, here, self._world(connection, case, Kind.ACCEPTED, {"part": here.id}), by)

    def _world(self, connection: sa.Connection, case: Case, kind: Kind, payload: Mapping[str, Any]) -> World:
        """What the step is judged by: a clock that ran back moves no deadline."""
        at = max(self.clock(), case.latest_at)
        sha = {str(payload["sha256"])} if kind is Kind.EVIDENCE else known.held(case)
        earlier = known.earlier(connection, case) if kind in ASKING else None
        return World(at, self.rules(day_of(at)), known.elsewhere(connection, case.number, sha), earlier)

    def rows(self, *, limit: int | None = None, **filters: Unpack[Filters]) -> list[dict[str, Any]]:
        """Rows of ``rows.case_row`` in the order of ``order.order_key``, read from the table and not replayed."""
        with reading(self.engine) as connection:
            return listing.rows(connection, filters, limit)

    def each_row(self, **filters: Unpack[Filters]) -> Iterator[dict[str, Any]]:
        """The like, by number and one at a time: however many there are, few are held."""
        with reading(self.engine) as connection:
            yield from listing.each(connection, filters)

    def counts(self, by: str, **filters: Unpack[Filters]) -> dict[str, int]:
        """{value of the column ``by``: how many cases}."""
        with reading(self.engine) as connection:
            return listing.counts(connection, by, filters)

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
        of_cases = tables.events.c.case.is_not(None)
        with reading(self.engine) as connection:
            events = (from_values(*row) for row in stream(connection, of_cases, tables.events.c.seq))
            return list(replay(events).values())

    def each_case(self, **filters: Unpack[Filters]) -> Iterator[Case]:
        """By number, replayed one at a time: however many there are, one is held."""
        numbers = None if not filters else sa.select(tables.cases.c.number).where(listing.which(filters))
        of_cases = tables.events.c.case.is_not(None)
        chosen = of_cases if numbers is None else tables.events.c.case.in_(numbers)
        with reading(self.engine) as connection:
            for _, events in by_case(connection, chosen):
                yield from replay(events).values()

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
        with reading(self.engine) as connection:
            return [from_values(*row) for row in stream(connection, which, tables.events.c.seq)]

    def _count(self, table: sa.Table, which: sa.ColumnElement[bool]) -> int:
        with reading(self.engine) as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(table).where(which)).scalar_one()


def _inspection(connection: sa.Connection, id: str) -> Inspection | None:
    recorded = sa.select(tables.events).join(tables.inspections, tables.inspections.c.seq == tables.events.c.seq)
    row = connection.execute(recorded.where(tables.inspections.c.id == id)).mappings().first()
    return None if row is None else from_json(from_row(row).payload)


def _placed(writing: Writing, flags: Sequence[Flag]) -> tuple[dict[str, str], set[str]]:
    """{flag id: its case's number}, and the ids of the flags that found a new case."""
    found = match_ground(flags, writing.ground(flags))
    first = founders([f for f in flags if found[f.id] is None])
    numbers: dict[str, str] = {id: number for id, number in found.items() if number is not None}
    new = set()
    for flag in flags:
        if found[flag.id] is not None:
            continue
        if first[flag.id] == flag.id:
            new.add(flag.id)
            numbers[flag.id] = writing.next_number(flag)
        else:
            numbers[flag.id] = numbers[first[flag.id]]
    return numbers, new


def _recorded(writing: Writing, inspection: Inspection, flags: Sequence[Flag], rules: Standards) -> Recorded:
    before = writing.known(flags)
    fresh = [f for f in flags if f.id not in before]
    numbers, new = _placed(writing, fresh)
    again = [f for f in flags if f.id in before or f.id not in new]
    again_numbers = sorted({numbers[f.id] for f in fresh if f.id not in new} - {numbers[i] for i in new})
    writing.load(again_numbers)
    kinds = {f.id: Kind.FOUND if f.id in new else seen_as(writing.cases.get(numbers[f.id]), f) for f in fresh}
    stored = settled(
        inspection,
        again,
        [f for f in fresh if f.id in new],
        flags=tuple(f.id for f in flags),
        cases_new=tuple(numbers[f.id] for f in fresh if f.id in new),
        cases_seen_again=tuple(again_numbers),
        cases_relapsed=tuple(sorted({numbers[f.id] for f in fresh if kinds[f.id] is Kind.RELAPSED})),
    )
    writing.append(Kind.INSPECTED, None, to_json(stored))
    for flag in fresh:
        number, kind = numbers[flag.id], kinds[flag.id]
        if kind is Kind.RELAPSED:  # a second flag of this run lies on ground that is open by now
            kind = seen_as(writing.cases[number], flag)
        payload = {"inspection": inspection.id, "flag": flag_json(flag)}
        if kind is not Kind.FOUND:
            case = writing.cases[number]
            payload = decide(case, kind, payload, writing.by, World(max(writing.now, case.latest_at), rules))
        writing.append(kind, number, payload)
    return Recorded(list(stored.cases_new), again_numbers, False, stored)


DECIDED = frozenset({Kind.VERDICT, Kind.REPORTED})
"""What is kept as a supplement where it comes too late."""
ASKING = frozenset({Kind.TRANSFER, Kind.LENIENCY})
"""Steps that ask what the same party did before."""
RESTING = frozenset({Kind.VERDICT, Kind.REPORTED, Kind.ACCEPTED, Kind.RETURNED})


def _rests_on(case: Case, kind: Kind, payload: Mapping[str, Any]) -> list[str]:
    """Hashes of the files that the step rests on: the file itself, or all of the part."""
    if kind is Kind.EVIDENCE:
        return [payload["sha256"]]
    if kind not in RESTING:
        return []
    return list(dict.fromkeys(item["sha256"] for item in case.part(payload["part"]).evidence))
