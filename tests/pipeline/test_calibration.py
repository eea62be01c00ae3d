"""What is said of a first look: a probability by its evidence, and never more than one look can say."""

import pytest

from pipeline.calibration import AT, SLOPE, first_look
from pipeline.triage import HIGH, ONE_LOOK, SUREST, UNSURE, level, said


def test_more_evidence_is_surer_and_half_sure_is_where_the_odds_are_even():
    told = [first_look(evidence / 100) for evidence in range(101)]
    assert told == sorted(told)
    assert 0 < told[0] < told[-1] < 1
    assert first_look(-AT / SLOPE) == pytest.approx(0.5)
    assert first_look(1.0) == pytest.approx(1 / (1 + 2.718281828 ** -(AT + SLOPE)))


def test_the_least_evidence_of_a_flag_is_hardly_ever_right():
    assert first_look(UNSURE) < 0.10


def test_one_look_is_never_highly_sure_and_a_field_can_look_like_some_kinds():
    assert said("construction", 1.0) == ONE_LOOK < HIGH
    assert level(said("construction", 1.0)) == "medium"
    for kind, most in SUREST.items():
        assert said(kind, 1.0) == most
        assert said(kind, UNSURE) == first_look(UNSURE)
