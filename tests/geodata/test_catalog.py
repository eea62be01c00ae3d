import json
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio
from affine import Affine

from geodata import stac
from geodata.catalog import Catalog
from geodata.errors import (
    CRSContradiction,
    CRSMissing,
    EmptyData,
    InputError,
    InUse,
    MissingOption,
    NoOverlap,
    UnknownCodes,
    UnreadableFile,
)
from tests.geodata.images import NORTH_UP, ramp, write

BGRN = ("blue", "green", "red", "nir")
DATA = Path(__file__).parents[3] / "shared" / "data"
real = pytest.mark.skipif(not DATA.is_dir(), reason="the real data are not here")


@pytest.fixture
def catalog(tmp_path):
    return Catalog(tmp_path / "catalog")


def whole(scene):
    return slice(0, scene.geobox.shape[0]), slice(0, scene.geobox.shape[1])


def words(scene) -> str:
    return " ".join(text["en"] for text in scene.warnings)


def test_an_image_that_says_everything_needs_no_option(tmp_path, catalog):
    path = write(tmp_path / "GF2_ortho_20240501.tif", ramp(bands=4, dtype="uint16"), names=BGRN, nodata=0)
    scene, new = catalog.add_scene(path)
    assert new
    assert scene.platform == "gf-2"
    assert scene.acquired_at == datetime(2024, 5, 1, 4, tzinfo=UTC)
    assert scene.bands == BGRN
    assert scene.gsd_m == 10
    assert scene.cloud_cover is None
    assert "quality unknown" in words(scene)
    assert "2024-05-01" in words(scene)
    assert "nodata" not in words(scene)
    with catalog.pixels(scene) as pixels:
        raster = pixels.read(whole(scene))
    assert (raster.values == ramp(bands=4)).all()


def test_the_same_file_twice_is_one_scene_whatever_its_name(tmp_path, catalog):
    path = write(tmp_path / "GF2_20240501.tif", ramp(bands=4, dtype="uint16"), names=BGRN)
    first, _ = catalog.add_scene(path)
    other = tmp_path / "copy.tif"
    other.write_bytes(path.read_bytes())
    again, new = catalog.add_scene(other)
    assert not new
    assert again.id == first.id
    assert len(catalog.scenes()) == 1
    assert first.sha256 == again.sha256
    assert list(first.provenance) == ["GF2_20240501.tif"]


def test_at_rest_lie_a_valid_item_and_a_cloud_optimised_image(tmp_path, catalog):
    from rio_cogeo import cog_validate

    path = write(tmp_path / "GF2_20240501.tif", ramp(1200, 1100, 4, "uint16"), names=BGRN)
    scene, _ = catalog.add_scene(path)
    data = catalog.asset(scene, "data")
    assert data.parent.name == scene.id
    valid, errors, _ = cog_validate(data)
    assert (valid, errors) == (True, [])
    with rasterio.open(data) as dataset:
        assert dataset.overviews(1) == [2, 4]
        assert dataset.descriptions == BGRN
    item = json.loads(catalog.asset(scene, "item").read_bytes())
    assert pystac.Item.from_dict(item).id == scene.id
    assert item["properties"]["proj:code"] == "EPSG:32649"
    assert item["properties"]["datetime"] == "2024-05-01T04:00:00Z"
    assert item["assets"]["data"]["file:size"] == data.stat().st_size
    assert item["assets"]["data"]["file:checksum"].startswith("1220")
    assert [band["eo:common_name"] for band in item["assets"]["data"]["bands"]] == list(BGRN)
    assert catalog.damaged(scene) == []
    data.write_bytes(data.read_bytes()[:-1] + b"x")
    assert catalog.damaged(scene) == ["data"]


def test_names_on_disk_are_ours(tmp_path, catalog):
    path = write(tmp_path / "村名 GF2_20240501.tif", ramp(bands=4, dtype="uint16"), names=BGRN)
    catalog.add_scene(path, platform="../../evil")
    names = {file.relative_to(catalog.root).as_posix() for file in catalog.root.rglob("*") if file.is_file()}
    scene = catalog.scenes()[0]
    assert names == {f"scenes/{scene.id}/item.json", f"scenes/{scene.id}/data.tif"}


