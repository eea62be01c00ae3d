"""Working days of the PRC, and the day on which a period ends.

Adjusted weekends (调休) come from ``chinesecalendar``; for the years after its last one an office adds a
table. Where neither says anything, weekends and the fixed holidays count and the day is provisional (暂定).
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import chinese_calendar

DAY = timedelta(days=1)
UNITS = ("workdays", "days", "months", "hours")
FIXED = ((1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3))
"""Holidays of the solar calendar, (month, day): 全国年节及纪念日放假办法, 国务院令第795号 as of 2025."""


@dataclass(frozen=True)
class Due:
    """The last day of a period; provisional (暂定) where the days off it was counted by are not published yet."""

    day: date
    provisional: bool
    unit: str
    n: int


@dataclass(frozen=True)
class YearTable:
    """The days of one year that differ from its weekends; it stands for the whole year."""

    holidays: frozenset[date]
    workdays: frozenset[date]
    source: str = ""


@dataclass(frozen=True)
class Calendar:
    """``years``: tables that go before the published ones; ``fixed``: (month, day) off in any year."""

    years: Mapping[int, YearTable] = field(default_factory=dict)
    fixed: tuple[tuple[int, int], ...] = FIXED

    def known(self, day: date) -> bool:
        """Whether the days off of this day's year are published, or given by the office."""
        return day.year in self.years or _published(day) is not None

    def is_workday(self, day: date) -> bool:
        table = self.years.get(day.year)
        if table is not None:
            return day in table.workdays or (day.weekday() < 5 and day not in table.holidays)
        published = _published(day)
        if published is not None:
            return published
        return day.weekday() < 5 and (day.month, day.day) not in self.fixed

    def after(self, start: date, n: int, unit: str, *, roll: bool = False) -> Due:
        """The last day of ``n`` units after ``start``, which itself is not counted.

        A period of months ends on the day of the same number, or on the last of a shorter month. Hours are counted
        as whole days begun. ``roll``: a period that ends on a day off ends on the next working day (民法典 203,
        民事诉讼法 85).
        """
        if unit not in UNITS or n < 0:
            raise ValueError(f"{n} {unit}: a period is a number of {', '.join(UNITS)}, 0 or more")
        if unit == "workdays":
            return self._workdays_after(start, n)
        end = _months_after(start, n) if unit == "months" else start + DAY * (-(-n // 24) if unit == "hours" else n)
        provisional = False
        if roll and unit != "hours":
            provisional = not self.known(end)
            while not self.is_workday(end):
                end += DAY
                provisional = provisional or not self.known(end)
        return Due(end, provisional, unit, n)

    def _workdays_after(self, start: date, n: int) -> Due:
        day, left, provisional = start, n, False
        while left:
            day += DAY
            left -= self.is_workday(day)
            provisional = provisional or not self.known(day)
        return Due(day, provisional, "workdays", n)

    def between(self, start: date, end: date) -> int:
        """Working days after ``start`` up to ``end``; negative where ``end`` lies before ``start``."""
        if end < start:
            return -self.between(end, start)
        return sum(self.is_workday(start + DAY * i) for i in range(1, (end - start).days + 1))


def _published(day: date) -> bool | None:
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return None


def _months_after(start: date, n: int) -> date:
    years, month = divmod(start.month - 1 + n, 12)
    year, month = start.year + years, month + 1
    return date(year, month, min(start.day, monthrange(year, month)[1]))
