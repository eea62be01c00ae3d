"""What people and water laid over the fields: roads, tracks, hamlets, ponds, streams, trees."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage
from shapely.geometry.base import BaseGeometry
from skimage.graph import MCP_Geometric
from skimage.measure import find_contours

from geodata.township import land
from geodata.township.land import FOOT, NORTH, PLAIN, SIDE_M, VALLEY, WEST, WOOD, Array, Relief

Geometries = NDArray[np.object_]
COARSE = 5
"""Cells of the relief in one cell of the grid on which roads find their way (20 m)."""


@dataclass(frozen=True, eq=False)
class Feature:
    """Ground that is no field: dlbm and width_m as the survey has them, material as seen from above."""

    dlbm: str
    material: str
    geometry: BaseGeometry
    width_m: float = 0.0


@dataclass(frozen=True, eq=False)
class Places:
    """features: later ones lie over earlier ones. houses: polygons with height_m and roof material.
    trees: (n, 3) x, y, radius. hamlets: (n, 2) x, y."""

    features: tuple[Feature, ...]
    houses: Geometries
    heights_m: Array
    roofs: tuple[str, ...]
    trees: Array
    hamlets: Array


def world(rows: NDArray, columns: NDArray, cell: float = land.CELL) -> Array:
    """Centres of cells as x, y."""
    return np.c_[WEST + (np.asarray(columns) + 0.5) * cell, NORTH - (np.asarray(rows) + 0.5) * cell]


def at(points: Array, grid: NDArray) -> NDArray:
    """Values of a grid of ``land.CELL`` at points x, y."""
    rows = np.clip(((NORTH - points[:, 1]) / land.CELL).astype(int), 0, len(grid) - 1)
    columns = np.clip(((points[:, 0] - WEST) / land.CELL).astype(int), 0, len(grid) - 1)
    return grid[rows, columns]


def places(seed: int, ground: Relief) -> Places:
    """All that lies over the fields."""
    rng = land.generator(seed, 4)
    river = shapely.LineString(land.river_line(seed))
    hamlets = _hamlets(rng, ground)
    main, lanes = _roads(ground, hamlets)
    ponds = _ponds(rng, ground, hamlets, river)
    lots, halls, storeys, cover = _towns(main)
    taken = [*ponds, *[shapely.buffer(lot.geometry, 12) for lot in lots]]
    houses, heights, roofs, owner = _houses(rng, ground, hamlets, [main, *lanes], taken, river)
    yards = _yards(houses, owner)
    houses, heights = np.concatenate([houses, halls]), np.concatenate([heights, storeys])
    tracks, ditches = _plain_lines(ground)
    features = [
        Feature("1107", "ditch", shapely.union_all(shapely.buffer(ditches, 1.1, cap_style="flat")), 2.2),
        Feature("1107", "ditch", shapely.union_all(shapely.buffer(_streams(ground), 1.6)), 3.2),
        Feature("1101", "river", _river(seed, river)),
        *[Feature("1103" if p.area > 12000 else "1104", "pond", p) for p in ponds],
        Feature("1006", "dirt", shapely.union_all(shapely.buffer(tracks, 1.7, cap_style="flat")), 3.4),
        *yards,
        *lots,
        Feature("1006", "road", shapely.union_all(shapely.buffer(lanes, 2.2)), 4.4),
        Feature("1003", "asphalt", shapely.buffer(main, 4.2), 8.4),
    ]
    trees = _trees(rng, ground, hamlets, np.concatenate([houses, [lot.geometry for lot in lots]]), lanes)
    return Places(tuple(features), houses, heights, (*roofs, *cover), trees, hamlets)


def _hamlets(rng: np.random.Generator, ground: Relief) -> Array:
    """Places at the foot of the slopes, not closer than 330 m to each other."""
    low = ndimage.distance_transform_edt((ground.zone != VALLEY) & (ground.zone != PLAIN)) * land.CELL
    rows, columns = np.nonzero((ground.zone == FOOT) & (low > 10) & (low < 26))
    points = rng.permutation(world(rows, columns))
    inside = np.abs(points - [WEST + SIDE_M / 2, NORTH - SIDE_M / 2]).max(axis=1) < SIDE_M / 2 - 160
    chosen: list[Array] = []
    left = points[inside][:4000]
    while len(left) and len(chosen) < 46:
        chosen.append(left[0])
        left = left[np.hypot(*(left - left[0]).T) > 330]
    return np.array(chosen)


def _roads(ground: Relief, hamlets: Array) -> tuple[shapely.LineString, list[shapely.LineString]]:
    """One main road from west to east and lanes from the hamlets to it, each the cheapest way."""
    size = land.CELLS // COARSE
    height = cv2.resize(ground.height, (size, size), interpolation=cv2.INTER_AREA)
    zone = ground.zone[COARSE // 2 :: COARSE, COARSE // 2 :: COARSE]
    steep = np.hypot(*np.gradient(height, land.CELL * COARSE))
    river = cv2.resize(ground.river_m, (size, size), interpolation=cv2.INTER_AREA)
    cost = 1 + 40 * steep + np.array([1.6, 1.5, 0.3, 7.0])[zone] + 60 * (river < 16) + 1.5 * (river < 60)
    north = np.nonzero(river[:, 0] < 14)[0].min() - 16
    end = np.nonzero(river[:, -1] < 14)[0].min() - 14
    way = MCP_Geometric(cost)
    way.find_costs([(north, 0)])
    path = np.array(way.traceback((end, size - 1)))
    network = np.zeros(cost.shape, bool)
    network[path[:, 0], path[:, 1]] = True
    main = _line(path, stretch=True)
    way = MCP_Geometric(np.where(network, 0.2, cost))
    way.find_costs([tuple(p) for p in path])
    lanes = []
    for x, y in hamlets:
        start = (int((NORTH - y) / 20), int((x - WEST) / 20))
        path = np.array(way.traceback(start))[::-1]
        close = ndimage.binary_dilation(network, np.ones((3, 3), bool))
        met = close[path[:, 0], path[:, 1]]
        path = path[: int(met.argmax()) + 2] if met.any() else path
        network[path[:, 0], path[:, 1]] = True
        if len(path) > 2:
            lanes.append(_line(path))
    return main, lanes


def _line(path: NDArray, stretch: bool = False) -> shapely.LineString:
    """A smooth line along a path of cells; ``stretch`` carries it over both edges of the square."""
    points = world(path[:, 0], path[:, 1], land.CELL * COARSE)
    smooth = ndimage.gaussian_filter1d(points, 1.6, axis=0, mode="nearest")
    smooth[[0, -1]] = points[[0, -1]]
    if stretch:
        smooth = np.r_[[smooth[0] - [60, 0]], smooth, [smooth[-1] + [60, 0]]]
    return shapely.LineString(_rounded(smooth))


def _rounded(points: Array, times: int = 2) -> Array:
    """Corners cut after Chaikin, the ends kept."""
    for _ in range(times):
        cut = np.empty((2 * len(points) - 2, 2))
        cut[0::2] = 0.75 * points[:-1] + 0.25 * points[1:]
        cut[1::2] = 0.25 * points[:-1] + 0.75 * points[1:]
        points = np.r_[points[:1], cut, points[-1:]]
    return points


def _river(seed: int, river: shapely.LineString) -> BaseGeometry:
    rng = land.generator(seed, 5)
    points = shapely.get_coordinates(river)
    tangent = np.gradient(points, axis=0)
    normal = np.c_[-tangent[:, 1], tangent[:, 0]] / np.hypot(*tangent.T)[:, None]
    banks = 10 + ndimage.gaussian_filter1d(rng.normal(0, 9, (2, len(points))), 7, axis=1)
    return shapely.Polygon(
        np.r_[points + normal * banks[0][:, None], (points - normal * banks[1][:, None])[::-1]]
    ).buffer(0)


def blob(rng: np.random.Generator, x: float, y: float, area_m2: float, stretch: float = 1.5) -> shapely.Polygon:
    """A rounded, uneven patch of about ``area_m2`` around x, y."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radius = np.ones(40)
    for wave in (2, 3, 4):
        radius += rng.normal(0, 0.14 / wave * 1.6) * np.cos(wave * angle + rng.uniform(0, 6.3))
    turn = rng.uniform(0, np.pi)
    u, v = radius * np.cos(angle) * stretch, radius * np.sin(angle)
    shape = shapely.Polygon(np.c_[u * np.cos(turn) - v * np.sin(turn), u * np.sin(turn) + v * np.cos(turn)])
    scale = np.sqrt(area_m2 / shape.area)
    return shapely.transform(shape, lambda p: p * scale + [x, y])


