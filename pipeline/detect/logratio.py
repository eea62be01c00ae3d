"""Log-ratio of local means, for one or two bands (radar, panchromatic).

Speckle multiplies, so dates are compared by the logarithm of their ratio; local means at three
scales quieten it without losing small patches. A common gain is taken off (median). Values with
negatives are logarithms already (decibels), and are subtracted.

The threshold is Kapur's (maximum entropy of the histogram, 1985), raised until at most half of
what exceeds it is what the quiet pixels' own spread explains; so noise alone gives no change.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import special

from geodata.scene import Pixels
from pipeline import quality
from pipeline.detect.joint import sample, size, stride
from pipeline.detect.protocol import Bands, Blank, Progress

VERSION = "2"
SCALES = (3, 5, 9)
"""Sides of the square means, in pixels."""
LEAST = float(np.log(1.1))
"""A change of less than a tenth is none, however quiet the scene."""
EXPLAINED = 0.5
"""Of what exceeds the threshold, at most so much may be what the quiet pixels' own spread explains: change is then
the likelier cause."""
NOISE_FLOOR = 0.1
"""Of the median, added before the logarithm: land lies some ten decibels above a radar's own noise, and the ratio of
two such noises over water or tarmac says nothing."""
BINS = 256
FEWEST = 100

F32 = NDArray[np.float32]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Ratio:
    """decibels: values are logarithms already. floor, floor_after: (band,) added to each date before the logarithm."""

    decibels: bool
    floor: tuple[float, ...]
    floor_after: tuple[float, ...]

    def __call__(self, before: F32, after: F32, clear: NDArray[np.bool_]) -> F32:
        """(band, y, x): mean over the scales of log(after / before); means of clear pixels only."""
        weight = clear.astype(np.float32)
        out = np.zeros(before.shape, np.float32)
        for side in SCALES:
            held = np.maximum(_sum(weight, side), np.float32(1e-3))
            for band, (floor, floor_after) in enumerate(zip(self.floor, self.floor_after, strict=True)):
                first = _sum(np.where(clear, before[band], np.float32(0)), side) / held
                second = _sum(np.where(clear, after[band], np.float32(0)), side) / held
                if self.decibels:
                    out[band] += (second - first) * np.float32(np.log(10) / 20)
                else:
                    out[band] += np.log((second + np.float32(floor_after)) / (first + np.float32(floor)))
        return out / np.float32(len(SCALES))


def _sum(values: F32, side: int) -> F32:
    # In double, so that a pixel's sum does not depend on where the window begins.
    total = cv2.boxFilter(values.astype(np.float64), -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return total.astype(np.float32)


@dataclass(frozen=True, eq=False)
class LogRatioModel:
    bands: Bands
    ratio: Ratio
    centre: NDArray[np.float32]
    threshold: float
    gain: Array
    offset: Array
    report: dict[str, Any]
    method: str = "logratio"
    version: str = VERSION
    halo: int = max(SCALES) // 2

    def score(self, before: F32, after: F32, clear: NDArray[np.bool_]) -> F32:
        power = _strength(self.ratio(before, after, clear), self.centre)
        power /= np.float32(self.threshold)
        power *= power
        return power / (power + np.float32(1))


def _strength(ratios: F32, centre: NDArray[np.float32]) -> F32:
    """(y, x): root mean square over the bands."""
    apart = ratios - centre[:, None, None]
    return np.sqrt(np.mean(apart * apart, axis=0, dtype=np.float32))


@dataclass(frozen=True)
class LogRatio:
    name: str = "logratio"
    version: str = VERSION

    def fit(
        self, before: Pixels, after: Pixels, bands: Bands, progress: Progress | None = None
    ) -> LogRatioModel | Blank:
        ratio: Ratio | None = None
        ratios, step = [], stride(size(before))
        for joint in sample(before, after, bands, progress):
            clear = quality.clear(joint.quality)
            if not clear.any():
                continue
            ratio = ratio or _ratio(joint.before[:, clear], joint.after[:, clear])
            ratios.append(ratio(joint.before, joint.after, clear)[:, clear][:, ::step])
        count = sum(part.shape[1] for part in ratios)
        if ratio is None or count < FEWEST:
            return Blank(bands, "logratio", VERSION, {"state": "too_few_pixels", "sample": count})
        return _fitted(np.concatenate(ratios, axis=1), ratio, bands)


def _ratio(first: F32, second: F32) -> Ratio:
    """first, second: (band, pixel) clear pixels of the first tile that has any."""
    if min(float(first.min()), float(second.min())) < 0:
        return Ratio(True, (0.0,) * len(first), (0.0,) * len(first))
    floors = (
        tuple(max(NOISE_FLOOR * float(value), 1e-6) for value in np.median(date, axis=1)) for date in (first, second)
    )
    return Ratio(False, *floors)


def _fitted(ratios: F32, ratio: Ratio, bands: Bands) -> LogRatioModel:
    centre = np.median(ratios, axis=1).astype(np.float32)
    strength = _strength(ratios[:, None, :], centre)[0]
    limit, rule = threshold(strength, len(bands.names))
    gain, offset = np.ones(len(centre)), np.zeros(len(centre))
    if ratio.decibels:
        offset = -centre.astype(np.float64) * 20 / np.log(10)
    else:
        gain = np.exp(-centre.astype(np.float64))
    report = {
        "state": "fitted",
        "sample": len(strength),
        "iterations": 1,
        "threshold": round(limit, 6),
        "threshold_rule": rule,
        "decibels": ratio.decibels,
        "change_share_of_sample": round(float((strength > limit).mean()), 6),
    }
    return LogRatioModel(bands, ratio, centre, limit, gain, offset, report)


def threshold(strength: NDArray[np.floating], bands: int) -> tuple[float, str]:
    """The decision on a sample of strengths, and the rule that gave it."""
    most = float(strength.max())
    if most <= LEAST:
        return LEAST, "least change"
    kapur = _kapur(strength, most)
    spread = float(np.median(strength)) / math.sqrt(2 * special.gammaincinv(bands / 2, 0.5)) if most > 0 else 0.0
    levels = np.linspace(0, most, BINS + 1)[1:-1]
    beyond = 1 - np.searchsorted(np.sort(strength), levels, side="right") / len(strength)
    noise = special.gammaincc(bands / 2, (levels / max(spread, 1e-12)) ** 2 / 2)
    real = levels[(noise <= EXPLAINED * beyond) & (levels >= kapur) & (beyond > 0)]
    if len(real) == 0:
        quiet = max(most, spread * math.sqrt(2 * special.gammainccinv(bands / 2, 1e-6)))
        return max(LEAST, quiet * 1.01), "no change beyond noise"
    return max(LEAST, float(real[0])), "maximum entropy"


def _kapur(strength: NDArray[np.floating], most: float) -> float:
    counts, edges = np.histogram(strength, BINS, (0.0, most))
    share = counts / counts.sum()
    below = np.cumsum(share)
    terms = share * np.log(np.where(share > 0, share, 1.0))
    summed = np.cumsum(terms)
    valid = (below > 0) & (below < 1 - 1e-12)
    entropy = np.full(BINS, -np.inf)
    b, s = below[valid], summed[valid]
    entropy[valid] = np.log(b * (1 - b)) - s / b - (summed[-1] - s) / (1 - b)
    return float(edges[1 + int(np.argmax(entropy))]) if valid.any() else most
