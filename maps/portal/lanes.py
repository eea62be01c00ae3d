"""Lanes: how many requests of one kind may hold a thread at a time.

All requests of a worker share some forty threads. What can wait long (for the lock of a database, for a
child process) has a lane of its own, so that many phones never hold the threads of the office's pages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from starlette.concurrency import run_in_threadpool

T = TypeVar("T")


class Lane:
    """At most ``most`` at a time in each event loop (a worker has one); whoever waits holds no thread."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    async def run(self, work: Callable[..., T], *args: Any) -> T:
        """``work(*args)`` in a thread, when it is its turn."""
        turns = self._turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self.most))
        async with turns:
            return await run_in_threadpool(work, *args)
