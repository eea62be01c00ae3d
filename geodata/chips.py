"""[io] Small pictures of a place, for pages: RGB in Web Mercator, as Leaflet shows them."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import nullcontext
from typing import NamedTuple

import cv2
import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geodata import sensors
from geodata.errors import MissingOption
from geodata.filepixels import FilePixels
from geodata.scene import Raster

WEB = "EPSG:3857"
RADIUS_M = 6_378_137.0
NATURAL = ("red", "green", "blue")
HIDDEN = ("cloud", "shadow", "cirrus")
"""Conditions of the quality band under which the ground is not seen as it is."""
MAX_CHIP_PX = 4096
CLEAR_SHARE = 0.05
"""Where less than this share of a picture is clear, its clouds count for the stretch: else they are
left out, because they are far brighter than all ground and would leave it black."""
RIM = 24
"""A mask misses the bright rim of a cloud, and the kernel of a warp overshoots beside it: the mask is
grown by this part of a picture's longer side."""
APART = 0.3
"""Medians that differ by more of the shared range than this: other light, or other units."""

Bounds = tuple[float, float, float, float]
Source = str | os.PathLike[str] | FilePixels


class Chip(NamedTuple):
    """A picture of a place.

    rgb: (y, x, 3) uint8 in EPSG:3857. bounds_lonlat: (west, south, east, north) of the outer pixel
    edges. valid: (y, x) bool. stretch: (3, 2) values shown as black and as white.
    """

    rgb: NDArray[np.uint8]
    bounds_lonlat: Bounds
    valid: NDArray[np.bool_]
    stretch: NDArray[np.float64]


def crop(
    source: Source,
    bounds_lonlat: Bounds,
    size_px: int | tuple[int, int],
    bands: int | Sequence[str] = 3,
    *,
    stretch: NDArray[np.float64] | None = None,
    percentiles: tuple[float, float] = (2.0, 98.0),
) -> Chip:
    """The place ``bounds_lonlat`` = (west, south, east, north), its longer side ``size_px`` long
    (or exactly ``size_px`` = (width, height)).

    source: a file of ours, or pixels that are open on their own grid. bands: 3 = natural colour
    where the bands are known, else the first three; 1 = grey; or names. stretch: as another chip has
    it, for the same look; else from the ``percentiles`` of what is seen of the ground.
    """
    raster, ground = _read(source, bounds_lonlat, size_px, bands)
    if stretch is None:
        stretch = stretch_of([ground], percentiles)
    return Chip(stretched(raster, stretch), bounds_lonlat, raster.valid, stretch)


def crop_pair(
    before: Source,
    after: Source,
    bounds_lonlat: Bounds,
    size_px: int | tuple[int, int],
    bands: int | Sequence[str] = 3,
    *,
    percentiles: tuple[float, float] = (2.0, 98.0),
) -> tuple[Chip, Chip]:
    """The same place at two dates, stretched alike, so that a difference seen is one of the ground.

    One stretch for both; where the light or the units differ (``APART``), each has the same stretch
    counted from its own median in its own quartile ranges.
    """
    first, first_ground = _read(before, bounds_lonlat, size_px, bands)
    second, second_ground = _read(after, bounds_lonlat, size_px, bands)
    one, two = pair_stretch(first_ground, second_ground, percentiles)
    return (
        Chip(stretched(first, one), bounds_lonlat, first.valid, one),
        Chip(stretched(second, two), bounds_lonlat, second.valid, two),
    )


def web_grid(bounds_lonlat: Bounds, size_px: int | tuple[int, int]) -> GeoBox:
    """The EPSG:3857 grid of a chip. Square pixels where one length is given."""
    west, south, east, north = bounds_lonlat
    if not (west < east and south < north and south > -85.1 and north < 85.1):
        raise ValueError(f"bounds must be (west, south, east, north) within Web Mercator, not {bounds_lonlat}")
    x0, x1 = (math.radians(lon) * RADIUS_M for lon in (west, east))
    y0, y1 = (math.log(math.tan(math.pi / 4 + math.radians(lat) / 2)) * RADIUS_M for lat in (south, north))
    if isinstance(size_px, int):
        pixel = max(x1 - x0, y1 - y0) / size_px
        width, height = max(1, round((x1 - x0) / pixel)), max(1, round((y1 - y0) / pixel))
    else:
        width, height = size_px
    if max(width, height) > MAX_CHIP_PX:
        raise ValueError(f"a chip has at most {MAX_CHIP_PX} pixels a side")
    return GeoBox((height, width), Affine((x1 - x0) / width, 0, x0, 0, (y0 - y1) / height, y1), WEB)


