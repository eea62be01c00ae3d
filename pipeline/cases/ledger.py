"""[io] The ledger: append-only events in a hash chain, and the tables read from them.

A run is recorded in one transaction that also does the matching and gives the numbers, so that
two runs at once cannot found a case twice; what is known already adds nothing.

The chain shows a change, a deletion in the middle, an insertion and a new order. It cannot show
that its tail was cut off together with all tables, or that an older copy was put back: that takes
a head kept elsewhere (compare ``Verified.head`` and ``events`` with a note of them).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from geodata.errors import InputError, LedgerDamaged
from geodata.layers import Kind as LayerKind
from geodata.words import Text
from pipeline.cases import tables
from pipeline.cases.audit import Verified, audit
from pipeline.cases.case import Case, replay
from pipeline.cases.closing import Gate
from pipeline.cases.database import open_engine, reading
from pipeline.cases.database import writing as writing_to
from pipeline.cases.events import Actor, Event, Kind, from_row
from pipeline.cases.facts import VIOLATION
from pipeline.cases.lease import Lease, LeaseHeld, LeaseLost, check, hold
from pipeline.cases.refusal import StepRefused
from pipeline.cases.standards import Standards, standards
from pipeline.cases.steps import Possible, World, decide, gates, possible
from pipeline.cases.steps import found as founding
from pipeline.cases.writing import BEIJING, Writing
from pipeline.flags import Flag
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
            recorded = _recorded(writing, inspection, flags, self.rules(_today(writing.now)))
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
        a SUPPLEMENT; nothing that was sent is thrown away. The same file, or the same verdict on
        a scene, a second time adds nothing: its event is given back.
        Raises: StepRefused with what is missing; InputError where there is no such case.
        """
        with writing_to(self.engine) as connection:
            writing = Writing(connection, self.clock(), by)
            case = writing.case(number)
            asked = {**payload, "part": part or payload.get("part", "")}
            known = _already(connection, case, kind, asked)
            if known is not None:
                return known
            if kind is Kind.CORRECTED:
                _of_this_case(connection, number, asked.get("corrects"))
            world = self._world(connection, case, kind, asked)
            late = expect_version is not None and expect_version < case.version
            try:
                done = decide(case, kind, asked, by, world)
            except StepRefused:
                if not (late and kind in (Kind.VERDICT, Kind.REPORTED)):
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
            fresh = [(flag, about) for flag, about in clues if not _clue_known(connection, about)]
            numbers, new = _placed(writing, [flag for flag, _ in fresh])
            writing.load({numbers[flag.id] for flag, _ in fresh if flag.id not in new})
            for flag, about in fresh:
                number, payload = numbers[flag.id], {**about, "flag": flag_json(flag)}
                case = writing.cases.get(number)
                if case is None:
                    founding(Kind.CLUE, payload, by)
                else:
                    payload = decide(
                        case, Kind.CLUE, payload, by, World(self.clock(), self.rules(_today(self.clock())))
                    )
                writing.append(Kind.CLUE, number, payload)
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
        sha = {str(payload["sha256"])} if kind is Kind.EVIDENCE else _held(case)
        return World(at, self.rules(_today(at)), _elsewhere(connection, case.number, sha), _earlier(connection, case))

    def rows(
        self,
        *,
        stage: str | None = None,
        status: str | None = None,
        district: str | None = None,
        kind: str | None = None,
        assignee: str | None = None,
        party: str | None = None,
        batch: str | None = None,
        due_before: date | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """Rows of ``rows.case_row``, most urgent first, read from the table and not replayed.

        district: the beginning of a district's or township's code. due_before: with a last day earlier
        than it (overdue: today)."""
        table = tables.cases.c
        query = sa.select(table.row).order_by(table.urgency.desc(), table.number).limit(limit)
        given = {"stage": stage, "status": status, "kind": kind, "assignee": assignee, "party": party}
        for name, value in given.items():
            if value is not None:
                query = query.where(table[name] == value)
        if district:
            after = district[:-1] + chr(ord(district[-1]) + 1)
            query = query.where(
                ((table.township_code >= district) & (table.township_code < after))
                | ((table.district_code >= district) & (table.district_code < after))
            )
        if batch is not None:
            query = query.where(table.number.in_(sa.select(tables.clues.c.case).where(tables.clues.c.batch == batch)))
        if due_before is not None:
            query = query.where(table.due_at < due_before.isoformat())
        with reading(self.engine) as connection:
            return [json.loads(row) for row in connection.execute(query).scalars()]

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
    known = writing.known(flags)
    fresh = [f for f in flags if f.id not in known]
    numbers, new = _placed(writing, fresh)
    again = [f for f in flags if f.id in known or f.id not in new]
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


def _already(connection: sa.Connection, case: Case, kind: Kind, payload: Mapping[str, Any]) -> Event | None:
    """The event that said the same: a file that is on record, a scene whose verdict has not changed since."""
    part, seq = str(payload.get("part") or ""), None
    if kind is Kind.EVIDENCE:
        table = tables.evidence.c
        same = (table.case == case.number) & (table.sha256 == payload.get("sha256")) & (table.part == part)
        seq = connection.execute(sa.select(table.seq).where(same)).scalar()
    elif kind is Kind.RECHECKED:
        held = case.part(part).rechecks if part or len(case.parts) == 1 else ()
        said = payload["recheck"]
        last = next((i for i in reversed(held) if i["recheck"]["scene_id"] == said["scene_id"]), None)
        if last is not None and last["recheck"]["verdict"] == said["verdict"]:
            seq = last["seq"]
    if seq is None:
        return None
    row = connection.execute(sa.select(tables.events).where(tables.events.c.seq == seq)).mappings().one()
    return from_row(row)


def _of_this_case(connection: sa.Connection, number: str, seq: object) -> None:
    """StepRefused unless ``seq`` is an event of the case."""
    table = tables.events.c
    known = sa.select(table.seq).where(table.case == number)
    if str(seq) not in {str(one) for one in connection.execute(known).scalars()}:
        raise StepRefused(
            "{number}: seq {seq} is no event of this case; see `gengxun case show`.", number=number, seq=seq
        )


def _clue_known(connection: sa.Connection, about: Mapping[str, Any]) -> bool:
    table = tables.clues.c
    same = (table.source == about["source"]) & (table.batch == about["batch"]) & (table.clue_id == about["clue_id"])
    return connection.execute(sa.select(table.seq).where(same)).first() is not None


def _held(case: Case) -> set[str]:
    return {item["sha256"] for part in case.parts for item in part.evidence}


def _elsewhere(connection: sa.Connection, number: str, sha: set[str]) -> dict[str, list[str]]:
    """{sha256: other cases that hold the same bytes}."""
    table, found = tables.evidence.c, dict[str, list[str]]()
    if sha:
        query = sa.select(table.sha256, table.case).where(table.sha256.in_(sorted(sha)), table.case != number)
        for one, other in connection.execute(query.distinct().order_by(table.case)):
            found.setdefault(one, []).append(other)
    return found


def _earlier(connection: sa.Connection, case: Case) -> list[tuple[str, datetime, float, float, str]] | None:
    """What the parties of this case did in others; None where no party is known."""
    parties = {part.verdict["party"] for part in case.parts if part.verdict and part.verdict.get("party")}
    if not parties:
        return None
    acts, cases = tables.acts.c, tables.cases.c
    latest = sa.select(sa.func.max(acts.seq)).group_by(acts.case, acts.part)
    query = (
        sa.select(acts.case, acts.at, acts.basic_farmland_m2, acts.farmland_gross_m2, cases.status)
        .join(tables.cases, cases.number == acts.case)
        .where(acts.party.in_(sorted(parties)), acts.case != case.number)
        .where(acts.verdict == VIOLATION, acts.seq.in_(latest))
        .order_by(acts.seq)
    )
    return [
        (n, datetime.fromisoformat(at), basic, farm, status) for n, at, basic, farm, status in connection.execute(query)
    ]


RESTING = frozenset({Kind.VERDICT, Kind.REPORTED, Kind.ACCEPTED, Kind.RETURNED})


def _rests_on(case: Case, kind: Kind, payload: Mapping[str, Any]) -> list[str]:
    """Hashes of the files that the step rests on: the file itself, or all of the part."""
    if kind is Kind.EVIDENCE:
        return [payload["sha256"]]
    if kind not in RESTING:
        return []
    return list(dict.fromkeys(item["sha256"] for item in case.part(payload["part"]).evidence))


def _today(at: datetime) -> date:
    return at.astimezone(BEIJING).date()
