"""Iterated slow feature analysis (ISFA), for two bands and more.

Both dates are standardised band by band; the same linear combination is taken of both, and the ones
that change least from date to date come first (Wu, Du and Zhang 2014, IEEE TGRS 52(5)). The differences of
these slow features, in units of their spread, are χ² where nothing changed; pixels without change weigh
more in the next round. What IR-MAD loses by choosing two combinations freely, this keeps by holding
both to one: the two err differently.

The weights are measured on the scene's own quiet pixels, as in ``irmad``, and for the same reason.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from pipeline.detect.irmad import LEAST_VARIANCE, MOST_ROUNDS, RIDGE, TOLERANCE, quiet_scale, tail_of

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Slow:
    """weights: (feature, band) of before − ratio · after, and shift: (feature,): differences of slow features with
    variance 1 where nothing changed. ratio: (band,). weight: (pixel,) of the sample, how surely it did not
    change."""

    weights: Array
    shift: Array
    ratio: Array
    weight: Array
    rounds: int


def slow_features(first: Array, second: Array) -> Slow | None:
    """Of a sample, (pixel, band) of both dates; None where no band varies on both.

    A band that does not vary on both dates is left out (weight 0).
    """
    varies = np.minimum(first.std(0), second.std(0)) > 1e-6 * np.maximum(np.abs(first).max(0), np.abs(second).max(0))
    if not varies.any():
        return None
    x, y = first[:, varies], second[:, varies]
    centre = x.mean(0), y.mean(0)
    x, y = x - centre[0], y - centre[1]
    freedom = x.shape[1]
    tail = tail_of(freedom)
    weight, previous = np.ones(len(x)), np.zeros(freedom)
    for rounds in range(1, MOST_ROUNDS + 1):  # noqa: B007 (told in the report)
        total = weight.sum()
        mean_x, mean_y = weight @ x / total, weight @ y / total
        cov_x = (x.T * weight) @ x / total - np.outer(mean_x, mean_x)
        cov_y = (y.T * weight) @ y / total - np.outer(mean_y, mean_y)
        cross = (x.T * weight) @ y / total - np.outer(mean_x, mean_y)
        spread_x, spread_y = (np.sqrt(np.maximum(np.diag(c), RIDGE * np.diag(c).max())) for c in (cov_x, cov_y))
        within_x, within_y = cov_x / np.outer(spread_x, spread_x), cov_y / np.outer(spread_y, spread_y)
        between = cross / np.outer(spread_x, spread_y)
        moved = within_x + within_y - between - between.T
        slowness, directions = linalg.eigh(moved, (within_x + within_y) / 2 + RIDGE * np.eye(freedom))
        slowness = np.maximum(slowness, LEAST_VARIANCE)
        unit = (directions / np.sqrt(slowness)).T
        weights, ratio = unit / spread_x, spread_x / spread_y
        shift = weights @ (mean_x - ratio * mean_y)
        chi2 = (((x - ratio * y) @ weights.T - shift) ** 2).sum(axis=1)
        weight = tail(chi2 / quiet_scale(chi2, freedom))
        if np.abs(slowness - previous).max() < TOLERANCE:
            break
        previous = slowness
    whole, whole_ratio = np.zeros((freedom, len(varies))), np.ones(len(varies))
    whole[:, varies], whole_ratio[varies] = weights, ratio
    return Slow(whole, shift + weights @ (centre[0] - ratio * centre[1]), whole_ratio, weight, rounds)
