"""What rose or sank between two surface models (one band, metres).

Surface models of drones lie metres too high or too low, and tilted, where no ground control holds them: a
plane is fitted to the difference by the least median of squares (Rousseeuw 1984), which up to half of the image
can change without bending, then by least squares to what lies near it, and taken off. Noise is that of the
difference where nothing was built: 1.4826 times the median absolute deviation of a block about its own median,
and of this the median over 5 × 5 blocks, so that a building's outline does not hide it. Change is at LEAST_M and at
SURE times the noise or more (level of detection of a difference of models: Brasington, Rumsby and McVey 2000;
Wheaton et al. 2010). Other bends than a plane (a domed model) are not taken off, and would be change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geodata.errors import InputError
from geodata.scene import Pixels
from pipeline import quality
from pipeline.detect.joint import sample, size, stride
from pipeline.detect.protocol import Bands, Blank, Progress

VERSION = "1"
LEAST_M = 0.5
"""Less is within reach of crops, tillage and the outlines of what stands."""
SURE = 4.0
"""Of 30,000 pixels with Gaussian noise two are beyond."""
BLOCK, AROUND = 16, 2
"""Side of a block in pixels, which divides every strip; blocks on each side that the noise is the median of."""
FEWEST, FEWEST_OF_BLOCK = 100, 32
TRIALS, SOME, LEAST_SPREAD = 200, 4000, 0.5
"""Planes that are tried, on so many pixels; three points in a line tell nothing of a plane (determinant of their
places, in deviations). Where four tenths changed, 40 of the planes lie on what did not."""
ROUNDS, NEAR = 5, 3.0
"""Fits after that to what lies within so many noises of the last."""
TO_SIGMA = 1.4826

F32 = NDArray[np.float32]
Mask = NDArray[np.bool_]
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HeightModel:
    """plane: (3,) metres by which AFTER lies above BEFORE at the first pixel, and more a column and a row further."""

    bands: Bands
    plane: Array
    noise_m: float
    report: dict[str, Any]
    gain: Array
    offset: Array
    method: str = "height"
    version: str = VERSION
    halo: int = AROUND * BLOCK - quality.GROWN_PX

    def rise(self, before: F32, after: F32, top: int, left: int = 0) -> F32:
        """(y, x) metres by which the surface rose. before, after: (1, y, x), their first pixel's place in the image."""
        rows, columns = before.shape[1:]
        lift = (
            self.plane[0]
            + self.plane[1] * (left + np.arange(columns))
            + self.plane[2] * (top + np.arange(rows))[:, None]
        )
        return (after[0].astype(np.float64) - before[0] - lift).astype(np.float32)

    def score_at(self, before: F32, after: F32, clear: Mask, top: int) -> F32:
        """As ``score``, of rows that begin at ``top``."""
        rise = self.rise(before, after, top)
        power = np.abs(rise)
        power /= limit(local_noise(rise, clear, self.noise_m))
        power *= power
        return np.divide(power, power + np.float32(1), out=power)

    def score(self, before: F32, after: F32, clear: Mask) -> F32:
        return self.score_at(before, after, clear, 0)


def limit(noise: F32) -> F32:
    """Metres from which on a rise is change."""
    return np.maximum(np.float32(LEAST_M), np.float32(SURE) * noise)


def local_noise(rise: F32, clear: Mask, otherwise: float) -> F32:
    """(y, x) standard deviation in metres around each pixel; ``otherwise`` where too little is clear."""
    rows, columns = rise.shape
    down, across = -(-rows // BLOCK), -(-columns // BLOCK)
    padded = np.full((down * BLOCK, across * BLOCK), np.nan, np.float32)
    padded[:rows, :columns] = np.where(clear, rise, np.float32(np.nan))
    blocks = padded.reshape(down, BLOCK, across, BLOCK).swapaxes(1, 2).reshape(down, across, BLOCK * BLOCK)
    spread = _median(np.abs(blocks - _median(blocks, FEWEST_OF_BLOCK)[..., None]), FEWEST_OF_BLOCK)
    around = np.lib.stride_tricks.sliding_window_view(
        np.pad(spread, AROUND, constant_values=np.nan), (2 * AROUND + 1, 2 * AROUND + 1)
    )
    noise = np.float32(TO_SIGMA) * _median(around.reshape(down, across, -1), 1)
    noise[np.isnan(noise)] = otherwise
    return noise.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)[:rows, :columns]


