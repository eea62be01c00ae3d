"""Layers at rest: what goes in comes out, by edition and day; what fails leaves nothing."""

import os
import re
import shutil
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geodata.editions import Editions
from geodata.errors import (
    CRSContradiction,
    CRSMissing,
    EmptyData,
    InputError,
    InUse,
    MissingOption,
    UnknownCodes,
    UnreadableFile,
)
from geodata.layers import Kind

DATA = Path(__file__).parents[2].parent / "shared" / "data"
TAIZHOU = DATA / "taizhou_landsat" / "derived"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the shared data are not here")
HECTARE = 9997.2838  # of a square of 100 m, SW (395000, 3080000) in zone 38: domain.md 4.2


def square(i=0, prefix=0):
    x = prefix + 395_000 + 200 * i
    return shapely.box(x, 3_080_000, x + 100, 3_080_100)


def write(path, columns, shapes=None, crs="EPSG:4526", prefix=38_000_000, **options):
    n = len(next(iter(columns.values())))
    shapes = [square(i, prefix) for i in range(n)] if shapes is None else shapes
    frame = gpd.GeoDataFrame(columns, geometry=shapes, crs=crs)
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_file(path, engine="pyogrio", **options)
    return path


def tree(root):
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*"))


@pytest.fixture
def editions(tmp_path):
    (tmp_path / "layers").mkdir()
    return Editions(tmp_path / "layers")


def english(layer):
    return " ".join(text["en"] for text in layer.warnings)


def test_parcels_are_held_in_their_zone_without_prefix_with_their_attributes(editions, tmp_path):
    path = write(
        tmp_path / "DLTB.shp",
        {"DLBM": ["0101", "1006"], "TBBH": ["0001", "0002"], "KCXS": [0.1234, 0.0], "ZLDWMC": ["石鼓村", "石鼓村"]},
        encoding="GBK",
    )
    seen = []
    layer = editions.add("farmland", path, edition="2025", progress=seen.append)
    assert (layer.kind, layer.edition, layer.valid_from) == (Kind.FARMLAND, "2025", date(2025, 1, 1))
    assert (layer.crs, layer.zone, layer.code_system) == ("EPSG:4526", "EPSG:4547", "sandiao")
    assert (layer.delivered, layer.features) == (2, 2)
    assert layer.area_m2 == pytest.approx(2 * HECTARE, abs=0.1)
    assert layer.class_m2["farmland"] == pytest.approx(HECTARE, abs=0.01)
    assert layer.bounds == pytest.approx((112.9342, 27.8295, 112.9373, 27.8304), abs=1e-4)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0

    store = editions.store(layer)
    rows = np.arange(2)
    at = int(np.argmin(shapely.bounds(store.geometries(rows))[:, 0]))
    assert store.geometries(rows)[at].equals(square())
    held = {name: values[at] for name, values in store.attributes(rows, store.columns).items()}
    assert held == {"DLBM": "0101", "TBBH": "0001", "KCXS": 0.1234, "ZLDWMC": "石鼓村"}


def test_the_same_file_again_changes_nothing_and_another_is_a_further_part(editions, tmp_path):
    one = write(tmp_path / "a" / "DLTB.gpkg", {"DLBM": ["0101"]})
    two = write(tmp_path / "b" / "DLTB.gpkg", {"DLBM": ["0102"]}, [square(5, 38_000_000)])
    first = editions.add("FARMLAND", one, edition="2025")
    before = tree(editions.root)
    again = editions.add("FARMLAND", shutil.copy(one, tmp_path / "copy.gpkg"), edition="2025")
    assert again.folder == first.folder
    assert tree(editions.root) == before
    editions.add("FARMLAND", two, edition="2025")
    assert [layer.features for layer in editions.layers()] == [1, 1]
    assert len(editions.on(date(2025, 6, 1)).parts[Kind.FARMLAND]) == 2
    with pytest.raises(InputError, match="is held as valid from 2025-01-01"):
        editions.add("FARMLAND", two, edition="2025", valid_from="2025-02-01")


