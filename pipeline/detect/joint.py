"""Both dates together: the same window of the same bands, what is jointly clear, and a sample.

Both dates are on BEFORE's grid. Nothing here reads a pixel twice, but where reading failed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geodata.errors import UnreadableFile
from geodata.filepixels import FilePixels
from geodata.imagefile import room_for
from geodata.scene import ROI, Pixels, Raster
from geodata.sensors import QUALITY
from pipeline import quality
from pipeline.detect.protocol import Bands, Progress

TILE = 512
"""Side of a window in pixels: the block of our own files, so that no block is decoded twice."""
SAMPLE_TILES = 40
"""Tiles that a sample is taken from: 10 % of the reading at 10,000 × 10,000."""
SAMPLE_PIXELS = 120_000
"""Statistics of second order over a dozen variables stand to the third digit with so many."""
STRIP_BYTES, LOWEST = 64 * 1024**2, 64
"""Of both dates' values in one strip; three strips are held at a time. Rows of the lowest strip."""
FEW_PIXELS = 20_000
"""With fewer, further tiles are read."""
PAUSES_S = (0.2, 0.8)
"""A window that cannot be read is read again after so long: a share that was gone for a moment may be back."""

log = logging.getLogger("gengxun.detect")


@dataclass(frozen=True, eq=False)
class Joint:
    """before, after: (band, y, x) float32; quality: (y, x) uint8, both dates' bits before growing."""

    roi: ROI
    before: NDArray[np.float32]
    after: NDArray[np.float32]
    quality: NDArray[np.uint8]


def read(before: Pixels, after: Pixels, bands: Bands, roi: ROI) -> Joint:
    """Tried again after each of ``PAUSES_S``, from files opened anew. Raises: UnreadableFile that names the rows."""
    rows = {"first": roi[0].start, "last": roi[0].stop - 1}
    for pause in PAUSES_S:
        try:
            return _read(before, after, bands, roi)
        except UnreadableFile as error:
            log.warning("rows %(first)d to %(last)d: %(error)s", rows | {"error": error})
        for pixels in (before, after):
            if isinstance(pixels, FilePixels):
                pixels.reopen()
        time.sleep(pause)
    try:
        return _read(before, after, bands, roi)
    except UnreadableFile as error:
        raise UnreadableFile(
            "{error} (rows {first} to {last}, tried {count} times)", error=str(error), count=len(PAUSES_S) + 1, **rows
        ) from None


def _read(before: Pixels, after: Pixels, bands: Bands, roi: ROI) -> Joint:
    first, first_bits = _one(before, bands.before, roi)
    second, second_bits = _one(after, bands.after, roi)
    return Joint(roi, first, second, first_bits | second_bits)


def _one(pixels: Pixels, wanted: tuple[int, ...], roi: ROI) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    raster = pixels.read(roi)
    codes = QUALITY[pixels.quality_codes] if pixels.quality_codes else None
    found = quality.bits(raster, codes, pixels.saturation)
    return _picked(raster, wanted), found


def _picked(raster: Raster, wanted: tuple[int, ...]) -> NDArray[np.float32]:
    whole = wanted == tuple(range(len(raster.bands)))
    return raster.values if whole else raster.values[list(wanted)]


def size(pixels: Pixels) -> tuple[int, int]:
    """(rows, columns)."""
    return pixels.geobox.height, pixels.geobox.width


def strip_rows(before: Pixels, after: Pixels, bands: int) -> int:
    """Height of a strip: ``TILE``, or a part of it where that would take more than ``STRIP_BYTES``.

    Strips lower than a file's blocks need what was decoded to be kept until the next one; where that would
    take too much memory, the strips stay high.
    """
    rows, wanted = TILE, STRIP_BYTES // (size(before)[1] * bands * 2 * 4)
    while rows > max(wanted, LOWEST):
        rows //= 2
    files = [pixels for pixels in (before, after) if isinstance(pixels, FilePixels)]
    blocks = [pixels.block_row() for pixels in files]
    kept = sum(held for high, held in blocks if high > rows)
    return rows if kept == 0 or room_for(kept) else TILE