def _ponds(
    rng: np.random.Generator, ground: Relief, hamlets: Array, river: shapely.LineString
) -> list[shapely.Polygon]:
    """Ponds below the hamlets and in the valleys, and two small reservoirs."""
    rows, columns = np.nonzero((ground.zone == VALLEY) & (ground.rise > 1.5))
    spots = rng.permutation(world(rows, columns))[:2200]
    near = np.hypot(*(spots[:, None] - hamlets[None]).transpose(2, 0, 1)).min(axis=1)
    ordered = spots[np.argsort(near > 170, kind="stable")]
    found: list[shapely.Polygon] = []
    sizes = np.r_[19000, 14500, rng.lognormal(np.log(1500), 0.5, 62).clip(500, 5200)]
    order = np.r_[ordered[-400:], ordered]
    for area in sizes:
        grown = shapely.STRtree(shapely.buffer(np.array(found, dtype=object), 14))
        for x, y in order[rng.integers(0, 400 if area > 12000 else len(order), 60)]:
            pond = blob(rng, x, y, float(area), 1.35)
            corners = at(shapely.get_coordinates(pond), ground.zone)
            clear = not len(grown.query(pond, predicate="intersects")) and pond.distance(river) > 40
            if clear and ((corners == WOOD) | (corners == PLAIN)).sum() < (14 if area > 12000 else 4):
                found.append(pond)
                break
    return found


