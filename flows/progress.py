"""[io] Progress bars on standard error; where it is no terminal nothing, or on long work a line now and then."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

_active: Progress | None = None


@contextmanager
def step(words: str, *, lines: bool = False) -> Iterator[Callable[[float], None]]:
    """One line with a bar while the block runs; call what it yields with a share from 0 to 1.

    lines: where there is no terminal, a line at the start and at every further tenth.
    """
    global _active  # noqa: PLW0603 (bars of one terminal share its lines)
    if not sys.stderr.isatty():
        yield _in_lines(words) if lines else lambda share: None
        return
    outer = _active
    bars = outer or Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    if outer is None:
        bars.start()
        _active = bars
    task = bars.add_task(words, total=1.0)
    try:
        yield lambda share: bars.update(task, completed=share)
    finally:
        bars.remove_task(task)
        if outer is None:
            bars.stop()
            _active = None


def _in_lines(words: str) -> Callable[[float], None]:
    told = 0
    print(words, file=sys.stderr, flush=True)

    def tell(share: float) -> None:
        nonlocal told
        if int(share * 10) > told:
            told = int(share * 10)
            print(f"{words}: {told * 10}%", file=sys.stderr, flush=True)

    return tell
