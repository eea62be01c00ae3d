"""Sorties by hand: squares of known size on a plane, ways of known length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sorties import Limits, Plan, Sortie, Stop, Target, plan, stop
from pipeline.ways import Ways

OPEN = Ways(shapely.Polygon(), 30.0)
HOME = np.array([0.0, 0.0])


def at(x: float, y: float, name: str = "") -> Stop:
    """A target of one photo."""
    return Stop(Target(name or f"{x:g},{y:g}", "", shapely.Point(x, y), {"zh": "", "en": "asked"}), np.array([[x, y]]))


def names(one: Sortie) -> list[str]:
    return [s.target.number for s in one.stops]


def metres(one: Sortie) -> float:
    return float(np.hypot(*np.diff(one.path, axis=0).T).sum())


def test_a_way_is_straight_where_nothing_is_in_between() -> None:
    found = OPEN.way(HOME, np.array([300.0, 400.0]))
    assert found is not None
    assert found[1] == 500.0


def test_a_way_goes_round_no_fly_ground_with_its_clearance() -> None:
    """A wall 200 m long across the way; 40 m beside it (30 of clearance, 10 of drawing coarser) are kept off."""
    wall = shapely.box(480, -100, 520, 100)
    found = Ways(wall, 30.0).way(HOME, np.array([1000.0, 0.0]))
    assert found is not None
    line = shapely.LineString(found[0])
    assert line.distance(wall) >= 30.0
    assert found[1] == pytest.approx(line.length)
    assert found[1] == pytest.approx(2 * np.hypot(480 - 40.5, 140.5) + 40 + 81, abs=1.0)


def test_ground_that_is_closed_in_is_not_reached() -> None:
    ring = shapely.box(0, 0, 1000, 1000).difference(shapely.box(200, 200, 800, 800))
    ways = Ways(ring, 30.0)
    assert ways.way(np.array([-500.0, 500.0]), np.array([500.0, 500.0])) is None
    made = plan([at(500, 500)], np.array([-500.0, 500.0]), ways, Limits())
    assert "no way leads there" in made.left[0][1]["en"]


def test_a_target_in_no_fly_ground_is_left_out_with_its_reason() -> None:
    ways = Ways(shapely.box(450, 450, 550, 550), 30.0)
    made = plan([at(500, 500, "in"), at(500, 700, "out"), at(500, 565, "near")], HOME, ways, Limits())
    assert [t.number for t, _ in made.left] == ["in", "near"]
    assert "1 of its 1 photo points" in made.left[0][1]["en"]
    assert [names(s) for s in made.sorties] == [["out"]]


def test_the_shortest_round_of_a_square() -> None:
    """Four corners of a square of 1 km and home in one of its sides: once around."""
    made = plan([at(500, 1000), at(-500, 0), at(500, 0), at(-500, 1000)], HOME, OPEN, Limits(minutes=60))
    assert len(made.sorties) == 1
    assert made.sorties[0].metres == pytest.approx(4000)
    # 4 km at 10 m/s, four photos of 8 s, 100 m up and down at 3 m/s
    assert made.sorties[0].seconds == pytest.approx(400 + 32 + 200 / 3)


def test_what_is_too_far_alone_is_left_out_with_figures() -> None:
    made = plan([at(0, 6000)], HOME, OPEN, Limits(minutes=25, reserve=0.2, max_km=10))
    assert made.sorties == ()
    assert made.left[0][1]["en"].startswith("alone it takes 21.2 min and 12.00 km, above the 20.0 min or 10 km")


def test_without_home_a_sortie_takes_off_beside_its_first_target() -> None:
    made = plan([at(0, 0, "a"), at(0, 9000, "b")], None, OPEN, Limits(max_km=10))
    assert [names(s) for s in made.sorties] == [["a"], ["b"]]
    assert made.sorties[1].path[0].tolist() == [0, 9000]


def test_one_picture_where_it_holds_the_patch_else_a_grid_that_covers_it() -> None:
    """At 100 m and 24 mm the short side is 108 m, the square in its circle 76.5 m."""
    spacing = Limits().spacing_m
    assert spacing == pytest.approx(100 * 43.27 / 24 * 0.6 / np.sqrt(2))
    target = at(0, 0).target
    assert stop(target, shapely.box(0, 0, 70, 70), spacing).points.tolist() == [[35, 35]]
    shape = shapely.Polygon([(0, 0), (400, 0), (400, 50), (40, 50), (40, 300), (0, 300)])
    points = stop(target, shape, spacing).points
    seen = shapely.union_all(shapely.buffer(shapely.points(points), spacing / 2, cap_style="square"))
    assert shapely.area(shape.difference(seen)) < 1e-6
    assert len(points) == 6 + 3  # a row of six, and three rows of one above it


places = st.lists(st.tuples(st.integers(-30, 30), st.integers(-30, 30)), min_size=1, max_size=9, unique=True)


@given(places)
def test_limits_hold_and_nothing_is_lost(spots: Sequence[tuple[int, int]]) -> None:
    """Each sortie reckoned anew from its path: time, distance, clearance; each target flown once, or left out."""
    closed = shapely.box(-700, 300, 900, 800)
    limits = Limits(minutes=12, reserve=0.25, max_km=5)
    stops = [at(100.0 * x, 100.0 * y) for x, y in spots]
    made: Plan = plan(stops, HOME, Ways(closed, 30.0), limits)
    flown = [name for one in made.sorties for name in names(one)]
    assert sorted([*flown, *(t.number for t, _ in made.left)]) == sorted(s.target.number for s in stops)
    for one in made.sorties:
        assert one.path[0].tolist() == one.path[-1].tolist() == [0, 0]
        assert metres(one) == pytest.approx(one.metres)
        assert metres(one) <= 5000
        photos = int((one.photo >= 0).sum())
        assert metres(one) / 10 + 8 * photos + 200 / 3 <= 12 * 60 * 0.75
        assert shapely.LineString(one.path).distance(closed) >= 30.0 or len(set(map(tuple, one.path))) == 1
        assert {tuple(p) for p in one.path[one.photo >= 0]} == {tuple(s.points[0]) for s in one.stops}
