"""Deliveries as suppliers hand them over: folder, archive or one of its files are the same scene."""

from __future__ import annotations

import io
import json
import os
import tarfile
import time
import uuid
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from geodata import archive, identify, imagefile, limits
from geodata.catalog import Catalog
from geodata.delivery import mirror, xmlfile
from geodata.delivery.bundle import UNPACKED
from geodata.delivery.clock import acquired
from geodata.delivery.plan import plan
from geodata.delivery.recognise import look, restored
from geodata.errors import InputError, MissingOption, UnreadableFile
from geodata.filepixels import FilePixels
from geodata.gridfile import convert
from geodata.identify import Plan, Said
from geodata.scene import Raster
from geodata.sensors import has_condition
from tests.geodata import deliveries as made

BGRN = ("blue", "green", "red", "nir")


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(tmp_path / "catalog")


def words(scene) -> str:
    return " ".join(text["en"] for text in scene.warnings)


@dataclass(frozen=True)
class Stored:
    """A delivery as it would be stored: its plan, and all its pixels read back."""

    plan: Plan
    raster: Raster

    @property
    def first(self) -> list[float]:
        """The value of each band at the north-western corner."""
        return [round(float(value), 6) for value in self.raster.values[:, 0, 0]]

    @property
    def words(self) -> str:
        return " ".join(text["en"] for text in self.plan.warnings)


def stored(path: Path, **said: Any) -> Stored:
    """What ``Catalog.add_scene`` does in its children, here."""
    found = look("it", str(path))
    if found is None:
        told = identify.plan(str(path), imagefile.describe_here(str(path)), Said(**said))
        recipe = told.recipe | {"source": str(path)}
    else:
        told, recipe = plan("it", restored(found), Said(**said))
    folder = path.parent / f"stored-{uuid.uuid4().hex}"
    folder.mkdir()
    convert(recipe["source"], str(folder), recipe)
    quality = folder / "quality.tif" if told.quality_codes else None
    with FilePixels(folder / "data.tif", bands=told.bands, scale=told.scale, offset=told.offset, nodata=told.nodata,
                    quality_path=quality, quality_codes=told.quality_codes) as pixels:  # fmt: skip
        rows, columns = told.geobox.shape
        return Stored(told, pixels.read((slice(0, rows), slice(0, columns))))


# --- satellites with an XML beside each image ----------------------------------------------------


def test_folder_archive_and_any_file_of_a_delivery_are_one_scene(tmp_path, catalog):
    home = made.gf2(tmp_path)
    scene, new = catalog.add_scene(home)
    assert new
    assert (scene.platform, scene.bands) == ("gf-2", BGRN)
    assert scene.acquired_at == datetime(2024, 5, 1, 3, 15, 30, tzinfo=UTC)  # 11:15:30 in Beijing
    assert "CenterTime has no zone and is read as Beijing time: 2024-05-01 03:15:30 UTC" in words(scene)
    assert "panchromatic image" in words(scene)
    with catalog.pixels(scene) as pixels:  # the first band of the file is blue
        assert pixels.read((slice(0, 2), slice(0, 2))).values[:, 0, 0].tolist() == [100, 200, 300, 400]
    assert scene.nodata == 0
    others = [made.tarred(home), made.zipped(home), next(home.glob("*-MSS1.xml"))]
    assert [catalog.add_scene(other)[0].id for other in others] == [scene.id] * 3
    assert [one.id for one in catalog.scenes()] == [scene.id]
    assert {path.name for path in (tmp_path / "catalog" / "scenes").iterdir()} == {scene.id}


def test_what_lies_beside_the_image_is_kept_and_what_a_killed_run_unpacked_is_swept(tmp_path, catalog):
    left = tmp_path / "catalog" / "scenes" / ".0123.tmp"
    (left / "in").mkdir(parents=True)
    long_ago = time.time() - 100_000
    os.utime(left, (long_ago, long_ago))
    home = made.gf2(tmp_path)
    scene, _ = catalog.add_scene(home)
    assert not left.exists()
    kept = catalog.asset(scene, "metadata")
    assert kept.read_bytes() == next(home.glob("*-MSS1.xml")).read_bytes()
    assert catalog.asset(scene, "quicklook").name == "quicklook.jpg"
    item = json.loads(catalog.asset(scene, "item").read_bytes())
    assert item["assets"]["metadata"]["type"] == "application/xml"
    assert item["assets"]["quicklook"]["roles"] == ["overview"]
    assert next(home.glob("*-MSS1.xml")).name in scene.provenance
    kept.write_text("changed")
    assert catalog.damaged(scene) == ["metadata"]
    assert catalog.edit_scene(scene.id, platform="gf-1").assets.keys() == scene.assets.keys()


