"""What the head is shown of a pair: both dates in one tone → features of each cell of ``CELL`` pixels.

Of each band mean and deviation of BEFORE are brought to 0 and 1, and AFTER's histogram onto BEFORE's, so that sensor,
light and season count little. Features are the backbone's of both dates, the bands themselves, and what the way
without learning says of the pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from geodata.scene import Pixels
from pipeline.detect.builtup import coarse, roles
from pipeline.detect.highres import HighResModel
from pipeline.detect.joint import sampled_pixels
from pipeline.detect.protocol import Bands, Model
from pipeline.learn.backbone import STRIDES, backbone, reach

CELL, STAGES = 4, 5
ALIGNED = 16
"""Windows begin at a multiple of so many pixels: the last stage's stride."""
CLIPPED, KNOTS = 0.005, 65
FARTHEST = 4.0
"""Deviations beyond which a value is taken for no more extreme."""
CONTRAST = np.float32(0.5)
"""A deviation of the picture that the backbone is shown; pictures it learned on have about as much."""

F32 = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Tone:
    """mean, scale: (band,) of BEFORE. own, onto: (band, knot) AFTER's values and what they are on BEFORE's scale."""

    mean: F32
    scale: F32
    own: NDArray[np.float64]
    onto: NDArray[np.float64]

    def before(self, values: F32, clear: Mask) -> F32:
        """(band, y, x) in deviations; 0 where not clear."""
        return self._standard(values, clear)

    def after(self, values: F32, clear: Mask) -> F32:
        matched = [np.interp(band, own, onto) for band, own, onto in zip(values, self.own, self.onto, strict=True)]
        return self._standard(np.stack(matched).astype(np.float32), clear)

    def _standard(self, values: F32, clear: Mask) -> F32:
        out = (values - self.mean[:, None, None]) * self.scale[:, None, None]
        np.clip(out, -FARTHEST, FARTHEST, out=out)
        out[:, ~clear] = 0
        return out


def tone(first: NDArray[np.float64], second: NDArray[np.float64]) -> Tone:
    """Of a sample of jointly clear pixels of both dates, (pixel, band) each."""
    low, high = np.quantile(first, (CLIPPED, 1 - CLIPPED), axis=0)
    inside = np.clip(first, low, high)
    spread = inside.std(axis=0)
    scale = np.divide(1, spread, out=np.zeros_like(spread), where=spread > 1e-6 * np.maximum(np.abs(high), 1e-12))
    places = np.linspace(0, 1, KNOTS)
    own, onto = (_knots(np.quantile(values, places, axis=0).T) for values in (second, first))
    return Tone(inside.mean(axis=0).astype(np.float32), scale.astype(np.float32), own, onto)


def _knots(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Increasing, and one more at each end as far away as the range, for what is outside the sample."""
    wide = np.maximum(np.ptp(values, axis=1, keepdims=True), 1e-9)
    values = np.concatenate([values[:, :1] - wide, values, values[:, -1:] + wide], axis=1)
    return values + wide * 1e-9 * np.arange(values.shape[1])


@dataclass(frozen=True, eq=False)
class Parts:
    """before, after: the backbone's stages. plain: (feature, y, x) by cells of ``CELL``."""

    before: list[F32]
    after: list[F32]
    plain: F32


@dataclass(frozen=True, eq=False)
class View:
    """How one pair is looked at. free: the model without learning, fitted to the pair."""

    bands: Bands
    tone: Tone
    free: Model

    @property
    def free_at(self) -> int:
        """Place of the free logit among the plain features."""
        return 3 * len(self.bands.names)

    @property
    def reach(self) -> int:
        """Pixels around one that its features depend on."""
        return max(reach(STAGES), self.free.halo)

    def parts(self, before: F32, after: F32, clear: Mask) -> Parts:
        """Of a window that begins at a multiple of ``ALIGNED``; sides are multiples of it in the answer."""
        free = self._free(before, after, clear)
        over = [(0, -n % ALIGNED) for n in clear.shape]
        clear = np.pad(clear, over)
        first, second, free = (np.pad(v, [(0, 0), *over]) for v in (before, after, free))
        first, second = self.tone.before(first, clear), self.tone.after(second, clear)
        order = picture_bands(self.bands)
        stages = [backbone()(v[order] * CONTRAST, STAGES) for v in (first, second)]
        plain = np.concatenate([first, second, second - first, free])
        return Parts(stages[0], stages[1], celled(plain))

    def _free(self, before: F32, after: F32, clear: Mask) -> F32:
        """(1 or 4, y, x): how far the free score is from its decision, and of fine images what it is made of."""
        score = np.clip(np.nan_to_num(self.free.score(before, after, clear), nan=0.0), 1e-4, 1 - 1e-4)
        maps = [np.log(score / (1 - score))]
        if isinstance(self.free, HighResModel):
            step = self.free.scales.step
            first, held = coarse(before, clear, step)
            found = self.free.rise(first, coarse(after, clear, step)[0], held)
            rows, columns = clear.shape
            maps += [np.clip(v, -9, 9).repeat(step, axis=0).repeat(step, axis=1)[:rows, :columns] for v in found]
        out = np.stack(maps).astype(np.float32)
        out[:, ~clear] = 0
        return out


def picture_bands(bands: Bands) -> list[int]:
    """Three of the compared bands as red, green, blue."""
    visible = list(roles(bands.names).visible)
    return (visible + [visible[-1]] * 2)[:3]


def celled(values: F32) -> F32:
    """(feature, y / CELL, x / CELL) means."""
    count, rows, columns = values.shape
    return values.reshape(count, rows // CELL, CELL, columns // CELL, CELL).mean(axis=(2, 4))


def onto_cells(values: F32, stage: int) -> F32:
    """(feature, y, x) of a stage's cells → of ours, by linear interpolation (or the mean)."""
    stride = STRIDES[stage]
    rows, columns = (n * stride // CELL for n in values.shape[1:])
    way = cv2.INTER_AREA if stride < CELL else cv2.INTER_LINEAR
    return np.stack([cv2.resize(band, (columns, rows), interpolation=way) for band in values])


def view(before: Pixels, after: Pixels, bands: Bands, free: Model) -> View:
    return View(bands, tone(*sampled_pixels(before, after, bands)), free)


def raw(stages: list[F32]) -> F32:
    """(channel, y, x) of one date: all stages' channels by cells."""
    return np.concatenate([onto_cells(values, stage) for stage, values in enumerate(stages)])
