import json
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.words import catalogue
from pipeline.statistic_words import LABELS
from pipeline.statistics import COUNTS, GROUPS, LARGE_M2, RATES, SUMS, farmland_ratio, label, shown, statistics

TODAY = date(2026, 11, 24)


def row(**given):
    return {
        "number": "430321-2026-00001",
        "status": "SUSPECTED",
        "kind": "building",
        "district_code": "430321",
        "district_name": "湘潭县",
        "township_code": "430321101",
        "found_at": "2026-10-01T01:00:00+00:00",
        "patch_m2": 100.0,
        "farmland_gross_m2": 90.0,
        "farmland_net_m2": 80.0,
        "basic_farmland_m2": 70.0,
        **given,
    }


def closed(**given):
    return row(
        **{
            "status": "CLOSED", "verdict": "violation", "outcome": "rectified",
            "checked_at": "2026-10-08T01:00:00+00:00", "closed_at": "2026-11-10T01:00:00+00:00", **given,
        }
    )  # fmt: skip


def total(*rows, **more):
    return statistics(rows, today=TODAY, **more)["total"]


def test_nothing_gives_zeros_and_dashes():
    found = statistics([], today=TODAY)
    assert all(found["total"][key] == 0 for key in (*COUNTS, *SUMS))
    assert all(found["total"][key] == {"numerator": 0, "denominator": 0, "value": None} for key in RATES)
    assert [shown(found["total"][key]) for key in RATES] == ["—"] * len(RATES)
    assert found["total"]["ages"]["median_days"] is None
    assert [found[f"by_{name}"] for name in GROUPS] == [[]] * len(GROUPS)
    assert found["farmland_ratio"] == []


def test_a_row_without_any_key_is_one_patch_and_nothing_else():
    found = total({})
    assert (found["found"], found["active"], found["patch_m2"], found["checked"]) == (1, 1, 0, 0)
    assert statistics([{}], today=TODAY)["by_month"][0]["key"] is None


def test_closed_checked_and_filed_of_what_they_are():
    rows = [
        closed(),
        closed(outcome="transferred", transfers=["agriculture:DONE"]),
        row(status="RECTIFYING", verdict="violation", checked_at="2026-10-05", proceeding={"status": "NOTIFIED"}),
        row(status="RECTIFYING", verdict="violation", checked_at="2026-10-05", proceeding={"status": "CLOSED"}),
        row(),
        row(status="DISMISSED"),
    ]
    found = total(*rows)
    rates = {key: (found[key]["numerator"], found[key]["denominator"]) for key in RATES}
    assert rates == {
        "check_rate": (4, 5), "photo_rate": (0, 0), "stop_rate": (0, 0), "filing_rate": (2, 4),
        "proceeding_close_rate": (1, 2), "handling_rate": (4, 4), "rectification_rate": (1, 4), "close_rate": (2, 5),
        "override_rate": (0, 2),
    }  # fmt: skip
    assert shown(found["check_rate"]) == "80.0%"


def test_a_proceeding_that_is_closed_is_neither_put_right_nor_closed_ground():
    found = total(row(status="RECTIFYING", verdict="violation", proceeding={"status": "CLOSED"}))
    assert (found["proceedings_closed"], found["rectified"], found["closed"]) == (1, 0, 0)


def test_a_dismissed_case_enters_no_rate():
    found = total(row(status="DISMISSED", checked_at="2026-10-05", overdue=True))
    assert (found["found"], found["checked"], found["overdue"]) == (1, 0, 0)
    assert shown(found["close_rate"]) == "—"


def test_overridden_closings_are_counted():
    found = total(closed(overridden=True), closed(), closed(), row(overridden=True))
    assert (found["overridden"], shown(found["override_rate"])) == (1, "33.3%")


def test_a_patch_of_100_mu_is_counted_apart_and_the_number_itself_is_one():
    found = total(row(patch_m2=LARGE_M2), row(patch_m2=LARGE_M2 - 0.01))
    assert (found["large"], found["large_patch_m2"]) == (1, 66666.67)


