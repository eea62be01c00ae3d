"""The ground of the township: relief, fields, villages, roads, water. Metres in EPSG:32649.

Arrays are (row, column) from the north-west corner, ``CELL`` metres a cell. Fields are the cells of
nearest-seed partitions: in the river plain a brick pattern of consolidated fields, in the side
valleys distance counts height too, so that fields lie long and narrow along the contours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

WEST, NORTH = 645100.0, 3086300.0
"""North-west corner in EPSG:32649; 112.5° E runs through the middle."""
SIDE_M = 5120.0
CELL = 4.0
CELLS = int(SIDE_M / CELL)
MERIDIAN_M = 2575.0
"""112.5° E, metres east of ``WEST`` (it wanders by 40 m from south to north)."""

PLAIN, VALLEY, FOOT, WOOD = range(4)


def generator(seed: int, purpose: int) -> np.random.Generator:
    """One stream of random numbers a purpose: a change in one room moves nothing in another."""
    return np.random.default_rng([seed, purpose])


def noise(rng: np.random.Generator, cells: int, scale: float, octaves: int = 1) -> Floats:
    """Smooth noise (cells, cells), mean 0 and standard deviation 1; features of about ``scale`` cells."""
    total = np.zeros((cells, cells), np.float32)
    for octave in range(octaves):
        step = max(scale / 2**octave / 4, 1.0)
        small = int(cells / step) + 12
        rough = rng.standard_normal((small, small), dtype=np.float32)
        fine = cv2.GaussianBlur(rough, (0, 0), 1.6)
        size = int(small * step)
        fine = cv2.resize(fine, (size, size), interpolation=cv2.INTER_CUBIC)
        total += fine[:cells, :cells] / fine.std() * 0.5**octave
    return (total - total.mean()) / total.std()


def ramp(values: NDArray, low: Any, high: Any) -> NDArray:
    """0 below ``low``, 1 above ``high``, a smooth step between."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


@dataclass(frozen=True, eq=False)
class Relief:
    """height: metres; rise: metres above the valley floor; axis: signed field whose zero lines are the
    valleys' axes; river_m: distance to the river; zone: PLAIN, VALLEY, FOOT, WOOD."""

    height: Floats
    rise: Floats
    axis: Floats
    river_m: Floats
    zone: NDArray[np.uint8]


def river_line(seed: int) -> Array:
    """The river's axis as (n, 2) points x, y, from west to east."""
    rng = generator(seed, 1)
    x = np.arange(-200.0, SIDE_M + 201, 10)
    bends = np.interp(x, np.linspace(-300, SIDE_M + 300, 15), rng.uniform(-190, 190, 15))
    y = 2700 - 0.13 * x + 330 * np.sin(x / 980 + 0.7) + ndimage.gaussian_filter1d(bends, 14)
    return np.c_[WEST + x, NORTH - y]


def relief(seed: int) -> Relief:
    """Low wooded hills cut by winding valleys, and the plain of one river."""
    rng = generator(seed, 2)
    axis = noise(rng, CELLS, 150) + 0.38 * noise(rng, CELLS, 62) + 0.10 * noise(rng, CELLS, 26)
    swell = 0.75 + 0.35 * noise(rng, CELLS, 330)
    centre = (np.arange(CELLS) + 0.5) * CELL
    line = river_line(seed)
    course = np.interp(centre, line[:, 0] - WEST, NORTH - line[:, 1])
    slope = np.gradient(course, CELL)
    river_m = np.abs(centre[:, None] - course[None, :]) / np.sqrt(1 + slope**2)[None, :]
    hill = 1 - np.exp(-((np.abs(axis) / 0.95) ** 2.0))
    edge = 60 * noise(rng, CELLS, 60)
    rise = 78 * hill * np.clip(swell, 0.25, 1.6) * ramp(river_m + edge, 150, 560)
    height = 48 + rise + 0.004 * (SIDE_M - centre[None, :]) + 0.006 * river_m + 0.5 * noise(rng, CELLS, 20)
    bands = np.digitize(cv2.GaussianBlur(rise.astype(np.float32), (0, 0), 2), [9.0, 18.5])
    zone = np.array([VALLEY, FOOT, WOOD], np.uint8)[bands]
    zone[(river_m + edge < 310) & (rise < 5)] = PLAIN
    return Relief(height.astype(np.float32), rise.astype(np.float32), axis, river_m.astype(np.float32), _tidied(zone))


