from dataclasses import replace
from datetime import UTC, datetime

import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from geodata.errors import InputError, NoOverlap
from geodata.scene import Scene
from pipeline.pairing import alone, angles_apart, pair, pairs

EAST, NORTH = 700_000, 3_080_000


def scene(name, day, *, gsd=10.0, cloud=0.0, bands=("blue", "green", "red", "nir"), east=0.0, size=1000):
    pixels = int(size / gsd)
    geobox = GeoBox((pixels, pixels), Affine(gsd, 0, EAST + east, 0, -gsd, NORTH), "EPSG:32649")
    at = datetime.fromisoformat(day).replace(hour=3, tzinfo=UTC)
    return Scene(name, "S2", at, geobox, gsd, bands, {}, cloud, {name: name})


def test_the_same_season_a_year_before_is_preferred_to_another_season():
    spring, autumn = scene("spring", "2026-04-20"), scene("autumn", "2025-10-20")
    after = scene("after", "2026-10-18")
    (found,) = [p for p in pairs([spring, autumn, after], set()) if p.after is after]
    assert found.before is autumn
    assert (found.season_days, found.gap_days, found.choices) == (2, 363, 2)
    assert "2025-10-20" in found.text["zh"]
    assert "363" in found.text["en"]


def test_the_season_never_excludes_the_only_pair():
    (found,) = pairs([scene("winter", "2026-01-10"), scene("summer", "2026-07-12")], set())
    assert found.season_days == 183


def test_a_year_ago_is_preferred_to_last_week_that_may_hide_what_a_cloud_hid():
    week, year = scene("week", "2026-10-08"), scene("year", "2025-10-20")
    found = pairs([week, year, scene("after", "2026-10-18")], {("year", "week")})
    assert [p.before.id for p in found if p.after.id == "after"] == ["year"]


def test_the_clearer_of_two_alike_is_taken():
    scenes = [scene("cloudy", "2025-10-18", cloud=70.0), scene("clear", "2025-10-10"), scene("after", "2026-10-18")]
    assert pairs(scenes, {("", "clear"), ("", "cloudy")})[0].before.id == "clear"


def test_more_common_ground_outweighs_a_better_season():
    scenes = [scene("half", "2025-10-18", east=600), scene("whole", "2025-09-01"), scene("after", "2026-10-18")]
    found = next(p for p in pairs(scenes, set()) if p.after.id == "after")
    assert found.before.id == "whole"
    assert found.overlap == pytest.approx(1.0)


def test_overlap_is_the_share_of_the_new_scene():
    found = pairs([scene("b", "2025-10-18", east=250), scene("a", "2026-10-18")], set())
    assert found[0].overlap == pytest.approx(0.75, abs=1e-3)


def test_what_was_inspected_is_not_paired_again():
    scenes = [scene("b", "2025-10-18"), scene("a", "2026-10-18")]
    assert len(pairs(scenes, set())) == 1
    assert pairs(scenes, {("b", "a")}) == []


def test_like_is_compared_with_like():
    drone, satellite = scene("drone", "2025-10-18", gsd=0.5), scene("a", "2026-10-18")
    named = replace(scene("other", "2025-10-18"), bands=("sar",))
    aside = scene("aside", "2025-10-18", east=5000)
    for unlike, error in ((drone, InputError), (named, InputError), (aside, NoOverlap)):
        assert pairs([unlike, satellite], set()) == []
        with pytest.raises(error):
            pair(unlike, satellite)
        reasons = {s.id: text for s, text in alone([unlike, satellite], set())}
        assert set(reasons) == {unlike.id, "a"}
        assert reasons[unlike.id]["en"] != reasons["a"]["en"]


def test_gsd_within_a_factor_of_three_is_alike():
    assert len(pairs([scene("b", "2025-10-18", gsd=10.0), scene("a", "2026-10-18", gsd=30.0 - 1e-6)], set())) == 1


def test_before_must_be_earlier():
    with pytest.raises(InputError, match=r"not earlier|并不早"):
        pair(scene("late", "2026-10-18"), scene("early", "2025-10-18"))


def test_scenes_without_a_place_are_not_paired():
    bare = replace(scene("b", "2025-10-18"), geobox=GeoBox((10, 10), Affine.identity(), None))
    assert pairs([bare, scene("a", "2026-10-18")], set()) == []


def test_a_sister_of_the_same_sensor_is_preferred_to_another_of_the_same_day():
    twin, other = scene("twin", "2025-10-18"), scene("other", "2025-10-18")
    twin, other = replace(twin, platform="sentinel-2a"), replace(other, platform="landsat-9", gsd_m=30.0)
    after = replace(scene("after", "2026-10-18"), platform="sentinel-2b")
    found = pairs([other, twin, after], {("", "twin"), ("", "other")})[0]
    assert found.before.id == "twin"
    # overlap, season, clearness, span, sensor whole; geometry unknown: (4 + 3 + 2 + 1 + 1 + 0.5) / 12
    assert found.match == pytest.approx(11.5 / 12, abs=1e-3)
    assert "96%" in found.text["en"]
    # the other: half of all bands in common, pixels of a third: 1/6 in place of 1
    assert pair(other, after).match == pytest.approx((11.5 - 5 / 6) / 12, abs=1e-3)


def test_the_same_line_of_sight_and_sun_are_preferred():
    straight = {"off_nadir": 0.0, "sun_elevation": 50.0, "sun_azimuth": 150.0}
    tilted = {"off_nadir": 30.0, "azimuth": 90.0, "sun_elevation": 50.0, "sun_azimuth": 150.0}
    one, two = replace(scene("b", "2025-10-18"), view=tilted), replace(scene("c", "2025-10-18"), view=straight)
    after = replace(scene("after", "2026-10-18"), view=straight)
    assert pairs([one, two, after], {("", "b"), ("", "c")})[0].before.id == "c"
    found = pair(one, after)
    assert "视线方向相差 30°，太阳方向相差 0°" in found.text["zh"]
    assert found.match == pytest.approx(11.5 / 12, abs=1e-3)  # 30 of 60 degrees: half


def test_two_tilted_the_opposite_ways_are_apart_by_both_angles():
    east = {"off_nadir": 20.0, "azimuth": 90.0, "sun_elevation": 90.0, "sun_azimuth": 0.0}
    west = east | {"azimuth": 270.0}
    assert angles_apart(east, west) == pytest.approx((40.0, 0.0), abs=1e-6)
    assert angles_apart(east, {"off_nadir": 20.0}) is None
