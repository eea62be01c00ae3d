"""How far two dates lie apart on BEFORE's grid (sub-pixel), measured at many places together.

Places are correlated one by one (``geodata.matching``) and their correlations added up: one place
among clouds or crops tells little, all together have one peak. It counts when it stands out from
every other peak and when leaving out any part of the image hardly moves it (jackknife). Tie points:
each place's own peak near the common one, outliers marked.

The image itself is moved by ``geodata.rasterfile.open_pixels(onto=…, shift_m=…)``. Radiometric
harmonisation is a by-product of detection: ``Model.gain`` and ``Model.offset``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geodata import matching
from geodata.errors import WorkError
from geodata.matching import ALIKE, Spectrum
from geodata.scene import ROI, Pixels
from pipeline import quality
from pipeline.detect import Bands, pair_bands
from pipeline.detect.joint import Joint, read, size, tiles

MIN_PX = 0.1
"""A smaller shift is left: resampling would cost more than it mends."""
PLACES = 48
SIDE_PX, LEAST_SIDE_PX = 256, 32
BLOCKS = 3
"""The image is left out by parts, BLOCKS x BLOCKS, to learn how sure the shift is."""
FEWEST = 4
"""Parts, and tie points, that are needed."""
CLEAR = 0.3
"""Least share of a place that is jointly clear."""
SURE_PX = 0.15
"""Largest standard error of the shift (both axes together) that counts as measured."""
NEAR_PX = 1.5
"""How far from the common peak a place's own is looked for."""

DEGREE_M = (111_320.0, 110_574.0)
"""A degree of longitude at the equator and of latitude, as ``open_pixels`` takes them."""


@dataclass(frozen=True)
class TiePoint:
    """x, y: centre of the tile in pixels of BEFORE's grid (columns, rows). dx, dy: by how many
    pixels AFTER's image lies right of and below BEFORE's there. used: not rejected as an outlier."""

    x: float
    y: float
    dx: float
    dy: float
    used: bool


@dataclass(frozen=True)
class Alignment:
    """state: "aligned" (below MIN_PX, or a move would not make the places agree better),
    "shifted" (apply dx_m, dy_m), or "not_measurable" (too little texture or clear ground; apply nothing, warn).

    dx_m, dy_m: what AFTER's image has to be moved by, (east, north) metres, to lie on BEFORE:
    the ``shift_m`` of ``open_pixels`` (pixels right and down without a CRS); (0, 0) unless state is
    "shifted". measured_px: (right, below) shift of AFTER against BEFORE. before_px, residual_px:
    median length of the tie points' shifts before and after the move; _m: the same in metres.
    """

    state: str
    dx_m: float
    dy_m: float
    measured_px: tuple[float, float]
    before_px: float
    residual_px: float
    before_m: float
    residual_m: float
    tie_points: tuple[TiePoint, ...]


def measure(
    before: Pixels,
    after: Pixels,
    *,
    limit_px: float = 3.0,
    progress: Callable[[float], None] | None = None,
) -> Alignment:
    """The shift of AFTER against BEFORE; both on the same grid.

    Raises: WorkError beyond ``limit_px``; InputError where no band is common.
    """
    bands = pair_bands(before.bands, after.bands)
    places = _places(before, after, bands, progress)
    shift = _shift(places)
    if shift is None:
        return Alignment("not_measurable", 0.0, 0.0, (0.0, 0.0), 0.0, 0.0, 0.0, 0.0, ())
    length = math.hypot(*shift)
    if length > limit_px:
        raise WorkError(
            "The two images lie {shift:.1f} pixels apart, more than the limit of {limit:g};"
            " check the georeference of both, or raise the limit.",
            shift=length,
            limit=limit_px,
        )
    points = _tie_points(places, shift)
    if len(points) < FEWEST:
        return Alignment("not_measurable", 0.0, 0.0, (0.0, 0.0), 0.0, 0.0, 0.0, 0.0, points)
    kept = np.array([(p.dx, p.dy) for p in points if p.used])
    apart, left = (float(np.median(np.hypot(*rest.T))) for rest in (kept, kept - shift))
    moved = length >= MIN_PX and left < apart  # what scatters more than it shifts is not mended by a move
    residual = left if moved else apart
    per_px = _metres(before.geobox)
    east, north = per_px @ (-np.array(shift)) if moved else (0.0, 0.0)
    gsd = math.sqrt(abs(float(np.linalg.det(per_px))))
    return Alignment(
        "shifted" if moved else "aligned",
        round(float(east), 4),
        round(float(north), 4),
        (round(shift[0], 3), round(shift[1], 3)),
        round(apart, 3),
        round(residual, 3),
        round(apart * gsd, 3),
        round(residual * gsd, 3),
        points,
    )