def tiles(shape: tuple[int, int], side: int = TILE) -> list[ROI]:
    """All tiles of a grid, in an order whose every beginning is spread evenly over it.

    The order is that of the R2 sequence (Roberts 2018): the same on every machine and run.
    """
    rows, columns = -(-shape[0] // side), -(-shape[1] // side)
    steps = np.arange(1, 8 * rows * columns + 1, dtype=np.float64)
    y = (steps * 0.7548776662466927 % 1 * rows).astype(int)
    x = (steps * 0.5698402909980532 % 1 * columns).astype(int)
    order = list(dict.fromkeys([*(y * columns + x).tolist(), *range(rows * columns)]))
    return [
        (
            slice(n // columns * side, min((n // columns + 1) * side, shape[0])),
            slice(n % columns * side, min((n % columns + 1) * side, shape[1])),
        )
        for n in order
    ]


def sample(
    before: Pixels, after: Pixels, bands: Bands, progress: Progress | None = None, side: int = TILE
) -> Iterator[Joint]:
    """Tiles to fit a model on, quality already grown: ``SAMPLE_TILES`` of them, and more while
    they hold fewer than ``FEW_PIXELS`` jointly clear pixels. Of a larger side fewer, but four."""
    order = tiles(size(before), side)
    most = max(4, SAMPLE_TILES * TILE * TILE // (side * side))
    clear = 0
    for number, roi in enumerate(order):
        if number >= most and clear >= FEW_PIXELS:
            break
        joint = read(before, after, bands, roi)
        found = quality.grown(joint.quality)
        clear += int(np.count_nonzero(quality.clear(found)))
        yield Joint(roi, joint.before, joint.after, found)
        if progress:
            progress(min(1.0, (number + 1) / min(most, len(order))))


def stride(shape: tuple[int, int]) -> int:
    """Every how many-th jointly clear pixel of the sampled tiles is kept (about ``SAMPLE_PIXELS`` in all)."""
    held = min(shape[0] * shape[1], SAMPLE_TILES * TILE * TILE)
    return max(1, held // SAMPLE_PIXELS)


@dataclass(frozen=True, eq=False)
class Block:
    """A piece of both images: before, after: (band, y, x); clear: (y, x), jointly, grown."""

    before: NDArray[np.float32]
    after: NDArray[np.float32]
    clear: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Sampled:
    """first, second: (pixel, band) of both dates: a systematic sample of the jointly clear pixels. blocks: pieces of
    the same tiles for what needs a pixel's surroundings; of a small image all of it."""

    first: NDArray[np.float64]
    second: NDArray[np.float64]
    blocks: list[Block]


WHOLE_PIXELS = 2_000_000
"""Up to so many pixels the blocks are the image itself."""
BLOCK, PITCH = 48, 128
"""Of larger ones: side of a block, and from one to the next within a tile."""


def sampled(
    before: Pixels, after: Pixels, bands: Bands, progress: Progress | None = None, *, blocks: bool = True
) -> Sampled:
    """The same on every run."""
    step = stride(size(before))
    whole = size(before)[0] * size(before)[1] <= WHOLE_PIXELS
    firsts, seconds, pieces, phase = [], [], [], 0
    for joint in sample(before, after, bands, progress):
        clear = quality.clear(joint.quality)
        places = np.flatnonzero(clear)
        places, phase = places[-phase % step :: step], phase + len(places)
        firsts.append(joint.before.reshape(len(bands.names), -1)[:, places].T)
        seconds.append(joint.after.reshape(len(bands.names), -1)[:, places].T)
        if blocks:
            pieces += list(_blocks(joint, clear, whole))
    return Sampled(np.concatenate(firsts).astype(np.float64), np.concatenate(seconds).astype(np.float64), pieces)


def _blocks(joint: Joint, clear: NDArray[np.bool_], whole: bool) -> Iterator[Block]:
    for part in _parts(clear, whole):
        yield Block(joint.before[:, *part].copy(), joint.after[:, *part].copy(), clear[part].copy())


def _parts(clear: NDArray[np.bool_], whole: bool) -> list[ROI]:
    """Where the blocks of a tile lie: those with a clear pixel; where none has one, around one that is clear."""
    if not clear.any():
        return []
    rows, columns = clear.shape
    if whole:
        return [(slice(0, rows), slice(0, columns))]
    grid = [(y, x) for y in range(0, rows, PITCH) for x in range(0, columns, PITCH)]
    found = [(slice(y, y + BLOCK), slice(x, x + BLOCK)) for y, x in grid if clear[y : y + BLOCK, x : x + BLOCK].any()]
    if found:
        return found
    places = np.flatnonzero(clear)
    y, x = (max(0, int(n) - BLOCK // 2) for n in divmod(places[len(places) // 2], columns))
    return [(slice(y, y + BLOCK), slice(x, x + BLOCK))]


def sampled_pixels(
    before: Pixels, after: Pixels, bands: Bands, progress: Progress | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``sampled`` without blocks."""
    found = sampled(before, after, bands, progress, blocks=False)
    return found.first, found.second