@pytest.mark.parametrize(
    ("name", "tags", "names", "asked"),
    [
        ("image_20240501", {}, BGRN, "--platform"),
        ("GF2_image", {}, BGRN, "--acquired"),
        ("GF2_20240501_20230501", {}, BGRN, "--acquired"),
        ("GF2_20240501", {"ACQUISITION_DATE": "20230501"}, BGRN, "--acquired"),
        ("GF2_20240501", {"SATELLITE": "Landsat 8"}, BGRN, "--platform"),
        ("GF2_20240501", {}, None, "--bands"),
        ("GF2_20240501", {}, ("Band 1", "Band 2", "Band 3", "Band 4"), "--bands"),
        ("GF2_20240501", {}, ("blue", "green", "red", None), "--bands"),
    ],
)
def test_what_is_not_certain_is_asked_for_by_its_option(tmp_path, catalog, name, tags, names, asked):
    path = write(tmp_path / f"{name}.tif", ramp(bands=4, dtype="uint16"), names=names, tags=tags)
    with pytest.raises(MissingOption, match=asked):
        catalog.add_scene(path)
    assert catalog.scenes() == []
    scene, _ = catalog.add_scene(path, platform="GF-2", acquired="2024-05-01T10:30", bands=BGRN)
    assert (scene.platform, scene.bands) == ("gf-2", BGRN)
    assert scene.acquired_at == datetime(2024, 5, 1, 2, 30, tzinfo=UTC)


def test_bands_may_be_left_aside_and_a_quality_band_needs_no_name(tmp_path, catalog):
    values = ramp(bands=4, dtype="uint16")
    values[3] = 4
    path = write(tmp_path / "S2A_20240501.tif", values, names=(None, None, None, "SCL"))
    scene, _ = catalog.add_scene(path, bands=["red", "-", "nir"])
    assert scene.bands == ("red", "nir")
    assert scene.quality_codes == "scl"
    with pytest.raises(InputError, match="--bands"):
        catalog.add_scene(write(tmp_path / "S2B_20240501.tif", values + 1), bands=["red", "red", "nir", "blue"])


def test_cloud_cover_counts_valid_pixels_only(tmp_path, catalog):
    values = np.full((3, 10, 10), 1000, np.uint16)
    values[:2, :1] = 0  # 10 of 100 pixels have no data in both bands
    values[2] = 4
    values[2, :2] = 9  # 20 are cloud, 10 of them valid
    path = write(tmp_path / "S2A_20240501.tif", values, names=("red", "nir", "SCL"), nodata=0)
    scene, _ = catalog.add_scene(path)
    assert scene.valid_share == 0.9
    assert scene.cloud_cover == pytest.approx(100 * 10 / 90, abs=0.01)
    with catalog.pixels(scene) as pixels:
        raster = pixels.read(whole(scene))
    assert raster.quality is not None
    assert (raster.quality == 9).sum() == 20
    assert raster.valid.sum() == 90


def test_a_quality_band_whose_codes_are_unknown_is_not_guessed(tmp_path, catalog):
    values = ramp(bands=2, dtype="uint16")
    scene, _ = catalog.add_scene(write(tmp_path / "GF2_20240501.tif", values, names=("red", "quality")))
    assert (scene.quality_codes, scene.cloud_cover) == (None, None)
    assert "quality unknown" in words(scene)
    values[1] = 2
    tags = {"QUALITY_CODES": "quality_bits"}
    scene, _ = catalog.add_scene(write(tmp_path / "GF2_20240502.tif", values, names=("red", "quality"), tags=tags))
    assert (scene.quality_codes, scene.cloud_cover) == ("quality_bits", 100.0)


def test_a_quality_file_of_its_own_on_a_coarser_grid(tmp_path, catalog):
    path = write(tmp_path / "S2A_20240501.tif", ramp(30, 40, 2, "uint16") + 1, names=("red", "nir"), nodata=0)
    codes = np.full((1, 15, 20), 4, np.uint8)
    codes[0, :, 15:] = 8  # a quarter
    coarse = NORTH_UP @ Affine.scale(2)
    quality = write(tmp_path / "S2A_20240501_SCL_20m.tif", codes, transform=coarse)
    scene, _ = catalog.add_scene(path, quality=quality)
    assert scene.cloud_cover == 25.0
    assert sorted(scene.provenance) == ["S2A_20240501.tif", "S2A_20240501_SCL_20m.tif"]
    elsewhere = write(tmp_path / "far_SCL.tif", codes, transform=Affine(20, 0, 300_000, 0, -20, 3_000_000))
    with pytest.raises(NoOverlap, match="far_SCL"):
        catalog.add_scene(path, quality=elsewhere)
    unknown = write(tmp_path / "mystery.tif", codes + 20, transform=coarse)
    with pytest.raises(UnknownCodes, match="mystery"):
        catalog.add_scene(path, quality=unknown)


