"""How far one image patch lies from another of the same ground, to a fiftieth of a pixel. Pure.

Of each patch the structure tensor is taken, summed over its bands (Di Zenzo 1986): the direction of an
edge, doubled, is the same whichever side is brighter, so that a field keeps its outline while its crop
changes, and so that two sensors with other bands can be compared. Patches are correlated by their
spectra; the correlation is divided by that of the clear ground with itself. Sub-pixel: it is computed
on a grid of a fiftieth of a pixel about the peak (Guizar-Sicairos, Thurman and Fienup 2008).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

ALIKE = 0.2
"""Least correlation at the peak."""
STANDS_OUT = 1.5
"""The peak against the next highest, at least ``LOBE_PX`` away: noise alone gives hardly more than 1."""
LOBE_PX = 4
SMOOTH_PX = 0.7
"""Gradients of unsmoothed pixels draw the peak towards whole pixels."""
STEP_PX = 0.02

F32 = NDArray[np.float32]
Spectrum = NDArray[np.complexfloating]
Spectra = tuple[Spectrum, Spectrum]
"""The correlation of two patches, and that of their clear ground with itself."""


def spectra(one: F32, two: F32, clear: NDArray[np.bool_]) -> Spectra | None:
    """Of two square patches (band, y, x) on the same grid, as (cross, weights); None where one shows no edge.

    clear: (y, x), where both were seen.
    """
    # the edges of a mask are no edges of the land: gradients need two pixels on either side
    inside = cv2.erode(clear.view(np.uint8), np.ones((5, 5), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    taper = np.hanning(len(clear) + 2)[1:-1].astype(np.float32)
    weight = inside.astype(np.float32) * taper[:, None] * taper[None, :]
    first, second = _edges(one, clear, weight), _edges(two, clear, weight)
    if first is None or second is None:
        return None
    own = fft.fft2(weight)
    return fft.fft2(first) * np.conj(fft.fft2(second)), own * np.conj(own)


def _edges(values: F32, clear: NDArray[np.bool_], weight: F32) -> NDArray[np.complex64] | None:
    """(y, x) complex: direction of the edge, doubled, and the gradient's length, over all bands in units
    of each band's spread; mean square 1 on clear ground."""
    total = np.zeros(clear.shape, np.complex64)
    for band in values:
        spread = float(band[clear].std())
        if spread <= 1e-6 * max(1e-12, float(np.abs(band[clear]).max())):
            continue
        filled = np.where(clear, band, np.float32(band[clear].mean())) / np.float32(spread)
        quiet = cv2.GaussianBlur(filled, (0, 0), SMOOTH_PX)
        total += (cv2.Sobel(quiet, cv2.CV_32F, 1, 0) + 1j * cv2.Sobel(quiet, cv2.CV_32F, 0, 1)) ** 2
    length = np.sqrt(np.abs(total))
    here = length[weight > 0]
    if not len(here) or not here.any():
        return None
    # what stands out beyond all others (a roof, a cloud's rim) has no more say than the strongest edges
    capped = np.minimum(length, np.float32(np.percentile(here, 99)))
    edges = total / np.maximum(length, np.float32(1e-12)) ** 2 * capped
    square = float((np.abs(edges[weight > 0]) ** 2).mean())
    return edges * (weight / np.float32(math.sqrt(square))) if square > 0 else None


def added(parts: Iterable[Spectra]) -> Spectra:
    """Many places as one: their correlations added up. ``parts`` must not be empty."""
    first, *others = parts
    cross, weights = (spectrum.astype(np.complex128) for spectrum in first)
    for one, own in others:
        cross += one
        weights += own
    return cross, weights


def peak(cross: Spectrum, weights: Spectrum, alike_from: float = ALIKE) -> tuple[int, int] | None:
    """The shift (down, right) in whole pixels with the highest correlation, up to a quarter of the patch;
    None where it does not stand out, or is lower than ``alike_from``."""
    middle, reach = len(cross) // 2, len(cross) // 4
    near = slice(middle - reach, middle + reach + 1)
    alike, own = (fft.fftshift(fft.ifft2(spectrum).real)[near, near] for spectrum in (cross, weights))
    alike = alike / own
    y, x = np.unravel_index(int(alike.argmax()), alike.shape)
    if min(y, x) == 0 or max(y, x) == 2 * reach:
        return None
    rows, columns = np.ogrid[: len(alike), : len(alike)]
    others = alike[np.hypot(rows - y, columns - x) > LOBE_PX]
    if alike[y, x] < max(alike_from, STANDS_OUT * float(others.max())):
        return None
    return reach - int(y), reach - int(x)


def fine(
    cross: Spectrum, weights: Spectrum, about: tuple[float, float], reach_px: float, step_px: float = STEP_PX
) -> tuple[float, float, float] | None:
    """(right, below, correlation) of the peak within ``reach_px`` of ``about`` (down, right): by how many
    pixels the second patch lies right of and below the first; None at the rim."""
    count = round(reach_px / step_px)
    steps = np.arange(-count, count + 1) * step_px
    waves = 2j * np.pi * fft.fftfreq(len(cross))
    down, right = (np.exp(np.outer(-(middle + steps), waves)) for middle in about)
    scale = len(cross) ** 2
    alike = (down @ cross @ right.T).real / scale
    alike /= np.maximum((down @ weights @ right.T).real / scale, 1e-12)
    y, x = np.unravel_index(int(alike.argmax()), alike.shape)
    if min(y, x) == 0 or max(y, x) == 2 * count:
        return None
    return round(about[1] + steps[x], 6), round(about[0] + steps[y], 6), float(alike[y, x])
