"""Several bands: IR-MAD joined with slow features, and a floor of what a change must amount to.

Both distances are taken as roots of their χ², divided by their median and added, and smoothed lightly; they
err differently, so the sum is surer than either. The decision is the corner of their histogram
(``thresholds.triangle``): no share of change and no level is assumed.

A corner is found in any histogram, also where nothing happened but a shift of half a pixel, another
gain, noise or haze. So a change must also be one to the eye: AFTER is predicted from BEFORE by a
regression over the pixels without change, and a pixel whose values lie within what its neighbours one
pixel around have, or not farther from it than ``FLOOR`` band deviations, has not changed. It is searched both
ways, AFTER in the surroundings predicted from BEFORE and the prediction in the surroundings AFTER; the larger
distance counts, so that a narrow new thing is not lost beside what was there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from geodata.scene import Pixels
from pipeline.detect import irmad
from pipeline.detect.forms import Forms, Held, Work, by_chunks, combined, forms, in_threads
from pipeline.detect.isfa import slow_features
from pipeline.detect.joint import Block, sampled
from pipeline.detect.protocol import Bands, Blank, Progress
from pipeline.detect.thresholds import triangle

VERSION = "1"
FLOOR = 0.7
"""Band deviations below which a change is none; one band that exceeds them is enough."""
SIGMA_PX, REACH_PX = 1.0, 3
"""Smoothing of the joined distance, and its reach: three sigma."""
DEVIATION = (5, 95)
"""Percentiles that a band's deviation is taken from, as of a normal distribution: clouds that no mask knows
would widen the plain one."""
NORMAL = 3.2897
"""Deviations between these percentiles."""
LEAST = 1e-6
BELOW = np.float32(0.999)
"""Of the decision: what the floor holds down may come so near."""
BLOCK = (256, 1024)
"""Rows and columns for which the floor is asked at once."""
FEW = 0.06
"""Share of a block's pixels in question up to which they are looked at one by one."""
_AROUND = np.ones((3, 3), np.uint8)

F32 = NDArray[np.float32]
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Floor:
    """weights: (band, band of BEFORE) and constant: (band,): AFTER as predicted from BEFORE, in band deviations.
    unit: (band,), by which AFTER's values are multiplied to be in them; 0 for a band that does not vary."""

    weights: F32
    constant: F32
    unit: F32


@dataclass(frozen=True, eq=False)
class MultispectralModel:
    """mad, slow: the two distances' forms; share: what each root is multiplied by before they are added, so that the
    decision is made at 1."""

    bands: Bands
    mad: Forms
    slow: Forms
    share: tuple[np.float32, np.float32]
    usual: np.float32
    floor: Floor
    gain: Array
    offset: Array
    report: dict[str, Any]
    method: str = "multispectral"
    version: str = VERSION
    halo: int = REACH_PX

    def score(self, before: F32, after: F32, clear: NDArray[np.bool_]) -> F32:
        out = smoothed(roots(before, after, self.mad, self.slow, self.share), clear, self.usual)
        held_down(out, before, after, self.floor)
        np.multiply(out, out, out=out)
        np.divide(out, out + np.float32(1), out=out)
        return out


def roots(before: F32, after: F32, mad: Forms, slow: Forms, share: tuple[np.float32, np.float32]) -> F32:
    """(y, x): the sum of both distances, each multiplied by its share."""
    out = np.empty(before.shape[1:], np.float32)

    def worker() -> Work:
        held = Held()

        def part(first: Sequence[F32], second: Sequence[F32], into: F32) -> None:
            power = mad.power(first, second, held)
            np.sqrt(power, out=into)
            np.multiply(into, share[0], out=into)
            power = slow.power(first, second, held)
            np.sqrt(power, out=power)
            np.multiply(power, share[1], out=power)
            into += power

        return part

    by_chunks(before, after, out, worker)
    return out


def smoothed(distance: F32, clear: NDArray[np.bool_], usual: np.float32) -> F32:
    """Where not clear, ``usual`` stands in for what is not known: a cloud's rim is drawn towards no change."""
    if not clear.all():
        distance[~clear] = usual
    side = 2 * REACH_PX + 1
    return np.asarray(cv2.GaussianBlur(distance, (side, side), SIGMA_PX, borderType=cv2.BORDER_REFLECT), np.float32)


