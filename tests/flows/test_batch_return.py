"""``batch return``: an issued batch goes back with its verdicts, in the columns of the form, without persons."""

from __future__ import annotations

import geopandas as gpd
import openpyxl
import pytest

from flows import settings
from pipeline.cases.events import Actor, Kind
from pipeline.cases.evidence import Evidence, to_json
from tests.flows.an_office import FIRST, FOUND, ZONE, square
from tests.flows.test_casework import halves
from tests.pipeline.cases.lives import photo

SENSING, INSPECTOR = Actor("遥感甲", "remote_sensing"), Actor("李外业", "field_inspector")
PATCHES = {  # number → (where, how large): on the known case; on paddy; off all parcels by a third
    "430321SJBG26000001": square(940, 100),
    "430321SJBG26000002": square(300, 300, 50),
    "430321SJBG26000003": square(1960, 300, 60, 100),
}
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffdb0043") + bytes(300) + b"\xff\xd9"


@pytest.fixture
def judged(run, office, tmp_path):
    """The first patch is split along the edge of the paddy, its west a violation by a person, its east a false
    change; the second is rural housing of a company's; the third was not looked at yet."""
    frame = gpd.GeoDataFrame(
        {"JCBH": list(PATCHES), "TBLX": ["20", "YH", "DT"], "HSX": ["20260501"] * 3, "XZQDM": ["430321"] * 3,
         "MJ": [10_000.0, 2_500.0, 6_000.0], "BZ": ["联系 13812345678", "", ""]},
        geometry=list(PATCHES.values()), crs=ZONE,
    )  # fmt: skip
    frame.to_file(tmp_path / "issued.shp", encoding="GBK")
    done = run("batch", "add", tmp_path / "issued.shp", "--source", "issued", "--batch", "2026Q2", "--json")
    assert done.code == 0, done.err
    opened = settings.open_workspace(office)
    with opened.ledger as ledger:
        ledger.clock = lambda: FOUND
        numbers = {clue["clue_id"]: case.number for case in ledger.cases() for clue in case.clues}
        second = numbers["430321SJBG26000002"]
        for number in (FIRST, second):
            ledger.act(number, Kind.DISPATCHED, {"to_whom": "周建军", "reason": "可见"}, SENSING)
    drawn = halves(tmp_path / "parts.gpkg", square(940, 100, 60, 100))
    assert run("case", "do", FIRST, "split", "--as", "李外业:field_inspector", "--parts", drawn).code == 0
    kept = opened.evidence.add(JPEG, "a.jpg").sha256
    with opened.ledger as ledger:
        ledger.clock = lambda: FOUND
        for number, part, key, said in (
            (FIRST, "1", "violation", {"sub": "industry_mining_commerce", "use": "hardening", "built": "2026-05",
                                       "party": "张某某", "text": "已硬化，电话13812345678"}),
            (FIRST, "2", "false_change", {"text": "采伐"}),
            (second, "", "other", {"sub": "rural_homestead", "party": "湘潭某建材有限公司", "project": "民房"}),
        ):  # fmt: skip
            ground = next(p for p in ledger.case(number).parts if p.id == part).geometry
            shots = ("overview", "close") if key == "violation" else ("overview",)
            for shot in shots:
                taken: Evidence = photo(shot, ground, FOUND, **({"sha256": kept} if shot == "close" else {}))
                ledger.act(number, Kind.EVIDENCE, to_json(taken), INSPECTOR, part=part)
            ledger.act(number, Kind.VERDICT, {"verdict": key, **said}, INSPECTOR, part=part)
    return opened


def test_every_patch_goes_back_with_its_verdict(run, judged, tmp_path):
    done = run("batch", "return", "2026Q2", "--out", tmp_path / "回交.xlsx", "--json")
    assert done.code == 0, done.err
    told = done.json
    assert (told["patches"], told["rows"]) == (3, 4)
    assert told["withheld"] == ["430321SJBG26000001_1"]
    assert told["short"] == ["430321SJBG26000003"]  # 20 of its 60 m lie beyond the parcels
    assert {"OBJECTID", "DDTC", "占生态红线面积(亩)"} & set(told["empty"]) == {"OBJECTID", "DDTC"}
    sheet = openpyxl.load_workbook(tmp_path / "回交.xlsx").active
    head, *lines = [[cell.value for cell in row] for row in sheet.iter_rows()]
    rows = {line[head.index("JCBH")]: dict(zip(head, line, strict=True)) for line in lines}
    west, east = rows["430321SJBG26000001_1"], rows["430321SJBG26000001_2"]
    assert (west["父图斑编号"], west["核实认定意见"], west["分类"]) == ("430321SJBG26000001", "非农违法", "工矿商服")
    assert (west["用途分类细化"], west["建设时间"], west["状态"]) == ("硬化", "2026-05", "判定违法")
    assert west["占耕地面积(亩)"] == west["地块面积(亩)"] == pytest.approx(9.0, abs=0.02)  # 60 × 100 m
    assert (east["核实认定意见"], east["占耕地面积(亩)"]) == ("伪变化", 0)
    assert east["占非耕农用地面积(亩)"] == pytest.approx(6.0, abs=0.02)
    assert (west["TBLX"], west["HSX"], west["MJ"]) == ("20", "20260501", 10_000)
    assert west["现场照片"] == "430321_430321SJBG26000001_1_CL_1.jpg；430321_430321SJBG26000001_1_CL_2.jpg"
    home = rows["430321SJBG26000002"]
    assert (home["核实认定意见"], home["分类"], home["项目主体"]) == ("其他", "农村宅基地", "湘潭某建材有限公司")
    assert (rows["430321SJBG26000003"]["状态"], rows["430321SJBG26000003"]["核实认定意见"]) == ("未提报", None)
    every = str(lines)
    assert "张某某" not in every
    assert "13812345678" not in every
    assert "李外业" not in every


def test_the_same_as_a_shapefile(run, judged, tmp_path):
    done = run("batch", "return", "2026Q2", "--out", tmp_path / "back.shp", "--crs", "EPSG:4526",
               "--photos", tmp_path / "photos")  # fmt: skip
    assert done.code == 0, done.err
    assert "4 rows of 3 patches" in done.out
    assert "left empty: OBJECTID" in done.err
    frame = gpd.read_file(tmp_path / "back.shp").set_index("JCBH")
    assert frame.crs.to_epsg() == 4526
    assert frame.HSYJ["430321SJBG26000001_1"] == "非农违法"
    assert frame.geometry["430321SJBG26000001_1"].area == pytest.approx(6_000, rel=1e-4)
    assert frame.geometry["430321SJBG26000003"].area == pytest.approx(6_000, rel=1e-4)
    assert (tmp_path / "back.cpg").read_text() == "GBK"
    assert "1 photos copied" in done.err
    assert [p.name for p in (tmp_path / "photos").iterdir()] == ["430321_430321SJBG26000001_1_CL_2.jpg"]
    assert next((tmp_path / "photos").iterdir()).read_bytes() == JPEG
    unknown = run("batch", "return", "2027Q1", "--out", tmp_path / "x.xlsx")
    assert (unknown.code, len(unknown.err.strip().splitlines())) == (2, 1)
