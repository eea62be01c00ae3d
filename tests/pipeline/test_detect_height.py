"""Two surface models: what rose is found with its height, whatever lifts or tilts a model as a whole."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from geodata.errors import InputError
from geodata.rasterfile import GridWriter, open_pixels
from geodata.scene import ArrayPixels
from pipeline import detect
from pipeline.detect import choice
from pipeline.detect.files import detect_files
from pipeline.detect.height import fitted_plane
from pipeline.detect.run import scored

FIELD = Path(__file__).resolve().parents[3] / "shared" / "data" / "drone_ortho_fieldimager" / "DSM"
SIDE = 240
HOUSE = (slice(40, 80), slice(100, 160))
PIT = (slice(150, 180), slice(30, 70))
LOW = (slice(190, 230), slice(150, 200))
GRID = GeoBox((SIDE, SIDE), Affine(0.5, 0, 680_000, 0, -0.5, 3_080_000), "EPSG:32649")


def ground() -> np.ndarray:
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    return 50 + 3 * np.sin(x / 40) + 2 * np.cos(y / 55)


def noisy(surface: np.ndarray, seed: int) -> np.ndarray:
    return (surface + np.random.default_rng(seed).normal(0, 0.1, surface.shape)).astype(np.float32)[None]


def later() -> np.ndarray:
    """A house of 3 m, a pit of 2 m, a crop of 0.2 m; the model 4 m too high, and tilted by 2 m across and 1 m down."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    surface = ground() + 4 + 2 * x / SIDE - y / SIDE
    for place, metres in ((HOUSE, 3.0), (PIT, -2.0), (LOW, 0.2)):
        surface[place] += metres
    return surface


def surfaces(**more) -> tuple[ArrayPixels, ArrayPixels]:
    return ArrayPixels(noisy(ground(), 1), GRID, ("dsm",)), ArrayPixels(noisy(later(), 2), GRID, ("dsm",), **more)


def written(path: Path, values: np.ndarray) -> str:
    with GridWriter(path, GRID, "float32", nodata=-9999) as writer:
        writer.write((slice(0, SIDE), slice(0, SIDE)), values)
    return str(path)


def test_the_files_say_what_rose_and_what_sank(tmp_path: Path) -> None:
    before, after = written(tmp_path / "a.tif", noisy(ground(), 1)), written(tmp_path / "b.tif", noisy(later(), 2))
    report = detect_files(before, after, str(tmp_path / "out"), method="height")
    assert (report["method"], report["rose"], report["sank"]) == ("height", 1, 1)
    assert report["noise_m"] == pytest.approx(0.1 * 2**0.5, rel=0.05)  # of a difference of two
    assert report["tilt_m"] == pytest.approx([2.0, -1.0], abs=0.05)
    assert report["offset_m"] == pytest.approx(4 + 1 - 0.5, abs=0.05)
    patches = geopandas.read_file(tmp_path / "out" / "changes.gpkg")
    assert patches.height_m.tolist() == pytest.approx([3.0, -2.0], abs=0.05)
    assert patches.noise_m.tolist() == pytest.approx([0.14, 0.14], abs=0.02)
    assert patches.area_m2.tolist() == pytest.approx([40 * 60 / 4, 30 * 40 / 4], rel=0.01)
    assert [p["height_m"] for p in report["patches"]] == patches.height_m.tolist()
    with open_pixels(tmp_path / "out" / "change.tif") as pixels:
        change = pixels.read((slice(0, SIDE), slice(0, SIDE))).values[0] == 1
    assert change[HOUSE].mean() > 0.999
    assert change[PIT].mean() > 0.999
    assert change[LOW].mean() < 0.01  # 0.2 m is within the noise


@pytest.mark.parametrize("rows", [16, 48, 100])
def test_strips_of_any_height_give_the_same(rows: int) -> None:
    valid = np.ones((SIDE, SIDE), bool)
    valid[60:100, 90:130] = False
    before, after = surfaces(valid=valid)
    model = detect.fit(before, after)
    whole, parts = (list(scored(before, after, model, rows=n)) for n in (512, rows))
    assert len(whole) < len(parts)
    np.testing.assert_array_equal(*(np.concatenate([s.score for s in strips]) for strips in (whole, parts)))
    assert np.isnan(np.concatenate([s.score for s in parts])[~valid]).all()


