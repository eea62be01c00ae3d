"""Formats that are not GDAL's: archives, GeoParquet, KML, boundary points, tables, bare JSON."""

import io
import json
import tarfile
import zipfile
from pathlib import Path

import geopandas as gpd
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from geodata import archive, crs, readers, vectorfile
from geodata.editions import Editions
from geodata.errors import CRSContradiction, CRSMissing, UnreadableFile
from geodata.limits import FileLimits
from geodata.repair import read_wkb

DATA = Path(__file__).parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the shared data are not here")
NORTH, EAST = 3_080_000, 38_395_000
SQUARE = [(NORTH, EAST), (NORTH + 100, EAST), (NORTH + 100, EAST + 100), (NORTH, EAST + 100)]


def parcels(n=2):
    shapes = [shapely.box(EAST + 200 * i, NORTH, EAST + 200 * i + 100, NORTH + 100) for i in range(n)]
    columns = {"DLBM": ["0101"] * n, "ZLDWMC": ["石鼓村"] * n, "TBMJ": [10_000.0] * n}
    return gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4526")


def look(path):
    """What the child does, without the child."""
    return readers.describe(str(path))


def taken(path, folder, layer=0, columns=None):
    """(shapes, rows of text) of one layer, as the child leaves them."""
    told = look(path)
    table = {"member": "", "table": "", "driver": told["driver"], "encoding": told["encoding"], **told["layers"][layer]}
    names = {c: c for c in columns or table["columns"]}
    folder.mkdir(exist_ok=True)
    readers.read(str(path), table, names, str(folder / "out.arrow"), str(folder / "unpacked"))
    with vectorfile.batches(folder / "out.arrow") as reader:
        rows = reader.read_all()
    shapes, _ = read_wkb(rows.column("wkb").to_numpy())
    return list(shapes), rows.select(list(names.values())).to_pylist()


