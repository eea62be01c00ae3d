"""``batch add`` and ``batch list``: issued layers and lists become clues, once; nothing is dropped unsaid."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import openpyxl
import pytest

from tests.flows.an_office import FIRST, ZONE, lonlat, square


def issued(path: Path) -> Path:
    """Four patches of the 2026 form: one on the known case, one new, one of an unknown type, one given twice."""
    frame = gpd.GeoDataFrame(
        {
            "JCBH": ["TB-1", "TB-2", "TB-3", "TB-2"],
            "TBLX": ["20", "KT", "ZZ", "KT"],
            "QSX": ["20251006"] * 4,
            "HSX": ["20260501"] * 4,
            "XZQDM": ["430321"] * 4,
            "XMC": ["湘潭县"] * 4,
            "MJ": [10_000.0, 400.0, 900.0, 400.0],
        },
        geometry=[square(950, 110, 80), square(300, 300, 20), square(1500, 300, 30), square(300, 300, 20)],
        crs=ZONE,
    )
    frame.to_file(path)
    return path


def test_an_issued_layer_becomes_clues_once(run, tmp_path):
    first = run("batch", "add", issued(tmp_path / "issued.shp"), "--source", "issued", "--batch", "2026Q2", "--json")
    assert first.code == 0, first.err
    told = first.json
    assert (told["clues"], told["matched"], len(told["new"]), told["already"]) == (3, [FIRST], 2, 0)
    assert (told["doubled"], told["unknown_codes"], told["unusable"]) == (1, {"ZZ": 1}, [])
    assert (told["off_farmland"], told["points"], told["undated"]) == (1, 0, 0)
    again = run("batch", "add", tmp_path / "issued.shp", "--source", "issued", "--batch", "2026Q2", "--json").json
    assert (again["new"], again["matched"], again["already"]) == ([], [], 3)
    rows = {row["number"]: row for row in run("case", "list", "--batch", "2026Q2", "--json").json}
    assert len(rows) == 3
    assert rows[FIRST]["sources"] == [{"source": "issued", "batch": "2026Q2", "clue_id": "TB-1"}]
    assert rows[FIRST]["before_id"] == "b"
    pond = next(row for row in rows.values() if row["kind"] == "pond")
    assert pond["patch_m2"] == pytest.approx(400, rel=2e-3)
    assert (pond["before_id"], pond["after_id"], pond["after_at"]) == ("", "", "2026-05-01T00:00:00+08:00")
    assert pond["reasons"]["zh"][:2] == ["上级下发，批次 2026Q2，编号 TB-2。", "KT：坑塘。"]
    assert "遥感影像 + 上级下发" in run("case", "list", lang="zh").out
    both = run("case", "show", FIRST).out
    assert "source: imagery of 2026-10-18" in both
    assert "source: issued by the superior office 2026Q2, clue TB-1" in both
    listed = run("batch", "list", "--json").json
    assert [(b["batch"], b["clues"], b["cases"], b["open"]) for b in listed] == [("2026Q2", 3, 3, 3)]
    said = run("batch", "list", lang="zh").out
    assert "3 条线索" in said
    assert run("verify").code == 0
    # the clue confirms what one scene had seen: it may be dispatched without another reason
    sent = run("case", "do", FIRST, "派发", "--as", "遥感甲:remote_sensing", "to_whom=周建军")
    assert sent.code == 0, sent.err


def test_a_list_of_positions_becomes_circles(run, tmp_path):
    inside = lonlat(square(500, 500)).centroid
    rows = (
        "铁塔告警清单,,,",
        "编号,经度,纬度,告警时间,联系电话",
        f"A1,{inside.x:.6f},{inside.y:.6f},2026/11/02,13800000000",
        "A2,,27.8,2026-11-03,",
        "A3,27.8,112.9,2026-11-03,",
        ",,,,",
        f"A4,{inside.x + 0.002:.6f},{inside.y:.6f},,",
    )
    (tmp_path / "tower.csv").write_bytes("\r\n".join(rows).encode("gb18030"))
    done = run("batch", "add", tmp_path / "tower.csv", "--source", "tower", "--batch", "11月", "--json")
    assert done.code == 0, done.err
    told = done.json
    assert (told["clues"], told["points"], told["undated"], told["point_radius_m"]) == (2, 2, 1, 20.0)
    assert [one["record"] for one in told["unusable"]] == [2, 3]
    row = run("case", "show", told["new"][0], "--json").json
    assert row["patch_m2"] == pytest.approx(1256, rel=1e-2)
    assert "13800000000" not in str(row)
    assert row["clues"][0]["fields"] == {"JCBH": "A1", "HSX": "2026/11/02"}
    in_words = run("batch", "add", tmp_path / "tower.csv", "--source", "tower", "--batch", "11月", lang="zh")
    assert "20 米" in in_words.err
    assert "第 2 条" in in_words.err


def test_a_workbook_with_wkt_and_names_of_its_own(run, tmp_path):
    book = openpyxl.Workbook()
    sheet = book.create_sheet("自查")
    sheet.append(["序", "地块", "范围"])
    sheet.append([1, "S-1", lonlat(square(200, 700, 30)).wkt])
    sheet.append([2, "S-2", "POLYGON ((1 2"])
    book.save(tmp_path / "self.xlsx")
    call = ("batch", "add", tmp_path / "self.xlsx", "--source", "selfcheck", "--batch", "自查1")
    assert run(*call).code == 2
    named = (*call, "--sheet", "自查", "--column", "JCBH=地块", "--column", "WKT=范围")
    done = run(*named, "--as", "管理员:administrator", "--json")
    assert done.code == 0, done.err
    assert (len(done.json["new"]), len(done.json["unusable"])) == (1, 1)
    refused = run(*call, "--sheet", "自查", "--column", "JCBH=编号")
    assert (refused.code, "地块" in refused.err) == (2, True)
    assert run(*call, "--sheet", "表9").code == 2
    other = ("batch", "add", tmp_path / "self.xlsx", "--source", "selfcheck", "--batch", "自查2", *named[7:])
    assert run(*other, "--as", "李外业:field_inspector").code == 2


def test_a_list_in_metres_needs_its_coordinate_system_said(run, tmp_path):
    ground = square(600, 600).centroid
    (tmp_path / "list.csv").write_text(f"编号,东,北\nM1,{ground.x:.2f},{ground.y:.2f}\n", encoding="utf-8")
    call = ("batch", "add", tmp_path / "list.csv", "--source", "patrol", "--batch", "m", "--json")
    named = (*call, "--column", "LON=东", "--column", "LAT=北")
    assert run(*call).code == 2
    assert len(run(*named).json["unusable"]) == 1
    done = run(*named, "--crs", ZONE)
    assert done.code == 0, done.err
    row = run("case", "show", done.json["new"][0], "--json").json
    assert (row["lon"], row["lat"]) == pytest.approx((lonlat(ground).x, lonlat(ground).y), abs=1e-6)


@pytest.mark.parametrize("name", ["nothing.csv", "empty.csv", "binary.csv", "broken.xlsx", "nothing.gpkg"])
def test_what_cannot_be_read_is_one_sentence(run, tmp_path, name):
    if name == "empty.csv":
        (tmp_path / name).write_text("")
    if name == "binary.csv":
        (tmp_path / name).write_bytes(b"\0\1\2" * 99)
    if name == "broken.xlsx":
        (tmp_path / name).write_bytes(b"PK\x03\x04" + b"x" * 99)
    refused = run("batch", "add", tmp_path / name, "--source", "tower", "--batch", "x")
    assert (refused.code, refused.out, len(refused.err.strip().splitlines())) == (2, "", 1)
    assert name in refused.err
