import pickle

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from geodata import rasterfile
from geodata.errors import CRSMissing, MissingOption, UnreadableFile
from geodata.scene import windows
from tests.geodata.images import NORTH_UP, UTM49, ramp, write


def all_of(grid: GeoBox):
    return slice(0, grid.shape[0]), slice(0, grid.shape[1])


def grid(height=30, width=40, dx=0.0, dy=0.0, scale=1.0) -> GeoBox:
    """The ramp's grid, moved by (dx, dy) pixels to the right and down."""
    return GeoBox((height, width), NORTH_UP @ Affine.translation(dx, dy) @ Affine.scale(scale), UTM49)


@pytest.fixture
def image(tmp_path):
    return write(tmp_path / "ramp.tif", ramp())


def test_a_window_is_the_same_window_of_the_file(image):
    with rasterfile.open_pixels(image) as pixels:
        raster = pixels.read((slice(3, 5), slice(7, 9)))
    assert raster.values.tolist() == [[[307, 308], [407, 408]]]
    assert raster.values.dtype == np.float32
    assert raster.valid.all()
    assert raster.geobox == pixels.geobox[3:5, 7:9]
    assert raster.quality is None


def test_onto_a_grid_moved_by_whole_pixels_reads_the_same_values_and_nothing_outside(image):
    with rasterfile.open_pixels(image, onto=grid(dx=38, dy=-2)) as pixels:
        raster = pixels.read((slice(0, 4), slice(0, 3)))
    assert raster.valid.tolist() == [[False] * 3, [False] * 3, [True, True, False], [True, True, False]]
    assert raster.values[0, 2:, :2].tolist() == [[38, 39], [138, 139]]


@given(st.floats(-3, 3), st.floats(-3, 3))
@settings(max_examples=25, deadline=None)
def test_a_part_of_a_pixel_is_exact_on_a_straight_ramp(tmp_path_factory, dx, dy):
    path = tmp_path_factory.getbasetemp() / "straight.tif"
    if not path.exists():
        write(path, ramp())
    with rasterfile.open_pixels(path, onto=grid(dx=dx, dy=dy)) as pixels:
        raster = pixels.read(all_of(pixels.geobox))
    expected = ramp()[0] + 100 * dy + dx
    inner = np.zeros((30, 40), bool)
    inner[6:-6, 6:-6] = True
    assert raster.valid[inner].all()
    assert np.abs(raster.values[0] - expected)[inner].max() < 1.02  # within 1/100 pixel down, 1 a row of 100


def test_moving_the_image_east_and_north_moves_what_is_seen(image):
    with rasterfile.open_pixels(image, onto=grid(), shift_m=(20, 30)) as pixels:
        raster = pixels.read(all_of(pixels.geobox))
    # a point seen at (row, column) before is now 2 columns further east and 3 rows further north
    assert raster.values[0, 10, 20] == 100 * (10 + 3) + (20 - 2)
    with rasterfile.open_pixels(image, shift_m=(20, 30)) as pixels:
        assert pixels.geobox.affine.c == 500_020
        assert pixels.geobox.affine.f == 3_000_030


@pytest.mark.parametrize("size", [7, 16, 1024])
def test_windows_of_any_size_give_one_image(image, size):
    with rasterfile.open_pixels(image, onto=grid(dx=0.3, dy=0.6)) as pixels:
        whole = pixels.read(all_of(pixels.geobox)).values
        parts = np.zeros_like(whole)
        for roi in windows((30, 40), size):
            parts[:, *roi] = pixels.read(roi).values
    np.testing.assert_allclose(parts[:, 3:-3, 3:-3], whole[:, 3:-3, 3:-3], atol=1e-2)


def test_another_crs_shows_the_same_ground(tmp_path):
    path = write(tmp_path / "wide.tif", ramp(300, 400))
    other = GeoBox((60, 60), Affine(10, 0, 37_502_000, 0, -10, 2_999_500), "EPSG:4525")
    with rasterfile.open_pixels(path, onto=other) as pixels:
        raster = pixels.read(all_of(other))
    from pyproj import Transformer

    x, y = other.affine @ (30.5, 20.5)
    east, north = Transformer.from_crs("EPSG:4525", UTM49, always_xy=True).transform(x, y)
    row, column = (3_000_000 - north) / 10 - 0.5, (east - 500_000) / 10 - 0.5
    assert raster.valid.all()
    assert raster.values[0, 20, 30] == pytest.approx(100 * row + column, abs=5)  # 0.05 pixel