def _houses(
    rng: np.random.Generator,
    ground: Relief,
    hamlets: Array,
    roads: list[shapely.LineString],
    taken: list[shapely.Polygon],
    river: shapely.LineString,
) -> tuple[Geometries, Array, tuple[str, ...], NDArray[np.intp]]:
    """Houses on both sides of the roads near the hamlets' centres, gable to the road."""
    net = shapely.union_all(roads)
    blocked = shapely.union_all([net.buffer(5), *taken, river.buffer(30)])
    shapely.prepare(blocked)
    boxes, owners = [], []
    for index, (x, y) in enumerate(hamlets):
        reach = rng.uniform(80, 190)
        inside = net.intersection(shapely.Point(x, y).buffer(reach))
        for line in shapely.get_parts(inside):
            for along in np.arange(rng.uniform(0, 9), line.length, 18.5):
                here = shapely.get_coordinates(line.interpolate([along, along + 1]))
                t = here[1] - here[0]
                t = t / max(np.hypot(*t), 1e-9)
                for side in (-1, 1):
                    if rng.random() < 0.7:
                        away = side * (rng.uniform(12.5, 17) + 17 * (rng.random() < 0.3))
                        boxes.append(_box(rng, here[0] + np.array([-t[1], t[0]]) * away + rng.normal(0, 1.2, 2), t))
                        owners.append(index)
    shapes, owner = np.array(boxes), np.array(owners)
    middle = shapely.get_coordinates(shapely.centroid(shapes))
    good = (at(middle, ground.zone) != WOOD) & ~shapely.intersects(blocked, shapes)
    shapes, owner = shapes[good], owner[good]
    tree = shapely.STRtree(shapes)
    a, b = tree.query(shapely.buffer(shapes, 3.0), predicate="intersects")
    keep = np.ones(len(shapes), bool)
    for first, second in zip(a, b, strict=True):
        if first < second and keep[first]:
            keep[second] = False
    shapes, owner = shapes[keep], owner[keep]
    kinds = np.array(["grey_tile", "red_tile", "flat", "blue_steel", "white"])
    roofs = kinds[rng.choice(5, len(shapes), p=[0.42, 0.2, 0.24, 0.06, 0.08])]
    return shapes, rng.choice([3.6, 6.6, 9.8], len(shapes), p=[0.25, 0.55, 0.2]), tuple(roofs), owner


