"""Patches over layers, with areas that can be checked by hand.

The ground is a net of 100 m squares at the central meridian of zone 38, where the ellipsoid's area
is the plane's to 0.1 m² a hectare: parcel (column, row) covers 100 m from (column × 100, row × 100).
"""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geodata.area import polygon_area_m2, to_zone
from geodata.crs import transform
from geodata.errors import EmptyData
from geodata.layers import Kind
from pipeline.overlay import OVERLAYS, overlay
from tests.pipeline.ground import ZONE, X, Y, at, on_day, part


@pytest.fixture
def land(tmp_path):
    """Four squares in a row: paddy with 田坎, orchard, river, homestead."""
    return part(
        tmp_path,
        Kind.FARMLAND,
        [at(i * 100, 0, i * 100 + 100, 100) for i in range(4)],
        DLBM=["0101", "0201", "1101", "0702"],
        DLMC=["水田", "果园", "河流水面", "农村宅基地"],
        TBBH=["0001", "0002", "0003", "0004"],
        KCXS=[0.1, None, None, None],
        ZLDWDM=["4303211012010000000"] * 4,
        ZLDWMC=["某村"] * 4,
    )


def terms(one):
    return (
        one.farmland_gross_m2,
        one.other_agricultural_m2,
        one.unused_m2,
        one.construction_m2,
        one.uncovered_m2,
    )


def in_cents(*m2):
    return sum(round(value * 100) for value in m2)


def adds_up(one):
    land = [s for s in one.shares if s.kind == Kind.FARMLAND]
    assert in_cents(*terms(one)) == in_cents(one.patch_m2)
    assert in_cents(*(s.gross_m2 for s in land), one.uncovered_m2) == in_cents(one.patch_m2)
    arable = [s for s in land if s.code.startswith("01")]
    assert in_cents(*(s.gross_m2 for s in arable)) == in_cents(one.farmland_gross_m2)
    assert in_cents(*(s.net_m2 for s in arable)) == in_cents(one.farmland_net_m2)


def test_a_patch_is_split_by_class_and_its_net_leaves_the_ridges_out(land):
    """40 m of each of the four squares, 50 m high: 2,000 m² a class; net of 田坎 0.1: 1,800."""
    (paddy_to_orchard, river_to_home) = overlay([at(60, 0, 140, 50), at(260, 0, 340, 50)], ZONE, on_day(land))
    assert terms(paddy_to_orchard) == pytest.approx((2000, 2000, 0, 0, 0), abs=0.01)
    assert paddy_to_orchard.farmland_net_m2 == pytest.approx(1800, abs=0.01)
    assert terms(river_to_home) == pytest.approx((0, 0, 2000, 2000, 0), abs=0.01)
    for one in (paddy_to_orchard, river_to_home):
        assert one.patch_m2 == pytest.approx(4000, abs=0.01)
        assert one.zone == ZONE
        assert one.warnings == ()
        adds_up(one)


def test_a_share_names_its_parcel(land):
    (one,) = overlay([at(60, 0, 140, 50)], ZONE, on_day(land))
    paddy, orchard = sorted(one.shares, key=lambda share: share.label)
    assert (paddy.label, paddy.code, paddy.name, paddy.unit, paddy.kcxs) == ("0001", "0101", "水田", "某村", 0.1)
    assert (orchard.label, orchard.net_m2) == ("0002", orchard.gross_m2)
    assert paddy.layer_sha256 == "a" * 64
    assert paddy.attributes["ZLDWDM"] == "4303211012010000000"
    assert land[1].attributes(np.array([paddy.row]), ["TBBH"])["TBBH"] == ["0001"]


def test_ground_under_no_parcel_is_a_term_of_its_own(land):
    """The patch reaches 30 m beyond the row of squares: 80 × 30 m² are uncovered, and half lies outside all."""
    beyond, outside = overlay([at(10, 50, 90, 130), at(0, 500, 100, 600)], ZONE, on_day(land))
    assert terms(beyond) == pytest.approx((4000, 0, 0, 0, 2400), abs=0.01)
    assert terms(outside) == pytest.approx((0, 0, 0, 0, 10_000), abs=0.01)
    assert outside.shares == ()
    adds_up(beyond)
    adds_up(outside)


