"""Standards: the project's data, an office's own before them, and a wrong file refused with its line."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geodata import words
from geodata.errors import InputError
from pipeline.cases.lawfile import parse
from pipeline.cases.standards import FILES, LAW, standards, write_template

DAY = date(2026, 11, 24)


@pytest.fixture(autouse=True)
def _english():
    words.use("en")
    yield
    words.use(None)


# --- the project's own ---------------------------------------------------------------------------


def test_verdicts_are_those_of_the_form() -> None:
    verdicts = standards(DAY).verdicts
    assert {key: one.name["zh"] for key, one in verdicts.items()} == {
        "lawful": "合法",
        "facility": "设施农用地",
        "rural_road": "农村道路",
        "other": "其他",
        "violation": "非农违法",
        "false_change": "伪变化",
        "basemap_wrong": "底图有误",
    }
    assert {key: len(one.subs) for key, one in verdicts.items() if one.subs} == {
        "lawful": 4,
        "other": 18,
        "violation": 4,
    }
    assert ", ".join(one["zh"] for one in verdicts["other"].subs.values()) == (
        "边角细缝, 边坡治理, 地下管廊（网）, 农村宅基地, 直接服务于河道的水工建筑/涉海用地, "
        "JY, 农村土坟, 203范围及开天窗, SM, "
        "省外飞地, 出入口, 紧急用地, 合法矿区内的矿山修复治理, 生态修复用地, 电力设施, 灾毁地块, 水面高架桥, 其他"
    )
    uses = verdicts["violation"].uses
    assert {
        verdicts["violation"].subs[sub]["zh"]: [u["zh"] for u in inner.values()] for sub, inner in uses.items()
    } == {
        "工矿商服": ["厂房类", "光伏", "硬化", "文旅", "采矿用地", "挖湖造景"],
        "民生公益": ["公共管理和公共服务", "城镇住宅", "特殊用地"],
        "道路交通": ["高速高铁", "国省干道", "地方城镇道路"],
        "圈占堆放等其他用地": ["圈占/堆放压占"],
    }
    assert [key for key, one in verdicts.items() if one.leads_to == "rectify"] == ["violation"]
    assert all(one.photos.get("overview", 0) >= 1 for one in verdicts.values())


def test_what_a_verdict_needs_is_said_one_by_one() -> None:
    verdicts = standards(DAY).verdicts

    def wrong(key: str, **payload: object) -> str | None:
        said = verdicts[key].wrong(payload)
        return said and said["zh"]

    assert wrong("lawful") == "“合法”须选 sub=…：approval 批文、land_supply 供地手续、certificate 登记发证、other 其他"
    paper = {"sub": "approval", "paper_kind": "农转用批复", "paper_number": "湘政地〔2025〕88号"}
    assert wrong("lawful", **paper) == "“合法”须填 paper_date=…（批准日期）"
    assert wrong("lawful", **paper, paper_date="2025-02-30") == (
        "paper_date=…（批准日期）应为日期，如 2026-03-01，现为 2025-02-30"
    )
    assert wrong("lawful", **paper, paper_date="2025-02-28") is None
    assert wrong("lawful", **paper, paper_date=date(2025, 2, 28)) is None
    assert "text" in (wrong("lawful", **{**paper, "sub": "other"}, paper_date="2025-02-28") or "")
    assert wrong("facility", filing_number=" ") == "“设施农用地”须填 filing_number=…（备案号）"
    assert wrong("facility", filing_number="湘潭设农〔2026〕3号") is None
    assert "没有细类" in (wrong("facility", sub="other", filing_number="1") or "")
    built = {"sub": "transport", "use": "local_road"}
    assert wrong("violation", **built) == "“非农违法”须填 built=…（建设时间）"
    assert wrong("violation", **built, built="2026-13") is not None
    assert wrong("violation", **built, built="2026-03") is None
    assert wrong("violation", **built, built="2019") is None
    # the finer use belongs to its category
    assert wrong("violation", sub="transport", use="factory", built="2026") == (
        "use=… 只能是：expressway_railway 高速高铁、trunk_road 国省干道、local_road 地方城镇道路"
    )
    assert wrong("rural_road", width_m="0") is not None
    assert wrong("rural_road", width_m="nan") is not None
    assert wrong("rural_road", width_m="3.5") is None
    assert wrong("false_change") is not None
    assert wrong("basemap_wrong", ground="坑塘水面") is None


def test_closings_are_the_seven_kinds_and_restoration_asks_for_all_three_proofs() -> None:
    found = standards(DAY)
    assert {key: one.name["zh"] for key, one in found.closings.items()} == {
        "restored_tillage": "拆除复耕",
        "restored_other": "拆除恢复原状",
        "formalities": "补办手续",
        "confiscated": "没收",
        "to_agriculture": "移交农业农村",
        "to_police": "移送司法",
        "historical": "纳入历史遗留台账",
    }
    for key in ("restored_tillage", "restored_other"):
        one = found.closings[key]
        assert (one.photo_in_place, one.clear_scenes, one.flights, one.outcome) == (True, 2, 1, "rectified")
    assert all(one.documents for one in found.closings.values())
    assert found.watch_months == 24


@pytest.mark.parametrize(
    ("key", "start", "end", "provisional"),
    [
        ("check", "2026-09-28", "2026-10-23", False),  # 15 working days: Sep 29, 30, Oct 8, 9, 10 (Sat), 12–16, 19–23
        ("report_duty", "2026-11-20", "2026-11-25", False),  # Friday + 3
        ("decision", "2026-11-24", "2027-02-22", False),  # 90 days
        ("payment", "2026-09-18", "2026-10-08", False),  # 15 days end on Oct 3: rolls
        ("hand_over", "2026-07-04", "2026-10-02", False),  # 90 days, the office's own: does not roll
        ("lawsuit", "2026-04-03", "2026-10-08", False),  # 6 months end on Oct 3: rolls
        ("reconsideration", "2026-11-24", "2027-01-25", True),  # 60 days end on Sat Jan 23 2027
        ("lawsuit_demolition", "2026-11-24", "2026-12-09", False),
        ("urge", "2026-09-24", "2026-10-15", False),  # 10: Sep 28–30, Oct 8, 9, 10 (Sat), 12–15; Sep 25 is off
        ("transfer_delivery", "2026-11-27", "2026-11-28", False),  # 24 hours, Friday to Saturday
        ("limitation", "2024-11-24", "2026-11-24", False),
    ],
)
def test_periods_of_the_law_end_where_a_hand_count_ends_them(key: str, start: str, end: str, provisional: bool) -> None:
    due = standards(DAY).due(key, date.fromisoformat(start))
    assert (due.day.isoformat(), due.provisional) == (end, provisional)


def test_every_period_of_the_reference_is_there_with_its_law_and_how_sure_it_is() -> None:
    found = standards(DAY).deadlines
    said = {key: (one.n, one.unit) for key, one in found.items()}
    wanted = {
        "filing": (10, "workdays"),
        "preservation": (7, "workdays"),
        "statement": (5, "workdays"),
        "hearing_request": (5, "workdays"),
        "hearing_notice": (7, "workdays"),
        "decision": (90, "days"),
        "decision_extension": (30, "days"),
        "service": (7, "workdays"),
        "payment": (15, "days"),
        "reconsideration": (60, "days"),
        "lawsuit": (6, "months"),
        "lawsuit_demolition": (15, "days"),
        "urge": (10, "workdays"),
        "court_application": (3, "months"),
        "limitation": (24, "months"),
        "withdraw_publication": (3, "workdays"),
        "hand_over": (90, "days"),
        "report_duty": (3, "workdays"),
        "transfer_decision": (3, "days"),
        "transfer_delivery": (24, "hours"),
    }
    assert wanted.items() <= said.items()
    assert {"check", "rectify", "accept"} <= said.keys()
    everything = standards(DAY)
    for one in (*everything.verdicts.values(), *everything.closings.values(), *everything.deadlines.values()):
        assert one.source
        assert one.certainty in ("confirmed", "high", "medium", "low", "design")


# --- an office's own -----------------------------------------------------------------------------

CHECK = """
[[deadline]]
key = "check"
zh = "线索核查"
n = 7
unit = "workdays"
roll = false
valid_from = 2026-06-01
source = "市局 2026 年 5 月通知"
"""


def office(folder: Path, **files: str) -> Path:
    law = folder / "law"
    law.mkdir(exist_ok=True)
    for name, text in files.items():
        (law / f"{name}.toml").write_text(text, "utf-8")
    return law


def test_an_entry_of_the_office_holds_from_its_day_on(tmp_path: Path) -> None:
    law = office(tmp_path, deadlines=CHECK)
    assert standards(date(2026, 5, 31), law).deadlines["check"].n == 15
    rule = standards(date(2026, 6, 1), law).deadlines["check"]
    assert (rule.n, rule.source, rule.certainty) == (7, "市局 2026 年 5 月通知", "office")
    assert rule.name == {"zh": "线索核查", "en": "线索核查"}
    assert standards(DAY, law).deadlines["decision"] == standards(DAY).deadlines["decision"]


def test_an_office_adds_a_kind_which_is_not_in_force_before_its_day(tmp_path: Path) -> None:
    law = office(tmp_path, deadlines=CHECK.replace('"check"', '"site_visit"'))
    assert "site_visit" not in standards(date(2026, 5, 31), law).deadlines
    assert standards(DAY, law).due("site_visit", date(2026, 11, 24)).day == date(2026, 12, 3)


def test_of_two_entries_of_the_office_the_later_in_force_holds(tmp_path: Path) -> None:
    law = office(tmp_path, deadlines=CHECK + CHECK.replace("n = 7", "n = 9").replace("2026-06-01", "2026-12-01"))
    assert standards(DAY, law).deadlines["check"].n == 7
    assert standards(date(2026, 12, 1), law).deadlines["check"].n == 9


def test_an_office_gives_the_days_off_of_a_new_year(tmp_path: Path) -> None:
    start = date(2026, 12, 31)
    assert standards(DAY).due("check", start).provisional
    table = '[[year]]\nyear = 2027\nsource = "国办发明电〔2026〕9号"\n'
    law = office(
        tmp_path, workdays=table + 'holidays = ["2027-01-01..2027-01-03", "2027-01-15"]\nworkdays = ["2027-01-09"]\n'
    )
    due = standards(DAY, law).due("check", start)
    # Jan 4–8 (5), Sat 9 (6), 11–14 (10), 15 off, 18–22 (15)
    assert (due.day, due.provisional) == (date(2027, 1, 22), False)


def test_the_digest_changes_with_what_was_read_and_with_nothing_else(tmp_path: Path) -> None:
    plain = standards(DAY).digest
    assert re.fullmatch(r"[0-9a-f]{64}", plain)
    assert standards(date(2020, 1, 1)).digest == plain
    assert standards(DAY, tmp_path / "none").digest == plain
    one = standards(DAY, office(tmp_path, deadlines=CHECK)).digest
    assert one != plain
    assert standards(DAY, office(tmp_path, deadlines=CHECK.replace("7", "8"))).digest not in (plain, one)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert standards(DAY, office(elsewhere, deadlines=CHECK)).digest == one


@pytest.mark.parametrize("name", FILES)
def test_a_template_changes_nothing_until_an_entry_is_uncommented(tmp_path: Path, name: str) -> None:
    law = tmp_path / "law"
    path = write_template(law, name)
    assert path == law / f"{name}.toml"
    before, after = standards(DAY), standards(DAY, law)
    assert (after.verdicts, after.closings, after.deadlines) == (before.verdicts, before.closings, before.deadlines)
    text = path.read_text("utf-8")
    assert parse("t", text.encode()).data == {}
    whole = re.sub(r"(?m)^#(?=\S)", "", text)
    assert parse("t", whole.encode()).data == parse("p", (LAW / path.name).read_bytes()).data
    path.write_text(whole, "utf-8")
    standards(DAY, law)
    with pytest.raises(InputError, match="is there already"):
        write_template(law, name)


def test_there_is_no_template_of_another_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"verdicts, closing, deadlines, workdays"):
        write_template(tmp_path, "../secret")
    assert list(tmp_path.iterdir()) == []


def test_an_office_relaxes_its_closing_standard_within_what_restoration_needs(tmp_path: Path) -> None:
    law = office(tmp_path, closing=CLOSING.replace("clear_scenes = 2", "clear_scenes = 3"))
    rule = standards(DAY, law).closings["restored_tillage"]
    assert (rule.clear_scenes, rule.photos, rule.documents) == (3, {"after": 4}, ("site_record",))
    assert rule.document_names["site_record"]["zh"] == "现场验收记录"
    assert standards(DAY, law).watch_months == 36


# --- refusals ------------------------------------------------------------------------------------

CLOSING = """watch_months = 36
[documents]
site_record = { zh = "现场验收记录" }

