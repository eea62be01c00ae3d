"""What the survey makes of the ground: land class and village of every field, DLTB parcels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import ndtr

from geodata.township.land import (
    CELLS,
    FOOT,
    MERIDIAN_M,
    NORTH,
    PLAIN,
    SIDE_M,
    VALLEY,
    WEST,
    WOOD,
    Array,
    Fields,
    Ints,
    Relief,
    generator,
    noise,
)
from geodata.township.places import Geometries, Places, at


@dataclass(frozen=True)
class Village:
    code: str
    name: str
    township: str
    x: float
    y: float


COUNTIES = {"430381": "湘乡市（示意）", "430382": "韶山市（示意）"}
TOWNSHIPS = {"430381191": "示意一镇", "430381192": "示意二镇", "430382191": "示意三镇", "430382192": "示意四乡"}
VILLAGES = (
    Village("430381191201", "示意大塘村", "430381191", 750, 950),
    Village("430381191202", "示意石坝村", "430381191", 1950, 850),
    Village("430381191203", "示意枫林村", "430381191", 1500, 2050),
    Village("430381192201", "示意荷叶村", "430381192", 800, 3150),
    Village("430381192202", "示意新桥村", "430381192", 1750, 4250),
    Village("430382191201", "示意竹山村", "430382191", 3300, 850),
    Village("430382191202", "示意樟树村", "430382191", 4300, 1500),
    Village("430382192201", "示意柳冲村", "430382192", 3250, 2750),
    Village("430382192202", "示意茶园村", "430382192", 4050, 3950),
)
"""x, y: metres east and south of the north-west corner. Names and places are invented."""

LAND_NAMES = {
    "0101": "水田",
    "0103": "旱地",
    "0201": "果园",
    "0202": "茶园",
    "0301": "乔木林地",
    "0302": "竹林地",
    "0305": "灌木林地",
    "0307": "其他林地",
    "0404": "其他草地",
    "05H1": "商业服务业设施用地",
    "0601": "工业用地",
    "0702": "农村宅基地",
    "08H2": "科教文卫用地",
    "1003": "公路用地",
    "1006": "农村道路",
    "1101": "河流水面",
    "1103": "水库水面",
    "1104": "坑塘水面",
    "1107": "沟渠",
}
CLASSES = {
    PLAIN: {"0101": 0.975, "0103": 0.025},
    VALLEY: {"0101": 0.93, "0103": 0.05, "0201": 0.02},
    FOOT: {"0103": 0.36, "0101": 0.2, "0201": 0.14, "0202": 0.07, "0305": 0.1, "0404": 0.05, "0307": 0.08},
    WOOD: {"0301": 0.66, "0302": 0.16, "0305": 0.1, "0307": 0.08},
}


def classes(seed: int, fields: Fields) -> NDArray[np.str_]:
    """DLBM of every field; one class a parcel, by zone."""
    rng = generator(seed, 20)
    groups = int(fields.group.max()) + 1
    zone = np.zeros(groups, np.uint8)
    zone[fields.group] = fields.zone
    result = np.empty(groups, "<U5")
    for value, shares in CLASSES.items():
        mine = zone == value
        result[mine] = rng.choice(
            list(shares), int(mine.sum()), p=np.array(list(shares.values())) / sum(shares.values())
        )
    return result[fields.group]


def materials(seed: int, fields: Fields, dlbm: NDArray[np.str_], hamlets: Array) -> NDArray[np.str_]:
    """What stands on every field, as ``seasons`` knows it."""
    rng = generator(seed, 21)
    plain = {"0103": "dryland", "0201": "orchard", "0202": "tea", "0302": "bamboo", "0305": "shrub", "0404": "grass"}
    result = np.array([plain.get(code, "paddy") for code in dlbm.tolist()], "<U10")
    wood = (dlbm == "0301") | (dlbm == "0307")
    near = cKDTree(hamlets).query(np.c_[fields.x, fields.y])[0] < 260
    patches = noise(rng, CELLS, 90, 3)  # like stands with like
    choice = ndtr(0.85 * at(np.c_[fields.x, fields.y], patches) + 0.5 * rng.standard_normal(len(dlbm)))
    result[wood] = np.where(choice < 0.5, "pine", "broadleaf")[wood]
    result[wood & near & (choice > 0.6)] = "bamboo"
    return result


def village_of(seed: int, fields: Fields) -> Ints:
    """Index into VILLAGES of every field, -1 outside the township; all fields of a parcel go together."""
    rng = generator(seed, 22)
    size = np.maximum(np.bincount(fields.group), 1)
    x = np.bincount(fields.group, fields.x - WEST) / size
    y = np.bincount(fields.group, NORTH - fields.y) / size
    warp = [70 * np.sin(y / 310 + 1) + 40 * np.sin(y / 120), 70 * np.sin(x / 350) + 35 * np.sin(x / 140 + 2)]
    points = np.c_[x + warp[0], y + warp[1]]
    seats = np.array([(v.x, v.y) for v in VILLAGES])
    west = np.array([v.code.startswith("430381") for v in VILLAGES])
    line = MERIDIAN_M + 55 * np.sin(y / 520 + 0.4) + 25 * np.sin(y / 190)
    index = np.where(
        x < line,
        np.nonzero(west)[0][cKDTree(seats[west]).query(points)[1]],
        np.nonzero(~west)[0][cKDTree(seats[~west]).query(points)[1]],
    )
    middle = SIDE_M / 2
    angle = np.arctan2(y - middle, x - middle)
    waves = sum(rng.uniform(20, 60) * np.sin(k * angle + rng.uniform(0, 6.3)) for k in (3, 5, 8, 13))
    reach = (np.abs((x - middle) / 2460) ** 5 + np.abs((y - middle) / 2440) ** 5) ** 0.2
    index[reach > 1 + (waves - 90) / 2450] = -1
    return index.astype(np.int32)[fields.group]


def basic_farmland(seed: int, fields: Fields, dlbm: NDArray[np.str_], hamlets: Array) -> NDArray[np.bool_]:
    """Which fields are permanent basic farmland: paddies away from the hamlets, by whole parcels."""
    rng = generator(seed, 23)
    groups = int(fields.group.max()) + 1
    away = np.full(groups, np.inf)
    np.minimum.at(away, fields.group, cKDTree(hamlets).query(np.c_[fields.x, fields.y])[0])
    return ((away > 75) & (rng.random(groups) < 0.86))[fields.group] & (dlbm == "0101")


@dataclass(frozen=True, eq=False)
class Parcels:
    """DLTB parcels: geometry (EPSG:32649), dlbm, village (index), slope in degrees, width_m of lines."""

    geometry: Geometries
    dlbm: NDArray[np.str_]
    village: Ints
    slope_deg: Array
    width_m: Array


def parcels(
    polygons: Geometries,
    field: Ints,
    fields: Fields,
    dlbm: NDArray[np.str_],
    village: Ints,
    laid: Places,
    ground: Relief,
) -> tuple[Parcels, Geometries]:
    """Parcels of all villages, and the villages' polygons.

    polygons: a coverage of the fields, ``field`` the index of each.
    """
    inside = village[field] >= 0
    polygons, field = polygons[inside], field[inside]
    outlines = np.array([shapely.coverage_union_all(polygons[village[field] == i]) for i in range(len(VILLAGES))])
    key = fields.group[field].astype(np.int64) * len(VILLAGES) + village[field]
    order = np.argsort(key, kind="stable")
    starts = np.unique(key[order], return_index=True)[1]
    merged = [shapely.coverage_union_all(polygons[part]) for part in np.split(order, starts[1:])]
    first = field[order[starts]]
    lines, line_dlbm, line_width, pieces = _laid(laid, outlines)
    body = _without(np.array(merged), pieces)
    line, crossing = shapely.STRtree(outlines).query(lines, predicate="intersects")
    crossed = shapely.intersection(lines[line], outlines[crossing])
    geometry, source = _exploded(np.concatenate([body, crossed]))
    codes = np.concatenate([dlbm[first], line_dlbm[line]])[source]
    owner = np.concatenate([village[first], crossing])[source]
    width = np.concatenate([np.zeros(len(first)), line_width[line]])[source]
    steep = np.degrees(np.arctan(np.hypot(*np.gradient(ground.height, 4.0))))
    slope = at(shapely.get_coordinates(shapely.point_on_surface(geometry)), steep)
    return Parcels(geometry, codes, owner.astype(np.int32), slope, width), outlines


def _laid(laid: Places, outlines: Geometries) -> tuple[Geometries, NDArray[np.str_], Array, Geometries]:
    """The features that lie over the fields without what lies over them in turn; and all their parts."""
    whole = np.array([f.geometry for f in laid.features])
    parts, of = shapely.get_parts(whole, return_index=True)
    below, above = shapely.STRtree(parts).query(parts, predicate="intersects")
    nets = parts.copy()
    for part in np.unique(below[of[above] > of[below]]):
        cutters = parts[above[(below == part) & (of[above] > of[part])]]
        nets[part] = shapely.difference(parts[part], shapely.union_all(cutters))
    codes = np.array([f.dlbm for f in laid.features], "<U5")
    return nets, codes[of], np.array([f.width_m for f in laid.features])[of], parts


def _without(shapes: Geometries, cutters: Geometries) -> Geometries:
    """``shapes`` minus all ``cutters`` that meet them."""
    result = shapes.copy()
    cut, shape = shapely.STRtree(result).query(cutters, predicate="intersects")
    for index in range(int(np.bincount(shape).max())):  # the n-th cutter of every shape at once
        order = np.argsort(shape, kind="stable")
        s, c = shape[order], cut[order]
        nth = np.arange(len(s)) - np.searchsorted(s, s)
        now = nth == index
        result[s[now]] = shapely.difference(result[s[now]], cutters[c[now]])
    return result


SMALLEST_M2 = 150.0


def _exploded(shapes: Geometries) -> tuple[Geometries, NDArray[np.intp]]:
    """One polygon each, and the index of the shape that it came from; bits too small for the map stay
    with the largest part of their shape."""
    parts, source = shapely.get_parts(shapes, return_index=True)
    flat = shapely.get_type_id(parts) == 3
    parts, source = parts[flat], source[flat]
    area = shapely.area(parts)
    largest = np.full(len(shapes), -1)
    largest[source[np.argsort(area, kind="stable")]] = np.argsort(area, kind="stable")
    alone = (area >= SMALLEST_M2) | (largest[source] == np.arange(len(parts)))
    for bit in np.nonzero(~alone)[0]:
        home = largest[source[bit]]
        parts[home] = shapely.MultiPolygon([*shapely.get_parts(parts[home]), parts[bit]])
    alone &= shapely.area(parts) > 0.5
    return parts[alone], source[alone]