def test_doubly_covered_ground_counts_once_for_the_first_row(tmp_path):
    """Two parcels share 20 m: 20 × 50 m² of the patch go to the first row of the layer alone."""
    layer = part(
        tmp_path, Kind.FARMLAND, [at(0, 0, 60, 100), at(40, 0, 100, 100)], DLBM=["0101", "0201"], TBBH=["A", "B"]
    )
    (one,) = overlay([at(0, 0, 100, 50)], ZONE, on_day(layer))
    adds_up(one)
    assert one.uncovered_m2 == 0
    assert one.doubly_covered_m2 == pytest.approx(1000, abs=0.01)
    gross = {share.row: share.gross_m2 for share in one.shares}
    assert gross[0] == pytest.approx(3000, abs=0.01)
    assert gross[1] == pytest.approx(2000, abs=0.01)
    assert "1000" in one.warnings[0]["en"]
    assert "只计一次" in one.warnings[0]["zh"]


def test_a_gap_as_large_as_an_overlap_hides_neither(tmp_path):
    """A parcel that slipped 20 m to the west: the sum of the pieces is the patch, yet nothing fits."""
    layer = part(
        tmp_path,
        Kind.FARMLAND,
        [at(0, 0, 100, 100), at(80, 0, 180, 100), at(200, 0, 300, 100)],
        DLBM=["0101", "0101", "0101"],
    )
    (one,) = overlay([at(0, 0, 300, 100)], ZONE, on_day(layer))
    assert one.doubly_covered_m2 == pytest.approx(2000, abs=0.02)
    assert one.uncovered_m2 == pytest.approx(2000, abs=0.02)
    assert one.farmland_gross_m2 == pytest.approx(28_000, abs=0.03)
    adds_up(one)


def test_the_same_parcel_twice_counts_once(tmp_path):
    layer = part(tmp_path, Kind.FARMLAND, [at(0, 0, 100, 100)] * 3, DLBM=["0101"] * 3)
    (one,) = overlay([at(0, 0, 50, 50)], ZONE, on_day(layer))
    assert one.farmland_gross_m2 == one.patch_m2
    assert one.doubly_covered_m2 == pytest.approx(5000, abs=0.01)
    adds_up(one)


def test_an_unknown_code_is_uncovered_ground_with_a_warning(tmp_path):
    layer = part(
        tmp_path, Kind.FARMLAND, [at(0, 0, 50, 100), at(50, 0, 100, 100)], DLBM=["0101", "9999"], TBBH=["1", "2"]
    )
    (one,) = overlay([at(0, 0, 100, 100)], ZONE, on_day(layer))
    assert terms(one) == pytest.approx((5000, 0, 0, 0, 5000), abs=0.01)
    assert [share.code for share in one.shares] == ["0101"]
    assert "9999" in one.warnings[0]["zh"]
    assert "sandiao" in one.warnings[0]["en"]
    adds_up(one)


def test_a_code_means_what_its_own_system_says(tmp_path):
    """0601 is industry in the third survey and a farm road in the planning codes."""
    square = [at(0, 0, 100, 100)]
    survey = part(tmp_path, Kind.FARMLAND, square, DLBM=["0601"], sha="a")
    planning = part(tmp_path, Kind.FARMLAND, square, DLBM=["0601"], code_system="ydyh", sha="b")
    assert overlay(square, ZONE, on_day(survey))[0].construction_m2 == pytest.approx(10_000, abs=0.01)
    assert overlay(square, ZONE, on_day(planning))[0].other_agricultural_m2 == pytest.approx(10_000, abs=0.01)


def test_an_odd_coefficient_is_said_and_not_applied(tmp_path):
    layer = part(tmp_path, Kind.FARMLAND, [at(0, 0, 100, 100)], DLBM=["0101"], KCXS=["8.5%"], TBBH=["77"])
    (one,) = overlay([at(0, 0, 10, 10)], ZONE, on_day(layer))
    assert one.farmland_net_m2 == one.farmland_gross_m2
    assert "77" in one.warnings[0]["en"]


