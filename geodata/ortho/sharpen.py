"""Pan-sharpening by adaptive Gram-Schmidt (GSA: Aiazzi, Baronti and Selva 2007, IEEE TGRS 45(10), 3230-3239).

The intensity is the mix of the bands that comes closest to the panchromatic image where both have the
bands' pixels (least squares over the whole scene); what the panchromatic image shows beyond it is added to
each band times cov(band, intensity) / var(intensity). Two passes by windows: sums first, then pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geodata.errors import InputError
from geodata.ortho.laid import Laid
from geodata.scene import ROI, Raster, windows

METHOD = "GSA"
SOURCE = "Aiazzi, Baronti, Selva 2007, doi:10.1109/TGRS.2007.901007"
WINDOWS = 100
"""As many windows, spread over the scene, give the sums."""
FEWEST = 1000
"""Pixels that the sums need."""

F64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Mix:
    """weights: (bands,) and constant of the intensity; gains: (bands,) of the detail; fit: share of the variance
    of the panchromatic image that the intensity explains."""

    weights: F64
    constant: float
    gains: F64
    fit: float

    def record(self) -> dict[str, Any]:
        return {
            "method": METHOD,
            "source": SOURCE,
            "weights": [round(float(v), 6) for v in self.weights],
            "constant": round(self.constant, 4),
            "gains": [round(float(v), 6) for v in self.gains],
            "fit": round(self.fit, 4),
        }


class Sharpened:
    """The bands of ``bands`` on the grid of ``pan`` with its detail: ``scene.Pixels``."""

    quality_codes = None
    saturation = None

    def __init__(self, bands: Laid, pan: Laid, mix: Mix) -> None:
        self.bands, self.geobox = bands.bands, pan.geobox
        self._coarse, self._pan, self._mix = bands.onto(pan.geobox), pan, mix

    def read(self, roi: ROI) -> Raster:
        pan, coarse = self._pan.read(roi), self._coarse.read(roi)
        valid = pan.valid & coarse.valid
        values = sharpened(coarse.values, pan.values[0], self._mix)
        values[:, ~valid] = 0
        return Raster(values, valid, None, pan.geobox, self.bands)


def sharpened(coarse: NDArray[np.float32], pan: NDArray[np.float32], mix: Mix) -> NDArray[np.float32]:
    """``coarse`` (band, y, x) already on the grid of ``pan`` (y, x), with its detail."""
    intensity = np.tensordot(mix.weights.astype(np.float32), coarse, 1) + np.float32(mix.constant)
    return coarse + mix.gains.astype(np.float32)[:, None, None] * (pan - intensity)


def mixed(bands: Laid, pan: Laid, grid: GeoBox, progress: Callable[[float], None]) -> Mix:
    """How the bands make up the panchromatic image, looked at on ``grid``, that has the bands' pixel size.

    Raises: InputError where both hardly overlap, or the bands do not explain it at all.
    """
    coarse, fine = bands.onto(grid), pan.onto(grid)
    rois = list(windows(grid.shape.yx, 512))
    rois = rois[:: -(-len(rois) // WINDOWS)]
    sums = np.zeros((len(bands.bands) + 2,) * 2)
    for number, roi in enumerate(rois):
        one, two = coarse.read(roi), fine.read(roi)
        valid = one.valid & two.valid
        columns = np.vstack([one.values[:, valid], two.values[:1, valid], np.ones((1, int(valid.sum())))]).astype(float)
        sums += columns @ columns.T
        progress((number + 1) / len(rois))
    return mix_of(sums, pan.camera.path)


def mix_of(sums: F64, path: object) -> Mix:
    """From the sums of products of (bands …, pan, 1). Raises: InputError."""
    count = sums[-1, -1]
    if count < FEWEST:
        raise InputError(
            "{path}: the panchromatic image and the bands hardly overlap; leave --pansharpen out or name the pair"
            " of one delivery.",
            path=path,
        )
    means = sums[:-1, -1] / count
    covariance = sums[:-1, :-1] / count - np.outer(means, means)
    own, with_pan, of_pan = covariance[:-1, :-1], covariance[:-1, -1], covariance[-1, -1]
    weights = np.linalg.lstsq(own, with_pan, rcond=1e-10)[0]
    variance = float(weights @ own @ weights)
    if variance <= 1e-6 * max(of_pan, 1e-12):
        raise InputError(
            "{path}: the panchromatic image shows nothing of what the bands show; leave --pansharpen out or name the"
            " pair of one delivery.",
            path=path,
        )
    return Mix(weights, float(means[-1] - weights @ means[:-1]), own @ weights / variance, variance / float(of_pan))