def test_names_on_disk_are_ours(editions, tmp_path):
    path = write(tmp_path / "a.gpkg", {"DLBM": ["0101"]})
    editions.add("FARMLAND", path, edition="2025/../../x", valid_from="2025")
    names = [p.name for p in editions.root.iterdir()]
    assert all(re.fullmatch(r"[0-9a-f-]{36}", name) for name in names)
    assert editions.layers()[0].edition == "2025/../../x"


def test_no_word_about_persons_is_left_in_the_workspace(editions, tmp_path):
    path = write(
        tmp_path / "YJJBNTTB.gpkg",
        {
            "YJJBNTTBBH": ["1"],
            "DLBM": ["0101"],
            "ZRRZJHM": ["430302199001010017"],
            "LXDH": ["13812345678"],
            "ZRRMC": ["张某某"],
            "JZDZ": ["石鼓村八组"],
            "备用": ["13987654321"],
        },
    )
    layer = editions.add("BASIC_FARMLAND", path, edition="2024")
    assert layer.dropped_columns == ("ZRRZJHM", "LXDH", "ZRRMC", "JZDZ", "备用")
    assert layer.columns == ("YJJBNTTBBH", "DLBM")
    held = b"".join(p.read_bytes() for p in editions.root.rglob("*") if p.is_file())
    for word in ("430302199001010017", "13812345678", "张某某", "石鼓村八组", "13987654321"):
        assert word.encode() not in held


def test_repair_is_reported_by_reason_and_area(editions, tmp_path):
    x, y = 38_395_000, 3_080_000
    bow_tie = shapely.Polygon([(x, y), (x + 100, y + 100), (x + 100, y), (x, y + 100)])
    shapes = [bow_tie, square(1, 38_000_000), square(1, 38_000_000), None, shapely.Polygon()]
    layer = editions.add("REDLINE", write(tmp_path / "STBHHX.gpkg", {"HXMC": list("abcde")}, shapes), edition="2025")
    assert (layer.delivered, layer.features) == (5, 3)
    assert layer.repaired["self_intersection"] == 1
    assert layer.repaired["null_geometry"] + layer.repaired.get("empty_geometry", 0) == 2
    assert layer.area_m2 == pytest.approx(2.5 * HECTARE, abs=0.1)
    assert layer.area_before_m2 == pytest.approx(2 * HECTARE, abs=0.1)  # the lobes of a bow tie cancel
    assert "1 shapes lie exactly on another one" in english(layer)


def test_coefficients_that_cannot_be_are_said_and_count_as_none(editions, tmp_path):
    columns = {"DLBM": ["0103", "0103", "1006"], "KCXS": [0.2, 12.5, 0.1], "TBBH": ["1", "2", "3"]}
    layer = editions.add("FARMLAND", write(tmp_path / "a.gpkg", columns), edition="2025")
    assert "outside [0, 1) for 1 parcels (2: 12.5" in english(layer)
    assert "on 1 parcels that are no farmland (3: 0.1" in english(layer)
    held = editions.store(layer).attributes(np.arange(3), ["TBBH", "KCXS"])
    assert dict(zip(held["TBBH"], held["KCXS"], strict=True)) == {"1": 0.2, "2": 0.0, "3": 0.0}


def test_unknown_codes_are_counted(editions, tmp_path):
    layer = editions.add("FARMLAND", write(tmp_path / "a.gpkg", {"DLBM": ["0101", "9999", "9999", ""]}), edition="2025")
    assert layer.unknown_codes == {"": 1, "9999": 2}
    assert "9999 × 2" in english(layer)
    assert "no column KCXS" in english(layer)


