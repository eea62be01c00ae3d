"""Change by a model that was trained on labelled pairs or on verified cases (``gengxun train``).

The pair is brought into one tone and looked at by the way without learning that the model was trained beside; the
head joins both. A pair that cannot be compared without learning cannot be compared with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geodata.filepixels import FilePixels
from geodata.scene import Pixels
from geodata.words import Text, both
from pipeline import quality
from pipeline.detect.protocol import Bands, Blank, Model, Progress
from pipeline.learn.card import VERSION, Card, arranged, doubts, refuse_others
from pipeline.learn.features import ALIGNED, CELL, F32, Mask, View, view
from pipeline.learn.head import Head, smoothing_reach

COLUMNS = 1024
"""Worked on together, so that what is needed meanwhile stays small."""


@dataclass(frozen=True, eq=False)
class LearnedModel:
    """reach: pixels around one that its score depends on."""

    bands: Bands
    view: View
    head: Head
    report: dict[str, Any]
    version: str
    method: str = "learned"

    @property
    def gain(self) -> NDArray[np.float64]:
        return self.view.free.gain

    @property
    def offset(self) -> NDArray[np.float64]:
        return self.view.free.offset

    @property
    def reach(self) -> int:
        return self.view.reach + smoothing_reach() + CELL

    @property
    def halo(self) -> int:
        """So that a strip with its surroundings begins at a multiple of ``ALIGNED``."""
        return -(-(self.reach + quality.GROWN_PX) // ALIGNED) * ALIGNED - quality.GROWN_PX

    def score(self, before: F32, after: F32, clear: Mask) -> F32:
        out = np.empty(clear.shape, np.float32)
        halo = -(-self.reach // ALIGNED) * ALIGNED
        for start in range(0, clear.shape[1], COLUMNS):
            stop = min(start + COLUMNS, clear.shape[1])
            left = min(start, halo)
            part = slice(start - left, stop + halo)
            parts = self.view.parts(before[:, :, part], after[:, :, part], np.ascontiguousarray(clear[:, part]))
            found = self.head.logits(parts, self.view.free_at)
            out[:, start:stop] = found[: clear.shape[0], left : left + stop - start]
        out -= np.float32(self.head.threshold)
        return np.asarray(1 / (1 + np.exp(-np.clip(out, -30, 30, out=out))), np.float32)


@dataclass(frozen=True, eq=False)
class Learned:
    """path: as the user named the model, for sentences. sha256: of its file."""

    head: Head
    card: Card
    sha256: str
    path: str
    name: str = "learned"

    @property
    def version(self) -> str:
        """Another model is another version: what it finds is told apart."""
        return f"{VERSION}-{self.sha256[:16]}"

    @property
    def reason(self) -> Text:
        return both("by the model {name}", name=PurePath(self.path).name)

    def fit(self, before: Pixels, after: Pixels, bands: Bands, progress: Progress | None = None) -> Model:
        """Raises: InputError where the model is of another kind of image."""
        from pipeline.detect import METHODS, pixel_m

        bands = arranged(bands)
        dtypes = tuple(pixels.dtype for pixels in (before, after) if isinstance(pixels, FilePixels))
        refuse_others(self.card, bands, dtypes, self.path)
        free = METHODS[self.card.free[0]][0].fit(before, after, bands, progress)
        if isinstance(free, Blank):
            return replace(free, method=self.name, version=self.version)
        report = {
            **free.report,
            "threshold": round(1 / (1 + math.exp(-self.head.threshold)), 6),
            "threshold_rule": "chance of change, where F1 was best on images kept apart in training",
            "beside": self.card.free[0],
            "model_sha256": self.sha256,
            "trained_on": {name: row["images"] for name, row in self.card.sets.items()},
            "notes": [dict(text) for text in doubts(self.card, pixel_m(before.geobox))],
        }
        return LearnedModel(bands, view(before, after, bands, free), self.head, report, self.version)
