"""A fitted model over a whole pair, strip by strip; memory flat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geodata.scene import ROI, Pixels
from pipeline.detect.protocol import Model, Progress


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


def scored(before: Pixels, after: Pixels, model: Model, progress: Progress | None = None) -> Iterator[Scored]:
    """Score and decision of every pixel, both dates on one grid, each pixel read once."""
    raise NotImplementedError
