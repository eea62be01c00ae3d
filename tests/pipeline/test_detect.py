"""Change is found where it is, and nowhere else."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import geopandas
import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from PIL import Image

from geodata.errors import InputError, NoOverlap
from geodata.rasterfile import GridWriter, open_pixels
from geodata.safe import in_child
from geodata.scene import ArrayPixels
from pipeline import detect
from pipeline.detect import choice
from pipeline.detect.run import scored
from tests.pipeline.land import BANDS, fields, noise, pixels

TAIZHOU = Path(__file__).resolve().parents[3] / "shared" / "data" / "taizhou_landsat"
YARD = (slice(100, 130), slice(60, 100))


def found(before: ArrayPixels, after: ArrayPixels, method: str | None = None, rows: int = 512):
    method = method or ("irmad" if len(before.bands) > 2 else None)
    model = detect.fit(before, after, method=method)
    strips = list(scored(before, after, model, rows=rows))
    return np.concatenate([s.score for s in strips]), np.concatenate([s.change for s in strips]), model


def seasons(shape: tuple[int, int] = (256, 256)) -> tuple[np.ndarray, np.ndarray]:
    """The same land under two suns, with the sensor's noise."""
    land = fields(shape)
    gain = np.array([1.3, 0.8, 1.1, 0.9], np.float32)[:, None, None]
    return land + noise(land.shape, 1), gain * land + 150 + noise(land.shape, 2)


# --- irmad


def test_an_identical_pair_has_no_change():
    one = pixels(fields())
    score, change, _ = found(one, one)
    assert (change == 0).all()
    assert score.max() < 0.01


def test_gain_offset_and_noise_are_no_change():
    before, after = seasons()
    _, change, model = found(pixels(before), pixels(after))
    assert (change == 1).mean() < 0.001
    assert model.report["converged"]
    assert model.gain == pytest.approx([1 / 1.3, 1 / 0.8, 1 / 1.1, 1 / 0.9], rel=0.05)


def test_a_yard_is_found_where_it_is_built():
    before, after = seasons()
    after[:, *YARD] += np.array([900, 900, 900, -900], np.float32)[:, None, None]
    score, change, model = found(pixels(before), pixels(after))
    truth = np.zeros(change.shape, bool)
    truth[YARD] = True
    assert (change[truth] == 1).mean() > 0.99
    assert (change[~truth] == 1).mean() < 0.001
    assert score[truth].min() > np.median(score[~truth])
    assert (model.method, model.bands.names) == ("irmad", BANDS)


def test_the_decision_is_the_score_at_a_half():
    before, after = seasons()
    after[:, *YARD] += 900
    score, change, _ = found(pixels(before), pixels(after))
    assert ((score >= 0.5) == (change == 1)).all()
    assert score.min() >= 0
    assert score.max() <= 1


def test_noise_alone_is_not_split_into_change_and_none():
    blank = np.full((4, 200, 200), 1000, np.float32)
    _, change, _ = found(pixels(blank + noise(blank.shape, 1)), pixels(blank + noise(blank.shape, 2)))
    assert (change == 1).mean() < 0.001


@pytest.mark.parametrize("spoil", ["constant", "copied"])
def test_a_band_that_says_nothing_does_no_harm(spoil: str):
    before, after = seasons()
    after[:, *YARD] += 900
    for image in (before, after):
        image[3] = 7 if spoil == "constant" else image[2]
    _, change, _ = found(pixels(before), pixels(after))
    assert (change[YARD] == 1).mean() > 0.99
    assert np.isin(change, (0, 1)).all()
    assert (change == 1).sum() < 30 * 40 + 70


def test_even_images_are_alike_and_one_even_image_tells_nothing():
    even = pixels(np.full((4, 50, 50), 100, np.float32))
    assert (found(even, even)[1] == 0).all()
    _, change, model = found(even, pixels(fields((50, 50))))
    assert (change == 255).all()
    assert model.report["state"] == "no_variation"


def test_cloud_is_not_observed_and_does_not_bend_the_fit():
    before, after = seasons()
    after[:, *YARD] += 900
    clouds = np.full(before.shape[1:], 4, np.uint8)
    clouds[:60, :200] = 9
    after[:, :60, :200] = 9000
    score, change, _ = found(pixels(before), pixels(after, quality=clouds, quality_codes="scl"))
    assert (change[:62, :202] == 255).all()  # grown by two pixels
    assert np.isnan(score[change == 255]).all()
    assert (change[62:, :] != 255).all()
    assert (change == 1).sum() == pytest.approx(30 * 40, abs=60)


def test_wholly_clouded_is_not_observed_rather_than_unchanged():
    one = pixels(fields((64, 64)))
    none = pixels(fields((64, 64)), valid=np.zeros((64, 64), bool))
    _, change, model = found(one, none)
    assert (change == 255).all()
    assert model.report["state"] == "too_few_pixels"


