"""An image with RPC laid on the ground, on computed scenes of which every place is known."""

from __future__ import annotations

import hashlib
import json
import math
import re
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine

from geodata.catalog import Catalog
from geodata.errors import InputError, MissingOption, NoOverlap, UnreadableFile
from geodata.ortho import Dem, Ground, lay, sharpen, tie
from geodata.ortho.camera import Camera
from geodata.ortho.rpc import from_text
from tests.flows.ran import runner
from tests.geodata import l1a

NAME = "GF1_PMS1_E114.0_N27.8_20260501_L1A0000000001-"
WORLD = l1a.World()
TRUE = l1a.without_bias(WORLD)


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    """A folder with the pair of images, elevation models and a reference."""
    folder = tmp_path_factory.mktemp("l1a")
    l1a.delivered(WORLD, folder / f"{NAME}PAN1.tiff")
    l1a.delivered(WORLD, folder / f"{NAME}MSS1.tiff", bands=4, gsd=8.0)
    l1a.delivered(TRUE, folder / "true.tiff", how="tags")
    l1a.dem(WORLD, folder / "dem.tif")
    l1a.dem(WORLD, folder / "level.tif", level=110.0)
    l1a.reference(WORLD, folder / "reference.tif")
    return folder


def laid(ground, target, dem, heights="orthometric", geoid_m=l1a.GEOID_M, image="true.tiff", rpc=None):
    """An image, untied, on an elevation model: how far its marks lie off, (n, 2) metres, and what was told."""
    picture = lay.Picture(str(ground / image), str(image), rpc or l1a.rpc(TRUE), 1, 0)
    job = lay.Job(picture, None, Dem(ground / dem, heights, geoid_m), None, None, "uint16", 0, 1.5)
    told = lay.lay(lay.plain(job), str(target))
    with rasterio.open(target) as dataset:
        return l1a.found_marks(dataset.read(1), dataset.transform, WORLD), told


# --- RPC -----------------------------------------------------------------------------------------


def test_both_files_of_rpc_say_the_same():
    known = l1a.rpc(WORLD)
    assert from_text(l1a.rpb(known), "x.rpb") == known
    other = from_text(l1a.text(known), "x_rpc.txt")
    for name, value in vars(known).items():
        assert getattr(other, name) == pytest.approx(value, rel=1e-8, abs=1e-8), name


@pytest.mark.parametrize(
    ("was", "now", "what"),
    [
        ("lineOffset", "lineOfset", "LINE_OFF"),
        ("lineScale = ", "lineScale = -", "LINE_SCALE"),
        ("sampDenCoef = (", "sampDenCoef = (nan,", "SAMP_DEN_COEFF"),
        ("latOffset = ", "latOffset = 99", "LAT_OFF"),
        ("heightOffset = ", "heightOffset = high", "HEIGHT_OFF"),
    ],
)
def test_damaged_rpc_are_named(was, now, what):
    text = l1a.rpb(l1a.rpc(WORLD)).replace(was, now, 1)
    with pytest.raises(UnreadableFile, match=what):
        from_text(text + "lineOffset", "x.rpb")


def test_the_camera_sees_a_hill_of_100_m_46_6_m_further_east():
    camera = Camera(l1a.rpc(TRUE), "x")
    east, north = np.array([l1a.WEST + 400, l1a.WEST + 400]), np.array([l1a.TOP - 400, l1a.TOP - 400])
    lon, lat = pyproj.Transformer.from_crs(l1a.CRS, "EPSG:4326", always_xy=True).transform(east, north)
    x, y = camera.seen(lon, lat, np.array([0.0, 100.0]))
    assert (x[0], y[0]) == pytest.approx((200, 200), abs=1e-3)  # the corner of pixel 200, 200: 400 m of 2 m pixels
    assert 2 * (x[1] - x[0]) == pytest.approx(100 * math.tan(math.radians(25)), abs=0.02)
    shifted = camera.corrected(np.array([[7.5, 1, 0], [4.5, 0, 1]]))
    back = shifted.ground(*shifted.seen(lon[:1], lat[:1], 0.0), 0.0)
    assert np.hypot(*(np.array(back).ravel() - (lon[0], lat[0]))) < 1e-8


# --- terrain -------------------------------------------------------------------------------------


def test_on_its_terrain_every_mark_lies_where_it_is(ground, tmp_path):
    off, told = laid(ground, tmp_path / "out.tif", "dem.tif")
    assert np.abs(off).max() < 0.5  # a quarter of a pixel
    assert told["crs"] == "EPSG:4547"  # 3° zone 38 of 113.9° E
    assert told["transform"][0] == 2.0