def test_rough_ground_has_to_rise_by_more() -> None:
    """In a maize field of 0.5 m roughness 1 m is nothing; on bare ground it is a step."""
    rough = np.random.default_rng(3).normal(0, 0.5, (SIDE, SIDE))
    rough[:, :120] = 0
    after = noisy(ground() + rough, 2)
    for column in (40, 180):
        after[0, 100:140, column : column + 30] += 1.0
    pair = ArrayPixels(noisy(ground(), 1), GRID, ("dsm",)), ArrayPixels(after, GRID, ("dsm",))
    change = np.concatenate([s.change for s in scored(*pair, detect.fit(*pair))]) == 1
    assert change[100:140, 40:70].mean() > 0.99
    assert change[100:140, 180:210].mean() < 0.1


def test_the_plane_is_that_of_what_did_not_change() -> None:
    rng = np.random.default_rng(5)
    places = rng.uniform(0, 1000, (4000, 2))
    lifts = 1.5 + 0.002 * places[:, 0] - 0.001 * places[:, 1] + rng.normal(0, 0.05, 4000)
    lifts[places[:, 0] > 700] += 6  # three tenths of the image, all at one side
    assert fitted_plane(places, lifts) == pytest.approx([1.5, 0.002, -0.001], abs=0.02)


def test_a_band_called_dsm_is_a_height_and_a_band_without_name_is_not() -> None:
    assert choice.by_bands(("dsm",), 0.1)[0] == "height"
    assert choice.by_bands(("band1",), 0.1, "dsm")[0] == "height"
    assert choice.by_bands(("band1",), 0.1)[0] == "logratio"


def test_an_image_of_several_bands_is_no_surface_model() -> None:
    image = ArrayPixels(np.zeros((2, 8, 8), np.float32), GRID[:8, :8], ("red", "nir"))
    with pytest.raises(InputError, match=r"one band, in metres; these have 2 \(red, nir\)"):
        detect.fit(image, image, method="height")


def test_two_models_with_nothing_in_common_tell_nothing() -> None:
    one = ArrayPixels(noisy(ground(), 1), GRID, ("dsm",), valid=np.zeros((SIDE, SIDE), bool))
    model = detect.fit(one, one)
    assert model.report["state"] == "too_few_pixels"


@pytest.mark.skipif(not FIELD.exists(), reason="../shared/data/drone_ortho_fieldimager is not here")
def test_a_real_model_against_itself_with_noise_has_no_change(tmp_path: Path) -> None:
    with open_pixels(FIELD / "1_30_dsm.tif") as pixels:
        grid = pixels.geobox
        raster = pixels.read((slice(0, grid.height), slice(0, grid.width)))
    noise = np.random.default_rng(1).normal(0, 0.1, raster.values.shape).astype(np.float32)
    moved = np.where(raster.valid, raster.values + noise + 3, -9999)
    with GridWriter(tmp_path / "later.tif", grid, "float32", nodata=-9999) as writer:
        writer.write((slice(0, grid.height), slice(0, grid.width)), moved)
    paths = str(FIELD / "1_30_dsm.tif"), str(tmp_path / "later.tif")
    report = detect_files(*paths, str(tmp_path / "out"), bands=("dsm",))
    assert report["method"] == "height"
    assert report["observed"] > 0.9
    assert (report["changes"], report["change_px"]) == (0, 0)
    assert report["offset_m"] == pytest.approx(3, abs=0.02)


@pytest.mark.skipif(not FIELD.exists(), reason="../shared/data/drone_ortho_fieldimager is not here")
@pytest.mark.parametrize("later", ["2_40", "3_70", "4_100"])
def test_potatoes_that_grow_are_no_change(tmp_path: Path, later: str) -> None:
    """Day 30 against days 40, 70 and 100 after planting; nothing was built."""
    paths = str(FIELD / "1_30_dsm.tif"), str(FIELD / f"{later}_dsm.tif")
    assert detect_files(*paths, str(tmp_path), method="height")["changes"] == 0
