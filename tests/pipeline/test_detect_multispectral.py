"""Joined distances with a floor: what is new is found, what only moved, dimmed or hazed over is not."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from geodata.imagefile import room_for
from geodata.rasterfile import GridWriter, open_pixels
from geodata.scene import ArrayPixels
from pipeline import detect
from pipeline.detect import multispectral
from pipeline.detect.joint import strip_rows
from pipeline.detect.run import scored
from pipeline.detect.thresholds import triangle
from tests.pipeline.land import fields, noise, pixels

YARD = (slice(100, 130), slice(60, 100))


def found(before: ArrayPixels, after: ArrayPixels, rows: int = 512):
    model = detect.fit(before, after, method="multispectral")
    strips = list(scored(before, after, model, rows=rows))
    return np.concatenate([s.score for s in strips]), np.concatenate([s.change for s in strips]), model


def moved(values: np.ndarray, px: float) -> np.ndarray:
    matrix = np.array([[1, 0, px], [0, 1, px]], np.float32)
    size = (values.shape[2], values.shape[1])
    return np.stack(
        [cv2.warpAffine(b, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT) for b in values]
    )


def hazed(values: np.ndarray) -> np.ndarray:
    thickness = 0.4 * np.linspace(0, 1, values.shape[2], dtype=np.float32) ** 2
    return values * (1 - thickness) + np.percentile(values, 98, axis=(1, 2)).reshape(-1, 1, 1) * thickness


COPIES = {
    "identical": lambda land: land,
    "half a pixel": lambda land: moved(land, 0.5),
    "one pixel": lambda land: moved(land, 1.0),
    "another gain": lambda land: land * np.array([0.8, 1.1, 1.3, 0.9], np.float32)[:, None, None] + 100,
    "noise": lambda land: land + noise(land.shape, 3, 15.0),
    "haze": hazed,
}


@pytest.mark.parametrize("copy", COPIES)
def test_an_image_against_itself_has_no_change(copy: str) -> None:
    land = fields()
    _, change, model = found(pixels(land), pixels(COPIES[copy](land)))
    assert (change == 1).mean() <= (0 if copy == "identical" else 0.005)
    assert model.report["state"] == "fitted"


def seasons() -> tuple[np.ndarray, np.ndarray]:
    land = fields()
    gain = np.array([1.3, 0.8, 1.1, 0.9], np.float32)[:, None, None]
    return land + noise(land.shape, 1), gain * land + 150 + noise(land.shape, 2)


def test_a_yard_is_found_where_it_is_built() -> None:
    before, after = seasons()
    after[:, *YARD] += np.array([900, 900, 900, -900], np.float32)[:, None, None]
    score, change, model = found(pixels(before), pixels(after))
    truth = np.zeros(change.shape, bool)
    truth[YARD] = True
    assert (change[truth] == 1).mean() > 0.97
    assert (change[~truth] == 1).mean() < 0.002
    assert ((score >= 0.5) == (change == 1)).all()
    assert (score.min() >= 0, score.max() <= 1) == (True, True)
    assert (model.method, model.report["converged"]) == ("multispectral", True)
    assert model.gain == pytest.approx([1 / 1.3, 1 / 0.8, 1 / 1.1, 1 / 0.9], rel=0.05)


def test_a_road_two_pixels_wide_is_not_lost_to_what_lies_beside_it() -> None:
    before, after = seasons()
    after[:, 40:42, 20:220] = np.array([1600, 1700, 1800, 1500], np.float32)[:, None, None]
    _, change, _ = found(pixels(before), pixels(after))
    assert (change[40:42, 20:220] == 1).mean() > 0.9


def test_the_same_to_the_bit_in_strips_of_any_height() -> None:
    before, after = seasons()
    after[:, *YARD] += 900
    clouds = np.full(before.shape[1:], 4, np.uint8)
    clouds[70:75, 10:40] = 9
    pair = pixels(before), pixels(after, quality=clouds, quality_codes="scl")
    score, change, _ = found(*pair)
    for rows in (5, 50, 119):
        other_score, other_change, _ = found(*pair, rows)
        np.testing.assert_array_equal(other_score, score)
        np.testing.assert_array_equal(other_change, change)


def test_places_one_by_one_and_in_blocks_are_held_to_the_same_floor() -> None:
    before, after = seasons()
    model = detect.fit(pixels(before), pixels(after), method="multispectral")
    whole = multispectral.apart(before, after, model.floor)
    y, x = np.indices(whole.shape)
    some = multispectral.apart_at(before, after, y.ravel(), x.ravel(), model.floor)
    np.testing.assert_array_equal(some.reshape(whole.shape), whole)


def test_clouds_are_not_observed_and_change_nothing_beside_them() -> None:
    before, after = seasons()
    after[:, *YARD] += 900
    clouds = np.full(before.shape[1:], 4, np.uint8)
    clouds[:60, :200] = 9
    after[:, :60, :200] = 9000
    _, change, _ = found(pixels(before), pixels(after, quality=clouds, quality_codes="scl"))
    assert (change[:62, :202] == 255).all()
    assert (change[62:, :] != 255).all()
    assert (change == 1).sum() == pytest.approx(30 * 40, abs=100)


@pytest.mark.parametrize("spoil", ["constant", "copied"])
def test_a_band_that_says_nothing_does_no_harm(spoil: str) -> None:
    before, after = seasons()
    after[:, *YARD] += 900
    for image in (before, after):
        image[3] = 7 if spoil == "constant" else image[2]
    _, change, _ = found(pixels(before), pixels(after))
    assert (change[YARD] == 1).mean() > 0.97
    assert (change == 1).sum() < 30 * 40 + 150


def test_even_images_are_alike_and_one_even_image_tells_nothing() -> None:
    even = pixels(np.full((4, 50, 50), 100, np.float32))
    assert (found(even, even)[1] == 0).all()
    _, change, model = found(even, pixels(fields((50, 50))))
    assert (change == 255).all()
    assert model.report["state"] == "no_variation"


def test_the_corner_lies_between_the_mode_and_the_tail_whatever_the_unit() -> None:
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.lognormal(0, 0.2, 95_000), rng.lognormal(1.6, 0.3, 5_000)])
    corner = triangle(values)
    assert 1.3 < corner < 3.0
    assert triangle(7 * values) == pytest.approx(7 * corner, rel=1e-6)
    assert triangle(np.append(values, [1e6])) == pytest.approx(corner, rel=0.1)  # one strange pixel


def test_very_wide_images_are_taken_in_lower_strips() -> None:
    wide, narrow = (pixels(np.zeros((4, 8, width), np.float32)) for width in (20_000, 2_000))
    assert (strip_rows(narrow, narrow, 4), strip_rows(wide, wide, 4)) == (512, 64)


def test_blocks_higher_than_a_strip_are_decoded_once_and_give_the_same(tmp_path: Path) -> None:
    before, after = seasons()
    after[:, *YARD] += 900
    paths = tmp_path / "before.tif", tmp_path / "after.tif"
    for path, values in zip(paths, (before, after), strict=True):
        grid = pixels(values).geobox
        with GridWriter(path, grid, "float32", 4, descriptions=("blue", "green", "red", "nir")) as writer:
            writer.write((slice(0, grid.height), slice(0, grid.width)), values)
    with open_pixels(paths[0]) as one, open_pixels(paths[1]) as two:
        assert one.block_row() == (512, 512 * 512 * 4 * 4)
        score, _, _ = found(one, two)
        in_strips, _, _ = found(one, two, 64)
    np.testing.assert_array_equal(in_strips, score)
    assert room_for(200 * 1024**2)
    assert not room_for(2 * 1024**3)


def test_a_small_clear_place_in_a_large_scene_is_enough_to_be_compared() -> None:
    land = fields((1500, 1500))
    seen = np.zeros((1500, 1500), bool)
    seen[60:120, 60:120] = True  # between the blocks that are looked at
    before, after = land + noise(land.shape, 1), land + noise(land.shape, 2)
    after[:, 75:85, 80:95] += 1200
    _, change, model = found(pixels(before, valid=seen), pixels(after))
    assert model.report["state"] == "fitted"
    assert (change[~seen] == 255).all()
    assert (change[75:85, 80:95] == 1).mean() > 0.9