def _median(values: F32, fewest: int) -> F32:
    """The lower median of the last axis without NaN; NaN where fewer than ``fewest`` are left."""
    ordered = np.sort(values, axis=-1)  # NaN last
    count = np.count_nonzero(~np.isnan(ordered), axis=-1)
    found = np.take_along_axis(ordered, np.maximum(count - 1, 0)[..., None] // 2, axis=-1)[..., 0]
    return np.where(count >= fewest, found, np.float32(np.nan))


@dataclass(frozen=True)
class Height:
    name: str = "height"
    version: str = VERSION

    def fit(self, before: Pixels, after: Pixels, bands: Bands, progress: Progress | None = None) -> HeightModel | Blank:
        """Raises: InputError where there is more than one band."""
        if len(bands.names) != 1:
            raise InputError(
                "--method height: compares surface models of one band, in metres; these have {count} ({names}).",
                count=len(bands.names),
                names=", ".join(bands.names),
            )
        places, lifts = _sampled(before, after, bands, progress)
        if len(lifts) < FEWEST:
            return Blank(bands, "height", VERSION, {"state": "too_few_pixels", "sample": len(lifts)})
        plane = fitted_plane(places, lifts)
        left = lifts - _at(plane, places)
        noise = TO_SIGMA * float(np.median(np.abs(left[_near(left)])))
        shape = size(before)
        report = {
            "state": "fitted",
            "sample": len(lifts),
            "threshold": round(float(limit(np.array([noise], np.float32))[0]), 4),
            "threshold_rule": f"{LEAST_M:g} m and {SURE:g} times the noise",
            "offset_m": round(float(np.mean(_at(plane, places))), 4),
            "tilt_m": [round(float(plane[1] * shape[1]), 4), round(float(plane[2] * shape[0]), 4)],
            "noise_m": round(noise, 4),
        }
        lift = np.array([np.mean(_at(plane, places))])
        return HeightModel(bands, plane, noise, report, np.ones(1), -lift)


def _sampled(before: Pixels, after: Pixels, bands: Bands, progress: Progress | None) -> tuple[Array, Array]:
    """(column, row) of a systematic sample of the jointly clear pixels, and how much AFTER lies above BEFORE there."""
    step, places, lifts = stride(size(before)), [np.empty((0, 2))], [np.empty(0)]
    for joint in sample(before, after, bands, progress):
        rows, columns = (part[::step] for part in np.nonzero(quality.clear(joint.quality)))
        places.append(np.column_stack([columns + joint.roi[1].start, rows + joint.roi[0].start]))
        lifts.append(joint.after[0][rows, columns].astype(np.float64) - joint.before[0][rows, columns])
    return np.concatenate(places).astype(np.float64), np.concatenate(lifts)


def fitted_plane(places: Array, lifts: Array) -> Array:
    """(3,): value at (0, 0), and more a step along x and along y. places: (point, 2); lifts: (point,)."""
    centre, span = places.mean(axis=0), np.maximum(places.std(axis=0), 1.0)
    inputs = np.column_stack([np.ones(len(places)), (places - centre) / span])
    found = _least_median(inputs, lifts)
    for _ in range(ROUNDS):
        near = _near(lifts - inputs @ found)
        found = np.linalg.lstsq(inputs[near], lifts[near], rcond=None)[0]
    slope = found[1:] / span
    return np.array([found[0] - slope @ centre, *slope])


def _least_median(inputs: Array, lifts: Array) -> Array:
    """Of planes through three points each, the one with the least median deviation."""
    rng = np.random.default_rng(0)
    some = rng.permutation(len(lifts))[:SOME]
    best, least = np.array([np.median(lifts), 0.0, 0.0]), np.inf
    for three in rng.integers(0, len(some), (TRIALS, 3)):
        place = inputs[some[three]]
        if abs(np.linalg.det(place)) < LEAST_SPREAD:
            continue
        plane = np.linalg.solve(place, lifts[some[three]])
        median = float(np.median(np.abs(lifts[some] - inputs[some] @ plane)))
        if median < least:
            best, least = plane, median
    return best


def _near(apart: Array) -> NDArray[np.bool_]:
    return np.abs(apart) <= NEAR * TO_SIGMA * max(float(np.median(np.abs(apart))), 1e-6)


def _at(plane: Array, places: Array) -> Array:
    return plane[0] + places @ plane[1:]
