"""[io] Where a place on the ground lies in an image: GDAL's transformer of its RPC, and what ties added.

Ground is longitude and latitude in degrees and metres above the ellipsoid (CGCS2000 = WGS 84 to
centimetres); positions are x, y in pixels from the outer corner of the first. The correction acts on
the image: (x, y) = M · (1, x, y) of the RPC, a shift or an affine map (Grodecki and Dial 2003; Fraser
and Hanley 2005), so that a change of height still moves the image as the RPC say.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import TransformDirection
from rasterio.errors import RasterioError
from rasterio.rpc import RPC
from rasterio.transform import RPCTransformer

from geodata.errors import UnreadableFile
from geodata.ortho.rpc import Rpc

F64 = NDArray[np.float64]
NONE = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
"""The correction that changes nothing."""


class Camera:
    """rpc: of the image; correction: (2, 3), None = as delivered."""

    def __init__(self, rpc: Rpc, path: object, correction: F64 | None = None) -> None:
        self.rpc, self.path = rpc, path
        self.correction = NONE if correction is None else correction
        self._gdal = RPCTransformer(RPC(**asdict(rpc)))

    def corrected(self, correction: F64) -> Camera:
        """The same camera with this correction instead of its own."""
        return Camera(self.rpc, self.path, correction)

    def raw(self, lon: F64, lat: F64, height: F64 | float) -> tuple[F64, F64]:
        """(x, y) as the RPC alone say; arrays of one shape."""
        heights = np.broadcast_to(np.asarray(height, float), np.shape(lon))
        x, y = self._transform(lon, lat, heights, TransformDirection.reverse)
        return x, y

    def seen(self, lon: F64, lat: F64, height: F64 | float) -> tuple[F64, F64]:
        """(x, y) with the correction."""
        return moved(self.correction, *self.raw(lon, lat, height))

    def ground(self, x: F64, y: F64, height: float) -> tuple[F64, F64]:
        """(longitude, latitude) of what is seen at x, y on a level of ``height``, the correction undone.

        Raises: UnreadableFile where the RPC see nothing there.
        """
        a, b = self.correction
        x, y = np.linalg.solve([a[1:], b[1:]], [np.ravel(x) - a[0], np.ravel(y) - b[0]])
        lon, lat = self._transform(x, y, np.full(np.shape(x), height), TransformDirection.forward)
        if not (np.isfinite(lon).all() and np.isfinite(lat).all() and np.abs(lat).max() <= 90):
            raise self.wrong()
        return lon, lat

    def wrong(self) -> UnreadableFile:
        return UnreadableFile(
            "{path}: its RPC do not see the ground over the whole image; check that they belong to it.", path=self.path
        )

    def _transform(self, one: Any, two: Any, heights: Any, way: TransformDirection) -> tuple[F64, F64]:
        shape = np.shape(one)
        try:
            found = self._gdal._transform(np.ravel(one), np.ravel(two), np.ravel(heights), way)
        except RasterioError:
            raise self.wrong() from None
        first, second = (np.asarray(part, float).reshape(shape) for part in found)
        return first, second


def moved(correction: F64, x: F64, y: F64) -> tuple[F64, F64]:
    """(x, y) · correction."""
    a, b = correction
    return a[0] + a[1] * x + a[2] * y, b[0] + b[1] * x + b[2] * y
