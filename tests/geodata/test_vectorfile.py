"""What a vector file is, how its text is encoded, what is damaged in it, and what is never opened."""

import json
import shutil
import socket
import sqlite3
import struct
from pathlib import Path

import geopandas as gpd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from geodata import readers, vectorfile
from geodata.errors import CRSContradiction, EmptyData, InputError, UnreadableFile

DATA = Path(__file__).parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the shared data are not here")
VILLAGE = "鹤岭镇石鼓村"


def squares(n=3):
    return [shapely.box(38_395_000 + 200 * i, 3_080_000, 38_395_100 + 200 * i, 3_080_100) for i in range(n)]


def parcels(n=3, **columns):
    columns = columns or {"DLBM": ["0101"] * n, "ZLDWMC": [VILLAGE] * n}
    return gpd.GeoDataFrame(columns, geometry=squares(n), crs="EPSG:4526")


def shp(folder, encoding="UTF-8", cpg=True, **columns):
    path = folder / "DLTB.shp"
    parcels(**columns).to_file(path, encoding=encoding, engine="pyogrio")
    if not cpg:
        path.with_suffix(".cpg").unlink()
    return path


def rows(path, layer=0, columns=None, folder=None):
    """All attribute rows of one layer, through the doors."""
    told = vectorfile.describe(path)
    table = told.layers[layer]
    wanted = {c: c for c in (columns or table.columns)}
    arrow = vectorfile.read(path, told, table, wanted, folder or path.parent)
    with vectorfile.batches(arrow) as reader:
        return [row for i in range(reader.num_record_batches) for row in reader.get_batch(i).to_pylist()]


def look(path):
    """What the child does, without the child: the same sentences, ten times as fast."""
    return readers.describe(str(path))


# --- encodings ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cpg", [True, False])
@pytest.mark.parametrize(("encoding", "codec"), [("GBK", "gb18030"), ("UTF-8", "utf-8")])
def test_chinese_comes_through_with_and_without_a_cpg(tmp_path, encoding, codec, cpg):
    path = shp(tmp_path, encoding, cpg)
    assert vectorfile.describe(path).encoding == codec
    assert [row["ZLDWMC"] for row in rows(path)] == [VILLAGE] * 3


def test_chinese_names_of_columns_come_through(tmp_path):
    path = shp(tmp_path, "GBK", cpg=False, 地类编码=["0101"] * 3, 图斑编号=["1", "2", "3"])
    assert [row["图斑编号"] for row in rows(path, columns=["图斑编号"])] == ["1", "2", "3"]


def test_a_text_cut_in_the_middle_of_a_character_loses_that_character_only(tmp_path):
    path = shp(tmp_path, "UTF-8", cpg=False, ZLDWMC=["石鼓村" * 40] * 3)  # 360 bytes; a field holds 254
    (text,) = {row["ZLDWMC"] for row in rows(path)}
    assert text == ("石鼓村" * 40)[: len(text)]
    assert len(text) >= 84


@pytest.mark.parametrize(("said", "there"), [("UTF-8", "GBK"), ("GBK", "UTF-8"), ("ISO-8859-1", "GBK")])
def test_a_cpg_that_lies_is_overruled_and_said(tmp_path, said, there):
    path = shp(tmp_path, there)
    path.with_suffix(".cpg").write_text(said)
    told = vectorfile.describe(path)
    assert told.encoding == {"GBK": "gb18030", "UTF-8": "utf-8"}[there]
    assert said in told.warnings[0]["en"]
    assert [row["ZLDWMC"] for row in rows(path)] == [VILLAGE] * 3


def test_western_text_is_not_taken_for_chinese(tmp_path):
    path = shp(tmp_path, "ISO-8859-1", cpg=False, NAME=["Rüben", "Café à côté", "Señal"])
    assert vectorfile.describe(path).encoding == "cp1252"
    assert [row["NAME"] for row in rows(path)] == ["Rüben", "Café à côté", "Señal"]


