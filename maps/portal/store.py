"""[io] ``portal.db``: accounts, sessions, tokens, saved filters, and the journal of the door.

Kept apart from the ledger: nothing here is evidence. No whole secret is stored, only its sha256.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from geodata.errors import UnreadableFile, WorkError
from pipeline.cases.database import to_wal

PRAGMAS = ("busy_timeout=30000", "synchronous=full", "foreign_keys=on")

metadata = sa.MetaData()

users = sa.Table(
    "users",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("districts", sa.Text, nullable=False),  # code prefixes, parted by commas; "": the whole bureau
    sa.Column("password", sa.Text, nullable=False),  # argon2id
    sa.Column("must_change", sa.Boolean, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("made_at", sa.Float, nullable=False),  # seconds since 1970, UTC, as all times here
    sa.Column("seen_at", sa.Float),
)
sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("user", sa.Text, nullable=False, index=True),
    sa.Column("made_at", sa.Float, nullable=False),
    sa.Column("seen_at", sa.Float, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
)
tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("sha256", sa.Text, nullable=False, unique=True),
    sa.Column("user", sa.Text, nullable=False, index=True),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("made_at", sa.Float, nullable=False),
    sa.Column("used_at", sa.Float),
    sa.Column("revoked_at", sa.Float),
)
filters = sa.Table(
    "filters",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("user", sa.Text, nullable=False, index=True),
    sa.Column("page", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("query", sa.Text, nullable=False),
    sa.UniqueConstraint("user", "page", "name"),
)
attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("last_at", sa.Float, nullable=False),
    sa.Column("until", sa.Float, nullable=False),
)
journal = sa.Table(
    "journal",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.Float, nullable=False, index=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("about", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
)


MOST_NOTED, WITHIN_S = 20, 60.0
"""Lines of one kind that one address may bring about: whoever knocks without end fills no disk."""


def sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def noted_enough(connection: sa.Connection, at: datetime, kind: str, address: str) -> bool:
    """Whether the journal holds ``MOST_NOTED`` such lines of the last ``WITHIN_S`` seconds."""
    same = (journal.c.at > at.timestamp() - WITHIN_S) & (journal.c.kind == kind) & (journal.c.address == address)
    return bool(connection.execute(sa.select(sa.func.count()).where(same)).scalar_one() >= MOST_NOTED)


class Store:
    """``path``: <workspace>/portal.db; made when it is first opened. Several processes may share it."""

    def __init__(self, path: Path) -> None:
        if not path.parent.is_dir():
            raise UnreadableFile("{path}: the folder of the accounts does not exist; make it first.", path=str(path))
        self.path = path
        self.engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)))
        self._made: set[str] = set()

        @sa.event.listens_for(self.engine, "connect")
        def connected(connection: Any, _: Any) -> None:
            connection.isolation_level = None  # transactions begin and end where we say so
            to_wal(connection)
            for pragma in PRAGMAS:
                connection.execute(f"PRAGMA {pragma}").close()

        @sa.event.listens_for(self.engine, "begin")
        def begun(connection: sa.Connection) -> None:
            writes = connection.get_execution_options().get("writes", False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One view from the first line to the last. Raises: WorkError where the disk refuses."""
        with self._said():
            self._make()
            with self.engine.connect() as connection, connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction, alone among writers; all of it or nothing. Raises: WorkError."""
        with self._said():
            self._make()
            with self.engine.connect().execution_options(writes=True) as connection, connection.begin():
                yield connection

    def note(self, at: datetime, kind: str, who: str, about: str, address: str = "") -> None:
        """One line of the journal."""
        line = {"at": at.timestamp(), "kind": kind, "who": who, "about": about[:500], "address": address}
        with self.writing() as connection:
            connection.execute(journal.insert().values(line))

    def note_knock(self, at: datetime, kind: str, who: str, about: str, address: str) -> None:
        """As ``note``, for what anybody can bring about: ``MOST_NOTED`` a minute of one address."""
        with self.reading() as connection:
            enough = noted_enough(connection, at, kind, address)
        if not enough:
            self.note(at, kind, who, about, address)

    def _make(self) -> None:
        """Tables may be added to ``metadata`` after the store was opened."""
        if len(self._made) == len(metadata.tables):
            return
        with self.engine.connect().execution_options(writes=True) as connection, connection.begin():
            metadata.create_all(connection)
        self._made = set(metadata.tables)

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.OperationalError as error:
            raise WorkError(
                "{path}: accounts and sessions cannot be read or written now ({why}); nothing stands half written: "
                "make room on the disk and do it again.",
                path=str(self.path),
                why=" ".join(str(error.orig).split()),
            ) from error
