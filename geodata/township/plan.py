"""Where and when things happen: the list of happenings, and the spots found for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geodata.township import land
from geodata.township.land import FOOT, NORTH, PLAIN, SIDE_M, VALLEY, WEST, WOOD, Array, Fields, Ints, Relief
from geodata.township.places import Places, at, blob
from geodata.words import Text, both

DRONE_SIDE_M = 380.0


@dataclass(frozen=True, eq=False)
class Piece:
    """Something seen from above: a material over a polygon, with the height that throws its shadow."""

    geometry: BaseGeometry
    material: str
    height_m: float = 0.0


@dataclass(frozen=True, eq=False)
class Happening:
    """A happening with its place. ``footprint``: what is true; in EPSG:32649. stages: (from which day, what is
    seen then), after it was found; outcome: what the last of them is worth (``rectify.AFTERWARDS``)."""

    name: Text
    kind: str
    expected: str
    appears_at: datetime
    removed_at: datetime | None
    seen_by: str
    footprint: BaseGeometry
    pieces: tuple[Piece, ...]
    afterwards: tuple[Piece, ...] = ()
    stages: tuple[tuple[datetime, tuple[Piece, ...]], ...] = ()
    outcome: str = ""

    def pieces_on(self, at: datetime) -> tuple[Piece, ...]:
        """What of it can be seen on a day."""
        if at < self.appears_at:
            return ()
        reached = [pieces for first, pieces in self.stages if first <= at]
        if reached:
            return reached[-1]
        if self.removed_at is None or at < self.removed_at:
            return self.pieces
        return self.afterwards if at < self.removed_at + timedelta(days=150) else ()


Shaped = tuple[BaseGeometry, tuple[Piece, ...]]


def rectangle(x: float, y: float, wide: float, deep: float, t: Array) -> shapely.Polygon:
    n = np.array([-t[1], t[0]])
    corners = ((-wide, -deep), (wide, -deep), (wide, deep), (-wide, deep))
    return shapely.Polygon([np.array([x, y]) + (u * t + v * n) / 2 for u, v in corners])


def _shed(rng: np.random.Generator, x: float, y: float, t: Array, size: tuple[float, float]) -> Shaped:
    """A shed of blue steel on a gravel pad."""
    pad = rectangle(x, y, size[0] + 5, size[1] + 5, t)
    return pad, (Piece(pad, "gravel"), Piece(rectangle(x, y, *size, t), "blue_steel", 6.5))


def _pad(rng: np.random.Generator, x: float, y: float, t: Array, size: tuple[float, float]) -> Shaped:
    """Hardened ground with a few stacks of goods."""
    pad = rectangle(x, y, *size, t)
    n = np.array([-t[1], t[0]])
    stacks = []
    for _ in range(int(pad.area / 260)):
        u, v = rng.uniform(-0.38, 0.38, 2) * size
        cx, cy = np.array([x, y]) + u * t + v * n
        stacks.append(
            Piece(
                rectangle(cx, cy, rng.uniform(3, 7), rng.uniform(2, 4), t),
                rng.choice(["red_tile", "rubble", "white"]),
                1.8,
            )
        )
    return pad, (Piece(pad, "concrete"), *stacks)


def _earthwork(rng: np.random.Generator, x: float, y: float, t: Array, size: tuple[float, float]) -> Shaped:
    """Topsoil stripped, earth pushed into heaps."""
    patch = blob(rng, x, y, size[0] * size[1], 1.3)
    heaps = [
        blob(rng, x + rng.normal(0, size[0] / 6), y + rng.normal(0, size[1] / 6), patch.area / 30) for _ in range(6)
    ]
    return patch, (Piece(patch, "earthwork"), *[Piece(h.intersection(patch), "red_soil", 1.2) for h in heaps])


def _pond(rng: np.random.Generator, x: float, y: float, t: Array, size: tuple[float, float]) -> Shaped:
    """A pond dug into paddies, its bank of fresh earth."""
    edge = rectangle(x, y, *size, t).buffer(-4).buffer(4)
    return edge, (Piece(edge, "earthwork"), Piece(edge.buffer(-min(size) / 14), "dug_pond"))


def _nursery(rng: np.random.Generator, x: float, y: float, t: Array, size: tuple[float, float]) -> Shaped:
    patch = rectangle(x, y, *size, t)
    return patch, (Piece(patch, "nursery", 2.2),)


def _works(rng: np.random.Generator, x: float, y: float, t: Array, size: tuple[float, float]) -> Shaped:
    """A yard with two halls."""
    n = np.array([-t[1], t[0]])
    yard = rectangle(x, y, *size, t)
    pieces = [Piece(yard, "concrete")]
    for side, roof in ((-1, "blue_steel"), (1, "white")):
        cx, cy = np.array([x, y]) + side * size[0] * 0.24 * t + 0.06 * size[1] * n
        pieces.append(Piece(rectangle(cx, cy, size[0] * 0.38, size[1] * 0.66, t), roof, 9.0))
    return yard, tuple(pieces)


def _greenhouse(rng: np.random.Generator, x: float, y: float, t: Array, size: tuple[float, float]) -> Shaped:
    """Tunnels of plastic film side by side."""
    n = np.array([-t[1], t[0]])
    patch = rectangle(x, y, *size, t)
    count = max(1, int(size[1] // 9))
    step = size[1] / count
    tunnels = []
    for i in range(count):
        cx, cy = np.array([x, y]) + ((i + 0.5) * step - size[1] / 2) * n
        tunnels.append(Piece(rectangle(cx, cy, size[0] - 3, step - 1.4, t), "greenhouse", 2.8))
    return patch, (Piece(patch, "dirt"), *tunnels)


def _road(rng: np.random.Generator, x: float, y: float, t: Array, size: tuple[float, float]) -> Shaped:
    u = np.linspace(-size[0] / 2, size[0] / 2, 24)
    n = np.array([-t[1], t[0]])
    line = shapely.LineString(np.array([x, y]) + u[:, None] * t + (12 * np.sin(u / 70))[:, None] * n)
    strip = line.buffer(size[1] / 2, cap_style="flat")
    return strip, (Piece(strip, "gravel"), Piece(line.buffer(size[1] / 2 - 1, cap_style="flat"), "concrete"))


def _house(rng: np.random.Generator, x: float, y: float, t: Array, size: tuple[float, float]) -> Shaped:
    plot = rectangle(x, y, *size, t)
    return plot, (Piece(plot, "concrete"), Piece(rectangle(x, y, size[0] * 0.7, size[1] * 0.62, t), "flat", 9.5))


def _field(material: str) -> Callable[..., Shaped]:
    def paint(rng: np.random.Generator, x: float, y: float, t: Array, size: tuple[float, float]) -> Shaped:
        patch = rectangle(x, y, *size, t)
        return patch, (Piece(patch, material),)

    return paint


@dataclass(frozen=True)
class Wish:
    """A happening looking for its spot. side: "W", "E", or "D" (inside the drone's window); on: the land
    classes that it must lie on; basic: on basic farmland, or not, or either (None)."""

    msgid: str
    kind: str
    shape: Callable[..., Shaped]
    size: tuple[float, float]
    side: str
    appears: str
    expected: str = "flag"
    on: tuple[str, ...] = ("0101",)
    basic: bool | None = None
    removed: str | None = None
    seen_by: str = "satellite"
    again: str | None = None
    zones: tuple[int, ...] = (PLAIN, VALLEY)


FARM = ("0101", "0103")
WISHES = (
    Wish("steel shed beside the drone's field", "construction", _shed, (46, 26), "D", "2026-06-10", seen_by="both"),
    Wish("small steel shed", "construction", _shed, (11, 8), "D", "2026-02-20", seen_by="drone"),
    Wish("hardened strip", "hardening", _pad, (14, 7), "D", "2026-04-02", seen_by="drone"),
    Wish("small pond", "pond", _pond, (17, 11), "D", "2026-03-05", seen_by="drone"),
    Wish("site hut", "construction", _shed, (8, 4), "D", "2026-08-30", seen_by="drone"),
    Wish("heap of earth", "earthwork", _earthwork, (14, 10), "D", "2026-09-25", seen_by="drone"),
    Wish("registered tunnel", "greenhouse", _greenhouse, (20, 9), "D", "2026-05-01", "facility", seen_by="drone"),
    Wish(
        "new house in the orchard",
        "construction",
        _house,
        (13, 11),
        "D",
        "2026-01-15",
        "none",
        ("0201", "0305", "0404"),
        seen_by="drone",
        zones=(PLAIN, VALLEY, FOOT),
    ),
    Wish("steel shed on basic farmland", "construction", _shed, (54, 38), "W", "2025-06-12", basic=True),
    Wish("hardened yard", "hardening", _pad, (52, 37), "E", "2025-09-03"),
    Wish("dug pond", "pond", _pond, (70, 46), "E", "2025-02-18", basic=True),
    Wish("tree nursery", "nursery", _nursery, (96, 68), "W", "2025-03-10", basic=True),
    Wish("gravel road through paddies", "road", _road, (300, 8), "E", "2025-11-12"),
    Wish("approved works", "construction", _works, (92, 70), "E", "2025-07-01", "approved", basic=False),
    Wish("registered greenhouse", "greenhouse", _greenhouse, (64, 54), "W", "2025-11-10", "facility", basic=False),
    Wish("greenhouse without a record", "greenhouse", _greenhouse, (60, 45), "E", "2026-02-15"),
    Wish(
        "shed, first time", "construction", _shed, (44, 31), "W", "2025-01-20", removed="2025-09-05", again="2026-07-05"
    ),
    Wish("stripped ground", "earthwork", _earthwork, (84, 62), "E", "2026-09-12"),
    Wish("stone yard", "hardening", _pad, (44, 30), "W", "2026-05-20", on=FARM, zones=(VALLEY, FOOT)),
    Wish("second tree nursery", "nursery", _nursery, (80, 54), "E", "2026-01-20", zones=(VALLEY,)),
    Wish("second dug pond", "pond", _pond, (48, 34), "W", "2026-01-15", zones=(VALLEY,)),
    Wish(
        "house on dry land",
        "construction",
        _works,
        (36, 26),
        "W",
        "2025-08-25",
        on=("0103",),
        basic=False,
        zones=(FOOT, VALLEY),
    ),
    Wish("road up the valley", "road", _road, (170, 9), "W", "2026-03-20", zones=(VALLEY,)),
    Wish(
        "cleared wood",
        "earthwork",
        _earthwork,
        (80, 60),
        "E",
        "2025-07-15",
        "none",
        ("0301", "0302", "0305", "0307"),
        zones=(WOOD,),
    ),
    Wish(
        "fields kept under water in winter",
        "other",
        _field("flooded"),
        (150, 84),
        "E",
        "2025-12-05",
        "none",
        removed="2026-03-25",
        zones=(PLAIN,),
    ),
    Wish(
        "fields harvested early",
        "other",
        _field("straw"),
        (180, 62),
        "W",
        "2026-10-08",
        "none",
        removed="2026-11-20",
        zones=(PLAIN,),
    ),
    Wish(
        "fields ploughed early",
        "other",
        _field("wet_soil"),
        (120, 62),
        "E",
        "2025-10-06",
        "none",
        removed="2025-11-20",
        zones=(PLAIN,),
    ),
)


@dataclass(frozen=True, eq=False)
class Sites:
    """What the search for spots looks at: codes, county and basic farmland of every field."""

    ground: Relief
    fields: Fields
    laid: Places
    dlbm: NDArray[np.str_]
    village: Ints
    basic: NDArray[np.bool_]


def drone_window(sites: Sites) -> shapely.Polygon:
    """A square of ``DRONE_SIDE_M`` east of the meridian: a hamlet, its fields, a road."""
    best, place = -1.0, sites.laid.hamlets[0]
    houses = shapely.get_coordinates(shapely.centroid(sites.laid.houses))
    for x, y in sites.laid.hamlets:
        if not (WEST + land.MERIDIAN_M + 350 < x < WEST + SIDE_M - 500 and 500 < NORTH - y < SIDE_M - 500):
            continue
        near = (np.abs(houses - [x, y]).max(axis=1) < DRONE_SIDE_M / 2).sum()
        rows, columns = np.mgrid[-24:25, -24:25]
        spot = np.c_[x + columns.ravel() * 8, y + rows.ravel() * 8]
        paddies = float((sites.dlbm[at(spot, sites.fields.label)] == "0101").mean())
        value = paddies + 0.02 * min(near, 18)
        if value > best:
            best, place = value, np.array([x, y])
    half = DRONE_SIDE_M / 2
    return shapely.box(place[0] - half, place[1] - half, place[0] + half, place[1] + half)


Told = Callable[[Wish, Happening], Happening]


def happenings(
    seed: int, sites: Sites, more: Sequence[Wish] = (), told: Told = lambda wish, happening: happening
) -> tuple[tuple[Happening, ...], shapely.Polygon]:
    """All happenings with their spots, and the window that the drone flies.

    more: wishes placed after the township's own; told: what becomes of each of them.

    A ground without a spot for a wish goes without it; that of the default seed has all.
    """
    rng = land.generator(seed, 30)
    window = drone_window(sites)
    parts = shapely.get_parts(np.array([f.geometry for f in sites.laid.features]))
    taken = list(shapely.buffer(parts, 5)) + list(shapely.buffer(sites.laid.houses, 6))
    found: list[Happening] = []
    for wish in (*WISHES, *more):
        spot = _placed(rng, wish, sites, window, taken)
        if spot is None:
            continue
        footprint, pieces = spot
        spoken = _told(wish, footprint, pieces)
        found.extend(spoken if wish not in more else [told(wish, one) for one in spoken])
        taken.append(footprint.buffer(12 if wish.side == "D" else 70))
    return tuple(found), window


def _told(wish: Wish, footprint: BaseGeometry, pieces: tuple[Piece, ...]) -> list[Happening]:
    after = (Piece(footprint, "restored"),) if wish.again else ()
    removed = day(wish.removed) if wish.removed else None
    first = Happening(
        both(wish.msgid), wish.kind, wish.expected, day(wish.appears), removed, wish.seen_by, footprint, pieces, after
    )
    if not wish.again:
        return [first]
    name = both("shed, built again on the same place")
    return [first, Happening(name, wish.kind, wish.expected, day(wish.again), None, wish.seen_by, footprint, pieces)]


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _placed(
    rng: np.random.Generator, wish: Wish, sites: Sites, window: shapely.Polygon, taken: Sequence[shapely.Geometry]
) -> Shaped | None:
    """The first spot, in a seeded order, where the wish fits; None if this ground has none."""
    west, south, east, north = (
        window.buffer(-28).bounds if wish.side == "D" else (WEST, NORTH - SIDE_M, WEST + SIDE_M, NORTH)
    )
    spots = np.c_[rng.uniform(west, east, 30000), rng.uniform(south, north, 30000)]
    spots = spots[np.isin(at(spots, sites.ground.zone), wish.zones)]
    tree = shapely.STRtree(np.array(taken, dtype=object))
    for x, y in spots:
        turn = np.radians(12 if at(np.array([[x, y]]), sites.ground.zone)[0] == PLAIN else rng.integers(0, 12) * 15)
        footprint, pieces = wish.shape(rng, x, y, np.array([np.cos(turn), np.sin(turn)]), wish.size)
        if _fits(wish, footprint, sites, window) and not len(tree.query(footprint, predicate="intersects")):
            return footprint, pieces
    return None


def _fits(wish: Wish, footprint: BaseGeometry, sites: Sites, window: shapely.Polygon) -> bool:
    points = np.r_[
        shapely.get_coordinates(shapely.segmentize(footprint, 8.0)),
        shapely.get_coordinates(footprint.representative_point()),
    ]
    edge = np.abs(points - [WEST + SIDE_M / 2, NORTH - SIDE_M / 2]).max()
    if edge > SIDE_M / 2 - 150:
        return False
    field = at(points, sites.fields.label)
    village = sites.village[field]
    if (village < 0).any() or not np.isin(sites.dlbm[field], wish.on).all():
        return False
    if wish.side == "D":
        return bool(window.buffer(-8).contains(footprint))
    if window.buffer(60).intersects(footprint):
        return False
    east = village >= 5
    if (east != (wish.side == "E")).any():
        return False
    return wish.basic is None or bool((sites.basic[field] == wish.basic).all())