@needs_data
def test_the_unofficial_province_map_without_a_cpg_is_utf8(tmp_path):
    path = DATA / "dirty_vectors" / "china_utf8_no_cpg" / "china.shp"
    names = {row["FCNAME"] for row in rows(path, columns=["FCNAME"], folder=tmp_path)}
    assert {"黑龙江省", "湖南省", "江苏省"} <= names


# --- damage ---------------------------------------------------------------------------------------


def cut(path, keep):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])


@pytest.mark.parametrize("part", [".shp", ".shx", ".dbf"])
@pytest.mark.parametrize("keep", [0.0, 0.1, 0.6, 0.97])
def test_a_part_cut_short_is_refused(tmp_path, part, keep):
    path = shp(tmp_path)
    cut(path.with_suffix(part), keep)
    with pytest.raises(UnreadableFile, match="whole copy"):
        look(path)


@pytest.mark.parametrize("part", [".shx", ".dbf"])
def test_a_missing_part_is_named(tmp_path, part):
    path = shp(tmp_path)
    path.with_suffix(part).unlink()
    with pytest.raises(UnreadableFile, match=rf"its \{part} is missing"):
        look(path)


def test_a_dbf_of_another_file_is_refused(tmp_path):
    one, other = shp(tmp_path), tmp_path / "other" / "DLTB.shp"
    other.parent.mkdir()
    parcels(2).to_file(other, engine="pyogrio")
    shutil.copy(other.with_suffix(".dbf"), one.with_suffix(".dbf"))
    with pytest.raises(UnreadableFile, match=r"the \.shx counts 3 shapes, the \.dbf 2 records"):
        look(one)


def test_an_index_that_points_elsewhere_is_refused(tmp_path):
    path = shp(tmp_path)
    index = bytearray(path.with_suffix(".shx").read_bytes())
    index[108:112] = struct.pack(">i", struct.unpack(">i", index[108:112])[0] + 2)
    path.with_suffix(".shx").write_bytes(index)
    with pytest.raises(UnreadableFile, match="record 2 lies elsewhere"):
        look(path)


def test_records_deleted_in_the_dbf_are_left_out_and_said(tmp_path):
    path = shp(tmp_path)
    table = bytearray(path.with_suffix(".dbf").read_bytes())
    header, length = struct.unpack("<HH", table[8:12])
    table[header + length] = ord("*")
    path.with_suffix(".dbf").write_bytes(table)
    told = vectorfile.describe(path)
    assert told.layers[0].features == 2
    assert "1 records are marked as deleted" in told.warnings[0]["en"]
    assert len(rows(path)) == 2


def test_a_geopackage_cut_short_is_refused(tmp_path):
    path = tmp_path / "a.gpkg"
    parcels(200).to_file(path, layer="DLTB", engine="pyogrio")
    cut(path, 0.5)
    with pytest.raises(UnreadableFile, match=r"a\.gpkg: is damaged"):
        look(path)


def test_a_geojson_cut_short_is_refused(tmp_path):
    path = tmp_path / "a.geojson"
    parcels().to_file(path, engine="pyogrio")
    cut(path, 0.8)
    with pytest.raises(UnreadableFile, match="ends in the middle"):
        look(path)


@needs_data
@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("landcover_catalonia/42112_noshx/42112.shp", r"its \.shx is missing"),
        ("county2004_gbk_dbf_only/county_2004.dbf", "name its .shp"),
        ("landcover_catalonia", "is a folder"),
        ("README.md", "is no SHP, GDB, GPKG or GeoJSON"),
    ],
)
def test_real_files_that_cannot_be_opened_say_why(name, word):
    with pytest.raises(UnreadableFile, match=word):
        look(DATA / "dirty_vectors" / name)


@needs_data
def test_a_geodatabase_cut_short_is_noticed_while_reading(tmp_path):
    shutil.unpack_archive(DATA / "parcels_fiboa" / "us_usda_cropland" / "NationalCSB_2017-2024_rev23.zip", tmp_path)
    (gdb,) = tmp_path.rglob("*.gdb")
    assert len(rows(gdb, columns=["CSBID"], folder=tmp_path)) == 100
    table = max(gdb.glob("*.gdbtable"), key=lambda p: p.stat().st_size)
    cut(table, 0.5)
    with pytest.raises(UnreadableFile, match="get a whole copy"):
        rows(gdb, columns=["CSBID"], folder=tmp_path)


