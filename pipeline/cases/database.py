"""[io] The ledger's database: opened with what makes a commit last, brought to the newest schema."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from geodata.errors import LedgerDamaged, UnreadableFile, WorkError
from pipeline.cases.tables import metadata

HEAD = "0003"
"""The newest revision in ``migrations/versions``."""
KNOWN = frozenset({"0001", "0002", HEAD})

PATIENCE_S = 120.0
"""How long a writer waits for its turn."""

# recursive_triggers: REPLACE asks them too.
PRAGMAS = (
    "busy_timeout=30000",
    "synchronous=full",
    "foreign_keys=on",
    "recursive_triggers=on",
)


def open_engine(where: str | Path) -> sa.Engine:
    """where: a path (SQLite) or a URL of SQLAlchemy. The schema is made or brought up to date."""
    url = _url(where) if isinstance(where, str) and "://" in where else _sqlite(Path(where))
    engine = sa.create_engine(url, pool_pre_ping=url.get_backend_name() == "postgresql")  # a server may start anew
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine)
    try:
        _migrate(engine)
    except sa.exc.DatabaseError as error:
        engine.dispose()
        kind = LedgerDamaged if "malformed" in str(error.orig) else UnreadableFile
        raise kind(
            "{path}: cannot be opened as a ledger ({why}); check the disk or restore a backup.",
            path=name_of(engine),
            why=_why(error),
        ) from error
    return engine


def name_of(engine: sa.Engine) -> str:
    """What a sentence calls it: the path of the file, or the URL without its password."""
    if engine.dialect.name == "sqlite":
        return str(engine.url.database)
    return engine.url.set(query={}).render_as_string(hide_password=True)


def _url(where: str) -> sa.URL:
    url = sa.make_url(where)
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgresql", "postgres") else url


def _sqlite(path: Path) -> sa.URL:
    if not path.parent.is_dir():
        raise UnreadableFile("{path}: the folder of the ledger does not exist; make it first.", path=str(path))
    return sa.URL.create("sqlite", database=str(path))


def _prepare_sqlite(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def connected(connection, _):
        connection.isolation_level = None  # transactions begin and end where we say so
        to_wal(connection)
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").close()

    @sa.event.listens_for(engine, "begin")
    def begun(connection):
        writes = connection.get_execution_options().get("writes", False)
        if not (writes and _in_turn(connection.connection.driver_connection, "BEGIN IMMEDIATE")):
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def to_wal(connection: sqlite3.Connection) -> None:
    """Of two that open a new file at once, SQLite refuses one straight away, whatever its busy_timeout."""
    _in_turn(connection, "PRAGMA journal_mode=wal")


def _in_turn(connection: sqlite3.Connection, statement: str) -> bool:
    """Wait until nobody else is in the way; False: in vain, or it is not for that.

    SQLite's own waiting asks ever more seldom: whoever came first would starve among many."""
    until = time.monotonic() + PATIENCE_S
    connection.execute("PRAGMA busy_timeout=0").close()
    try:
        while time.monotonic() < until:
            try:
                connection.execute(statement).close()
                return True
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    return False
            time.sleep(random.uniform(0.001, 0.01))  # noqa: S311 (no secret)
        return False
    finally:
        connection.execute(f"PRAGMA {PRAGMAS[0]}").close()


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One view of the ledger from the first line to the last; writers are not held up.

    Raises: WorkError where the disk or the server refuses."""
    with _said(engine), _reading(engine) as connection:
        yield connection


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction, alone among writers from its first line on; all of it or nothing.

    Raises: WorkError where the disk or the server refuses."""
    with _said(engine), _writing(engine) as connection:
        yield connection


@contextmanager
def _reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":  # its own default shows every statement another state
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            yield connection


@contextmanager
def _writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            lasting = "set_config('synchronous_commit', 'on', true)"
            connection.exec_driver_sql(f"SELECT {lasting}, pg_advisory_xact_lock(4490)")
        yield connection


@contextmanager
def _said(engine: sa.Engine) -> Iterator[None]:
    """What disk or server refuse, as a sentence."""
    try:
        yield
    except sa.exc.OperationalError as error:
        raise WorkError(
            "{path}: the ledger cannot be read or written now ({why}); nothing stands half written: make room or "
            "start the server, see what is on record and do it again.",
            path=name_of(engine),
            why=_why(error),
        ) from error


def _why(error: sa.exc.DBAPIError) -> str:
    return " ".join(str(error.orig).split())


def _migrate(engine: sa.Engine) -> None:
    if _revision(engine) == HEAD:
        return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    with _writing(engine) as connection:  # of two that open a new ledger at once, the second finds it made
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS postgis")
        config.attributes["connection"] = connection
        command.upgrade(config, HEAD)


def _revision(engine: sa.Engine) -> str | None:
    with _reading(engine) as connection:
        tables = sa.inspect(connection).get_table_names()
        if "alembic_version" not in tables:
            if set(tables) & set(metadata.tables):
                raise WorkError(
                    "{path}: holds tables of this name that are no ledger; choose another file.",
                    path=name_of(engine),
                )
            return None
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    if found is not None and found not in KNOWN:
        raise WorkError(
            "{path}: was written by a newer version ({found}); update the program.",
            path=name_of(engine),
            found=found,
        )
    return found
