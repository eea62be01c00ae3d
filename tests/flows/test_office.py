"""``remind``, ``stats``, ``export``, ``law`` and the place of the ledger, as they are called."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import geopandas as gpd
import openpyxl
import pytest

from flows import settings
from pipeline.cases.events import Actor, Kind
from pipeline.cases.ledger import Ledger
from pipeline.workbook import Field, workbook
from tests.flows.an_office import FIRST, FOUND, build, flagged, square
from tests.pipeline.cases.conftest import server  # noqa: F401 (a fixture)
from tests.pipeline.cases.lives import photo

SENSING, INSPECTOR = Actor("遥感甲", "remote_sensing"), Actor("李外业", "field_inspector")
OFFICER, LEADER = Actor("周建军", "district_officer"), Actor("刘局长", "leader")
SECOND = "430321-2026-00002"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One case checked, a violation, with a proceeding; another from outside, its check overdue."""
    from pipeline.cases.evidence import Evidence, to_json
    from tests.pipeline.cases.lives import sha

    root = build(tmp_path_factory.mktemp("office"))
    office = settings.open_workspace(root)
    with Ledger(root / "ledger.db", clock=lambda: FOUND) as ledger:
        made = flagged(office, square(100, 500, 50), before_at=None, after_at=FOUND)
        clue = replace(made, change=replace(made.change, before_id="", after_id=""))
        ledger.receive([(clue, {"source": "tower", "batch": "11月", "clue_id": "=A1"})], SENSING)
        for number in (FIRST, SECOND):
            ledger.act(
                number, Kind.DISPATCHED, {"to_whom": "周建军", "reason": "可见", "due_on": "2026-11-23"}, SENSING
            )
        ground = ledger.case(FIRST).geometry
        for shot in ("overview", "close"):
            ledger.act(FIRST, Kind.EVIDENCE, to_json(photo(shot, ground, FOUND)), INSPECTOR)
        said = {"verdict": "violation", "sub": "industry_mining_commerce", "use": "hardening", "built": "2026-05"}
        ledger.act(FIRST, Kind.VERDICT, {**said, "party": "=cmd|'/c calc'!A1", "text": "x"}, INSPECTOR)
        ledger.act(FIRST, Kind.ORDERED, {"rectification": "restored_tillage"}, OFFICER)
        paper = Evidence(sha("8001"), "document", "", "application/pdf", 9, None, FOUND, title="8001")
        ledger.act(FIRST, Kind.EVIDENCE, to_json(paper), OFFICER)
        ledger.act(FIRST, Kind.PROCEEDING, {"step": "file", "cause": "77", "party_kind": "organisation",
                                            "authority": "county", "approved_by": LEADER.name}, OFFICER)  # fmt: skip
    return root


def test_what_is_overdue_is_counted_alike_or_named(run, office, monkeypatch):
    """The loop's own last days are one number everywhere; what runs beside it is said apart."""
    from flows.reminding import run as remind
    from pipeline.cases.rows import on_day
    from pipeline.statistics import statistics

    late = datetime(2028, 1, 3, 4, tzinfo=UTC)
    opened = settings.open_workspace(office)
    with Ledger(office / "ledger.db", clock=lambda: FOUND) as ledger:
        ledger.act(FIRST, Kind.PAUSED, {"reason": "行政复议"}, LEADER)
    found = remind(opened, now=late)
    rows = [on_day(row, late.date()) for row in opened.ledger.rows()]
    listed = opened.ledger.rows(due_before=late.date())
    total = statistics(iter(rows), today=late.date())["total"]
    assert found["overdue_cases"] == len(listed) == total["overdue"] == 1  # the paused one does not run
    assert found["overdue_beside"] >= 1
    assert found["overdue"] == found["overdue_cases"] + found["overdue_beside"] + found["overdue_again"]


def test_remind_names_numbers_and_days_only(run):
    found = run("remind", "--days", 400, "--json")
    assert found.code == 0, found.err
    first = next(r for r in found.json["reminders"] if r["number"] == SECOND)
    assert (first["person"], first["on"], first["district_name"]) == ("周建军", "2026-11-23", "湘潭县")
    today = date.fromisoformat(found.json["today"])
    assert first["days_left"] == (date(2026, 11, 23) - today).days
    beside = {r["what"] for r in found.json["reminders"] if r["beside"] == "proceeding"}
    assert beside
    text = run("remind", "--days", 400, lang="zh").out
    assert "湘潭县 · 周建军" in text
    assert "cmd" not in text
    none = run("remind", "--days", 0, "--json").json
    assert all(r["days_left"] <= 0 for r in none["reminders"])


