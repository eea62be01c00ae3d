"""GCJ-02 by hand: known pairs, and what holds everywhere."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geodata.gcj02 import to_gcj02


@pytest.mark.parametrize(
    ("lon", "lat", "there"),
    [
        (116.404, 39.915, (116.410243, 39.916404)),  # a pair that many programs print
        (-0.1276, 51.5072, (-0.1276, 51.5072)),  # outside China nothing is moved
    ],
)
def test_known_points(lon: float, lat: float, there: tuple[float, float]) -> None:
    found = to_gcj02(lon, lat)
    assert found == pytest.approx(there, abs=2e-5)


@given(st.floats(112.0, 113.5), st.floats(27.0, 28.5))
def test_near_xiangtan_it_moves_a_point_by_some_hundred_metres_and_neighbours_alike(lon: float, lat: float) -> None:
    east, north = to_gcj02(lon, lat)
    metres = math.hypot((east - lon) * 98_500, (north - lat) * 110_800)
    assert 300 < metres < 900
    beside = to_gcj02(lon + 1e-4, lat)
    assert beside[0] - east == pytest.approx(1e-4, rel=0.01)