def test_units_of_any_level_without_a_name_are_shown_by_their_code(editions, tmp_path):
    columns = {"XZQDM": ["430302", "430302102000", "4303021020030000000"], "XZQMC": ["雨湖区", None, ""]}
    layer = editions.add("DISTRICT", write(tmp_path / "XZQ.gpkg", columns), edition="2025")
    held = editions.store(layer).attributes(np.arange(3), ["XZQDM", "XZQMC"])
    assert dict(zip(held["XZQDM"], held["XZQMC"], strict=True)) == {
        "430302": "雨湖区",
        "430302102": "430302102",
        "430302102003": "430302102003",
    }
    assert "2 units have no name" in english(layer)


def test_free_columns_of_an_approval_are_kept_and_days_made_uniform(editions, tmp_path):
    columns = {"批文号": ["湘政地〔2025〕1号"], "批准日期": ["20250301"], "项目名称": ["某某道路"], "其他": [7]}
    layer = editions.add("APPROVED", write(tmp_path / "红线.gpkg", columns), edition="2025")
    held = editions.store(layer).attributes(np.arange(1), layer.columns)
    assert held == {"PZWH": ["湘政地〔2025〕1号"], "PZRQ": ["2025-03-01"], "XMMC": ["某某道路"], "其他": ["7"]}


FARMLAND = {"DLBM": ["0101"]}


@pytest.mark.parametrize(
    ("columns", "options", "add", "error", "word"),
    [
        (FARMLAND, {"crs": None}, {}, CRSMissing, "EPSG:4526 would fit"),
        (FARMLAND, {"crs": "EPSG:4525"}, {}, CRSContradiction, "EPSG:4526 would fit"),
        (FARMLAND, {"crs": "EPSG:2362"}, {}, CRSContradiction, "official parameters"),
        (FARMLAND, {}, {"crs": "EPSG:4547"}, CRSContradiction, "the file says EPSG:4526"),
        ({"LX": ["0101"]}, {}, {}, InputError, "--column DLBM="),
        ({"DLBM": ["0601"]}, {}, {}, UnknownCodes, "--code-system"),
        (FARMLAND, {}, {"code_system": "x"}, UnknownCodes, "sandiao or ydyh"),
        (FARMLAND, {}, {"edition": "现状"}, MissingOption, "--valid-from"),
        (FARMLAND, {}, {"layer_name": "x"}, InputError, "has no layer"),
        (FARMLAND, {"shapes": [None], "geometry_type": "Polygon"}, {}, EmptyData, "none of its 1 records"),
        (FARMLAND, {"shapes": [shapely.Point(38_395_000, 3_080_000)]}, {}, InputError, "holds no polygons"),
        ({"DLBM": []}, {"geometry_type": "Polygon"}, {}, EmptyData, "holds no features"),
    ],
)
def test_what_fails_is_said_in_one_sentence_and_leaves_the_workspace_as_it_was(
    editions, tmp_path, columns, options, add, error, word
):
    path = write(tmp_path / "in" / "DLTB.shp", columns, **options)
    editions.add("FARMLAND", write(tmp_path / "ok.gpkg", {"DLBM": ["0103"]}), edition="2020")
    before = tree(editions.root)
    with pytest.raises(error, match=re.escape(word)) as caught:
        editions.add("FARMLAND", path, **{"edition": "2025"} | add)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    assert tree(editions.root) == before


def test_a_file_that_is_not_there_is_said(editions):
    with pytest.raises(UnreadableFile, match="no such file"):
        editions.add("FARMLAND", "nowhere.shp", edition="2025")
    with pytest.raises(InputError, match="the kinds are FARMLAND"):
        editions.add("FOREST", "nowhere.shp", edition="2025")