def test_a_provisional_day_is_counted_again_when_the_table_comes(office):
    from flows.reminding import run as remind

    opened = settings.open_workspace(office)
    with opened.ledger as ledger:
        due = ledger.case(FIRST).parts[0].due
        late = {**due, "from": "2031-01-10", "on": "2031-02-14", "provisional": True, "n": 25, "unit": "workdays"}
        ledger.act(FIRST, Kind.DUE_SET, {"due": late}, Actor("管理员", "administrator"))
    assert remind(opened)["recounted"] == []
    (office / "law").mkdir()
    (office / "law" / "workdays.toml").write_text(
        '[[year]]\nyear = 2031\nsource = "国办"\nholidays = ["2031-01-01", "2031-01-22..2031-01-28"]\nworkdays = []\n',
        encoding="utf-8",
    )
    (again,) = remind(opened)["recounted"]
    assert (again["case"], again["was"], again["on"]) == (FIRST, "2031-02-14", "2031-02-21")
    with opened.ledger as ledger:
        due = ledger.case(FIRST).parts[0].due
        assert (due["on"], due["provisional"]) == ("2031-02-21", False)
        assert ledger.events(FIRST)[-1].role == "system"
    assert remind(opened)["recounted"] == []


def test_the_register_as_a_workbook_runs_no_formula(run, tmp_path):
    done = run("export", tmp_path / "台账.xlsx", "--json", lang="zh")
    assert (done.code, done.json["rows"]) == (0, 2), done.err
    sheet = openpyxl.load_workbook(tmp_path / "台账.xlsx").active
    assert sheet["A1"].value.startswith("耕地图斑台账")
    names = [cell.value for cell in sheet[2]]
    at = {name: n for n, name in enumerate(names)}
    assert names[:4] == ["序号", "批次", "图斑编号", "子图斑号"]
    first = sheet[3]
    assert first[at["图斑编号"]].value == FIRST
    assert (first[at["建设主体"]].value, first[at["建设主体"]].data_type) == ("=cmd|'/c calc'!A1", "s")
    assert first[at["占耕地（亩）"]].value == pytest.approx(9.0, rel=2e-3)
    assert first[at["前时相"]].value == datetime(2025, 10, 20)
    assert first[at["核实意见"]].value == "非农违法"
    assert (first[at["是否立案"]].value, first[at["罚款（元）"]].value) == ("是", 0)
    assert first[at["原地类"]].value == "0101 水田"
    assert sheet[4][at["批次"]].value == "11月"
    assert sheet[4][at["前时相"]].value is None
    footer = sheet.cell(6, 1).value
    assert done.json["head"] in footer
    assert run("verify", "--head", tmp_path / "ws" / "heads.jsonl", "--json").json["heads"] >= 1


def test_texts_that_a_spreadsheet_would_run_are_marked(tmp_path):
    fields = [Field("A", "a", "text"), Field("B", "b", "number"), Field("C", "c", "day")]
    rows = [["=1+1", 2.5, date(2026, 1, 2)], ["+x", None, None], ["-1", 0, "2026-03-04T00:00"], ["@s\x07", 1, None]]
    (tmp_path / "x.xlsx").write_bytes(workbook("s", "=title", fields, rows, ["=end"]))
    sheet = openpyxl.load_workbook(tmp_path / "x.xlsx").active
    assert [sheet.cell(n, 1).value for n in range(3, 7)] == ["=1+1", "+x", "-1", "@s"]
    assert all(sheet.cell(n, 1).data_type == "s" and sheet.cell(n, 1).quotePrefix for n in range(3, 7))
    assert (sheet.cell(3, 2).value, sheet.cell(5, 3).value) == (2.5, datetime(2026, 3, 4))
    assert (sheet["A1"].data_type, sheet.cell(8, 1).value) == ("s", "=end")