[[closing]]
key = "restored_tillage"
zh = "拆除复耕"
valid_from = 2026-06-01
source = "市局销号标准"
photos = { after = 4 }
photo_in_place = true
clear_scenes = 2
flights = 1
documents = ["site_record"]
residue_m2 = 20
outcome = "rectified"
"""

VERDICT = """[[verdict]]
key = "facility"
zh = "设施农用地"
valid_from = 2026-06-01
source = "市局"
needs = ["filing_number"]
photos = { overview = 1 }
leads_to = "accept"
outcome = "lawful"
"""


@pytest.mark.parametrize(
    ("name", "good", "old", "new", "line", "key", "reason"),
    [
        ("closing", CLOSING, "flights", "flight", 13, "closing.flight (restored_tillage)", "unknown; known are"),
        ("closing", CLOSING, "flights = 1\n", "", 5, "closing.flights", "is missing"),
        ("closing", CLOSING, "flights = 1", 'flights = "1"', 13, "closing.flights", "whole number from 0 to 12"),
        ("closing", CLOSING, "flights = 1", "flights = true", 13, "closing.flights", "whole number"),
        ("closing", CLOSING, "clear_scenes = 2", "clear_scenes = 200", 12, "closing.clear_scenes", "0 to 12, not 200"),
        ("closing", CLOSING, "residue_m2 = 20", "residue_m2 = -1", 15, "closing.residue_m2", "0 to 10000, not -1"),
        ("closing", CLOSING, "residue_m2 = 20", "residue_m2 = nan", 15, "closing.residue_m2", "must be a number"),
        ("closing", CLOSING, "after = 4", "aftre = 4", 10, "closing.photos", "aftre is unknown; known are overview"),
        ("closing", CLOSING, "after = 4", "after = 4.5", 10, "closing.photos.after", "whole number"),
        ("closing", CLOSING, "photos = { after = 4 }", "photos = 4", 10, "closing.photos", "must be a table"),
        ("closing", CLOSING, "valid_from = 2026-06-01\n", "", 5, "closing.valid_from", "is missing"),
        ("closing", CLOSING, "2026-06-01", '"2026-06-01"', 8, "closing.valid_from", "without quotes"),
        ("closing", CLOSING, "2026-06-01", "2026-06-01T00:00:00", 8, "closing.valid_from", "must be a date"),
        ("closing", CLOSING, '"市局销号标准"', '""', 9, "closing.source", "must be a text"),
        ("closing", CLOSING, '["site_record"]', '["sheet"]', 14, "closing.documents", "sheet is unknown"),
        ("closing", CLOSING, '["site_record"]', '"site_record"', 14, "closing.documents", "must be a list"),
        ("closing", CLOSING, '"rectified"', '"closed"', 16, "closing.outcome", "must be one of"),
        ("closing", CLOSING, "place = true", "place = 1", 11, "closing.photo_in_place", "true or false"),
        ("closing", CLOSING, "place = true", "place = false", 11, "closing.photo_in_place", "photo taken in place"),
        ("closing", CLOSING, "= 36", "= 0", 1, "watch_months", "1 to 600, not 0"),
        ("closing", CLOSING, "watch_months", "watch", 1, "watch", "unknown; known are"),
        ("closing", CLOSING, "[[closing]]", "[closing]", 5, "closing", "must be written as [[closing]]"),
        ("closing", CLOSING, '{ zh = "现场验收记录" }', '{ en = "x" }', 3, "documents.site_record.zh", "is missing"),
        ("verdicts", VERDICT, "filing_number", "file_number", 6, "verdict.needs", "file_number is unknown"),
        ("verdicts", VERDICT, '"accept"', '"close"', 8, "verdict.leads_to", "must be one of accept, rectify"),
        ("verdicts", VERDICT, "facility", "violation", 8, "verdict.leads_to (violation)", "must be one of rectify"),
        ("verdicts", VERDICT, "overview = 1", "far = 1", 7, "verdict.photos", "far is unknown"),
        ("verdicts", VERDICT, '"lawful"\n', '""\n', 9, "verdict.outcome", "must be one of"),
        ("verdicts", VERDICT + "[verdict.uses]\n", "uses]", "uses.road]", 10, "verdict.uses", "road is unknown"),
        ("deadlines", CHECK, "n = 7", "n = 0", 5, "deadline.n (check)", "1 to 3650, not 0"),
        ("deadlines", CHECK, '"workdays"', '"wd"', 6, "deadline.unit", "workdays, days, months, hours, not 'wd'"),
        ("deadlines", CHECK, "[[deadline]]", "[[deadlines]]", 2, "deadlines", "unknown; known are deadline"),
        ("deadlines", CHECK, "[[deadline]]", CHECK + "[[deadline]]", 17, "deadline.valid_from", "from the same day"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_line_key_and_reason(
    tmp_path: Path, name: str, good: str, old: str, new: str, line: int, key: str, reason: str
) -> None:
    standards(DAY, office(tmp_path, **{name: good}))
    law = office(tmp_path, **{name: good.replace(old, new, 1)})
    with pytest.raises(InputError) as error:
        standards(DAY, law)
    said = str(error.value)
    assert said.startswith(f"{law / name}.toml, line {line}: {key}"), said
    assert reason in said
    words.use("zh")
    assert f"{law / name}.toml 第 {line} 行：{key}" in str(error.value)


def test_restoration_without_imagery_is_refused(tmp_path: Path) -> None:
    law = office(
        tmp_path, closing=CLOSING.replace("clear_scenes = 2", "clear_scenes = 0").replace("flights = 1", "flights = 0")
    )
    with pytest.raises(InputError, match=r"line 12: closing\.clear_scenes.*without later imagery or a flight"):
        standards(DAY, law)


def test_a_standard_that_asks_for_nothing_is_refused(tmp_path: Path) -> None:
    nothing = CLOSING.replace('"rectified"', '"historical"').replace("true", "false").replace("{ after = 4 }", "{}")
    nothing = nothing.replace("= 2\n", "= 0\n").replace("flights = 1", "flights = 0").replace('["site_record"]', "[]")
    with pytest.raises(InputError, match=r"line 5: closing \(restored_tillage\): asks for nothing"):
        standards(DAY, office(tmp_path, closing=nothing))


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('holidays = ["2028-01-01"]\nworkdays = []', 4, "2028-01-01 does not lie in 2027"),
        ('holidays = ["2027-01-03..2027-01-01"]\nworkdays = []', 4, "first before last"),
        ('holidays = ["2027-12-31..2028-01-02"]\nworkdays = []', 4, "does not lie in 2027"),
        ('holidays = ["1月1日"]\nworkdays = []', 4, "is no day such as"),
        ('holidays = []\nworkdays = ["2027-02-30"]', 5, "is no day such as"),
        ('holidays = ["2027-01-01..2027-01-03"]\nworkdays = ["2027-01-02"]', 5, "2027-01-02 is a holiday too"),
        ("holidays = [2027-01-01]\nworkdays = []", 4, "list of texts in quotes"),
        ("holidays = []", 1, "is missing"),
        ("holidays = []\nworkdays = []\n[[year]]\nyear = 2027", 7, "given twice"),
    ],
)
def test_a_wrong_table_of_days_off_is_refused(tmp_path: Path, text: str, line: int, reason: str) -> None:
    law = office(tmp_path, workdays=f'[[year]]\nyear = 2027\nsource = "x"\n{text}\n')
    with pytest.raises(InputError, match=rf"workdays\.toml, line {line}: .*{reason}"):
        standards(DAY, law)


@pytest.mark.parametrize(
    ("raw", "line", "reason"),
    [
        ("# 说明\n[[deadline]]\nkey = “check”\n".encode(), 3, "no TOML"),
        ("# 说明\n".encode("gbk"), 1, "not UTF-8"),
        (b'# ok\n\nx = 1\nname = "\xff"\n', 4, "not UTF-8"),
        (b"[[deadline]\n", 1, "no TOML"),
        (b"a = 1\na = 2\n", 2, "no TOML"),
        (b"a = [\n", 2, "no TOML"),
        (b"#" * 1_000_001, 1, "larger than 1,000,000 bytes"),
    ],
)
def test_what_is_no_toml_is_refused_with_its_line(tmp_path: Path, raw: bytes, line: int, reason: str) -> None:
    law = office(tmp_path)
    (law / "deadlines.toml").write_bytes(raw)
    with pytest.raises(InputError, match=rf"deadlines\.toml, line {line}: .*{reason}"):
        standards(DAY, law)


def test_a_file_of_a_wrong_name_is_refused_not_passed_over(tmp_path: Path) -> None:
    for name in ("closings.toml", "Closing.TOML"):
        law = office(tmp_path)
        (law / name).write_text(CLOSING, "utf-8")
        with pytest.raises(InputError, match=rf"{name}: no rules are read from a file of this name; known are"):
            standards(DAY, law)
        (law / name).unlink()


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    law = office(tmp_path)
    (law / "closing.toml").mkdir()
    with pytest.raises(InputError, match=r"closing\.toml: cannot be read"):
        standards(DAY, law)


def test_a_file_saved_by_a_windows_editor_is_read(tmp_path: Path) -> None:
    law = office(tmp_path)
    (law / "deadlines.toml").write_bytes(b"\xef\xbb\xbf" + CHECK.replace("\n", "\r\n").encode())
    assert standards(DAY, law).deadlines["check"].n == 7


# --- lines ---------------------------------------------------------------------------------------


def test_lines_are_found_through_strings_and_lists_over_several_lines() -> None:
    text = '''a = """
[[no.table]]
b = 1
"""
c = [
  ["x = 1"],   # [
  "]",
]
[[t]]
k = 1
[t.u]
"quoted key" = { z = 1 }
[[t]]
k = "[["
'''
    lines = parse("x", text.encode()).lines
    assert lines == {
        ("a",): 1, ("c",): 5, ("t",): 9, ("t", 0): 9, ("t", 0, "k"): 10, ("t", 0, "u"): 11,
        ("t", 0, "u", "quoted key"): 12, ("t", 1): 13, ("t", 1, "k"): 14,
    }  # fmt: skip


@given(st.binary(max_size=300) | st.text(alphabet="[]{}=\"'#.\n ab1-", max_size=80).map(str.encode))
def test_any_bytes_are_read_or_refused_in_one_sentence(raw: bytes) -> None:
    said = "x.toml, line "
    try:
        parse("x.toml", raw)
    except InputError as error:
        said = str(error)
    assert said.startswith("x.toml, line ")
