"""Files made to hurt: each ends in one sentence that names it, soon, and the process that asked lives on."""

from __future__ import annotations

import os
import socket
import sqlite3
import struct
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rasterio
import shapely

from geodata import limits, rasterfile, vectorfile
from geodata.catalog import Catalog
from geodata.editions import Editions
from geodata.errors import InputError
from geodata.repair import read_wkb
from tests.geodata.images import ramp, write

EAST, NORTH = 38_395_000, 3_080_000
DEEP = "[" * 200_000 + "]" * 200_000
POLYGON = '{"type": "Polygon", "coordinates": [[[112, 27], [112.1, 27], [112.1, 27.1], [112, 27]]]}'


def sentence(path: Path, ask=vectorfile.describe) -> str:
    """The one with which it is refused."""
    with pytest.raises(InputError) as told:
        ask(path)
    said = str(told.value)
    assert told.value.exit_code == 2
    assert str(path) in said
    assert "\n" not in said
    return said


def added(path: Path) -> str:
    """How the layer is refused; nothing of it stays."""
    editions = Editions(path.parent / "layers")
    said = sentence(path, lambda p: editions.add("FARMLAND", p, edition="2025", crs="EPSG:4526"))
    assert editions.layers() == []
    assert [p for p in editions.root.rglob("*") if p.is_file()] == []
    return said


def geojson(path: Path, *, crs: str = "null", properties: str = "{}", geometry: str = POLYGON) -> Path:
    feature = f'{{"type": "Feature", "properties": {properties}, "geometry": {geometry}}}'
    path.write_text(f'{{"type": "FeatureCollection", "crs": {crs}, "features": [{feature}]}}')
    return path


def gpkg(path: Path, shape: bytes | None = None) -> Path:
    """Two squares, the first with other bytes in the place of its shape."""
    squares = [shapely.box(EAST + 200 * i, NORTH, EAST + 200 * i + 100, NORTH + 100) for i in range(2)]
    gpd.GeoDataFrame({"DLBM": ["0101"] * 2}, geometry=squares, crs="EPSG:4526").to_file(path, layer="DLTB")
    if shape is not None:
        with sqlite3.connect(path) as base:
            for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                base.execute(f'DROP TRIGGER "{name}"')
            base.execute("UPDATE DLTB SET geom = ? WHERE fid = 1", (b"GP\0\1" + struct.pack("<i", 4526) + shape,))
            base.execute("UPDATE gpkg_geometry_columns SET geometry_type_name = 'GEOMETRY'")
        base.close()
    return path


def nested(levels: int, inner: bytes) -> bytes:
    return struct.pack("<BII", 1, 7, 1) * levels + inner


# --- JSON -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", [{"crs": DEEP}, {"properties": f'{{"a": {DEEP}}}'}, {"geometry": DEEP}])
def test_brackets_in_brackets(tmp_path, where):
    assert "nesting 20" in sentence(geojson(tmp_path / "a.geojson", **where))


def test_brackets_in_the_json_of_a_map_service(tmp_path):
    (tmp_path / "a.json").write_text(f'{{"coordinates": {DEEP}}}')
    assert "nesting" in sentence(tmp_path / "a.json")


def test_brackets_in_texts_are_texts(tmp_path):
    text = '"' + "[{" * 500 + r"\"" + "[" * 500 + r"\\" + '"'
    told = vectorfile.describe(geojson(tmp_path / "a.geojson", properties=f'{{"a": {text}}}'))
    assert told.layers[0].features == 1


def test_a_hundred_thousand_columns(tmp_path):
    columns = ",".join(f'"c{i}": 1' for i in range(100_000))
    assert "columns" in sentence(geojson(tmp_path / "a.geojson", properties=f"{{{columns}}}"))


def test_a_text_of_megabytes(tmp_path):
    path = geojson(tmp_path / "a.geojson", properties=f'{{"DLBM": "0101", "ZLDWMC": "{"x" * 3_000_000}"}}')
    assert "text_kb 29" in added(path)


# --- shapes ---------------------------------------------------------------------------------------


def test_a_collection_in_a_collection_without_end_does_not_end_this_process(tmp_path):
    said = added(gpkg(tmp_path / "a.gpkg", nested(200_000, shapely.to_wkb(shapely.Point(0, 0)))))
    assert "broke off" in said


def test_a_collection_within_the_limits_comes_out_flat_and_one_beyond_is_refused(tmp_path):
    square = shapely.to_wkb(shapely.box(EAST, NORTH, EAST + 10, NORTH + 10))
    path = gpkg(tmp_path / "a.gpkg", nested(5, square))
    told = vectorfile.describe(path)
    arrow = vectorfile.read(path, told, told.layers[0], {}, tmp_path)
    with vectorfile.batches(arrow) as reader:
        shapes, _ = read_wkb(np.array(reader.get_batch(0).column(0).to_pylist(), object))
    assert [shape.area for shape in shapes] == [100.0, 10_000.0]
    assert shapely.get_type_id(shapely.get_parts(shapes[0])).tolist() == [shapely.GeometryType.POLYGON]
    assert "nesting" in added(gpkg(tmp_path / "b.gpkg", nested(100, square)))


