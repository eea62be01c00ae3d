"""A pair walked through in square tiles that overlap and are blended; memory flat.

Tiles lie where the image and the card put them, never where a strip begins, so the answer depends on both alone.
Of what two tiles share, a quarter along the side of each is thrown away (what lies near a side has seen
too little of its surroundings), and between those quarters one fades into the other. A network that
looks no further than that quarter answers as if it had seen the image whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from geodata.scene import Pixels
from pipeline import quality
from pipeline.detect.joint import Joint, read, size
from pipeline.detect.protocol import Bands

F32 = NDArray[np.float32]
Mask = NDArray[np.bool_]
Predict = Callable[[F32, F32, Mask], F32]
"""Both dates of a tile, (band, tile, tile), and where both were seen, (tile, tile) → what is blended, (tile, tile)."""


def shares(length: int, tile: int, shared: int) -> list[tuple[int, F32]]:
    """(first pixel, weights) of each tile along a side of ``length`` pixels; the weights of a pixel add up to 1.

    shared: pixels that two tiles have in common; the last tile is moved inward to end where the image does.
    """
    starts = [*range(0, length - tile, tile - shared), max(0, length - tile)]
    trim = shared // 4
    ramp = np.zeros(shared)
    ramp[trim : shared - trim] = np.arange(1, shared - 2 * trim + 1) / (shared - 2 * trim + 1)
    ramp[shared - trim :] = 1
    found, total = [], np.zeros(max(length, tile))
    for start in starts:
        weights = np.ones(tile)
        if start > 0:
            weights[:shared] = ramp
        if start + tile < length:
            weights[tile - shared :] = ramp[::-1]
        total[start : start + tile] += weights
        found.append((start, weights))
    return [(start, (weights / total[start : start + tile]).astype(np.float32)) for start, weights in found]


def walk(
    before: Pixels, after: Pixels, bands: Bands, predict: Predict, tile: int, shared: int
) -> Iterator[tuple[Joint, F32]]:
    """Rows in order from the top, full width, without overlap: both dates with their quality (grown), and what
    ``predict`` gave, blended, (y, x). Each pixel is read once; a tile with no clear pixel is not predicted (0)."""
    height, width = size(before)
    down, across = shares(height, tile, shared), shares(width, tile, shared)
    window: Joint | None = None
    sums, done = np.zeros((tile, width), np.float32), 0
    for number, (top, weights) in enumerate(down):
        window = _window(before, after, bands, window, slice(top, min(top + tile, height)))
        bits = quality.grown(window.quality)
        _add(sums, window, quality.clear(bits), weights, across, predict)
        last = number + 1 == len(down)
        following, more = (height, weights) if last else down[number + 1]
        stop = height if last else following + int(np.flatnonzero(more)[0])
        rows = slice(done - top, stop - top)
        roi = (slice(done, stop), slice(0, width))
        yield Joint(roi, window.before[:, rows], window.after[:, rows], bits[rows]), sums[rows].copy()
        if not last:
            sums = np.concatenate([sums[following - top :], np.zeros((following - top, width), np.float32)])
        done = stop


def _window(before: Pixels, after: Pixels, bands: Bands, held: Joint | None, rows: slice) -> Joint:
    """The rows of the pair; those that ``held`` has are not read again."""
    start = rows.start if held is None else held.roi[0].stop
    roi = (rows, slice(0, size(before)[1]))
    new = read(before, after, bands, (slice(start, rows.stop), roi[1]))
    if held is None:
        return new
    kept = slice(rows.start - held.roi[0].start, None)
    return Joint(
        roi,
        np.concatenate([held.before[:, kept], new.before], axis=1),
        np.concatenate([held.after[:, kept], new.after], axis=1),
        np.concatenate([held.quality[kept], new.quality]),
    )


def _add(sums: F32, window: Joint, clear: Mask, weights: F32, across: list[tuple[int, F32]], predict: Predict) -> None:
    """Predict one row of tiles and add it, weighted. Where the image is smaller than a tile, it is mirrored."""
    rows, tile = clear.shape[0], len(weights)
    seen = (window.quality & np.uint8(quality.Quality.NODATA)) == 0
    for left, beside in across:
        columns = slice(left, min(left + tile, clear.shape[1]))
        if not clear[:, columns].any():
            continue
        around = ((0, tile - rows), (0, tile - (columns.stop - left)))
        first, second = (
            np.pad(values[:, :, columns], ((0, 0), *around), mode="symmetric")
            for values in (window.before, window.after)
        )
        found = predict(first, second, np.pad(seen[:, columns], around, mode="symmetric"))
        share = weights[:rows, None] * beside[None, : columns.stop - left]
        sums[:rows, columns] += found[:rows, : columns.stop - left] * share