def test_a_drone_mosaic_has_three_bands_and_its_alpha_is_validity(tmp_path, catalog):
    rgba = np.full((4, 20, 20), 200, np.uint8)
    rgba[3] = 255
    rgba[3, :5] = 0
    small = Affine(0.2, 0, 500_000, 0, -0.2, 3_000_000)
    options = {"transform": small, "photometric": "rgb", "alpha": "yes"}
    path = write(tmp_path / "DJI_20240501.tif", rgba, **options)
    scene, _ = catalog.add_scene(path)
    assert (scene.platform, scene.bands, scene.gsd_m) == ("drone", ("red", "green", "blue"), 0.2)
    assert scene.valid_share == 0.75
    with catalog.pixels(scene) as pixels:
        assert pixels.read(whole(scene)).valid.sum() == 300
    rgba[3] = np.arange(20) * 7 + 3  # software marks the fourth of four 8-bit bands as alpha by itself
    path = write(tmp_path / "DJI_20240601.tif", rgba, **options)
    with pytest.raises(MissingOption, match="--bands"):
        catalog.add_scene(path)
    scene, _ = catalog.add_scene(path, bands=BGRN)
    assert (scene.bands, scene.valid_share) == (BGRN, 1.0)


def test_scale_and_offset_come_from_the_files_own_metadata_never_from_the_platform(tmp_path, catalog):
    values = np.full((1, 10, 10), 1500, np.uint16)
    plain, _ = catalog.add_scene(write(tmp_path / "S2A_20240501.tif", values, names=("red",)))
    assert (plain.scale, plain.offset) == (1.0, 0.0)
    tags = {"BOA_ADD_OFFSET": "-1000", "QUANTIFICATION_VALUE": "10000"}
    told, _ = catalog.add_scene(write(tmp_path / "S2A_20240502.tif", values, names=("red",), tags=tags))
    path = write(tmp_path / "LC08_20240503.tif", values, names=("red",))
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = (0.5,), (-50,)
    scaled, _ = catalog.add_scene(path)
    for scene, value in ((plain, 1500), (told, 0.05), (scaled, 700)):
        with catalog.pixels(scene) as pixels:
            assert pixels.read(whole(scene)).values == pytest.approx(value)


def test_an_image_that_begins_in_the_south_is_turned(tmp_path, catalog):
    south_up = Affine(10, 0, 500_000, 0, 10, 2_999_700)
    path = write(tmp_path / "GF2_20240501.tif", ramp(dtype="uint16")[:, ::-1], transform=south_up, names=("red",))
    scene, _ = catalog.add_scene(path)
    assert scene.geobox.affine == NORTH_UP
    with catalog.pixels(scene) as pixels:
        assert (pixels.read(whole(scene)).values == ramp()).all()


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"transform": None, "crs": None}, CRSMissing, "where it lies"),
        ({"crs": None}, CRSMissing, "--crs"),
        ({"transform": NORTH_UP @ Affine.rotation(20)}, UnreadableFile, "rotated"),
        ({"crs": "EPSG:4525"}, CRSContradiction, "37"),
    ],
)
def test_an_image_must_say_where_it_lies(tmp_path, catalog, options, error, said):
    path = write(tmp_path / "GF2_20240501.tif", ramp(dtype="uint16"), names=("red",), **options)
    with pytest.raises(error, match=said) as caught:
        catalog.add_scene(path)
    assert "GF2_20240501.tif" in str(caught.value)
    assert catalog.scenes() == []


def test_a_missing_crs_may_be_given(tmp_path, catalog):
    path = write(tmp_path / "GF2_20240501.tif", ramp(dtype="uint16"), names=("red",), crs=None)
    scene, _ = catalog.add_scene(path, crs="EPSG:32649")
    assert str(scene.geobox.crs) == "EPSG:32649"
    other = write(tmp_path / "GF2_20240502.tif", ramp(dtype="uint16"), names=("red",))
    with pytest.raises(CRSContradiction):
        catalog.add_scene(other, crs="EPSG:32650")


