"""统计: figures that add up, whatever the rows; one sheet, no person and no party on it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maps import assets, stats_page
from maps.features import Park
from maps.style import Frame
from pipeline.cases.rows import on_day
from tests.maps import invented_rows

TODAY = invented_rows.NOW.date()


def made(n: int, **change) -> list[dict]:
    return [
        on_day({"restored_m2": 0.0, **row, "due_at": row["due_at"] and row["due_at"][:10], **change}, TODAY)
        for row in invented_rows.rows(n)
    ]


def page(n: int = 60, **other) -> stats_page.StatsPage:
    return stats_page.stats_page(
        made(n, party="某建材公司"), scope="丙潭县", today=TODAY, made_at=invented_rows.NOW, **other
    )


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=12))
def test_rounded_parts_add_up_to_the_rounded_total(parts: list[float]) -> None:
    found = stats_page.balanced(parts, sum(parts))
    assert round(100 * sum(found)) == round(100 * sum(parts))
    assert all(abs(a - b) <= 0.0101 for a, b in zip(found, parts, strict=True))


@given(st.integers(0, 200_000))
def test_the_scale_of_a_chart_is_short_and_reaches_the_highest_bar(most: int) -> None:
    steps = stats_page.ticks(most)
    assert steps[0] == 0
    assert steps[-1] >= most
    assert len(steps) <= 6


@pytest.mark.parametrize("by", stats_page.BY)
def test_lines_add_up_to_the_total_and_are_no_more_than_a_sheet_holds(by: str) -> None:
    parks = (Park("P1", "甲园", ("430321",)), Park("P2", "乙园", ("430302101",)))
    told = page(400, by=by, parks=parks)
    assert len(told.lines) <= stats_page.LINES
    for field in ("count", "found", "rectify", "closed", "overdue"):
        assert sum(getattr(line, field) for line in told.lines) == getattr(told.total, field)
    for field in ("farmland_mu", "basic_mu", "restored_mu"):
        assert round(100 * sum(getattr(line, field) for line in told.lines)) == round(100 * getattr(told.total, field))
    assert told.in_hand == sum(count for _, count, _ in told.ages)
    assert told.in_hand == told.total.found + told.total.rectify + told.older_open
    assert told.total.count == sum(month.found for month in told.months) + told.months_before
    if by == "park":
        assert [line.name["en"] for line in told.lines][-1] == "Outside the parks"


def test_what_is_overdue_today_is_told_whenever_it_was_found() -> None:
    rows = made(3, status="RECTIFYING", found_at="2025-03-02T02:00:00+00:00")
    rows = [row | {"overdue": True, "days_left": -days} for row, days in zip(rows, (5, 340, 60), strict=True)]
    told = stats_page.stats_page(rows, scope="x", today=TODAY, made_at=invented_rows.NOW)
    assert (told.total.count, told.total.overdue) == (0, 0)  # none of them was found this year
    assert (told.overdue, told.in_hand, told.older_open) == (3, 3, 3)
    assert [one.days for one in told.late] == [340, 60, 5]
    html = stats_page.render(told, Frame(stats_page.PATH, "zh", "丙潭县", None, None, assets.names()))
    assert 'id="st-overdue">3<' in html
    assert "最久 340 天" in html
    assert "其中更早发现 3" in html


def test_hundred_and_nothing_are_said_only_where_it_is_all_or_none() -> None:
    assert stats_page.percent(999, 1000) == ">99%"
    assert stats_page.percent(1, 1000) == "<1%"
    assert stats_page.percent(3, 7) == "43%"
    assert stats_page.percent(0, 0) == "—"


def test_the_line_of_fifteen_percent_is_drawn_only_with_a_denominator() -> None:
    rows = made(15, verdict="violation", farmland_net_m2=1000.0, district_code="430321", parts=[])
    now = datetime(2026, 11, 20, tzinfo=UTC)
    told = stats_page.stats_page(rows, scope="x", today=TODAY, made_at=now)
    illegal = sum(row["found_at"][:4] == "2026" for row in rows) * 1000.0
    (share,) = told.shares
    assert (share.ratio, share.reached) == (None, False)
    lawful = {("430321", 2026): illegal * 85 / 15}
    (share,) = stats_page.stats_page(rows, scope="x", today=TODAY, made_at=now, construction_m2=lawful).shares
    assert share.ratio == pytest.approx(0.15)
    assert share.reached


def test_no_party_stands_on_the_sheet() -> None:
    for lang in ("zh", "en"):
        html = stats_page.render(
            page(), Frame(stats_page.PATH, lang, "丙潭县", invented_rows.NOW, True, assets.names())
        )
        assert "建材" not in html
        assert re.search(r'id="st-count">\d+<', html)
        assert not assets.outside_references(html)


def test_nothing_at_all_is_said_as_such() -> None:
    told = page(0)
    assert told.total.count == 0
    html = stats_page.render(told, Frame(stats_page.PATH, "zh", "丙潭县", None, None, assets.names()))
    assert "这一时段没有发现图斑" in html
    assert "未观测不等于无变化" in html


def test_the_sheet_says_how_often_flags_were_right_by_ground_checks() -> None:
    now = {"found_at": "2026-03-02T02:00:00+00:00", "method": "irmad", "kind": "construction", "verdict_sub": "",
           "parts": [], "after_id": "s2"}  # fmt: skip
    rows = made(24, **now, verdict="lawful")
    rows = [row | {"verdict": "false_change"} if n % 4 == 0 else row for n, row in enumerate(rows)]
    told = stats_page.stats_page(rows, scope="x", today=TODAY, made_at=invented_rows.NOW)
    assert [one.name["en"] for one in told.lived] == ["All", "suspected building", "irmad"]
    html = stats_page.render(told, Frame(stats_page.PATH, "zh", "丙潭县", None, None, assets.names()))
    assert html.count("75% (55–88, 18/24)") == 3
    assert f"核实不足 20 个不给：{told.too_few} 个类型、方法或县区" in html
    assert told.too_few == len({row["district_code"] for row in rows}) > 0