def held_down(distance: F32, before: F32, after: F32, floor: Floor) -> None:
    """Lowers ``distance`` (1 = the decision), (y, x), where it says change but the values do not."""
    rows, columns = distance.shape
    blocks = [(top, left) for top in range(0, rows, BLOCK[0]) for left in range(0, columns, BLOCK[1])]

    def some(share: range) -> None:
        for n in share:
            _hold_block(distance, before, after, floor, *blocks[n])

    in_threads(some, range(len(blocks)))


def _hold_block(distance: F32, before: F32, after: F32, floor: Floor, top: int, left: int) -> None:
    part = distance[top : top + BLOCK[0], left : left + BLOCK[1]]
    asked = np.nonzero(part >= 1)
    if len(asked[0]) == 0:
        return
    if len(asked[0]) < FEW * part.size:
        moved = apart_at(before, after, asked[0] + top, asked[1] + left, floor)
    else:
        y, x = max(0, top - 1), max(0, left - 1)
        window = (slice(y, top + BLOCK[0] + 1), slice(x, left + BLOCK[1] + 1))
        moved = apart(before[:, *window], after[:, *window], floor)[asked[0] + top - y, asked[1] + left - x]
    held = np.minimum(part[asked] * np.sqrt(moved), BELOW)
    part[asked] = np.where(moved < 1, held, part[asked])


def apart(before: F32, after: F32, floor: Floor) -> F32:
    """(y, x): how far the change goes beyond the surroundings, in units of ``FLOOR``."""
    shape = before.shape[1:]
    ways = np.zeros((2, *shape), np.float32)
    told, term = np.empty(shape, np.float32), np.empty(shape, np.float32)
    first = list(before)
    for weights, constant, unit, values in zip(floor.weights, floor.constant, floor.unit, after, strict=True):
        if unit == 0:
            continue
        combined(first, weights, constant, told, term)
        seen = values * unit
        for way, here, there in ((ways[0], seen, told), (ways[1], told, seen)):
            np.subtract(here, cv2.dilate(there, _AROUND), out=term)
            beyond = np.maximum(term, cv2.erode(there, _AROUND) - here)
            np.maximum(way, beyond, out=way)
    return ways.max(axis=0) / np.float32(FLOOR)


def apart_at(before: F32, after: F32, y: NDArray[np.intp], x: NDArray[np.intp], floor: Floor) -> F32:
    """``apart`` at single places: the same to the bit, and less work where they are few."""
    rows, columns = before.shape[1:]
    ys = np.clip(y + np.array([[-1], [0], [1]]), 0, rows - 1)
    xs = np.clip(x + np.array([[-1], [0], [1]]), 0, columns - 1)
    around = (ys[:, None] * columns + xs[None, :]).reshape(9, -1)
    first = [band.reshape(-1)[around] for band in before]
    ways = np.zeros((2, len(y)), np.float32)
    told, term = np.empty(around.shape, np.float32), np.empty(around.shape, np.float32)
    for weights, constant, unit, values in zip(floor.weights, floor.constant, floor.unit, after, strict=True):
        if unit == 0:
            continue
        combined(first, weights, constant, told, term)
        seen = values.reshape(-1)[around] * unit
        for way, here, there in ((ways[0], seen[4], told), (ways[1], told[4], seen)):
            beyond = np.maximum(here - there.max(axis=0), there.min(axis=0) - here)
            np.maximum(way, beyond, out=way)
    return ways.max(axis=0) / np.float32(FLOOR)


@dataclass(frozen=True)
class Multispectral:
    name: str = "multispectral"
    version: str = VERSION

    def fit(
        self, before: Pixels, after: Pixels, bands: Bands, progress: Progress | None = None
    ) -> MultispectralModel | Blank:
        found = sampled(before, after, bands, progress)
        if len(found.first) < irmad.FEWEST:
            return Blank(bands, "multispectral", VERSION, {"state": "too_few_pixels", "sample": len(found.first)})
        return fitted(found.first, found.second, found.blocks, bands)


