"""Is ground put right: what later scenes of known ground say."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.recheck import from_json, recheck, to_json
from tests.pipeline.plots import CONCRETE, NET, SOIL, YEAR, series

OWN = None
BUILT = (OWN, CONCRETE)


def verdicts(plots, **more):
    return [one.verdict for one in recheck(series(plots, **more))]


def test_ground_under_crops_again_is_restored_by_two_dates():
    found = recheck(series((*BUILT, OWN, OWN, OWN, OWN, OWN)))
    assert [one.verdict for one in found].count("restored") >= 4
    last = found[-1]
    assert last.figures["like_fields"] >= 0.1
    assert last.figures["position"] < 0.2
    assert last.figures["frozen"] < 0.05
    assert "A field by two dates" in last.text["en"]
    assert last.pixels == 64


def test_one_date_alone_proves_nothing():
    """The fields are ripe and so is the plot; no other clear date since."""
    found = recheck(series((*BUILT, OWN, CONCRETE, CONCRETE, OWN, OWN), since="2026-10-01"))
    assert [one.verdict for one in found] == ["cannot_tell"]
    assert "on this date only" in found[0].text["en"]


def test_what_stands_is_not_restored():
    found = recheck(series((*BUILT, *[CONCRETE] * 5)))
    assert [one.verdict for one in found] == ["not_restored"] * 5
    assert all(one.figures["position"] > 0.9 for one in found)
    assert all(one.figures["residue_m2"] == 6400 for one in found)


@pytest.mark.parametrize("sham", [NET, SOIL])
@pytest.mark.parametrize("seed", range(4))
def test_a_net_or_thin_soil_is_never_believed(sham, seed):
    assert "restored" not in verdicts((*BUILT, *[sham] * 5), seed=seed)


def test_thin_soil_looks_like_a_field_only_while_fields_are_bare():
    """On 20 December every field is bare; the reason asks for another season."""
    december = recheck(series((*BUILT, *[SOIL] * 5)))[1]
    assert december.verdict == "cannot_tell"


def test_half_of_a_yard_left_is_not_a_field():
    """Crops on all pixels of the mean, concrete on a quarter."""
    whole = series((*BUILT, OWN, OWN, OWN, OWN, OWN))
    for view in whole.views[2:]:
        view.part[:16] = np.array(CONCRETE) + np.random.default_rng(1).normal(0, 20, (16, 4))
    found = recheck(whole)
    assert "restored" not in [one.verdict for one in found]
    assert found[-1].figures["residue_m2"] == 1600


def test_clouds_are_a_reason_in_words():
    one = recheck(series((*BUILT, OWN, OWN, OWN, OWN, OWN), cloud=(2,)))[0]
    assert one.verdict == "cannot_tell"
    assert one.pixels == 0
    assert one.figures["cloud_share"] == 1.0
    assert "0 are clear" in one.text["en"]
    assert "云" in one.text["zh"]


def test_too_small_for_the_pixels():
    few = series((*BUILT, OWN, OWN, OWN, OWN, OWN))
    for view in few.views:
        object.__setattr__(view, "part", view.part[:3])
    found = recheck(few)
    assert {one.verdict for one in found} == {"cannot_tell"}
    assert "3 of 10 m" in found[0].text["en"]


def test_built_again_after_being_put_right():
    found = recheck(series((*BUILT, OWN, OWN, OWN, CONCRETE, CONCRETE)))
    assert [one.verdict for one in found[-2:]] == ["not_restored", "not_restored"]


def test_what_is_said_survives_the_ledger():
    one = recheck(series((*BUILT, *[CONCRETE] * 5)))[0]
    again = from_json(to_json(one))
    assert (again.verdict, again.at, dict(again.figures), dict(again.text)) == (
        one.verdict,
        one.at,
        dict(one.figures),
        dict(one.text),
    )


def test_the_flag_itself_looked_at_again():
    """The scene that raised the flag, taken as a later one."""
    assert verdicts((*BUILT, *[CONCRETE] * 5), since=YEAR[0][0])[0] == "not_restored"
