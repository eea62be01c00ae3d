"""[io] Labelled pairs of files as places to learn from: two images and a label on one grid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from geodata.errors import EmptyData, InputError
from geodata.rasterfile import FilePixels, open_pixels
from geodata.scene import ROI
from pipeline import detect, quality
from pipeline.detect.files import check_grids
from pipeline.detect.joint import read, size, tiles
from pipeline.detect.protocol import Bands, Blank
from pipeline.learn.card import arranged
from pipeline.learn.features import view
from pipeline.learn.training import Marks, Place, Tile

MOST_TILES = 12
"""Of one pair, spread evenly over it: a large image does not outweigh all others."""


@dataclass(frozen=True)
class Values:
    """Of a label: what stands for change and for no change; all others are not known."""

    change: tuple[int, ...] = (255, 1)
    unchanged: tuple[int, ...] = (0,)

    def marks(self, label: np.ndarray) -> Marks:
        whole = np.nan_to_num(label, nan=-1.0)
        return np.select([np.isin(whole, self.change), np.isin(whole, self.unchanged)], [1, 0], -1).astype(np.int8)


@dataclass(frozen=True)
class Pair:
    """One row of the list. set, group: as in ``Place``."""

    before: Path
    after: Path
    label: Path
    set: str
    group: str


@dataclass(frozen=True)
class Kind:
    """What the images of a pair are."""

    bands: tuple[str, ...]
    dtype: str
    gsd_m: float | None


def kind_of(pair: Pair) -> Kind:
    """Raises: InputError, UnreadableFile where the three files of a pair do not go together."""
    with open_pixels(pair.before) as one, open_pixels(pair.after) as two, open_pixels(pair.label, nodata=None) as label:
        check_grids(one, two, str(pair.before), str(pair.after))
        if label.geobox.shape != one.geobox.shape:
            raise InputError(
                "{path}: is {size} pixels, {other} is {other_size}; a label must lie on the grid of BEFORE.",
                path=pair.label,
                size=f"{label.geobox.width} × {label.geobox.height}",
                other=pair.before,
                other_size=f"{one.geobox.width} × {one.geobox.height}",
            )
        if one.dtype != two.dtype:
            raise InputError(
                "{path}: is of type {type}, {other} of {other_type}; both dates must be of one.",
                path=pair.after,
                type=two.dtype,
                other=pair.before,
                other_type=one.dtype,
            )
        bands = arranged(detect.pair_bands(one.bands, two.bands))
        return Kind(bands.names, one.dtype, detect.pixel_m(one.geobox))


def place(pair: Pair, values: Values, free: str) -> Place:
    return Place(pair.before.name, pair.set, pair.group, partial(_tiles, pair, values, free))


def _tiles(pair: Pair, values: Values, free: str) -> Iterator[Tile]:
    with ExitStack() as stack:
        one = stack.enter_context(open_pixels(pair.before))
        own = stack.enter_context(open_pixels(pair.after))
        label = stack.enter_context(open_pixels(pair.label, nodata=None))
        two = own.onto(one.geobox) if one.geobox.crs is not None else own
        rois = tiles(size(one))[:MOST_TILES]
        yield from cut(one, two, free, [(roi, values.marks(label.read(roi).values[0])) for roi in rois])


def cut(one: FilePixels, two: FilePixels, free: str, wanted: list[tuple[ROI, Marks]]) -> Iterator[Tile]:
    """Windows of a pair with their marks; nothing where the pair cannot be compared."""
    bands: Bands = arranged(detect.pair_bands(one.bands, two.bands))
    model = detect.METHODS[free][0].fit(one, two, bands)
    if isinstance(model, Blank):
        return
    seen = view(one, two, bands, model)
    for roi, marks in wanted:
        joint = read(one, two, bands, roi)
        clear = quality.clear(quality.grown(joint.quality))
        yield Tile(seen, joint.before, joint.after, clear, marks, one.geobox[roi])


def refuse_mixed(pairs: list[Pair], kinds: list[Kind]) -> Kind:
    """The kind of all pairs; ``gsd_m`` of the first. Raises: InputError naming the first that differs; EmptyData."""
    if not pairs:
        raise EmptyData("There is no pair to learn from; name them in the list.")
    first = kinds[0]
    for pair, kind in zip(pairs, kinds, strict=True):
        if (len(kind.bands), kind.dtype) != (len(first.bands), first.dtype):
            raise InputError(
                "{path}: has {bands} bands of {type}, {other} has {other_bands} of {other_type};"
                " a model is for one kind of image.",
                path=pair.before,
                bands=len(kind.bands),
                type=kind.dtype,
                other=pairs[0].before,
                other_bands=len(first.bands),
                other_type=first.dtype,
            )
    return first
