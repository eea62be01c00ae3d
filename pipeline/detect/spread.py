"""A fitted model over a whole pair, its windows scored in threads here, in processes or on a cluster.

A window is as wide as the image and holds whole strips, the same as in one process: so the answer is the same to
the bit, with the same versions of what computes. Windows come back in order; only so many are under way that all
workers are busy, so memory stays flat.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterator
from importlib.metadata import version
from itertools import islice, pairwise
from typing import Any

from geodata.errors import GengXunError, WorkError
from geodata.filepixels import FilePixels
from geodata.scene import Pixels
from pipeline.detect import METHODS
from pipeline.detect.joint import TILE, size
from pipeline.detect.packed import Packed, pack, unpack
from pipeline.detect.protocol import Model, Progress, Walker
from pipeline.detect.run import Scored, halo_of, scored, strip_height
from pipeline.detect.workers import TRIES, Pool, Workers, opened

HERE = Workers()
WINDOW_PIXELS = 32_000_000
"""Of one window at most: 190 MB with its score, and blocks at its rim are a small part of what it decodes."""
COMPUTE = ("numpy", "opencv-python-headless", "rasterio", "scipy")

Rows = tuple[int, int]


def strips(
    before: Pixels,
    after: Pixels,
    model: Model,
    workers: Workers = HERE,
    progress: Progress | None = None,
    *,
    whole: bool = True,
) -> Iterator[Scored]:
    """``run.scored``, by ``workers``. whole: False where the score is wanted on change only, and values where patches
    and statistics need them; what comes from elsewhere then is 0 in other places. A network walks in this process.

    Raises: InputError, UnreadableFile (a window cannot be read), WorkError (its workers were lost).
    """
    if not workers.elsewhere or isinstance(model, Walker):
        yield from scored(before, after, model, progress)
        return
    height = size(before)[0]
    with opened(workers) as pool:
        for rows, window in _in_order(pool, before, after, model, whole):
            while window:
                yield unpack(window.pop(0))
            if progress:
                progress(rows[1] / height)


def _in_order(
    pool: Pool, before: Pixels, after: Pixels, model: Model, whole: bool
) -> Iterator[tuple[Rows, list[Packed]]]:
    asked = (computing(model), before, after, model, whole)
    coming = iter(windows(before, after, model, pool.ahead))
    waiting: deque[tuple[Rows, Any]] = deque()
    while True:
        for rows in islice(coming, max(0, pool.ahead - len(waiting))):
            waiting.append((rows, pool.submit(score_window, *asked, rows)))
        if not waiting:
            return
        rows, ticket = waiting.popleft()
        try:
            found = pool.result(ticket)
        except GengXunError:
            raise
        except Exception as error:
            raise WorkError(
                "rows {first} to {last}: not scored, tried {count} times ({error}); look after the workers, then try"
                " again.",
                first=rows[0],
                last=rows[1] - 1,
                count=TRIES,
                error=f"{type(error).__name__}: {error}",
            ) from error
        del ticket
        yield rows, found


def windows(before: Pixels, after: Pixels, model: Model, least: int) -> list[Rows]:
    """Rows of the windows, from the top: of whole strips, and at least ``least`` of them where the image allows.

    Where strips are lower than a file's blocks, windows meet in the middle of a row of blocks: that row is decoded
    for both, else it were two rows, for what surrounds a window.
    """
    height, width = size(before)
    strip = strip_height(before, after, model)
    blocks = [pixels.block_row()[0] for pixels in (before, after) if isinstance(pixels, FilePixels)]
    unit = -(-max(TILE, *blocks, 0) // strip) * strip
    middle = unit // 2 if unit // 2 % strip == 0 else 0
    wanted = max(4 * halo_of(model), min(WINDOW_PIXELS // width, height // least))
    step = max(1, round(wanted / unit)) * unit
    return list(pairwise([0, *range(step + middle, height, step), height]))


def score_window(
    compute: dict[str, str], before: Pixels, after: Pixels, model: Model, whole: bool, rows: Rows
) -> list[Packed]:
    """What a worker does: it opens the files for itself. compute: ``computing`` of who asks.

    Raises: WorkError where this machine computes by other versions; UnreadableFile.
    """
    ours = computing(model)
    different = [f"{name} {ours[name]} ≠ {asked}" for name, asked in compute.items() if ours[name] != asked]
    if different:
        raise WorkError(
            "a worker would not give the same answer ({different}); install the same versions on all machines.",
            different=", ".join(different),
        )
    one, two = copy.copy(before), copy.copy(after)
    try:
        return [pack(strip, size(one), whole=whole) for strip in scored(one, two, model, window=rows)]
    finally:
        for pixels in (one, two):
            if isinstance(pixels, FilePixels):
                pixels.close()


def computing(model: Model) -> dict[str, str]:
    """Versions of what the answer depends on, here."""
    here = METHODS[model.method][0].version if model.method in METHODS else model.version
    return {model.method: here} | {name: version(name) for name in COMPUTE}
