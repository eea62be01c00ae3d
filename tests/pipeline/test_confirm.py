"""Does a further scene agree with a suspicion: what it says of a plot that was built on, and of one that was not."""

from __future__ import annotations

import pytest

from pipeline.compare import Series
from pipeline.confirm import from_json, looks, to_json
from tests.pipeline.plots import CONCRETE, SOIL, YEAR, day, series

OWN = None
FLAGGED = YEAR[1][0]


def said(plots, **more):
    return [one.verdict for one in looks(series(plots, since=FLAGGED, **more))]


@pytest.mark.parametrize("seed", range(4))
def test_what_stands_is_agreed_with_by_every_later_scene(seed):
    assert said((OWN, *[CONCRETE] * 6), seed=seed) == ["agrees"] * 5


@pytest.mark.parametrize("seed", range(4))
def test_what_was_never_built_is_disagreed_with(seed):
    """The plot was bare once while all fields were green: no scene takes it for occupied, the next green one for a
    field again."""
    found = list(looks(series((OWN, SOIL, *[OWN] * 5), since=FLAGGED, seed=seed)))
    assert "agrees" not in [one.verdict for one in found]
    assert {one.scene_id for one in found if one.verdict == "disagrees"} >= {"2026-08-06"}
    assert all("A field again" in one.text["en"] for one in found if one.verdict == "disagrees")


def test_what_cannot_be_seen_is_unclear_with_the_reason():
    found = list(looks(series((OWN, *[CONCRETE] * 6), since=FLAGGED, cloud=(3,))))
    assert [one.verdict for one in found] == ["agrees", "unclear", "agrees", "agrees", "agrees"]
    assert "Not clear" in found[1].text["en"]
    assert from_json(to_json(found[1])).text == found[1].text


def of_spring(plots):
    """Flagged in May 2026 against December."""
    whole = series(plots)
    return Series(whole.views, "2025-12-20", "2026-05-02", day("2026-05-02"))


def test_ground_that_looked_so_in_the_same_season_a_year_ago_is_seasonal():
    found = list(looks(of_spring((SOIL, OWN, OWN, OWN, SOIL, OWN, OWN))))
    assert (found[0].scene_id, found[0].verdict) == ("2025-05-01", "seasonal")
    assert "2025-05-01" in found[0].text["zh"]
    assert "疑似季节变化" in found[0].text["zh"]


def test_ground_that_was_a_field_then_is_not():
    found = list(looks(of_spring((OWN, OWN, OWN, OWN, *[CONCRETE] * 3))))
    assert [one.verdict for one in found] == ["otherwise", "agrees", "agrees"]
    assert "looked otherwise" in found[0].text["en"]