def test_overlays_are_beside_the_sum_and_counted_as_a_union(land, tmp_path):
    """Basic farmland twice over the west half; a redline over everything."""
    basic = part(
        tmp_path,
        Kind.BASIC_FARMLAND,
        [at(0, 0, 50, 100), at(0, 0, 50, 60)],
        DLBM=["0101"] * 2,
        YJJBNTTBBH=["P1", "P2"],
        KCXS=[0.2, 0.2],
    )
    redline = part(tmp_path, Kind.REDLINE, [at(-500, -500, 900, 900)], HXMC=["某红线"])
    (one,) = overlay([at(0, 0, 100, 100)], ZONE, on_day(land, basic, redline))
    assert set(one.overlays) == set(OVERLAYS)
    assert one.overlays[Kind.BASIC_FARMLAND] == pytest.approx((5000, 4000), abs=0.01)
    assert one.overlays[Kind.REDLINE] == (one.patch_m2, one.patch_m2)
    assert one.overlays[Kind.APPROVED] == (0.0, 0.0)
    assert {share.label for share in one.shares if share.kind == Kind.BASIC_FARMLAND} == {"P1", "P2"}
    assert terms(one) == pytest.approx((10_000, 0, 0, 0, 0), abs=0.01)
    adds_up(one)


def test_basic_farmland_outside_farmland_is_told_all_the_same(land, tmp_path):
    basic = part(tmp_path, Kind.BASIC_FARMLAND, [at(200, 0, 300, 100)], DLBM=["0101"])
    (one,) = overlay([at(200, 0, 300, 100)], ZONE, on_day(land, basic))
    assert one.farmland_gross_m2 == 0
    assert one.overlays[Kind.BASIC_FARMLAND][0] == one.patch_m2


@pytest.mark.parametrize(
    ("day", "counts"),
    [
        (date(2025, 12, 31), 0),
        (date(2026, 1, 1), 1),
        (date(2026, 12, 31), 1),
        (date(2027, 1, 1), 0),
    ],
)
def test_an_approval_counts_from_its_first_to_its_last_day(land, tmp_path, day, counts):
    approved = part(
        tmp_path,
        Kind.APPROVED,
        [at(0, 0, 100, 50)],
        PZWH=["湘政地〔2026〕1号"],
        PZRQ=["2026-01-01"],
        YXQZ=["2026-12-31"],
    )
    (one,) = overlay([at(0, 0, 100, 100)], ZONE, on_day(land, approved), day=day)
    assert one.overlays[Kind.APPROVED][0] == pytest.approx(5000 * counts, abs=0.01)
    assert [s.attributes["PZWH"] for s in one.shares if s.kind == Kind.APPROVED] == ["湘政地〔2026〕1号"] * counts
    assert bool(one.warnings) != bool(counts)


def test_the_day_of_the_layers_holds_unless_another_is_given(land, tmp_path):
    facility = part(tmp_path, Kind.FACILITY, [at(0, 0, 100, 100)], BAH=["B1"], BARQ=["20260101"])
    held = on_day(land, facility)
    assert overlay([at(0, 0, 10, 10)], ZONE, held)[0].overlays[Kind.FACILITY][0] > 0
    assert overlay([at(0, 0, 10, 10)], ZONE, held, day=date(2025, 5, 5))[0].overlays[Kind.FACILITY][0] == 0


def test_a_date_that_cannot_be_read_ends_no_record_and_is_said(land, tmp_path):
    approved = part(tmp_path, Kind.APPROVED, [at(0, 0, 100, 100)], PZWH=["1号"], YXQZ=["长期"])
    (one,) = overlay([at(0, 0, 10, 10)], ZONE, on_day(land, approved))
    assert one.overlays[Kind.APPROVED][0] == one.patch_m2
    assert "长期" in one.warnings[0]["zh"]


