"""[io] The Prefect API that a flow of this process talks to.

A running server is used when there is one: PREFECT_API_URL, ``[prefect] api_url``, or the one that
``gengxun schedule`` keeps on this machine. Else a temporary server of ours is started on a free
loopback port; it has a home of its own and ends when the pipe from its parent closes, so that a
parent that was killed leaves nothing behind.

Prefect reads its settings when it is imported: enter ``engine()`` first, import flows after.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from flows.settings import Workspace, engine_environment
from geodata import atomic
from geodata.errors import WorkError

STARTUP_S = 180
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def engine(workspace: Workspace) -> Iterator[str]:
    """Set this process up for Prefect; yields the API's URL.

    Raises: WorkError if no server answers (and none can be started).
    """
    os.environ.update(engine_environment(workspace.root))
    running = running_server(workspace)
    if running:
        os.environ["PREFECT_API_URL"] = running
        yield running
        return
    check_loopback()
    with temporary_server(workspace.root / ".prefect") as url:
        os.environ["PREFECT_API_URL"] = url
        try:
            yield url
        finally:
            os.environ.pop("PREFECT_API_URL", None)


def running_server(workspace: Workspace) -> str | None:
    """The URL of a server that answers, None if there is none.

    Raises: WorkError if one was named by a setting and does not answer.
    """
    named = os.environ.get("PREFECT_API_URL") or workspace.settings.prefect.api_url
    if named:
        if not healthy(named):
            raise WorkError(
                "{url}: the Prefect server named there does not answer; start it, or clear the setting.", url=named
            )
        return named
    note = workspace.root / ".prefect" / "server.json"
    try:
        url = str(json.loads(note.read_text(encoding="utf-8"))["url"])
    except (OSError, ValueError, KeyError):
        return None
    return url if healthy(url) else None


def healthy(url: str, timeout_s: float = 2.0) -> bool:
    try:
        with _DIRECT.open(f"{url}/health", timeout=timeout_s) as answer:
            return answer.status == 200
    except (OSError, ValueError):
        return False


def check_loopback() -> None:
    """Raises: WorkError where even 127.0.0.1 cannot be reached."""
    try:
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen()
            with socket.create_connection(server.getsockname(), timeout=5):
                pass
    except OSError as error:
        raise WorkError(
            "127.0.0.1: the loopback network is down ({error}), and the flow engine needs it;"
            " bring it up: ip link set lo up",
            error=error.strerror or error,
        ) from None


@contextmanager
def temporary_server(home: Path) -> Iterator[str]:
    """A Prefect server of our own for one run; its database starts as a copy of an empty one."""
    home.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"run-{os.getpid()}-", dir=home))
    empty = home / f"empty-{version('prefect')}.db"
    if empty.exists():
        shutil.copyfile(empty, folder / "prefect.db")
    try:
        with hosted(folder, free_port()) as url:
            if not empty.exists():
                _keep_empty(folder / "prefect.db", empty)
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _sweep(home)


@contextmanager
def hosted(folder: Path, port: int) -> Iterator[str]:
    """A Prefect server whose home is ``folder``, for as long as the block runs; yields the API's URL."""
    url = f"http://127.0.0.1:{port}/api"
    child = start_server(folder, port)
    try:
        _wait(url, child, folder / "server.log")
        yield url
    finally:
        assert child.stdin
        child.stdin.close()
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def start_server(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """The server as a child; it lives while the pipe to its standard input is open."""
    environment = {
        **os.environ,
        "PREFECT_HOME": str(folder),
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{folder / 'prefect.db'}",
        "PREFECT_UI_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_UI_ENABLED": "false",
    }
    environment.pop("PREFECT_API_URL", None)
    with (folder / "server.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "flows.server", str(port)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd=Path(__file__).parent.parent,
            env=environment,
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, child: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + STARTUP_S
    while not healthy(url):
        if child.poll() is not None or time.monotonic() > until:
            tail = log.read_text(errors="replace").strip().splitlines()[-1:]
            raise WorkError(
                "the flow engine's server did not start ({error}); try again, or see: gengxun doctor",
                error=" ".join(tail) or child.poll(),
            )
        time.sleep(0.1)


def _keep_empty(database: Path, empty: Path) -> None:
    """Keep a copy of the fresh database: the next run starts without its migrations."""
    import sqlite3

    with atomic.replacing(empty) as temporary:
        source, target = sqlite3.connect(database), sqlite3.connect(temporary)
        with target:
            source.backup(target)
        source.close()
        target.close()


def _sweep(home: Path) -> None:
    """Remove what runs that were killed left; their servers ended with them."""
    for folder in home.glob("run-*"):
        if not _alive(int(folder.name.split("-")[1])):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    if os.name == "nt":  # asking by signal would end the process there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
