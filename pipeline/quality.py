"""What may be compared: one bit each for nodata, cloud, shadow, cirrus, snow, water, saturated.

A pixel is compared where both dates are clear. Water is information, not an obstacle: it is
kept as a bit and does not make a pixel unclear. Cloud and shadow reach further than their masks
say, so both are grown by ``GROWN_PX`` pixels.

Quality in and out: uint8 (y, x), the sum (``|``) of ``Quality`` bits.
"""

from __future__ import annotations

from enum import IntFlag

import cv2
import numpy as np
from numpy.typing import NDArray

from geodata.scene import Raster
from geodata.sensors import QualityTable


class Quality(IntFlag):
    NODATA = 1 << 0
    CLOUD = 1 << 1
    SHADOW = 1 << 2
    CIRRUS = 1 << 3
    SNOW = 1 << 4
    WATER = 1 << 5
    SATURATED = 1 << 6


UNCLEAR = int(~Quality.WATER & 0x7F)
"""Any of these and the pixel is not compared."""

REASONS = (Quality.NODATA, Quality.CLOUD, Quality.SHADOW, Quality.CIRRUS, Quality.SNOW, Quality.SATURATED)
"""The order in which an unclear pixel is given its one reason, so that the counts add up."""

GROWN_PX = 2
"""Masks miss the thin rim of clouds and shadows; two pixels are 20 m at 10 m GSD."""


def bits(raster: Raster, codes: QualityTable | None = None, saturation: float | None = None) -> NDArray[np.uint8]:
    """Quality bits of one date, (y, x), before growing.

    codes: what the product's quality band means (``sensors.QUALITY``); None = quality unknown, only
    nodata and saturation are told. saturation: value at and above which a pixel is saturated.
    """
    found = np.where(raster.valid, np.uint8(0), np.uint8(Quality.NODATA))
    if raster.quality is not None and codes is not None:
        found |= _lookup(raster.quality, codes)
    if saturation is not None:
        found[(raster.values >= saturation).any(axis=0)] |= np.uint8(Quality.SATURATED)
    return found


def _lookup(quality: NDArray[np.integer], table: QualityTable) -> NDArray[np.uint8]:
    found = np.zeros(quality.shape, np.uint8)
    for bit, names in table.bits.items():
        found |= ((quality >> bit) & 1).astype(np.uint8) * np.uint8(_sum(names))
    if table.codes:
        other = max(table.codes) + 1  # stands for every value that the table does not list
        meant = np.full(other + 1, _sum(table.other), np.uint8)
        for code, names in table.codes.items():
            meant[code] = _sum(names)
        found |= meant[np.where((quality < 0) | (quality > other), other, quality)]
    return found


def _sum(names: tuple[str, ...]) -> int:
    return int(sum({int(Quality[name.upper()]) for name in names}))


def grown(found: NDArray[np.uint8], px: int = GROWN_PX) -> NDArray[np.uint8]:
    """The same bits, cloud and shadow spread by ``px`` pixels (a square of 2 px + 1)."""
    out = found.copy()
    kernel = np.ones((2 * px + 1, 2 * px + 1), np.uint8)
    for bit in (Quality.CLOUD, Quality.SHADOW):
        one = found & np.uint8(bit)
        if px and one.any():
            out |= cv2.dilate(one, kernel).astype(np.uint8)
    return out


def clear(found: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (found & np.uint8(UNCLEAR)) == 0


def tally(found: NDArray[np.uint8]) -> dict[str, int]:
    """How many pixels are clear, and how many are not for each reason; they add up to all.

    found: bits of one date, or the two dates' bits joined by ``|``. A pixel with several reasons
    counts for the first in ``REASONS``. Keys: "clear", "nodata", "cloud", … in lower case.
    """
    counts = np.zeros(256, np.int64)
    flat = np.ascontiguousarray(found).reshape(1, -1)
    for start in range(0, flat.shape[1], 1 << 23):  # its counts are float32, exact to 2²⁴
        part = flat[:, start : start + (1 << 23)]
        counts += cv2.calcHist([part], [0], None, [256], [0, 256]).ravel().astype(np.int64)
    out = {"clear": 0} | {str(bit.name).lower(): 0 for bit in REASONS}
    for value in np.flatnonzero(counts).tolist():
        reason = next((bit for bit in REASONS if value & bit), None)
        out["clear" if reason is None else str(reason.name).lower()] += int(counts[value])
    return out
