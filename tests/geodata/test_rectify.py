"""Occupations put right, in truth or for show, beside the township's own events."""

from __future__ import annotations

from datetime import timedelta

import pytest

from geodata.township import rectify, world
from geodata.township.build import SEED, truth
from geodata.township.plan import WISHES, day


@pytest.fixture(scope="module")
def happenings():
    return world.compute(SEED, rectified=True).happenings


def test_the_township_s_own_events_come_first_and_unchanged(happenings):
    own = [h for h in happenings if not h.outcome]
    assert happenings[: len(own)] == tuple(own)
    assert {h.name["en"] for h in own} >= {wish.msgid for wish in WISHES}
    assert all(event.outcome == "" for event in truth(tuple(own)))


def test_every_outcome_has_its_place(happenings):
    assert {h.outcome for h in happenings} - {""} == set(rectify.AFTERWARDS)


def test_what_is_seen_follows_the_outcome(happenings):
    for wish in rectify.WISHES:
        one = next((h for h in happenings if h.name["en"] == wish.msgid), None)
        if one is None:
            continue
        before, after = (one.pieces_on(day(wish.on_day) + timedelta(days=n)) for n in (-1, 1))
        assert before == one.pieces
        if wish.outcome == "restored":
            assert {p.material for p in after} == {"restored"}
            assert one.pieces_on(day(wish.fields)) == ()
            assert one.removed_at == day(wish.on_day)
        else:
            assert one.removed_at is None
            assert after
        if wish.outcome == "partly":
            left = sum(p.geometry.area for p in after if p.material != "restored")
            assert 0 < left < sum(p.geometry.area for p in before)
