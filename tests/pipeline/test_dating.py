"""Between which two scenes an occupation began."""

from __future__ import annotations

from dataclasses import replace

from pipeline.dating import from_json, start_interval, to_json
from tests.pipeline.plots import CONCRETE, YEAR, series


def flagged(plots, before, after, **more):
    return replace(series(plots, **more), before_id=YEAR[before][0], after_id=YEAR[after][0])


def test_newest_without_and_oldest_with():
    """Flagged by 2025-05 against 2026-08; it stood since December."""
    found = start_interval([flagged((None, None, None, CONCRETE, CONCRETE, CONCRETE, CONCRETE), 0, 5)])
    assert (found.without_id, found.with_id) == ("2025-10-16", "2025-12-20")
    assert [one.state for one in found.scenes] == ["without"] * 3 + ["with"] * 4
    assert "2025-10-16" in found.text["en"]


def test_a_cloud_widens_the_interval_and_is_told():
    found = start_interval([flagged((None, None, None, CONCRETE, CONCRETE, CONCRETE, CONCRETE), 0, 5, cloud=(2,))])
    assert (found.without_id, found.with_id) == ("2025-08-05", "2025-12-20")
    assert found.scenes[2].state == "unclear"
    assert "1 of the scenes between" in found.text["en"]


def test_what_stood_there_earlier_is_another():
    plots = (None, CONCRETE, None, None, None, CONCRETE, CONCRETE)
    found = start_interval([flagged(plots, 4, 5)])
    assert (found.without_id, found.with_id) == ("2026-05-02", "2026-08-06")


def test_the_flag_counts_where_its_own_scene_cannot_be_judged():
    found = start_interval([flagged((None, CONCRETE, *[CONCRETE] * 5), 0, 1, cloud=(0, 1))])
    assert (found.without_id, found.with_id) == ("2025-05-01", "2025-08-05")


def test_it_survives_the_ledger():
    found = start_interval([flagged((None, CONCRETE, *[CONCRETE] * 5), 0, 1)])
    again = from_json(to_json(found))
    assert (again.without_at, again.with_at, len(again.scenes)) == (found.without_at, found.with_at, 7)


def test_a_scene_that_stands_in_for_the_flag_proves_nothing_by_itself():
    """Hidden by cloud, and not the flag's own: no evidence."""
    hidden = flagged((None, CONCRETE, *[CONCRETE] * 5), 0, 1, cloud=(1,))
    own = flagged((None, None, None, None, None, CONCRETE, CONCRETE), 4, 5)
    found = start_interval([replace(hidden, stand_in=frozenset({YEAR[0][0], YEAR[1][0]})), own])
    states = [one.state for one in found.scenes if one.scene_id == YEAR[1][0]]
    assert "with" not in states