def test_an_elevation_model_moves_what_stands_higher_by_height_times_tangent(ground, tmp_path):
    """On ground taken for level at 110 m, a mark at height h lies (h - 110) · tan 25° too far east."""
    off, _ = laid(ground, tmp_path / "out.tif", "level.tif")
    marks = WORLD.marks()
    high = WORLD.height(marks[:, 0], marks[:, 1]) - 110
    assert np.ptp(high) > 60
    assert off[:, 0] == pytest.approx(high * math.tan(math.radians(25)), abs=0.6)
    assert np.abs(off[:, 1]).max() < 0.5


def test_heights_above_the_geoid_are_told_from_heights_above_the_ellipsoid(ground, tmp_path):
    """Taken as they are, heights 17 m too high lay the image 17 · tan 25° = 7.9 m too far west."""
    off, _ = laid(ground, tmp_path / "out.tif", "dem.tif", "ellipsoidal", 0.0)
    assert off.mean(axis=0) == pytest.approx((-17 * math.tan(math.radians(25)), 0), abs=0.5)


def test_where_the_model_has_a_hole_nothing_is_shown(ground, tmp_path):
    """6 × 10 posts of 10 m that are undeclared holes: no height from the posts before to those behind, 70 m × 110 m."""
    holed = tmp_path / "holed.tif"
    with rasterio.open(ground / "dem.tif") as dataset:
        heights, profile = dataset.read(), dataset.profile
    heights[0, 100:106, 100:110] = -32768
    with rasterio.open(holed, "w", **{**profile, "nodata": None}) as dataset:
        dataset.write(heights)
    laid(ground, tmp_path / "out.tif", holed)
    with rasterio.open(tmp_path / "out.tif") as dataset:
        east, north = profile["transform"] @ (100, 100)
        x, y = ~dataset.transform @ (east - 10, north + 10)
        around = dataset.read(1)[round(y) : round(y) + 40, round(x) : round(x) + 60]
    assert (around == 0).sum() == pytest.approx(35 * 55, abs=35 + 55)  # of 40 × 60 pixels of 2 m


def test_an_elevation_model_elsewhere_is_named(ground, tmp_path):
    far = l1a.dem(WORLD, tmp_path / "far.tif")
    with rasterio.open(far, "r+") as dataset:
        dataset.transform = dataset.transform.translation(50_000, 0) @ dataset.transform
    picture = lay.Picture(str(ground / "true.tiff"), "true.tiff", l1a.rpc(TRUE), 1, 0)
    job = lay.Job(picture, None, Dem(far, "ellipsoidal", 0.0), None, None, "uint16", 0, 1.5)
    with pytest.raises(NoOverlap, match=r"far\.tif"):
        lay.outline(lay.plain(job))


# --- what is not said ----------------------------------------------------------------------------


def test_what_is_not_said_is_asked_for_by_its_option():
    with pytest.raises(MissingOption, match=r"--dem PATH .*\[imagery\]"):
        Ground().elevation("x")
    with pytest.raises(MissingOption, match="--dem-heights"):
        Ground(dem="d").elevation("x")
    with pytest.raises(MissingOption, match="--geoid"):
        Ground(dem="d", dem_heights="orthometric").elevation("x")
    with pytest.raises(InputError, match="metres"):
        Ground(dem="d", dem_heights="orthometric", geoid_m=-1700).elevation("x")
    with pytest.raises(MissingOption, match="--reference"):
        Ground(dem="d", dem_heights="ellipsoidal").tied_to("x")
    assert Ground(dem="d", dem_heights="ellipsoidal").elevation("x").geoid_m == 0


# --- the fit -------------------------------------------------------------------------------------


def points(count: int, wrong: int = 0) -> tie.Points:
    """Seen 7 right and 3 below of where the RPC say, and 1 in 1000 further apart; the first ``wrong`` anywhere."""
    chance = np.random.default_rng(5)
    x, y = chance.uniform(0, 1000, (2, count))
    seen_x, seen_y = 7 + 1.001 * x, 3 + 1.001 * y
    seen_x[:wrong] += chance.uniform(5, 30, wrong)
    return tie.Points(x, y, seen_x, seen_y, np.arange(count) % 4 == 3)


