"""Score and decision by windows → Change polygons, seamless across windows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from odc.geo.geobox import GeoBox
from shapely.geometry.base import BaseGeometry

from pipeline.detect.protocol import Model
from pipeline.detect.run import Scored


@dataclass(frozen=True)
class Spectra:
    """Mean and standard deviation of each band inside a patch, and the mean of the ring around it
    (3 px outward, jointly clear pixels only); values as compared (after harmonised to before)."""

    before: Mapping[str, float]
    after: Mapping[str, float]
    before_std: Mapping[str, float]
    after_std: Mapping[str, float]
    ring_before: Mapping[str, float]
    ring_after: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Change:
    """A patch that differs between two scenes.

    geometry: Polygon with its holes, in ``crs`` (BEFORE's grid; None where there is no georeference).
    score: mean of the patch's pixels, 0 to 1. edge_unseen: share of its outline that touches
    pixels not jointly clear, 0 to 1. area_m2: by the survey's formula, None without a CRS.
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


def min_area_m2(gsd_m: float) -> float:
    """The least patch that is issued, by the ground sample distance."""
    return max(50.0, 4 * gsd_m**2)


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

    min_area: m² (px without a CRS); None = ``min_area_m2`` of the grid.
    """
    raise NotImplementedError
