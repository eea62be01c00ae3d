from __future__ import annotations

import io
import math

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from maps import chips
from tests.maps import invented as made


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=("WEBP",))


@pytest.mark.parametrize("kind", ["land", "noise", "flat"])
def test_a_chip_and_its_thumb_keep_within_their_bytes(kind) -> None:
    rgb = {
        "land": made.picture(True),
        "noise": np.random.default_rng(0).integers(0, 256, (640, 640, 3), np.uint8),  # compresses worst
        "flat": np.full((640, 640, 3), 90, np.uint8),
    }[kind]
    chip, thumb = chips.encode(rgb), chips.thumbnail(rgb)
    assert len(chip) <= 60_000
    assert len(thumb) <= 5_000
    assert opened(chip).format == "WEBP"
    if kind != "noise":
        assert opened(chip).size == (640, 640)
        assert opened(thumb).size == chips.THUMB_PX


def test_colours_survive() -> None:
    rgb = np.full((64, 64, 3), (200, 60, 30), np.uint8)
    back = np.asarray(opened(chips.encode(rgb)).convert("RGB"), int)
    assert np.abs(back - (200, 60, 30)).max() <= 6


def test_a_thumb_is_the_middle_of_the_picture() -> None:
    rgb = np.zeros((200, 200, 3), np.uint8)
    rgb[90:110, 90:110] = 255
    thumb = np.asarray(opened(chips.thumbnail(rgb)).convert("L"), float)
    ys, xs = np.nonzero(thumb > 128)
    height, width = thumb.shape
    assert xs.mean() == pytest.approx(width / 2, abs=1)
    assert ys.mean() == pytest.approx(height / 2, abs=1)


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((3, 4, 4), np.uint8)]
)
def test_anything_but_rgb_is_refused(wrong) -> None:
    with pytest.raises(ValueError, match="uint8"):
        chips.encode(wrong)


@settings(max_examples=50, deadline=None)
@given(st.floats(73, 135), st.floats(3, 53.5), st.floats(1e-5, 1e-2), st.floats(1e-5, 1e-2))
def test_the_frame_is_a_square_in_web_mercator_around_the_patch(lon, lat, width, height) -> None:
    patch = shapely.box(lon, lat, lon + width, lat + height)
    west, south, east, north = chips.frame(patch)
    assert west < lon < lon + width < east
    assert south < lat < lat + height < north

    def y(degrees: float) -> float:
        return math.log(math.tan(math.pi / 4 + math.radians(degrees) / 2))

    assert math.radians(east - west) == pytest.approx(y(north) - y(south), rel=1e-6)
    ground_m = math.radians(east - west) * 6_378_137 * math.cos(math.radians(lat + height / 2))
    assert ground_m >= 239.9


def test_coarse_scenes_get_more_ground() -> None:
    west, _, east, _ = chips.frame(made.PATCH, gsd_m=10.0)
    assert math.radians(east - west) * 6_378_137 * math.cos(math.radians(made.LAT)) == pytest.approx(480, rel=0.01)


def test_what_was_not_seen_is_paper_and_not_black() -> None:
    rgb = np.full((20, 30, 3), 7, np.uint8)
    valid = np.zeros((20, 30), bool)
    valid[:, :10] = True
    painted = chips.over_paper(rgb, valid)
    assert (painted[:, :10] == 7).all()
    assert painted[:, 10:].min() >= 160
