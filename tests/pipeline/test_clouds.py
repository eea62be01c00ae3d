"""Clouds are told by what they cast: white ground without far shadows stays."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from geodata.scene import ArrayPixels
from pipeline import clouds
from pipeline.quality import Quality

SIZE = 300
USUAL = np.array([500, 700, 800, 2500], np.float32).reshape(4, 1, 1)
SPREAD = np.array([40, 50, 70, 250], np.float32).reshape(4, 1, 1)
CLOUD = np.array([5000, 5000, 5100, 5600], np.float32).reshape(4, 1, 1)
MIDDLES = [(60, 80), (70, 200), (140, 120), (150, 240), (220, 70), (230, 170)]
DOWN, RIGHT = -12, -22
"""Cells of 20 m: shadows lie 240 m north and 440 m west of their clouds."""


def discs(radius: int, down: int = 0, right: int = 0) -> np.ndarray:
    out = np.zeros((SIZE, SIZE), np.uint8)
    for y, x in MIDDLES:
        cv2.circle(out, (x + right, y + down), radius, 1, -1)
    return out.astype(bool)


def pixels(cloud: np.ndarray, shadow: np.ndarray) -> ArrayPixels:
    noise = np.random.default_rng(5).normal(size=(5, SIZE, SIZE)).astype(np.float32)
    common = cv2.GaussianBlur(noise[4], (0, 0), 3) * 10
    values = USUAL + SPREAD * (0.8 * common + 0.3 * noise[:4])
    values = np.where(shadow, values * np.array([0.7, 0.6, 0.5, 0.4], np.float32).reshape(4, 1, 1), values)
    values = np.where(cloud, CLOUD, values).astype(np.float32)
    grid = GeoBox((SIZE, SIZE), Affine(20, 0, 500_000, 0, -20, 3_000_000), "EPSG:32649")
    return ArrayPixels(values, grid, ("blue", "green", "red", "nir"))


def seen(sky: clouds.Sky) -> tuple[np.ndarray, np.ndarray]:
    bits = sky.bits((slice(0, SIZE), slice(0, SIZE)))
    return bits & Quality.CLOUD > 0, bits & Quality.SHADOW > 0


def test_clouds_and_their_shadows_are_told() -> None:
    cloud, shadow = discs(9), discs(9, DOWN, RIGHT)
    sky = clouds.find(pixels(cloud, shadow))
    assert sky.moved_m == (RIGHT * 20.0, -DOWN * 20.0)
    found, cast = seen(sky)
    assert (found == cloud).mean() > 0.999
    assert (cast & shadow).sum() > 0.9 * (shadow & ~cloud).sum()
    assert (cast & ~shadow).sum() < 0.1 * shadow.sum()


def test_white_ground_without_shadows_is_no_cloud() -> None:
    sky = clouds.find(pixels(discs(9), np.zeros((SIZE, SIZE), bool)))
    assert sky.candidates.sum() > 1000
    assert (sky.cloud.any(), sky.shadow.any(), sky.moved_m) == (False, False, None)


def test_a_roof_among_clouds_is_no_cloud() -> None:
    cloud, shadow = discs(9), discs(9, DOWN, RIGHT)
    roof = np.zeros_like(cloud)
    roof[255:265, 255:270] = True
    found, _ = seen(clouds.find(pixels(cloud | roof, shadow)))
    assert not found[roof].any()
    assert found[cloud].mean() > 0.99


def test_one_roof_and_one_pond_that_fit_prove_nothing() -> None:
    roof, pond = np.zeros((2, SIZE, SIZE), bool)
    roof[150:156, 150:156] = True  # 1.44 ha
    pond[140:146, 130:136] = True
    assert not clouds.find(pixels(roof, pond)).cloud.any()


def test_where_the_sun_is_known_to_stand_elsewhere_nothing_is_a_shadow() -> None:
    image = pixels(discs(9), discs(9, DOWN, RIGHT))
    south_east = float(np.degrees(np.arctan2(22, -12))) % 360  # the sun stands opposite to the shadows
    assert clouds.find(image, south_east).cloud.any()
    assert not clouds.find(image, (south_east + 90) % 360).cloud.any()


def test_a_sky_that_no_town_could_be_needs_no_shadow() -> None:
    cloud = np.zeros((SIZE, SIZE), bool)
    cloud[:100] = True
    found, _ = seen(clouds.find(pixels(cloud, np.zeros_like(cloud))))
    assert (found == cloud).mean() > 0.999


def test_gain_and_offset_of_a_band_do_not_matter() -> None:
    image = pixels(discs(9), discs(9, DOWN, RIGHT))
    gain = np.array([1 / 8, 1 / 16, 1 / 4, 1 / 32], np.float32).reshape(4, 1, 1)
    counts = dataclasses.replace(image, values=image.values * gain + 7)
    for one, other in zip(seen(clouds.find(image)), seen(clouds.find(counts)), strict=True):
        assert (one != other).mean() < 1e-3


def test_the_answer_is_the_same_to_the_bit_however_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    image = pixels(discs(9), discs(9, DOWN, RIGHT))
    fine = dataclasses.replace(
        image,
        values=image.values.repeat(3, axis=1).repeat(3, axis=2)[:, :-1, :-2],
        geobox=GeoBox((3 * SIZE - 1, 3 * SIZE - 2), Affine(7, 0, 5e5, 0, -7, 3e6), "EPSG:32649"),
    )
    whole = clouds.find(fine)
    assert whole.factor == 3
    monkeypatch.setattr(clouds, "STRIP_BYTES", 1)
    strips = clouds.find(fine)
    assert np.array_equal(whole.cloud, strips.cloud)
    assert np.array_equal(whole.shadow, strips.shadow)
    every = whole.bits((slice(0, 899), slice(0, 898)))
    assert np.array_equal(every[100:303, 51:400], whole.bits((slice(100, 303), slice(51, 400))))


def test_too_little_to_say_is_said() -> None:
    image = pixels(discs(9), discs(9, DOWN, RIGHT))
    small = (slice(0, 40), slice(0, 40))
    few = ArrayPixels(image.values[(slice(None), *small)], image.geobox[small], image.bands)
    assert clouds.find(few) is None
    assert clouds.find(ArrayPixels(image.values[2:], image.geobox, image.bands[2:])) is None