def stretch_of(grounds: Sequence[NDArray[np.float32]], percentiles: tuple[float, float]) -> NDArray[np.float64]:
    """(band, 2): the percentiles of all pixels of ``grounds``, (band, pixel) each, together."""
    values = np.concatenate(grounds, axis=1)
    if values.shape[1] == 0:
        return np.tile([0.0, 1.0], (len(values), 1))
    limits = np.percentile(values, percentiles, axis=1).T
    flat = limits[:, 1] - limits[:, 0] < 1e-9
    limits[flat, 1] = limits[flat, 0] + 1
    return np.asarray(limits, np.float64)


def pair_stretch(
    first: NDArray[np.float32], second: NDArray[np.float32], percentiles: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Stretches (band, 2) of two dates, (band, pixel) each, that look alike where the ground is alike."""
    if len(first) != len(second) or first.shape[1] == 0 or second.shape[1] == 0:
        return stretch_of([first], percentiles), stretch_of([second], percentiles)
    shared = stretch_of([first, second], percentiles)
    quartiles = [np.percentile(ground, (25, 50, 75), axis=1) for ground in (first, second)]
    middles = [q[1][:, np.newaxis] for q in quartiles]
    spans = [np.maximum(q[2] - q[0], 1e-9)[:, np.newaxis] for q in quartiles]
    if np.mean(np.abs(middles[0] - middles[1]) / (shared[:, 1:] - shared[:, :1])) < APART:
        return shared, shared
    own = [stretch_of([ground], percentiles) for ground in (first, second)]
    widths = [(limits - middle) / span for limits, middle, span in zip(own, middles, spans, strict=True)]
    low = np.minimum(widths[0][:, 0], widths[1][:, 0])
    high = np.maximum(widths[0][:, 1], widths[1][:, 1])
    both = np.column_stack([low, high])
    return middles[0] + spans[0] * both, middles[1] + spans[1] * both


def stretched(raster: Raster, stretch: NDArray[np.float64]) -> NDArray[np.uint8]:
    """(y, x, 3) uint8; black where nothing was seen."""
    low, high = stretch[:, 0].reshape(-1, 1, 1), stretch[:, 1].reshape(-1, 1, 1)
    shown = np.clip((raster.values - low) / (high - low) * 255, 0, 255).round().astype(np.uint8)
    shown[:, ~raster.valid] = 0
    return np.ascontiguousarray(np.moveaxis(shown if len(shown) == 3 else np.repeat(shown[:1], 3, axis=0), 0, -1))


def _read(
    source: Source, bounds: Bounds, size_px: int | tuple[int, int], bands: int | Sequence[str]
) -> tuple[Raster, NDArray[np.float32]]:
    """The bands that are shown, on the chip's grid; and of them the (band, pixel) that tell the stretch."""
    grid = web_grid(bounds, size_px)
    with FilePixels(source) if not isinstance(source, FilePixels) else nullcontext(source) as pixels:
        if not isinstance(bands, int) and (missing := [name for name in bands if name not in pixels.bands]):
            raise MissingOption(
                "{path}: has no band {missing}, only {bands}; name others.",
                path=pixels.path,
                missing=", ".join(missing),
                bands=", ".join(pixels.bands),
            )
        shown = pixels.onto(grid, bands=_shown(pixels.bands, bands))
        raster = shown.read((slice(0, grid.shape[0]), slice(0, grid.shape[1])))
    return raster, raster.values[:, _ground(raster, shown.quality_codes)]


def _ground(raster: Raster, table: str | None) -> NDArray[np.bool_]:
    """(y, x): the valid pixels without cloud and its rim, shadow and haze; all valid ones where too few are."""
    if raster.quality is None or table is None:
        return raster.valid
    hidden = sensors.has_condition(raster.quality, table, HIDDEN)
    rim = max(raster.valid.shape) // RIM
    hidden = cv2.dilate(hidden.astype(np.uint8), np.ones((2 * rim + 1, 2 * rim + 1), np.uint8)) > 0
    clear = raster.valid & ~hidden
    return clear if clear.sum() >= CLEAR_SHARE * raster.valid.sum() else raster.valid


def _shown(available: Sequence[str], bands: int | Sequence[str]) -> Sequence[str]:
    if not isinstance(bands, int):
        return bands
    if bands >= 3 and set(NATURAL) <= set(available):
        return NATURAL
    return available[:3] if bands >= 3 and len(available) >= 3 else available[:1]
