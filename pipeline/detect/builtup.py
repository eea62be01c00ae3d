"""How built up ground looks in one fine image: brightness, blueness and structure, joined to an index.

- brightness: mean of the visible bands;
- blueness: the blue band less the mean of the others (roofs and roads beside soil and crops);
- structure: mean white top-hat by lines of four directions and several lengths, the morphological
  building index of Huang and Zhang (2011, PE&RS 77(7)).

All of bands brought to mean 0 and deviation 1, so that gain, offset and even haze do not count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

BUILDING_M = (8.0, 40.0)
"""Shortest and longest line of the structure: sides of buildings."""
BLUR_M = 5.0
LINES_PX, BLUR_PX, REACH_PX = (7, 13, 19, 25), 5.0, 16
"""Lengths of lines, smoothing and reach where the ground sampling distance is not known: about 1.5 m."""
FINE = 0.4
LEAST_BLUR_PX, MOST_BLUR_PX, MOST_LINE_PX, MOST_REACH_PX = 2.0, 6.0, 41, 24
COARSE_M, MOST_STEP = 1.2, 16
"""Finer images are looked at by means of squares of a power of two pixels that are no larger than the first."""
NOTHING = np.float32(0)
LEVELS_PER_DEVIATION, LOWEST = 20.0, -3.0
"""How the brightest band is put into a byte for the structure: -3 to 9.75 deviations."""

F32 = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Scales:
    """step: side in pixels of the squares whose means are looked at. In such squares: lengths of lines, sigma
    of the smoothing, how near a sure rise must be."""

    lines: tuple[int, ...]
    blur: float
    reach: int
    step: int = 1

    @property
    def halo(self) -> int:
        """In pixels."""
        return (max(self.lines) - 1 + radius(self.blur) + self.reach) * self.step

    @property
    def fine_blur(self) -> float:
        """The sigma that tells where an edge lies."""
        return max(1.0, FINE * self.blur)


def scales(gsd_m: float | None) -> Scales:
    if gsd_m is None:
        return Scales(LINES_PX, BLUR_PX, REACH_PX)
    step = min(MOST_STEP, 1 << max(0, math.floor(math.log2(COARSE_M / gsd_m))))
    side_m = gsd_m * step
    lengths = np.linspace(*BUILDING_M, 4) / side_m
    lines = tuple(sorted({2 * round((min(max(length, 3), MOST_LINE_PX) - 1) / 2) + 1 for length in lengths}))
    blur = min(max(BLUR_M / side_m, LEAST_BLUR_PX), MOST_BLUR_PX)
    return Scales(lines, blur, min(max(round(BUILDING_M[1] / 2 / side_m), 2), MOST_REACH_PX), step)


def coarse(values: F32, clear: Mask, step: int) -> tuple[F32, Mask]:
    """(band, y, x) means of squares of ``step`` pixels from the upper left, of their clear pixels; clear where
    half of a whole square is."""
    rows, columns = clear.shape
    over = (-rows % step, -columns % step)
    clear = np.pad(clear, [(0, n) for n in over])
    values = np.pad(values, [(0, 0), *((0, n) for n in over)])
    values[:, ~clear] = 0
    count = _summed(clear[None].astype(np.float32), step)[0]
    return _summed(values, step) / np.maximum(count, 1), count >= step * step / 2


def _summed(values: F32, step: int) -> F32:
    # one addition after the other, so that a square's sum does not depend on what lies around it
    down = sum((values[:, n::step] for n in range(1, step)), values[:, ::step])
    return sum((down[..., n::step] for n in range(1, step)), down[..., ::step])


@dataclass(frozen=True)
class Roles:
    """Which of the compared bands is what; blue, red and infrared may be missing."""

    visible: tuple[int, ...]
    blue: int | None
    red: int | None
    infrared: int | None


def roles(names: Sequence[str]) -> Roles:
    """By name; bands without known names are red, green, blue (and infrared, where there are four)."""
    known = {name.lower(): n for n, name in reversed(list(enumerate(names)))}
    visible = tuple(known[name] for name in ("red", "green", "blue") if name in known)
    infrared = next((known[name] for name in ("nir", "nir1", "nir08", "nir_narrow") if name in known), None)
    if len(visible) >= 2:
        return Roles(visible, known.get("blue"), known.get("red"), infrared)
    return Roles(tuple(range(min(3, len(names)))), 2 if len(names) > 2 else None, 0, 3 if len(names) == 4 else None)


def assumed(names: Sequence[str]) -> str:
    """What ``roles`` takes bands without known names for, as "band1 red, band2 green"; empty where names tell."""
    role = roles(names)
    if len([name for name in names if name.lower() in ("red", "green", "blue")]) >= 2:
        return ""
    colours = ("red", "green", "blue")[: len(role.visible)] + ("nir",) * (role.infrared is not None)
    return ", ".join(f"{name} {colour}" for name, colour in zip(names, colours, strict=False))


def cue_weights(role: Roles) -> F32:
    """(cue, visible): brightness, and blueness where there is a blue band, of standardised bands."""
    count = len(role.visible)
    rows = [np.full(count, 1 / count)]
    if role.blue is not None and count > 1:
        rows.append(np.where(np.array(role.visible) == role.blue, 1.0, -1 / (count - 1)))
    return np.array(rows, np.float32)


@dataclass(frozen=True, eq=False)
class Index:
    """One date's pixels → its index, before smoothing.

    scale, offset: (visible,) bring a band to mean 0 and deviation 1. weights: (visible,) of such bands;
    structure: weight of the structure; constant: added.
    """

    visible: tuple[int, ...]
    scale: F32
    offset: F32
    lines: tuple[int, ...]
    weights: F32
    structure: np.float32 = NOTHING
    constant: np.float32 = NOTHING

    def __call__(self, values: F32, clear: Mask) -> F32:
        """(y, x); 0 where not clear."""
        standard = self.standard(values, clear)
        out = structure(standard, self.lines)
        out *= self.structure
        out += self.constant
        for band, weight in zip(standard, self.weights, strict=True):
            out += band * weight
        out[~clear] = 0
        return out

    def standard(self, values: F32, clear: Mask) -> F32:
        """(visible, y, x); 0 where not clear."""
        out = np.empty((len(self.visible), *clear.shape), np.float32)
        for n, band in enumerate(self.visible):
            np.multiply(values[band], self.scale[n], out=out[n])
            out[n] += self.offset[n]
        out[:, ~clear] = 0
        return out

    def cues(self, values: F32, clear: Mask, weights: F32) -> F32:
        """(cue, y, x): ``weights`` of the bands, then the structure; 0 where not clear."""
        standard = self.standard(values, clear)
        found = np.concatenate([np.tensordot(weights, standard, 1), structure(standard, self.lines)[None]])
        found[:, ~clear] = 0
        return found


def structure(standard: F32, lines: tuple[int, ...]) -> F32:
    """(y, x): how far the brightest band stands out from lines of these lengths, in its deviations."""
    brightest = standard.max(axis=0)
    brightest -= np.float32(LOWEST)
    brightest *= np.float32(LEVELS_PER_DEVIATION)
    level = np.clip(brightest, 0, 255, out=brightest).astype(np.uint8)
    opened = np.zeros(level.shape, np.uint16)
    for length in lines:
        for line in _directions(length):
            opened += cv2.morphologyEx(level, cv2.MORPH_OPEN, line)
    count = 4 * len(lines)
    out = np.multiply(level, np.float32(count), dtype=np.float32)
    np.subtract(out, opened, out=out)
    return np.multiply(out, np.float32(1 / (count * LEVELS_PER_DEVIATION)), out=out)


def _directions(length: int) -> tuple[NDArray[np.uint8], ...]:
    falling = np.eye(length, dtype=np.uint8)
    return np.ones((1, length), np.uint8), np.ones((length, 1), np.uint8), falling, falling[::-1].copy()


def radius(sigma: float) -> int:
    """How far the smoothing reaches, in pixels."""
    return math.ceil(3 * sigma)


def blurred(values: F32, clear: Mask, sigma: float) -> F32:
    """Mean by a Gauss kernel over the clear pixels; values are 0 elsewhere."""
    side = 2 * radius(sigma) + 1
    out: F32 = cv2.GaussianBlur(values, (side, side), sigma).astype(np.float32, copy=False)
    if not clear.all():
        weight = cv2.GaussianBlur(clear.astype(np.float32), (side, side), sigma)
        # exactly 1 where all is clear, or a pixel would differ by what else its strip holds
        weight[weight > np.float32(0.9999)] = 1
        np.divide(out, np.maximum(weight, np.float32(1e-3)), out=out)
    return out