def packed(path, *files, under="数据"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for file in files:
            out.write(file, f"{under}/{file.name}")
    return path


# --- archives -------------------------------------------------------------------------------------


def test_a_zipped_shapefile_comes_in_as_it_stands(tmp_path):
    parcels().to_file(tmp_path / "DLTB.shp", encoding="GBK", engine="pyogrio")
    path = packed(tmp_path / "a.zip", *tmp_path.glob("DLTB.*"))
    layer = Editions(tmp_path / "layers").add("FARMLAND", path, edition="2025")
    assert (layer.features, layer.crs, layer.source_layer) == (2, "EPSG:4526", "DLTB")
    assert layer.area_m2 == pytest.approx(2 * 9997.2838, abs=0.1)  # domain.md 4.2
    store = Editions(tmp_path / "layers").store(layer)
    assert store.column("ZLDWMC").to_pylist() == ["石鼓村"] * 2


def test_a_zipped_geodatabase_and_a_tar_of_a_geopackage_come_in(tmp_path):
    parcels().to_file(tmp_path / "a.gdb", layer="DLTB", driver="OpenFileGDB", engine="pyogrio")
    with zipfile.ZipFile(tmp_path / "a.gdb.zip", "w") as out:
        for file in (tmp_path / "a.gdb").iterdir():
            out.write(file, f"a.gdb/{file.name}")
    parcels(3).to_file(tmp_path / "b.gpkg", layer="DLTB", engine="pyogrio")
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz") as out:
        out.add(tmp_path / "b.gpkg", "b.gpkg")
    for name, n, driver in (("a.gdb.zip", 2, "GDB"), ("b.tar.gz", 3, "GPKG")):
        (layer,) = look(tmp_path / name)["layers"]
        assert (layer["name"], layer["driver"], layer["features"]) == ("DLTB", driver, n)
        assert len(taken(tmp_path / name, tmp_path / f"{n}")[0]) == n


def test_several_layers_are_asked_about_and_of_one_name_told_apart_by_folder(tmp_path):
    parcels().to_file(tmp_path / "DLTB.gpkg", layer="DLTB", engine="pyogrio")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as out:
        out.write(tmp_path / "DLTB.gpkg", "430302/DLTB.gpkg")
        out.write(tmp_path / "DLTB.gpkg", "430304/DLTB.gpkg")
    assert [layer["name"] for layer in look(tmp_path / "a.zip")["layers"]] == ["430302/DLTB/DLTB", "430304/DLTB/DLTB"]
    assert len(taken(tmp_path / "a.zip", tmp_path / "x", layer=1)[0]) == 2


def test_a_name_that_chinese_windows_packed_in_gbk_is_read(tmp_path):
    raw = bytearray(packed(tmp_path / "a.zip", _text(tmp_path / "x.geojson", _geojson()), under="AAAA").read_bytes())
    path = tmp_path / "b.zip"
    path.write_bytes(bytes(raw).replace(b"AAAA", "图层".encode("gbk")))
    assert [m.name for m in archive.members(path)] == ["图层/x.geojson"]


def _text(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def _geojson():
    ring = [[112.93, 27.82], [112.94, 27.82], [112.94, 27.83], [112.93, 27.82]]
    feature = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    return json.dumps({"type": "FeatureCollection", "features": [feature]})


def zipped(path, name, text=b"{}", mode=0o100644, **options):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr(info, text, **options)
    return path


@pytest.mark.parametrize(
    "name", ["../x.geojson", "a/../../x.geojson", "/etc/x.geojson", "C:\\x.geojson", "..\\x.geojson"]
)
def test_a_member_that_leads_out_is_refused_and_nothing_written(tmp_path, name):
    path = zipped(tmp_path / "a.zip", name)
    with pytest.raises(UnreadableFile, match="leads out of the archive"):
        archive.unpack(path, tmp_path / "into")
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_links_in_archives_are_refused(tmp_path):
    with pytest.raises(UnreadableFile, match="is a link or device"):
        look(zipped(tmp_path / "a.zip", "x.geojson", b"/etc/passwd", mode=0o120777))
    with tarfile.open(tmp_path / "b.tar", "w") as out:
        entry = tarfile.TarInfo("x.geojson")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        out.addfile(entry)
    with pytest.raises(UnreadableFile, match="is a link or device"):
        look(tmp_path / "b.tar")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = zipped(tmp_path / "a.zip", "x.geojson", b"\0" * (64 << 20), compress_type=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    with pytest.raises(UnreadableFile, match="unpacks to more than"):
        look(path)


def test_too_many_members_and_one_that_lies_about_its_size_are_refused(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as out:
        for n in range(5):
            out.writestr(f"{n}.geojson", "{}")
    with pytest.raises(UnreadableFile, match="more than 4 members"):
        archive.members(path, FileLimits(members=4))
    raw = zipped(tmp_path / "b.zip", "x.geojson", b"a" * 1000).read_bytes()
    (tmp_path / "b.zip").write_bytes(raw.replace((1000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(UnreadableFile, match=r"b\.zip"):
        archive.unpack(tmp_path / "b.zip", tmp_path / "into")


def test_what_is_packed_badly_is_named_with_its_archive(tmp_path):
    parcels().to_file(tmp_path / "DLTB.shp", engine="pyogrio")
    path = packed(tmp_path / "a.zip", tmp_path / "DLTB.shp", tmp_path / "DLTB.dbf")
    with pytest.raises(UnreadableFile, match=r"a\.zip \(数据/DLTB\.shp\): its \.shx is missing"):
        look(path)
    parcels().to_file(tmp_path / "b.gpkg", engine="pyogrio")
    told = look(packed(tmp_path / "b.zip", tmp_path / "DLTB.shp", tmp_path / "DLTB.dbf", tmp_path / "b.gpkg"))
    assert [layer["name"] for layer in told["layers"]] == ["b"]
    assert "left out" in told["warnings"][0]["en"]
    with pytest.raises(UnreadableFile, match=r"holds no layer that is read \(\.gml\)"):
        look(zipped(tmp_path / "c.zip", "x.gml", b"<gml/>"))


@pytest.mark.parametrize(
    ("name", "head", "word"),
    [
        ("a.rar", b"Rar!\x1a\x07\x00", "is a RAR archive"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c", "is a 7Z archive"),
        ("a.xml", b'<?xml version="1.0"?><wfs xmlns="http://www.opengis.net/wfs/2.0"/>', "is GML"),
        ("a.xml", b"<svg/>", "no KML"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "save it as .xlsx"),
        ("a.zip", b"PK\x03\x04 and nothing more", "cannot be read"),
    ],
)
def test_what_is_not_opened_is_named(tmp_path, name, head, word):
    (tmp_path / name).write_bytes(head)
    with pytest.raises(UnreadableFile, match=word):
        look(tmp_path / name)


# --- GeoParquet -----------------------------------------------------------------------------------


def test_geoparquet_keeps_its_system_its_numbers_and_its_shapes(tmp_path):
    parcels(3).to_parquet(tmp_path / "a.parquet", row_group_size=1)
    (layer,) = look(tmp_path / "a.parquet")["layers"]
    assert (crs.name_of(crs.crs_(layer["crs"])), layer["features"]) == ("EPSG:4526", 3)
    shapes, rows = taken(tmp_path / "a.parquet", tmp_path / "x")
    assert [s.equals(g) for s, g in zip(shapes, parcels(3).geometry, strict=True)] == [True] * 3
    assert rows[0] == {"DLBM": "0101", "ZLDWMC": "石鼓村", "TBMJ": 10_000.0}


def test_a_parquet_without_geometry_or_without_a_system_says_so(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a.parquet")
    with pytest.raises(UnreadableFile, match="without geometry"):
        look(tmp_path / "a.parquet")
    parcels().set_crs(None, allow_override=True).to_parquet(tmp_path / "b.parquet")
    assert look(tmp_path / "b.parquet")["layers"][0]["crs"] is None
    (tmp_path / "c.parquet").write_bytes((tmp_path / "b.parquet").read_bytes()[:-40])
    with pytest.raises(UnreadableFile, match=r"c\.parquet"):
        look(tmp_path / "c.parquet")


# --- KML ------------------------------------------------------------------------------------------

KML = """<?xml version="1.0" encoding="{codec}"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document><name>备案</name><Folder>
<Placemark><name>养殖场</name><description>联系 13812345678</description>
<ExtendedData><SchemaData schemaUrl="#x"><SimpleData name="BAH">B1</SimpleData></SchemaData>
<Data name="用途"><value>畜禽</value></Data></ExtendedData>
<MultiGeometry>
<Polygon><outerBoundaryIs><LinearRing><coordinates>
112.93,27.82,0 112.94, 27.82,0 112.94,27.83,0 112.93,27.83,0 112.93,27.82,0</coordinates></LinearRing></outerBoundaryIs>
<innerBoundaryIs><LinearRing><coordinates>112.932,27.822 112.934,27.822 112.934,27.824 112.932,27.822</coordinates>
</LinearRing></innerBoundaryIs></Polygon>
<Polygon><outerBoundaryIs><LinearRing><coordinates>112.95,27.82 112.96,27.82 112.96,27.83</coordinates></LinearRing>
</outerBoundaryIs></Polygon></MultiGeometry></Placemark>
<Placemark><name>大门</name><Point><coordinates>112.9,27.8</coordinates></Point></Placemark>
<NetworkLink><Link><href>http://127.0.0.1:1/x.kml</href></Link></NetworkLink></Folder></Document></kml>"""


@pytest.mark.parametrize("codec", ["UTF-8", "GBK"])
def test_kml_gives_polygons_with_holes_and_their_data(tmp_path, codec):
    path = tmp_path / "a.kml"
    path.write_bytes(KML.format(codec=codec).encode(codec))
    (shape, point), rows = taken(path, tmp_path / "x")
    assert [len(p.interiors) for p in shape.geoms] == [1, 0]
    assert shape.area == pytest.approx(1e-4 - 2e-6 + 5e-5)
    assert point.equals(shapely.Point(112.9, 27.8))
    assert rows[0] == {"BAH": "B1", "用途": "畜禽", "name": "养殖场"}  # the description may tell about persons
    (layer,) = look(path)["layers"]
    assert (layer["crs"], layer["crs_said"], layer["geometry"]) == ("EPSG:4326", False, "MultiPolygon")


def test_a_kmz_is_a_packed_kml(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.kmz", "w") as out:
        out.writestr("doc.kml", KML.format(codec="UTF-8"))
        out.writestr("files/icon.png", b"x")
    assert [layer["features"] for layer in look(tmp_path / "a.kmz")["layers"]] == [2]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('<!DOCTYPE kml [<!ENTITY x SYSTEM "file:///etc/passwd">]><kml><name>&x;</name></kml>', "entities"),
        ("<kml><Document><Placemark>", "cannot be read"),
        ("<kml>" + "<Folder>" * 100 + "</Folder>" * 100 + "</kml>", "nesting 65, above the limit of 64"),
    ],
)
def test_kml_that_would_do_harm_is_refused(tmp_path, text, word):
    with pytest.raises(UnreadableFile, match=word):
        look(_text(tmp_path / "a.kml", text))


# --- boundary points ------------------------------------------------------------------------------


def points(plots=1, head="坐标系=2000国家大地坐标系\n几度分带=3\n带号=38", said=9, east=EAST):
    lines = ["[属性描述]", head, "[地块坐标]"]
    for plot in range(plots):
        lines.append(f"{said},0.96,{plot + 1}号,某村一组,面,,工业用地,0601,@")
        ring = [(x, y - EAST + east + 200 * plot) for x, y in SQUARE]
        lines += [f"J{n},1,{x}.000,{y}.000" for n, (x, y) in enumerate([*ring, ring[0]], 1)]
        hole = [(x, y) for x, y in ((20, 20), (20, 40), (40, 40), (40, 20))]
        lines += [f"J{n},2,{NORTH + x},{east + 200 * plot + y}" for n, (x, y) in enumerate(hole, 6)]
    return "\n".join(lines)


def test_boundary_points_are_plots_with_holes_in_the_system_of_their_head(tmp_path):
    path = tmp_path / "红线.txt"
    path.write_bytes(points(2).encode("utf-8-sig"))
    assert [shape.area for shape in taken(path, tmp_path / "x")[0]] == [9600, 9600]
    path.write_bytes(points(2).encode("gbk"))
    layer = Editions(tmp_path / "layers").add("APPROVED", path, edition="2025")
    assert (layer.features, layer.crs) == (2, "EPSG:4526")
    assert layer.area_m2 == pytest.approx(2 * 9600 * 0.99972838, abs=0.1)  # domain.md 4.2
    store = Editions(tmp_path / "layers").store(layer)
    assert sorted(store.column("DKBH").to_pylist()) == ["1号", "2号"]
    assert store.column("YT").to_pylist() == ["工业用地"] * 2
    assert not layer.warnings


@pytest.mark.parametrize(
    ("head", "east", "system"),
    [
        ("坐标系=2000国家大地坐标系\n几度分带=3\n带号=38", 395_000, "EPSG:4547"),
        ("坐标系=CGCS2000\n几度分带=3", EAST, "EPSG:4526"),
        ("坐标系=2000国家大地坐标系\n几度分带=6\n带号=19", 19_704_000, "EPSG:4497"),
        ("坐标系=2000国家大地坐标系\n几度分带=3\n中央子午线=114", 395_000, "EPSG:4547"),
        ("几度分带=3\n带号=38", EAST, None),
    ],
)
def test_the_head_of_boundary_points_is_read_as_their_system(tmp_path, head, east, system):
    assert look(_text(tmp_path / "a.txt", points(head=head, east=east)))["layers"][0]["crs"] == system


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (points(head="坐标系=80国家大地坐标系\n几度分带=3\n带号=38"), "Xian 1980"),
        (points(head="坐标系=2000国家大地坐标系\n几度分带=3\n带号=37"), "zone 38 in front"),
        ("坐标系=CGCS2000\n带号=38\n" + "\n".join(f"J1,1,{y},{x}" for x, y in SQUARE), "northing before easting"),
    ],
)
def test_boundary_points_in_an_old_datum_against_their_zone_or_swapped_are_refused(tmp_path, text, word):
    (layer,) = look(_text(tmp_path / "a.txt", text))["layers"]
    with pytest.raises(CRSContradiction, match=word):
        crs.check(crs.crs_(layer["crs"]), layer["bounds"], "a.txt")


def test_points_that_are_missing_are_told(tmp_path):
    told = look(_text(tmp_path / "a.txt", points(said=30)))
    assert "1号: 30 said, 9 there" in told["warnings"][0]["en"]
    with pytest.raises(UnreadableFile, match=r"line 7 is neither a plot nor a point"):
        look(_text(tmp_path / "b.txt", points().replace("J1,1,3080000.000,", "J1,1,abc,", 1)))


# --- tables ---------------------------------------------------------------------------------------

HEAD = ["序号", "备案号", "经营主体", "用途", "面积", "备案日期", "界址点坐标", "联系电话"]


def book(path, **sheets):
    out = openpyxl.Workbook()
    out.remove(out.active)
    for name, rows in sheets.items():
        sheet = out.create_sheet(name)
        for row in rows:
            sheet.append(row)
    out.save(path)
    return path


LISTS = [
    ";".join(f"{x},{y}" for x, y in SQUARE),
    "\n".join(f"J{n},{x}.00,{y}.00" for n, (x, y) in enumerate(SQUARE, 1)),
    " ".join(f"{n},{y},{x}" for n, (x, y) in enumerate(SQUARE, 1)),  # easting first: told by size
    shapely.box(EAST, NORTH, EAST + 100, NORTH + 100).wkt,
]


def facilities(path, cell):
    rows = [["湘潭县设施农用地备案"], HEAD, [1, "B1", "甲合作社", "种植", 10_000, "2025-03-01", cell, "13812345678"],
            [2, "B2", "乙合作社", "畜禽", 5000, "2025-03-02", "", "13812345679"]]  # fmt: skip
    return book(path, 备案=rows)


@pytest.mark.parametrize("cell", LISTS)
def test_an_outline_of_a_workbook_is_read_by_its_points_or_wkt(tmp_path, cell):
    path = facilities(tmp_path / "备案.xlsx", cell)
    shapes, rows = taken(path, tmp_path / "x", columns=["备案号"])
    assert shapes[0].equals(shapely.box(EAST, NORTH, EAST + 100, NORTH + 100))
    assert shapes[1] is None
    assert rows == [{"备案号": "B1"}, {"备案号": "B2"}]


def test_facility_records_of_a_workbook_come_in_and_those_without_outline_are_told(tmp_path):
    path = facilities(tmp_path / "备案.xlsx", LISTS[0])
    editions = Editions(tmp_path / "layers")
    with pytest.raises(CRSMissing, match="EPSG:4526 would fit"):
        editions.add("FACILITY", path, edition="2025")
    layer = editions.add("FACILITY", path, edition="2025", crs="EPSG:4526")
    assert (layer.delivered, layer.features, layer.repaired["null_geometry"]) == (2, 1, 1)
    assert layer.area_m2 == pytest.approx(9997.2838, abs=0.01)  # domain.md 4.2
    assert "1 of 2 records have no outline" in layer.warnings[0]["en"]
    assert layer.dropped_columns == ("联系电话",)
    store = editions.store(layer)
    assert [store.column(c).to_pylist() for c in ("BAH", "MJ", "BARQ")] == [["B1"], [10_000.0], ["2025-03-01"]]


def test_a_point_in_every_row_is_an_outline_by_its_number(tmp_path):
    rows = [["备案号", "用途", "点号", "X坐标", "Y坐标"]]
    rows += [["C1" if n == 1 else None, "种植" if n == 1 else None, f"J{n}", *xy] for n, xy in enumerate(SQUARE, 1)]
    rows += [["C2", "水产", f"J{n}", x, y + 200] for n, (x, y) in enumerate(SQUARE[:3], 1)]
    (one, two), values = taken(book(tmp_path / "a.xlsx", 表=rows), tmp_path / "x", columns=["备案号"])
    assert (one.area, two.area) == (10_000, 5000)
    assert [row["备案号"] for row in values] == ["C1", "C2"]


def test_a_table_without_positions_has_no_polygons(tmp_path):
    (layer,) = look(_text(tmp_path / "a.csv", "备案号,用途\nB1,种植\nB2,畜禽\n"))["layers"]
    assert (layer["geometry"], layer["features"]) == ("", 2)
    wkt = shapely.box(112.93, 27.82, 112.94, 27.83).wkt
    (layer,) = look(_text(tmp_path / "b.csv", f'备案号,WKT\nB1,"{wkt}"\n'))["layers"]
    assert (layer["geometry"], list(layer["columns"])) == ("MultiPolygon", ["备案号"])
    (tmp_path / "c.xlsx").write_bytes((book(tmp_path / "d.xlsx", a=[HEAD])).read_bytes()[:-200])
    with pytest.raises(UnreadableFile, match=r"c\.xlsx"):
        look(tmp_path / "c.xlsx")


# --- bare JSON ------------------------------------------------------------------------------------


def test_units_with_coordinates_that_are_no_geojson_are_read_without_a_system(tmp_path):
    unit = {"code": "430302", "name": "雨湖区", "center": ["112.9", "27.8"], "coordinates": [[[[112.93, 27.82],
            [112.94, 27.82], [112.94, 27.83], [112.93, 27.82]]]]}  # fmt: skip
    path = _text(tmp_path / "a.json", json.dumps(unit))
    (layer,) = look(path)["layers"]
    assert (layer["crs"], layer["features"], list(layer["columns"])) == (None, 1, ["code", "name"])
    for text in ('{"coordinates": ', '{"coordinates": "x", "a": 1', "[" * 5000):
        with pytest.raises(UnreadableFile):
            look(_text(tmp_path / "b.json", text))


# --- real files -----------------------------------------------------------------------------------


@needs_data
@pytest.mark.parametrize(
    ("name", "driver", "features"),
    [
        ("parcels_fiboa/us_usda_cropland/NationalCSB_2017-2024_rev23.zip", "GDB", 100),
        ("parcels_fiboa/at/inspire_schlaege_2025-1_polygon.gpkg.zip", "GPKG", 100),
        ("parcels_fiboa/bg/bg_arable_land_2024.zip", "SHP", 100),
        ("parcels_fiboa/jp/jp_field_polygons_2024.parquet", "GeoParquet", 100),
        ("parcels_fiboa/cz/bd51ec4dea8697946b9a570a6b7c9fe587e2f8334cee74778d2339da43178d38", "SHP", 100),
        ("admin_hunan_xiangtan/shfshanyue/430300.json", "JSON", 1),
    ],
)
def test_real_layers_of_every_format_are_known(name, driver, features):
    told = look(DATA / name)
    assert [(x.get("driver") or told["driver"], x["features"]) for x in told["layers"]] == [(driver, features)]


def test_an_archive_in_an_archive_is_not_opened(tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as out:
        out.writestr("x.geojson", _geojson())
    with pytest.raises(UnreadableFile, match=r"holds no layer that is read \(\.zip\)"):
        look(zipped(tmp_path / "a.zip", "b.zip", inner.getvalue()))


@needs_data
@pytest.mark.parametrize(
    ("name", "system"),
    [
        ("de_sh/Feldbloecke_2026_GPKG.zip", "EPSG:4647"),  # UTM with the zone in front
        ("sk/003b211508235a729804b1d7db871e8928250ed76d7058a36c73cb65a3c7d04c", "EPSG:5514"),  # Krovak
        ("us_usda_cropland/NationalCSB_2017-2024_rev23.zip", "EPSG:5070"),
        ("nl_block/referentiepercelen.gpkg", "EPSG:28992"),
        ("jp/jp_field_polygons_2024.parquet", "EPSG:6668"),
        ("it_1/iti1_2023.parquet", "EPSG:3035"),
    ],
)
def test_systems_of_real_layers_fit_their_coordinates(name, system):
    (layer,) = look(DATA / "parcels_fiboa" / name)["layers"]
    found = crs.crs_(layer["crs"])
    assert crs.name_of(found) == system
    assert crs.check(found, layer["bounds"], name) == []