@pytest.mark.parametrize("method", ["irmad", "logratio"])
def test_strips_of_any_height_give_the_same(method: str):
    before, after = seasons((120, 90))
    after[:, 40:60, 30:70] += 900
    clouds = np.full((120, 90), 4, np.uint8)
    clouds[70:75, 10:20] = 9
    pair = pixels(before), pixels(after, quality=clouds, quality_codes="scl")
    score, change, _ = found(*pair, method)
    for rows in (7, 50, 119):
        other_score, other_change, _ = found(*pair, method, rows)
        np.testing.assert_allclose(other_score, score, rtol=1e-5)
        assert (other_change == change).all()


# --- logratio


def radar(seed: int, built: bool) -> np.ndarray:
    """One band of multiplicative speckle (4 looks); a yard is four times as bright."""
    speckle = np.random.default_rng(seed).gamma(4, 1 / 4, (1, 200, 200)).astype(np.float32)
    speckle[0, 80:110, 50:90] *= 4 if built else 1
    return 100 * speckle


def test_one_band_is_compared_by_its_ratio():
    score, change, model = found(pixels(radar(1, False), ("vv",)), pixels(2 * radar(2, True), ("vv",)))
    truth = np.zeros((200, 200), bool)
    truth[80:110, 50:90] = True
    overlap = (truth & (change == 1)).sum() / (truth | (change == 1)).sum()
    assert model.method == "logratio"
    assert overlap > 0.75
    assert model.gain == pytest.approx([0.5], rel=0.05)
    assert np.nanmin(score) >= 0


def test_speckle_alone_is_no_change():
    _, change, _ = found(pixels(radar(1, False), ("vv",)), pixels(radar(2, False), ("vv",)))
    assert (change == 1).mean() < 0.001
    one = pixels(radar(1, False), ("vv",))
    assert (found(one, one)[1] == 0).all()


def test_decibels_are_subtracted():
    before, after = (20 * np.log10(radar(n, built)) - 60 for n, built in ((1, False), (2, True)))
    _, change, model = found(pixels(before, ("vv",)), pixels(after, ("vv",)))
    assert model.report["decibels"] is True
    assert (change[85:105, 55:85] == 1).mean() > 0.9


# --- choosing


SIX = (*BANDS, "swir1", "swir2")


@pytest.mark.parametrize(
    ("bands", "gsd_m", "platform", "name"),
    [
        (("pan",), 0.5, "", "logratio"),
        (("vv", "vh"), 10.0, "", "logratio"),
        (("HH", "HV"), None, "", "logratio"),
        (("band1", "band2"), 10.0, "sentinel-1", "logratio"),
        (("red", "nir"), 10.0, "", "multispectral"),
        (BANDS[:3], 10.0, "", "irmad"),
        (BANDS[:3], 0.5, "", "highres"),
        (BANDS[:3], None, "", "highres"),
        (BANDS, 5.0, "", "highres"),
        (BANDS, None, "", "highres"),
        (BANDS, 10.0, "", "multispectral"),
        (SIX, 0.5, "", "multispectral"),
        (SIX, None, "", "multispectral"),
    ],
)
def test_the_method_by_bands_and_pixel_size_with_its_reason(bands, gsd_m, platform, name):
    found, reason = choice.by_bands(bands, gsd_m, platform)
    assert found == name
    assert (
        str(len(bands)) in reason["en"] or bands[0] in reason["en"] or "three" in reason["en"] or "two" in reason["en"]
    )
    assert reason["zh"] != reason["en"]


def test_a_method_by_name_is_taken_where_its_bands_suffice():
    method, reason = detect.choose(("vv", "vh"), name="irmad")
    assert (method.name, reason["en"]) == ("irmad", "asked for by name")
    with pytest.raises(InputError, match="irmad, highres, logratio"):
        detect.choose(("red",), name="magic")
    with pytest.raises(InputError, match="logratio"):
        detect.choose(("red",), name="irmad")


def test_bands_are_matched_by_name_else_by_position():
    assert detect.pair_bands(("blue", "red", "nir"), ("nir", "red", "swir1")) == detect.Bands(
        ("red", "nir"), (1, 2), (1, 0)
    )
    assert detect.pair_bands(("band1", "band2"), ("band1", "band2", "band3")).after == (0, 1)
    assert detect.pair_bands(("red", "nir"), ("band1", "band2")).names == ("red", "nir")
    with pytest.raises(InputError, match="--bands"):
        detect.pair_bands(("red",), ("nir",))


# --- files


def picture(path: Path, shape: tuple[int, int] = (128, 128), yard: bool = False) -> Path:
    image = np.moveaxis(fields(shape)[:3] / 8, 0, -1)
    if yard:
        image[40:60, 30:70] = (250, 240, 235)
    Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(path)
    return path