def test_place_by_the_deepest_unit_with_the_largest_share(land, tmp_path):
    """County and township hold everything; of two villages the east one holds 60 of 80 m."""
    everything = at(-1000, -1000, 1000, 1000)
    units = part(
        tmp_path,
        Kind.DISTRICT,
        [everything, everything, at(-1000, -1000, 80, 1000), at(80, -1000, 1000, 1000)],
        XZQDM=["430321", "430321101000", "430321101201", "430321101202"],
        XZQMC=["湘潭县", "", "西村", "东村"],
    )
    (one,) = overlay([at(60, 0, 140, 50)], ZONE, on_day(land, units))
    assert (one.district_code, one.district_name) == ("430321", "湘潭县")
    assert (one.township_code, one.township_name) == ("430321101", "430321101")  # no name held: its code
    assert (one.village_code, one.village_name) == ("430321101202", "东村")
    assert one.districts == {
        "430321101201": pytest.approx(1000, abs=0.01),
        "430321101202": pytest.approx(3000, abs=0.01),
    }


def test_below_the_deepest_unit_held_the_parcel_tells(land, tmp_path):
    county = part(tmp_path, Kind.DISTRICT, [at(-1000, -1000, 1000, 1000)], XZQDM=["430321"], XZQMC=["湘潭县"])
    (one,) = overlay([at(60, 0, 140, 50)], ZONE, on_day(land, county))
    assert (one.district_name, one.township_code, one.village_name) == ("湘潭县", "430321101", "某村")
    assert one.districts == {"430321": one.patch_m2}


def test_without_units_the_largest_parcel_tells_the_place(land):
    inside, outside = overlay([at(10, 10, 140, 50), at(0, 500, 10, 510)], ZONE, on_day(land))
    assert (inside.district_code, inside.township_code, inside.village_code) == ("430321", "430321101", "430321101201")
    assert (inside.village_name, inside.district_name) == ("某村", "430321")
    assert (outside.district_code, outside.township_code, outside.village_code, outside.districts) == ("", "", "", {})


def test_a_unit_of_many_corners_holds_its_patches_as_a_simple_one_does(land, tmp_path):
    around = shapely.segmentize(at(-1000, -1000, 120, 1000), 5)
    units = part(tmp_path, Kind.DISTRICT, [around, at(5000, 0, 6000, 10)], XZQDM=["430321101201", "430321101202"])
    assert shapely.get_num_coordinates(around) > 500
    inside, across, apart = overlay(
        [at(0, 0, 50, 50), at(100, 0, 140, 50), at(150, 0, 190, 50)], ZONE, on_day(land, units)
    )
    assert inside.districts == {"430321101201": inside.patch_m2}
    assert across.districts == {"430321101201": pytest.approx(1000, abs=0.01)}
    assert apart.districts == {}


def test_patches_in_any_crs_give_the_same_areas(land):
    ring = np.array([at(60, 0, 140, 50)])
    (expected,) = overlay(ring, ZONE, on_day(land))
    for crs in ("EPSG:4490", "EPSG:32649", "EPSG:4526", "EPSG:3857"):
        (one,) = overlay(transform(ring, ZONE, crs), crs, on_day(land))
        assert one.zone == ZONE
        assert terms(one) == pytest.approx(terms(expected), abs=0.05)
        assert shapely.hausdorff_distance(one.geometry, expected.geometry) < 1e-8
        adds_up(one)
    assert 113.99 < expected.geometry.centroid.x < 114.01
    assert 27 < expected.geometry.centroid.y < 28


