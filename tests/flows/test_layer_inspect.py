"""Looking a layer over before it is taken in, and the line that it gives, typed."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely

from flows import settings
from geodata.kindguess import guess
from tests.flows.ran import Ran, runner

DATA = Path(__file__).parents[2].parent / "shared" / "data"
BOUNDARIES = DATA / "admin_hunan_xiangtan"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    return runner(tmp_path, monkeypatch)


@pytest.fixture
def office(tmp_path: Path) -> Path:
    made, _ = settings.init(tmp_path / "ws")
    return made.root


def parcels(path: Path, crs: str | None, prefix: int, **columns: list[Any]) -> Path:
    n = len(next(iter(columns.values())))
    shapes = [
        shapely.box(prefix + 395_000 + 200 * i, 3_080_000, prefix + 395_100 + 200 * i, 3_080_100) for i in range(n)
    ]
    gpd.GeoDataFrame(columns, geometry=shapes, crs=crs).to_file(path, engine="pyogrio")
    return path


def typed(run: Any, office: Path, line: str) -> Ran:
    program, *arguments = shlex.split(line)
    assert program == "gengxun"
    ran: Ran = run(*arguments, cwd=office)
    return ran


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_the_line_that_is_shown_takes_the_layer_in(tmp_path: Path, run: Any, office: Path) -> None:
    path = parcels(
        tmp_path / "某县 图斑 2024.gpkg", None, 38_000_000,
        地类=["0101", "0102", "05H1", "0601"], 电话=["13812345678"] * 4, TBBH=["1", "2", "3", "4"],
        BZ=["甲", None, None, None],
    )  # fmt: skip
    text = run("layer", "inspect", path, cwd=tmp_path, lang="zh").out
    for told in ("种类：FARMLAND", "EPSG:4526（未写；坐标与之相符，请确认）".replace("（", " (").replace("）", ")"),
                 "sandiao (sandiao: 05H1 × 1; 含义冲突: 0601 × 1)", "DLBM ← 地类", "去掉：个人信息 ← 电话",
                 "将收入：4 个面"):  # fmt: skip
        assert told in text
    assert " 25%  甲" in text  # of BZ
    assert "13812345678" not in text
    line = text.strip().splitlines()[-1].strip()
    added = typed(run, office, line + " --json")
    assert (added.code, added.json["edition"], added.json["features"]) == (0, "2024", 4)


def test_codes_that_collide_leave_the_choice_to_a_person(tmp_path: Path, run: Any, office: Path) -> None:
    path = parcels(tmp_path / "DLTB.gpkg", "EPSG:4526", 38_000_000, DLBM=["0101", "0601"])
    (one,) = run("layer", "inspect", path, "--json", cwd=office).json["inspected"]
    assert "mean different things" in one["refused"]
    assert [line.rpartition("--code-system ")[2] for line in one["commands"]] == ["sandiao", "ydyh"]
    assert [c["ours"] for c in one["columns"]] == ["DLBM"]
    assert (one["crs_how"], one["place"], one["polygons"]) == ("file", None, None)
    assert not any((office / "catalog").rglob("layer.json"))  # nothing was changed


def test_a_kind_is_told_by_names_columns_and_values() -> None:
    assert guess(["下发"], {"JCBH": {}, "TBLX": {"20": 1}, "QSX": {"20251006": 1}}).kind == "ISSUED"
    planning = guess(["CZKFBJ"], {"GHFQDM": {"610": 1}})
    assert planning.kind == "BOUNDARY"
    assert "城镇开发边界 has no kind of its own" in planning.evidence[0]["en"]
    assert guess(["x"], {"a": {"1": 3}}).kind == ""
    assert guess(["x"], {"c": {"0101": 5, "05H1": 1}, "a": {"1": 6}}).columns == {"DLBM": "c"}
    assert guess(["x"], {"id": {"430302": 1, "430304": 1}}).kind == ""  # numbers alone are no codes
    units = guess(["x"], {"code": {"430302100": 1, "430302101": 1}, "名称": {"甲镇": 1, "乙镇": 1}})
    assert (units.kind, units.columns) == ("DISTRICT", {"XZQDM": "code", "XZQMC": "名称"})


def test_a_mapping_of_a_source_is_kept_and_used_again(tmp_path: Path, run: Any, office: Path) -> None:
    first = parcels(tmp_path / "a.gpkg", "EPSG:4526", 38_000_000, 文号=["湘政地1号"], 项目=["某路"])
    second = parcels(tmp_path / "b.gpkg", "EPSG:4526", 38_000_000, 文号=["湘政地2号"] * 2, 项目=["某厂"] * 2)
    add = ["layer", "add", "APPROVED"]
    said = ["--column", "PZWH=文号", "--column", "XMMC=项目", "--save-mapping", "批次红线"]
    assert run(*add, first, "--edition", "2024", *said, cwd=office).code == 0
    kept = (office / "mappings" / "批次红线.toml").read_text(encoding="utf-8")
    assert '"PZWH" = "文号"' in kept
    assert run(*add, second, "--edition", "2025", "--mapping", "批次红线", cwd=office).code == 0
    held = settings.open_workspace(office).editions
    assert held.store(held.layers()[-1]).column("PZWH").to_pylist() == ["湘政地2号"] * 2
    for name, word in (("另一个", "held are 批次红线"), ("../x", "no name for a mapping")):
        refused = run(*add, second, "--edition", "2026", "--mapping", name, cwd=office)
        assert refused.code == 2
        assert word in refused.err
    other = run("layer", "add", "FACILITY", second, "--edition", "2026", "--mapping", "批次红线", cwd=office)
    assert "is for APPROVED, not for FACILITY" in other.err


@pytest.mark.skipif(not DATA.exists(), reason="the shared data are not here")
def test_the_shifted_boundaries_are_not_taken_in_unnoticed(run: Any, office: Path) -> None:
    coarse, shifted = BOUNDARIES / "longwosion" / "430300.json", BOUNDARIES / "shfshanyue" / "430300.json"
    lw = ["layer", "add", "DISTRICT", coarse, "--edition", "2015", "--column", "XZQDM=id"]
    assert run(*lw, cwd=office).code == 0
    (one,) = run("layer", "inspect", shifted, "--json", cwd=office).json["inspected"]
    assert "lies against DISTRICT 2015 as data in GCJ-02 do" in one["refused"]
    assert one["place"] == {"of": "DISTRICT 2015", "relation": "inside", "share": 1.0}
    assert ["--crs GCJ-02" in line for line in one["commands"]] == [True, False]
    add = ["layer", "add", "DISTRICT", shifted, "--edition", "2024", "--column", "XZQDM=code"]
    refused = run(*add, "--crs", "EPSG:4490", cwd=office)
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "as data in GCJ-02 do" in refused.err
    taken = run(*add, "--crs", "GCJ-02", "--json", cwd=office)
    assert (taken.code, taken.json["crs"]) == (0, "GCJ-02")
    assert any("lies as DISTRICT 2015 does" in text for text in taken.json["warnings"])
