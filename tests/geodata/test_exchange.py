"""Layers out of hand and in again: every format keeps names, values, ground and coordinate system."""

from __future__ import annotations

import zipfile
from datetime import date
from xml.etree import ElementTree

import fiona
import geopandas as gpd
import numpy as np
import pyarrow as pa
import pytest
import shapely

from geodata import exchange
from geodata.area import area_m2
from geodata.editions import Editions
from geodata.errors import InputError
from tests.geodata.test_editions import HECTARE, square, write

RING = shapely.box(395_000, 3_080_400, 395_100, 3_080_500) - shapely.box(395_020, 3_080_420, 395_030, 3_080_430)
TEXT = "石鼓村—育塅乡〔2026〕㎡·1"
ISLANDS = shapely.MultiPolygon([square(3), square(4)])


@pytest.fixture(scope="module")
def editions(tmp_path_factory):
    """A square, a square with a hole of 10 × 10 m, and two squares as one parcel."""
    tmp_path = tmp_path_factory.mktemp("held")
    (tmp_path / "layers").mkdir()
    held = Editions(tmp_path / "layers")
    columns = {
        "BSM": ["430321000000000001", "430321000000000002", "430321000000000003"],
        "TBBH": ["0001", "0002", "0003"],
        "DLBM": ["0101", "0103", "0404"],
        "KCXS": [0.1234, 0.0, None],
        "ZLDWMC": [TEXT, "", "示意村"],
        "一个很长的中文列名": ["甲", "乙", "丙"],
        "OBJECTID": ["7", "8", "9"],
    }
    shapes = [shapely.transform(s, lambda xy: xy + np.array([38e6, 0])) for s in (square(), RING, ISLANDS)]
    held.add("FARMLAND", write(tmp_path / "DLTB.gpkg", columns, shapes), edition="2025")
    return held


def rows_of(frame):
    return frame.sort_values("TBBH").reset_index(drop=True)


@pytest.mark.parametrize(
    ("name", "crs", "written"),
    [
        ("out.shp", None, 4547),
        ("out.shp", "EPSG:4526", 4526),
        ("out.gdb", "EPSG:4525", 4525),
        ("out.gpkg", None, 4547),
        ("out.gpkg", "EPSG:32649", 32649),
        ("out.geojson", None, 4490),
        ("out.geojson", "EPSG:4547", 4547),
        ("out.parquet", "4490", 4490),
    ],
)
def test_what_is_written_is_read_back_alike(editions, tmp_path, name, crs, written):
    done = editions.export("FARMLAND", "2025", tmp_path / name, crs=crs)
    assert (done.files, done.rows, dict(done.cut), dict(done.replaced)) == ([tmp_path / name], 3, {}, {})
    frame = gpd.read_parquet(tmp_path / name) if name.endswith("parquet") else gpd.read_file(tmp_path / name)
    frame = rows_of(frame)
    assert frame.crs.to_epsg() == written
    assert list(frame.BSM) == ["430321000000000001", "430321000000000002", "430321000000000003"]
    assert frame.ZLDWMC[0] == TEXT
    assert (frame.KCXS[0], frame.KCXS[1]) == (0.1234, 0.0)
    long = done.renamed.get("一个很长的中文列名", "一个很长的中文列名")
    assert long == ("一个很长的" if name.endswith("shp") else "一个很长的中文列名")
    assert list(frame[long]) == ["甲", "乙", "丙"]
    assert done.renamed.get("OBJECTID") == ("OBJECTID_1" if name.endswith("gdb") else None)
    area = area_m2(frame.geometry.to_numpy(), f"EPSG:{written}")
    assert area[0] == pytest.approx(HECTARE, abs=0.01)
    assert area[1] == pytest.approx(HECTARE * 0.99, abs=0.01)
    if not name.endswith("parquet"):
        with fiona.open(tmp_path / name) as second:  # another GDAL's opinion
            found = sorted(second, key=lambda one: one["properties"]["TBBH"])
            assert [one["properties"]["ZLDWMC"] for one in found][::2] == [TEXT, "示意村"]
    if (name, crs) != ("out.shp", "EPSG:4526"):
        taken_in_again(editions, tmp_path, name)


def taken_in_again(editions, tmp_path, name):
    again = Editions(tmp_path / "again")
    layer = again.add("FARMLAND", tmp_path / name, edition="2025")
    assert layer.area_m2 == pytest.approx(editions.layers()[0].area_m2, abs=0.02)
    assert layer.delivered == 3
    store = again.store(layer)
    values = store.attributes(np.arange(3), ["TBBH", "DLBM", "ZLDWMC"])
    assert dict(zip(values["TBBH"], values["DLBM"], strict=True)) == {"0001": "0101", "0002": "0103", "0003": "0404"}
    assert TEXT in values["ZLDWMC"]