def test_two_zones_meet_without_gap(tmp_path):
    """Either side of 112.5° E the parcels are kept in their own zone; the patch lies over the seam and
    is computed in the zone of the two parcels against the one."""
    seam = transform(np.array([shapely.Point(112.5, 27.8)]), "EPSG:4490", "EPSG:4547")[0]
    x, y = round(seam.x), round(seam.y)
    east = [shapely.box(x, y, x + 100, y + 100), shapely.box(x, y + 100, x + 100, y + 200)]
    west = to_zone(np.array([shapely.box(x - 100, y, x, y + 200)]), "EPSG:4547", "EPSG:4546")
    layers = on_day(
        part(tmp_path, Kind.FARMLAND, east, DLBM=["0101", "0103"], sha="e"),
        part(tmp_path, Kind.FARMLAND, list(west), DLBM=["0201"], zone="EPSG:4546", sha="b"),
    )
    patch = shapely.box(x - 60, y + 50, x + 60, y + 150)
    (one,) = overlay([patch], "EPSG:4547", layers)
    assert one.zone == "EPSG:4547"
    assert one.uncovered_m2 == 0
    assert one.doubly_covered_m2 == 0
    assert one.farmland_gross_m2 == pytest.approx(one.patch_m2 / 2, abs=0.02)
    assert one.other_agricultural_m2 == pytest.approx(one.patch_m2 / 2, abs=0.02)
    adds_up(one)
    (alone,) = overlay([shapely.box(x - 60, y + 50, x - 10, y + 150)], "EPSG:4547", layers)
    assert alone.zone in ("EPSG:4546", "EPSG:4547")
    assert alone.other_agricultural_m2 == alone.patch_m2


def test_without_any_layer_all_is_uncovered_in_the_zone_of_the_place():
    lonlat = shapely.box(112.9, 27.8, 112.901, 27.801)
    (one,) = overlay([lonlat], "EPSG:4490", on_day())
    assert one.zone == "EPSG:4547"
    assert one.uncovered_m2 == one.patch_m2 > 10_000
    assert shapely.equals_exact(one.geometry, lonlat, 1e-12)


def test_no_patch_no_answer_and_no_ground_is_refused(land):
    assert overlay([], ZONE, on_day(land)) == []
    with pytest.raises(EmptyData, match="2"):
        overlay([at(0, 0, 1, 1), shapely.Polygon()], ZONE, on_day(land))


def test_the_answers_come_in_the_order_of_the_patches(land):
    patches = [at(x, 10, x + 5 + x / 50, 20) for x in (300, 10, 200, 120, 350, 40, 90)]
    told = []
    found = overlay(patches, ZONE, on_day(land), progress=told.append)
    exact = polygon_area_m2(np.array(patches), 114.0)
    assert [one.patch_m2 for one in found] == pytest.approx(exact.tolist(), abs=0.01)
    assert told[-1] == 1.0


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    corners=st.lists(st.tuples(st.floats(-40, 440), st.floats(-40, 140)), min_size=3, max_size=7, unique=True),
    hole=st.booleans(),
)
def test_every_patch_adds_up_to_the_cent(land, corners, hole):
    patch = shapely.transform(shapely.MultiPoint(corners).convex_hull, lambda xy: xy + np.array([X, Y]))
    if hole:
        patch = patch.difference(shapely.buffer(patch.centroid, 3))
    if patch.geom_type != "Polygon" or patch.area < 1:
        return
    (one,) = overlay([patch], ZONE, on_day(land))
    adds_up(one)
    assert one.patch_m2 == pytest.approx(polygon_area_m2(np.array([patch]), 114.0)[0], abs=0.0051)
    inside = patch.intersection(at(0, 0, 400, 100)).area
    assert one.uncovered_m2 == pytest.approx(patch.area - inside, abs=0.1)
    assert all(term >= 0 for term in terms(one))


def test_a_layer_of_another_part_with_the_same_rows_is_not_confused(land, tmp_path):
    """Two counties deliver apart; both have a row 0."""
    other = part(tmp_path, Kind.FARMLAND, [at(400, 0, 500, 100)], DLBM=["0103"], TBBH=["X"], sha="b")
    (one,) = overlay([at(350, 0, 450, 100)], ZONE, on_day(land, other))
    assert terms(one) == pytest.approx((5000, 0, 0, 5000, 0), abs=0.01)
    assert {(share.layer_sha256[0], share.label) for share in one.shares} == {("a", "0004"), ("b", "X")}
    assert replace(one, warnings=()).patch_m2 == one.patch_m2