def _box(rng: np.random.Generator, centre: Array, along: Array) -> shapely.Polygon:
    """A house, sometimes with a wing."""
    turn = rng.normal(0, 0.06)
    t = np.array([along[0] * np.cos(turn) - along[1] * np.sin(turn), along[0] * np.sin(turn) + along[1] * np.cos(turn)])
    n = np.array([-t[1], t[0]])
    w, d = rng.uniform(10, 15) / 2, rng.uniform(8, 11.5) / 2
    if rng.random() < 0.35:
        corners = [(-w, -d), (w, -d), (w, d), (w - 4, d), (w - 4, d + 3.5), (-w, d + 3.5)]
    else:
        corners = [(-w, -d), (w, -d), (w, d), (-w, d)]
    return shapely.Polygon([centre + u * t + v * n for u, v in corners])


def _yards(houses: Geometries, owner: NDArray[np.intp]) -> list[Feature]:
    """The homesteads (0702): houses with their yards, one multipart feature a hamlet."""
    grown = shapely.buffer(houses, 5.5, join_style="mitre")
    return [
        Feature("0702", "yard", shapely.union_all(grown[owner == index]).buffer(3).buffer(-3).simplify(0.6))
        for index in np.unique(owner)
    ]


LOTS = (
    ("05H1", 46, 30, (("flat", 0, 0, 40, 12, 9.8), ("flat", 0, 18, 40, 9, 6.6))),
    ("08H2", 84, 62, (("flat", -8, 6, 60, 13, 13.0), ("white", -32, 32, 12, 34, 9.8), ("grass", 14, 38, 46, 30, 0.0))),
    ("0601", 90, 58, (("blue_steel", -20, 16, 40, 42, 9.0), ("white", 24, 16, 34, 42, 9.0))),
    ("05H1", 40, 26, (("red_tile", 0, 0, 34, 12, 6.6),)),
)
"""Lots of a small town along the main road: dlbm, width, depth, halls (roof, along, back, size, height)."""


def _towns(main: shapely.LineString) -> tuple[list[Feature], Geometries, Array, tuple[str, ...]]:
    """Two little centres on the main road, one a county."""
    lots, halls, heights, roofs = [], [], [], []
    for share in (0.205, 0.735):
        along = share * main.length
        for dlbm, width, depth, built in LOTS:
            a, b = shapely.get_coordinates(main.interpolate([along + width / 2 - 12, along + width / 2 + 12]))
            t = (b - a) / np.hypot(*(b - a))
            n = np.array([-t[1], t[0]])
            base = (a + b) / 2 + n * 10
            lots.append(Feature(dlbm, "concrete", _frame(base, t, n, 0, 0, width, depth)))
            for roof, u, v, wide, deep, height in built:
                halls.append(_frame(base, t, n, u, v + 4, wide, deep))
                heights.append(height)
                roofs.append(roof)
            along += width + 7
    return lots, np.array(halls), np.array(heights), tuple(roofs)