def test_an_image_with_rpc_only_is_refused_without_terrain_to_lay_it_on(tmp_path, catalog):
    with pytest.raises(MissingOption, match="--dem-heights"):
        catalog.add_scene(made.gf2(tmp_path, raw=True, level="LEVEL1A"))
    assert catalog.scenes() == []


PRODUCTS = {
    "GF1_PMS2_E112.9_N27.8_20240501_L1A0000000001": ("GF1", "-MSS2", "gf-1", BGRN),
    "GF1_WFV3_E112.9_N27.8_20240501_L1A0000000002": ("GF1", "", "gf-1", BGRN),
    "GF1B_PMS_E112.9_N27.8_20240501_L1A0000000003": ("GF1B", "-MUX", "gf-1b", BGRN),
    "GF6_PMS_E112.9_N27.8_20240501_L1A0000000004": ("GF6", "-MUX", "gf-6", BGRN),
    "GF7_DLC_E112.9_N27.8_20240501_L1A0000000005": ("GF7", "-BWDMUX", "gf-7", BGRN),
    "ZY3_MUX_E112.9_N27.8_20240501_L1A0000000006": ("ZY3-2", "", "zy3-02", BGRN),
    "zy303a_mux_016497_003126_20240501112310_01_sec_0001_2405018482": ("ZY3-3", "", "zy3-03", BGRN),
    "SV1-01_20240501_L2A0000000007_1109000000001_01": ("SV1-01", "-MUX", "superview-1", BGRN),
    "JL1GF03B02_PMS_20240501095811_200084559_101_0008_001_L2": ("JL1GF03B02", "_MSS", "jilin-1", BGRN),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_each_satellite_is_told_by_its_names_and_metadata(tmp_path, name):
    from geodata.delivery import chinese
    from geodata.delivery.bundle import bundle

    satellite, end, platform, bands = PRODUCTS[name]
    told = made.xml("ProductMetaData", SatelliteID=satellite, ProductLevel="2A", CenterTime="2024-05-01 11:15:30")
    home = made.satellite(tmp_path, name, {end: 4}, told)
    (found,) = chinese.deliveries(bundle(name, home))
    assert (found.platform, found.sources[0].bands) == (platform, bands)
    assert found.acquired_at == datetime(2024, 5, 1, 3, 15, 30, tzinfo=UTC)


def test_eight_bands_of_gf6_wfv_and_zy1_02d_have_orders_of_their_own(tmp_path):
    from geodata.delivery import chinese
    from geodata.delivery.bundle import bundle

    told = made.xml("ProductMetaData", CenterTime="2024-05-01 11:15:30")
    for name, end, last in [("GF6_WFV_E112.9_N27.8_20240501_L1A1", "", "yellow"),
                            ("ZY1E_VNIC_E112.9_N27.8_20240501_L1A2", "-MUX", "nir2")]:  # fmt: skip
        (found,) = chinese.deliveries(bundle(name, made.satellite(tmp_path, name, {end: 8}, told)))
        assert found.sources[0].bands[:4] == BGRN
        assert (len(found.sources[0].bands), found.sources[0].bands[-1]) == (8, last)


def test_a_fused_image_of_8_bits_may_be_turned_round_so_its_bands_are_asked_for(tmp_path):
    home = made.gf2(tmp_path)
    made.write(next(home.glob("*-MSS1.tiff")), made.counts(4).astype("uint8"))
    with pytest.raises(MissingOption, match="--bands"):
        stored(home)
    assert stored(home, bands=["red", "green", "blue", "nir"]).plan.bands == ("red", "green", "blue", "nir")


def test_a_time_without_zone_is_of_beijing_unless_it_would_have_been_night():
    when, note = acquired("2024-05-01 03:15:30", "CenterTime", 112.9)
    assert when.at == datetime(2024, 5, 1, 3, 15, 30, tzinfo=UTC)
    assert "read as UTC" in note["en"]
    assert acquired("2024-05-01 11:15:30", "CenterTime", 112.9)[0].at == when.at
    assert acquired("2024-05-01T03:15:30Z", "CenterTime", 112.9) == (when, None)
    assert acquired("20240501111530.250", "CenterTime", None)[0].at == when.at  # as ZY3 writes it


def test_name_and_metadata_that_disagree_are_asked_about(tmp_path):
    with pytest.raises(MissingOption, match="--acquired"):
        stored(made.gf2(tmp_path, time="2023-05-01 11:15:30"))


def test_metadata_in_gb2312_are_read_and_entities_are_not(tmp_path):
    home = made.gf2(tmp_path)
    metadata = next(home.glob("*-MSS1.xml"))
    text = metadata.read_text().replace("UTF-8", "gb2312").replace("PMS1", "全色相机")
    metadata.write_bytes(text.encode("gb18030"))
    assert xmlfile.fields(metadata).first("SensorID") == "全色相机"
    metadata.write_text(
        '<!DOCTYPE a [<!ENTITY b "c">]><ProductMetaData><SatelliteID>&b;</SatelliteID></ProductMetaData>'
    )
    with pytest.raises(UnreadableFile, match="DTD"):
        look("it", str(home))


# --- Sentinel-2 ----------------------------------------------------------------------------------


def test_sentinel2_from_baseline_05_is_reflectance_after_its_offset_with_scl_as_quality(tmp_path):
    home = made.sentinel2(tmp_path)
    found = stored(home)
    assert (found.plan.platform, found.plan.quality_codes) == ("sentinel-2b", "scl")
    assert found.plan.acquired_at == datetime(2024, 5, 1, 3, 15, 39, tzinfo=UTC)
    assert found.plan.bands == ("blue", "green", "red", "nir", "swir1", "swir2")
    # (1500 + 100 − 1000) / 10000 = 0.06, and so on; the first of 20 m covers two by two of 10 m
    assert found.first == [0.06, 0.07, 0.08, 0.31, 0.21, 0.16]
    swir = found.raster.values[4, :4, :4]
    assert [[round(float(value), 4) for value in row] for row in swir] == [[0.21, 0.21, 0.2, 0.2]] * 2 + [[0.2] * 4] * 2
    assert "baseline 05.09: offset -1000" in found.words
    assert "bands swir1, swir2 have coarser pixels" in found.words
    one = stored(next(home.rglob("*B04*"))).plan
    assert (one.bands, one.acquired_at) == (found.plan.bands, found.plan.acquired_at)


def test_sentinel2_before_baseline_04_has_no_offset(tmp_path):
    found = stored(made.sentinel2(tmp_path, baseline="03.01", offset=None, end=".tif"))
    assert found.first == [0.16, 0.17, 0.18, 0.41, 0.31, 0.26]


def test_an_offset_that_a_mirror_took_out_is_not_applied_again(tmp_path):
    found = stored(made.mirrored(tmp_path, applied=True))  # whose item lists −0.1 all the same
    assert found.first == [0.16, 0.17, 0.18, 0.41, 0.31]
    assert "harmonised" in found.words


@pytest.mark.parametrize(
    ("properties", "listed", "expected"),
    [
        ({"earthsearch:boa_offset_applied": True}, {"scale": 0.0001, "offset": -0.1}, (0.0001, 0.0)),
        ({"earthsearch:boa_offset_applied": False}, {"scale": 0.0001, "offset": -0.1}, (0.0001, -0.1)),
        ({"s2:processing_baseline": "05.09"}, {}, (0.0001, -0.1)),
        ({"s2:processing_baseline": "03.01"}, {}, (0.0001, 0.0)),
        ({"system:id": "COPERNICUS/S2_SR_HARMONIZED/20240501T"}, {}, (0.0001, 0.0)),
        ({}, {}, None),
    ],
)
def test_what_a_mirror_did_is_read_from_its_item(properties, listed, expected):
    assert mirror.coefficients(properties, {"raster:bands": [listed]}) == expected


def test_an_offset_that_nothing_tells_is_asked_for_and_bands_are_chosen_by_name(tmp_path):
    home = made.sentinel2(tmp_path, offset=None, level="L1C", end=".tif")
    with pytest.raises(MissingOption, match="--offset"):
        stored(home)
    with pytest.raises(InputError, match="coastal"):
        stored(home, bands=["coastal"])
    found = stored(home, bands=["rededge1", "blue"], offset=-1000)
    assert (found.plan.bands, found.plan.quality_codes) == (("blue", "rededge1"), None)
    assert found.first == [0.06, 0.11]
    with pytest.raises(InputError, match="Sentinel-2"):
        stored(made.gf2(tmp_path), offset=0)


# --- Landsat -------------------------------------------------------------------------------------


def test_landsat_level_2_is_scaled_by_its_own_coefficients_not_by_those_of_level_1(tmp_path):
    found = stored(made.landsat(tmp_path))
    assert (found.plan.platform, found.plan.quality_codes) == ("landsat-8", "qa_pixel")
    assert found.plan.acquired_at == datetime(2024, 5, 1, 2, 57, 13, tzinfo=UTC)
    # blue is band 2 of OLI: 12000 × 0.0000275 − 0.2 = 0.13
    assert found.first == [0.13, 0.1575, 0.185, 0.2125, 0.24, 0.2675]


def test_landsat_level_1_is_divided_by_the_sine_of_the_suns_elevation(tmp_path):
    from geodata.delivery import landsat
    from geodata.delivery.bundle import bundle

    home = made.landsat(tmp_path, level="L1TP", json_mtl=True)
    (found,) = landsat.deliveries(bundle("it", home))
    blue = found.sources[0]
    # (12000 × 0.00002 − 0.1) / sin 30° = 0.28
    assert blue.bands == ("blue",)
    assert 12_000 * blue.scales[0] + blue.offsets[0] == pytest.approx(0.28)
    (home / "LC08_L1TP_123040_20240501_20240511_02_T1_B4.TIF").unlink()
    with pytest.raises(UnreadableFile, match="red"):
        landsat.deliveries(bundle("it", home))


# --- PlanetScope, Sentinel-1 ---------------------------------------------------------------------


def test_planetscope_has_its_usable_data_mask_as_quality(tmp_path):
    found = stored(made.planet(tmp_path))
    assert (found.plan.platform, found.plan.bands) == ("planetscope", BGRN)
    assert found.plan.acquired_at == datetime(2024, 5, 1, 2, 30, 15, tzinfo=UTC)
    raster = found.raster
    assert raster.values[:, 0, 1].tolist() == pytest.approx([0.1001, 0.2001, 0.3001, 0.4001])
    assert has_condition(raster.quality, found.plan.quality_codes, ("cloud",)).sum() == raster.quality[0, 0] / 2 == 1
    assert has_condition(raster.quality, found.plan.quality_codes, ("shadow",))[0, 1]
    assert has_condition(raster.quality, found.plan.quality_codes, ("nodata",))[-1, -1]


def test_radiance_of_eight_bands_is_scaled_by_its_metadata(tmp_path):
    from geodata.delivery import planet
    from geodata.delivery.bundle import bundle

    (found,) = planet.deliveries(bundle("it", made.planet(tmp_path, bands=8, surface=False)))
    assert found.sources[0].scales[:2] == (1e-05, 2e-05)
    assert [found.sources[0].bands.index(name) for name in ("blue", "green", "red", "nir")] == [1, 3, 5, 7]


@pytest.mark.parametrize(("decibel", "expected"), [(True, [-10, -20]), (False, [0.1, 0.01])])
def test_radar_is_told_as_db_or_linear_and_its_border_noise_is_left_out(tmp_path, decibel, expected):
    found = stored(made.sentinel1(tmp_path, decibel=decibel))
    assert (found.plan.platform, found.plan.bands) == ("sentinel-1a", ("vv", "vh"))
    assert found.plan.acquired_at == datetime(2024, 5, 1, 10, 30, 12, tzinfo=UTC)
    raster = found.raster
    assert raster.valid.sum() == 38 * 35  # two rows not observed, five columns of noise
    assert raster.values[:, 10, 10].tolist() == pytest.approx(expected)
    assert ("dB" if decibel else "linear") in found.words


def test_counts_of_sentinel2_of_which_nothing_tells_are_warned_of_and_corrected_when_told(tmp_path):
    names = ("B2", "B3", "B4", "B8")
    path = made.write(tmp_path / "20240501T031539_20240501T032500_T49RFL.tif", made.counts(4) + 1000, names=names)
    assert "--offset -1000" in stored(path).words
    told = stored(path, offset=-1000)
    assert told.first == [0.01, 0.02, 0.03, 0.04]
    assert "--offset -1000" not in told.words
    tags = {"EARTHSEARCH_BOA_OFFSET_APPLIED": "true", "QUANTIFICATION_VALUE": "10000", "BOA_ADD_OFFSET_B02": "-1000"}
    made.write(path, made.counts(4), names=names, tags=tags)
    assert stored(path).first == [0.01, 0.02, 0.03, 0.04]


def test_radar_in_its_own_geometry_is_refused(tmp_path):
    home = tmp_path / "S1A_IW_GRDH_1SDV_20240501T103012_20240501T103037_053680_068517_0A1B.SAFE"
    (home / "measurement").mkdir(parents=True)
    (home / "manifest.safe").write_text("<xfdu/>")
    made.write(home / "measurement" / "s1a-iw-grd-vv.tiff", made.counts(1), transform=None, crs=None)
    with pytest.raises(UnreadableFile, match="SNAP"):
        stored(home)


@pytest.mark.parametrize(
    ("build", "was", "now", "said"),
    [
        (made.sentinel2, ">-1000<", ">-10$00<", "--offset -1000"),
        (made.sentinel2, 'unit="none">10000', 'unit="none">0', "scale and offset"),
        (made.sentinel2, "<n1:General_Info>", "<n1:General_Info><", "no valid XML"),
        (made.landsat, "REFLECTANCE_MULT_BAND_2 = 2.75e-05", "REFLECTANCE_MULT_BAND_2 = NaN", "scale and offset"),
        (made.landsat, "LANDSAT_8", "LANDSAT_1", "Collection 2"),
        (made.landsat, 'FILE_NAME_BAND_4 = "', 'FILE_NAME_BAND_4 = "../', "are missing"),
    ],
)
def test_damaged_metadata_are_refused_in_a_sentence(tmp_path, build, was, now, said):
    home = build(tmp_path)
    (metadata,) = (file for file in home.iterdir() if file.suffix in (".xml", ".txt"))
    assert was in metadata.read_text()
    metadata.write_text(metadata.read_text().replace(was, now))
    with pytest.raises(InputError) as told:
        stored(home)
    assert said in told.value.msgid


# --- folders -------------------------------------------------------------------------------------


def test_a_folder_of_two_deliveries_or_of_unknown_images_is_refused_and_one_image_is_taken(tmp_path):
    made.gf2(tmp_path / "two")
    told = made.xml("ProductMetaData", SatelliteID="GF2", CenterTime="2024-05-02 11:15:30")
    made.satellite(tmp_path / "two", "GF2_PMS1_E112.9_N27.8_20240502_L1A0001501542", {"-MSS1": 4}, told)
    with pytest.raises(InputError, match="2"):
        look("it", str(tmp_path / "two"))
    (tmp_path / "plain").mkdir()
    with pytest.raises(UnreadableFile, match="tif"):
        look("it", str(tmp_path / "plain"))
    image = made.write(tmp_path / "plain" / "GF2_DOM_20240501.tif", made.counts(4), names=BGRN)
    assert look("it", str(tmp_path / "plain")) == str(image)
    made.write(tmp_path / "plain" / "other.tif", made.counts(3))
    with pytest.raises(InputError, match="GF2_DOM"):
        look("it", str(tmp_path / "plain"))


def test_a_series_of_days_in_one_file_is_no_scene(tmp_path):
    names = ("2024-05-01T10:00:08", "2024-05-11T10:00:09", "2024-05-21T10:07:28")
    path = made.write(tmp_path / "S2A_ndvi.tif", made.counts(3), names=names)
    with pytest.raises(InputError) as told:
        stored(path, acquired="2024-05-01")
    assert "of several days" in told.value.msgid


def test_links_in_a_folder_are_not_followed(tmp_path):
    made.write(tmp_path / "GF2_20240501.tif", made.counts(4), names=BGRN)
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "GF2_20240501.tif").symlink_to(tmp_path / "GF2_20240501.tif")
    with pytest.raises(UnreadableFile, match="tif"):
        look("it", str(tmp_path / "linked"))


