"""What was built between two dates of fine images (metres and less), from three or four bands.

In fine images nearly everything differs between dates; what helps is the direction of a difference:
built ground is brighter, bluer and more structured than what it replaced. Of each date the index
of ``builtup`` is taken, smoothed widely, in units of its own spread over the scene (both dates
together). Change is where it rises by one such deviation and is not low afterwards, near a place where
it rises by one and a half (two thresholds, as Canny 1986 joins edges). Smoothed less it has to rise by as
much, or a change would reach as far beyond its own outline as the smoothing does. Nothing is divided
by the spread of the differences: a pair in which little happened has little change. Where there is an
infrared band, ground that is green afterwards was not built on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from geodata.scene import Pixels
from geodata.words import both
from pipeline import quality
from pipeline.detect.builtup import (
    F32,
    Index,
    Mask,
    Roles,
    Scales,
    assumed,
    blurred,
    coarse,
    cue_weights,
    roles,
    scales,
)
from pipeline.detect.irmad import harmonised
from pipeline.detect.joint import TILE, Joint, sample
from pipeline.detect.protocol import Bands, Blank, Progress

VERSION = "1"
RISE, SURE_RISE, LEVEL = 1.0, 1.5, -0.5
"""Change: the index rises by RISE to above LEVEL, with a rise of SURE_RISE within reach; in scene deviations about
the scene's mean. Plain numbers that stand for "clearly more than the scene varies", fitted to nothing."""
BARE_NDVI, NDVI_STEP = 0.2, 0.1
"""What is greener than the first (Sobrino, Jiménez-Muñoz and Paolini 2004) was not built on; the score falls by
one threshold in the second."""
CLOSED_PX = 5
"""Side of the squares that close gaps in the rise smoothed less."""
FLAT = 0.25
"""A cue's spread after smoothing is taken for at least so much of that before: what is mostly noise has little say."""
NOISE = 0.7
"""The index's own spread is taken for at least so much of the noise of single pixels. White noise smoothed by the
least kernel, two dates' difference, then has a deviation of 0.28: RISE is 3.5 of them."""
ROUNDS = 2
"""Fitted to all, then to what did not change by the first."""
HELD_TILES, HELD_SIDE = 10, 256
"""Of more tiles than the first, the middle of the second's side each is held for the fit: 85 MB at most."""
LEAST_SIDE = 128
"""Squares that a tile of the fit is wide at least."""
CLIPPED = 0.005
"""Share of a band's pixels at either end that mean and deviation take as no more extreme than the rest."""
SAMPLE_PIXELS = 200_000
"""Of these, that means and spreads are taken from."""
COLUMNS = 2048
"""Worked on together, so that what is needed meanwhile stays small."""
FEWEST = 100
STEEPNESS = math.log(4)
"""Score by distance from the decision: 0.8 where the rise is twice the threshold."""

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HighResModel:
    bands: Bands
    indices: tuple[Index, Index]
    scales: Scales
    roles: Roles
    gain: Array
    offset: Array
    report: dict[str, Any]
    method: str = "highres"
    version: str = VERSION

    @property
    def halo(self) -> int:
        """So that a strip with its surroundings begins where a square of ``scales.step`` does."""
        step = self.scales.step
        return -(-(self.scales.halo + quality.GROWN_PX) // step) * step - quality.GROWN_PX

    def score(self, before: F32, after: F32, clear: Mask) -> F32:
        step = self.scales.step
        if step == 1:
            return self._score(before, after, clear)
        first, held = coarse(before, clear, step)
        found = self._score(first, coarse(after, clear, step)[0], held)
        return found.repeat(step, axis=0).repeat(step, axis=1)[: clear.shape[0], : clear.shape[1]]

    def _score(self, before: F32, after: F32, clear: Mask) -> F32:
        out = np.empty(clear.shape, np.float32)
        halo = self.scales.halo // self.scales.step
        for start in range(0, clear.shape[1], COLUMNS):
            stop = min(start + COLUMNS, clear.shape[1])
            left = min(start, halo)
            part = slice(start - left, stop + halo)
            found = self._strength(before[:, :, part], after[:, :, part], np.ascontiguousarray(clear[:, part]))
            out[:, start:stop] = found[:, left : left + stop - start]
        out -= 1
        out *= np.float32(-STEEPNESS)
        np.exp(out, out=out)
        out += 1
        return np.divide(np.float32(1), out, out=out)

    def rise(self, before: F32, after: F32, clear: Mask) -> tuple[F32, F32, F32]:
        """(rise of the index, AFTER's index, rise of the index smoothed less), all (y, x) in scene deviations."""
        level = self.indices[1](after, clear)
        rise = level - self.indices[0](before, clear)
        at = self.scales
        return blurred(rise, clear, at.blur), blurred(level, clear, at.blur), blurred(rise, clear, at.fine_blur)

    def _strength(self, before: F32, after: F32, clear: Mask) -> F32:
        """(y, x): 1 where the decision is made; NaN nowhere."""
        rise, level, fine = self.rise(before, after, clear)
        rise *= np.float32(1 / RISE)
        level += np.float32(1 - LEVEL)
        np.minimum(rise, level, out=rise)
        if self.roles.red is not None and self.roles.infrared is not None:
            np.minimum(rise, self._bareness(after, clear, self.roles.red, self.roles.infrared), out=rise)
        rise[~clear] = -9
        side = 2 * self.scales.reach + 1
        near = cv2.dilate(rise, np.ones((side, side), np.uint8))
        np.minimum(rise, near * np.float32(RISE / SURE_RISE), out=rise)
        # a roof's own lines are no edges of what was built
        closed = cv2.morphologyEx(fine, cv2.MORPH_CLOSE, np.ones((CLOSED_PX, CLOSED_PX), np.uint8))
        np.minimum(rise, closed * np.float32(1 / RISE), out=rise)
        return np.clip(rise, -9, 9, out=rise)

    def _bareness(self, after: F32, clear: Mask, red: int, infrared: int) -> F32:
        """1 at BARE_NDVI, more where there is less green."""
        total = np.maximum(after[infrared] + after[red], np.float32(1e-6))
        ndvi = np.where(clear, (after[infrared] - after[red]) / total, np.float32(0))
        out = blurred(ndvi, clear, self.scales.blur)
        out *= np.float32(-1 / NDVI_STEP)
        out += np.float32(1 + BARE_NDVI / NDVI_STEP)
        return out


@dataclass(frozen=True)
class HighRes:
    name: str = "highres"
    version: str = VERSION

    def fit(
        self, before: Pixels, after: Pixels, bands: Bands, progress: Progress | None = None
    ) -> HighResModel | Blank:
        from pipeline.detect import pixel_m

        gsd_m = pixel_m(before.geobox)
        step = scales(gsd_m).step
        tiles = _held(sample(before, after, bands, progress, max(TILE, LEAST_SIDE * step)), step)
        count = sum(int(np.count_nonzero(tile.clear)) for tile in tiles)
        if count < FEWEST:
            return Blank(bands, "highres", VERSION, {"state": "too_few_pixels", "sample": count})
        return fitted(tiles, bands, gsd_m)


@dataclass(frozen=True, eq=False)
class Tile:
    """dates: BEFORE and AFTER, (band, y, x), of squares of ``Scales.step`` pixels."""

    dates: tuple[F32, F32]
    clear: Mask

    def middle(self) -> Tile:
        rows, columns = (
            slice(max(0, (n - HELD_SIDE) // 2), max(0, (n - HELD_SIDE) // 2) + HELD_SIDE) for n in self.clear.shape
        )
        first, second = (values[:, rows, columns].copy() for values in self.dates)
        return Tile((first, second), self.clear[rows, columns].copy())


def _held(joints: Iterable[Joint], step: int) -> list[Tile]:
    tiles: list[Tile] = []
    for joint in joints:
        seen = quality.clear(joint.quality)
        (first, clear), (second, _) = (
            (values, seen) if step == 1 else coarse(values, seen, step) for values in (joint.before, joint.after)
        )
        tiles.append(Tile((first, second), clear))
        if len(tiles) == HELD_TILES + 1:
            tiles = [tile.middle() for tile in tiles]
        elif len(tiles) > HELD_TILES:
            tiles[-1] = tiles[-1].middle()
    return [tile for tile in tiles if tile.clear.any()]


def fitted(tiles: list[Tile], bands: Bands, gsd_m: float | None = None) -> HighResModel | Blank:
    at, role = scales(gsd_m), roles(bands.names)
    ones, zeros = np.ones(len(bands.names)), np.zeros(len(bands.names))
    count = sum(int(np.count_nonzero(tile.clear)) for tile in tiles)
    places = _places(tiles, max(1, count // SAMPLE_PIXELS))
    quiet = np.ones(sum(map(len, places)), np.bool_)
    for _ in range(ROUNDS):
        units = [_units(_picked(tiles, date, places)[list(role.visible)][:, quiet]) for date in (0, 1)]
        if not all(scale.any() for scale, _ in units):
            return _without_variation(units, bands, at, role, count)
        indices, found = _joined(units, tiles, places, quiet, role, at)
        model = HighResModel(bands, indices, at, role, ones, zeros, found)
        rises = [
            model.rise(*tile.dates, tile.clear)[0].reshape(-1)[here] for tile, here in zip(tiles, places, strict=True)
        ]
        quiet = np.abs(np.concatenate(rises)) < RISE
    gain, offset = ones, zeros
    if quiet.any():
        first, second = (_picked(tiles, date, places)[:, quiet].T.astype(np.float64) for date in (0, 1))
        gain, offset = harmonised(first, second, np.ones(len(first)))
    return replace(model, gain=gain, offset=offset, report=_report(model, tiles, count, gsd_m))


def _places(tiles: list[Tile], step: int) -> list[NDArray[np.intp]]:
    """Of each tile, every ``step``-th clear pixel of all."""
    places, phase = [], 0
    for tile in tiles:
        clear = np.flatnonzero(tile.clear)
        places.append(clear[-phase % step :: step])
        phase += len(clear)
    return places


def _picked(tiles: list[Tile], date: int, places: list[NDArray[np.intp]]) -> F32:
    """(band, pixel)."""
    found = (tile.dates[date] for tile in tiles)
    return np.concatenate([v.reshape(len(v), -1)[:, here] for v, here in zip(found, places, strict=True)], axis=1)


def _units(values: F32) -> tuple[F32, F32]:
    """(scale, offset) by band: to mean 0 and deviation 1; scale 0 for a band that does not vary."""
    low, high = np.quantile(values, (CLIPPED, 1 - CLIPPED), axis=1)
    inside = np.clip(values, low[:, None], high[:, None]).astype(np.float64)
    mean, spread = inside.mean(axis=1), inside.std(axis=1)
    varies = spread > 1e-6 * np.maximum(np.abs(inside).max(axis=1), 1e-12)
    scale = np.where(varies, 1 / np.where(varies, spread, 1), 0)
    return scale.astype(np.float32), (-mean * scale).astype(np.float32)


def _joined(
    units: list[tuple[F32, F32]],
    tiles: list[Tile],
    places: list[NDArray[np.intp]],
    quiet: NDArray[np.bool_],
    role: Roles,
    at: Scales,
) -> tuple[tuple[Index, Index], dict[str, Any]]:
    """Both dates' indices in units of the spread that they have over the scene, smoothed."""
    weights = cue_weights(role)
    plain = [Index(role.visible, scale, offset, at.lines, np.zeros_like(scale)) for scale, offset in units]
    raw, smooth, steps = zip(
        *(_cues(index, tiles, places, date, weights, at.blur) for date, index in enumerate(plain)), strict=True
    )
    least = FLAT * np.sqrt((_variance(raw[0]) + _variance(raw[1])) / 2)
    spread = np.maximum(np.sqrt((_variance(smooth[0]) + _variance(smooth[1])) / 2), least)
    unit = np.divide(1, spread, out=np.zeros_like(spread), where=spread > 1e-6)
    first, second = (unit @ values for values in smooth)
    noise = max(1.4826 / math.sqrt(2) * float(np.median(np.abs(unit @ values))) for values in steps)
    whole = max(math.sqrt((float(_variance(first)) + float(_variance(second))) / 2), NOISE * noise) or 1.0
    # what the quiet ground did in common (season, light) is no change of any place
    common = float(np.median((second - first)[quiet])) if quiet.any() else 0.0
    middle = (float(first.mean()) + float(second.mean()) - common) / 2
    before, after = (
        replace(
            index,
            weights=(unit[:-1] @ weights / whole).astype(np.float32),
            structure=np.float32(unit[-1] / whole),
            constant=np.float32(-(middle + taken) / whole),
        )
        for index, taken in zip(plain, (0.0, common), strict=True)
    )
    found = {"spread": [round(float(value), 6) for value in spread], "common_rise": round(common / whole, 6)}
    return (before, after), found


def _cues(
    index: Index, tiles: list[Tile], places: list[NDArray[np.intp]], date: int, weights: F32, sigma: float
) -> tuple[F32, F32, F32]:
    """(cue, pixel) each: at the places; smoothed; and from each to its neighbour, 0 where that is not clear."""
    found = []
    for tile, here in zip(tiles, places, strict=True):
        cues = index.cues(tile.dates[date], tile.clear, weights)
        smooth = np.stack([blurred(cue, tile.clear, sigma) for cue in cues])
        steps = np.zeros_like(cues)
        np.subtract(cues[..., 1:], cues[..., :-1], out=steps[..., :-1], where=tile.clear[:, 1:])
        found.append([values.reshape(len(cues), -1)[:, here] for values in (cues, smooth, steps)])
    raw, smoothed, stepped = (np.concatenate(part, axis=1) for part in zip(*found, strict=True))
    return raw, smoothed, stepped


def _variance(values: F32 | Array) -> Array:
    """Of each row, values no more extreme than all but ``CLIPPED`` of it: a few roofs do not widen a scene."""
    low, high = np.quantile(values, (CLIPPED, 1 - CLIPPED), axis=-1, keepdims=True)
    inside: Array = np.clip(values, low, high).astype(np.float64)
    return np.asarray(inside.var(axis=-1), np.float64)


def _report(model: HighResModel, tiles: list[Tile], count: int, gsd_m: float | None) -> dict[str, Any]:
    scores = (model._score(*tile.dates, tile.clear)[tile.clear] for tile in tiles)
    changed = sum(int(np.count_nonzero(score >= np.float32(0.5))) for score in scores)
    return {
        "state": "fitted",
        "sample": count,
        "iterations": ROUNDS,
        "threshold": RISE,
        "threshold_rule": f"index rises by {RISE:g} scene deviation, {SURE_RISE:g} near by, to above {LEVEL:g}",
        "gsd_m": None if gsd_m is None else round(gsd_m, 4),
        "step_px": model.scales.step,
        "lines_px": list(model.scales.lines),
        "blur_px": round(model.scales.blur, 3),
        "reach_px": model.scales.reach,
        **model.report,
        "change_share_of_sample": round(changed / count, 6),
        "notes": _notes(model.bands.names),
    }


def _notes(names: tuple[str, ...]) -> list[dict[str, str]]:
    taken = assumed(names)
    if not taken:
        return []
    return [
        both(
            "The bands have no names and are taken for {taken}; if that is wrong, name them with --bands.", taken=taken
        )
    ]


def _without_variation(
    units: list[tuple[F32, F32]], bands: Bands, at: Scales, role: Roles, count: int
) -> HighResModel | Blank:
    """Two even images are alike whatever their level; an even one beside a picture tells nothing."""
    if any(scale.any() for scale, _ in units):
        return Blank(bands, "highres", VERSION, {"state": "no_variation", "sample": count})
    nothing = np.zeros(len(role.visible), np.float32)
    index = Index(role.visible, nothing, nothing, at.lines, nothing)
    report = {"state": "even", "sample": count, "iterations": 0, "threshold": 0.0}
    ones = np.ones(len(bands.names))
    return HighResModel(bands, (index, index), at, role, ones, np.zeros(len(ones)), report)
