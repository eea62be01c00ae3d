"""Footprints by hand: 100 m up, pictures of 4000 × 3000 px, a focal length of 4000 px: 100 × 75 m looking down."""

from __future__ import annotations

import math

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geodata.drone import Shown, footprint, lonlat, rotation, shown
from geodata.photometa import DJI, Photo, photo_of

SIZE, FOCAL, MIDDLE = (4000, 3000), 4000.0, (2000.0, 1500.0)
LON, LAT = 112.934, 27.829


def ground(yaw: float, pitch: float, roll: float = 0.0, height_m: float = 100.0) -> shapely.Polygon:
    return footprint(rotation(yaw, pitch, roll), SIZE, FOCAL, MIDDLE, height_m)[0]


def photo(**fields: object) -> Photo:
    known = {"lon": LON, "lat": LAT, "height_m": 100.0, "focal_px": FOCAL, "heading_deg": 0.0, "pitch_deg": -90.0}
    return Photo("image/jpeg", *SIZE, **{**known, **fields})  # type: ignore[arg-type]


def said(one: Shown) -> str:
    return " ".join(text["en"] for text in one.words)


def test_looking_down_the_long_side_lies_across_the_heading() -> None:
    assert ground(0, -90).bounds == pytest.approx((-50, -37.5, 50, 37.5))
    assert ground(90, -90).bounds == pytest.approx((-37.5, -50, 37.5, 50))


def test_the_upper_edge_of_the_picture_lies_ahead() -> None:
    """Half the height, 37.5 m, is seen ahead; a principal point 400 px lower moves the ground 10 m ahead."""
    lower, _ = footprint(rotation(0, -90, 0), SIZE, FOCAL, (2000.0, 1900.0), 100.0)
    assert lower.bounds == pytest.approx((-50, -27.5, 50, 47.5))


def test_tilted_to_45_degrees_it_looks_as_far_ahead_as_it_is_high() -> None:
    """The middle ray at 45°, the edges at 45° ± atan(1500 / 4000) = 20.556°."""
    west, south, east, north = ground(90, -45).bounds
    half = math.atan(1500 / 4000)
    assert (west, east) == pytest.approx((100 * math.tan(math.pi / 4 - half), 100 * math.tan(math.pi / 4 + half)))
    assert north == pytest.approx(-south)


def test_a_roll_turns_about_the_line_of_sight() -> None:
    """Rolled by 90° looking level ahead is a picture on its side: looking down it is the same as a yaw."""
    assert shapely.equals_exact(ground(0, -90, 90).normalize(), ground(90, -90).normalize(), 1e-6)


@given(st.floats(0, 360), st.floats(-90, -55), st.floats(-30, 30), st.floats(5, 500))
def test_its_rays_go_back_to_the_corners(yaw: float, pitch: float, roll: float, height_m: float) -> None:
    turned = rotation(yaw, pitch, roll)
    found, cut = footprint(turned, SIZE, FOCAL, MIDDLE, height_m)
    if cut:
        return
    east, north = shapely.get_coordinates(found)[:4].T
    body = np.column_stack([north, east, np.full(4, height_m)]) @ turned
    pixels = body[:, 1:] / body[:, :1] * FOCAL + MIDDLE
    assert pixels == pytest.approx(np.array([(0, 0), (4000, 0), (4000, 3000), (0, 3000)]), abs=0.01)


def test_the_horizon_is_no_ground() -> None:
    """Level: the lower half of the picture, down to 20.6°, is seen from 10° below the horizon on."""
    found, cut = footprint(rotation(0, 0, 0), SIZE, FOCAL, MIDDLE, 100.0)
    assert cut
    assert found.bounds[1] == pytest.approx(100 / math.tan(math.atan(1500 / 4000)))
    assert found.bounds[3] <= 100 / math.tan(math.radians(10)) + 1e-6
    assert footprint(rotation(0, 20, 0), SIZE, FOCAL, MIDDLE, 100.0)[0].is_empty


def test_metres_become_degrees_as_on_the_ellipsoid() -> None:
    there = lonlat(LON, LAT, np.array([[300.0, 400.0]]))[0]
    assert pyproj.Geod(ellps="GRS80").inv(LON, LAT, *there)[2] == pytest.approx(500.0, abs=0.02)


def test_what_is_missing_is_said() -> None:
    assert shown(photo()).kind == "frame"
    assert "flat" in said(shown(photo()))
    circle = shown(photo(heading_deg=None))
    assert circle.kind == "circle"
    assert "a circle of 62.5 m" in said(circle)  # half the diagonal of 100 × 75 m
    assert shown(photo(height_m=None)).kind == "point"
    assert "--height-m" in said(shown(photo(height_m=None)))
    assert shown(photo(height_m=None), height_m=100.0).gsd_m == 0.025
    assert "focal length" in said(shown(photo(focal_px=None, camera="DJI FLIR")))
    assert shown(photo(lon=None, lat=None)).kind == "none"
    assert "looked +30°" in said(shown(photo(pitch_deg=30.0)))


def test_higher_ground_makes_the_footprint_smaller() -> None:
    """Ground 20 m above the take-off point: 80 m remain, and four fifths of each side."""
    one, flat = shown(photo(), ground=lambda lon, lat: 20.0), shown(photo())
    assert (one.height_m, one.gsd_m) == (80.0, 0.02)
    assert one.shape is not None
    assert flat.shape is not None
    assert one.shape.area / flat.shape.area == pytest.approx(0.64, rel=1e-6)
    assert "20.0 m above the take-off" in said(one)


def of(size: tuple[int, int] = SIZE, exif: dict[str, object] | None = None, **xmp: str) -> Photo:
    return photo_of("image/jpeg", size, exif or {}, {}, {(DJI, k): v for k, v in xmp.items()}, 8.0)


def test_the_focal_length_by_what_is_told() -> None:
    """24 mm of a diagonal of 43.27 mm is 5000 px of a picture of 4000 × 3000; 16:9 of it is a strip of the same."""
    assert of(CalibratedFocalLength="3666.666504").focal_px == pytest.approx(3666.67, abs=0.01)
    by_film = {"FocalLengthIn35mmFilm": 24.0}
    assert of(exif=by_film).focal_px == pytest.approx(24 / 43.27 * 5000)
    assert of((4000, 2250), by_film).focal_px == pytest.approx(24 / 43.27 * 5000)
    assert of((6000, 4000), by_film).focal_px == pytest.approx(24 / 43.27 * math.hypot(6000, 4000))
    sensor = {"FocalLength": 4.3, "FocalPlaneXResolution": 600.0, "FocalPlaneResolutionUnit": 4.0}
    assert of(exif=sensor).focal_px == pytest.approx(2580.0)
    assert of((2000, 1500), {**sensor, "ExifImageWidth": 4000.0}).focal_px == pytest.approx(1290.0)
    assert of().focal_px is None


def test_a_thermal_camera_is_told_by_model_or_source() -> None:
    assert of((640, 512), {"Make": "DJI", "Model": "FLIR"}).thermal
    assert of((640, 512), {"Make": "DJI", "Model": "M3T"}).thermal
    assert not of((4000, 3000), {"Make": "DJI", "Model": "M3T"}).thermal
    assert of((1280, 1024), {"Make": "DJI", "Model": "ZH30T"}, ImageSource="InfraredCamera").thermal
    assert not of((4000, 3000), {"Make": "Canon", "Model": "EOS Rebel XT"}).thermal