# --- what a file says about its coordinates -------------------------------------------------------


def geojson(path, text=None, **members):
    feature = {"type": "Feature", "properties": {"XMMC": "甲"}, "geometry": shapely.geometry.mapping(squares(1)[0])}
    whole = json.dumps({"type": "FeatureCollection", "features": [feature], **members})
    path.write_text(whole[:-1] + (text or "") + "}", encoding="utf-8")
    return path


def test_the_crs_member_of_a_geojson_counts(tmp_path):
    named = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4526"}}
    layer = look(geojson(tmp_path / "a.geojson", crs=named))["layers"][0]
    assert (layer["crs"], layer["crs_said"]) == ("urn:ogc:def:crs:EPSG::4526", True)
    layer = look(geojson(tmp_path / "b.geojson"))["layers"][0]
    assert (layer["crs"], layer["crs_said"]) == ("EPSG:4326", False)
    layer = look(geojson(tmp_path / "c.geojson", crs=None))["layers"][0]
    assert (layer["crs"], layer["crs_said"]) == (None, True)


@pytest.mark.parametrize("key", ["crs", r"\u0063rs", r"c\u0072\u0073", "CRS"])
def test_a_crs_that_is_a_link_is_refused_and_nothing_is_asked_for(tmp_path, key):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        link = f'{{"type": "link", "properties": {{"href": "http://127.0.0.1:{server.getsockname()[1]}/crs"}}}}'
        path = geojson(tmp_path / "a.geojson", f', "{key}": {link}')
        with pytest.raises(CRSContradiction, match="is a link"):
            look(path)
        with pytest.raises(TimeoutError):
            server.accept()


def test_two_systems_in_one_geojson_are_a_contradiction(tmp_path):
    one, two = ({"type": "name", "properties": {"name": f"EPSG:{n}"}} for n in (4526, 4527))
    path = geojson(tmp_path / "a.geojson", f', "crs": {json.dumps(two)}', crs=one)
    with pytest.raises(CRSContradiction, match="EPSG:4526, EPSG:4527"):
        look(path)


# --- never opened ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["/vsicurl/http://127.0.0.1:9/a.geojson", '{"type": "Point"}', "<OGRVRTDataSource/>", "nowhere.shp", "\0"]
)
def test_only_files_of_this_disk_are_opened(name):
    with pytest.raises(UnreadableFile, match="no such file"):
        vectorfile.describe(name)


@pytest.mark.parametrize("name", ["a.geojson", "a.shp", "a.gpkg", "a.json", "a.vrt"])
def test_a_virtual_file_under_another_name_is_not_opened(tmp_path, name):
    (tmp_path / "secret.geojson").write_text(geojson(tmp_path / "x.geojson").read_text())
    path = tmp_path / name
    path.write_text(
        '<OGRVRTDataSource><OGRVRTLayer name="x"><SrcDataSource>secret.geojson</SrcDataSource></OGRVRTLayer>'
        "</OGRVRTDataSource>"
    )
    with pytest.raises(UnreadableFile):
        look(path)


def test_a_view_that_never_ends_is_refused(tmp_path):
    path = tmp_path / "a.gpkg"
    parcels().to_file(path, layer="DLTB", engine="pyogrio")
    with sqlite3.connect(path) as base:
        base.execute(
            "CREATE VIEW v AS WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r)"
            " SELECT x AS fid, geom FROM r, DLTB"
        )
        base.execute("INSERT INTO gpkg_contents(table_name, data_type, identifier) VALUES ('v', 'features', 'v')")
    base.close()
    with pytest.raises(UnreadableFile, match="the layer v is a view"):
        look(path)