def test_parts_that_are_violations_count_with_their_own_area():
    parts = [
        {"verdict": "violation", "outcome": "rectified", "patch_m2": 60.0, "farmland_net_m2": 50.0},
        {"verdict": "lawful", "outcome": "lawful", "patch_m2": 40.0, "farmland_net_m2": 30.0},
    ]
    split = closed(parts=parts, verdict="violation", outcome="mixed")
    found = statistics([split], today=TODAY)
    assert found["total"]["violation"] == found["total"]["rectified"] == 1
    assert (found["total"]["violation_patch_m2"], found["total"]["violation_farmland_net_m2"]) == (60.0, 50.0)
    assert [group["key"] for group in found["by_verdict"]] == ["mixed"]
    assert total({**split, "verdict": "lawful", "parts": parts[::-1]})["violation"] == 1
    half = [parts[0], {**parts[0], "outcome": "transferred"}]
    assert total(closed(parts=half))["rectified"] == 0


def test_only_what_left_the_office_is_a_transfer():
    found = total(row(transfers=["police:TEAM", "police:APPROVED", "police:SENT", "discipline:RECEIVED"]))
    assert (found["to_police"], found["to_agriculture"], found["to_discipline"]) == (1, 0, 1)
    assert total(row(transfers=[{"to": "police", "state": "DECLINED"}]))["to_police"] == 1


def test_ages_are_whole_days_and_never_negative():
    rows = [
        row(found_at="2026-11-24T00:00:00+00:00"),
        row(found_at="2026-10-25T00:00:00+00:00"),  # 30 days
        row(found_at="2026-10-24T00:00:00+00:00"),  # 31
        row(found_at="2026-12-01T00:00:00+00:00"),  # a clock that ran ahead
        row(found_at="2025-01-01T00:00:00+00:00"),  # 692
        closed(),
    ]
    ages = total(*rows)["ages"]
    assert (ages["open"], ages["median_days"], ages["max_days"]) == (5, 30.0, 692)
    assert [(a["days"], a["count"]) for a in ages["up_to"]] == [(30, 3), (90, 1), (180, 0), (365, 0), (None, 1)]
    assert (ages["check_median_days"], ages["close_median_days"]) == (7.0, 40.0)


def test_days_and_months_are_those_of_beijing():
    late = row(found_at="2026-09-30T17:00:00+00:00")  # 01:00 of 1 October
    assert [g["key"] for g in statistics([late], today=TODAY)["by_month"]] == ["2026-10"]
    assert total(late, since=date(2026, 10, 1), until=date(2026, 10, 1))["found"] == 1
    assert total(late, until=date(2026, 9, 30))["found"] == 0


def test_a_month_without_cases_is_shown_as_zero():
    rows = [row(found_at="2026-11-01T04:00:00+00:00"), row(found_at="2027-02-01T04:00:00+00:00")]
    months = [(g["key"], g["found"]) for g in statistics(rows, today=TODAY)["by_month"]]
    assert months == [("2026-11", 1), ("2026-12", 0), ("2027-01", 0), ("2027-02", 1)]


def test_groups_are_named():
    found = statistics([row(), row(district_code="430302", district_name="雨湖区")], today=TODAY)
    assert [(g["key"], g["name"]) for g in found["by_district"]] == [("430302", "雨湖区"), ("430321", "湘潭县")]


# the 15 % ratio


def violation(net, **given):
    return row(**{"status": "RECTIFYING", "verdict": "violation", "farmland_net_m2": net, **given})


def test_the_illegal_share_has_numerator_and_denominator():
    rows = [
        violation(100.0),
        violation(50.0),
        row(verdict="lawful", farmland_net_m2=900.0),
        violation(7.0, verdict=None),
    ]
    (found,) = farmland_ratio(rows, {("430321", 2026): 850.0})
    assert (found["numerator"], found["denominator"], found["value"]) == (150.0, 1000.0, 0.15)
    assert found["reached"]  # from 15 % on
    (below,) = farmland_ratio(rows, {("430321", 2026): 850.01})
    assert not below["reached"]


def test_where_the_lawful_area_is_not_known_there_is_no_ratio():
    (found,) = farmland_ratio([violation(100.0)], {})
    assert (found["numerator"], found["denominator"], found["value"], found["reached"]) == (100.0, None, None, None)
    assert shown(found) == "—"


