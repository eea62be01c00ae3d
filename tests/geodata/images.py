"""Small images with answers that can be checked by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray

NORTH_UP = Affine(10, 0, 500_000, 0, -10, 3_000_000)
UTM49 = "EPSG:32649"


def write(
    path: Path,
    values: NDArray[Any],
    *,
    transform: Affine | None = NORTH_UP,
    crs: str | None = UTM49,
    nodata: float | None = None,
    names: tuple[str | None, ...] | None = None,
    tags: dict[str, str] | None = None,
    **options: Any,
) -> Path:
    """``values`` (band, y, x) as GeoTIFF."""
    profile: dict[str, Any] = {"driver": "GTiff", "photometric": "minisblack", "crs": crs, "nodata": nodata}
    if transform is not None:
        profile["transform"] = transform
    count, height, width = values.shape
    profile |= {"count": count, "height": height, "width": width, "dtype": values.dtype} | options
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(values)
        if names:
            dataset.descriptions = names
        dataset.update_tags(**(tags or {}))
    return path


def ramp(height: int = 30, width: int = 40, bands: int = 1, dtype: str = "float32") -> NDArray[Any]:
    """Value of a pixel = 100 × row + column (+ 10,000 × band): each pixel tells where it came from."""
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([100 * rows + columns + 10_000 * band for band in range(bands)]).astype(dtype)