def test_lines_are_not_polygons_and_arcs_become_straight(tmp_path):
    lines = gpd.GeoDataFrame({"A": ["1"]}, geometry=[shapely.LineString([(0, 0), (1, 1)])], crs="EPSG:4490")
    lines.to_file(tmp_path / "lines.gpkg", engine="pyogrio")
    assert not vectorfile.describe(tmp_path / "lines.gpkg").polygon_layers

    path = tmp_path / "arcs.gpkg"
    parcels().to_file(path, layer="DLTB", engine="pyogrio")
    circle = [(38_395_050, 3_080_000), (38_395_100, 3_080_050), (38_395_050, 3_080_100)]
    circle += [(38_395_000, 3_080_050), circle[0]]
    ring = struct.pack("<BII", 1, 8, 5) + b"".join(struct.pack("<dd", *xy) for xy in circle)
    with sqlite3.connect(path) as base:
        for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            base.execute(f'DROP TRIGGER "{name}"')
        blob = b"GP\0\1" + struct.pack("<i", 4526) + struct.pack("<BII", 1, 10, 1) + ring
        base.execute("UPDATE DLTB SET geom = ? WHERE fid = 1", (blob,))
        base.execute("UPDATE gpkg_geometry_columns SET geometry_type_name = 'GEOMETRY'")
    base.close()
    areas = [shapely.area(shapely.from_wkb(row["wkb"])) for row in rows(path)]
    assert areas == pytest.approx([3.14159 * 2500, 10_000, 10_000], rel=1e-3)


def test_an_empty_layer_is_said_to_be_empty(tmp_path):
    path = tmp_path / "a.gpkg"
    parcels().iloc[:0].to_file(path, layer="DLTB", engine="pyogrio")
    assert vectorfile.describe(path).layers[0].features == 0
    with pytest.raises(EmptyData, match="holds no features"):
        rows(path)


# --- the rest -------------------------------------------------------------------------------------


@needs_data
def test_a_geodatabase_lists_its_tables(tmp_path):
    shutil.unpack_archive(DATA / "dirty_vectors" / "openfilegdb" / "testopenfilegdb.gdb.zip", tmp_path)
    told = vectorfile.describe(tmp_path / "testopenfilegdb.gdb")
    assert (told.driver, len(told.layers), len(told.polygon_layers)) == ("GDB", 37, 13)


def test_the_hash_of_a_shapefile_covers_all_its_parts(tmp_path):
    path = shp(tmp_path)
    before = vectorfile.sha256_of(path)
    assert vectorfile.sha256_of(path) == before
    path.with_suffix(".prj").write_text("")
    assert vectorfile.sha256_of(path) != before


def test_what_is_written_opens_elsewhere(tmp_path):
    schema = pa.schema([("wkb", pa.binary()), ("ZLDWMC", pa.string()), ("KCXS", pa.float64())])
    shapes = shapely.to_wkb([shapely.MultiPolygon([s]) for s in squares(2)])

    def batches():
        yield pa.record_batch([pa.array(shapes), pa.array([VILLAGE, None]), pa.array([0.1, 0.0])], schema=schema)

    vectorfile.write_gpkg(tmp_path / "a.gpkg", batches(), schema, crs="EPSG:4526", layer="FARMLAND")
    vectorfile.write_geoparquet(tmp_path / "a.parquet", batches(), schema, crs="EPSG:4526")
    for frame in (gpd.read_file(tmp_path / "a.gpkg"), gpd.read_parquet(tmp_path / "a.parquet")):
        assert frame.crs.to_epsg() == 4526
        assert frame["ZLDWMC"][0] == VILLAGE
        assert frame.geometry.area.tolist() == [10_000, 10_000]
    assert json.loads(pq.read_metadata(tmp_path / "a.parquet").metadata[b"geo"])["version"] == "1.1.0"
    assert {p.name for p in tmp_path.iterdir()} == {"a.gpkg", "a.parquet"}


def test_every_refusal_is_the_user_s_to_mend(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError) as caught:
        vectorfile.describe(tmp_path / "a.txt")
    assert caught.value.exit_code == 2
    assert str(tmp_path / "a.txt") in str(caught.value)