@pytest.mark.parametrize(
    ("name", "crs"), [("out.gpkg", 4490), ("out.shp", 4490), ("out.gdb", 4526), ("out.geojson", 4547)]
)
def test_the_register_as_features(run, tmp_path, name, crs):
    asked = () if crs == 4490 else ("--crs", f"EPSG:{crs}")
    done = run("export", tmp_path / name, "--batch", "11月", "--json", *asked)
    assert (done.code, done.json["rows"]) == (0, 1), done.err
    frame = gpd.read_file(tmp_path / name)
    assert frame.crs.to_epsg() == crs
    (row,) = frame.to_dict("records")
    assert (row["TBBH"], row["XQ"], row["PC"]) == (SECOND, "湘潭县", "11月")
    assert row["GDMJ"] == pytest.approx(3.75, rel=2e-3)
    if name == "out.shp":
        assert (tmp_path / "out.cpg").read_text() == "GBK"
    if name != "out.shp":
        return
    assert run("export", tmp_path / name, "--json").json["rows"] == 2
    assert len(gpd.read_file(tmp_path / name)) == 2


def test_an_export_elsewhere_is_refused(run, tmp_path):
    (tmp_path / "folder.xlsx").mkdir()
    for path, code in (("x.csv", 2), (tmp_path / "nowhere" / "x.xlsx", 2), (tmp_path / "folder.xlsx", 1)):
        refused = run("export", path)
        assert (refused.code, len(refused.err.strip().splitlines())) == (code, 1)
    assert run("export", tmp_path / "x.xlsx", "--district", "x").code == 2


def test_statistics_with_the_ratio(run, tmp_path):
    (tmp_path / "lawful.csv").write_text("XZQDM,年份,合法占用耕地面积(亩)\n430321,2026,100\n430302,2026,5\n")
    found = run("stats", "--construction", tmp_path / "lawful.csv", "--json")
    assert found.code == 0, found.err
    total = found.json["total"]
    assert (total["found"], total["violation"], total["overdue"] >= 1) == (2, 1, True)
    ratio = next(r for r in found.json["farmland_ratio"] if r["district_code"] == "430321")
    assert ratio["lawful_m2"] == pytest.approx(66_666.67)
    assert ratio["numerator"] == pytest.approx(5700, rel=2e-3)
    assert run("stats", "--from", "2026-12-01", "--json").json["total"]["found"] == 0
    text = run("stats", "--by", "township", lang="zh").out
    assert "430321101 示意镇" in text
    assert [(one["name"], one["right"], one["n"]) for one in found.json["precision"]["by_district"]] == [
        ("湘潭县", 1, 1)
    ]
    assert "准确率（以实地核查为准）: 核实不足 20 个，暂不给准确率（已核实 1 个）" in text
    for wrong in ("a,b\n1,2\n", "XZQDM,年份,面积(亩)\n430321,2026,many\n"):
        (tmp_path / "wrong.csv").write_text(wrong)
        assert run("stats", "--construction", tmp_path / "wrong.csv").code == 2
    assert run("stats", "--from", "yesterday").code == 2


def test_the_offices_own_standard_is_asked(run, office):
    done = run("law", "template", "closing")
    assert done.code == 0
    assert (office / "law" / "closing.toml").is_file()
    assert run("law", "template", "closing").code == 2
    (office / "law" / "closing.toml").write_text("[[closing]]\nkey = 1\n")
    wrong = run("case", "do", SECOND, "note", "--as", "刘局长:leader", "text=x")
    assert (wrong.code, "closing.toml" in wrong.err) == (2, True)


@pytest.mark.parametrize("url", ["nonsense://x", "postgresql://nobody@127.0.0.1:1/none?connect_timeout=1"])
def test_a_ledger_that_cannot_be_reached_is_one_sentence(run, office, url):
    (office / "gengxun.toml").write_text(f'[ledger]\nurl = "{url}"\n')
    refused = run("case", "list")
    assert (refused.code in (1, 2), len(refused.err.strip().splitlines())) == (True, 1)


def test_the_ledger_lies_where_its_url_says(run, office, tmp_path, server):  # noqa: F811
    (office / "gengxun.toml").write_text(f'[ledger]\nurl = "{server.fresh()}"\n')
    assert run("case", "list", "--json").json == []
    (tmp_path / "list.csv").write_text("编号,经度,纬度\nA1,112.9,27.8\n", encoding="utf-8")
    added = run("batch", "add", tmp_path / "list.csv", "--source", "report", "--batch", "1", "--json")
    assert added.code == 0, added.err
    (number,) = added.json["new"]
    sent = run("case", "do", number, "dispatch", "--as", "遥感甲:remote_sensing", "to_whom=周建军")
    assert sent.code == 0, sent.err
    assert run("case", "list", "--assignee", "周建军", "--json").json[0]["number"] == number
    assert run("remind", "--days", 400, "--json").json["reminders"][0]["number"] == number
    assert run("verify").code == 0