def geotiff(path: Path, values: np.ndarray, east: float = 380_000, crs: str | None = "EPSG:4547") -> Path:
    grid = GeoBox(values.shape[1:], Affine(10, 0, east, 0, -10, 3_090_000), crs)
    with GridWriter(path, grid, "uint16", len(values), descriptions=BANDS[: len(values)]) as writer:
        writer.write((slice(0, grid.height), slice(0, grid.width)), np.clip(values, 0, 65535).astype(np.uint16))
    return path


def child(before: Path, after: Path, out: Path, **options) -> dict:
    return in_child("pipeline.detect.files:detect_files", str(before), str(after), str(out), about=before, **options)


def test_two_pictures_without_georeference(tmp_path: Path):
    report = child(picture(tmp_path / "a.png"), picture(tmp_path / "b.png", yard=True), tmp_path / "out")
    assert json.loads(json.dumps(report))["method"] == detect.choose(("r", "g", "b"))[0].name
    assert "3 bands" in report["method_reason"]["en"]
    assert "band1 red, band2 green, band3 blue; if that is wrong" in report["notes"][0]["en"]
    assert report["crs"] is None
    assert report["observed"] == 1
    with open_pixels(tmp_path / "out" / "change.tif") as pixels_:
        change = pixels_.read((slice(0, 128), slice(0, 128))).values[0]
    assert (change[44:56, 34:66] == 1).all()
    assert report["change_px"] == int((change == 1).sum())
    patches = geopandas.read_file(tmp_path / "out" / "changes.gpkg", layer="changes")
    assert patches.crs is None
    assert patches.area_m2.isna().all()
    assert len(patches) == report["changes"] >= 1
    assert 20 * 40 <= patches.area_px.max() <= 24 * 44
    assert (patches.area == patches.area_px).all()


def test_an_identical_pair_writes_an_empty_layer(tmp_path: Path):
    one = geotiff(tmp_path / "a.tif", fields())
    report = child(one, one, tmp_path / "out")
    assert (report["changes"], report["change_px"], report["shift"]["state"]) == (0, 0, "aligned")
    patches = geopandas.read_file(tmp_path / "out" / "changes.gpkg", layer="changes")
    assert len(patches) == 0
    assert patches.crs.to_epsg() == 4547
    assert {"area_m2", "area_px", "score"} <= set(patches.columns)


def test_results_replace_only_themselves(tmp_path: Path):
    one = geotiff(tmp_path / "a.tif", fields((64, 64)))
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("kept")
    child(one, one, out)
    child(one, one, out)
    assert sorted(p.name for p in out.iterdir()) == ["change.tif", "changes.gpkg", "mine.txt", "score.tif"]


def test_after_is_laid_on_the_grid_of_before(tmp_path: Path):
    land = fields((200, 200))
    before = geotiff(tmp_path / "a.tif", land)
    built = land.copy()
    built[:, 100:130, 120:150] += 900
    after = geotiff(tmp_path / "b.tif", built[:, :, 40:], 380_000 + 400)  # its left 40 columns are missing
    report = child(before, after, tmp_path / "out")
    assert report["observed"] == pytest.approx(0.8, abs=0.02)
    patches = geopandas.read_file(tmp_path / "out" / "changes.gpkg")
    assert patches.total_bounds == pytest.approx([381_200, 3_088_700, 381_500, 3_089_000], abs=15)
    assert patches.area_m2.sum() == pytest.approx(90_000, rel=0.05)


def test_wrong_pairs_are_refused_with_the_file_named(tmp_path: Path):
    land = fields((64, 64))
    here, there = geotiff(tmp_path / "here.tif", land), geotiff(tmp_path / "there.tif", land, 480_000)
    with pytest.raises(NoOverlap, match=r"there\.tif"):
        child(here, there, tmp_path / "out")
    small, large = picture(tmp_path / "s.png", (64, 64)), picture(tmp_path / "l.png")
    with pytest.raises(InputError, match=r"l\.png.*128 × 128.*64 × 64"):
        child(small, large, tmp_path / "out")
    with pytest.raises(InputError, match=r"s\.png"):
        child(here, small, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not TAIZHOU.exists(), reason="../shared/data/taizhou_landsat is not here")
def test_taizhou_reaches_094_with_no_label_read(tmp_path: Path):
    before, after = TAIZHOU / "20000317_L7ETM_dn.tif", TAIZHOU / "20030206_L7ETM_dn.tif"
    report = child(before, after, tmp_path)
    assert report["method"] == "multispectral"
    everything = (slice(0, 400), slice(0, 400))
    with open_pixels(tmp_path / "change.tif") as result, open_pixels(TAIZHOU / "label.tif", nodata=None) as labels:
        change, label = result.read(everything).values[0] == 1, labels.read(everything).values[0]
    hit, false, missed = (change & (label == 2)).sum(), (change & (label == 1)).sum(), (~change & (label == 2)).sum()
    assert 2 * hit / (2 * hit + false + missed) >= 0.94


def test_no_method_knows_of_labels():
    for method, _ in detect.METHODS.values():
        assert set(inspect.signature(method.fit).parameters) == {"before", "after", "bands", "progress"}