def test_the_newest_edition_valid_on_the_day_holds_else_the_oldest(editions, tmp_path):
    for edition in ("2023", "2024", "2025-06"):
        editions.add("FARMLAND", write(tmp_path / f"{edition}.gpkg", FARMLAND), edition=edition)
    editions.add("REDLINE", write(tmp_path / "r.gpkg", {"HXMC": ["a"]}), edition="2025")
    for day, chosen in (
        ("2023-01-01", "2023"),
        ("2024-12-31", "2024"),
        ("2025-05-31", "2024"),
        ("2026-01-01", "2025-06"),
    ):
        assert editions.on(date.fromisoformat(day)).editions[Kind.FARMLAND] == chosen
    early = editions.on(date(2022, 7, 1))
    assert early.editions == {Kind.FARMLAND: "2023", Kind.REDLINE: "2025"}
    assert [w["en"].split(":")[0] for w in early.warnings] == ["FARMLAND", "REDLINE"]
    assert "the oldest held (2023, from 2023-01-01)" in early.warnings[0]["en"]
    ((layer, store),) = early.parts[Kind.FARMLAND]
    assert (layer.edition, len(store)) == ("2023", 1)


def test_an_edition_stays_while_flags_refer_to_it(editions, tmp_path):
    editions.add("FARMLAND", write(tmp_path / "a.gpkg", FARMLAND), edition="2025")
    with pytest.raises(InUse, match="3 flags refer"):
        editions.remove("FARMLAND", "2025", referenced=lambda kind, edition: 3)
    with pytest.raises(InputError, match="held are 2025"):
        editions.remove("FARMLAND", "2024", referenced=lambda kind, edition: 0)
    assert len(editions.layers()) == 1
    assert editions.remove("FARMLAND", "2025", referenced=lambda kind, edition: 0) == 1
    assert tree(editions.root) == []


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet"])
def test_an_export_holds_all_parts_with_their_chinese(editions, tmp_path, suffix):
    editions.add(
        "FARMLAND", write(tmp_path / "a.gpkg", {"DLBM": ["0101"], "DLMC": ["水田"], "KCXS": [0.1]}), edition="2025"
    )
    west = write(tmp_path / "b.gpkg", {"DLBM": ["0103"], "DLMC": ["旱地"]}, crs="EPSG:4525", prefix=37_000_000)
    editions.add("FARMLAND", west, edition="2025")
    out = tmp_path / f"out{suffix}"
    editions.export("FARMLAND", "2025", out)
    frame = gpd.read_file(out) if suffix == ".gpkg" else gpd.read_parquet(out)
    assert frame.crs.to_epsg() == 4490  # two zones
    assert sorted(frame["DLMC"]) == ["旱地", "水田"]
    assert sorted(frame.geometry.centroid.x.round(2)) == [109.93, 112.93]
    with pytest.raises(InputError, match=r"is written as .*\.gpkg"):
        editions.export("FARMLAND", "2025", tmp_path / "out.dwg")


def test_a_layer_far_from_the_others_is_asked_about(editions, tmp_path):
    editions.add("FARMLAND", write(tmp_path / "a.gpkg", FARMLAND), edition="2025")
    bare = write(tmp_path / "b.shp", {"HXMC": ["a"]}, crs=None, prefix=0)
    layer = editions.add("REDLINE", bare, edition="2025", crs="EPSG:4546")  # in truth CM 114
    assert "3.0° away from all layers held" in english(layer)