# --- archives ------------------------------------------------------------------------------------


def tar_of(path: Path, *entries: tuple[str, bytes, bytes]) -> Path:
    """entries: (name, kind, bytes)."""
    with tarfile.open(path, "w") as out:
        for name, kind, data in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.size, entry.linkname = kind, len(data), "/etc/passwd"
            out.addfile(entry, io.BytesIO(data))
    return path


def refused(path: Path) -> str:
    """The sentence with which an archive is refused; nothing may be left outside of its folder."""
    folder = path.parent / "out" / "in"
    folder.mkdir(parents=True)
    with pytest.raises(InputError) as told:
        archive.unpack_kinds("it", str(path), str(folder), UNPACKED)
    assert [p.name for p in folder.parent.iterdir()] == ["in"]
    return told.value.msgid


FILE, LINK, HARD, DEVICE = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE


@pytest.mark.parametrize(
    "name", ["../a.tif", "a/../../b.tif", "/tmp/a.tif", "c:a.tif", "a\nb.tif", "..\\a.tif", "x" * 300 + ".tif"]
)
def test_names_that_lead_elsewhere_are_refused(tmp_path, name):
    assert "leads out" in refused(tar_of(tmp_path / "a.tar", (name, FILE, b"x")))


@pytest.mark.parametrize("kind", [LINK, HARD, DEVICE])
def test_links_and_devices_are_refused(tmp_path, kind):
    assert "link or device" in refused(tar_of(tmp_path / "a.tar", ("a.tif", kind, b"")))