def test_a_district_without_violations_has_zero_and_one_without_anything_a_dash():
    zero, none = farmland_ratio([], {("430302", 2026): 500.0, ("430304", 2026): 0.0})
    assert (zero["value"], zero["reached"], shown(zero)) == (0.0, False, "0.0%")
    assert (none["denominator"], none["value"], none["reached"]) == (0.0, None, None)


def test_what_was_put_right_still_counts_and_is_shown():
    (found,) = farmland_ratio([violation(100.0), closed(farmland_net_m2=40.0)], {("430321", 2026): 60.0})
    assert (found["illegal_m2"], found["unrectified_m2"], found["value"]) == (140.0, 100.0, 0.7)


def test_the_ratio_is_of_whole_years_whatever_the_period():
    rows = [
        violation(100.0),
        violation(60.0, found_at="2026-02-01T04:00:00+00:00"),
        violation(9.0, found_at="2025-05-05"),
    ]
    found = statistics(rows, today=TODAY, since=date(2026, 7, 1), construction_m2={("430321", 2026): 40.0})
    assert [(r["year"], r["illegal_m2"], r["value"]) for r in found["farmland_ratio"]] == [(2026, 160.0, 0.8)]
    assert found["total"]["found"] == 1


# adding up

AREA = st.none() | st.floats(0, 1e6, allow_nan=False)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "status": st.sampled_from(["SUSPECTED", "DISPATCHED", "RECTIFYING", "REPORTED", "CLOSED", "DISMISSED"]),
            "kind": st.sampled_from(["building", "pond", None]),
            "district_code": st.sampled_from(["430302", "430321", None]),
            "township_code": st.sampled_from(["430302001", "430321101", None]),
            "verdict": st.sampled_from(["violation", "lawful", "facility", None]),
            "outcome": st.sampled_from(["rectified", "transferred", None]),
            "found_at": st.none() | st.dates(date(2024, 1, 1), date(2026, 12, 31)).map(str),
            "checked_at": st.none() | st.dates(date(2024, 1, 1), date(2026, 12, 31)).map(str),
            "overdue": st.booleans() | st.none(),
            "overridden": st.booleans() | st.none(),
            "relapses": st.integers(0, 3) | st.none(),
            "patch_m2": AREA,
            "farmland_net_m2": AREA,
            "basic_farmland_m2": AREA,
            "fine_yuan": AREA,
            "proceeding": st.none() | st.fixed_dictionaries({"status": st.sampled_from(["FILED", "CLOSED"])}),
            "transfers": st.none() | st.lists(st.sampled_from(["police:SENT", "agriculture:SENT"]), max_size=2),
        }
    ),
    max_size=25,
)


@settings(deadline=None)
@given(ROWS)
def test_every_table_adds_up_to_the_total(rows):
    found = statistics(rows, today=TODAY)
    whole = found["total"]
    assert json.loads(json.dumps(found)) == found
    assert whole["found"] == len(rows)
    for name in GROUPS:
        groups = found[f"by_{name}"]
        assert len({g["key"] for g in groups}) == len(groups)
        for key in COUNTS:
            assert sum(g[key] for g in groups) == whole[key]
        for key in SUMS:
            assert sum(round(100 * g[key]) for g in groups) == round(100 * whole[key])
        for key in RATES:
            assert sum(g[key]["numerator"] for g in groups) == whole[key]["numerator"]
        assert sum(g["ages"]["open"] for g in groups) == whole["ages"]["open"]
    stages = ("suspected", "dispatched", "rectifying", "reported", "closed", "dismissed")
    assert sum(whole[key] for key in stages) == whole["found"] == whole["active"] + whole["dismissed"]
    assert sum(a["count"] for a in whole["ages"]["up_to"]) == whole["ages"]["open"]
    for group in (whole, *(g for name in GROUPS for g in found[f"by_{name}"])):
        for key in RATES:
            assert group[key]["value"] is None or 0 <= group[key]["value"] <= 1
        assert group["violation_patch_m2"] <= group["patch_m2"]


@pytest.mark.parametrize("key", [*COUNTS, *SUMS, *RATES, *(f"by_{name}" for name in GROUPS), "farmland_ratio", "ages"])
def test_everything_has_a_name_in_both_languages(key):
    assert LABELS[key] in catalogue()
    assert label(key)["zh"] != label(key)["en"]