def fitted(first: Array, second: Array, blocks: Sequence[Block], bands: Bands) -> MultispectralModel | Blank:
    """The model of a sample: (pixel, band) of both dates, and whole pieces of the images."""
    mad, slow = irmad.variates(first, second), slow_features(first, second)
    if mad is None or slow is None:
        return _without_variation(first, second, bands)
    forms_of = forms(mad.weights, mad.shift), forms(slow.weights, slow.shift, slow.ratio)
    each = [_distances(blocks, of) for of in forms_of]
    usual = [max(float(np.median(distance)), LEAST) for distance in each]
    joint = each[0] / usual[0] + each[1] / usual[1]
    threshold = triangle(np.maximum(joint, LEAST))
    floor = _floor(first, second, mad.weight)
    gain, offset = irmad.harmonised(first, second, mad.weight)
    report = {
        "state": "fitted",
        "sample": len(first),
        "iterations": mad.rounds,
        "converged": mad.rounds < irmad.MOST_ROUNDS,
        "iterations_isfa": slow.rounds,
        "threshold": round(threshold, 6),
        "threshold_rule": f"triangle of the logarithms; floor {FLOOR:g} band deviations within 1 pixel",
        "correlations": [round(float(r), 6) for r in mad.rho],
        "change_share_of_sample": round(float((joint > threshold).mean()), 6),
    }
    share = np.float32(1 / (usual[0] * threshold)), np.float32(1 / (usual[1] * threshold))
    return MultispectralModel(bands, *forms_of, share, np.float32(2 / threshold), floor, gain, offset, report)


def _distances(blocks: Sequence[Block], of: Forms) -> F32:
    """The roots of one distance, smoothed, at the clear pixels of all pieces."""
    before, after = (
        np.concatenate([date.reshape(len(date), -1) for date in dates], axis=1)[:, None]
        for dates in zip(*((block.before, block.after) for block in blocks), strict=True)
    )
    root = np.empty(before.shape[1:], np.float32)

    def worker() -> Work:
        held = Held()

        def part(first: Sequence[F32], second: Sequence[F32], into: F32) -> None:
            np.sqrt(of.power(first, second, held), out=into)

        return part

    by_chunks(before, after, root, worker)
    ends = np.cumsum([block.clear.size for block in blocks])[:-1]
    found = []
    for block, flat in zip(blocks, np.split(root[0], ends), strict=True):
        distance = flat.reshape(block.clear.shape)
        usual = np.float32(np.median(distance[block.clear]))
        found.append(smoothed(distance, block.clear, usual)[block.clear])
    return np.concatenate(found)


def _floor(first: Array, second: Array, weight: Array) -> Floor:
    """Regression of AFTER on BEFORE, weighted; a ridge of 10⁻⁶ of each band's own sum keeps copies apart."""
    centre = first.mean(0)
    inputs = np.column_stack([first - centre, np.ones(len(first))])
    moments = (inputs.T * weight) @ inputs
    own = np.arange(len(centre))
    moments[own, own] += 1e-6 * np.maximum(moments[own, own], moments[own, own].max() * 1e-6) + 1e-12
    answer = np.linalg.solve(moments, (inputs.T * weight) @ second)
    low, high = np.percentile(second, DEVIATION, axis=0)
    deviation = (high - low) / NORMAL
    narrow = deviation <= 1e-3 * second.std(0)  # most of the band is one value
    deviation[narrow] = second.std(0)[narrow]
    unit = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 1e-9 * np.abs(second).max(0))
    weights, constant = answer[:-1].T, answer[-1] - centre @ answer[:-1]
    return Floor(
        (weights * unit[:, None]).astype(np.float32), (constant * unit).astype(np.float32), unit.astype(np.float32)
    )


def _without_variation(first: Array, second: Array, bands: Bands) -> MultispectralModel | Blank:
    """Two even images are alike whatever their level; an even one beside a picture tells nothing."""
    if irmad.varies(first) or irmad.varies(second):
        return Blank(bands, "multispectral", VERSION, {"state": "no_variation", "sample": len(first)})
    count = len(bands.names)
    none = Forms(np.zeros((0, 2 * count), np.float32), np.zeros(0, np.float32))
    flat = Floor(np.zeros((count, count), np.float32), np.zeros(count, np.float32), np.zeros(count, np.float32))
    report = {"state": "even", "sample": len(first), "iterations": 0, "threshold": 0.0}
    zero = np.float32(0)
    return MultispectralModel(bands, none, none, (zero, zero), zero, flat, np.ones(count), np.zeros(count), report)
