"""The township from 120 m above: 0.2 m, three bands of 8 bits; rows, crowns, roofs and their shadows.

Works on an array of ids as ``paint`` does, in any metric grid; x and y are metres from the grid's
north-west corner, y down. Angles are clockwise from x in that frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.township.land import Array, Floats, Ints, generator, noise
from geodata.township.places import Geometries
from geodata.township.sky import sun

GSD_M = 0.2
FLIGHT_LIGHT = 2.75
"""Reflectance that fills the camera's range, inverted."""

CROWNS = {
    "pine": (3.6, 0.95, 0.38),
    "broadleaf": (5.2, 1.0, 0.40),
    "bamboo": (2.6, 1.0, 0.42),
    "shrub": (1.9, 1.0, 0.45),
    "orchard": (4.4, 0.72, 0.12),
    "nursery": (2.4, 0.66, 0.06),
    "tea": (1.6, 0.85, 0.10),
}
"""material: spacing of the crowns (m), radius as a share of half of it, disorder."""
ROOFS = ("grey_tile", "red_tile", "blue_steel", "white", "greenhouse", "flat")
RUGGED = {
    "dirt": 0.10,
    "yard": 0.10,
    "concrete": 0.05,
    "gravel": 0.12,
    "earthwork": 0.16,
    "red_soil": 0.2,
    "rubble": 0.25,
    "grass": 0.18,
    "thin_soil": 0.15,
    "weedy_soil": 0.2,
    "sown_soil": 0.18,
    "restored": 0.16,
}
"""material: contrast of its grain; 0.05 for others."""


@dataclass(frozen=True, eq=False)
class Close:
    """What the drone flies over.

    ids: (rows, columns). colours: (n, 3) reflectance in red, green, blue. materials: (n,). rows_rad,
    rows_m, rows_contrast: (n,) direction, spacing and strength of rows and seams; fields: ids below it are fields.
    solids: polygons with height (m) that throw shadows. axes: (n, 4) centre x, y and unit vector across
    the ridge of roofs, 0 elsewhere. trees: (m, 3) x, y, radius.
    """

    ids: Ints
    colours: Array
    materials: NDArray[np.str_]
    rows_rad: Array
    rows_m: Array
    rows_contrast: Array
    fields: int
    solids: Geometries
    heights_m: Array
    axes: Array
    trees: Array


