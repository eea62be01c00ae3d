"""[io] Between polygons and pixels (a door for ``rasterio.features``; nothing is read or written)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import rasterio.features
import shapely
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geodata.scene import ROI


def rasterize(
    geometries: Iterable[Any], geobox: GeoBox, roi: ROI | None = None, *, all_touched: bool = False
) -> NDArray[np.bool_]:
    """(y, x): which pixels of ``geobox`` (of its window ``roi``) have their centre in a geometry.

    ``geometries``: shapely, in the CRS of ``geobox``.
    """
    window = geobox if roi is None else geobox[roi]
    shapes = [g for g in geometries if g is not None and not g.is_empty]
    if not shapes:
        return np.zeros(window.shape, bool)
    burned = rasterio.features.rasterize(
        shapes, out_shape=tuple(window.shape), transform=window.affine, all_touched=all_touched, dtype="uint8"
    )
    return burned.astype(bool)


def polygonize(mask: NDArray[Any], connectivity: int = 4, transform: Affine | None = None) -> NDArray[np.object_]:
    """Polygons (shapely, with holes) around the connected True pixels of ``mask`` (y, x).

    transform: pixel to world; None = pixel coordinates. Pixels that touch at a corner only are
    together with ``connectivity`` 8, apart with 4.
    """
    wanted = np.ascontiguousarray(mask, dtype=np.uint8)
    found = rasterio.features.shapes(
        wanted, mask=wanted.astype(bool), connectivity=connectivity, transform=transform or Affine.identity()
    )
    polygons = [shapely.Polygon(shape["coordinates"][0], shape["coordinates"][1:]) for shape, value in found if value]
    return np.array(polygons, dtype=object)
