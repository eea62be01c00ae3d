"""By how much the patches of two surface models rose or sank, read once more, patch by patch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from shapely.geometry.base import BaseGeometry

from geodata.masks import rasterize
from geodata.scene import ROI, Pixels
from pipeline import quality
from pipeline.changes import Change, Rise, Traced
from pipeline.detect.height import AROUND, BLOCK, HeightModel, local_noise
from pipeline.detect.joint import read
from pipeline.detect.protocol import Model

ROWS = 512
"""Read at once of a high patch: a multiple of ``BLOCK``."""


def told(traced: Traced, before: Pixels, after: Pixels, model: Model) -> Traced:
    """The same changes, with their rise where ``model`` compares heights. Both dates on the grid of the patches."""
    if not isinstance(model, HeightModel):
        return traced
    return replace(traced, changes=tuple(replace(c, rise=_rise(c, before, after, model)) for c in traced.changes))


def _rise(change: Change, before: Pixels, after: Pixels, model: HeightModel) -> Rise:
    rises, noises, _ = inside(change.geometry, before, after, model)
    return Rise(round(float(np.median(rises)), 3), round(float(np.median(noises)), 3))


def inside(
    geometry: BaseGeometry, before: Pixels, after: Pixels, model: HeightModel
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """(rise, noise, clear) of the pixels in ``geometry`` (CRS of the grid that both share), in metres, row by row."""
    rises, noises, clears = zip(*_inside(geometry, before, after, model), strict=True)
    return np.concatenate(rises), np.concatenate(noises), np.concatenate(clears)


def _inside(
    geometry: BaseGeometry, before: Pixels, after: Pixels, model: HeightModel
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]]:
    for roi, inner in _windows(geometry, before.geobox):
        joint = read(before, after, model.bands, roi)
        clear = quality.clear(quality.grown(joint.quality))
        rise = model.rise(joint.before, joint.after, roi[0].start, roi[1].start)
        noise = local_noise(rise, clear, model.noise_m)
        wanted = np.zeros(clear.shape, bool)
        wanted[inner] = rasterize([geometry], before.geobox, roi)[inner]
        yield rise[wanted], noise[wanted], clear[wanted]


def _windows(geometry: BaseGeometry, grid: GeoBox) -> Iterator[tuple[ROI, ROI]]:
    """Windows with what the noise needs around them, on whole blocks of the image; and their part without that."""
    height, width = grid.height, grid.width
    x, y = (np.array(side) for side in _pixels(geometry, grid))
    around = AROUND * BLOCK
    top, bottom = max(0, int(np.floor(y.min()))), min(height, int(np.ceil(y.max())))
    left, right = max(0, int(np.floor(x.min()))), min(width, int(np.ceil(x.max())))
    first = max(0, left // BLOCK * BLOCK - around)
    columns = slice(first, min(width, -(-right // BLOCK) * BLOCK + around))
    for start in range(top // BLOCK * BLOCK, bottom, ROWS):
        stop = min(start + ROWS, height)
        rows = slice(max(0, start - around), min(height, stop + around))
        inner = (slice(start - rows.start, stop - rows.start), slice(None))
        yield (rows, columns), inner


def _pixels(geometry: BaseGeometry, grid: GeoBox) -> tuple[list[float], list[float]]:
    """Columns and rows of the corners of the patch's box."""
    west, south, east, north = geometry.bounds
    corners = [~grid.affine * corner for corner in ((west, south), (west, north), (east, south), (east, north))]
    return [c for c, _ in corners], [r for _, r in corners]
