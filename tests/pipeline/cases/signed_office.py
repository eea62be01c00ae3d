"""A small workspace with a ledger, evidence and signed heads, for tests of what protects them."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from pipeline.cases import tables
from pipeline.cases.database import writing
from pipeline.cases.events import GENESIS, SYSTEM, Event, row_hash, to_row
from pipeline.cases.heads import Head
from pipeline.cases.keys import sign_now
from pipeline.cases.ledger import Ledger
from pipeline.cases.projecting import make_anew
from pipeline.inspection import to_json
from tests.pipeline.invented_flags import flag, inspection

AT = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
PHOTO, LETTER = b"\xff\xd8\xff photo " * 40, b"%PDF-1.7 letter " * 60


class Clock:
    """Tells a time that a test moves."""

    def __init__(self, now: datetime = AT) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass(frozen=True)
class Office:
    root: Path
    ledger: Ledger
    clock: Clock

    def run(self, after: str, *columns: int) -> None:
        """One inspection with a flag in each of these places."""
        self.ledger.record(inspection(after=after), [flag(n, after=after) for n in columns], SYSTEM)

    def sign(self, **options: bool) -> Head:
        return sign_now(self.ledger, self.root, **options).head

    def evidence(self, data: bytes) -> str:
        """A file kept under its own hash."""
        name = hashlib.sha256(data).hexdigest()
        path = self.root / "evidence" / name[:2] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return name

    def copy(self, folder: Path) -> Path:
        """The workspace as it stands now, the ledger in one file."""
        with sqlite3.connect(self.root / "ledger.db") as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        shutil.copytree(self.root, folder)
        for rest in folder.glob("ledger.db-*"):
            rest.unlink()
        return folder


def office(root: Path, url: str | None = None) -> Office:
    """An empty one, its ledger in a file or at ``url``. Keys go where GENGXUN_KEYS says: set it first."""
    root.mkdir()
    (root / "gengxun.toml").write_text('[bureau]\nname = "示意县"\n', encoding="utf-8")
    clock = Clock()
    return Office(root, Ledger(url or root / "ledger.db", clock=clock), clock)


def fill(made: Office) -> None:
    """Seven events, two files; signed after three and after six."""
    made.run("a", 0, 1)
    made.sign()
    made.clock.forward(days=1)
    made.run("c", 1)
    append(made.ledger, "d", (made.evidence(PHOTO), made.evidence(LETTER)))
    made.sign()
    made.clock.forward(days=1)
    append(made.ledger, "e", (made.evidence(PHOTO),))


def append(ledger: Ledger, after: str, evidence: tuple[str, ...], case: str | None = None) -> Event:
    """An inspection straight into the tables, chained as the ledger chains it, that names evidence.

    case: it stands under this case, which the ledger itself would not do.
    """
    payload = to_json(inspection(after=after))
    with writing(ledger.engine) as connection:
        events = tables.events
        last = connection.execute(sa.select(events.c.seq, events.c.hash).order_by(events.c.seq.desc()).limit(1)).one()
        event = Event(last.seq + 1, case, "INSPECTED", ledger.clock(), "王芳", "field_inspector", payload, evidence, 1,
                      "0.1", last.hash, "")  # fmt: skip
        row = to_row(event)
        row["hash"] = row_hash(row)
        connection.execute(events.insert(), [row])
        for table, rows in tables.event_values(event).items():
            connection.execute(table.insert(), rows)
    return event


def chained(ledger: Ledger, events: Sequence[Event]) -> None:
    """Write these events into an empty ledger: numbered and hashed anew, all tables with them."""
    previous, rows = GENESIS, []
    for seq, event in enumerate(events, 1):
        row = to_row(replace(event, seq=seq, previous_hash=previous))
        row["hash"] = previous = row_hash(row)
        rows.append(row)
    with writing(ledger.engine) as connection:
        connection.execute(tables.events.insert(), rows)
        make_anew(connection)


def tampered(path: Path, *statements: str | tuple) -> None:
    """As one would with any SQLite tool, past all triggers, which are put back afterwards."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA foreign_keys=off")
        guards = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(*statement) if isinstance(statement, tuple) else connection.execute(statement)
        for _, sql in guards:
            connection.execute(sql)
    connection.close()