def photograph(seed: int, close: Close, at: datetime, burn_mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(4, rows, columns): red, green, blue, alpha. burn_mask: 1 where ``shadow_shapes`` fall."""
    rng = generator(seed, 50)
    light = close.colours[close.ids].astype(np.float32)
    light *= _grain(generator(seed, 6000 + at.toordinal()), close)[..., None]
    light *= _rows(close)[..., None]
    _ridges(rng, close, light)
    _crowns(rng, close, light, at)
    light *= _roofs(close, at)[..., None]
    dark = cv2.GaussianBlur(burn_mask.astype(np.float32), (0, 0), 1.4)
    dark = dark * ~np.isin(close.materials, ROOFS)[close.ids]
    light *= 1 - dark[..., None] * np.array([0.60, 0.57, 0.50], np.float32)
    sharp = np.asarray(cv2.GaussianBlur(light, (0, 0), 0.55), np.float32)
    return _developed(generator(seed, 5000 + at.toordinal()), sharp)


def shadow_shapes(close: Close, at: datetime) -> Geometries:
    """The ground that each solid and tree darkens: its outline swept away from the sun."""
    elevation, azimuth = (np.radians(v) for v in sun(at))
    away = np.array([-np.sin(azimuth), np.cos(azimuth)]) / np.tan(elevation)
    crowns = shapely.buffer(shapely.points(close.trees[:, :2]), close.trees[:, 2], quad_segs=4)
    shapes = np.concatenate([close.solids, crowns])
    heights = np.concatenate([close.heights_m, 1.3 + 1.1 * close.trees[:, 2]])
    points, owner = shapely.get_coordinates(shapes, return_index=True)
    moved = points + heights[owner, None] * away
    both = np.concatenate([points, moved])
    who = np.concatenate([owner, owner])
    order = np.argsort(who, kind="stable")
    return np.asarray(shapely.convex_hull(shapely.multipoints(both[order], indices=who[order])))


def _grain(rng: np.random.Generator, close: Close) -> Floats:
    """Fine grain by material, and larger mottles on everything that grows."""
    size = len(close.ids)
    grain = np.array([RUGGED.get(str(m), 0.05) for m in close.materials], np.float32)
    grain[: close.fields] = 0.17
    fine = cv2.GaussianBlur(rng.standard_normal((size, size), dtype=np.float32), (0, 0), 0.8)
    coarse = cv2.resize(noise(rng, size // 4, 14, 3), (size, size), interpolation=cv2.INTER_LINEAR)
    return np.clip(1 + grain[close.ids] * (1.5 * fine + 0.55 * coarse), 0.3, 1.9)


def _rows(close: Close) -> Floats:
    """Beds, swaths and seams: stripes along each piece's own direction."""
    size = len(close.ids)
    centre = (np.arange(size, dtype=np.float32) + 0.5) * GSD_M
    wave = (2 * np.pi / close.rows_m).astype(np.float32)
    across = (-np.sin(close.rows_rad) * wave).astype(np.float32), (np.cos(close.rows_rad) * wave).astype(np.float32)
    phase = across[0][close.ids] * centre[None, :] + across[1][close.ids] * centre[:, None]
    return 1 + close.rows_contrast.astype(np.float32)[close.ids] * np.sin(phase)


def _edges(ids: Ints) -> NDArray[np.uint8]:
    edge = np.zeros(ids.shape, np.uint8)
    edge[1:] |= ids[1:] != ids[:-1]
    edge[:, 1:] |= ids[:, 1:] != ids[:, :-1]
    return edge


def _ridges(rng: np.random.Generator, close: Close, light: Floats) -> None:
    """Narrow grassy ridges between fields."""
    size = len(close.ids)
    inside = np.isin(close.materials, ["paddy", "dryland"])[close.ids]
    away = cv2.distanceTransform(1 - _edges(close.ids), cv2.DIST_L2, 3)
    width = 2.6 + 0.8 * cv2.resize(noise(rng, size // 8, 10), (size, size), interpolation=cv2.INTER_LINEAR)
    share = np.clip(width - away, 0, 1) * inside
    grass = np.array([0.086, 0.098, 0.058], np.float32) * (0.75 + 0.4 * rng.random((size, size, 1), dtype=np.float32))
    light *= 1 - share[..., None]
    light += share[..., None] * grass
    water = np.clip(away - 3.0, 0, 1) * (close.materials == "ditch")[close.ids]
    light *= 1 - 0.45 * water[..., None]


def _crowns(rng: np.random.Generator, close: Close, light: Floats, at: datetime) -> None:
    """Crowns lit from the sun's side, dark gaps between them."""
    for material, (spacing, reach, disorder) in CROWNS.items():
        mine = (close.materials == material)[close.ids]
        if mine.any():
            seeds = _jittered(rng, len(close.ids), spacing / GSD_M, disorder)
            _crown(rng, light, mine, seeds, spacing / GSD_M / 2 * reach * 1.25, at, 0.5 if reach < 0.9 else 0.34)
    mine = (close.materials == "tree")[close.ids]
    seeds = np.rint(close.trees[:, [1, 0]] / GSD_M).astype(int)
    inside = ((seeds >= 0) & (seeds < len(close.ids))).all(axis=1)
    if mine.any() and inside.any():
        _crown(rng, light, mine, seeds[inside], 2.9 / GSD_M, at, 0.6)


def _jittered(rng: np.random.Generator, size: int, spacing: float, disorder: float) -> NDArray[np.int64]:
    count = int(size / spacing) + 2
    grid = np.stack(np.meshgrid(np.arange(count), np.arange(count), indexing="ij"), axis=-1).reshape(-1, 2)
    points = np.rint((grid + rng.uniform(-disorder, disorder, grid.shape)) * spacing).astype(int)
    return points[((points >= 0) & (points < size)).all(axis=1)]


def _crown(
    rng: np.random.Generator,
    light: Floats,
    mine: NDArray[np.bool_],
    seeds: NDArray[np.int64],
    reach: float,
    at: datetime,
    floor: float,
) -> None:
    """Shade ``light`` where ``mine``, by domes of radius ``reach`` (pixels) on the ``seeds``."""
    rows, columns = (np.nonzero(mine.any(axis=axis))[0] for axis in (1, 0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    mine, light = mine[box], light[box]
    seeds = seeds - [rows[0], columns[0]]
    seeds = seeds[((seeds >= 0) & (seeds < mine.shape)).all(axis=1)]
    tint = rng.normal(1, 0.13, len(seeds) + 1).astype(np.float32)
    leaves = cv2.GaussianBlur(rng.standard_normal(mine.shape, dtype=np.float32), (0, 0), 1.0)
    if not len(seeds):
        return
    free = np.ones(mine.shape, np.uint8)
    free[seeds[:, 0], seeds[:, 1]] = 0
    away, nearest = cv2.distanceTransformWithLabels(free, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    height = np.sqrt(np.maximum(1 - (away / reach) ** 2, 0)) + 0.12 * leaves
    azimuth = np.radians(sun(at)[1])
    kernel = np.array([[0, -np.cos(azimuth), 0], [np.sin(azimuth), 0, -np.sin(azimuth)], [0, np.cos(azimuth), 0]])
    lit = cv2.filter2D(height, -1, kernel * reach * 0.17)
    value = (floor + (1.12 - floor) * np.minimum(height, 1)) * (1 + np.clip(lit, -0.5, 0.6))
    light[mine] *= (value[mine] * tint[nearest[mine]])[:, None]


def _roofs(close: Close, at: datetime) -> Floats:
    """The two sides of a roof by the sun; flat ones have none."""
    size = len(close.ids)
    centre = (np.arange(size, dtype=np.float32) + 0.5) * GSD_M
    azimuth = np.radians(sun(at)[1])
    facing = close.axes[:, 2] * np.sin(azimuth) - close.axes[:, 3] * np.cos(azimuth)
    result = np.ones(close.ids.shape, np.float32)
    rows, columns = np.nonzero((np.abs(close.axes[:, 2:]).sum(axis=1) > 0)[close.ids])
    who = close.ids[rows, columns]
    side = (centre[columns] - close.axes[who, 0]) * close.axes[who, 2] + (
        centre[rows] - close.axes[who, 1]
    ) * close.axes[who, 3]
    result[rows, columns] = 1 + 0.17 * np.clip(side / 0.25, -1, 1) * facing[who]
    return result


def axis_of(shape: shapely.Geometry) -> Array:
    """Centre and the unit vector across the ridge (along the shorter side) of a roof."""
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(shape))[:3]
    sides = np.diff(corners, axis=0)
    short = sides[np.argmin(np.hypot(*sides.T))]
    return np.r_[corners[[0, 2]].mean(axis=0), short / max(float(np.hypot(*short)), 1e-9)]


def _developed(rng: np.random.Generator, light: Floats) -> NDArray[np.uint8]:
    """Camera: exposure, curve, noise, and the uneven edge of the mosaic as alpha."""
    size = len(light)
    balance = np.array([1.0, 0.985, 1.01], np.float32) * (1 + rng.normal(0, 0.025))
    value = np.clip(light * FLIGHT_LIGHT * balance + 0.012, 0, 1) ** (1 / 2.0)
    value = value * 248 + 1.6 * rng.standard_normal((size, size, 1), dtype=np.float32)
    image = np.empty((4, size, size), np.uint8)
    image[:3] = np.clip(np.rint(value), 1, 255).astype(np.uint8).transpose(2, 0, 1)
    rim = np.minimum.outer(*[np.minimum(np.arange(size), np.arange(size)[::-1])] * 2)
    wavy = cv2.resize(noise(rng, size // 10, 22, 2), (size, size), interpolation=cv2.INTER_LINEAR)
    image[3] = np.where(rim > 18 + 10 * wavy, 255, 0)
    image[:3][:, image[3] == 0] = 0
    return image


def row_habits(
    seed: int, materials: Sequence[str] | NDArray[np.str_], fields: int, system_dry: NDArray[np.bool_]
) -> tuple[Array, Array, Array]:
    """Direction, spacing (m) and strength of the rows of every id."""
    rng = generator(seed, 51)
    count = len(materials)
    angle = rng.uniform(0, np.pi, count)
    angle[:fields] = np.radians(-12) + rng.normal(0, 0.07, fields)
    spacing, strength = np.full(count, 1.0), np.zeros(count)
    spacing[:fields] = np.where(system_dry, 1.5, 2.4)
    strength[:fields] = np.where(system_dry, 0.17, 0.055)
    for index in range(fields, count):
        if materials[index] in ("blue_steel", "greenhouse", "red_tile", "grey_tile"):
            strength[index] = 0.05
    return angle, spacing, strength
