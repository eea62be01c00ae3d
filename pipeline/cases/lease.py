"""[io] A lease in the ledger's database: of two runs of one name, one works and one waits.

A lease names host, boot, process and its start time. A holder that died on this host is seen at
once; one on another host is given up after two minutes without a heartbeat. Every taking gives a
new fencing number: a holder that slept through its own end can write nothing more (``check``).
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from geodata.errors import WorkError
from geodata.words import Text, both
from pipeline.cases.database import writing
from pipeline.cases.tables import leases

SILENT_S = 120.0
"""Without a heartbeat for so long, a holder on another host is given up."""
BEAT_S = 20.0
POLL_S = 0.3


@dataclass(frozen=True)
class Lease:
    """fence: grows with every taking of this name; whoever holds a smaller one holds nothing."""

    name: str
    fence: int


class LeaseHeld(WorkError):
    """Another run holds the lease, and it was asked not to wait."""


class LeaseLost(WorkError):
    """The lease was taken over in the meantime: nothing was written."""


@dataclass(frozen=True)
class Holder:
    """A process, named so that no later one is taken for it."""

    host: str
    machine: str
    boot_id: str
    pid_namespace: str
    pid: int
    started: str


def this_process() -> Holder:
    pid = os.getpid()
    return Holder(*_this_machine(), pid, _started(pid) or "")


@cache
def _this_machine() -> tuple[str, str, str, str]:
    namespace = ""
    with suppress(OSError, AttributeError):
        namespace = os.readlink("/proc/self/ns/pid")
    return socket.gethostname(), _read("/etc/machine-id"), _read("/proc/sys/kernel/random/boot_id"), namespace


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """Start time of a process in ticks since boot; None: there is none (a zombie counts as gone),
    or this system does not say."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold blanks and brackets
    return None if fields[0] in "ZX" else fields[19]


def is_dead(row: Mapping[Any, Any], me: Holder, now: datetime) -> bool:
    """Whether the holder in ``row`` of ``leases`` is surely gone."""
    if (row["host"], row["machine"]) == (me.host, me.machine) and row["boot_id"] and me.boot_id:
        if row["boot_id"] != me.boot_id:
            return True
        if row["pid_namespace"] == me.pid_namespace:
            return _started(row["pid"]) != row["started"]
    return (now - datetime.fromisoformat(row["beat_at"])).total_seconds() >= SILENT_S


@contextmanager
def hold(
    engine: sa.Engine,
    clock: Callable[[], datetime],
    name: str,
    *,
    wait: bool = True,
    on_wait: Callable[[Text], None] | None = None,
) -> Iterator[Lease]:
    """The lease ``name`` for as long as the block runs. LeaseHeld where it is held and ``wait`` is False.

    on_wait: called once, with a sentence that says for whom one waits.
    """
    lease = _taken(engine, clock, name, wait, on_wait)
    done = threading.Event()
    beating = threading.Thread(target=_beat, args=(engine, clock, lease, done), daemon=True)
    beating.start()
    try:
        yield lease
    finally:
        done.set()
        beating.join()
        _set(engine, lease, held=False)


def _taken(
    engine: sa.Engine,
    clock: Callable[[], datetime],
    name: str,
    wait: bool,
    on_wait: Callable[[Text], None] | None,
) -> Lease:
    # a clock that runs back on either host hides a silence from is_dead: the waiter also counts by itself
    seen, since, told = None, time.monotonic(), False
    while True:
        with writing(engine) as connection:
            row = connection.execute(sa.select(leases).where(leases.c.name == name)).mappings().first()
            beat = row and (row["fence"], row["beat_at"])
            if beat != seen:
                seen, since = beat, time.monotonic()
            silent = time.monotonic() - since >= SILENT_S
            if row is None or not row["held"] or silent or is_dead(row, this_process(), clock()):
                return _take(connection, name, 0 if row is None else row["fence"], clock())
        about = {"name": name, "host": row["host"], "pid": row["pid"], "since": row["taken_at"][:19]}
        if not wait:
            raise LeaseHeld("{name}: process {pid} on {host} is at work since {since} (UTC); try later.", **about)
        if on_wait and not told:
            on_wait(both("{name}: process {pid} on {host} is at work since {since} (UTC); waiting for it.", **about))
            told = True
        time.sleep(POLL_S)


def _take(connection: sa.Connection, name: str, fence: int, now: datetime) -> Lease:
    values = {"fence": fence + 1, "held": True, "taken_at": now.isoformat(), "beat_at": now.isoformat()}
    values |= asdict(this_process())
    if fence == 0:
        connection.execute(leases.insert().values(name=name, **values))
    else:
        connection.execute(leases.update().where(leases.c.name == name).values(**values))
    return Lease(name, fence + 1)


def _beat(engine: sa.Engine, clock: Callable[[], datetime], lease: Lease, done: threading.Event) -> None:
    while not done.wait(BEAT_S):
        with suppress(WorkError):  # busy: the next beat will do
            if not _set(engine, lease, beat_at=clock().isoformat()):
                return


def _set(engine: sa.Engine, lease: Lease, **values: Any) -> bool:
    """Write to the lease's row if it is still ours."""
    ours = (leases.c.name == lease.name) & (leases.c.fence == lease.fence)
    with writing(engine) as connection:
        return connection.execute(leases.update().where(ours).values(**values)).rowcount == 1


def check(connection: sa.Connection, lease: Lease) -> None:
    """LeaseLost where another has taken it; asked inside the transaction that relies on it."""
    now = connection.execute(sa.select(leases.c.fence).where(leases.c.name == lease.name, leases.c.held)).scalar()
    if now != lease.fence:
        raise LeaseLost(
            "{name}: this run was taken for dead and another has taken its place; nothing was written, run it again.",
            name=lease.name,
        )
