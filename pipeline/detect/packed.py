"""A scored strip on its way from one process to another: what those who trace and write it will ask for.

Values are kept where patches and statistics need them: on change and the ring around it, in the first and last rows
(whose ring may lie around change of the next strip), and at the places that statistics look at.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from geodata.scene import ROI
from pipeline.changes import looked_at
from pipeline.detect.run import CHANGE, Scored
from pipeline.patches import DISC, KEPT

FAST = 1
"""Of zlib: masks are even, and the fastest level makes them small."""


@dataclass(frozen=True, eq=False)
class Packed:
    """change, quality: as in ``Scored``, compressed. places: flat, in the strip. values: (2 · band, place), BEFORE's
    bands and then AFTER's. score: (y, x), or where it is not wanted whole (place,)."""

    roi: ROI
    change: bytes
    quality: bytes
    places: NDArray[np.int32]
    values: NDArray[np.float32]
    score: NDArray[np.float32]


def pack(strip: Scored, shape: tuple[int, int], *, whole: bool) -> Packed:
    """shape: of the image. whole: the score of all pixels is wanted, not only of those whose values are kept."""
    needed = cv2.dilate((strip.change == CHANGE).view(np.uint8), DISC, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    needed[:KEPT] = needed[-KEPT:] = 1
    needed.reshape(-1)[looked_at(shape, strip.roi[0])] = 1
    places = np.flatnonzero(needed).astype(np.int32)
    return Packed(
        strip.roi,
        zlib.compress(strip.change.tobytes(), FAST),
        zlib.compress(strip.quality.tobytes(), FAST),
        places,
        np.stack([band.reshape(-1)[places] for date in (strip.before, strip.after) for band in date]),
        strip.score if whole else strip.score.reshape(-1)[places],
    )


def unpack(packed: Packed) -> Scored:
    """The strip; values (and the score, where it was not wanted whole) are 0 where they were not kept."""
    rows, columns = packed.roi
    shape = rows.stop - rows.start, columns.stop - columns.start
    values = np.zeros((len(packed.values), shape[0] * shape[1]), np.float32)
    for band, kept in zip(values, packed.values, strict=True):
        band[packed.places] = kept
    score = packed.score
    if score.ndim == 1:
        score = np.zeros(shape, np.float32)
        score.reshape(-1)[packed.places] = packed.score
    change, quality = (
        np.frombuffer(bytearray(zlib.decompress(mask)), np.uint8).reshape(shape)
        for mask in (packed.change, packed.quality)
    )
    before, after = values.reshape(2, -1, *shape)
    return Scored(packed.roi, score, change, quality, before, after)
