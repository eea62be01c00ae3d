"""Labelled places → a head and its card: samples, folds by image, threshold, the last fit; no file is touched here.

Every set weighs alike, whatever its size. Beside each pair stand copies of either date, moved by up to a pixel and in
another tone, as places where nothing changed. What the card says of a head was measured on images that a head
trained the same way had not seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geodata.errors import InputError
from geodata.scene import ArrayPixels
from pipeline.detect.protocol import Bands, Blank
from pipeline.learn.features import ALIGNED, F32, Mask, View, celled, raw, view
from pipeline.learn.head import Axes, Head, joined, principal
from pipeline.learn.mlp import fitted

FOLDS = 5
SAMPLES, PER_TILE, AXES_SAMPLES = 160_000, 4096, 30_000
"""Cells in all and of one tile at most; of so many the axes are found."""
COPY_SHARE, COPIED = 0.25, 2
"""Cells of a copy, of those of its pair. Tiles of a place that are copied."""
MOVED_PX, GAIN, LIFT = (0.5, 1.0), (0.75, 1.3), 0.3
"""Of copies: how far, gain, and lift in deviations of the band."""
LEAST_SHARE = 0.002
"""Of change or of no change among the cells: with less of one there is nothing to learn."""
BINS, WIDEST = 800, 20.0

Marks = NDArray[np.int8]
"""(y, x): 1 change, 0 none, -1 not known."""


@dataclass(frozen=True, eq=False)
class Tile:
    """before, after: (band, y, x), in the order of the view's bands; marks: (y, x) beside them; grid: theirs."""

    view: View
    before: F32
    after: F32
    clear: Mask
    marks: Marks
    grid: GeoBox


@dataclass(frozen=True, eq=False)
class Place:
    """One labelled pair. group: places of one group are never on both sides of a fold. tiles: opens and reads."""

    name: str
    set: str
    group: str
    tiles: Callable[[], Iterator[Tile]]