def test_outliers_are_left_out_and_points_that_check_are_not_fitted():
    known = points(80, wrong=20)
    used = np.flatnonzero(~known.check)
    keep = tie._agreeing(known, used, 3)
    assert sorted(used[~keep]) == [n for n in range(20) if n % 4 != 3]
    correction = tie._least_squares(known, used[keep], 3)
    assert correction == pytest.approx(np.array([[7, 1.001, 0], [3, 0, 1.001]]), abs=1e-9)
    told = tie._report("affine", correction, known, 2.0)
    assert (told.used.points, told.used.left_out, told.checked.points, told.checked.left_out) == (45, 15, 15, 5)
    assert (told.used.rmse_px, told.checked.max_m) == (0, 0)


def test_one_shift_for_all_leaves_what_an_affine_map_would_mend():
    known = points(40)
    correction = tie._least_squares(known, np.flatnonzero(~known.check), 1)
    told = tie._report("shift", correction, known, 2.0)
    assert 0.2 < told.used.rmse_px < 0.6  # 1 in 1000 over 1000 pixels, about the middle: 0.29 on each axis
    assert told.used.rmse_m == pytest.approx(2 * told.used.rmse_px, abs=0.002)
    assert told.before.rmse_px == pytest.approx(math.hypot(7.5, 3.5), abs=0.3)


# --- sharpening ----------------------------------------------------------------------------------


def test_sharpened_bands_come_closer_to_the_truth_than_enlarged_ones_and_keep_their_means():
    chance = np.random.default_rng(3)
    shapes = chance.normal(size=(4, 25, 25)).repeat(8, 1).repeat(8, 2)  # cells of two pixels of the bands
    mixing = np.array([[1, 0.2, 0.1, 0], [0.8, 0.4, 0, 0.1], [0.7, 0.1, 0.5, 0], [0.3, 0, 0, 1]])
    truth = (1000 + 100 * np.tensordot(mixing, shapes + 0.4 * chance.normal(size=shapes.shape), 1)).astype(np.float32)
    pan = np.tensordot(np.array([0.1, 0.3, 0.4, 0.2], np.float32), truth, 1)
    small = truth.reshape(4, 50, 4, 50, 4).mean((2, 4))
    low = pan.reshape(50, 4, 50, 4).mean((1, 3))
    columns = np.vstack([small.reshape(4, -1), low.reshape(1, -1), np.ones((1, 2500))]).astype(float)
    mix = sharpen.mix_of(columns @ columns.T, "x")
    assert mix.weights == pytest.approx([0.1, 0.3, 0.4, 0.2], abs=1e-3)
    assert mix.fit == pytest.approx(1, abs=1e-6)
    coarse = small.repeat(4, 1).repeat(4, 2)
    fused = sharpen.sharpened(coarse, pan, mix)
    error, before = (np.sqrt(((values - truth) ** 2).mean((1, 2))) for values in (fused, coarse))
    assert (error < before).all()
    assert fused.reshape(4, 50, 4, 50, 4).mean((2, 4)) == pytest.approx(small, abs=0.05)


def test_a_panchromatic_image_of_other_ground_is_refused():
    columns = np.vstack([np.tile([1.0, 2, 3, 4], 500), np.repeat([5.0, 6], 1000), np.ones(2000)])
    with pytest.raises(InputError, match="--pansharpen"):
        sharpen.mix_of(columns @ columns.T, "x")


# --- the whole way -------------------------------------------------------------------------------


def an_office(tmp_path, monkeypatch, **imagery: object):
    """(gengxun inside this process, a workspace with these settings)."""
    run, office = runner(tmp_path, monkeypatch), tmp_path / "office"
    run("init", office, cwd=tmp_path)
    lines = [f"{name} = {json.dumps(str(v) if isinstance(v, Path) else v)}" for name, v in imagery.items()]
    (office / "gengxun.toml").write_text("\n".join(["[imagery]", *lines]))
    return run, office


def test_untied_it_lies_off_by_the_error_of_its_rpc(ground, tmp_path):
    off, told = laid(ground, tmp_path / "out.tif", "dem.tif", image=f"{NAME}PAN1.tiff", rpc=l1a.rpc(WORLD))
    assert off.mean(axis=0) == pytest.approx((-15, 9), abs=1)
    assert told["ties"] == []


