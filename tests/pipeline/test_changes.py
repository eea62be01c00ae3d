"""Patches: exact outlines with holes, the same for any strips; sums checked by hand."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from odc.geo.geobox import GeoBox

from geodata.rasterfile import polygonize
from pipeline import changes
from pipeline.changes import trace
from pipeline.detect.protocol import Bands
from pipeline.detect.run import Scored
from pipeline.quality import Quality


class Model:
    """gain 2, offset 1 on one band."""

    method, version, halo, report = "test", "1", 0, {}
    bands = Bands(("red",), (0,), (0,))
    gain, offset = np.array([2.0]), np.array([1.0])

    def score(self, before, after, clear):
        raise AssertionError


def strips(change: np.ndarray, before: np.ndarray | None = None, rows: int = 512) -> Iterator[Scored]:
    """before: (y, x); AFTER is BEFORE + 10."""
    values = np.zeros(change.shape, np.float32) if before is None else before.astype(np.float32)
    for y in range(0, len(change), rows):
        part = slice(y, y + rows)
        seen = change[part]
        score = np.where(seen == 1, 0.75, 0.25).astype(np.float32)
        score[seen == 255] = np.nan
        quality = np.where(seen == 255, np.uint8(Quality.CLOUD), np.uint8(0))
        roi = (slice(y, y + len(seen)), slice(0, change.shape[1]))
        yield Scored(roi, score, seen, quality, values[None, part], values[None, part] + 10)


def traced(change, before=None, rows=512, grid=None, min_area=1.0) -> changes.Traced:
    change = np.asarray(change, np.uint8)
    grid = grid or GeoBox(change.shape, Affine.identity(), None)
    return trace(strips(change, before, rows), Model(), grid, before_id="b", after_id="a", min_area=min_area)


RING = [
    [0, 0, 0, 0, 0, 0, 0, 0],
    [0, 1, 1, 1, 0, 0, 0, 0],
    [0, 1, 0, 1, 0, 0, 0, 0],
    [0, 1, 1, 1, 0, 0, 0, 0],
    [0, 0, 0, 0, 1, 1, 0, 0],
    [0, 0, 0, 0, 0, 0, 0, 0],
]


def test_a_hole_is_kept_and_a_touching_corner_does_not_join():
    ring, bar = traced(RING).changes
    assert (ring.area_px, bar.area_px) == (8, 2)
    assert shapely.equals(
        ring.geometry, shapely.Polygon([(1, 1), (4, 1), (4, 4), (1, 4)], [[(2, 2), (3, 2), (3, 3), (2, 3)]])
    )
    assert shapely.equals(bar.geometry, shapely.box(4, 4, 6, 5))
    assert ring.area_m2 is None
    assert ring.crs is None


def test_too_small_patches_are_counted():
    found = traced(RING, min_area=4)
    assert [c.area_px for c in found.changes] == [8]
    assert found.too_small == (1, 2.0)


def test_the_share_of_the_outline_against_unseen_ground():
    change = np.zeros((4, 6), np.uint8)
    change[1:3, 2:4] = 1
    change[0, 2:4] = 255  # two of the eight sides
    assert traced(change).changes[0].edge_unseen == pytest.approx(0.25)
    corner = np.zeros((3, 3), np.uint8)
    corner[0, 0] = 1  # two of its four sides are the image's border
    assert traced(corner).changes[0].edge_unseen == pytest.approx(0.5)


def test_spectra_inside_and_in_the_ring():
    change = np.zeros((11, 11), np.uint8)
    change[5, 5:7] = 1
    before = np.full((11, 11), 50.0)
    before[5, 5], before[5, 6] = 100, 104
    patch = traced(change, before).changes[0]
    assert patch.spectra.before == {"red": 102.0}
    assert patch.spectra.before_std == {"red": 2.0}
    assert patch.spectra.after == {"red": 2 * 112.0 + 1}  # harmonised: gain 2, offset 1
    assert patch.spectra.after_std == {"red": 4.0}
    assert patch.spectra.ring_before == {"red": 50.0}
    assert patch.spectra.ring_after == {"red": 121.0}
    assert patch.score == 0.75


def test_the_ring_ends_after_three_pixels_and_leaves_out_what_is_unseen():
    change = np.zeros((9, 9), np.uint8)
    change[4, 4] = 1
    before = np.zeros((9, 9))
    before[4, 7], before[4, 8] = 280, 9999  # the fourth pixel is not looked at
    assert traced(change, before).changes[0].spectra.ring_before["red"] == pytest.approx(10)  # 28 pixels of a disc
    change[4, 7] = 255
    assert traced(change, before).changes[0].spectra.ring_before["red"] == 0
    alone = np.full((5, 5), 255, np.uint8)
    alone[2, 2] = 1
    assert traced(alone).changes[0].spectra.ring_before == {}


def test_areas_are_of_the_ellipsoid_and_the_minimum_follows_the_gsd():
    grid = GeoBox((20, 20), Affine(10, 0, 500_000, 0, -10, 3_090_000), "EPSG:4547")
    change = np.zeros((20, 20), np.uint8)
    change[2:4, 2:4] = 1
    change[10, 3:6] = 1
    found = traced(change, grid=grid, min_area=None)
    assert [c.area_px for c in found.changes] == [4]  # 400 m² at 10 m
    assert found.changes[0].area_m2 == pytest.approx(400, abs=0.2)
    assert found.changes[0].geometry.bounds == (500_020, 3_089_960, 500_040, 3_089_980)
    assert found.too_small == (1, pytest.approx(300, abs=0.2))
    assert [changes.min_area_m2(gsd) for gsd in (0.2, 2, 10, 30)] == [50, 50, 400, 3600]


def test_nothing_in_nothing_out():
    found = traced(np.full((5, 5), 255))
    assert found.changes == ()
    assert found.too_small == (0, 0.0)
    assert found.statistics.before == {}
    assert found.tally["cloud"] == 25
    found = traced(np.zeros((5, 5)), np.arange(25).reshape(5, 5))
    assert found.statistics.before["red"] == pytest.approx((0.48, 6, 12, 18, 23.52))
    assert found.statistics.after["red"] == pytest.approx((21.96, 33, 45, 57, 68.04))


CHANGES = arrays(np.uint8, st.tuples(st.integers(1, 30), st.integers(1, 14)), elements=st.sampled_from([0, 1, 1, 255]))


@settings(max_examples=60, deadline=None)
@given(CHANGES, st.integers(1, 9))
def test_any_strips_give_the_same_patches(change: np.ndarray, rows: int):
    before = np.arange(change.size).reshape(change.shape) % 97
    whole, cut = traced(change, before, min_area=2), traced(change, before, rows, min_area=2)
    assert whole.too_small == cut.too_small
    assert whole.tally == cut.tally
    assert whole.statistics == cut.statistics
    assert [_told(c) for c in whole.changes] == [_told(c) for c in cut.changes]


def _told(change: changes.Change) -> tuple:
    return change.geometry.wkb, change.area_px, change.score, change.edge_unseen, change.spectra


@settings(max_examples=60, deadline=None)
@given(CHANGES)
def test_patches_are_the_changed_pixels_exactly(change: np.ndarray):
    found = traced(change, rows=4).changes
    expected = polygonize(change == 1, 4)
    assert all(c.geometry.is_valid and c.geometry.area == c.area_px for c in found)
    assert {c.geometry.normalize().wkt for c in found} == {p.normalize().wkt for p in expected}
