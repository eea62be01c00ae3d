"""[io] Where windows are scored when it is not in this process: in processes of their own, or on a Dask cluster.

A pool takes calls and gives futures. What is called is a function of a module with arguments that can be
pickled: a worker opens the files itself, at the paths it is told.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from typing import Any, Protocol

from geodata.errors import GengXunError, InputError, MissingOption, WorkError

TRIES = 3
ASKED_EVERY_S, PATIENCE = 10, 6
"""A cluster is asked so often, and so many times in a row, whether it still has a worker, before it is given up."""
CONNECT_S = 5

log = logging.getLogger("gengxun.detect")


@dataclass(frozen=True)
class Workers:
    """processes: how many; 0: none. dask: address of a scheduler, as ``tcp://host:8786``; empty: none.

    With neither, windows are scored in threads of this process. Raises: InputError.
    """

    processes: int = 0
    dask: str = ""

    def __post_init__(self) -> None:
        if self.processes < 0:
            raise InputError("workers {count}: must be 0 or more.", count=self.processes)
        if self.processes and self.dask:
            raise InputError(
                "workers {count} and dask {address}: windows are scored in one place; give one of the two.",
                count=self.processes,
                address=self.dask,
            )

    @property
    def elsewhere(self) -> bool:
        return bool(self.processes or self.dask)


class Pool(Protocol):
    @property
    def ahead(self) -> int:
        """So many calls keep every worker busy while results wait for their turn."""
        ...

    def submit(self, call: Callable[..., Any], *args: Any) -> Any:
        """A ticket for ``result``."""
        ...

    def result(self, ticket: Any) -> Any:
        """What the call returned, or raises what it raised at the last of ``TRIES``, also where its worker was lost."""
        ...

    def close(self) -> None: ...


@contextmanager
def opened(workers: Workers) -> Iterator[Pool]:
    """Raises: InputError where no scheduler answers, MissingOption where Dask is not installed."""
    pool: Pool = Cluster(workers.dask) if workers.dask else Processes(workers.processes)
    try:
        yield pool
    finally:
        pool.close()


class Processes:
    """Each worker is served by a thread here, through a pipe of its own: one that is killed, in whatever it does, ends
    its pipe and no other, and its call is done again by a new one. (The pool of the standard library can wait for
    ever on a worker that was killed while it wrote.)"""

    def __init__(self, count: int) -> None:
        self.ahead = count + 1
        self._threads = ThreadPoolExecutor(count)
        self._workers: SimpleQueue[_Worker] = SimpleQueue()
        for _ in range(count):
            self._workers.put(_Worker())

    def submit(self, call: Callable[..., Any], *args: Any) -> Future[Any]:
        return self._threads.submit(self._tried, call, args)

    def _tried(self, call: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        worker = self._workers.get()
        try:
            for left in reversed(range(TRIES)):
                try:
                    return worker.do(call, args)
                except GengXunError:
                    raise
                except Exception as error:
                    log.warning("a worker failed (%s: %s)", type(error).__name__, error)
                    worker.end()
                    worker = _Worker()
                    if not left:
                        raise
        finally:
            self._workers.put(worker)

    def result(self, ticket: Future[Any]) -> Any:
        return ticket.result()

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        while not self._workers.empty():
            self._workers.get().end()


class _Worker:
    """A process that does one call after the other; it starts with its first."""

    def __init__(self) -> None:
        self._process: BaseProcess | None = None

    def do(self, call: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Raises: what the call raised; EOFError or OSError where the process was killed."""
        if self._process is None:
            spawned = multiprocessing.get_context("spawn")  # a fork would inherit open datasets and their locks
            self._pipe, theirs = spawned.Pipe()
            self._process = spawned.Process(target=_serve, args=(theirs,), daemon=True)
            self._process.start()
            theirs.close()
        self._pipe.send((call, args))
        done, found = self._pipe.recv()
        if not done:
            raise found
        return found

    def end(self) -> None:
        if self._process is not None:
            self._pipe.close()
            self._process.kill()
            self._process.join()
            self._process = None


def _serve(pipe: Connection) -> None:
    """The worker's side, until its parent shuts the pipe or is gone. Ctrl-C is for the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            call, args = pipe.recv()
        except EOFError:
            return
        try:
            answer = True, call(*args)
        except Exception as error:
            answer = False, error
        pipe.send(answer)


def _reach(address: str) -> None:
    """Raises: OSError, ValueError where nothing listens. Asked first: a client that could not connect stays half open,
    and when it is collected in a bad moment, it holds up the next one for good."""
    from distributed.comm import parse_address, parse_host_port

    scheme, place = parse_address(address)
    if scheme in ("tcp", "tls"):
        socket.create_connection(parse_host_port(place), timeout=CONNECT_S).close()


class Cluster:
    """A running Dask cluster. Its scheduler gives the work of a lost worker to another by itself."""

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise MissingOption(
                'dask {address}: Dask is not installed; install it with: pip install "gengxun[dask]"', address=address
            ) from None
        self._address = address
        try:
            _reach(address)
            self._client = Client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise InputError(
                "dask {address}: no Dask scheduler answers there ({error}); start one with “dask scheduler”, or mend"
                " the address.",
                address=address,
                error=" ".join(str(error).split())[:200],
            ) from None

    @property
    def ahead(self) -> int:
        return 2 * max(1, sum(self._client.nthreads().values()))

    def submit(self, call: Callable[..., Any], *args: Any) -> Any:
        return self._client.submit(call, *args, pure=False, retries=TRIES - 1)

    def result(self, ticket: Any) -> Any:
        from distributed import wait

        alone = 0
        try:
            while not ticket.done():
                try:
                    with self._client.as_current():
                        wait(ticket, ASKED_EVERY_S)
                except TimeoutError:
                    alone = 0 if self._client.nthreads() else alone + 1
                    if alone == PATIENCE:
                        raise WorkError(
                            "dask {address}: no worker is left; start some with “dask worker {address}” and try again.",
                            address=self._address,
                        ) from None
            return ticket.result()
        except CancelledError:
            raise WorkError(
                "dask {address}: the scheduler was lost; start it and try again.", address=self._address
            ) from None

    def close(self) -> None:
        self._client.close()
