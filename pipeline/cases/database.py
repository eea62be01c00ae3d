"""[io] The ledger's database: opened with what makes a commit last, brought to the newest schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from geodata.errors import LedgerDamaged, UnreadableFile, WorkError
from pipeline.cases.tables import metadata

HEAD = "0002"
"""The newest revision in ``migrations/versions``."""
KNOWN = frozenset({"0001", HEAD})

# busy_timeout first: two processes may switch to WAL at once. recursive_triggers: REPLACE asks them too.
PRAGMAS = (
    "busy_timeout=30000",
    "journal_mode=wal",
    "synchronous=full",
    "foreign_keys=on",
    "recursive_triggers=on",
)


def open_engine(where: str | Path) -> sa.Engine:
    """where: a path (SQLite) or a URL of SQLAlchemy. The schema is made or brought up to date."""
    url = sa.make_url(where) if isinstance(where, str) and "://" in where else _sqlite(Path(where))
    engine = sa.create_engine(url)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine)
    try:
        _migrate(engine)
    except sa.exc.DatabaseError as error:
        engine.dispose()
        kind = LedgerDamaged if "malformed" in str(error.orig) else UnreadableFile
        raise kind(
            "{path}: cannot be opened as a ledger ({why}); check the disk or restore a backup.",
            path=url.database,
            why=str(error.orig),
        ) from error
    return engine


def _sqlite(path: Path) -> sa.URL:
    if not path.parent.is_dir():
        raise UnreadableFile("{path}: the folder of the ledger does not exist; make it first.", path=str(path))
    return sa.URL.create("sqlite", database=str(path))


def _prepare_sqlite(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def connected(connection, _):
        connection.isolation_level = None  # transactions begin and end where we say so
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").close()

    @sa.event.listens_for(engine, "begin")
    def begun(connection):
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One view of the ledger; writers are not held up."""
    with engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction, alone among writers from its first line on; all of it or nothing."""
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(4490)")
        yield connection


def _migrate(engine: sa.Engine) -> None:
    if _revision(engine) == HEAD:
        return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    with writing(engine) as connection:  # of two that open a new ledger at once, the second finds it made
        config.attributes["connection"] = connection
        command.upgrade(config, HEAD)


def _revision(engine: sa.Engine) -> str | None:
    with reading(engine) as connection:
        tables = sa.inspect(connection).get_table_names()
        if "alembic_version" not in tables:
            if set(tables) & set(metadata.tables):
                raise WorkError(
                    "{path}: holds tables of this name that are no ledger; choose another file.",
                    path=engine.url.database,
                )
            return None
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    if found is not None and found not in KNOWN:
        raise WorkError(
            "{path}: was written by a newer version ({found}); update the program.",
            path=engine.url.database,
            found=found,
        )
    return found