KILLED = """
import os, signal, sys
from geodata.editions import Editions
if __name__ == "__main__":
    def stop(share):
        if share >= float(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
    Editions(sys.argv[1]).add("FARMLAND", sys.argv[2], edition="2025", progress=stop)
"""


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_killed_in_the_middle_it_holds_nothing_and_can_be_run_again(editions, tmp_path, share):
    path = write(tmp_path / "a.gpkg", {"DLBM": ["0101"] * 3})
    (tmp_path / "killed.py").write_text(KILLED)
    done = subprocess.run([sys.executable, tmp_path / "killed.py", editions.root, path, str(share)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert editions.layers() == []
    assert editions.add("FARMLAND", path, edition="2025").features == 3


@needs_data
def test_the_derived_layers_of_taizhou(editions):
    farmland = editions.add("FARMLAND", TAIZHOU / "DLTB.shp", edition="2000")
    basic = editions.add("BASIC_FARMLAND", TAIZHOU / "YJJBNTTB.gpkg", edition="2000")
    units = editions.add("DISTRICT", TAIZHOU / "XZQ.geojson", edition="2000")
    assert [layer.crs for layer in (farmland, basic, units)] == ["EPSG:4528"] * 3
    assert [layer.zone for layer in (farmland, basic, units)] == ["EPSG:4549"] * 3
    assert [layer.features for layer in (farmland, basic, units)] == [1646, 1359, 3]
    assert farmland.class_m2["farmland"] == pytest.approx(89.8e6, rel=1e-3)
    assert basic.dropped_columns == ("ZRRZJHM", "LXDH")
    assert not farmland.warnings
    assert farmland.bounds == pytest.approx((119.84, 32.43, 119.97, 32.55), abs=0.01)
    store = editions.store(farmland)
    held = store.attributes(np.arange(len(store)), ["TBMJ", "DLMC"])
    assert set(held["DLMC"]) <= {"水田", "水浇地", "旱地"}
    assert sum(held["TBMJ"]) == pytest.approx(farmland.area_m2, rel=1e-5)


@needs_data
def test_real_parcels_with_ring_self_intersections_are_mended(editions):
    catalonia = DATA / "dirty_vectors" / "landcover_catalonia"
    layer = editions.add("REDLINE", catalonia / "42112" / "42112.shp", edition="2015")
    assert (layer.features, layer.repaired) == (2723, {"ring_self_intersection": 18})
    assert layer.area_m2 == pytest.approx(layer.area_before_m2, rel=1e-9)
    with pytest.raises(CRSMissing):
        editions.add("REDLINE", catalonia / "42112_noprj" / "42112.shp", edition="2015")


@needs_data
def test_lines_are_refused_as_a_layer(editions):
    with pytest.raises(InputError, match="holds no polygons"):
        editions.add("REDLINE", DATA / "dirty_vectors" / "rivers_mojibake_dbf" / "rivers.shp", edition="2015")


@needs_data
def test_a_table_of_a_geodatabase_is_named_or_asked_for(editions, tmp_path):
    shutil.unpack_archive(DATA / "dirty_vectors" / "openfilegdb" / "testopenfilegdb.gdb.zip", tmp_path)
    gdb = tmp_path / "testopenfilegdb.gdb"
    with pytest.raises(MissingOption, match="--layer"):
        editions.add("APPROVED", gdb, edition="2025")
    layer = editions.add("APPROVED", gdb, edition="2025", layer_name="polygonzm")
    assert (layer.source_layer, layer.repaired) == ("polygonzm", {"z_dropped": 1})


@pytest.mark.soak
def test_a_million_parcels_go_in_with_flat_memory(editions, tmp_path):
    side = 1000
    path = tmp_path / "DLTB.shp"
    for first in range(0, side * side, 100_000):
        i = np.arange(first, first + 100_000)
        x, y = 38_400_000 + (i % side) * 50.0, 3_050_000 + (i // side) * 50.0
        codes = np.where(i % 2 == 0, "0101", "1006")
        frame = gpd.GeoDataFrame(
            {"DLBM": codes, "ZLDWMC": "石鼓村"}, geometry=shapely.box(x, y, x + 40, y + 40), crs=4526
        )
        frame.to_file(path, engine="pyogrio", encoding="GBK", append=first > 0)
    peak = [0]

    def watch(share):
        told = Path("/proc/self/smaps_rollup").read_text()
        peak[0] = max(peak[0], int(re.search(r"^Anonymous:\s+(\d+)", told, re.M)[1]) // 1024)

    watch(0)
    start = peak[0]
    layer = editions.add("FARMLAND", path, edition="2025", progress=watch)
    assert layer.features == side * side
    assert peak[0] - start < 400  # MB of our own; the rest is the file's own pages
