"""[io] The ledger: append-only events in a hash chain, and the tables read from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from geodata.layers import Kind
from pipeline.cases.case import Case
from pipeline.cases.events import Actor, Event
from pipeline.flags import Flag
from pipeline.inspection import Inspection


@dataclass(frozen=True)
class Recorded:
    """new: numbers of the cases founded; seen_again: of those seen again; already: it was known before.
    inspection: as stored, its funnel complete."""

    new: list[str]
    seen_again: list[str]
    already: bool
    inspection: Inspection


@dataclass(frozen=True)
class Verified:
    """first_bad: seq from which the record does not fit (None: all does). head: hash of the last event."""

    ok: bool
    events: int
    first_bad: int | None
    head: str
    differences: tuple[str, ...] = ()
    clock_back: tuple[int, ...] = ()


@dataclass(frozen=True)
class Lease:
    name: str
    fence: int


class Ledger:
    def __init__(self, where: str | Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """where: a path (SQLite) or a URL of SQLAlchemy."""
        raise NotImplementedError

    def record(
        self, inspection: Inspection, flags: Sequence[Flag], by: Actor, *, lease: Lease | None = None
    ) -> Recorded:
        raise NotImplementedError

    def inspections(self) -> list[Inspection]:
        raise NotImplementedError

    def done(self) -> set[tuple[str, str]]:
        """(before id, after id) of every inspection."""
        raise NotImplementedError

    def cases(self) -> list[Case]:
        raise NotImplementedError

    def case(self, number: str) -> Case:
        raise NotImplementedError

    def events(self, number: str | None = None) -> list[Event]:
        raise NotImplementedError

    def verify(self) -> Verified:
        raise NotImplementedError

    def references(self, kind: Kind, edition: str) -> int:
        raise NotImplementedError

    def references_scene(self, id: str) -> int:
        raise NotImplementedError

    @contextmanager
    def lease(self, name: str, *, wait: bool = True, on_wait: Callable[[str], None] | None = None) -> Iterator[Lease]:
        raise NotImplementedError
        yield

    def close(self) -> None:
        raise NotImplementedError