def _metres(geobox: GeoBox) -> NDArray[np.float64]:
    """(2, 2): (right, down) pixels → (east, north) metres."""
    affine = geobox.affine
    matrix = np.array([[affine.a, affine.b], [affine.d, affine.e]])
    if geobox.crs is None or not geobox.crs.geographic:
        return matrix
    bounds = geobox.boundingbox
    latitude = math.radians((bounds.bottom + bounds.top) / 2)
    return np.array([[DEGREE_M[0] * math.cos(latitude)], [DEGREE_M[1]]]) * matrix


@dataclass(frozen=True, eq=False)
class Place:
    """x, y: its centre. block: the part of the image it lies in. cross: spectrum of the correlation of both
    dates; weights: of the clear ground with itself, which the correlation is divided by."""

    x: float
    y: float
    block: int
    cross: Spectrum
    weights: Spectrum


def _places(before: Pixels, after: Pixels, bands: Bands, progress: Callable[[float], None] | None) -> list[Place]:
    """The places where something could be told."""
    shape = size(before)
    rois = _rois(shape)
    found = []
    for number, roi in enumerate(rois):
        spectra = _spectra(read(before, after, bands, roi))
        if spectra is not None:
            y, x = ((part.start + part.stop) / 2 for part in roi)
            block = int(y * BLOCKS / shape[0]) * BLOCKS + int(x * BLOCKS / shape[1])
            found.append(Place(x, y, block, *spectra))
        if progress:
            progress((number + 1) / len(rois))
    return found


def _rois(shape: tuple[int, int]) -> list[ROI]:
    """Squares, half over each other where the image is small, spread evenly where it is large."""
    if min(shape) < LEAST_SIDE_PX:
        return []
    side = min(SIDE_PX, max(LEAST_SIDE_PX, 1 << (min(shape) // 3).bit_length() - 1))
    starts = [
        tuple(min(part.start, whole - side) for part, whole in zip(roi, shape, strict=True))
        for roi in tiles(shape, side // 2)
    ]
    chosen = list(dict.fromkeys(starts))[:PLACES]
    return [(slice(y, y + side), slice(x, x + side)) for y, x in chosen]


def _spectra(joint: Joint) -> tuple[Spectrum, Spectrum] | None:
    """(cross, weights) of one place; None where it cannot be told."""
    clear = quality.clear(quality.grown(joint.quality))
    if clear.mean() < CLEAR:
        return None
    return matching.spectra(joint.before, joint.after, clear)


def _shift(places: Sequence[Place]) -> tuple[float, float] | None:
    """(right, below) shift of AFTER that the places have in common; None where it is not sure."""
    blocks = sorted({place.block for place in places})
    if len(blocks) < FEWEST:
        return None
    parts = [matching.added((p.cross, p.weights) for p in places if p.block == block) for block in blocks]
    cross, weights = (np.sum([part[n] for part in parts], axis=0) for n in (0, 1))
    whole = matching.peak(cross, weights)
    if whole is None:
        return None
    shift = matching.fine(cross, weights, whole, 1.0)
    if shift is None:
        return None
    without = [matching.fine(cross - part, weights - own, whole, 1.0) for part, own in parts]
    if any(one is None for one in without):
        return None
    moved = np.array([one[:2] for one in without if one])
    error = math.sqrt((len(parts) - 1) * float(((moved - moved.mean(axis=0)) ** 2).sum(axis=1).mean()))
    return shift[:2] if error <= SURE_PX else None


def _tie_points(places: Sequence[Place], shift: tuple[float, float]) -> tuple[TiePoint, ...]:
    """Each place's own shift near the common one; outliers by distance from the median, in units of the
    median absolute deviation."""
    own = [(place, matching.fine(place.cross, place.weights, (shift[1], shift[0]), NEAR_PX)) for place in places]
    found = [(place.x, place.y, fine[0], fine[1]) for place, fine in own if fine and fine[2] >= ALIKE]
    if not found:
        return ()
    shifts = np.array([point[2:] for point in found])
    used = np.ones(len(found), bool)
    for _ in range(3):
        apart = np.hypot(*(shifts - np.median(shifts[used], axis=0)).T)
        used = apart <= max(3 * 1.4826 * float(np.median(apart[used])), MIN_PX)
    return tuple(
        TiePoint(x, y, round(dx, 3), round(dy, 3), bool(ok)) for (x, y, dx, dy), ok in zip(found, used, strict=True)
    )
