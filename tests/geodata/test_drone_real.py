"""Real photos: where their footprints lie by the formula, and where the ground itself says that they lie."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pyproj
import pytest
import rasterio
import shapely

from geodata import aerial, drone
from geodata.aerial import Aerial
from geodata.errors import InputError
from geodata.masks import polygonize
from pipeline.flights import frame

DATA = Path(__file__).parents[3] / "shared" / "data"


def read(folder: str, pattern: str = "*") -> dict[str, Aerial]:
    paths = sorted(p for p in (DATA / folder).glob(pattern) if p.suffix.lower() in (".jpg", ".tif"))
    if not paths:
        pytest.skip(f"../shared/data/{folder} is not here")
    found = dict(zip((p.name for p in paths), aerial.read(paths), strict=True))
    assert not [one for one in found.values() if isinstance(one, InputError)]
    return found  # type: ignore[return-value]


class Ortho:
    """The orthomosaic of the same ground, four times as fine for matching."""

    TIMES = 4

    def __init__(self) -> None:
        path = DATA / "drone_ortho_webodm" / "orthophoto.tif"
        if not path.exists():
            pytest.skip("../shared/data/drone_ortho_webodm is not here")
        with rasterio.open(path) as source:
            pixels, self.affine, crs = source.read(), source.transform, source.crs
        self.to_map = pyproj.Transformer.from_crs("EPSG:4490", crs, always_xy=True)
        self.valid = shapely.union_all(polygonize(pixels[3] > 0, transform=self.affine))
        gray = cv2.cvtColor(np.moveaxis(pixels[:3], 0, -1), cv2.COLOR_RGB2GRAY)
        wide = cv2.resize(gray, None, fx=self.TIMES, fy=self.TIMES, interpolation=cv2.INTER_CUBIC)
        self.sift = cv2.SIFT_create(nfeatures=8000, contrastThreshold=0.005, edgeThreshold=20)
        self.points, self.features = self.sift.detectAndCompute(wide, None)

    def middle(self, file: Path, gsd_m: float) -> tuple[float, float, float]:
        """(x, y) on the map of the middle of a photo, and its pixel there in metres, by features alone."""
        picture = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
        scale = gsd_m / 0.25
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        points, features = self.sift.detectAndCompute(small, None)
        pairs = cv2.BFMatcher().knnMatch(features, self.features, k=2)
        good = [one for one, other in pairs if one.distance < 0.85 * other.distance]
        here = np.array([points[m.queryIdx].pt for m in good], np.float32)
        there = np.array([self.points[m.trainIdx].pt for m in good], np.float32)
        cv2.setRNGSeed(0)
        moved, inside = cv2.estimateAffinePartial2D(here, there, ransacReprojThreshold=4, maxIters=20_000)
        assert int(inside.sum()) >= 8
        column, row = moved @ [small.shape[1] / 2, small.shape[0] / 2, 1] / self.TIMES
        x, y = self.affine @ (column, row)
        return x, y, float(np.hypot(*moved[:, 0])) / self.TIMES * self.affine.a * scale


def test_footprints_lie_on_the_ground_of_the_orthomosaic() -> None:
    """Position of satellites alone and a barometer: metres of the one, percents of the other."""
    ortho, photos = Ortho(), read("drone_dji_brighton", "DJI_002[68].JPG")
    for name, one in photos.items():
        shown = drone.shown(one.photo)
        assert shown.kind == "frame"
        assert shown.shape is not None
        assert shown.centre is not None
        on_map = shapely.transform(shown.shape, lambda xy: np.column_stack(ortho.to_map.transform(*xy.T)))
        assert on_map.area == pytest.approx(69.2 * 38.9, rel=0.03)  # 40 m × 4000 / 2311 px, and 9/16 of it
        assert on_map.intersection(ortho.valid).area / on_map.area > 0.7
        x, y, gsd_m = ortho.middle(DATA / "drone_dji_brighton" / name, shown.gsd_m or 0.0)
        said = ortho.to_map.transform(*shown.centre)
        assert np.hypot(x - said[0], y - said[1]) < 5.0
        assert gsd_m == pytest.approx(shown.gsd_m, rel=0.1)


def words(one: Aerial) -> str:
    return " ".join(text["en"] for text in frame("0" * 64, "x", one, drone.shown(one.photo)).words)


def test_awkward_files_say_what_is_missing() -> None:
    photos = read("drone_metadata_edge_cases")
    blurred = photos["DJI_20251001132715_0396_D_POOR_SHARPNESS.JPG"]
    assert "Blurred?" in words(blurred)
    assert "no gimbal angles" in words(blurred)
    assert "no height above take-off" in words(blurred)
    capped = photos["DJI_20251001213509_0003_D_LENS_CAP.JPG"]
    assert capped.black
    assert "Black all over" in words(capped)
    for name in ("exifr_001.tif", "exifr_issue-exifr-3.jpg"):
        assert "thermal camera" in words(photos[name])
        assert "focal length is not told" in words(photos[name])
    level = photos["exifr_issue-exifr-13.jpg"]
    assert drone.shown(level.photo).cut
    assert "is left out of the footprint" in words(level)
    assert [name for name, one in photos.items() if "Blurred?" in words(one)] == [next(iter(photos))]


def test_a_camera_without_pose_gives_a_circle_at_a_height_that_is_told() -> None:
    for one in read("drone_seneca_field").values():
        assert drone.shown(one.photo).kind == "point"
        circle = drone.shown(one.photo, height_m=100.0)
        assert circle.kind == "circle"
        # 4.3 mm at 16393 px an inch is 2775 px of 4000 × 3000: half the diagonal is 2500 / 2775 of the height
        assert circle.shape is not None
        across = drone.metres_a_degree(one.photo.lat or 0)[0]
        assert np.ptp(shapely.get_coordinates(circle.shape)[:, 0]) * across == pytest.approx(2 * 90.1, rel=0.01)
