"""Cloud and shadow of a scene whose delivery has no mask: spectral tests, confirmed by geometry.

Values may be reflectance, raw counts or stretched bytes: every band is measured in spreads of the
scene's own clear ground, so that neither gain nor offset of a band matters. The tests are built on
published ideas: brightness and whiteness (Zhu and Woodcock 2012, "Fmask", RSE 118), the haze
transform of blue against red (Zhang et al. 2002, RSE 82), shadows as dips of near and short-wave
infrared, matched to their clouds.

A new roof is as white as a cloud. What decides is that clouds cast their shadows far and all one
way: the one displacement at which the candidates' ground is darkest is searched, and unless it
stands out from all others the scene counts as cloudless (``SHADOWED``), however bright its roofs.
Where the delivery says where the sun stood, only displacements away from it are asked.
The same is then asked of each candidate. Only where candidates cover so much that no town could be
it (``OVERCAST``) is no shadow asked for.

It needs blue, green and red, better with near infrared, better still with short-wave infrared;
thermal is used where it is there. It needs some clear ground, half of the scene at best; thin
cirrus, fog and a scene wholly under cloud are not found.

Everything is decided on cells of about ``CELL_M``, at most ``MOST_CELLS`` of them: memory does not
grow with the image, and the answer does not depend on how it is read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from geodata.identify import gsd_m
from geodata.scene import ROI, Pixels
from pipeline.quality import Quality

__all__ = ["NEEDED", "VERSION", "Sky", "find"]

F32 = NDArray[np.float32]
Mask = NDArray[np.bool_]

VERSION = "builtin-1"
NEEDED = ("blue", "green", "red")
USED = (*NEEDED, "nir", "swir1", "thermal")
CELL_M = 20.0
MOST_CELLS = 2048 * 2048
LEAST_SIDE = 256
"""Cells along the shorter side below which pixels are not joined into cells."""
LEAST_CELLS = 2500
"""Fewer valid cells tell nothing of what clear ground looks like."""
SAMPLES = 4
"""Pixels along each side that a cell's mean is taken of."""
STRIP_BYTES = 48 * 1024 * 1024

CORE, RIM = (3.0, 1.0), (1.0, 0.75)
"""(brightness in every visible band, blue above red), in spreads of clear ground: of a cloud, and of its rim."""
LEAST_M2 = 10_000.0
"""A smaller cloud is not told from a building."""
SMOOTH_M = 500.0
"""How far the ground's usual brightness is smoothed, which a shadow is darker than."""
SUN_DEG = 20.0
"""Where the sun stood is known, shadows lie away from it to within so many degrees."""
NEAR_M, FAR_M = 150.0, 3000.0
"""Shadows are looked for so far from their clouds; those of buildings lie nearer."""
SHADOWED = (0.5, 4.0)
"""How dark, in spreads, the candidates' ground is at the displacement found, and by how many (robust) standard
deviations that stands out from all other displacements."""
LEAST_IN_ALL_M2 = 100_000.0
"""Clouds with shadows must cover so much together: one roof and one pond that happen to fit prove nothing."""
OVERCAST = 0.25
"""Share of the scene that candidates cover, from which on they are clouds without a shadow seen."""
OWN_SHADOW = 1 / 2
"""Share of the common darkness that a cloud's own shadow must have."""
SEEN_SHADOW = 0.3
"""Share of a cloud's shadow that must fall on clear ground of the image to be asked for."""
DARK = 0.5
"""How dark ground is that counts as shadow, where a cloud's shadow falls."""
SCALES = np.linspace(0.4, 1.6, 13)
"""Clouds of one scene float at different heights: their shadows lie so many times the common displacement away."""