def test_nothing_valid_too_small_or_of_tomorrow_is_refused(tmp_path, catalog):
    nothing = write(tmp_path / "GF2_20240501.tif", np.zeros((1, 10, 10), np.uint8), names=("red",), nodata=0)
    with pytest.raises(EmptyData, match="valid"):
        catalog.add_scene(nothing)
    with pytest.raises(EmptyData, match="3 × 2"):
        catalog.add_scene(write(tmp_path / "GF2_20240502.tif", np.ones((1, 2, 3), np.uint8), names=("red",)))
    path = write(tmp_path / "GF2_x.tif", ramp(dtype="uint16"), names=("red",))
    with pytest.raises(InputError, match="2999-01-01"):
        catalog.add_scene(path, acquired=date(2999, 1, 1))
    assert catalog.scenes() == []


def test_saturation_is_known_for_raw_counts_of_known_depth_only(tmp_path, catalog):
    values = ramp(dtype="uint16")
    values[values > 1023] = 1023
    raw, _ = catalog.add_scene(write(tmp_path / "GF1_20240501.tif", values, names=("red",)))
    assert raw.saturation == 1023
    fused, _ = catalog.add_scene(write(tmp_path / "GF1_20240502.tif", values * 4, names=("red",)))
    assert fused.saturation is None


def test_scenes_are_found_by_the_beginning_of_their_id_edited_and_removed(tmp_path, catalog):
    first, _ = catalog.add_scene(write(tmp_path / "GF2_20240501.tif", ramp(dtype="uint16"), names=("red",)))
    second, _ = catalog.add_scene(write(tmp_path / "GF2_20230501.tif", ramp(dtype="uint16") + 1, names=("red",)))
    assert [scene.id for scene in catalog.scenes()] == [second.id, first.id]
    assert catalog.scene(first.id[:8]).id == first.id
    with pytest.raises(InputError, match="none"):
        catalog.scene("zzz")
    with pytest.raises(InputError, match="none"):
        catalog.scene("")
    edited = catalog.edit_scene(first.id[:8], platform="Sentinel-2B", acquired="2024-05-02", bands=["NIR"])
    assert (edited.platform, edited.bands) == ("sentinel-2b", ("nir",))
    assert edited.acquired_at.date() == date(2024, 5, 2)
    assert catalog.damaged(edited) == []
    with catalog.pixels(edited) as pixels:
        assert pixels.bands == ("nir",)
    with pytest.raises(InputError, match="1 bands"):
        catalog.edit_scene(first.id, bands=["red", "nir"])
    with pytest.raises(InUse, match="2 inspections"):
        catalog.remove_scene(first.id, lambda id: 2)
    catalog.remove_scene(first.id, lambda id: 0)
    assert [scene.id for scene in catalog.scenes()] == [second.id]
    assert list((catalog.root / "scenes").iterdir()) == [catalog.root / "scenes" / second.id]


def test_a_scene_survives_its_item_unchanged(tmp_path, catalog):
    scene, _ = catalog.add_scene(
        write(tmp_path / "S2A_20240501.tif", ramp(bands=2), names=("red", "nir")), crs="EPSG:32649"
    )
    files = {"data": ("0" * 64, 1)}
    back = stac.from_item(json.loads(json.dumps(stac.to_item(scene, files))), f"scenes/{scene.id}")
    for name in ("id", "platform", "acquired_at", "geobox", "bands", "assets", "provenance", "warnings", "scale"):
        assert getattr(back, name) == getattr(scene, name)
    assert back.nodata is not None
    assert np.isnan(back.nodata)


def test_scenes_of_different_places_have_no_overlap(tmp_path, catalog):
    scene, _ = catalog.add_scene(write(tmp_path / "GF2_20240501.tif", ramp(dtype="uint16"), names=("red",)))
    far = stac.GeoBox((10, 10), Affine(10, 0, 600_000, 0, -10, 3_000_000), "EPSG:32649")
    with pytest.raises(NoOverlap):
        catalog.pixels(scene, onto=far)


