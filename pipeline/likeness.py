"""Is a piece of ground one of these fields: ranks among the fields themselves, in place of thresholds.

The strangeness of a piece is its distance from the three fields most like it, in units of the fields' own scatter. The
share of the fields that are as strange to the others is the p-value of the piece (conformal prediction, Vovk et
al. 2005): whatever the sensor, the season and the crops, one field in ten lies below 0.1. Blocks of
one parcel say nothing about each other: they are left out where one of them is asked about.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEAREST = 3
CLOUD = 1_500
"""Pixels of fields that single pixels are compared with."""
SHRUNK = 0.1
"""Share of the covariance that is taken as if the bands were independent."""
WORST = 90
"""Percentile of the pixels' strangeness that stands for the worst of the ground."""
STRANGEST = 99
"""Percentile of the strangeness of fields' pixels beyond which a pixel is none."""
FEWEST_INERT = 60
"""Pixels of ground that is no field needed to bring one scene onto the light of another."""

Array = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Fields:
    """What fields look like on one date, or how they changed between two: (m, d) means of blocks, whose parcel each
    is (m,), and what the values are multiplied by to be in units of their scatter (d, d)."""

    blocks: NDArray[np.float64]
    parcel: NDArray[np.intp]
    units: NDArray[np.float64]

    def strangeness(self, of: Array) -> NDArray[np.float64]:
        """(n,) for (n, d) pieces of ground that belong to no parcel here."""
        return _strangeness(of @ self.units, self.blocks @ self.units, self.parcel, None)

    def own(self) -> NDArray[np.float64]:
        """(m,) of the blocks themselves, each among the other parcels."""
        white = self.blocks @ self.units
        return _strangeness(white, white, self.parcel, self.parcel)

    def p(self, of: Array) -> float:
        """Share of blocks at least as strange as this piece (d,), the piece itself counted in."""
        return rank(float(self.strangeness(of[None])[0]), self.own())


def rank(value: float, others: NDArray[np.floating]) -> float:
    return (1 + int((others >= value).sum())) / (1 + len(others))


def fields(blocks: Array, parcel: NDArray[np.intp]) -> Fields:
    """blocks: (m, d), without NaN."""
    values = np.asarray(blocks, np.float64)
    return Fields(values, parcel, units_of(values))


def units_of(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(d, d): values @ it have unit covariance; outliers are pulled in first."""
    middle = np.median(values, axis=0)
    spread = 1.4826 * np.median(np.abs(values - middle), axis=0)
    spread = np.maximum(spread, 0.02 * values.std(axis=0))
    spread = np.maximum(spread, 1e-4 * np.maximum(np.abs(middle), 1e-6))
    scaled = np.clip((values - middle) / spread, -4, 4)
    covariance = scaled.T @ scaled / len(values)
    covariance = (1 - SHRUNK) * covariance + SHRUNK * np.diag(np.diag(covariance) + 1e-6)
    strength, axes = np.linalg.eigh(covariance)
    strength = np.maximum(strength, 1e-3 * strength.max())
    return np.diag(1 / spread) @ axes @ np.diag(strength**-0.5) @ axes.T


def _strangeness(
    of: NDArray[np.float64],
    among: NDArray[np.float64],
    parcel: NDArray[np.intp],
    own: NDArray[np.intp] | None,
) -> NDArray[np.float64]:
    """Mean distance to the nearest block of each of the ``NEAREST`` nearest parcels but one's own."""
    order = np.argsort(parcel, kind="stable")
    owners, starts = np.unique(parcel[order], return_index=True)
    far = (of**2).sum(axis=1)[:, None] - 2 * of @ among[order].T + (among[order] ** 2).sum(axis=1)
    nearest = np.minimum.reduceat(np.sqrt(np.maximum(far, 0)), starts, axis=1)
    if own is not None:
        nearest[own[:, None] == owners] = np.inf
    count = min(NEAREST, len(owners) - (own is not None))
    if count < 1:
        return np.full(len(of), np.inf)
    return np.partition(nearest, count - 1, axis=1)[:, :count].mean(axis=1)


def pixelwise(
    part: Array, blocks: Array, parcel: NDArray[np.intp], occupied: Array | None
) -> tuple[float, NDArray[np.bool_]]:
    """(p, left). p: of the strangest tenth of a part's pixels (n, d) among that of the blocks (m, b, d), without NaN:
    ground of which a corner is no field is told though its mean is one. left: (n,) pixels that hardly any pixel
    of a field is as strange as, and that are nearer to the ``occupied`` state (d,) than to the fields."""
    count, side, bands = blocks.shape
    pixels, owner = blocks.reshape(-1, bands).astype(np.float64), np.repeat(parcel, side)
    step = max(1, len(pixels) // CLOUD)
    cloud = fields(pixels[::step], owner[::step])
    white, of = cloud.blocks @ cloud.units, part.astype(np.float64) @ cloud.units
    of_part = _strangeness(of, white, cloud.parcel, None)
    of_blocks = _strangeness(pixels @ cloud.units, white, cloud.parcel, owner)
    left = np.zeros(len(part), bool)
    if occupied is not None:
        away = np.linalg.norm(of - occupied @ cloud.units, axis=1)
        left = (of_part > np.percentile(of_blocks, STRANGEST)) & (away < of_part)
    each = np.percentile(of_blocks.reshape(count, side), WORST, axis=1)
    return rank(float(np.percentile(of_part, WORST)), each), left


@dataclass(frozen=True, eq=False)
class Light:
    """gain, offset (d,): what the values of one scene are multiplied by and increased by to lie on another's.
    left: (k, d) what ground that is no field differs by all the same. known: False where there was too little of it."""

    gain: NDArray[np.float64]
    offset: NDArray[np.float64]
    left: NDArray[np.float64]
    known: bool

    def apply(self, values: Array) -> NDArray[np.float64]:
        return values * self.gain + self.offset


def light(one: Array, other: Array) -> Light:
    """one, other: (k, d) the same ground that is no field in two scenes, NaN where not clear. A straight line a band,
    far pixels weighted down (Tukey's biweight)."""
    seen = np.isfinite(one).all(axis=1) & np.isfinite(other).all(axis=1)
    x, y = np.asarray(one[seen], np.float64), np.asarray(other[seen], np.float64)
    bands = one.shape[1]
    if len(x) < FEWEST_INERT:
        return Light(np.ones(bands), np.zeros(bands), y - x, False)
    lines = [_line(x[:, n], y[:, n]) for n in range(bands)]
    gain, offset = (np.array(v) for v in zip(*lines, strict=True))
    return Light(gain, offset, y - (x * gain + offset), True)


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    gain, offset = 1.0, float(np.median(y) - np.median(x))
    weight = np.ones(len(x))
    for _ in range(12):
        left = y - gain * x - offset
        spread = max(1.4826 * float(np.median(np.abs(left))), 1e-9)
        weight = np.square(np.maximum(0.0, 1 - np.square(left / (4.685 * spread))))
        total = weight.sum()
        mean_x, mean_y = float((weight * x).sum() / total), float((weight * y).sum() / total)
        variance = float((weight * (x - mean_x) ** 2).sum())
        if variance <= 0:
            break
        gain = float((weight * (x - mean_x) * (y - mean_y)).sum()) / variance
        gain = min(3.0, max(1 / 3, gain))
        offset = mean_y - gain * mean_x
    return gain, offset
