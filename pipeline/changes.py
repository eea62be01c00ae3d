"""Score and decision by windows → Change polygons, seamless across windows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shapely.geometry.base import BaseGeometry


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