def _frame(base: Array, t: Array, n: Array, u: float, v: float, wide: float, deep: float) -> shapely.Polygon:
    """A rectangle in the frame of a road: ``u`` along to its middle, ``v`` back to its front."""
    corners = ((u - wide / 2, v), (u + wide / 2, v), (u + wide / 2, v + deep), (u - wide / 2, v + deep))
    return shapely.Polygon([base + a * t + b * n for a, b in corners])


def _plain_lines(ground: Relief) -> tuple[Geometries, Geometries]:
    """Tracks and ditches between the blocks of the plain, clipped to it."""
    plain = cv2.erode((ground.zone == PLAIN).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    step = land.BLOCK_ROWS * land.ROW_M
    tracks: list[shapely.LineString] = []
    ditches: list[shapely.LineString] = []
    for k in range(-20, 60):
        u = np.arange(-600.0, 5800, 8)
        line = land.plain_xy(u, np.full(len(u), k * step)) * [1, -1] + [WEST, NORTH]
        (tracks if k % 2 else ditches).extend(_clipped(line, plain))
    for k in range(-1, 14):
        v = np.arange(-1500.0, 6500, 8)
        line = land.plain_xy(np.full(len(v), k * 434.0 + 20), v) * [1, -1] + [WEST, NORTH]
        (tracks if k % 2 else ditches).extend(_clipped(line, plain))
    return np.array(tracks), np.array(ditches)


def _clipped(line: Array, mask: NDArray[np.bool_], least: int = 8) -> list[shapely.LineString]:
    """The runs of a line's points that lie in the square and in ``mask``."""
    inside = (line >= [WEST, NORTH - SIDE_M]).all(axis=1) & (line < [WEST + SIDE_M, NORTH]).all(axis=1)
    inside &= at(line, mask) > 0
    parts = np.split(np.arange(len(line)), np.nonzero(np.diff(inside.astype(int)))[0] + 1)
    return [shapely.LineString(line[p]) for p in parts if inside[p[0]] and len(p) >= least]


def _streams(ground: Relief) -> Geometries:
    """Brooks along the valleys' axes, down to the plain."""
    low = (ground.zone == VALLEY) | ((ground.zone == PLAIN) & (ground.river_m > 20))
    coarse = cv2.GaussianBlur(ground.axis, (0, 0), 3)[::3, ::3]
    lines = []
    for contour in find_contours(coarse, 0.0):
        smooth = ndimage.gaussian_filter1d(contour, 2.5, axis=0, mode="nearest")
        lines.extend(_clipped(world(smooth[:, 0], smooth[:, 1], land.CELL * 3), low, 18))
    return np.array([line.simplify(0.4) for line in lines])


def _trees(
    rng: np.random.Generator, ground: Relief, hamlets: Array, houses: Geometries, lanes: list[shapely.LineString]
) -> Array:
    """Groves behind the hamlets, trees along the lanes and the river's banks: x, y, radius."""
    groves = np.repeat(hamlets, 70, axis=0) + rng.normal(0, 62, (len(hamlets) * 70, 2))
    steps = [shapely.line_interpolate_point(lane, np.arange(6, lane.length, 13.0)) for lane in lanes]
    along = shapely.get_coordinates(np.concatenate(steps))
    along = along[rng.random(len(along)) < 0.28]
    turn = rng.uniform(0, 2 * np.pi, len(along))
    along = along + 5.2 * np.c_[np.cos(turn), np.sin(turn)]
    rows, columns = np.nonzero((ground.river_m > 13) & (ground.river_m < 19))
    banks = rng.permutation(world(rows, columns))[:420]
    points = np.r_[groves[at(groves, ground.zone) != PLAIN], along, banks]
    clear = (
        shapely.STRtree(houses).query_nearest(shapely.points(points), return_distance=True, all_matches=False)[1] > 3.5
    )
    on_lane = shapely.union_all(lanes).buffer(3.6)
    shapely.prepare(on_lane)
    points = points[clear & ~shapely.intersects_xy(on_lane, points[:, 0], points[:, 1])]
    return np.c_[points, rng.uniform(1.6, 3.6, len(points))]
