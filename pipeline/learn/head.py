"""The learned head: the backbone's features brought down to a few axes, then a small network; a score of each cell."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.learn.backbone import CHANNELS
from pipeline.learn.features import CELL, F32, STAGES, Parts, onto_cells
from pipeline.learn.mlp import Net

AXES = 48
SMOOTHED_PX = 2.0
"""Sigma by which the logits are smoothed at the end."""
FREE_SHARE = np.float32(0.25)
"""Of the logit: what the way without learning says itself; the two err differently."""


@dataclass(frozen=True, eq=False)
class Axes:
    """mean: (channel,); axes: (channel, axis), principal axes of the channels in units of their deviations."""

    mean: F32
    axes: F32

    def __call__(self, stages: list[F32]) -> F32:
        """(axis, y, x) by cells: each stage brought down first, then to the cells; the sum is the same."""
        total: F32 | None = None
        first = 0
        for stage, (values, count) in enumerate(zip(stages, CHANNELS[:STAGES], strict=True)):
            part = slice(first, first + count)
            flat = values.reshape(count, -1) - self.mean[part, None]
            low = (self.axes[part].T @ flat).reshape(-1, *values.shape[1:])
            found = onto_cells(low, stage)
            total = found if total is None else total + found
            first += count
        assert total is not None
        return total

    def flat(self, samples: NDArray[np.float16]) -> F32:
        """(axis, sample) of (sample, channel)."""
        return np.asarray(((samples.astype(np.float32) - self.mean) @ self.axes).T, np.float32)


def principal(samples: F32, count: int = AXES) -> Axes:
    """Of (sample, channel)."""
    mean = samples.mean(axis=0)
    spread = samples.std(axis=0)
    unit = np.divide(1, spread, out=np.zeros_like(spread), where=spread > 1e-6)
    standard = ((samples - mean) * unit).astype(np.float64)
    values, vectors = np.linalg.eigh(standard.T @ standard / len(standard))
    kept = vectors[:, ::-1][:, :count]
    size = np.sqrt(np.maximum(values[::-1][:count], 1e-12))
    return Axes(mean.astype(np.float32), (unit[:, None] * kept / size).astype(np.float32))


@dataclass(frozen=True, eq=False)
class Head:
    """threshold: the logit at which the decision is made."""

    axes: Axes
    net: Net
    threshold: float = 0.0

    def features(self, parts: Parts) -> F32:
        """(feature, y, x) by cells."""
        return joined(self.axes(parts.before), self.axes(parts.after), parts.plain)

    def logits(self, parts: Parts, free: int) -> F32:
        """(y, x) by pixels, before the threshold. free: place of the free logit among the plain features."""
        found = self.features(parts)
        flat = self.net(np.ascontiguousarray(found.reshape(len(found), -1).T)).reshape(found.shape[1:])
        flat = (1 - FREE_SHARE) * flat + FREE_SHARE * parts.plain[free]
        rows, columns = flat.shape
        return smoothed(cv2.resize(flat, (columns * CELL, rows * CELL), interpolation=cv2.INTER_LINEAR))

    def decided_at(self, threshold: float) -> Head:
        return replace(self, threshold=threshold)


def joined(before: F32, after: F32, plain: F32) -> F32:
    return np.concatenate([before, after, np.abs(before - after), plain])


def smoothed(values: F32) -> F32:
    side = 2 * smoothing_reach() + 1
    return np.asarray(cv2.GaussianBlur(values, (side, side), SMOOTHED_PX), np.float32)


def smoothing_reach() -> int:
    return int(np.ceil(3 * SMOOTHED_PX))
