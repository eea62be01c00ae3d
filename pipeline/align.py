"""How far two dates lie apart on BEFORE's grid (sub-pixel), measured at many places.

At each place the gradients of both dates are correlated (edges stay where brightness changes), the
peak is found to a fiftieth of a pixel (Guizar-Sicairos, Thurman and Fienup 2008), outliers are
rejected by their distance from the median in units of the median absolute deviation.

The image itself is moved by ``geodata.rasterfile.open_pixels(onto=…, shift_m=…)``. Radiometric
harmonisation is a by-product of detection: ``Model.gain`` and ``Model.offset``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geodata.errors import WorkError
from geodata.scene import Pixels
from pipeline import quality
from pipeline.detect import Bands, pair_bands
from pipeline.detect.joint import Joint, read, size, tiles

MIN_PX = 0.1
"""A smaller shift is left: resampling would cost more than it mends."""
PLACES = 36
SIDE_PX, LEAST_SIDE_PX = 256, 32
FEWEST = 4
"""Tie points that must agree."""
ALIKE = 0.25
"""Least correlation of the gradients at the peak."""
CLEAR = 0.9
"""Least share of a place that is jointly clear; masks have edges of their own."""
SMOOTH_PX = 0.7
"""Gradients of unsmoothed pixels draw the peak towards whole pixels."""
SURE_PX = 0.25
"""Largest standard error of the median shift that counts as measured."""

DEGREE_M = (111_320.0, 110_574.0)
"""A degree of longitude at the equator and of latitude, as ``open_pixels`` takes them."""

F32 = NDArray[np.float32]


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
    found = _tie_points(before, after, bands, progress)
    used, shift, sure = _agreed(found)
    points = tuple(
        TiePoint(x, y, round(dx, 3), round(dy, 3), bool(ok)) for (x, y, dx, dy), ok in zip(found, used, strict=True)
    )
    if not sure:
        return Alignment("not_measurable", 0.0, 0.0, (0.0, 0.0), 0.0, 0.0, 0.0, 0.0, points)
    length = math.hypot(*shift)
    if length > limit_px:
        raise WorkError(
            "The two images lie {shift:.1f} pixels apart, more than the limit of {limit:g};"
            " check the georeference of both, or raise the limit.",
            shift=length,
            limit=limit_px,
        )
    kept = np.array([point[2:] for point in found])[used]
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


def _tie_points(
    before: Pixels, after: Pixels, bands: Bands, progress: Callable[[float], None] | None
) -> list[tuple[float, float, float, float]]:
    """(x, y, dx, dy) of the places where something could be told."""
    shape = size(before)
    side = min(SIDE_PX, max(LEAST_SIDE_PX, 1 << (min(shape) // 4).bit_length() - 1)) if min(shape) >= 4 else 0
    found = []
    places = [roi for roi in tiles(shape, side) if all(p.stop - p.start == side for p in roi)][:PLACES] if side else []
    for number, roi in enumerate(places):
        shift = _shift(read(before, after, bands, roi))
        if shift is not None:
            found.append((roi[1].start + side / 2, roi[0].start + side / 2, *shift))
        if progress:
            progress((number + 1) / len(places))
    return found


def _shift(joint: Joint) -> tuple[float, float] | None:
    """(right, below) shift of AFTER in one place; None where it cannot be told."""
    from skimage.registration import phase_cross_correlation

    clear = quality.clear(quality.grown(joint.quality))
    if clear.mean() < CLEAR:
        return None
    one, two = _edges(joint.before, clear), _edges(joint.after, clear)
    if one is None or two is None:
        return None
    (down, right), error, _ = phase_cross_correlation(one, two, upsample_factor=50, normalization=None)
    if 1 - error**2 < ALIKE**2 or max(abs(down), abs(right)) > len(one) / 4:
        return None
    return -float(right), -float(down)


def _edges(values: F32, clear: NDArray[np.bool_]) -> F32 | None:
    """Sum over the bands of the gradient's length, in units of the band's spread; no outliers, no border."""
    total = np.zeros(clear.shape, np.float32)
    inside = cv2.erode(clear.view(np.uint8), np.ones((3, 3), np.uint8)).view(bool)
    for band in values:
        spread = float(band[clear].std())
        if spread <= 1e-6 * max(1e-12, float(np.abs(band[clear]).max())):
            continue
        filled = np.where(clear, band, np.float32(band[clear].mean())) / np.float32(spread)
        quiet = cv2.GaussianBlur(filled, (0, 0), SMOOTH_PX)
        total += np.hypot(cv2.Sobel(quiet, cv2.CV_32F, 1, 0), cv2.Sobel(quiet, cv2.CV_32F, 0, 1))
    if not inside.any() or total[inside].std() == 0:
        return None
    total = np.minimum(total, np.float32(np.percentile(total[inside], 99)))
    total = np.where(inside, total - np.float32(total[inside].mean()), np.float32(0))
    taper = np.hanning(len(total)).astype(np.float32)
    return total * taper[:, None] * taper[None, :]


def _agreed(
    found: list[tuple[float, float, float, float]],
) -> tuple[NDArray[np.bool_], tuple[float, float], bool]:
    """(which are used, median shift, whether it counts as measured)."""
    used = np.ones(len(found), bool)
    if len(found) < FEWEST:
        return used, (0.0, 0.0), False
    shifts = np.array([point[2:] for point in found])
    for _ in range(3):
        middle = np.median(shifts[used], axis=0)
        apart = np.hypot(*(shifts - middle).T)
        used = apart <= max(3 * 1.4826 * float(np.median(apart[used])), MIN_PX)
    middle = np.median(shifts[used], axis=0)
    error = 1.2533 * float(np.hypot(*(shifts[used] - middle).T).std()) / math.sqrt(int(used.sum()))
    sure = int(used.sum()) >= max(FEWEST, len(found) / 3) and error <= SURE_PX
    return used, (float(middle[0]), float(middle[1])), sure