@dataclass(frozen=True, eq=False)
class Samples:
    """before, after: (sample, channel) float16; plain: (sample, feature); (sample,) share of change, number of the
    place, whether of a copy."""

    before: NDArray[np.float16]
    after: NDArray[np.float16]
    plain: F32
    share: F32
    place: NDArray[np.intp]
    copied: NDArray[np.bool_]

    def __getitem__(self, which: NDArray[np.bool_]) -> Samples:
        return Samples(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


Said = Callable[[float], None]


def gathered(places: Sequence[Place], free: str, progress: Said) -> Samples:
    """Cells of every place and of its copies. free: name of the way without learning."""
    most = max(64, min(PER_TILE, SAMPLES // max(1, len(places))))
    found: list[tuple[Any, ...]] = []
    for number, place in enumerate(places):
        random = np.random.default_rng(number)
        for order, tile in enumerate(place.tiles()):
            found.append((*_cells(tile, most, random), number, False))
            for copy in _copies(tile, free, random) if order < COPIED else ():
                found.append((*_cells(copy, int(most * COPY_SHARE), random), number, True))
        progress((number + 1) / len(places))
    if not found:
        raise InputError("There is no labelled pixel that both dates show; check the labels and their values.")
    before, after, plain, share = (np.concatenate(part) for part in list(zip(*found, strict=True))[:4])
    counts = [len(part[3]) for part in found]
    place_of = np.repeat([part[4] for part in found], counts)
    return Samples(before, after, plain, share, place_of, np.repeat([part[5] for part in found], counts))


def _cells(tile: Tile, most: int, random: np.random.Generator) -> tuple[NDArray[Any], ...]:
    """(before, after, plain, share) of at most so many cells of which half the pixels are labelled and clear."""
    parts = tile.view.parts(tile.before, tile.after, tile.clear)
    over = [(0, -n % ALIGNED) for n in tile.clear.shape]
    marks = np.pad(np.where(tile.clear, tile.marks, np.int8(-1)), over, constant_values=-1)
    known = celled((marks >= 0)[None].astype(np.float32))[0]
    change = celled((marks == 1)[None].astype(np.float32))[0]
    places = np.flatnonzero(known >= 0.5)
    if len(places) > most:
        places = np.sort(random.choice(places, most, replace=False))
    first, second = (
        np.clip(raw(v).reshape(-1, known.size)[:, places].T, -6e4, 6e4).astype(np.float16)
        for v in (parts.before, parts.after)
    )
    share = (change.reshape(-1)[places] / known.reshape(-1)[places]).astype(np.float32)
    return first, second, np.ascontiguousarray(parts.plain.reshape(-1, known.size)[:, places].T), share


def _copies(tile: Tile, free: str, random: np.random.Generator) -> Iterator[Tile]:
    """Either date beside itself, moved and toned: no change anywhere."""
    for values in (tile.before, tile.after):
        copy = moved_and_toned(values, random)
        seen = look(values, copy, tile, free)
        if seen is not None:
            yield Tile(seen, values, copy, tile.clear, np.zeros(tile.clear.shape, np.int8), tile.grid)


def moved_and_toned(values: F32, random: np.random.Generator) -> F32:
    x, y = random.uniform(*MOVED_PX, 2) * random.choice([-1, 1], 2)
    move = np.array([[1, 0, x], [0, 1, y]], np.float32)
    size = values.shape[2], values.shape[1]
    out = np.stack([cv2.warpAffine(band, move, size, borderMode=cv2.BORDER_REFLECT) for band in values])
    spread = values.std(axis=(1, 2), keepdims=True)
    gain = random.uniform(*GAIN, (len(values), 1, 1))
    lift = random.uniform(-LIFT, LIFT, (len(values), 1, 1)) * spread
    return (out * gain + lift).astype(np.float32)


def look(before: F32, after: F32, tile: Tile, free: str) -> View | None:
    """How two dates in memory are looked at; None where they cannot be compared."""
    from pipeline.detect import METHODS

    names = tile.view.bands.names
    whole = Bands(names, tuple(range(len(names))), tuple(range(len(names))))
    first, second = (ArrayPixels(values, tile.grid, names, valid=tile.clear) for values in (before, after))
    model = METHODS[free][0].fit(first, second, whole)
    return None if isinstance(model, Blank) else view(first, second, whole, model)


def head_of(samples: Samples, sets: Sequence[str]) -> Head:
    """sets: of each place, by its number."""
    weight = _weights(samples, sets)
    every = slice(None, None, max(1, 2 * len(samples.share) // AXES_SAMPLES))
    both = np.concatenate([samples.before[every], samples.after[every]]).astype(np.float32)
    axes = principal(both)
    return Head(axes, fitted(_features(axes, samples), samples.share, weight))


def _features(axes: Axes, samples: Samples) -> F32:
    """(sample, feature)."""
    return np.ascontiguousarray(joined(axes.flat(samples.before), axes.flat(samples.after), samples.plain.T).T)


def _weights(samples: Samples, sets: Sequence[str]) -> F32:
    """Sets alike; within one every cell alike."""
    names = np.array(sets)[samples.place]
    out = np.zeros(len(names), np.float32)
    for name in set(sets):
        here = names == name
        out[here] = 1 / max(1, int(np.count_nonzero(here)))
    return out


def folds_of(places: Sequence[Place], count: int = FOLDS) -> NDArray[np.intp]:
    """(place,) number of its fold; groups stay whole, the groups of a set are spread over all folds."""
    groups = list(dict.fromkeys((place.set, place.group) for place in sorted(places, key=lambda p: p.set)))
    fold = {group: n % count for n, group in enumerate(dict.fromkeys(group for _, group in groups))}
    return np.array([fold[place.group] for place in places])


@dataclass(frozen=True, eq=False)
class Tally:
    """Pixels by logit: counts (2, BINS) without and with change."""

    counts: NDArray[np.int64]

    @classmethod
    def empty(cls) -> Tally:
        return cls(np.zeros((2, BINS), np.int64))

    def add(self, logits: F32, marks: Marks) -> None:
        bins = np.clip((logits + WIDEST) * (BINS / (2 * WIDEST)), 0, BINS - 1).astype(np.intp)
        for truth in (0, 1):
            self.counts[truth] += np.bincount(bins[marks == truth], minlength=BINS)

    def figures(self, threshold: float) -> dict[str, float]:
        """f1, precision, recall, auc; NaN where one of the two is missing."""
        first = round((threshold + WIDEST) * BINS / (2 * WIDEST))
        false, true = (float(side[first:].sum()) for side in self.counts)
        none, change = (float(side.sum()) for side in self.counts)
        nan = float("nan")
        below = np.cumsum(self.counts[0]) - self.counts[0] / 2
        auc = float((self.counts[1] * below).sum()) / (none * change) if none and change else nan
        return {
            "f1": 2 * true / (true + false + change) if change else nan,
            "precision": true / (true + false) if true + false else nan,
            "recall": true / change if change else nan,
            "auc": auc,
        }


def evaluated(head: Head, places: Iterable[Place], seen: Callable[[], None]) -> list[Tally]:
    """One a place; ``seen`` is called after each."""
    out = []
    for place in places:
        tally = Tally.empty()
        for tile in place.tiles():
            rows, columns = tile.clear.shape
            parts = tile.view.parts(tile.before, tile.after, tile.clear)
            logits = head.logits(parts, tile.view.free_at)[:rows, :columns]
            tally.add(logits, np.where(tile.clear, tile.marks, np.int8(-1)))
        out.append(tally)
        seen()
    return out


def best_threshold(by_set: dict[str, Tally]) -> float:
    """The logit at which F1, as the mean of the sets that have change, is best."""
    edges = np.linspace(-WIDEST, WIDEST, BINS + 1)[:-1]
    curves = []
    for tally in by_set.values():
        false, true = (np.cumsum(side[::-1])[::-1].astype(float) for side in tally.counts)
        if true[0]:
            curves.append(2 * true / np.maximum(true + false + true[0], 1))
    return float(edges[int(np.argmax(np.mean(curves, axis=0)))]) if curves else 0.0


@dataclass(frozen=True, eq=False)
class Trained:
    """head: fitted to all. by_place: of heads that had not seen it. folds: of each place. samples: how many."""

    head: Head
    by_place: list[Tally]
    folds: NDArray[np.intp]
    samples: int
    copies_share: float


def trained(places: Sequence[Place], free: str, progress: Said) -> Trained:
    """Raises: InputError where the labels do not suffice."""
    if len({place.group for place in places}) < 2:
        raise InputError("There is one labelled image, and a model is tried on images kept apart: give two at least.")
    samples = gathered(places, free, lambda share: progress(0.5 * share))
    _refuse_one_sided(samples)
    sets = [place.set for place in places]
    folds = folds_of(places)
    tallies: list[Tally] = [Tally.empty() for _ in places]
    logits: list[F32] = []
    done = [0]

    def seen() -> None:
        done[0] += 1
        progress(0.5 + 0.45 * done[0] / len(places))

    for fold in np.unique(folds):
        held = folds == fold
        head = head_of(samples[~held[samples.place]], sets)
        here = np.flatnonzero(held).tolist()
        for number, tally in zip(here, evaluated(head, [places[n] for n in here], seen), strict=True):
            tallies[number] = tally
        logits.append(head.net(_features(head.axes, samples[held[samples.place] & samples.copied])))
    threshold = best_threshold(by_set(places, tallies))
    copies = np.concatenate(logits)
    share = float((copies >= threshold).mean()) if len(copies) else 0.0
    head = head_of(samples, sets).decided_at(threshold)
    progress(1.0)
    return Trained(head, tallies, folds, len(samples.share), share)


def by_set(places: Sequence[Place], tallies: Sequence[Tally]) -> dict[str, Tally]:
    out: dict[str, Tally] = {}
    for place, tally in zip(places, tallies, strict=True):
        out.setdefault(place.set, Tally.empty()).counts[...] += tally.counts
    return out


def _refuse_one_sided(samples: Samples) -> None:
    own = samples.share[~samples.copied]
    share = float(own.mean()) if len(own) else 0.0
    if not LEAST_SHARE <= share <= 1 - LEAST_SHARE or math.isnan(share):
        raise InputError(
            "Of what is labelled {share} is change: to learn, both change and no change must be there;"
            " check --change and --unchanged.",
            share=f"{share:.2%}",
        )
