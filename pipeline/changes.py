"""Score and decision by windows → Change polygons, seamless across windows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from shapely.geometry.base import BaseGeometry

from geodata.area import area_m2
from pipeline import outlines, quality

if TYPE_CHECKING:  # the nouns of this file are read by all; its work asks for much more
    from pipeline.detect.protocol import Model
    from pipeline.detect.run import Scored
    from pipeline.patches import Sums

Array = NDArray[Any]

STATISTICS_PIXELS = 1_000_000
"""Percentiles are taken of about so many pixels, evenly spread."""


@dataclass(frozen=True)
class Spectra:
    """Mean and standard deviation of each band inside a patch, and the mean of the ring around it
    (3 px outward, jointly clear pixels only; empty where there is none); values as compared (after
    harmonised to before)."""

    before: Mapping[str, float]
    after: Mapping[str, float]
    before_std: Mapping[str, float]
    after_std: Mapping[str, float]
    ring_before: Mapping[str, float]
    ring_after: Mapping[str, float]


@dataclass(frozen=True)
class Rise:
    """Of a surface: median over the patch, below 0 where it sank; and the standard deviation of the difference of
    both models around it where nothing changed."""

    height_m: float
    noise_m: float


@dataclass(frozen=True, eq=False)
class Change:
    """A patch that differs between two scenes.

    geometry: Polygon with its holes, in ``crs`` (BEFORE's grid; None where there is no georeference).
    score: mean of the patch's pixels, 0 to 1. edge_unseen: share of its outline that touches
    pixels not jointly clear, 0 to 1. area_m2: by the survey's formula, None without a CRS. rise: None unless
    heights were compared.
    """

    geometry: BaseGeometry
    crs: str | None
    before_id: str
    after_id: str
    method: str
    method_version: str
    score: float
    area_px: int
    area_m2: float | None
    edge_unseen: float
    spectra: Spectra
    rise: Rise | None = None


@dataclass(frozen=True)
class BandStatistics:
    """Of the jointly clear pixels of a whole pair: (2, 25, 50, 75, 98) percentiles by band and date."""

    before: Mapping[str, tuple[float, float, float, float, float]]
    after: Mapping[str, tuple[float, float, float, float, float]]


@dataclass(frozen=True, eq=False)
class Traced:
    """changes: ordered by first pixel (top row, then column). too_small: (count, m² or, without a CRS, px)
    of the patches below the minimum area. tally: ``quality.tally`` of the whole pair."""

    changes: tuple[Change, ...]
    too_small: tuple[int, float]
    statistics: BandStatistics
    tally: Mapping[str, int]
    crs: str | None = None


LEAST_M2, LEAST_PX = 50.0, 4
"""Patches are issued from 50 m² on (domain 3.2); under four pixels, shape and spectra say nothing."""


def min_area_m2(gsd_m: float) -> float:
    """The least patch that is traced, by ground sample distance: 50 m² up to 3.5 m, 400 m² at 10 m."""
    return max(LEAST_M2, LEAST_PX * gsd_m**2)


def trace(
    scored: Iterable[Scored],
    model: Model,
    geobox: GeoBox,
    *,
    before_id: str,
    after_id: str,
    min_area: float | None = None,
) -> Traced:
    """Connected patches of change with their outlines, holes and spectra.

    min_area: m² (px without a CRS); None = ``min_area_m2`` of the grid. It is compared with a
    patch's number of pixels, so that patches of one size are treated alike.
    """
    from pipeline.patches import gather

    cell_m2 = cell_area_m2(geobox)
    least = _least_px(cell_m2, min_area)
    watch = _Watch((geobox.height, geobox.width), len(model.bands.names))
    found: list[tuple[Sums, Array]] = []
    small_count = small_px = 0
    for sums, corners in gather(watch.passing(scored), len(model.bands.names)):
        large = sums.px >= least
        small_count += int((~large).sum())
        small_px += int(sums.px[~large].sum())
        if large.any():
            _, shapes = outlines.polygons(corners[large[corners.label]], geobox.affine)
            found.append((sums[large], shapes))
    return Traced(
        tuple(_changes(found, model, geobox, before_id, after_id)),
        (small_count, round(small_px * (cell_m2 or 1.0), 2)),
        watch.statistics(model),
        watch.tally,
        None if geobox.crs is None else str(geobox.crs),
    )


def cell_area_m2(geobox: GeoBox) -> float | None:
    """Mean area of a pixel on the ellipsoid; None without a CRS."""
    if geobox.crs is None:
        return None
    whole = np.array([geobox.extent.geom], dtype=object)
    return float(area_m2(whole, str(geobox.crs))[0]) / (geobox.shape[0] * geobox.shape[1])


def _least_px(cell_m2: float | None, min_area: float | None) -> int:
    if cell_m2 is None:
        return LEAST_PX if min_area is None else max(1, math.ceil(min_area))
    wanted = min_area_m2(math.sqrt(cell_m2)) if min_area is None else min_area
    # A 10 m pixel has 99.9 or 100.1 m² on the ellipsoid: 400 m² are four pixels either way.
    return max(1, math.ceil(wanted / cell_m2 - 0.05))


def _changes(
    found: list[tuple[Sums, Array]], model: Model, geobox: GeoBox, before_id: str, after_id: str
) -> Iterator[Change]:
    """In the order of their first pixels."""
    if not found:
        return
    from pipeline.patches import Sums

    sums = Sums(*(np.concatenate([getattr(s, name) for s, _ in found]) for name in Sums.__dataclass_fields__))
    shapes = np.concatenate([shape for _, shape in found])
    crs = None if geobox.crs is None else str(geobox.crs)
    areas = None if crs is None else area_m2(shapes, crs)
    for n in np.argsort(sums.first):
        yield Change(
            geometry=shapes[n],
            crs=crs,
            before_id=before_id,
            after_id=after_id,
            method=model.method,
            method_version=model.version,
            score=round(float(sums.score[n] / sums.px[n]), 6),
            area_px=int(sums.px[n]),
            area_m2=None if areas is None else round(float(areas[n]), 2),
            edge_unseen=round(float(sums.unseen_sides[n] / sums.sides[n]), 6),
            spectra=_spectra(sums, int(n), model),
        )


def _spectra(sums: Sums, n: int, model: Model) -> Spectra:
    bands = len(model.bands.names)
    mean = sums.inside[n] / sums.px[n]
    first, second = mean[:bands], mean[bands : 2 * bands]
    deviation = np.sqrt(np.maximum(mean[2 * bands :] - mean[: 2 * bands] ** 2, 0))
    ring = sums.ring[n] / sums.ring_px[n] if sums.ring_px[n] else None
    return Spectra(
        before=_by_band(model, first),
        after=_by_band(model, second * model.gain + model.offset),
        before_std=_by_band(model, deviation[:bands]),
        after_std=_by_band(model, deviation[bands:] * model.gain),
        ring_before={} if ring is None else _by_band(model, ring[:bands]),
        ring_after={} if ring is None else _by_band(model, ring[bands:] * model.gain + model.offset),
    )


def _by_band(model: Model, values: Array) -> dict[str, float]:
    # Six digits: what lies beyond depends on the order in which pixels were added.
    return {name: float(f"{value:.6g}") for name, value in zip(model.bands.names, values, strict=True)}


def looked_at(shape: tuple[int, int], rows: slice) -> NDArray[np.intp]:
    """Places (flat, in a strip of these rows of an image of this shape) that its statistics are taken of."""
    step = max(1, shape[0] * shape[1] // STATISTICS_PIXELS)
    while math.gcd(step, shape[1]) > 1:  # or only some columns would ever be looked at
        step += 1
    return np.arange(-rows.start * shape[1] % step, (rows.stop - rows.start) * shape[1], step)


class _Watch:
    """Looks on as strips pass: counts their quality, and keeps the jointly clear of the pixels ``looked_at``."""

    def __init__(self, shape: tuple[int, int], bands: int) -> None:
        self.tally = quality.tally(np.empty(0, np.uint8))
        self._shape = shape
        self._held: list[NDArray[np.float32]] = [np.empty((2 * bands, 0), np.float32)]

    def passing(self, scored: Iterable[Scored]) -> Iterator[Scored]:
        for strip in scored:
            for name, count in quality.tally(strip.quality).items():
                self.tally[name] += count
            places = looked_at(self._shape, strip.roi[0])
            places = places[quality.clear(strip.quality.ravel()[places])]
            self._held.append(np.stack([b.ravel()[places] for date in (strip.before, strip.after) for b in date]))
            yield strip

    def statistics(self, model: Model) -> BandStatistics:
        values = np.concatenate(self._held, axis=1)
        if values.shape[1] == 0:
            return BandStatistics({}, {})
        found = np.percentile(values.astype(np.float64), (2, 25, 50, 75, 98), axis=1)
        bands = len(model.bands.names)
        first, second = found[:, :bands], found[:, bands:] * model.gain + model.offset
        names = list(enumerate(model.bands.names))
        return BandStatistics(
            {name: _five(first[:, n]) for n, name in names}, {name: _five(second[:, n]) for n, name in names}
        )


def _five(values: Array) -> tuple[float, float, float, float, float]:
    a, b, c, d, e = (float(value) for value in values)
    return a, b, c, d, e
