"""An image is tied to a reference: where it lies off, by many small patches, and what mends it.

Coarse, over the whole image: the common shift, up to ``SEARCH_M``. Fine, twice: patches on a lattice
are compared by ``geodata.matching``; of each, the place in the image that the reference shows there is
held against where the RPC say it is. What is fitted acts on the image (``camera``): a shift, or an
affine map where enough points lie all over it; the start by least median of squares (Rousseeuw 1984),
outliers beyond three times their spread left out. Each fourth point is never used in a fit: it checks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geodata import matching, resample
from geodata.errors import InputError
from geodata.identify import gsd_m
from geodata.ortho.camera import F64, moved
from geodata.ortho.laid import Laid, to_ground
from geodata.scene import ROI, Pixels

SEARCH_M = 100.0
"""How far an image may lie off by its RPC."""
SIDE_PX, LEAST_SIDE_PX = 128, 32
COARSE_PLACES, PLACES = 36, 196
CLEAR = 0.6
"""Least share of a patch that both images show."""
FEWEST, FEWEST_CHECKS = 8, 3
FOR_AFFINE = 20
"""Points from which on an affine map is fitted, where they lie all over the image."""
SPREAD = 0.2
"""Standard deviation of their positions, in image sizes, that counts as all over (0.29: evenly)."""
FLOOR_PX = 0.5
"""Points closer to the fit than this are no outliers."""
LEAST_USED = 0.5
"""Share of the points that must agree."""
TRIES = 300
BANDS = 4
"""As many bands of each image are compared."""


class Reference(Protocol):
    """What can be looked at on any grid: ``FilePixels``, ``Laid``."""

    @property
    def geobox(self) -> GeoBox: ...
    def onto(self, geobox: GeoBox) -> Pixels: ...


@dataclass(frozen=True)
class Residual:
    """points: that agree; left_out: outliers. Root mean square and largest residual in pixels of the image and in
    metres."""

    points: int
    left_out: int
    rmse_px: float
    max_px: float
    rmse_m: float
    max_m: float


@dataclass(frozen=True)
class Tie:
    """model: "shift" or "affine". before: how far the image lay off, of the points used; used: residual of the
    points that were fitted; checked: of those that were not. correction: of the camera."""

    model: str
    before: Residual
    used: Residual
    checked: Residual
    correction: tuple[tuple[float, ...], ...]

    @property
    def residual_px(self) -> float:
        """The figure that decides: the larger root mean square."""
        return max(self.used.rmse_px, self.checked.rmse_px)

    def record(self) -> dict[str, Any]:
        return {**asdict(self), "correction": [list(row) for row in self.correction]}


@dataclass(frozen=True, eq=False)
class Points:
    """(n,) arrays in pixels of the image. x, y: where the RPC alone say that a place is seen; seen_x, seen_y: where
    the reference shows that it is; check: not to be used in a fit."""

    x: F64
    y: F64
    seen_x: F64
    seen_y: F64
    check: NDArray[np.bool_]

    def off(self, correction: F64) -> tuple[F64, F64]:
        """(right, below) residual under a correction."""
        x, y = moved(correction, self.x, self.y)
        return self.seen_x - x, self.seen_y - y


def tie(image: Laid, reference: Reference, progress: Callable[[float], None]) -> tuple[Laid, Tie]:
    """The image with its camera corrected, and the report. ``image.geobox`` is the grid that it is laid on.

    Raises: InputError where too little of it agrees with the reference to say.
    """
    progress(0.0)
    start = _coarse(image, reference)
    laid = image.onto(image.geobox, image.camera.corrected(start))
    _, once = _fitted(_points(laid, reference, lambda share: progress(0.1 + 0.45 * share)), laid)
    laid = image.onto(image.geobox, image.camera.corrected(once))
    points = _points(laid, reference, lambda share: progress(0.55 + 0.45 * share))
    model, correction = _fitted(points, laid)
    laid = image.onto(image.geobox, image.camera.corrected(correction))
    return laid, _report(model, correction, points, _gsd(image))


def _gsd(image: Laid) -> float:
    return abs(image.geobox.affine.a)


# --- the common shift --------------------------------------------------------------------------


def _coarse(image: Laid, reference: Reference) -> F64:
    """The correction by one shift for all. Raises: InputError."""
    size = max(_gsd(image), _pixel_m(reference.geobox, image.geobox), SEARCH_M / (SIDE_PX / 2))
    grid = _grid(image.geobox, size)
    side = _side(grid, 2 * SIDE_PX)
    found = []
    for roi in _lattice(grid.shape.yx, side, COARSE_PLACES):
        spectra = _spectra(image, reference, grid, roi)
        if spectra is not None:
            found.append(spectra)
    if not found:
        raise _unlike(image)
    # of many places together the noise is low: that the peak stands out says enough, and the tie points tell after
    common = matching.peak(*matching.added(found), 0.0)
    own = [common] if common else [peak for one in found if (peak := matching.peak(*one))]
    if not common and len(own) < 4:
        raise _unlike(image)
    down, right = np.median(own, axis=0)
    x, y = _in_pixels(image, grid, right, down)
    return np.array([[x, 1.0, 0.0], [y, 0.0, 1.0]])


def _in_pixels(image: Laid, grid: GeoBox, right: float, down: float) -> tuple[float, float]:
    """By how many pixels of the image a shift of (right, down) pixels of ``grid`` moves it, at its middle."""
    rows, columns = grid.shape
    at = np.array([[columns / 2, rows / 2], [columns / 2 + right, rows / 2 + down]])
    lon, lat = to_ground(str(grid.crs)).transform(*resample.apply(grid.affine, at[:, 0], at[:, 1]))
    x, y = image.camera.raw(lon, lat, image.camera.rpc.height_off)
    return float(x[1] - x[0]), float(y[1] - y[0])


def _unlike(image: Laid) -> InputError:
    return InputError(
        "{path}: cannot be found in the reference (no common edges within {m:g} m of where its RPC lay it); name an"
        " orthomosaic of the same place with --reference.",
        path=image.camera.path,
        m=SEARCH_M,
    )


# --- tie points --------------------------------------------------------------------------------


def _points(laid: Laid, reference: Reference, progress: Callable[[float], None]) -> Points:
    size = max(_gsd(laid), _pixel_m(reference.geobox, laid.geobox))
    grid = _grid(laid.geobox, size)
    side = _side(grid, SIDE_PX)
    places = list(_lattice(grid.shape.yx, side, PLACES))
    found, check = [], []
    for number, roi in enumerate(places):
        moved_by = _moved_by(laid, reference, grid, roi)
        if moved_by is not None:
            middle = (roi[1].start + side / 2, roi[0].start + side / 2)
            found.append((*middle, *moved_by))
            check.append(len(found) % 4 == 0)
        progress((number + 1) / len(places))
    if len(found) - sum(check) < FEWEST or sum(check) < FEWEST_CHECKS:
        raise _too_few(laid, len(found))
    at = np.array(found)
    x, y = _in_image(laid, grid, at[:, :2], laid.camera.raw)
    seen_x, seen_y = _in_image(laid, grid, at[:, :2] + at[:, 2:], laid.camera.seen)
    return Points(x, y, seen_x, seen_y, np.array(check))


def _moved_by(laid: Laid, reference: Reference, grid: GeoBox, roi: ROI) -> tuple[float, float] | None:
    """By how many pixels of ``grid`` the image lies right of and below the reference in a patch; None: not told."""
    spectra = _spectra(laid, reference, grid, roi)
    whole = matching.peak(*spectra) if spectra else None
    if spectra is None or whole is None:
        return None
    near = matching.fine(*spectra, whole, 1.0, 0.25)
    fine = matching.fine(*spectra, (near[1], near[0]), 0.3) if near else None
    return fine[:2] if fine and fine[2] >= matching.ALIKE else None


def _spectra(image: Laid, reference: Reference, grid: GeoBox, roi: ROI) -> matching.Spectra | None:
    patch = grid[roi]
    whole = (slice(0, patch.shape[0]), slice(0, patch.shape[1]))
    there = reference.onto(patch).read(whole)
    if there.valid.mean() < CLEAR:
        return None
    here = image.onto(patch).read(whole)
    clear = here.valid & there.valid
    if clear.mean() < CLEAR:
        return None
    return matching.spectra(there.values[:BANDS], here.values[:BANDS], clear)


def _in_image(laid: Laid, grid: GeoBox, at: F64, seen: Callable[..., tuple[F64, F64]]) -> tuple[F64, F64]:
    """Where the image shows places of ``grid``, each at its height."""
    heights = []
    for column, row in at:
        spot = GeoBox((1, 1), grid.affine @ Affine.translation(column - 0.5, row - 0.5), grid.crs)
        height, known = laid.terrain.heights(spot)
        heights.append(float(height[0, 0]) if known[0, 0] else math.nan)
    lon, lat = to_ground(str(grid.crs)).transform(*resample.apply(grid.affine, at[:, 0], at[:, 1]))
    return seen(lon, lat, np.nan_to_num(np.array(heights), nan=float(np.nanmean(heights))))


def _too_few(laid: Laid, count: int) -> InputError:
    return InputError(
        "{path}: only {count} tie points with the reference were found, {fewest} are needed; name an orthomosaic of"
        " the same place and a like season with --reference.",
        path=laid.camera.path,
        count=count,
        fewest=FEWEST + FEWEST_CHECKS,
    )


def _grid(area: GeoBox, size: float) -> GeoBox:
    """``area`` with pixels of ``size`` metres."""
    return area if size <= abs(area.affine.a) * 1.001 else area.zoom_out(size / abs(area.affine.a))


def _pixel_m(grid: GeoBox, like: GeoBox) -> float:
    """Pixel size of ``grid`` in metres."""
    return gsd_m(grid) if grid.crs is not None else abs(like.affine.a)


def _side(grid: GeoBox, most: int) -> int:
    """Of the patches: a power of two that leaves room for some."""
    return min(most, max(LEAST_SIDE_PX, 1 << (min(grid.shape) // 3).bit_length() - 1))


def _lattice(shape: tuple[int, int], side: int, most: int) -> Iterator[ROI]:
    """About ``most`` squares spread evenly over (rows, columns), half over each other at the closest."""
    rows, columns = shape[0] - side, shape[1] - side
    if min(rows, columns) < 0:
        return
    step = max(side / 2, math.sqrt(shape[0] * shape[1] / most))
    for y in np.linspace(0, rows, max(1, round(rows / step) + 1)).round().astype(int):
        for x in np.linspace(0, columns, max(1, round(columns / step) + 1)).round().astype(int):
            yield slice(int(y), int(y) + side), slice(int(x), int(x) + side)


# --- the fit -----------------------------------------------------------------------------------


def _fitted(points: Points, laid: Laid) -> tuple[str, F64]:
    """(model, correction) from the points that do not check."""
    used = np.flatnonzero(~points.check)
    rows, columns = laid.pixels.geobox.shape
    inliers = used[_agreeing(points, used, 1)]
    if len(inliers) < FEWEST:
        raise _too_few(laid, len(inliers))
    wide = np.std(points.x[inliers]) >= SPREAD * columns and np.std(points.y[inliers]) >= SPREAD * rows
    if len(inliers) < FOR_AFFINE or not wide:
        return "shift", _least_squares(points, inliers, 1)
    return "affine", _least_squares(points, used[_agreeing(points, used, 3)], 3)


def _agreeing(points: Points, among: NDArray[np.intp], terms: int) -> NDArray[np.bool_]:
    """Which of the points ``among`` agree with one map of 1 (shift) or 3 (affine) terms."""
    chance = np.random.default_rng(0)
    best, least = None, math.inf
    for _ in range(TRIES):
        some = chance.choice(among, terms, replace=False)
        tried = _least_squares(points, some, terms)
        middle = float(np.median(np.hypot(*points.off(tried))[among]))
        if middle < least:
            best, least = tried, middle
    assert best is not None
    for _ in range(3):
        apart = np.hypot(*points.off(best))[among]
        keep = apart <= _bound(apart)
        best = _least_squares(points, among[keep], terms)
    return keep


def _bound(apart: F64) -> float:
    """Beyond it a residual is an outlier: three times the spread, by the median (Rayleigh: 1.1774 σ)."""
    return max(3 * float(np.median(apart)) / 1.1774, FLOOR_PX)


def _least_squares(points: Points, some: NDArray[np.intp], terms: int) -> F64:
    """The correction with 1 or 3 free terms for each axis."""
    x, y, seen_x, seen_y = (part[some] for part in (points.x, points.y, points.seen_x, points.seen_y))
    if terms == 1:
        return np.array([[float((seen_x - x).mean()), 1.0, 0.0], [float((seen_y - y).mean()), 0.0, 1.0]])
    design = np.column_stack([np.ones(len(some)), x, y])
    return np.stack([np.linalg.lstsq(design, seen, rcond=None)[0] for seen in (seen_x, seen_y)])


def _report(model: str, correction: F64, points: Points, gsd: float) -> Tie:
    apart = np.hypot(*points.off(correction))
    before = np.hypot(*points.off(np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])))
    bound = _bound(apart[~points.check])
    good = apart <= bound
    used, checks = good & ~points.check, good & points.check
    return Tie(
        model,
        _residual(before[used], 0, gsd),
        _residual(apart[used], int((~good & ~points.check).sum()), gsd),
        _residual(apart[checks], int((~good & points.check).sum()), gsd),
        tuple(tuple(round(float(v), 9) for v in row) for row in correction),
    )


def _residual(apart: F64, left_out: int, gsd: float) -> Residual:
    rmse, most = (float(np.sqrt((apart**2).mean())), float(apart.max())) if len(apart) else (math.inf, math.inf)
    return Residual(len(apart), left_out, round(rmse, 3), round(most, 3), round(rmse * gsd, 3), round(most * gsd, 3))
