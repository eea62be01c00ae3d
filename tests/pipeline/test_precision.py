"""Precision from ground checks: what counts as right, and how wide the interval is."""

from datetime import date

import pytest

from pipeline.cases.standards import standards
from pipeline.precision import LEAST, RIGHT, SILENT, SLIVER, WRONG, lived, of, right, short, shown, wilson


def row(verdict, sub="", **given):
    return {
        "after_id": "later", "district_code": "430321", "district_name": "湘潭县", "method": "irmad",
        "kind": "construction", "verdict": verdict, "verdict_sub": sub, "parts": [], **given,
    }  # fmt: skip


@pytest.mark.parametrize(("k", "n", "low", "high"), [(8, 10, 0.490, 0.943), (0, 20, 0.0, 0.161), (20, 20, 0.839, 1.0)])
def test_the_interval_is_that_of_wilson(k, n, low, high):
    assert wilson(k, n) == pytest.approx((low, high), abs=5e-4)


def test_of_nothing_nothing_is_known():
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("verdict", ["violation", "lawful", "facility", "rural_road"])
def test_a_change_that_was_there_is_right_whatever_the_law_says(verdict):
    assert right(row(verdict)) is True


@pytest.mark.parametrize("said", [("false_change",), ("basemap_wrong",), ("other", "sliver")])
def test_no_change_a_wrong_base_map_and_a_sliver_are_wrong(said):
    assert right(row(*said)) is False


@pytest.mark.parametrize("one", [row(None), row("other", "classified"), row("office_own"), row("lawful", after_id="")])
def test_what_no_verdict_says_counts_nowhere(one):
    assert right(one) is None
    assert lived([one])["total"]["n"] == 0


def test_of_a_split_case_one_part_is_enough_and_wrong_takes_all():
    wrong, real, open_ = ({"verdict": v, "verdict_sub": ""} for v in ("false_change", "lawful", None))
    assert right(row("false_change", parts=[wrong, real])) is True
    assert right(row("false_change", parts=[wrong, wrong])) is False
    assert right(row("false_change", parts=[wrong, open_])) is None


def test_every_verdict_and_sub_kind_named_here_is_in_the_form():
    known = standards(date(2026, 11, 30)).verdicts
    assert set(known) == RIGHT | WRONG
    assert {sub for _, sub in {*SILENT, SLIVER}} <= set(known["other"].subs)


def test_groups_add_up_and_a_precision_is_given_from_twenty_on():
    rows = [row("violation")] * 16 + [row("false_change")] * 4
    rows += [row("lawful", kind="pond", method="cva", district_code="430302", district_name="雨湖区")] * (LEAST - 1)
    told = lived(rows)
    assert told["total"] | {"low": 0, "high": 0} == {
        "n": 39, "right": 35, "wrong": 4, "value": 35 / 39, "low": 0, "high": 0,
    }  # fmt: skip
    for group in ("district", "method", "kind"):
        assert sum(one["n"] for one in told[f"by_{group}"]) == 39
    assert [(one["name"], one["n"]) for one in told["by_district"]] == [("雨湖区", 19), ("湘潭县", 20)]
    assert of(told, "kind", "construction")["value"] == 0.8
    assert of(told, "kind", "pond")["value"] is None
    assert of(told, "kind", "road")["n"] == 0


def test_it_is_printed_with_what_it_was_made_of():
    told = lived([row("violation")] * 16 + [row("false_change")] * 4)
    assert shown(told["total"])["zh"] == "已核实 20 个，属实 16 个：准确率 80%（95% 区间 58%–92%）"
    assert short(told["total"]) == "80% (58–92, 16/20)"
    few = lived([row("violation")] * 19)["total"]
    assert shown(few)["zh"] == "核实不足 20 个，暂不给准确率（已核实 19 个）"
