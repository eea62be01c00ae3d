"""A private PostgreSQL with PostGIS for the session, where its programs are installed.

It listens on a socket in a temporary folder only, runs as ``postgres`` where the tests run as root, and
orders text as Chinese does (ICU), so that nothing here passes by leaning on the order of bytes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
USER = "postgres"


@dataclass
class Server:
    """A cluster of its own; ``fresh()`` is the URL of a new empty database with PostGIS in it."""

    folder: Path
    binaries: Path
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def run(self, program: str, *options: str) -> None:
        command = [str(self.binaries / program), *options]
        if os.geteuid() == 0:
            command = ["runuser", "-u", USER, "--", *command]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/", timeout=120)
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr or done.stdout}")

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses='' -c max_connections=60"
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-l", f"{self.folder}/log", "-w", "-o", options, "start")

    def stop(self, how: str = "fast") -> None:
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-m", how, "-w", "stop")

    def do(self, *statements: str, database: str = "postgres") -> None:
        with psycopg.connect(host=str(self.folder), user=USER, dbname=database, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[arg-type]

    def fresh(self) -> str:
        name = f"ledger{next(self.numbers)}"
        self.do(f"CREATE DATABASE {name} TEMPLATE with_postgis")
        return f"postgresql://{USER}@/{name}?host={self.folder}"


def _missing() -> str:
    if not BINARIES:
        return "PostgreSQL is not installed"
    share = Path("/usr/share/postgresql") / BINARIES[0].parent.name / "extension" / "postgis.control"
    if not share.exists():
        return f"PostGIS is not installed for PostgreSQL {BINARIES[0].parent.name}"
    if os.geteuid() == 0 and not shutil.which("runuser"):
        return "PostgreSQL does not run as root, and there is no runuser"
    return ""


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    if why := _missing():
        pytest.skip(why)
    with tempfile.TemporaryDirectory(prefix="gxpg", dir="/tmp") as name:  # a path of a socket is short
        made = Server(Path(name), BINARIES[0])
        if os.geteuid() == 0:
            shutil.chown(name, USER)
        options = ["-U", USER, "--auth=trust", "--no-sync", "--locale=C.UTF-8", "--encoding=UTF8"]
        if float(made.binaries.parent.name) >= 15:
            options += ["--locale-provider=icu", "--icu-locale=zh-CN"]
        made.run("initdb", "-D", f"{name}/data", *options)
        made.start()
        try:
            made.do("CREATE DATABASE with_postgis")
            made.do("CREATE EXTENSION postgis", database="with_postgis")
            yield made
        finally:
            made.stop("immediate")


@pytest.fixture(params=["sqlite", "postgis"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty ledger may be made: a file, or a database with PostGIS."""
    if request.param == "sqlite":
        return str(tmp_path / "ledger.db")
    return request.getfixturevalue("server").fresh()
