"""Tiles that overlap give one answer, wherever they lie."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.detect.protocol import Bands
from pipeline.detect.tiled import shares, walk
from tests.pipeline.land import noise, pixels

ONE = Bands(("pan",), (0,), (0,))
REACH = 4
"""Of the mean below: a quarter of 16 shared pixels."""


def mean_of_difference(before: np.ndarray, after: np.ndarray, seen: np.ndarray) -> np.ndarray:
    side = 2 * REACH + 1
    return cv2.blur(np.where(seen, np.abs(after - before)[0], 0), (side, side), borderType=cv2.BORDER_CONSTANT)


def walked(before, after, tile: int, shared: int) -> np.ndarray:
    rows = list(walk(before, after, ONE, mean_of_difference, tile, shared))
    assert [joint.roi[0].start for joint, _ in rows] == [0, *(joint.roi[0].stop for joint, _ in rows[:-1])]
    return np.concatenate([found for _, found in rows])


@pytest.mark.parametrize(
    ("length", "tile", "shared"), [(100, 32, 8), (100, 32, 16), (33, 32, 10), (32, 32, 8), (5, 32, 16)]
)
def test_the_weights_of_each_pixel_add_up_to_one(length: int, tile: int, shared: int) -> None:
    total = np.zeros(max(length, tile))
    for start, weights in shares(length, tile, shared):
        assert start >= 0
        assert start + tile <= max(length, tile)
        total[start : start + tile] += weights
    assert total == pytest.approx(np.ones(len(total)), abs=1e-6)


@pytest.mark.parametrize("tile", [32, 48, 64, 96])
def test_a_reach_within_the_quarter_answers_as_on_the_whole_image(tile: int) -> None:
    before, after = (noise((1, 150, 131), seed) for seed in (1, 2))
    pair = pixels(before, ("pan",)), pixels(after, ("pan",))
    whole = mean_of_difference(before, after, np.ones((150, 131), bool))
    np.testing.assert_allclose(walked(*pair, tile, 16), whole, atol=1e-4)


def test_where_the_reach_is_longer_the_seam_is_no_step() -> None:
    step = np.zeros((1, 64, 64), np.float32)
    pair = pixels(step, ("pan",)), pixels(step, ("pan",))
    rows = walk(*pair, ONE, lambda one, two, seen: np.indices((32, 32))[1].astype(np.float32), 32, 16)
    found = np.concatenate([row for _, row in rows])
    # Tiles begin at columns 0, 16 and 32 and each counts its own columns: 16 apart, over the 8 blended ones 2 a step.
    assert np.abs(np.diff(found, axis=1)).max() < 2.5


def test_what_was_not_seen_is_told_to_the_network_and_not_predicted_alone() -> None:
    values = noise((1, 40, 80), 1)
    valid = np.ones((40, 80), bool)
    valid[:, 36:] = False
    asked = []

    def predict(before: np.ndarray, after: np.ndarray, seen: np.ndarray) -> np.ndarray:
        asked.append(seen.mean())
        return np.ones(seen.shape, np.float32)

    pair = pixels(values, ("pan",)), pixels(values, ("pan",), valid=valid)
    (joint, _), *_ = walk(*pair, ONE, predict, 40, 8)
    assert asked == [0.9, 4 / 40]  # tiles at columns 0 and 32; the one at 40 has nothing in it
    assert (joint.quality[:, 36:] != 0).all()
    assert (joint.quality[:, :36] == 0).all()
