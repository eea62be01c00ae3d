"""Records from outside: names of columns, codes, days, numbers that are unique in their batch."""

from __future__ import annotations

from datetime import date

import pytest
from shapely.geometry import box

from pipeline import clues, triage
from pipeline.cases.workdays import Calendar, YearTable
from pipeline.reminders import recountable, recounted
from tests.pipeline.invented_flags import occupied


def test_columns_are_known_by_many_names():
    names = ["序号", "监测图斑编号", "类型（代码）", "前时相", "面积(m²)", "经度 ", "纬度"]
    assert clues.columns_of(names, {}) == {"JCBH": 1, "TBLX": 2, "QSX": 3, "MJ": 4, "LON": 5, "LAT": 6}
    assert clues.columns_of(names, {"jcbh": "序号"})["JCBH"] == 0
    assert clues.wrong_columns(names, {"JCBH": "序号"}) is None
    assert clues.wrong_columns(names, {"JCBH": "没有"}) == "JCBH=没有"
    assert clues.wrong_columns(names, {"NAME": "序号"}) == "NAME=序号"
    assert clues.header_row([["清单", ""], [], ["编号", "经度", "纬度"], ["1", "2", "3"]], {}) == 2


@pytest.mark.parametrize(
    ("said", "code", "kind"),
    [("1", "01", "other"), ("２０", "20", "construction"), (" yh", "YH", "hardening"), ("DL3", "DL3", "road"),
     ("KT", "KT", "pond"), ("02", "02", "nursery"), ("ZZ", "ZZ", "other"), ("", "", "other")],
)  # fmt: skip
def test_types_become_kinds(said, code, kind):
    made = clues.clue_of(1, {"TBLX": said, "JCBH": "a"}, box(0, 0, 1, 1), point=False)
    assert (made.code, made.kind) == (code, kind)


def test_every_code_leads_to_a_kind_there_is():
    assert {kind for kind, _, _ in clues.TBLX.values()} <= set(triage.KINDS)
    assert len(clues.TBLX) == 33


@pytest.mark.parametrize(
    ("said", "day"),
    [("20260501", date(2026, 5, 1)), ("2026-5-1", date(2026, 5, 1)), ("2026年5月1日 08:30", date(2026, 5, 1)),
     ("20260501.0", date(2026, 5, 1)), ("20261301", None), ("soon", None), ("", None)],
)  # fmt: skip
def test_days_are_read_in_any_writing(said, day):
    assert clues.day_of(said) == day


def test_numbers_are_unique_in_a_batch_whatever_the_order():
    def one(record, id, west, code="YH"):
        return clues.clue_of(record, {"JCBH": id, "TBLX": code}, box(west, 0, west + 1, 1), point=False)

    given = [one(1, "A", 0), one(2, "A", 5), one(3, "A", 0), one(4, "B", 9, "Q1"), one(5, "", 20)]
    read = clues.settled(given)
    assert [(c.id, c.record) for c in read.clues] == [("A", 1), ("A_2", 2), ("B", 4), ("@20.50000,0.50000", 5)]
    assert (read.doubled, read.renamed, read.unknown_codes) == (1, ("A_2",), {"Q1": 1})
    again = clues.settled(list(reversed(given)))
    assert {c.id: c.geometry.wkt for c in again.clues} == {c.id: c.geometry.wkt for c in read.clues}


def test_numbers_of_persons_in_free_text_are_not_kept():
    said = {"JCBH": "430321000000000001", "BZ": "来电 13812345678，证号 43032119900101001X，图斑 20260501"}
    made = clues.clue_of(1, said, box(0, 0, 1, 1), point=False)
    assert made.fields["BZ"] == "来电 ***，证号 ***，图斑 20260501"
    assert made.id == "430321000000000001"


def test_a_clue_becomes_a_flag_that_names_no_scene():
    made = clues.clue_of(1, {"JCBH": "A", "TBLX": "ZZ", "HSX": "20260501"}, box(0, 0, 1, 1), point=True)
    ground = occupied(box(0, 0, 1, 1))
    flag = clues.flag_of(made, ground, "tower", "11月", {"FARMLAND": ["2025"]}, 20.0)
    assert (flag.change.before_id, flag.change.after_id, flag.before_at) == ("", "", None)
    assert flag.after_at is not None
    assert flag.after_at.isoformat() == "2026-05-01T00:00:00+08:00"
    assert [d.title["en"] for d in flag.doubts] == ["Only a position", "Type not known"]
    assert flag.id == clues.flag_of(made, ground, "tower", "11月", {}, 20.0).id
    assert flag.id != clues.flag_of(made, ground, "tower", "12月", {}, 20.0).id
    assert 0 <= flag.urgency <= 1


def test_a_provisional_day_moves_with_its_pauses():
    """Ten working days from Friday 10 January 2031: the 24th; with a week off from the 20th on the 31st."""
    due = {"what": "check", "from": "2031-01-10", "on": "2031-01-24", "n": 10, "unit": "workdays", "provisional": True,
           "roll": False}  # fmt: skip
    week = frozenset(date(2031, 1, day) for day in range(20, 25))
    table = Calendar(years={2031: YearTable(week, frozenset())})
    assert recounted(due, Calendar()) is None
    assert recounted(due, table) == {**due, "on": "2031-01-31", "provisional": False}
    assert recounted({**due, "on": "2031-01-29"}, table, moved_days=5) == {**due, "on": "2031-02-05",
                                                                          "provisional": False}  # fmt: skip
    assert recounted({**due, "provisional": False}, table) is None
    running = {"decision": {"day": "2031-01-24", "start": "2031-01-10", "n": 10, "unit": "workdays",
                            "provisional": True}}  # fmt: skip
    assert (recountable(running, Calendar()), recountable(running, table)) == (False, True)
