"""How much farmland was seen: a ground of 100 m squares under images whose clouds are rectangles."""

import numpy as np
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from geodata.area import to_zone
from geodata.layers import Kind
from geodata.scene import windows
from pipeline.quality import Quality
from pipeline.seen import CELLS, QualityGrid, farmland_seen, seen
from tests.pipeline.ground import X, Y, at, on_day, part

CLOUD, SHADOW, NODATA = int(Quality.CLOUD), int(Quality.SHADOW), int(Quality.NODATA)


def image(width_px, height_px, px_m, west=0, south=0, crs="EPSG:4547"):
    return GeoBox((height_px, width_px), Affine(px_m, 0, X + west, 0, -px_m, Y + south + height_px * px_m), crs)


def look(box, quality, layers, size=37):
    return farmland_seen(box, ((roi, quality[roi]) for roi in windows(box.shape, size)), layers)


@pytest.fixture
def land(tmp_path):
    """10 × 10 squares; farmland where column + row is even: 50 of them."""
    squares = [(x, y) for y in range(10) for x in range(10)]
    return part(
        tmp_path,
        Kind.FARMLAND,
        [at(x * 100, y * 100, x * 100 + 100, y * 100 + 100) for x, y in squares],
        DLBM=["0101" if (x + y) % 2 == 0 else "0702" for x, y in squares],
    )


def adds_up(found):
    assert found.farmland_m2 == pytest.approx(found.observed_m2 + sum(found.unseen_m2.values()))


def test_a_clear_image_sees_all_the_farmland_under_it(land):
    box = image(100, 100, 10)
    found = look(box, np.zeros(box.shape, np.uint8), on_day(land))
    assert found.observed_m2 == found.farmland_m2 == pytest.approx(500_000, abs=5)
    assert found.unseen_m2 == {}


def test_each_reason_has_its_square_metres(land):
    """Cloud over the west 25 pixels, shadow over the next 10, the lowest 20 rows without data."""
    box = image(100, 100, 10)
    quality = np.zeros(box.shape, np.uint8)
    quality[:, :25] = CLOUD
    quality[:, 25:35] = SHADOW
    quality[80:, :] |= NODATA
    found = look(box, quality, on_day(land))
    adds_up(found)
    assert found.farmland_m2 == pytest.approx(500_000, abs=5)
    assert found.unseen_m2["nodata"] == pytest.approx(100_000, rel=0.01)
    assert found.unseen_m2["cloud"] == pytest.approx(100_000, rel=0.01)
    assert found.unseen_m2["shadow"] == pytest.approx(40_000, rel=0.02)
    assert found.observed_m2 == pytest.approx(260_000, rel=0.01)


def test_water_hides_nothing(land):
    box = image(100, 100, 10)
    found = look(box, np.full(box.shape, int(Quality.WATER), np.uint8), on_day(land))
    assert found.observed_m2 == found.farmland_m2


def test_only_farmland_under_the_image_counts(land):
    """The image holds the west 450 m of the ground, and 300 m of other land."""
    box = image(150, 20, 5, west=-300, south=0)
    found = look(box, np.zeros(box.shape, np.uint8), on_day(land))
    assert found.farmland_m2 == pytest.approx(450 * 100 / 2 + 50 * 100 / 2, rel=0.01)


def test_windows_that_never_came_were_not_seen(land):
    grid = QualityGrid(image(100, 100, 10))
    grid.add((slice(0, 50), slice(0, 100)), np.zeros((50, 100), np.uint8))
    found = seen(grid, on_day(land))
    assert found.observed_m2 == pytest.approx(250_000, rel=1e-4)
    assert found.unseen_m2 == {"nodata": pytest.approx(250_000, rel=1e-4)}


def test_an_image_in_another_projection_sees_the_same(land):
    box = GeoBox.from_bbox(
        shapely.bounds(to_zone(np.array([at(-200, -200, 1200, 1200)]), "EPSG:4547", "EPSG:4546"))[0].tolist(),
        crs="EPSG:4546",
        resolution=10,
    )
    found = look(box, np.zeros(box.shape, np.uint8), on_day(land))
    assert found.observed_m2 == found.farmland_m2 == pytest.approx(500_000, abs=5)


def test_one_parcel_that_is_larger_than_the_image_counts_with_its_part_inside(tmp_path):
    """A ring of 3 km with a hole of 400 m; the image of 1 km holds the hole; its west half is cloud."""
    ring = at(-1000, -1000, 2000, 2000).difference(at(300, 300, 700, 700))
    layer = part(tmp_path, Kind.FARMLAND, [ring], DLBM=["0103"])
    box = image(100, 100, 10)
    quality = np.zeros(box.shape, np.uint8)
    quality[:, :50] = CLOUD
    found = look(box, quality, on_day(layer))
    adds_up(found)
    assert found.farmland_m2 == pytest.approx(840_000, abs=50)
    assert found.observed_m2 == pytest.approx(420_000, rel=0.01)


def test_a_large_image_is_kept_small(land):
    grid = QualityGrid(image(10_000, 9_000, 0.1))
    assert max(grid.codes.shape) <= CELLS
    for roi in windows(grid.geobox.shape, 1_000):
        grid.add(roi, np.full((1_000, 1_000), CLOUD if roi[1].start >= 5_000 else 0, np.uint8))
    found = seen(grid, on_day(land))
    # Nine rows of squares: 23 farmland squares in the west half, 22 in the east.
    assert found.observed_m2 == pytest.approx(230_000, rel=1e-3)
    assert found.unseen_m2 == {"cloud": pytest.approx(220_000, rel=1e-3)}


def test_no_farmland_layer_no_farmland():
    box = image(10, 10, 10)
    found = look(box, np.zeros(box.shape, np.uint8), on_day())
    assert (found.farmland_m2, found.observed_m2, found.unseen_m2) == (0, 0, {})
