"""Scene: what was seen, when, by what, on which grid; and how its pixels are read.

Rasters are (band, y, x) float32 with a (y, x) bool mask of valid pixels. A window is an ROI,
a pair of slices (rows, columns), so that ``geobox[roi]`` is the window's own grid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geodata.words import Text

ROI = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class Raster:
    """Values on a grid, in memory.

    values: (band, y, x) float32, scaled where the product's own metadata says so.
    valid: (y, x) bool, False at nodata and outside the image.
    quality: (y, x) raw codes of the product's quality band; None if it has none.
    """

    values: NDArray[np.float32]
    valid: NDArray[np.bool_]
    quality: NDArray[np.integer] | None
    geobox: GeoBox
    bands: tuple[str, ...]


class Pixels(Protocol):
    """A scene's pixels, read by windows; never the whole image at once."""

    @property
    def geobox(self) -> GeoBox: ...
    @property
    def bands(self) -> tuple[str, ...]: ...
    @property
    def quality_codes(self) -> str | None:
        """Name of the code table of the quality band in ``sensors.QUALITY``; None = quality unknown."""
        ...

    @property
    def saturation(self) -> float | None:
        """The value at and above which a pixel is saturated, on the scale of ``values``."""
        ...

    def read(self, roi: ROI) -> Raster: ...


@dataclass(frozen=True, eq=False)
class ArrayPixels:
    """Pixels in memory, for tests and small images."""

    values: NDArray[np.float32]
    geobox: GeoBox
    bands: tuple[str, ...]
    valid: NDArray[np.bool_] | None = None
    quality: NDArray[np.integer] | None = None
    quality_codes: str | None = None
    saturation: float | None = None

    def read(self, roi: ROI) -> Raster:
        valid = np.ones(self.values.shape[1:], bool) if self.valid is None else self.valid
        quality = None if self.quality is None else self.quality[roi]
        return Raster(self.values[(slice(None), *roi)], valid[roi], quality, self.geobox[roi], self.bands)


@dataclass(frozen=True, eq=False)
class Scene:
    """One acquisition on one grid.

    id: ours (uuid5 of the file's sha256); names on disk follow it, never platform or file name.
    assets: {"data": href, "quality": href} relative to the catalogue's root.
    provenance: {file name: sha256} of what was handed in.
    cloud_cover: per cent of the valid pixels, None where the quality is unknown.
    valid_share: share of the grid's pixels with a measurement, 0 to 1.
    scale, offset: what values are multiplied by and increased by, one or one a band.
    saturation: the value, scaled, at and above which a pixel is saturated; None = not known.
    view: degrees by STAC's names of its view extension (off_nadir, azimuth, sun_elevation, sun_azimuth), as far as the
    delivery tells them.
    ortho: how it was laid on the ground by its RPC, tied and sharpened (``ortho.intake.Laying.record``); None =
    it came as an orthomosaic.
    """

    id: str
    platform: str
    acquired_at: datetime
    geobox: GeoBox
    gsd_m: float
    bands: tuple[str, ...]
    assets: Mapping[str, str]
    cloud_cover: float | None
    provenance: Mapping[str, str]
    quality_codes: str | None = None
    dtype: str = "uint16"
    nodata: float | None = None
    scale: float | tuple[float, ...] = 1.0
    offset: float | tuple[float, ...] = 0.0
    warnings: tuple[Text, ...] = field(default=())
    valid_share: float = 1.0
    saturation: float | None = None
    view: Mapping[str, float] = field(default_factory=dict)
    ortho: Mapping[str, Any] | None = None

    @property
    def sha256(self) -> str:
        return next(iter(self.provenance.values()))


def windows(shape: tuple[int, int], size: int = 1024) -> Iterator[ROI]:
    """ROIs that cover (rows, columns) without overlap, row by row of tiles."""
    rows, columns = shape
    for y in range(0, rows, size):
        for x in range(0, columns, size):
            yield slice(y, min(y + size, rows)), slice(x, min(x + size, columns))