def test_a_shape_that_claims_two_billion_points_is_counted_as_unreadable(tmp_path):
    path = gpkg(tmp_path / "a.gpkg", struct.pack("<BIII", 1, 3, 1, 2**31 - 1) + b"\0" * 64)
    layer = Editions(tmp_path / "layers").add("FARMLAND", path, edition="2025")
    assert layer.repaired == {"unreadable_geometry": 1}
    assert (layer.delivered, layer.features) == (2, 1)


def test_one_shape_with_more_points_than_allowed(tmp_path):
    angles = np.linspace(0, 2 * np.pi, 5000)
    circle = shapely.Polygon(np.column_stack([EAST + 50 * np.cos(angles), NORTH + 50 * np.sin(angles)]))
    path = gpkg(tmp_path / "a.gpkg", shapely.to_wkb(circle))
    before = limits.current()
    try:
        limits.use(limits.FileLimits(vertices_each=1000))
        assert "vertices_each 5000" in added(path)
        limits.use(limits.FileLimits(vertices=5001))
        assert "vertices 50" in added(path)
        limits.use(limits.FileLimits(features=1))
        assert "features 2" in added(path)
    finally:
        limits.use(before)


def test_deep_shapes_in_geoparquet(tmp_path):
    geo = b'{"version": "1.1.0", "primary_column": "g", "columns": {"g": {"encoding": "WKB", "geometry_types": []}}}'
    shapes = pa.array([nested(200_000, shapely.to_wkb(shapely.Point(0, 0)))], pa.binary())
    pq.write_table(pa.table({"g": shapes}).replace_schema_metadata({b"geo": geo}), tmp_path / "a.parquet")
    assert "broke off" in sentence(tmp_path / "a.parquet")


def test_zone_37_over_eastings_of_zone_38_is_a_contradiction(tmp_path):
    path = tmp_path / "a.gpkg"
    square = shapely.box(EAST, NORTH, EAST + 100, NORTH + 100)
    gpd.GeoDataFrame({"DLBM": ["0101"]}, geometry=[square], crs="EPSG:4525").to_file(path, layer="DLTB")
    with pytest.raises(InputError, match=r"zone|EPSG"):
        Editions(tmp_path / "layers").add("FARMLAND", path, edition="2025")


# --- what is no file, or another's ----------------------------------------------------------------


def special(folder: Path) -> list[Path]:
    os.mkfifo(folder / "fifo.tif")
    (folder / "folder.tif").mkdir()
    with socket.socket(socket.AF_UNIX) as ear:
        ear.bind(str(folder / "socket.tif"))
    (folder / "gone.tif").symlink_to(folder / "nowhere")
    (folder / "round.tif").symlink_to(folder / "round.tif")
    return [*sorted(folder.iterdir()), Path("/dev/zero"), Path("/dev/null")]


def test_what_is_no_file_is_neither_an_image_nor_a_layer(tmp_path):
    for path in special(tmp_path):
        sentence(path)
        sentence(path, rasterfile.describe)


def test_a_catalogue_takes_no_harm_from_claims_of_size(tmp_path):
    path = tmp_path / "a_20240501.tif"
    options = {"driver": "GTiff", "count": 1, "dtype": "uint8", "tiled": True, "blockxsize": 8192, "blockysize": 8192}
    with rasterio.open(path, "w", width=1_000_000, height=1_000_000, sparse_ok=True, bigtiff="yes", **options):
        pass
    catalog = Catalog(tmp_path / "catalog")
    assert "beyond the limit" in sentence(path, lambda p: catalog.add_scene(p, platform="gf-2", bands=["red"]))
    assert catalog.scenes() == []


def test_a_sidecar_that_leads_elsewhere_is_not_followed(tmp_path):
    path = write(tmp_path / "a.tif", ramp())
    (tmp_path / "secret.vrt").write_text("<VRTDataset rasterXSize='1' rasterYSize='1'/>")
    (tmp_path / "a.tif.ovr").symlink_to(tmp_path / "secret.vrt")
    (tmp_path / "a.tif.aux.xml").write_text("<PAMDataset>" + "<a>" * 100_000)
    assert rasterfile.describe(path)["driver"] == "GTiff"


# --- archives -------------------------------------------------------------------------------------


def zipped(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def lying(path: Path, name: str, data: bytes, said: int) -> Path:
    """A member that says another size than it has, in both of its headers."""
    raw = zipped(path, {name: data}).read_bytes()
    path.write_bytes(raw.replace(struct.pack("<I", len(data)), struct.pack("<I", said)))
    return path


def test_archives_that_grow_or_lie(tmp_path):
    assert "unpacks to more" in sentence(zipped(tmp_path / "bomb.zip", {"a.geojson": b"\0" * (64 << 20)}))
    lie = lying(tmp_path / "lie.zip", "a.geojson", b"{" + b" " * 5_000_001 + b"}", 1000)
    assert "get a whole copy" in sentence(lie)
    assert "leads out" in sentence(zipped(tmp_path / "out.zip", {"../../a.geojson": b"{}"}))
    assert "leads out" in sentence(zipped(tmp_path / "root.zip", {"/etc/a.geojson": b"{}"}))
    assert "leads out" in sentence(zipped(tmp_path / "drive.zip", {"C:\\a.geojson": b"{}"}))
    inner = zipped(tmp_path / "inner.zip", {"a.geojson": b"{}"}).read_bytes()
    assert "holds no layer" in sentence(zipped(tmp_path / "nest.zip", {"inner.zip": inner}))
    assert not list(tmp_path.rglob("a.geojson"))