def test_a_link_in_a_zip_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as out:
        info = zipfile.ZipInfo("a.tif")
        info.external_attr = 0o120777 << 16
        out.writestr(info, "/etc/passwd")
    assert "link or device" in refused(tmp_path / "a.zip")


@pytest.fixture
def tight():
    """Three members, 1 MB unpacked."""
    before = limits.current()
    limits.use(limits.FileLimits(members=3, unpacked_gb=1 / 1024))
    yield
    limits.use(before)


def test_numbers_and_sizes_are_limited_whatever_the_archive_claims(tmp_path, tight):
    many = tar_of(tmp_path / "many.tar", *((f"{n}.tif", FILE, b"x") for n in range(4)))
    assert "more than {limit} members" in refused(many)
    (tmp_path / "b").mkdir()
    with zipfile.ZipFile(tmp_path / "b" / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("zero.tif", bytes(2_000_000))
    assert "unpacks to more" in refused(tmp_path / "b" / "bomb.zip")
    (tmp_path / "c").mkdir()
    twice = tar_of(tmp_path / "c" / "twice.tar", ("a.tif", FILE, b"1"), ("./a.tif", FILE, b"2"))
    assert "twice" in refused(twice)


def test_a_damaged_image_in_an_archive_is_named_as_the_user_knows_it(tmp_path, catalog):
    home = made.gf2(tmp_path)
    next(home.glob("*-MSS1.tiff")).write_bytes(b"II*\x00 no image")
    packed = made.zipped(home)
    with pytest.raises(UnreadableFile) as told:
        catalog.add_scene(packed)
    assert str(told.value).startswith(f"{packed}: {home.name}")
    assert not list((tmp_path / "catalog" / "scenes").iterdir())


def test_a_damaged_or_locked_archive_is_said_to_be_so(tmp_path):
    whole = made.tarred(made.gf2(tmp_path))
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert "get a whole copy" in refused(cut)


def test_only_known_kinds_are_unpacked_and_chinese_names_stay(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as out:
        for name in ("run.exe", ".hidden.tif", "__MACOSX/a.tif", "nested.zip"):
            out.writestr(name, b"x")
        info = zipfile.ZipInfo("x")
        info.filename = "湘潭.tif".encode("gb18030").decode("cp437")
        out.writestr(info, b"x")
    data = path.read_bytes().replace(info.filename.encode(), "湘潭.tif".encode("gb18030"))
    folder = tmp_path / "out"
    folder.mkdir()
    archive.unpack_kinds("it", str(path), str(folder), UNPACKED)
    assert len(data) < path.stat().st_size
    assert [p.suffix for p in folder.iterdir()] == [".tif"]
