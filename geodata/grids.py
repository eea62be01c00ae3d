"""Grids and masks as plain values: which pixels of a file a window needs, and which of them count."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geodata import crs as crss
from geodata import resample
from geodata.scene import ROI

Area = tuple[int, int, int, int]
"""Rows y0:y1 and columns x0:x1 as (y0, y1, x0, x1)."""
HALF_OPAQUE = {"u": 128, "i": 128, "f": 0.5}
"""From here on an alpha band (by kind of type) says that there is an image."""


def grid_of(header: dict[str, Any], path: object, crs: str | None) -> GeoBox:
    """The grid of an image, as its header and ``crs`` say. Without georeference: crs None, pixels of 1."""
    shape = (header["height"], header["width"])
    transform = Affine(*header["transform"])
    if not header["georeferenced"]:
        return GeoBox(shape, Affine.identity(), None)
    if header["crs"] is None and crs is None:
        return GeoBox(shape, transform, None)
    declared = crss.declared(header["crs"], crs, path)
    return GeoBox(shape, transform, crss.name_of(declared))


def moved(grid: GeoBox, shift_m: tuple[float, float]) -> GeoBox:
    """``grid`` moved by (east, north) metres; on a geographic grid by what they are in degrees there."""
    east, north = shift_m
    if (east, north) == (0.0, 0.0):
        return grid
    if grid.crs is not None and grid.crs.geographic:
        bounds = grid.boundingbox
        latitude = np.radians((bounds.bottom + bounds.top) / 2)
        east, north = east / (111_320 * np.cos(latitude)), north / 110_574
    return GeoBox(grid.shape, Affine.translation(east, north) @ grid.affine, grid.crs)


def is_valid(raw: NDArray[Any], nodata: float | None) -> NDArray[np.bool_]:
    """(y, x) of ``raw`` (band, y, x): where there was a measurement.

    Zero as nodata of unsigned integers means a pixel that is zero in every band, because a dark one
    may be zero in some; any other nodata value, and NaN, spoils the pixel by one band.
    """
    if raw.dtype.kind == "f":
        valid: NDArray[np.bool_] = np.isfinite(raw).all(axis=0)
        if nodata is None or np.isnan(nodata):
            return valid
        return valid & (raw != np.asarray(nodata, raw.dtype)).all(axis=0)
    if nodata is None or nodata != int(nodata) or not np.iinfo(raw.dtype).min <= nodata <= np.iinfo(raw.dtype).max:
        return np.ones(raw.shape[1:], bool)
    seen = raw != raw.dtype.type(int(nodata))
    return seen.any(axis=0) if nodata == 0 and raw.dtype.kind == "u" else seen.all(axis=0)


def border(raw: NDArray[Any], valid: NDArray[np.bool_], limit: float) -> NDArray[np.bool_]:
    """(y, x) of ``raw`` (band, y, x), whole rows: valid pixels that reach from the left or right end of their row to
    where no longer most of nine are below ``limit`` in every band (or not valid)."""
    dark = (raw < limit).all(axis=0) | ~valid
    padded = np.pad(dark, ((0, 0), (4, 4)), mode="edge")
    sums = np.cumsum(np.pad(padded, ((0, 0), (1, 0))), axis=1, dtype=np.int32)
    mostly = sums[:, 9:] - sums[:, :-9] > 4
    ends = np.logical_and.accumulate(mostly, axis=1) | np.logical_and.accumulate(mostly[:, ::-1], axis=1)[:, ::-1]
    return ends & dark & valid


def as_codes(raw: NDArray[Any], fill: int) -> NDArray[np.integer]:
    """Quality codes as integers; what is not a number becomes ``fill``."""
    if raw.dtype.kind != "f":
        return raw
    clean = np.where(np.isfinite(raw), raw, fill)
    return np.clip(clean, 0, 65535).astype(np.uint16)


def needed(where: resample.Positions, shape: tuple[int, int]) -> tuple[Area | None, int]:
    """The part of a source of ``shape`` that a map looks at, cut at the image's edge, in whole
    multiples of a factor by which it may be shrunk; None where the map looks elsewhere."""
    return around(where.x, where.y, max(1, int(where.pixel + 1e-6)), shape)


def around(
    x: NDArray[np.float64], y: NDArray[np.float64], factor: int, shape: tuple[int, int]
) -> tuple[Area | None, int]:
    """``needed`` for positions x, y in pixels from the source's outer edges."""
    pad = resample.REACH * factor
    limits: list[int] = []
    for at, size in ((y, shape[0]), (x, shape[1])):
        seen = at[np.isfinite(at)]
        if seen.size == 0:
            return None, factor
        low = max(math.floor(seen.min()) - pad, 0) // factor * factor
        high = min(math.floor(seen.max()) + 1 + pad, size)
        if high <= low:
            return None, factor
        limits += [low, low + -(-(high - low) // factor) * factor]
    return (limits[0], limits[1], limits[2], limits[3]), factor


def inside(area: Area, factor: int, shape: tuple[int, int]) -> tuple[Area | None, ROI]:
    """The part of ``area`` that the image has, and where it lies in the (shrunk) result."""
    y0, y1, x0, x1 = area
    top, bottom = max(y0, 0), min(y1, shape[0])
    left, right = max(x0, 0), min(x1, shape[1])
    if bottom <= top or right <= left:
        return None, (slice(0, 0), slice(0, 0))
    high, wide = (bottom - top) // factor, (right - left) // factor
    if high == 0 or wide == 0:  # less than one shrunk pixel
        return None, (slice(0, 0), slice(0, 0))
    rows = slice((top - y0) // factor, (top - y0) // factor + high)
    columns = slice((left - x0) // factor, (left - x0) // factor + wide)
    return (top, top + high * factor, left, left + wide * factor), (rows, columns)