def test_a_shapefile_says_its_code_page_in_both_places(editions, tmp_path):
    editions.export("FARMLAND", "2025", tmp_path / "out.shp")
    assert (tmp_path / "out.cpg").read_text() == "GBK"
    table = (tmp_path / "out.dbf").read_bytes()
    assert table[29] == 0x4D
    assert TEXT.encode("gbk") in table
    assert "一个很长的".encode("gbk") in table[:600]


def test_a_shapefile_that_would_grow_too_large_goes_on_in_another(tmp_path):
    schema = pa.schema([("wkb", pa.binary()), ("N", pa.float64()), ("T", pa.string())])
    shapes = shapely.multipolygons([[square(i)] for i in range(100)])
    arrays = [pa.array(list(shapely.to_wkb(shapes)), pa.binary()), pa.array(np.arange(100.0)), pa.array(["甲"] * 100)]
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    done = exchange.write(
        tmp_path / "big.shp", "x", [batch.slice(0, 30), batch.slice(30)], schema, "EPSG:4547", limit=7_000
    )
    assert [file.name for file in done.files] == ["big.shp", "big_2.shp", "big_3.shp"]
    frames = [gpd.read_file(file) for file in done.files]
    assert [int(n) for frame in frames for n in frame.N] == list(range(100))
    assert all(file.with_suffix(part).stat().st_size <= 7_000 for file in done.files for part in (".shp", ".dbf"))


def test_what_a_dbf_cannot_hold_is_told(tmp_path):
    schema = pa.schema([("wkb", pa.binary()), ("A", pa.string()), ("D", pa.date32())])
    shapes = list(shapely.to_wkb(shapely.multipolygons([[square()], [square(1)]])))
    texts = ["村" * 200, "𬱖村"]
    arrays = [pa.array(shapes, pa.binary()), pa.array(texts), pa.array([date(2026, 1, 2), None], pa.date32())]
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    done = exchange.write(tmp_path / "a.shp", "x", [batch], schema, "EPSG:4547")
    assert (dict(done.cut), dict(done.replaced)) == ({"A": 1}, {"A": 1})
    frame = gpd.read_file(tmp_path / "a.shp")
    assert list(frame.A) == ["村" * 127, "〓村"]
    assert str(frame.D[0])[:10] == "2026-01-02"


@pytest.mark.parametrize("name", ["out.kml", "out.kmz"])
def test_kml_holds_the_ground_and_the_attributes(editions, tmp_path, name):
    editions.export("FARMLAND", "2025", tmp_path / name)
    data = (tmp_path / name).read_bytes()
    if name.endswith("kmz"):
        with zipfile.ZipFile(tmp_path / name) as archive:
            data = archive.read("doc.kml")
    space = {"k": "http://www.opengis.net/kml/2.2"}
    marks = {
        one.find("k:name", space).text: one for one in ElementTree.fromstring(data).iterfind(".//k:Placemark", space)
    }
    assert sorted(marks) == ["0001", "0002", "0003"]
    told = {one.get("name"): one.find("k:value", space).text for one in marks["0001"].iterfind(".//k:Data", space)}
    assert (told["ZLDWMC"], told["KCXS"], told["DLBM"]) == (TEXT, "0.1234", "0101")
    assert len(marks["0003"].findall(".//k:Polygon", space)) == 2

    def ring(path):
        text = marks["0002"].find(f".//k:{path}//k:coordinates", space).text
        return shapely.LinearRing([[float(v) for v in pair.split(",")] for pair in text.split()])

    outer, inner = ring("outerBoundaryIs"), ring("innerBoundaryIs")
    assert outer.is_ccw
    ground = np.array([shapely.Polygon(outer, [inner])], object)
    assert area_m2(ground, "EPSG:4490")[0] == pytest.approx(HECTARE * 0.99, abs=0.01)
    taken_in_again(editions, tmp_path, name)


def test_what_cannot_be_written_is_refused_and_leaves_the_old_file(editions, tmp_path):
    (tmp_path / "out.gdb").mkdir()
    (tmp_path / "out.gdb" / "mine.txt").write_text("x")
    for name, crs, said in (
        ("out.dwg", None, "is written as"),
        ("nowhere/out.shp", None, "its folder is not there"),
        ("out.kml", "EPSG:4547", "always in degrees"),
        ("out.gdb", None, "no file geodatabase"),
        ("out.gpkg", "EPSG:99", "not known"),
    ):
        with pytest.raises(InputError, match=said):
            editions.export("FARMLAND", "2025", tmp_path / name, crs=crs)
    assert (tmp_path / "out.gdb" / "mine.txt").read_text() == "x"
    editions.export("FARMLAND", "2025", tmp_path / "new.gdb")
    editions.export("FARMLAND", "2025", tmp_path / "new.gdb")
    assert len(gpd.read_file(tmp_path / "new.gdb")) == 3
    assert not list(tmp_path.glob(".*"))