def test_a_coarser_grid_gets_means_not_samples(tmp_path):
    checks = np.indices((40, 40)).sum(axis=0) % 2 * 100.0
    path = write(tmp_path / "checks.tif", checks[np.newaxis].astype("float32"))
    with rasterfile.open_pixels(path, onto=grid(5, 5, scale=8)) as pixels:
        raster = pixels.read(all_of(pixels.geobox))
    assert raster.valid[1:-1, 1:-1].all()
    np.testing.assert_allclose(raster.values[0][raster.valid], 50, atol=1e-3)


def test_ground_elsewhere_is_not_observed(image):
    far = GeoBox((5, 5), Affine(10, 0, 300_000, 0, -10, 3_000_000), UTM49)
    with rasterfile.open_pixels(image, onto=far) as pixels:
        raster = pixels.read(all_of(far))
    assert not raster.valid.any()
    assert (raster.values == 0).all()


def test_nodata_next_to_a_pixel_does_not_leak_into_it(tmp_path):
    values = np.full((1, 20, 20), 50, np.float32)
    values[0, :, :10] = -9999
    path = write(tmp_path / "half.tif", values, nodata=-9999)
    with rasterfile.open_pixels(path, onto=grid(20, 20, dx=0.4, dy=0.4)) as pixels:
        raster = pixels.read(all_of(pixels.geobox))
    assert not raster.valid[:, :10].any()
    np.testing.assert_allclose(raster.values[0][raster.valid], 50, atol=1e-4)


def test_zero_as_nodata_needs_zero_in_every_band_and_other_values_spoil_by_one():
    dark = np.array([[[0, 0]], [[0, 7]]], np.uint8)
    from geodata.grids import is_valid

    assert is_valid(dark, 0).tolist() == [[False, True]]
    assert is_valid(np.array([[[-9999, 5]], [[3, 5]]], np.int16), -9999).tolist() == [[False, True]]
    assert is_valid(np.array([[[np.nan, 5]], [[3, 5]]], np.float32), None).tolist() == [[False, True]]


def test_alpha_is_validity_and_no_band(tmp_path):
    rgba = np.full((4, 4, 4), 9, np.uint8)
    rgba[3] = 255
    rgba[3, 0, :] = 0
    path = write(tmp_path / "rgba.tif", rgba, photometric="rgb", alpha="yes")
    with rasterfile.open_pixels(path) as pixels:
        raster = pixels.read(all_of(pixels.geobox))
    assert len(pixels.bands) == 3
    assert raster.valid.tolist() == [[False] * 4] + [[True] * 4] * 3


def test_scale_and_offset_are_applied_as_given(tmp_path):
    path = write(tmp_path / "dn.tif", np.full((2, 3, 3), 1500, np.uint16))
    with rasterfile.open_pixels(path, scale=0.0001, offset=-0.1) as pixels:
        assert pixels.read(all_of(pixels.geobox)).values == pytest.approx(0.05)


def test_quality_is_read_from_its_band_and_from_another_file(tmp_path):
    values = ramp(bands=2)
    values[1] = 4
    values[1, 5, 6] = 9
    path = write(tmp_path / "scl.tif", values, names=("red", "SCL"))
    with rasterfile.open_pixels(path, onto=grid(dx=1, dy=2)) as pixels:
        raster = pixels.read(all_of(pixels.geobox))
    assert pixels.bands == ("red",)
    assert pixels.quality_codes == "scl"
    assert raster.quality is not None
    assert np.argwhere(raster.quality == 9).tolist() == [[3, 5]]
    coarse = write(
        tmp_path / "q.tif", np.array([[[4, 9], [3, 4]]], np.uint8), transform=NORTH_UP @ Affine.scale(20, 15)
    )
    with rasterfile.open_pixels(write(tmp_path / "b.tif", ramp()), quality_path=coarse, quality_codes="scl") as pixels:
        codes = pixels.read(all_of(pixels.geobox)).quality
    assert codes is not None
    assert [int(codes[0, 0]), int(codes[14, 19]), int(codes[14, 20]), int(codes[15, 19])] == [4, 4, 9, 3]