def test_a_delivery_is_tied_below_a_pixel_sharpened_and_says_so(ground, tmp_path, monkeypatch):
    run, office = an_office(tmp_path, monkeypatch, dem=ground / "dem.tif", reference=ground / "reference.tif")
    path = ground / f"{NAME}MSS1.tiff"
    ran = run("scene", "add", path, "--dem-heights", "orthometric", "--geoid", -17, "--pansharpen", cwd=office)
    assert ran.code == 0, ran.err
    assert "dem.tif (orthometric heights, geoid -17 m) in EPSG:4547" in ran.err
    assert "GSA" in ran.err
    [scene] = run("scene", "list", "--json", cwd=office).json
    assert (scene["gsd_m"], scene["bands"]) == (2.0, ["blue", "green", "red", "nir"])
    folder = office / "catalog" / "scenes" / scene["id"]
    with rasterio.open(folder / "data.tif") as dataset:
        off = l1a.found_marks(dataset.read(1), dataset.transform, WORLD)
    assert np.sqrt((off**2).sum(axis=1).mean()) < 0.6  # metres; 1.5 pixels would be 3
    assert {file.name for file in folder.iterdir()} == {"item.json", "data.tif", "quality.tif", "rpc.rpb", "rpc-2.rpb"}
    properties = json.loads((folder / "item.json").read_bytes())["properties"]
    assert "left aside" not in ran.err
    record = properties["gengxun:ortho"]
    assert (record["dem"]["name"], record["reference"]["name"]) == ("dem.tif", "reference.tif")
    assert (record["dem_heights"], record["geoid_m"], record["pansharpen"]["method"]) == ("orthometric", -17, "GSA")
    assert record["dem"]["sha256"] == hashlib.sha256((ground / "dem.tif").read_bytes()).hexdigest()
    pan, bands = record["ties"]
    assert pan["before"]["rmse_m"] == pytest.approx(math.hypot(15, 9), abs=0.5)
    assert max(tie[part]["rmse_px"] for tie in (pan, bands) for part in ("used", "checked")) < 0.3
    assert pan["checked"]["points"] >= 3
    assert f"{NAME}PAN1.tiff: lay 17.5 m off; tied by " in ran.err
    assert f"at {pan['checked']['points']} points left out of the fit {pan['checked']['rmse_px']:.2f} pixels" in ran.err
    handed = [f"{NAME}{kind}1.{suffix}" for kind in ("MSS", "PAN") for suffix in ("rpb", "tiff")]
    assert sorted(properties["gengxun:provenance"]) == handed


def test_on_wrong_terrain_it_is_refused_with_the_figure(ground, tmp_path, monkeypatch):
    settings = {"dem": ground / "level.tif", "dem_heights": "ellipsoidal", "reference": ground / "reference.tif"}
    run, office = an_office(tmp_path, monkeypatch, **settings)
    ran = run("scene", "add", ground / f"{NAME}PAN1.tiff", cwd=office)
    assert ran.code == 2
    assert re.search(r"still lies [2-9]\.\d\d pixels .* more than the limit of 1\.5", ran.err)
    assert [file for file in (office / "catalog").rglob("*") if file.is_file()] == []


def test_a_reference_that_is_not_there_is_named(tmp_path):
    for said in ("nowhere.tif", "../up", "abcdef12"):
        with pytest.raises(InputError, match=re.escape(said)):
            Catalog(tmp_path).reference(said)


def test_corners_that_a_raw_image_claims_count_for_nothing(ground, tmp_path):
    claims = tmp_path / "claims.tif"
    with rasterio.open(ground / "true.tiff") as dataset:
        values, profile = dataset.read(), dataset.profile
    with rasterio.open(
        claims, "w", **{**profile, "crs": "EPSG:4326", "transform": Affine(1, 0, 5, 0, -1, 5)}
    ) as dataset:
        dataset.write(values)
    off, _ = laid(ground, tmp_path / "out.tif", "dem.tif", image=claims)
    assert np.abs(off).max() < 0.5


def test_without_an_elevation_model_the_settings_to_give_are_named(ground, tmp_path, monkeypatch):
    run, office = an_office(tmp_path, monkeypatch)
    ran = run("scene", "add", ground / "true.tiff", cwd=office)
    assert ran.code == 2
    assert "--dem-heights" in ran.err
    assert "[imagery]" in ran.err


def test_sharpening_needs_both_images_of_a_delivery(ground, tmp_path):
    path = ground / f"{NAME}PAN1.tiff"
    said = Ground(str(ground / "dem.tif"), "ellipsoidal", reference="none", pansharpen=True)
    for one in (path, ground / "true.tiff"):
        with pytest.raises(InputError, match="--pansharpen"):
            Catalog(tmp_path).add_scene(one, platform="gf-1", acquired="2026-05-01", ground=said)
