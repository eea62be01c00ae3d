"""A fitted model over a whole pair, strip by strip; memory flat.

A strip is as wide as the image and as high as a file's blocks, or lower where the image is very wide;
every block is decoded once, and what lies above and below a pixel is at hand by holding one further
strip. The next one is read by a second thread while this one is scored: decoding and arithmetic both
let other threads run.
The answer is the same to the bit for any height of strip and any number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from geodata.scene import ROI, Pixels
from pipeline import quality
from pipeline.detect.joint import Joint, read, size, strip_rows
from pipeline.detect.protocol import Model, Placed, Progress, Walker

SQUARE = 16
"""A method may work on means of squares of up to so many pixels (powers of two): no strip divides one."""
CHANGE, NONE, UNSEEN = 1, 0, 255
DECISION = np.float32(0.5)
"""The score at and above which a pixel is changed; a method places its threshold there."""


@dataclass(frozen=True, eq=False)
class Scored:
    """One strip of the pair: full width, in order from the top, without overlap.

    roi: rows and columns of BEFORE's grid. score: (y, x) float32 in [0, 1], NaN where not
    observed. change: (y, x) uint8, 1 change, 0 none, 255 not observed. quality: (y, x) uint8, the
    bits of both dates joined (cloud and shadow grown): ``quality.tally`` counts it.
    before, after: (band, y, x) float32 of the compared bands, as read (not harmonised).
    """

    roi: ROI
    score: NDArray[np.float32]
    change: NDArray[np.uint8]
    quality: NDArray[np.uint8]
    before: NDArray[np.float32]
    after: NDArray[np.float32]


def scored(
    before: Pixels,
    after: Pixels,
    model: Model,
    progress: Progress | None = None,
    rows: int | None = None,
    window: tuple[int, int] | None = None,
) -> Iterator[Scored]:
    """Score and decision of every pixel, both dates on one grid, each pixel read once.

    rows: height of a strip (None: ``strip_height``); the result does not depend on it. window: only the rows
    from the first to before the second, multiples of a strip's height; what surrounds them is read with them.
    """
    height = size(before)[0]
    if isinstance(model, Walker):
        for joint, score in model.walk(before, after):
            yield _decided(joint, joint.quality, score)
            if progress:
                progress(joint.roi[0].stop / height)
        return
    rows = strip_height(before, after, model, rows)
    halo = halo_of(model)
    start, stop = window or (0, height)
    edges = [*range(start, stop, rows), stop]
    if start > 0:
        edges.insert(0, max(0, start - halo))
    if stop < height:
        edges.append(min(stop + halo, height))
    above: Joint | None = None
    here: Joint | None = None
    for below in chain(_ahead(before, after, model, edges), (None,)):
        if here is not None:
            if start <= here.roi[0].start < stop:
                yield _scored(above, here, below, model, halo)
                if progress:
                    progress(min(1.0, (here.roi[0].stop - start) / (stop - start)))
            above = _tail(here, halo)
        here = below


def halo_of(model: Model) -> int:
    """Rows around a strip that are read with it: what the score needs, and a mask that is grown within that."""
    return model.halo + quality.GROWN_PX


def strip_height(before: Pixels, after: Pixels, model: Model, rows: int | None = None) -> int:
    """``rows`` (None: ``joint.strip_rows``) made a multiple of ``SQUARE``, and no less than the surroundings, or they
    would reach beyond the neighbouring strip."""
    rows = rows or strip_rows(before, after, len(model.bands.names))
    return -(-max(rows, halo_of(model)) // SQUARE) * SQUARE


def _ahead(before: Pixels, after: Pixels, model: Model, edges: list[int]) -> Iterator[Joint]:
    """The strips between these rows, in order; while one is worked on, the next is read."""
    columns = slice(0, size(before)[1])
    with ThreadPoolExecutor(1) as reader:
        waiting: Future[Joint] | None = None
        for top, bottom in pairwise(edges):
            coming = reader.submit(read, before, after, model.bands, (slice(top, bottom), columns))
            if waiting is not None:
                yield waiting.result()
            waiting = coming
        if waiting is not None:
            yield waiting.result()


def _tail(joint: Joint, halo: int) -> Joint:
    """The last rows only, copied, so that the strip itself can go."""
    return replace(
        joint,
        before=joint.before[:, -halo:].copy(),
        after=joint.after[:, -halo:].copy(),
        quality=joint.quality[-halo:].copy(),
    )


def _scored(above: Joint | None, here: Joint, below: Joint | None, model: Model, halo: int) -> Scored:
    height = here.quality.shape[0]
    around = [part for part in (above, here, _head(below, halo)) if part is not None]
    top = 0 if above is None else above.quality.shape[0]
    inner = slice(top, top + height)
    bits = quality.grown(np.concatenate([part.quality for part in around]))
    if model.halo:
        values = [np.concatenate([getattr(p, name) for p in around], axis=1) for name in ("before", "after")]
        score = _score(model, values[0], values[1], quality.clear(bits), here.roi[0].start - top)[inner]
    else:
        score = model.score(here.before, here.after, quality.clear(bits[inner]))
    return _decided(here, bits[inner], score)


def _score(
    model: Model, before: NDArray[np.float32], after: NDArray[np.float32], clear: NDArray[np.bool_], top: int
) -> NDArray[np.float32]:
    """top: row of the image at which the arrays begin."""
    return model.score_at(before, after, clear, top) if isinstance(model, Placed) else model.score(before, after, clear)


def _decided(here: Joint, bits: NDArray[np.uint8], score: NDArray[np.float32]) -> Scored:
    """bits: grown quality. NaN of a score: the method could not tell."""
    unseen = ~quality.clear(bits) | np.isnan(score)
    change = (score >= DECISION).astype(np.uint8)
    score[unseen] = np.nan
    change[unseen] = UNSEEN
    return Scored(here.roi, score, change, bits, here.before, here.after)


def _head(joint: Joint | None, halo: int) -> Joint | None:
    if joint is None:
        return None
    return replace(joint, before=joint.before[:, :halo], after=joint.after[:, :halo], quality=joint.quality[:halo])
