"""How far two dates lie apart."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from geodata.errors import WorkError
from pipeline import align
from tests.pipeline.land import fields, noise, pixels


def moved(values: np.ndarray, right: float, below: float) -> np.ndarray:
    matrix = np.array([[1, 0, right], [0, 1, below]], np.float64)
    size = values.shape[2], values.shape[1]
    return np.stack(
        [cv2.warpAffine(v, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT) for v in values]
    )


def test_an_image_lies_on_itself():
    one = pixels(fields())
    found = align.measure(one, one)
    assert found.state == "aligned"
    assert (found.dx_m, found.dy_m, found.before_px, found.residual_px) == (0, 0, 0, 0)
    assert len(found.tie_points) > 10


@pytest.mark.parametrize(("right", "below"), [(0.37, -0.25), (-1.5, 0.6), (2.2, 1.1)])
def test_a_shift_is_measured_and_told_in_metres(right: float, below: float):
    land = fields()
    after = pixels(1.2 * moved(land, right, below) + 80 + noise(land.shape, 2))
    found = align.measure(pixels(land + noise(land.shape, 3)), after)
    assert found.state == "shifted"
    assert found.measured_px == pytest.approx((right, below), abs=0.08)
    # The image lies right and below by so many pixels of 10 m: it has to go west and north.
    assert (found.dx_m, found.dy_m) == pytest.approx((-10 * right, 10 * below), abs=0.8)
    assert found.residual_px < 0.15 < found.before_px
    assert found.before_m == pytest.approx(10 * found.before_px, abs=0.01)


def test_less_than_a_tenth_of_a_pixel_is_left():
    land = fields()
    found = align.measure(pixels(land), pixels(moved(land, 0.05, 0)))
    assert (found.state, found.dx_m, found.dy_m) == ("aligned", 0, 0)


def test_beyond_the_limit_is_refused_with_a_sentence():
    land = fields()
    with pytest.raises(WorkError, match=r"(4\.9|5\.0) pixels.* 3;"):
        align.measure(pixels(land), pixels(moved(land, 4, 3)))
    assert align.measure(pixels(land), pixels(moved(land, 4, 3)), limit_px=6).state == "shifted"


def test_even_or_clouded_or_unlike_ground_is_not_measurable():
    land = fields()
    assert align.measure(pixels(land * 0 + 5), pixels(land)).state == "not_measurable"
    clouded = pixels(land, valid=np.zeros(land.shape[1:], bool))
    assert align.measure(pixels(land), clouded).state == "not_measurable"
    found = align.measure(pixels(land), pixels(noise(land.shape, 4, 300.0)))
    assert (found.state, found.dx_m, found.dy_m) == ("not_measurable", 0, 0)


def test_changed_fields_are_outliers_not_shifts():
    land = fields()
    after = moved(land, 1.0, 0.0)
    after[:, :90, :90] = fields(seed=9)[:, :90, :90]
    found = align.measure(pixels(land), pixels(after))
    assert found.measured_px == pytest.approx((1.0, 0.0), abs=0.08)
    assert any(not point.used for point in found.tie_points) or len(found.tie_points) < 36


def test_crops_that_turn_bright_to_dark_under_clouds_keep_the_shift():
    """Every field another brightness, a third of the ground under cloud: the outlines are what stays."""
    land = fields((512, 512))
    after = moved(4000 - land, 0.65, -0.35)
    valid = np.ones((512, 512), bool)
    for x in range(0, 512, 128):
        valid[:, x : x + 42] = False
    found = align.measure(pixels(land), pixels(after + noise(land.shape, 5), valid=valid))
    assert found.state == "shifted"
    assert found.measured_px == pytest.approx((0.65, -0.35), abs=0.05)


@pytest.mark.parametrize("side", [96, 256])
def test_land_of_another_place_is_never_measured(side: int):
    for seed in range(3, 9):
        one, other = fields((side, side)), fields((side, side), seed=seed)
        assert align.measure(pixels(one), pixels(other), limit_px=100).state == "not_measurable"
