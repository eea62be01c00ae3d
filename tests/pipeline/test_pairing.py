from dataclasses import replace
from datetime import UTC, datetime

import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from geodata.errors import InputError, NoOverlap
from geodata.scene import Scene
from pipeline.pairing import alone, pair, pairs

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