def _tidied(zone: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Zones without specks: parts below 0.3 ha take the zone around them."""
    zone = np.asarray(cv2.medianBlur(zone, 7), np.uint8)
    specks = np.zeros(zone.shape, bool)
    for value in range(4):
        _, parts, stats, _ = cv2.connectedComponentsWithStats((zone == value).astype(np.uint8), connectivity=4)
        specks |= (zone == value) & (stats[:, cv2.CC_STAT_AREA] < 3000 / CELL**2)[parts]
    nearest = ndimage.distance_transform_edt(specks, return_distances=False, return_indices=True)
    return np.asarray(zone[tuple(nearest)], np.uint8)


@dataclass(frozen=True, eq=False)
class Fields:
    """label: (row, column) index of the field of each cell; one entry a field in all others.

    group: DLTB parcel that it belongs to. x, y: its seed, metres. zone: see Relief.
    """

    label: Ints
    group: Ints
    x: Array
    y: Array
    zone: NDArray[np.uint8]


def _seeds(rng: np.random.Generator, spacing: float) -> Array:
    """A jittered grid of points (x, y from the north-west corner, y down), ``spacing`` metres apart."""
    count = int(SIDE_M / spacing) + 2
    ix, iy = np.meshgrid(np.arange(count), np.arange(count))
    jitter = rng.uniform(-0.42, 0.42, (2, count, count))
    shifted = ix + 0.5 * (iy % 2) + jitter[0]
    return np.c_[(shifted * spacing).ravel(), ((iy + jitter[1]) * spacing).ravel()]


def _at(points: Array, grid: NDArray) -> NDArray:
    index = np.clip((points / CELL).astype(int), 0, CELLS - 1)
    return grid[index[:, 1], index[:, 0]]


def _embedded(points: Array, ground: Relief, stretch: float) -> Array:
    """x, y and a third coordinate that grows up the slope: near means near along the contour."""
    up = _at(points, cv2.GaussianBlur(ground.rise, (0, 0), 6)) + 60 * np.sqrt(np.abs(_at(points, ground.axis)))
    return np.c_[points, up * stretch]


ZONE_SEEDS = {VALLEY: (25.0, 105.0, 3.0), FOOT: (36.0, 95.0, 1.6), WOOD: (58.0, 230.0, 0.8)}
"""zone: spacing of fields and of parcels (m), weight of height."""


def fields(seed: int, ground: Relief) -> Fields:
    """Every cell in one field, every field in one parcel."""
    rng = generator(seed, 3)
    label = np.zeros((CELLS, CELLS), np.int32)
    groups, xs, ys, zones = [], [], [], []
    count = parcels = 0
    for zone, (spacing, wide, stretch) in ZONE_SEEDS.items():
        rows, columns = np.nonzero(ground.zone == zone)
        points = np.c_[columns + 0.5, rows + 0.5] * CELL
        small, large = _seeds(rng, spacing), _seeds(rng, wide)
        small = small[_near(small, ground.zone == zone)]
        large = large[_near(large, ground.zone == zone)]
        if zone == WOOD:  # stands of trees have ragged edges
            points = points + 11 * np.c_[noise(rng, CELLS, 16)[rows, columns], noise(rng, CELLS, 16)[rows, columns]]
        nearest = cKDTree(_embedded(small, ground, stretch)).query(_embedded(points, ground, stretch))[1]
        label[rows, columns] = nearest + count
        groups.append(cKDTree(_embedded(large, ground, stretch)).query(_embedded(small, ground, stretch))[1] + parcels)
        xs.append(small[:, 0])
        ys.append(small[:, 1])
        zones.append(np.full(len(small), zone))
        count += len(small)
        parcels += len(large)
    rows, columns = np.nonzero(ground.zone == PLAIN)
    brick, block, middle = _bricks(rng, np.c_[columns + 0.5, rows + 0.5] * CELL)
    label[rows, columns] = brick + count
    groups.append(block + parcels)
    xs.append(middle[:, 0])
    ys.append(middle[:, 1])
    zones.append(np.full(len(middle), PLAIN))
    label = _joined(label, ground.zone)
    return Fields(
        label,
        np.concatenate(groups).astype(np.int32),
        WEST + np.concatenate(xs),
        NORTH - np.concatenate(ys),
        np.concatenate(zones).astype(np.uint8),
    )


def _near(points: Array, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    inside = ((points >= 0) & (points < SIDE_M)).all(axis=1)
    return inside & (_at(points, mask) > 0)


ROW_M, COLUMN_M = 21.5, 62.0
"""A consolidated field of the plain: width and length."""
BLOCK_ROWS = 5


def plain_xy(u: NDArray, v: NDArray) -> Array:
    """Points x, y (from the north-west corner, y down) at ``u`` along and ``v`` across the plain's rows."""
    across = v - 45 * np.sin(u / 900)
    return np.c_[u * COS - across * SIN, u * SIN + across * COS]


COS, SIN = np.cos(np.radians(12)), -np.sin(np.radians(12))


def _bricks(rng: np.random.Generator, points: Array) -> tuple[Ints, Ints, Array]:
    """Fields of the plain, rows along a gentle curve, in blocks of 5 × 3; a middle for each."""
    u = points[:, 0] * COS + points[:, 1] * SIN
    v = -points[:, 0] * SIN + points[:, 1] * COS + 45 * np.sin(u / 900)
    table = rng.uniform(-0.35, 0.35, 4096)
    row = np.floor(v / ROW_M).astype(int)
    column = np.floor(u / COLUMN_M + table[(row * 7) % 4096]).astype(int)
    keys, brick = np.unique(np.c_[row, column], axis=0, return_inverse=True)
    brick = brick.ravel()
    size = np.bincount(brick)
    middle = np.c_[np.bincount(brick, points[:, 0]) / size, np.bincount(brick, points[:, 1]) / size]
    bands = keys[:, 0] // BLOCK_ROWS
    block = np.unique(np.c_[bands, (keys[:, 1] + 2 * bands) // 3], axis=0, return_inverse=True)[1]
    return brick.astype(np.int32), block.ravel().astype(np.int32), middle


def _joined(label: Ints, zone: NDArray[np.uint8]) -> Ints:
    """Bits of a field below 7 cells go to the neighbour of the same zone that is nearest."""
    edges = np.bincount(label.ravel())
    small = edges[label] < 7
    result = label.copy()
    for value in range(4):
        inside = zone == value
        away = ndimage.distance_transform_edt(small | ~inside, return_distances=False, return_indices=True)
        moved = small & inside
        result[moved] = label[tuple(a[moved] for a in away)]
    return result
