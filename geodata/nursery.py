"""[io] Child processes for ``geodata.safe``: forked from one that has imported the readers, else fresh.

An interpreter that imports GDAL costs one second, a fork of one that has done so a few hundredths. The
nursery is such a process: it imports the module of a call and forks, and never opens a file or makes a
call itself, so that every child begins clean. It ends with the process that started it, and with it all
of its children. Where the system lacks what this needs (it is there on Linux), each child is an
interpreter of its own.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

ROOT = Path(__file__).parent.parent
FORKS = sys.platform == "linux" and hasattr(os, "pidfd_open") and hasattr(signal, "pidfd_send_signal")
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""For a child: its many small matrix products wait for each other where two threads share a busy core."""
_PID_BYTES, _NAME_BYTES = 8, 4096
_PR_SET_PDEATHSIG = 1


class _Life(Protocol):
    def kill(self) -> None: ...

    def end(self) -> None:
        """Kill it, and come back when it is gone."""


@dataclass(frozen=True)
class Child:
    """given: what is written to it, closed when all is said. told: what it answers."""

    given: IO[bytes]
    told: IO[bytes]
    life: _Life


@contextmanager
def child(module: str, drivers: tuple[str, ...] = ()) -> Iterator[Child]:
    """A process that serves one call of ``safe.answer``; gone when the block ends.

    module: what it will need. drivers: of GDAL, open in it besides those of ours.
    """
    born = (_forked(module, drivers) if FORKS else None) or _fresh(drivers)
    try:
        yield born
    finally:
        born.life.end()
        born.told.close()
        with suppress(OSError):  # it was not read to its end
            born.given.close()


# --- an interpreter of its own ------------------------------------------------------------------


@dataclass(frozen=True)
class _Process:
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        self.process.kill()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def _fresh(drivers: tuple[str, ...]) -> Child:
    process = subprocess.Popen(
        [sys.executable, "-c", f"from geodata.nursery import alone; alone({drivers!r})"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=os.environ | ONE_THREAD,
    )
    assert process.stdin
    assert process.stdout
    return Child(process.stdin, process.stdout, _Process(process))


def alone(drivers: tuple[str, ...]) -> None:
    """The fresh child's side. Standard output is kept for the messages."""
    from geodata import safe

    safe.guard_gdal(drivers)
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    safe.answer(sys.stdin.buffer, out)


# --- forked from the nursery --------------------------------------------------------------------


@dataclass(frozen=True)
class _Forked:
    handle: int
    """Of the process itself: its number may be given to another when it is gone."""

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.handle, signal.SIGKILL)

    def end(self) -> None:
        self.kill()
        select.select([self.handle], [], [])
        os.close(self.handle)


class _Nursery:
    def __init__(self, drivers: tuple[str, ...]) -> None:
        self.drivers = drivers
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", f"from geodata.nursery import serve; serve({theirs.fileno()}, {drivers!r})"],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                cwd=ROOT,
                env=os.environ | ONE_THREAD,
            )

    def fork(self, module: str) -> Child:
        """Raises: OSError where it has died."""
        given, write = os.pipe()
        read, told = os.pipe()
        try:
            socket.send_fds(self._line, [module.encode()[:_NAME_BYTES]], [given, told, 2])
        except OSError:
            os.close(write)
            os.close(read)
            raise
        finally:
            os.close(given)
            os.close(told)
        out, answers = os.fdopen(write, "wb"), os.fdopen(read, "rb")
        pid = answers.read(_PID_BYTES)  # said before it is told what to do: it lives
        if len(pid) < _PID_BYTES:
            out.close()
            answers.close()
            raise ConnectionResetError
        return Child(out, answers, _Forked(os.pidfd_open(int.from_bytes(pid, "big"))))

    def close(self) -> None:
        self._line.close()
        self._process.wait()


_nursery: _Nursery | None = None
_lock = threading.Lock()


def _forked(module: str, drivers: tuple[str, ...]) -> Child | None:
    for _ in range(2):
        try:
            return _ready(drivers).fork(module)
        except OSError:
            rest()
    return None


def _ready(drivers: tuple[str, ...]) -> _Nursery:
    global _nursery  # noqa: PLW0603
    with _lock:
        if _nursery is not None and _nursery.drivers != drivers:
            _nursery.close()
            _nursery = None
        if _nursery is None:
            _nursery = _Nursery(drivers)
        return _nursery


def rest() -> None:
    """End the nursery; the next call starts another. What its children used then counts as used by this process."""
    global _nursery  # noqa: PLW0603
    with _lock:
        if _nursery is not None:
            _nursery.close()
            _nursery = None


def _forget() -> None:
    """In a fork of this process: the nursery is the parent's."""
    global _nursery, _lock
    _nursery, _lock = None, threading.Lock()


atexit.register(rest)
if FORKS:
    os.register_at_fork(after_in_child=_forget)


def serve(handle: int, drivers: tuple[str, ...]) -> None:
    """The nursery's side: forks for every line that comes, until the parent is gone."""
    from geodata import safe

    safe.guard_gdal(drivers)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends what is to end
    signal.signal(signal.SIGCHLD, lambda *_: _reap())
    warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)  # of threads of BLAS
    libc, me = ctypes.CDLL(None), os.getpid()
    with socket.socket(fileno=handle) as line:
        while True:
            name, handles, _, _ = socket.recv_fds(line, _NAME_BYTES, 3)
            if not name:
                break
            _warm(name.decode())
            if os.fork() == 0:
                libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
                line.close()
                _born(handles, me)
            for one in handles:
                os.close(one)
    os._exit(0)  # its children end with it


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _warm(module: str) -> None:
    """Import what the call needs; ``WARM`` of the module names what it imports only when it works.
    What cannot be imported the child will say."""
    with suppress(Exception):
        found = sys.modules.get(module) or importlib.import_module(module)
        for name in getattr(found, "WARM", ()):
            importlib.import_module(name)
    gc.freeze()


def _born(handles: list[int], nursery: int) -> None:
    """The forked child; does not return."""
    from geodata import safe

    try:
        if os.getppid() == nursery:
            given, told, errors = handles
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(errors, 2)
            os.dup2(errors, 1)
            with os.fdopen(given, "rb") as source, os.fdopen(told, "wb") as out:
                out.write(os.getpid().to_bytes(_PID_BYTES, "big"))
                out.flush()
                safe.answer(source, out)
    finally:
        os._exit(0)
