"""A layer shifted by GCJ-02 is known by the edges it has in common with one that is held."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import shapely

from geodata import crs, displaced, gcj02
from geodata.displaced import Lies
from geodata.errors import CRSContradiction
from geodata.layers import Kind, Layer
from geodata.parcels import ParcelStore, write_store
from geodata.readers import barejson

DATA = Path(__file__).parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the shared data are not here")
ZONE = "EPSG:4547"


def parcels(n=12, seed=3):
    """n × n fields of about 80 m with crooked corners, in degrees near Xiangtan."""
    corners = np.stack(np.meshgrid(np.arange(n + 1), np.arange(n + 1)), -1) * 80.0
    corners += np.random.default_rng(seed).uniform(-25, 25, corners.shape) + np.array([395_000, 3_080_000])
    rings = [corners[[j, j, j + 1, j + 1], [i, i + 1, i + 1, i]] for j in range(n) for i in range(n)]
    return crs.transform(np.array([shapely.Polygon(ring) for ring in rings], object), ZONE, crs.GEOGRAPHIC)


def store(folder, shapes):
    """shapes: in degrees."""
    wkb = pa.array(shapely.to_wkb(crs.transform(np.asarray(shapes, object), crs.GEOGRAPHIC, ZONE)), pa.binary())
    write_store(folder, [pa.RecordBatch.from_arrays([wkb], ["wkb"])], zone=ZONE)
    return ParcelStore.open(folder)


def drawn_over_a_map_service(shapes):
    return shapely.transform(np.asarray(shapes, object), gcj02.shifted)


def test_the_way_back_from_gcj02_is_exact_to_a_millimetre():
    points = np.array([[112.0, 27.4], [113.0, 28.0], [73.6, 39.5], [134.7, 48.3]])
    assert np.abs(gcj02.unshifted(gcj02.shifted(points)) - points).max() < 1e-8
    assert (gcj02.shifted(np.array([[2.35, 48.86]])) == [[2.35, 48.86]]).all()  # Paris is not moved
    east, north = (gcj02.shifted(points[:2]) - points[:2])[0] * (111_320 * np.cos(np.radians(27.4)), 110_800)
    assert east == pytest.approx(540, abs=15)  # domain.md 4.5
    assert north == pytest.approx(-380, abs=15)


def test_shared_edges_tell_which_of_two_layers_is_shifted(tmp_path):
    plain, moved = parcels(), drawn_over_a_map_service(parcels())
    held, other = store(tmp_path / "a", plain), store(tmp_path / "b", moved)
    found = displaced.compare(other, held)
    assert (found.lies, round(found.taken_back_m, 2)) == (Lies.SHIFTED, 0.0)
    assert found.as_said_m > 5
    assert np.hypot(*found.offset_m) == pytest.approx(655, abs=15)  # domain.md 4.5
    assert displaced.compare(held, other).lies is Lies.HELD_SHIFTED
    assert displaced.compare(held, held).lies is Lies.AS_SAID


def test_layers_without_common_edges_stay_undecided(tmp_path):
    held = store(tmp_path / "a", parcels(16))
    corners = np.random.default_rng(1).uniform((112.936, 27.831), (112.945, 27.839), (40, 2))
    boxes = shapely.box(*corners.T, *(corners + np.array([0.0006, 0.0004])).T)
    beside = shapely.transform(boxes, lambda xy: xy + np.array([0.008, 0.0]))
    for number, shapes in enumerate((boxes, drawn_over_a_map_service(boxes), beside)):
        assert displaced.compare(store(tmp_path / f"b{number}", shapes), held).lies is Lies.UNDECIDED
    far = shapely.transform(parcels(), lambda xy: xy + np.array([1.0, 0.0]))
    assert displaced.compare(store(tmp_path / "far", far), held) is None


LAYER = Layer(Kind.FARMLAND, "2025", date(2025, 1, 1), None, "EPSG:4490", ZONE, "", "x", 1, 1.0, 1.0)


def judged(layer, held, *, hints=(), unshifted=False, crs="EPSG:4490"):
    return displaced.judge(replace(LAYER, crs=crs), layer, [(LAYER, s) for s in held], hints, unshifted, "a.shp")


def test_a_shifted_layer_is_refused_until_the_user_says_what_holds(tmp_path):
    plain, moved = store(tmp_path / "a", parcels()), store(tmp_path / "b", drawn_over_a_map_service(parcels()))
    with pytest.raises(CRSContradiction, match=r"a\.shp: lies against FARMLAND 2025 as data in GCJ-02 do.*--unshifted"):
        judged(moved, [plain])
    with pytest.raises(CRSContradiction, match="remove FARMLAND 2025"):
        judged(plain, [moved])
    assert "as --unshifted says" in judged(moved, [plain], unshifted=True)[0]["en"]
    assert judged(plain, [plain]) == []
    assert "lies as FARMLAND 2025 does (0 m)" in judged(plain, [plain], crs="GCJ-02")[0]["en"]
    back = store(tmp_path / "c", shapely.transform(parcels(), gcj02.unshifted))
    with pytest.raises(CRSContradiction, match="--crs GCJ-02 does not fit"):
        judged(back, [plain], crs="GCJ-02")


def test_names_that_speak_of_a_map_service_are_asked_about_where_nothing_else_tells(tmp_path):
    plain = store(tmp_path / "a", parcels())
    assert displaced.hints(["高德边界.shp"], ["name"], "SHP") == ["高德边界.shp"]
    assert displaced.hints(["a.json"], ["adcode", "center", "level", "name"], "GeoJSON")
    assert displaced.hints(["DLTB.shp"], ["DLBM", "level"], "SHP") == []
    with pytest.raises(CRSContradiction, match="speak of GCJ-02"):
        judged(plain, [], hints=["高德边界.shp"])
    assert judged(plain, [], hints=["高德边界.shp"], unshifted=True) == []
    assert "lies as" in judged(plain, [plain], hints=["高德边界.shp"])[0]["en"]


@needs_data
@pytest.mark.parametrize("name", ["430300", "430302", "430304", "430321", "430381", "430382"])
def test_the_shifted_boundaries_of_xiangtan_are_known_against_the_coarse_ones_that_are_not(tmp_path, name):
    folder = DATA / "admin_hunan_xiangtan"
    shifted = [record.geometry for record in barejson.opened(folder / "shfshanyue" / f"{name}.json").records()]
    coarse = shapely.from_geojson((folder / "longwosion" / "430300.json").read_text("utf-8-sig"))
    held = store(tmp_path / "held", shapely.get_parts(coarse))
    found = displaced.compare(store(tmp_path / "a", shifted), held)
    assert found.lies is Lies.SHIFTED
    assert found.taken_back_m < found.as_said_m - 50