@real
def test_the_taizhou_pair_goes_in_without_an_option(catalog):
    for day in ("20000317", "20030206"):
        scene, _ = catalog.add_scene(DATA / "taizhou_landsat" / f"{day}_L7ETM_dn.tif")
        assert scene.platform == "landsat-7"
        assert f"{scene.acquired_at:%Y%m%d}" == day
        assert scene.bands == ("blue", "green", "red", "nir", "swir1", "swir2")
        assert scene.saturation == 255
    west, south, east, north = stac.footprint(scene.geobox).bounds
    assert (west, south, east, north) == pytest.approx((119.84, 32.43, 119.97, 32.55), abs=0.02)


@real
def test_real_sentinel_bands_are_named_and_the_masked_corner_is_not_observed(catalog):
    folder = DATA / "s2_chilanga_field"
    scene, _ = catalog.add_scene(folder / "20201125T080251_20201125T082116_T35LPC.tif")
    assert scene.platform == "sentinel-2"
    assert {"blue", "green", "red", "nir", "swir1"} <= set(scene.bands)
    assert scene.quality_codes == "scl"
    assert scene.valid_share == pytest.approx(0.61, abs=0.01)
    with pytest.raises(EmptyData):
        catalog.add_scene(folder / "20210104T080331_20210104T082153_T35LPC.tif")


@real
def test_real_clouds_of_an_fmask_band(catalog):
    names = ["blue", "green", "red", "nir", "swir1", "swir2", "thermal", "fmask"]
    path = DATA / "landsat7_chiapas_pair" / "LE7_20020416_stack.tif"
    with pytest.raises(MissingOption, match="band 8 of 8"):
        catalog.add_scene(path)
    scene, _ = catalog.add_scene(path, bands=names)
    assert scene.cloud_cover == pytest.approx(100 * 12663 / 62500, abs=0.01)


@real
def test_a_real_drone_mosaic(catalog):
    path = DATA / "drone_ortho_pix4d" / "pix4d_alpha_nodata.tif"
    with pytest.raises(MissingOption, match="--acquired"):
        catalog.add_scene(path)
    scene, _ = catalog.add_scene(path, acquired="2020-05-01")
    assert (scene.platform, scene.bands) == ("drone", ("red", "green", "blue"))
    assert scene.gsd_m == pytest.approx(0.353, abs=0.001)
    assert 0.8 < scene.valid_share < 0.95


def test_two_runs_at_once_make_one_scene(tmp_path, catalog):
    from concurrent.futures import ThreadPoolExecutor

    path = write(tmp_path / "GF2_20240501.tif", ramp(dtype="uint16"), names=("red",))
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: Catalog(catalog.root).add_scene(path), range(2)))
    assert done[0][0].id == done[1][0].id
    assert [new for _, new in done].count(True) >= 1
    scene = catalog.scenes()[0]
    assert catalog.damaged(scene) == []
    assert [folder.name for folder in (catalog.root / "scenes").iterdir()] == [scene.id]


ADD_ALONE = """
import resource, sys
from pathlib import Path
from geodata import nursery
from geodata.catalog import Catalog
Catalog(Path(sys.argv[1])).add_scene(Path(sys.argv[2]))
nursery.rest()
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""In a process of its own: what other tests' children needed is not counted."""


@pytest.mark.soak
def test_ten_thousand_square_by_four_goes_in_with_flat_memory(tmp_path, catalog):
    side, tile = 10_000, ramp(1000, 1000, 4, "uint16") % 4000 + 1
    path = tmp_path / "GF2_20240501.tif"
    options = {"driver": "GTiff", "width": side, "height": side, "count": 4, "dtype": "uint16", "crs": "EPSG:32649"}
    options |= {"transform": NORTH_UP, "tiled": True, "photometric": "minisblack"}
    with rasterio.open(path, "w", **options) as dataset:
        dataset.descriptions = BGRN
        for y in range(0, side, 1000):
            for x in range(0, side, 1000):
                dataset.write(tile, window=((y, y + 1000), (x, x + 1000)))
    alone = subprocess.run([sys.executable, "-c", ADD_ALONE, catalog.root, path], check=True, capture_output=True)
    assert int(alone.stdout) < 600 * 1024  # kB
    scene, _ = catalog.add_scene(path)  # held already
    with catalog.pixels(scene) as pixels:
        assert (pixels.read((slice(9000, 10_000), slice(9000, 10_000))).values == tile).all()