@dataclass(frozen=True, eq=False)
class Sky:
    """cloud, shadow: (rows, columns) of cells; factor: pixels along a cell's side. moved_m: (east, north) metres from
    clouds to their shadows, None where none was found. candidates: (rows, columns) before shadows were asked for."""

    cloud: Mask
    shadow: Mask
    factor: int
    candidates: Mask
    moved_m: tuple[float, float] | None = None

    def bits(self, roi: ROI) -> NDArray[np.uint8]:
        """``Quality`` bits (cloud, shadow) of a window of the scene, (y, x)."""
        rows, columns = (np.arange(part.start, part.stop) // self.factor for part in roi)
        where = np.ix_(rows, columns)
        cloud, shadow = self.cloud[where], self.shadow[where]
        return (cloud * np.uint8(Quality.CLOUD) | shadow * np.uint8(Quality.SHADOW)).astype(np.uint8)


def find(
    pixels: Pixels, sun_azimuth: float | None = None, progress: Callable[[float], None] | None = None
) -> Sky | None:
    """Clouds and shadows of a scene; None where bands or clear cells are too few to say.

    sun_azimuth: degrees clockwise from north, None where it is not known.
    """
    if not set(NEEDED) <= set(pixels.bands):
        return None
    side_m = gsd_m(pixels.geobox) if pixels.geobox.crs is not None else abs(pixels.geobox.resolution.x)
    height, width = pixels.geobox.shape
    factor = _factor((height, width), side_m)
    bands, valid = _cells(pixels, factor, progress or (lambda share: None))
    if valid.sum() < LEAST_CELLS:
        return None
    found = _candidates(bands, valid)
    found = _large(found, LEAST_M2 / (side_m * factor) ** 2)
    return _confirmed(found, bands, valid, factor, side_m * factor, sun_azimuth)


def _factor(shape: tuple[int, int], side_m: float) -> int:
    wished = min(round(CELL_M / side_m), min(shape) // LEAST_SIDE)
    needed = int(np.ceil(np.sqrt(shape[0] * shape[1] / MOST_CELLS)))
    return max(1, wished, needed)


def _cells(pixels: Pixels, factor: int, progress: Callable[[float], None]) -> tuple[dict[str, F32], Mask]:
    """{band: means of the cells}, and the cells whose pixels are all valid. Sums run pixel by pixel in one order, so
    that they do not depend on the strips."""
    names = [name for name in USED if name in pixels.bands]
    places = np.array([pixels.bands.index(name) for name in names])
    height, width = pixels.geobox.shape
    rows, columns = -(-height // factor), -(-width // factor)
    many = min(factor, SAMPLES)
    offsets = [(2 * k + 1) * factor // (2 * many) for k in range(many)]
    values, valid = np.zeros((len(names), rows, columns), np.float32), np.ones((rows, columns), bool)
    step = max(1, STRIP_BYTES // (4 * width * len(pixels.bands) * factor))
    for start in range(0, rows, step):
        stop = min(start + step, rows)
        top = start * factor
        part = pixels.read((slice(top, min(stop * factor, height)), slice(0, width)))
        for dy in offsets:
            y = np.minimum(np.arange(start, stop) * factor + dy, height - 1) - top
            for dx in offsets:
                x = np.minimum(np.arange(columns) * factor + dx, width - 1)
                values[:, start:stop] += part.values[np.ix_(places, y, x)]
                valid[start:stop] &= part.valid[np.ix_(y, x)]
        progress(stop / rows)
    values /= np.float32(many * many)
    valid &= np.isfinite(values).all(axis=0)
    values[:, ~valid] = 0
    return dict(zip(names, values, strict=True)), valid


def _candidates(bands: dict[str, F32], valid: Mask) -> Mask:
    """Cells as bright and white as clouds; ``bands`` are turned into spreads of clear ground on the way."""
    _standardise(bands, valid)
    bright = np.minimum(np.minimum(bands["blue"], bands["green"]), bands["red"])
    haze = bands["blue"] - bands["red"]
    core = valid & (bright > CORE[0]) & (haze > CORE[1])
    if "nir" in bands:
        core &= bands["nir"] > 0
    if "thermal" in bands:
        core &= bands["thermal"] < 0
    rim = valid & (bright > RIM[0]) & (haze > RIM[1])
    return _reached(core, core | rim)


def _standardise(bands: dict[str, F32], valid: Mask) -> None:
    """Each band less the median of clear ground, by its spread (half of what lies between 16 and 84 per cent).

    Clear ground is at first the darker half in blue, then whatever is no candidate by what it gave.
    """
    step = max(1, int(valid.sum()) // 500_000)
    sample = {name: band[valid][::step].astype(np.float64) for name, band in bands.items()}
    clear = sample["blue"] <= np.median(sample["blue"])
    for _ in range(6):
        scales = {name: _scale(band[clear]) for name, band in sample.items()}
        blue, green, red = ((sample[name] - scales[name][0]) / scales[name][1] for name in NEEDED)
        now = ~((np.minimum(np.minimum(blue, green), red) > CORE[0]) & (blue - red > CORE[1]))
        if (now == clear).all():
            break
        clear = now
    for name, (middle, spread) in scales.items():
        bands[name] -= np.float32(middle)
        bands[name] /= np.float32(spread)
        bands[name][~valid] = 0


def _scale(values: NDArray[np.float64]) -> tuple[float, float]:
    low, middle, high = np.percentile(values, [16, 50, 84])
    return float(middle), float((high - low) / 2) or float("inf")


def _reached(core: Mask, region: Mask) -> Mask:
    """The connected pieces of ``region`` that hold some of ``core``."""
    count, labels = cv2.connectedComponents(region.astype(np.uint8), connectivity=8)
    keep = np.zeros(count, bool)
    keep[labels[core]] = True
    keep[0] = False
    return keep[labels]


def _large(found: Mask, cells: float) -> Mask:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8), connectivity=8)
    keep = stats[:, cv2.CC_STAT_AREA] >= cells
    keep[0] = False
    return keep[labels]


# --- shadows ----------------------------------------------------------------------------------


def _confirmed(
    found: Mask, bands: dict[str, F32], valid: Mask, factor: int, cell_m: float, sun_azimuth: float | None
) -> Sky:
    none = np.zeros_like(found)
    if not found.any():
        return Sky(none, none, factor, found)
    free = valid & (cv2.dilate(found.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0)
    dark = _darkness(bands, free, SMOOTH_M / cell_m)
    moved = _displacement(found, dark, free, cell_m, sun_azimuth)
    if moved is None:
        overcast = found.sum() >= OVERCAST * valid.sum()
        return Sky(found if overcast else none, none, factor, found)
    (dy, dx), depth = moved
    cloud, shadow = _matched(found, dark, free, (dy, dx), depth)
    if cloud.sum() * cell_m**2 < LEAST_IN_ALL_M2:
        return Sky(none, none, factor, found)
    return Sky(cloud, shadow & ~cloud & valid, factor, found, (dx * cell_m, -dy * cell_m))


def _darkness(bands: dict[str, F32], free: Mask, cells: float) -> F32:
    """By how many spreads a cell is darker than the ground around it, in each of two bands; −2 to 2, mean 0."""
    two = [name for name in ("nir", "swir1", "red", "green") if name in bands][:2]
    weight = np.maximum(_smoothed(free.astype(np.float32), cells), np.float32(1e-3))
    depths = [_smoothed(np.where(free, bands[name], 0), cells) / weight - bands[name] for name in two]
    dark = np.clip(np.minimum(*depths), -2, 2)
    return (dark - dark[free].mean(dtype=np.float64) if free.any() else dark).astype(np.float32)


def _smoothed(values: F32, cells: float) -> F32:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), cells, borderType=cv2.BORDER_REFLECT), np.float32)


def _displacement(
    found: Mask, dark: F32, free: Mask, cell_m: float, sun_azimuth: float | None
) -> tuple[tuple[int, int], float] | None:
    """((down, right) in cells, darkness there) at which the ground beside the candidates is darkest; None where that
    does not stand out. All displacements at once, by correlation."""
    reach = min(int(FAR_M / cell_m), min(found.shape) // 3)
    size = [fft.next_fast_len(n + reach, real=True) for n in found.shape]
    cloud = np.conj(fft.rfft2(found.astype(np.float32), size))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    total, cells = (
        fft.irfft2(fft.rfft2(one, size) * cloud, size)[y, x]
        for one in (np.where(free, dark, np.float32(0)), free.astype(np.float32))
    )
    away = np.hypot(y, x)
    asked = (away >= max(3, NEAR_M / cell_m)) & (away <= reach) & (cells >= SEEN_SHADOW * found.sum())
    if not asked.any():
        return None
    depth = total / np.maximum(cells, 1)
    # Where few of the cells are seen, chance makes more of them.
    excess = (depth - np.median(depth[asked])) * np.sqrt(np.maximum(cells, 0))
    spread = 1.4826 * np.median(np.abs(excess[asked]))
    asked &= (depth >= SHADOWED[0]) & (excess >= SHADOWED[1] * spread)
    if sun_azimuth is not None:
        sun = np.radians(sun_azimuth)
        asked &= y * np.cos(sun) - x * np.sin(sun) >= away * np.cos(np.radians(SUN_DEG))
    if not asked.any():
        return None
    best = int(np.where(asked, excess, -np.inf).argmax())
    return (int(y.flat[best]), int(x.flat[best])), float(depth.flat[best])


def _matched(found: Mask, dark: F32, free: Mask, moved: tuple[int, int], depth: float) -> tuple[Mask, Mask]:
    """The candidates that have a shadow of their own, or whose shadow cannot be seen; and the shadows."""
    count, found_labels = cv2.connectedComponents(found.astype(np.uint8), connectivity=8)
    labels = np.asarray(found_labels, np.int32)
    places = [(round(moved[0] * scale), round(moved[1] * scale)) for scale in SCALES]
    sizes = np.bincount(labels.ravel(), minlength=count)
    depths = np.full((len(places), count), -np.inf)
    for n, place in enumerate(places):
        fallen = _moved(labels, place)
        on = free & (fallen > 0)
        cells = np.bincount(fallen[on], minlength=count)
        sums = np.bincount(fallen[on], dark[on], minlength=count)
        seen = cells >= np.maximum(SEEN_SHADOW * sizes, 1)
        depths[n, seen] = sums[seen] / cells[seen]
    best, deepest = depths.argmax(axis=0), depths.max(axis=0)
    unseen, dark_enough = ~np.isfinite(deepest), deepest >= OWN_SHADOW * depth
    keep = unseen | dark_enough
    keep[0] = False
    shadow = np.zeros_like(found)
    for n, place in enumerate(places):
        chosen = dark_enough & (best == n)
        chosen[0] = False
        if chosen.any():
            shadow |= _moved(chosen[labels].astype(np.int32), place) > 0
    near = cv2.dilate(shadow.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return keep[labels], near & (dark > DARK)


def _moved(cells: NDArray[np.int32], by: tuple[int, int]) -> NDArray[np.int32]:
    """Moved down and right; what comes in from outside is 0."""
    out = np.zeros_like(cells)
    (y, x), (rows, columns) = by, cells.shape
    out[max(y, 0) : rows + min(y, 0), max(x, 0) : columns + min(x, 0)] = cells[
        max(-y, 0) : rows + min(-y, 0), max(-x, 0) : columns + min(-x, 0)
    ]
    return out
