"""Days off as published, periods counted by hand, and years that nobody has published yet."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cases.workdays import Calendar, Due, YearTable

CALENDAR = Calendar()


def days(first: str, last: str) -> list[date]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [start + timedelta(days=i) for i in range((end - start).days + 1)]


@pytest.mark.parametrize(
    ("first", "last", "worked"),
    [
        ("2026-01-01", "2026-01-03", ["2026-01-04"]),  # 元旦
        ("2026-02-15", "2026-02-23", ["2026-02-14", "2026-02-28"]),  # 春节
        ("2026-04-04", "2026-04-06", []),  # 清明
        ("2026-05-01", "2026-05-05", ["2026-05-09"]),  # 劳动节
        ("2026-06-19", "2026-06-21", []),  # 端午
        ("2026-09-25", "2026-09-27", []),  # 中秋
        ("2026-10-01", "2026-10-07", ["2026-09-20", "2026-10-10"]),  # 国庆
    ],
)
def test_days_off_of_2026_are_as_published(first: str, last: str, worked: list[str]) -> None:
    assert not any(CALENDAR.is_workday(day) for day in days(first, last))
    assert all(CALENDAR.is_workday(date.fromisoformat(day)) for day in worked)
    assert all(date.fromisoformat(day).weekday() >= 5 for day in worked)
    assert all(CALENDAR.known(day) for day in days(first, last))


def test_2026_has_248_working_days() -> None:
    # 365 days − 104 weekend days − 20 weekdays off + 7 worked weekends, counted on the published list:
    # off on weekdays: Jan 1, 2; Feb 16–20, 23; Apr 6; May 1, 4, 5; Jun 19; Sep 25; Oct 1, 2, 5, 6, 7 = 19
    # worked weekends: Jan 4; Feb 14, 28; May 9; Sep 20; Oct 10 = 6
    assert sum(CALENDAR.is_workday(day) for day in days("2026-01-01", "2026-12-31")) == 365 - 104 - 19 + 6


@pytest.mark.parametrize(
    ("start", "n", "unit", "roll", "end"),
    [
        # Fri Feb 13; Sat 14 is worked, 15–23 off, Tue 24 (2), Wed 25 (3), Thu 26 (4), Fri 27 (5)
        ("2026-02-13", 5, "workdays", False, "2026-02-27"),
        # and Sat 28 is worked (6), Mon Mar 2 (7)
        ("2026-02-13", 7, "workdays", False, "2026-03-02"),
        # Wed Sep 30; 1–7 off, 8 (1), 9 (2), Sat 10 is worked (3)
        ("2026-09-30", 3, "workdays", False, "2026-10-10"),
        # a day off as start: Sun Oct 4; 8 (1)
        ("2026-10-04", 1, "workdays", False, "2026-10-08"),
        ("2026-11-24", 0, "workdays", False, "2026-11-24"),
        # 15 days from Sep 16: Oct 1, off to Oct 7
        ("2026-09-16", 15, "days", False, "2026-10-01"),
        ("2026-09-16", 15, "days", True, "2026-10-08"),
        # to Sat Feb 14, which is worked
        ("2026-01-30", 15, "days", True, "2026-02-14"),
        # 90 days from 立案 on Nov 24 2025: 6 of November, 31, 31, 22 of February
        ("2025-11-24", 90, "days", False, "2026-02-22"),
        ("2025-11-24", 90, "days", True, "2026-02-24"),
        # months end on the same number, or on the last of the month
        ("2025-08-31", 6, "months", False, "2026-02-28"),
        ("2023-08-31", 6, "months", False, "2024-02-29"),
        ("2025-11-15", 3, "months", True, "2026-02-24"),  # Feb 15 is in the Spring Festival
        ("2024-02-29", 24, "months", False, "2026-02-28"),
        ("2026-12-01", 1, "months", False, "2027-01-01"),
        # hours: whole days begun, never rolled
        ("2026-09-30", 24, "hours", True, "2026-10-01"),
        ("2026-09-30", 25, "hours", False, "2026-10-02"),
    ],
)
def test_periods_end_where_a_hand_count_ends_them(start: str, n: int, unit: str, roll: bool, end: str) -> None:
    due = CALENDAR.after(date.fromisoformat(start), n, unit, roll=roll)
    assert due == Due(date.fromisoformat(end), False, unit, n)


def test_beyond_the_last_published_year_weekends_and_fixed_holidays_count_and_the_day_is_provisional() -> None:
    # Wed Dec 30 2026; Thu 31 (1), Fri Jan 1 off, 2 and 3 weekend, Mon 4 (2)
    assert CALENDAR.after(date(2026, 12, 30), 2, "workdays") == Due(date(2027, 1, 4), True, "workdays", 2)
    assert not CALENDAR.after(date(2026, 12, 30), 1, "workdays").provisional
    assert not CALENDAR.is_workday(date(2027, 10, 1))
    assert not CALENDAR.is_workday(date(2027, 5, 1))
    assert CALENDAR.is_workday(date(2027, 10, 4))  # Monday: what is off beyond Oct 3 is not published
    assert not CALENDAR.known(date(2027, 1, 1))
    assert CALENDAR.known(date(2026, 12, 31))
    # a calendar period asks for no days off, unless its end may roll
    assert not CALENDAR.after(date(2026, 12, 1), 90, "days").provisional
    assert CALENDAR.after(date(2026, 12, 1), 90, "days", roll=True).provisional
    # Dec 31 2026 is a Thursday and worked: it does not roll, and nothing is unknown
    assert CALENDAR.after(date(2026, 12, 1), 30, "days", roll=True) == Due(date(2026, 12, 31), False, "days", 30)


def test_before_the_first_published_year_too() -> None:
    assert CALENDAR.after(date(2003, 12, 22), 2, "workdays") == Due(date(2003, 12, 24), True, "workdays", 2)


def test_a_table_of_the_office_settles_a_year() -> None:
    off = frozenset(days("2027-01-01", "2027-01-03"))
    with_table = Calendar({2027: YearTable(off, frozenset({date(2027, 1, 9)}))})
    # Fri Jan 1 … Sun 3 off; Mon 4 … Fri 8 (5), Sat 9 is worked (6)
    assert with_table.after(date(2026, 12, 31), 6, "workdays") == Due(date(2027, 1, 9), False, "workdays", 6)
    assert with_table.known(date(2027, 7, 1))
    assert with_table.is_workday(date(2027, 10, 1))  # the table stands alone: what it does not name is worked
    assert not with_table.known(date(2028, 1, 3))


def test_working_days_between_two_days() -> None:
    assert CALENDAR.between(date(2026, 2, 13), date(2026, 2, 27)) == 5
    assert CALENDAR.between(date(2026, 2, 27), date(2026, 2, 13)) == -5
    assert CALENDAR.between(date(2026, 11, 24), date(2026, 11, 24)) == 0


@pytest.mark.parametrize(("n", "unit"), [(-1, "days"), (3, "weeks")])
def test_no_period(n: int, unit: str) -> None:
    with pytest.raises(ValueError, match="period"):
        CALENDAR.after(date(2026, 1, 1), n, unit)


@given(
    st.dates(date(2004, 1, 1), date(2035, 1, 1)),
    st.integers(1, 60),
    st.sampled_from(["workdays", "days", "months", "hours"]),
    st.booleans(),
)
def test_a_later_start_or_a_longer_period_never_ends_earlier(start: date, n: int, unit: str, roll: bool) -> None:
    due = CALENDAR.after(start, n, unit, roll=roll)
    assert start < due.day
    assert due.day <= CALENDAR.after(start, n + 1, unit, roll=roll).day
    assert due.day <= CALENDAR.after(start + timedelta(days=1), n, unit, roll=roll).day
    if unit == "workdays":
        assert CALENDAR.is_workday(due.day)
        assert CALENDAR.between(start, due.day) == n
    if roll and unit != "hours":
        assert CALENDAR.is_workday(due.day)
