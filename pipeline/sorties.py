"""Flights to plan: which ground imagery from space cannot settle, and in which sorties a drone looks at it.

Pure; plane metres but for targets. A sortie begins and ends at its take-off point, above which it climbs and descends,
and stays within time, battery and distance. It begins with the farthest target that is left, takes in what costs the
least further way (cheapest insertion: Rosenkrantz, Stearns and Lewis 1977), and is untangled by exchanges of two legs
(2-opt: Croes 1958). What does not fit is left out with its reason; nothing else is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geodata.photometa import DIAGONAL_35MM
from geodata.words import Text, both
from pipeline.cases.case import Case, Part, Status
from pipeline.cases.seen import confidence, looks
from pipeline.confirm import AGREES, UNCLEAR
from pipeline.recheck import CANNOT_TELL
from pipeline.triage import HIGH
from pipeline.ways import Ways

Floats = NDArray[np.float64]
LEGAL_HEIGHT_M = 120.0
"""True height up to which 适飞空域 reaches (无人驾驶航空器飞行管理暂行条例, in force 2024-01-01, article 19)."""
SHORT_SIDE = 0.6
"""Of the diagonal, in a picture of 4:3."""
GAIN_M = 0.01
NEAREST = 12
"""Targets that are tried as the next of a sortie; one that lies farther is left for another."""


@dataclass(frozen=True, eq=False)
class Target:
    """A part of a case to be looked at. geometry: EPSG:4490. why: imagery cannot settle it."""

    number: str
    part: str
    geometry: BaseGeometry
    why: Text

    @property
    def name(self) -> str:
        return f"{self.number}_{self.part}" if self.part else self.number


@dataclass(frozen=True)
class Limits:
    """minutes: that a battery flies; reserve: share of it that is not used, 0 … 1. max_km: way over ground of one
    sortie. height_m: above take-off. camera_mm: focal length of the lens as of a 35 mm camera, pictures of 4:3.
    stop_s: at each photo. climb_mps: up and down."""

    minutes: float = 25.0
    reserve: float = 0.2
    max_km: float = 10.0
    height_m: float = 100.0
    speed_mps: float = 10.0
    camera_mm: float = 24.0
    stop_s: float = 8.0
    climb_mps: float = 3.0

    @property
    def usable_s(self) -> float:
        return self.minutes * 60 * (1 - self.reserve)

    @property
    def spacing_m(self) -> float:
        """Between photos: the square inside the circle inside a picture on the ground, whichever way it is turned."""
        short = self.height_m * DIAGONAL_35MM / self.camera_mm * SHORT_SIDE
        return short / math.sqrt(2)


@dataclass(frozen=True, eq=False)
class Stop:
    """A target with its photo points (n, 2) in the order of flight."""

    target: Target
    points: Floats

    @property
    def turned(self) -> Stop:
        return Stop(self.target, self.points[::-1])


@dataclass(frozen=True, eq=False)
class Sortie:
    """path: (n, 2) from above the take-off point and back to it. photo: (n,) whether a photo is taken there, of which
    target by its place in ``stops``; −1 = none."""

    stops: tuple[Stop, ...]
    path: Floats
    photo: NDArray[np.int64]
    metres: float
    seconds: float


@dataclass(frozen=True, eq=False)
class Plan:
    """left: what no sortie looks at, and why."""

    sorties: tuple[Sortie, ...]
    left: tuple[tuple[Target, Text], ...]


# -- what to look at


def targets(cases: Sequence[Case]) -> list[Target]:
    """Suspected ground that further scenes leave unclear or that is less than sure, and ground under rectification or
    before acceptance whose re-checks cannot tell; in the order given."""
    found = []
    for case in cases:
        if case.status is Status.SUSPECTED:
            why = _of_suspected(case)
            found += [Target(case.number, "", case.geometry, why)] if why else []
        else:
            found += [Target(case.number, p.id, p.geometry, why) for p in case.parts if (why := _of_part(p))]
    return found


def _of_suspected(case: Case) -> Text | None:
    said = looks(case)
    if said[AGREES]:
        return None
    if said[UNCLEAR]:
        return both("suspected; {count} further scene(s) cannot tell", count=said[UNCLEAR])
    sure = confidence(case)
    return both("suspected; confidence {value}, below high", value=f"{sure:.2f}") if sure < HIGH else None


def _of_part(part: Part) -> Text | None:
    if part.status not in (Status.RECTIFYING, Status.REPORTED) or not part.rechecks_now:
        return None
    last = {item["recheck"]["scene_id"]: item["recheck"]["verdict"] for item in part.rechecks_now}
    if set(last.values()) != {CANNOT_TELL}:
        return None
    return both("to be put right; {count} later scene(s) cannot tell", count=len(last))


def stop(target: Target, shape: BaseGeometry, spacing_m: float) -> Stop:
    """Photo points over a patch (plane metres): its middle where one picture holds it, else rows of a grid, to and
    fro, of which each square that the patch touches is taken."""
    west, south, east, north = shape.bounds
    columns, rows = (max(1, math.ceil((high - low) / spacing_m)) for low, high in ((west, east), (south, north)))
    points: list[tuple[float, float]] = []
    for row in range(rows):
        y = (south + north) / 2 + (row - (rows - 1) / 2) * spacing_m
        line = []
        for column in range(columns):
            x = (west + east) / 2 + (column - (columns - 1) / 2) * spacing_m
            half = spacing_m / 2
            if shapely.intersects(shape, shapely.box(x - half, y - half, x + half, y + half)):
                line.append((x, y))
        points += line if row % 2 == 0 else line[::-1]
    return Stop(target, np.array(points))


# -- in which order


def plan(stops: Sequence[Stop], home: Floats | None, ways: Ways, limits: Limits) -> Plan:
    """home: (x, y) of the take-off point of all; None = each sortie takes off beside its first target."""
    left: list[tuple[Target, Text]] = []
    able: list[Stop] = []
    for one in stops:
        why = _unable(one, home, ways, limits)
        if why is None:
            able.append(one)
        else:
            left.append((one.target, why))
    sorties = []
    while able:
        first = able[0] if home is None else max(able, key=lambda s: _way_m(ways, home, s.points[0]))
        able.remove(first)
        base = first.points[0] if home is None else home
        chosen, taken = _filled([first], able, base, ways, limits)
        able = [one for one in able if one not in taken]
        sortie = flown(chosen, base, ways, limits)
        assert sortie is not None
        sorties.append(sortie)
    return Plan(tuple(sorties), tuple(left))


def _unable(one: Stop, home: Floats | None, ways: Ways, limits: Limits) -> Text | None:
    closed = sum(not ways.free(point) for point in one.points)
    if closed:
        return both("{closed} of its {count} photo points lie in no-fly ground or its clearance",
                    closed=closed, count=len(one.points))  # fmt: skip
    alone = flown([one], one.points[0] if home is None else home, ways, limits)
    if alone is None:
        return both("no way leads there around the no-fly ground")
    if not _fits(alone, limits):
        return both(
            "alone it takes {minutes} min and {km} km, above the {most_minutes} min or {most_km} km of a sortie",
            minutes=f"{alone.seconds / 60:.1f}",
            km=f"{alone.metres / 1000:.2f}",
            most_minutes=f"{limits.usable_s / 60:.1f}",
            most_km=f"{limits.max_km:g}",
        )
    return None


def _fits(sortie: Sortie, limits: Limits) -> bool:
    return sortie.seconds <= limits.usable_s and sortie.metres <= limits.max_km * 1000


def _filled(
    chosen: list[Stop], able: Sequence[Stop], base: Floats, ways: Ways, limits: Limits
) -> tuple[list[Stop], list[Stop]]:
    """The sortie with all that still fits, nearest first. Returns (order, those taken in)."""
    taken: list[Stop] = []
    waiting = list(able)
    while waiting:
        tried = []
        for n in _nearest(chosen, waiting):
            found = _inserted(chosen, waiting[n], base, ways)
            if found is not None:
                tried.append((found[0], n, found[1]))
        fitting = None
        for _, n, order in sorted(tried, key=lambda t: (t[0], t[1])):
            better = _untangled(order, base, ways)
            whole = flown(better, base, ways, limits)
            if whole is not None and _fits(whole, limits):
                fitting = n, better
                break
        if fitting is None:
            break
        taken.append(waiting.pop(fitting[0]))
        chosen = fitting[1]
    return chosen, taken


def _nearest(chosen: Sequence[Stop], waiting: Sequence[Stop]) -> list[int]:
    """Places in ``waiting`` of those that lie nearest to the sortie, as the crow flies."""
    here = np.concatenate([one.points for one in chosen])
    apart = [float(np.hypot(*(here - one.points[0]).T).min()) for one in waiting]
    return [int(n) for n in np.argsort(apart, kind="stable")[:NEAREST]]


def _inserted(chosen: Sequence[Stop], one: Stop, base: Floats, ways: Ways) -> tuple[float, list[Stop]] | None:
    """(metres more, order) where a stop costs the least further way; None where there is no way to it."""
    now = _length(chosen, base, ways)
    orders = [[*chosen[:n], turned, *chosen[n:]] for n in range(len(chosen) + 1) for turned in (one, one.turned)]
    best = min(orders, key=lambda order: _length(order, base, ways))
    more = _length(best, base, ways) - now
    return (more, best) if math.isfinite(more) else None


def _untangled(order: Sequence[Stop], base: Floats, ways: Ways) -> list[Stop]:
    """Exchanges of two legs as long as one makes the way shorter."""
    best, length, again = list(order), _length(order, base, ways), True
    while again:
        again = False
        for i in range(len(best)):
            for j in range(i, len(best)):
                other = [*best[:i], *(one.turned for one in reversed(best[i : j + 1])), *best[j + 1 :]]
                if (metres := _length(other, base, ways)) < length - GAIN_M:
                    best, length, again = other, metres, True
    return best


def _length(stops: Sequence[Stop], base: Floats, ways: Ways) -> float:
    here, metres = base, 0.0
    for one in stops:
        metres += _way_m(ways, here, one.points[0]) + _within(one, ways)
        here = one.points[-1]
    return metres + _way_m(ways, here, base)


def _within(one: Stop, ways: Ways) -> float:
    return sum(_way_m(ways, a, b) for a, b in zip(one.points, one.points[1:], strict=False))


def _way_m(ways: Ways, start: Floats, end: Floats) -> float:
    found = ways.way(start, end)
    return math.inf if found is None else found[1]


def flown(stops: Sequence[Stop], base: Floats, ways: Ways, limits: Limits) -> Sortie | None:
    """The stops in this order from ``base`` and back; None where there is no way."""
    path, photo, metres = [base], [-1], 0.0
    wanted = [(point, n) for n, one in enumerate(stops) for point in one.points] + [(base, -1)]
    for point, of in wanted:
        found = ways.way(path[-1], point)
        if found is None:
            return None
        corners, length = found
        path += [*corners[1:-1], point]
        photo += [-1] * (len(corners) - 2) + [of]
        metres += length
    photos = sum(len(one.points) for one in stops)
    seconds = metres / limits.speed_mps + photos * limits.stop_s + 2 * limits.height_m / limits.climb_mps
    return Sortie(tuple(stops), np.array(path), np.array(photo), metres, seconds)