def test_images_without_georeference_open_with_no_crs(tmp_path):
    path = write(tmp_path / "plain.tif", ramp(), transform=None, crs=None)
    with rasterfile.open_pixels(path) as pixels:
        assert pixels.geobox.crs is None
        assert pixels.read((slice(1, 2), slice(2, 3))).values.tolist() == [[[102]]]
    with pytest.raises(CRSMissing):
        rasterfile.open_pixels(path, onto=grid())
    with rasterfile.open_pixels(path, onto=pixels.geobox) as same:
        assert same.read((slice(1, 2), slice(2, 3))).values.tolist() == [[[102]]]


def test_pixels_travel_by_path(image):
    pixels = rasterfile.open_pixels(image, onto=grid(dx=1))
    pixels.read((slice(0, 1), slice(0, 1)))
    copy = pickle.loads(pickle.dumps(pixels))
    assert copy.read((slice(0, 1), slice(0, 1))).values.tolist() == [[[1]]]


def test_bands_that_do_not_fit_are_refused_with_both_numbers(image):
    with pytest.raises(MissingOption, match=r"1 bands.* 2;"):
        rasterfile.open_pixels(image, bands=("red", "nir"))


def test_a_grid_is_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "score.tif"
    with rasterfile.GridWriter(path, grid(), "float32", nodata=float("nan")) as out:
        for roi in windows((30, 40), 16):
            out.write(roi, ramp()[0][roi])
        assert not path.exists()
    with rasterio.open(path) as dataset:
        assert (dataset.read() == ramp()).all()
        assert dataset.crs.to_epsg() == 32649
        assert dataset.transform == NORTH_UP
        assert np.isnan(dataset.nodata)

    def fail_half_way():
        with rasterfile.GridWriter(path, grid(), "float32") as out:
            out.write((slice(0, 1), slice(0, 1)), np.zeros((1, 1), "float32"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    with rasterio.open(path) as dataset:
        assert (dataset.read() == ramp()).all()
    assert [file.name for file in tmp_path.iterdir()] == ["score.tif"]


def test_a_grid_without_crs_is_written_without_one(tmp_path):
    with rasterfile.GridWriter(tmp_path / "a.tif", GeoBox((4, 4), Affine.identity(), None), "uint8") as out:
        out.write((slice(0, 4), slice(0, 4)), np.ones((4, 4), "uint8"))
    assert rasterfile.describe(tmp_path / "a.tif")["georeferenced"] is False


def test_polygons_to_pixels_and_back():
    square = shapely.box(500_020, 2_999_900, 500_070, 2_999_970)
    mask = rasterfile.rasterize([square], grid())
    assert mask.sum() == 5 * 7
    assert rasterfile.rasterize([square], grid(), (slice(3, 5), slice(0, 40))).sum() == 2 * 5
    (back,) = rasterfile.polygonize(mask, transform=NORTH_UP)
    assert back.equals(square)
    assert rasterfile.rasterize([], grid()).sum() == 0


def test_a_hole_stays_and_corners_connect_as_asked():
    ring = np.ones((3, 3), bool)
    ring[1, 1] = False
    (polygon,) = rasterfile.polygonize(ring)
    assert polygon.area == 8
    assert len(polygon.interiors) == 1
    diagonal = np.eye(2, dtype=bool)
    assert len(rasterfile.polygonize(diagonal)) == 2
    assert len(rasterfile.polygonize(diagonal, connectivity=8)) == 1


PLACE = (111.0005, 27.1175, 111.0055, 27.1220)


def chips_source(path, rng, gain=1.0, roof=False):
    """Land of 40 to 120, at will with a roof of 250 on a tenth of it, under another light."""
    land = np.stack([rng.integers(40, 121, (60, 60)) for _ in range(3)]).astype(np.float32)
    if roof:
        land[:, 20:40, 20:38] = 250
    return write(path, land * gain, names=("red", "green", "blue"))


def test_a_pair_of_chips_shares_one_stretch(tmp_path):
    a = chips_source(tmp_path / "a.tif", np.random.default_rng(1))
    b = chips_source(tmp_path / "b.tif", np.random.default_rng(1), roof=True)
    first, second = rasterfile.crop_pair(a, b, PLACE, 64)
    assert first.rgb.dtype == np.uint8
    assert first.rgb.shape == second.rgb.shape
    assert max(first.rgb.shape[:2]) == 64
    assert first.bounds_lonlat == PLACE
    assert first.valid.any()
    assert (first.stretch == second.stretch).all()
    changed = np.abs(first.rgb.astype(int) - second.rgb).max(axis=-1) > 0
    assert 0.05 < changed[first.valid].mean() < 0.2
    assert second.rgb.max() == 255
    alike = rasterfile.crop(a, PLACE, 64, stretch=first.stretch)
    assert (alike.rgb == first.rgb).all()


@pytest.mark.parametrize("gain", [0.3, 0.0001])
def test_another_light_or_unit_does_not_look_like_change(tmp_path, gain):
    a = chips_source(tmp_path / "a.tif", np.random.default_rng(1))
    b = chips_source(tmp_path / "b.tif", np.random.default_rng(1), gain, roof=True)
    first, second = rasterfile.crop_pair(a, b, PLACE, 64)
    difference = np.abs(first.rgb.astype(int) - second.rgb).max(axis=-1)[first.valid]
    assert np.median(difference) < 40
    assert np.percentile(difference, 95) > 80  # the roof is still seen


def clouded(path, share):
    """Land of 40 to 120 with an SCL band; the northern ``share`` of it lies under a cloud of 5,000."""
    values = np.random.default_rng(1).integers(40, 121, (4, 60, 60)).astype(np.uint16)
    values[3] = 4
    values[:3, : round(60 * share)] = 5000
    values[3, : round(60 * share)] = 9
    return write(path, values, names=("red", "green", "blue", "SCL"))


def test_a_cloud_does_not_leave_the_land_dark(tmp_path):
    clear = rasterfile.crop(clouded(tmp_path / "clear.tif", 0), PLACE, 64)
    chip = rasterfile.crop(clouded(tmp_path / "cloudy.tif", 0.5), PLACE, 64)
    assert chip.stretch == pytest.approx(clear.stretch, abs=12)
    assert (chip.rgb[:20, 20:40] == 255).all()
    assert 60 < np.median(chip.rgb[-12:-2, 20:40]) < 190


def test_where_nearly_all_is_cloud_the_cloud_is_shown(tmp_path):
    chip = rasterfile.crop(clouded(tmp_path / "cloud.tif", 1.0), PLACE, 64)
    assert chip.stretch[:, 0] == pytest.approx([5000] * 3)


def test_a_pair_with_a_cloud_is_stretched_by_the_land(tmp_path):
    before, after = clouded(tmp_path / "a.tif", 0.0), clouded(tmp_path / "b.tif", 0.4)
    first, second = rasterfile.crop_pair(before, after, PLACE, 64)
    assert (first.stretch == second.stretch).all()
    assert first.stretch.max() < 130


def test_a_view_reads_the_bands_it_is_asked_for_through_the_same_file(tmp_path):
    values = ramp(bands=3, dtype="uint16")
    values[:, 2, 3] = 0
    values[:2, 4, 5] = 0  # dark in two bands, but measured in the third
    path = write(tmp_path / "a.tif", values, names=("red", "green", "nir"), nodata=0)
    with rasterfile.open_pixels(path, scale=(1, 2, 3)) as pixels:
        with pixels.onto(grid(dx=1), bands=("green", "red")) as view:
            raster = view.read(all_of(view.geobox))
        again = pixels.read(all_of(pixels.geobox))  # a view that ends shuts nothing
    assert raster.bands == ("green", "red")
    assert again.bands == ("red", "green", "nir")
    assert raster.values[:, 6, 0].tolist() == [2 * (10_000 + 601), 601]
    assert not raster.valid[2, 2]
    assert raster.valid[4, 4]
    assert raster.values[:, 4, 4].tolist() == [0, 0]


def test_quality_codes_are_read_alone(tmp_path):
    with rasterfile.open_pixels(clouded(tmp_path / "q.tif", 0.5)) as pixels:
        codes = pixels.codes((slice(28, 32), slice(0, 1)))
    assert codes is not None
    assert codes.ravel().tolist() == [9, 9, 4, 4]
    with rasterfile.open_pixels(write(tmp_path / "plain.tif", ramp())) as pixels:
        assert pixels.codes((slice(0, 1), slice(0, 1))) is None


def test_a_truncated_image_is_told_in_a_sentence(tmp_path):
    rng = np.random.default_rng(0)
    path = write(tmp_path / "cut.tif", rng.integers(0, 255, (3, 200, 200)).astype(np.uint8))
    path.write_bytes(path.read_bytes()[:50_000])
    with pytest.raises(UnreadableFile, match=r"cut\.tif"), rasterfile.open_pixels(path) as pixels:
        pixels.read(all_of(pixels.geobox))
