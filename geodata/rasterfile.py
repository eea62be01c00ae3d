"""[io] Windows of an image file in; georeferenced grids out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geodata.scene import ROI, Raster


@dataclass(eq=False)
class FilePixels:
    """A file's pixels, read by windows (``scene.Pixels``); open by context manager or at the first read."""

    path: Path
    geobox: GeoBox
    bands: tuple[str, ...]
    quality_codes: str | None = None
    saturation: float | None = None

    def read(self, roi: ROI) -> Raster:
        raise NotImplementedError

    def close(self) -> None: ...

    def __enter__(self) -> FilePixels:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def open_pixels(
    path: Path,
    *,
    bands: Sequence[str] | None = None,
    quality_codes: str | None = None,
    quality_path: Path | None = None,
    scale: float | Sequence[float] = 1.0,
    offset: float | Sequence[float] = 0.0,
    nodata: float | None | str = "tag",
    saturation: float | None = None,
    crs: str | None = None,
    onto: GeoBox | None = None,
    shift_m: tuple[float, float] = (0.0, 0.0),
) -> FilePixels:
    raise NotImplementedError


def describe(path: Path) -> dict[str, Any]:
    raise NotImplementedError


class GridWriter:
    """A tiled GeoTIFF on ``geobox``, written by windows; it appears at ``path`` only when complete."""

    def __init__(
        self,
        path: Path,
        geobox: GeoBox,
        dtype: str,
        count: int = 1,
        nodata: float | None = None,
        *,
        descriptions: Sequence[str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        raise NotImplementedError

    def __enter__(self) -> GridWriter:
        return self

    def __exit__(self, *exc: object) -> None: ...

    def write(self, roi: ROI, array: NDArray[Any]) -> None:
        """``array``: (y, x) or (band, y, x) of the window."""


class Chip(NamedTuple):
    """rgb: (y, x, 3) uint8 in EPSG:3857; bounds_lonlat: (west, south, east, north); valid: (y, x) bool."""

    rgb: NDArray[np.uint8]
    bounds_lonlat: tuple[float, float, float, float]
    valid: NDArray[np.bool_]


def crop(
    path: Path,
    bounds_lonlat: tuple[float, float, float, float],
    size_px: int,
    bands: int | Sequence[str] = 3,
    *,
    stretch: NDArray[np.float64] | None = None,
) -> Chip:
    raise NotImplementedError


def crop_pair(
    before: Path,
    after: Path,
    bounds_lonlat: tuple[float, float, float, float],
    size_px: int,
    bands: int | Sequence[str] = 3,
    *,
    percentiles: tuple[float, float] = (2.0, 98.0),
) -> tuple[Chip, Chip]:
    """The same ground at two dates, with one stretch for both."""
    raise NotImplementedError


def rasterize(geometries: Any, geobox: GeoBox, roi: ROI | None = None) -> NDArray[np.bool_]:
    raise NotImplementedError


def polygonize(mask: NDArray[np.bool_], connectivity: int = 4, transform: Any = None) -> NDArray[Any]:
    raise NotImplementedError


def convert_to_cog(src: Path, dst: Path, *, progress: Callable[[float], None] | None = None) -> dict[str, Any]:
    raise NotImplementedError
