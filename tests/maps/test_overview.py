"""The overview in a real browser: its numbers add up, list and map say the same, nothing reaches outside."""

from __future__ import annotations

import dataclasses
import gzip
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import shapely

from maps import assets, features, overview, style
from maps.features import Park
from maps.overview import OverviewPage
from maps.overview_cases import Filters
from pipeline.cases.case import Status
from tests.maps import invented_rows as made

DESK, PHONE = (1440, 900), (390, 844)
SMALL = (
    "all => all.map(e => e.getBoundingClientRect()).filter(r => r.width && (r.width < 44 || r.height < 44))"
    ".map(r => [r.x, r.y, r.width, r.height])"
)
"""Boxes of what a finger misses."""


def the_page(rows, **other) -> OverviewPage:
    told = {
        "scope": {"zh": "甲乙市", "en": "Jiayi"},
        "as_of": made.NOW,
        "rows": rows,
        "districts": made.districts(),
        "inspections": [made.inspection()],
        "verified": True,
        "last_run_at": made.NOW,
    } | other
    return OverviewPage(**told)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("site")
    for folder in ("static", "en", "case"):
        (root / folder).mkdir()
    for name, content in assets.static_files().values():
        (root / "static" / name).write_bytes(content)
    return root


@pytest.fixture
def shown(site, open_page):
    def show(page: OverviewPage, size=DESK, lang="zh", hash_=""):
        path = site / ("en/" * (lang == "en")) / "index.html"
        path.write_text(overview.render(page, lang), encoding="utf-8")
        return open_page(path, size, site=site, hash_=hash_)

    return show


def stage_sum(opened) -> int:
    return sum(
        opened.numbers(
            '.gx-stage [data-count="FOUND"], .gx-stage [data-count="RECTIFY"], .gx-stage [data-count="CLOSED"]'
        )
    )


@pytest.mark.parametrize("n", [0, 40, 313, 5000])
def test_numbers_on_the_page_add_up(shown, n: int) -> None:
    rows = made.rows(n)
    opened = shown(the_page(rows))
    assert opened.problems == []
    assert stage_sum(opened) == n
    assert opened.numbers("[data-total] b:first-child") == [n]
    assert sum(opened.numbers(".gx-month > span")) == n
    assert sum(opened.numbers("[data-counties] [data-n]")) == n
    notes = opened.page.locator('[data-note="FOUND"], [data-note="RECTIFY"]').all_inner_texts()
    found, rectify = (sum(int(figure) for figure in re.findall(r"\d+", note)) for note in notes)
    assert found == sum(row["stage"] == "FOUND" for row in rows)
    assert rectify == sum(row["stage"] == "RECTIFY" for row in rows)
    assert sum(opened.numbers("[data-yours] .gx-turn b")) == found + rectify
    area = float(opened.page.locator("[data-total] b:nth-child(2)").inner_text())
    assert area == pytest.approx(sum(round(row["patch_m2"] * 3 / 2000, 2) for row in rows), abs=0.001)
    assert opened.page.locator("[data-rows] .gx-row").count() == min(n, 50)
    if n <= 60:
        assert opened.page.locator(".gx-pin").count() == n
        assert opened.page.locator(".gx-pin[tabindex='0']").count() == n
    else:
        rings = opened.page.locator(".gx-ring").evaluate_all("all => all.map(e => Number(e.dataset.count))")
        assert sum(rings) == n
        assert opened.page.locator("[data-map] [tabindex='0'], .gx-ring[tabindex]").count() == 0
    opened.shot(f"overview-{n}")


PARKS = (Park("430371", "甲园区", ("430302101", "430302102", "430304103")), Park("430373", "乙园区", ("430321105",)))


@pytest.mark.parametrize(
    "hash_",
    ["", "s=FOUND", "s=REPORTED&od=1", "s=DISMISSED", "d=430321", "d=430321103&pbf=1", "d=430371", "k=road&m=2026-07",
     "m=earlier", "rl=1", "pbf=0&q=杨", "q=2026-0000", "d=430302&s=CLOSED&k=pond&q=村", "q=zzz", "d=999999", "s=NONE"],
)  # fmt: skip
def test_the_browser_and_the_server_come_to_the_same_sums(shown, hash_: str) -> None:
    rows = made.rows(700, statuses=tuple(Status))
    for row in rows[:9]:
        row["found_at"] = "2024-03-05T04:00:00+00:00"
    page = the_page(rows, parks=PARKS)
    opened = shown(page, hash_="#" + hash_)
    given = dict(part.split("=") for part in hash_.split("&") if part)
    units = features.levels(page.districts)
    told = overview.answer(overview.columns_of(page, overview.places(page, units, "zh")), Filters.of(given))
    drawn = opened.page.evaluate(
        """(given) => {
            const data = JSON.parse(document.getElementById("gx-data").textContent);
            const state = Object.assign({ d: "", s: "", k: "", m: "", od: "", rl: "", pbf: "", q: "", sel: "" }, given);
            let found;
            gxCases(data).ask(state, (answer) => { found = answer; });
            return { sums: found.sums, first: found.visible.slice(0, 60).map((i) => data.cases.number[i]) };
        }""",
        given,
    )
    assert drawn["sums"] == told["sums"]
    assert drawn["first"] == told["cases"]["number"]


def test_the_rail_adds_up_with_the_stages_by_county_and_by_park(shown) -> None:
    rows = made.rows(313)
    opened = shown(the_page(rows, parks=PARKS), hash_="#s=FOUND")
    for by in ("", "park"):
        opened.page.locator(f'[data-by="{by}"]').click()
        for stage in ("FOUND", "RECTIFY", "CLOSED"):
            assert [sum(opened.numbers(f'[data-counties] [data-n="{stage}"]'))] == opened.numbers(
                f'.gx-stage [data-count="{stage}"]'
            )
    inside = sum(row["township_code"].startswith(PARKS[0].townships) for row in rows)
    assert inside
    opened.page.locator('[data-county="430371"]').click()
    assert stage_sum(opened) == inside
    assert sum(opened.numbers('[data-county="430371"] [data-n]')) == inside


def test_a_static_site_carries_the_most_urgent_and_says_so(shown, monkeypatch) -> None:
    monkeypatch.setattr(overview, "INLINE", 100)
    rows = made.rows(130)
    opened = shown(the_page(rows))
    assert stage_sum(opened) == 100
    text = opened.page.locator("#gx-list").inner_text()
    assert "共 130 个图斑，本站只带最紧急的 100 个" in text
    due = min(row["due_at"] for row in rows if row["due_at"])
    first = opened.page.locator("[data-rows] .gx-row-head b").first.inner_text()
    assert next(row["due_at"] for row in rows if row["number"] == first)[:10] == due[:10]


def test_seen_and_unseen_add_up_to_the_whole() -> None:
    told = overview.seen([made.inspection()])
    assert told is not None
    assert told.percent == 91.6
    assert told.unseen == (("cloud", 6.1e5, 6.1), ("shadow", 2.3e5, 2.3))
    assert told.percent + sum(share for *_, share in told.unseen) == pytest.approx(100)


def test_only_the_newest_run_tells_what_was_seen() -> None:
    older = dataclasses.replace(made.inspection("a0", "R0"), observed_farmland_m2=0.0)
    told = overview.seen([older, made.inspection("a1", "R1"), made.inspection("a2", "R1")])
    assert told is not None
    assert (told.pairs, told.farmland_m2, told.percent) == (2, 2e7, 91.6)


def test_dismissed_cases_are_in_no_stage_and_can_be_found(shown) -> None:
    rows = made.rows(30, statuses=tuple(Status))
    dismissed = sum(row["status"] == "DISMISSED" for row in rows)
    assert dismissed
    opened = shown(the_page(rows))
    assert stage_sum(opened) == 30 - dismissed
    assert opened.page.locator("[data-rows] .gx-row").count() == 30 - dismissed
    opened.page.locator("[data-dismissed]").click()
    assert opened.page.locator("[data-rows] .gx-row").count() == dismissed
    assert stage_sum(opened) == 30 - dismissed


def test_list_goes_by_urgency(shown) -> None:
    opened = shown(the_page(made.rows(200)))
    tags = opened.page.locator("[data-rows] .gx-row .gx-tag").all_inner_texts()
    late = [int(re.findall(r"\d+", tag)[0]) for tag in tags if tag.startswith("逾期")]
    assert late
    assert tags[: len(late)] == [f"逾期 {n} 天" for n in sorted(late, reverse=True)]


def test_without_due_dates_nothing_is_overdue(shown) -> None:
    opened = shown(the_page(made.rows(12, statuses=(Status.SUSPECTED,))))
    assert opened.numbers('.gx-stage [data-count="od"]') == [0]
    assert set(opened.page.locator("[data-rows] .gx-row .gx-tag").all_inner_texts()) == {"待派发"}


def test_pressing_a_stage_filters_and_the_address_keeps_it(shown) -> None:
    rows = made.rows(48)
    closed = {row["number"] for row in rows if row["stage"] == "CLOSED"}
    opened = shown(the_page(rows))
    opened.page.locator('[data-stage="CLOSED"]').click()
    listed = set(opened.page.locator("[data-rows] .gx-row-head b").all_inner_texts())
    assert listed == closed
    assert opened.page.locator(".gx-pin").count() == len(closed)
    assert opened.page.locator('[data-stage="CLOSED"]').get_attribute("aria-pressed") == "true"
    opened.page.wait_for_url("**#s=CLOSED")
    assert stage_sum(opened) == 48
    again = shown(the_page(rows), hash_="#s=CLOSED")
    assert set(again.page.locator("[data-rows] .gx-row-head b").all_inner_texts()) == closed
    again.page.locator(".gx-filters [data-clear]").click()
    assert again.page.locator("[data-rows] .gx-row").count() == 48
    again.page.wait_for_url(lambda url: "#" not in url)


def test_filters_work_together(shown) -> None:
    rows = made.rows(300)
    kind, county = rows[0]["kind"], rows[0]["district_code"]
    opened = shown(the_page(rows), hash_=f"#d={county}&k={kind}&pbf=1")
    expected = [r for r in rows if r["kind"] == kind and r["district_code"] == county and r["basic_farmland_m2"]]
    assert expected
    assert opened.numbers("[data-total] b:first-child") == [len(expected)]
    opened.page.locator("input.gx-search").fill(expected[0]["number"][-5:])
    opened.page.wait_for_function("document.querySelectorAll('.gx-row').length === 1")
    opened.page.wait_for_url(f"**q={expected[0]['number'][-5:]}*")


def test_a_bar_of_the_months_filters_and_clears(shown) -> None:
    rows = made.rows(100)
    july = sum(features.month_of(row["found_at"]) == "2026-07" for row in rows)
    opened = shown(the_page(rows))
    opened.page.locator('[data-month="2026-07"]').click()
    assert opened.numbers("[data-total] b:first-child") == [july]
    assert sum(opened.numbers(".gx-month > span")) == 100
    opened.page.locator('[data-step="1"]').click()
    assert opened.page.locator('[data-month="2026-08"]').get_attribute("aria-pressed") == "true"
    opened.page.locator('[data-month="2026-08"]').click()
    assert opened.numbers("[data-total] b:first-child") == [100]


def test_cases_of_earlier_years_stand_in_one_bar(shown) -> None:
    rows = made.rows(20)
    for row in rows[:7]:
        row["found_at"] = "2024-03-05T04:00:00+00:00"
    opened = shown(the_page(rows))
    assert sum(opened.numbers(".gx-month > span")) == 20
    assert opened.page.locator('[data-month="earlier"] > span').inner_text() == "7"
    told = [re.sub(r"\D+$", "", text) for text in opened.page.locator(".gx-month [data-year]").all_inner_texts()]
    keys = opened.page.locator(".gx-month").evaluate_all("all => all.map(e => e.dataset.month)")
    assert keys[:3] == ["earlier", "2025-12", "2026-01"]
    assert [(key, year) for key, year in zip(keys, told, strict=True) if year] == [
        ("2025-12", "2025"), ("2026-01", "2026"),
    ]  # fmt: skip
    assert opened.page.locator('[data-month="2026-01"] .gx-full').inner_text() == "1月"


def test_a_case_hidden_by_filters_says_so_and_can_be_shown(shown) -> None:
    rows = made.rows(40)
    hidden = next(row for row in rows if row["stage"] != "CLOSED")
    opened = shown(the_page(rows), hash_=f"#s=CLOSED&sel={hidden['number']}")
    assert f"图斑 {hidden['number']} 被当前筛选挡住了" in opened.page.locator("[data-hint]").inner_text()
    opened.page.locator("[data-reveal]").click()
    assert opened.page.locator("[data-rows] .gx-row[aria-current] .gx-row-head b").inner_text() == hidden["number"]
    assert opened.page.locator(".gx-pin.gx-chosen").count() == 1


def test_a_number_that_is_not_there_is_told_without_fuss(shown) -> None:
    opened = shown(the_page(made.rows(3)), hash_="#sel=430321-2026-99999")
    assert "没有这个图斑，或不在您的管辖范围内" in opened.page.locator("[data-hint]").inner_text()
    assert not opened.page.locator("[data-reveal]").is_visible()


def test_list_by_keyboard(shown, site) -> None:
    opened = shown(the_page(made.rows(90)))
    page = opened.page
    page.locator("[data-rows] .gx-row").first.focus()
    page.keyboard.press("ArrowDown")
    second = page.locator("[data-rows] .gx-row-head b").nth(1).inner_text()
    assert page.evaluate("document.activeElement.querySelector('.gx-row-head b').textContent") == second
    page.keyboard.press("m")
    page.wait_for_selector(f'.gx-pin.gx-chosen[data-case="{second}"]')
    page.wait_for_url(f"**sel={second}*")
    (site / f"case/{second}.html").write_text("<title>case</title>")
    page.locator("[data-rows] .gx-row[aria-current]").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/case/{second}.html")


def test_skipping_to_the_list_keeps_what_is_filtered(shown) -> None:
    opened = shown(the_page(made.rows(20)), hash_="#s=FOUND")
    opened.page.keyboard.press("Tab")
    opened.page.keyboard.press("Enter")
    assert opened.page.evaluate("document.activeElement.id") == "gx-list"
    assert opened.page.url.endswith("#s=FOUND")


def test_the_page_goes_from_stages_to_filters_to_list_to_map(shown) -> None:
    opened = shown(the_page(made.rows(90)))
    page, met = opened.page, []
    for _ in range(80):
        page.keyboard.press("Tab")
        where = page.evaluate(
            "['.gx-stages', '.gx-filters', '.gx-list-pane', '.gx-map-pane', '.gx-stepper', '.gx-rail']"
            ".find((query) => document.activeElement.closest(query))"
        )
        if where and where not in met:
            met.append(where)
    assert met == [".gx-stages", ".gx-filters", ".gx-list-pane", ".gx-map-pane", ".gx-stepper", ".gx-rail"]


def test_pointing_at_a_row_lights_its_place(shown) -> None:
    opened = shown(the_page(made.rows(20)))
    number = opened.page.locator("[data-rows] .gx-row-head b").nth(4).inner_text()
    opened.page.locator("[data-rows] .gx-row").nth(4).hover()
    assert opened.page.locator(".gx-pin.gx-lit").get_attribute("data-case") == number


def test_pressing_a_place_selects_its_row(shown) -> None:
    opened = shown(the_page(made.rows(20)))
    pin = opened.page.locator(".gx-pin").nth(3)
    number = pin.get_attribute("data-case")
    pin.focus()
    opened.page.keyboard.press("Enter")
    assert opened.page.locator("[data-rows] .gx-row[aria-current] .gx-row-head b").inner_text() == number


def test_zoomed_in_at_most_400_are_drawn_and_the_rest_is_told(shown) -> None:
    rows = made.rows(1200)
    for row in rows:
        row["lon"], row["lat"] = 112.6 + (row["lon"] - 112.6) / 20, 27.75 + (row["lat"] - 27.75) / 20
    opened = shown(the_page(rows), hash_="#at=27.75,112.6,12.5")
    drawn = opened.page.locator(".gx-pin").count()
    assert drawn == 400
    inside = int(re.findall(r"\d+", opened.page.locator("[data-in-view]").inner_text())[0]) + drawn
    assert 400 < inside <= 1200


def test_filtered_pins_come_and_go_and_stay_the_same(shown) -> None:
    rows = made.rows(50)
    opened = shown(the_page(rows))
    closed = [row["number"] for row in rows if row["stage"] == "CLOSED"]
    pins = "all => all.map(e => e.dataset.case)"
    before = opened.page.locator(".gx-pin").evaluate_all(pins)
    opened.page.locator(f'.gx-pin[data-case="{closed[0]}"]').focus()
    opened.page.keyboard.press("Enter")
    assert opened.page.evaluate("document.activeElement.dataset.case") == closed[0]
    opened.page.locator('[data-stage="CLOSED"]').click()
    listed = opened.page.locator("[data-rows] .gx-row-head b").all_inner_texts()
    assert opened.page.locator(".gx-pin").evaluate_all(pins) == listed
    assert set(listed) == set(closed)
    opened.page.locator('[data-stage="CLOSED"]').click()
    assert opened.page.locator(".gx-pin").evaluate_all(pins) == before
    assert opened.page.locator(".gx-pin.gx-chosen").evaluate_all(pins) == [closed[0]]


def test_zoomed_out_there_is_one_ring_a_county(shown) -> None:
    opened = shown(the_page(made.rows(500)), hash_="#at=27.75,112.6,8.6")
    assert opened.page.locator(".gx-ring").count() == 5
    assert sum(opened.page.locator(".gx-ring").evaluate_all("all => all.map(e => Number(e.dataset.count))")) == 500


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_names_from_any_source_stay_text(shown, lang) -> None:
    rows = made.rows(3)
    for row in rows:
        row.update(dict.fromkeys(("village_name", "township_name", "district_name", "kind"), made.NASTY))
    districts = [dataclasses.replace(unit, name=made.NASTY) for unit in made.districts()]
    opened = shown(the_page(rows, districts=districts, scope=made.NASTY), lang=lang)
    opened.page.locator("[data-rows] .gx-row").first.click()
    assert opened.problems == []
    assert opened.page.locator("img").count() == 0
    assert made.NASTY in opened.page.locator("[data-rows] .gx-row .gx-line").first.inner_text()
    assert opened.page.locator(".gx-place").first.inner_text() == made.NASTY


def test_no_cases_yet_says_why_and_names_the_last_run(shown) -> None:
    opened = shown(the_page([], inspections=[made.inspection(changes=3)]))
    text = opened.page.locator("[data-none]").inner_text()
    assert "还没有图斑" in text
    assert "最近一次运行：11-20 09:12" in text
    assert "发现变化 3 处" in text
    assert opened.page.locator("path.leaflet-interactive, .leaflet-overlay-pane path").count() > 0
    never = shown(the_page([], inspections=[], last_run_at=None, as_of=None, verified=None))
    assert "首次巡查完成后，疑似图斑会出现在这里" in never.page.locator("[data-none]").inner_text()
    assert never.problems == []


def test_nothing_matches_says_what_is_filtered(shown) -> None:
    opened = shown(the_page(made.rows(5)), hash_="#d=430304&q=zzz")
    assert "当前只看“乙塘区，zzz”" in opened.page.locator("[data-none]").inner_text()
    opened.page.locator("[data-none] [data-clear]").click()
    assert opened.page.locator("[data-rows] .gx-row").count() == 5


@pytest.mark.parametrize(("width", "lang"), [(320, "zh"), (320, "en"), (390, "zh")])
def test_phone_shows_one_view_at_a_time(shown, width: int, lang: str) -> None:
    rows = made.rows(313)
    opened = shown(the_page(rows), (width, 844), lang, f"#sel={rows[0]['number']}")
    page = opened.page
    assert opened.problems == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".gx-map").is_visible()
    assert not page.locator(".gx-list-pane").is_visible()
    small = page.locator(".gx-filter select, .gx-map .leaflet-bar a, .gx-legend summary").evaluate_all(SMALL)
    assert small == []
    assert rows[0]["number"] in page.locator("[data-sheet]").inner_text()
    opened.shot(f"overview-phone-{width}-{lang}-map")
    page.locator("[data-close]").click()
    assert not page.locator("[data-sheet]").is_visible()
    for view, there in (("list", ".gx-list-pane"), ("progress", "[data-counties]"), ("yours", "[data-yours]")):
        page.locator(f'[data-go="{view}"]').click()
        assert page.locator(there).is_visible()
        assert not page.locator(".gx-map").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        opened.shot(f"overview-phone-{width}-{lang}-{view}")
    small = page.locator(".gx-tabs button, .gx-filter, .gx-chip, .gx-turn, .gx-stage, .gx-lang, .gx-find").evaluate_all(
        SMALL
    )
    assert small == []


def test_a_map_first_shown_later_still_fits(shown) -> None:
    opened = shown(the_page(made.rows(313)), PHONE, hash_="#v=list")
    opened.page.locator('[data-go="map"]').click()
    rings = opened.page.locator(".gx-ring").evaluate_all("all => all.map(e => Number(e.dataset.count))")
    assert sum(rings) == 313
    assert opened.problems == []


@pytest.mark.parametrize("size", [(720, 450), (1000, 700), (1200, 700)])
def test_no_width_scrolls_sideways(shown, size) -> None:
    opened = shown(the_page(made.rows(80)), size, "en")
    assert opened.page.evaluate("document.documentElement.scrollWidth") == size[0]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nothing_runs_out_of_the_desk_page(shown, lang) -> None:
    opened = shown(the_page(made.rows(313)), lang=lang)
    assert opened.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]") == [
        1440,
        900,
    ]
    out = opened.page.evaluate(
        """[...document.querySelectorAll('.gx-rail *, .gx-legend *, [data-rows] .gx-row *')].filter((e) => {
            const right = e.closest('.gx-rail, .gx-legend, .gx-row').getBoundingClientRect().right;
            const box = e.getBoundingClientRect();
            return box.width > 2 && box.right > right + 1;
        }).map((e) => e.className + ' ' + e.textContent.slice(0, 20))"""
    )
    assert out == []
    assert opened.page.locator("h1").count() == 1
    opened.shot(f"overview-{lang}")


def test_weight_stays_within_the_budget() -> None:
    files = sum(
        len(gzip.compress(content))
        for name, (_, content) in assets.static_files().items()
        if name.startswith(("leaflet", "gengxun", "overview"))
    )
    for n, budget in ((313, 200_000), (5000, 350_000)):
        html = overview.render(the_page(made.rows(n)), "zh").encode()
        assert len(gzip.compress(html)) + files <= budget


def test_the_base_map_is_simplified_and_neighbours_stay_together() -> None:
    west, east = shapely.box(112, 27, 113, 28), shapely.box(113, 27, 114, 28)
    wave = shapely.LineString([(113 + 0.02 * np.sin(y * 60), y) for y in np.linspace(26.9, 28.1, 20_000)])
    whole = shapely.union_all([west, east])
    parts = list(shapely.get_parts(shapely.ops.split(whole, wave)))
    units = [features.district(f"43030{n}", "", part) for n, part in enumerate(parts)]
    drawn = features.simplified(units, 20_000)
    assert sum(len(json.dumps(geometry)) for _, geometry in drawn) <= 20_000
    again = [shapely.geometry.shape(geometry) for _, geometry in drawn]
    assert sum(g.area for g in again) == pytest.approx(shapely.union_all(again).area, rel=1e-9)
    assert shapely.union_all(again).area == pytest.approx(whole.area, rel=1e-3)


def test_missing_levels_are_made_of_what_lies_in_them() -> None:
    villages = [features.district(f"430321107{201 + n}", f"村{n}", shapely.box(n, 0, n + 1, 1)) for n in range(4)]
    found = features.levels(villages, {"430321": "丙潭县"})
    assert found["township"]["430321107"].geometry.area == pytest.approx(4)
    assert (found["county"]["430321"].name, found["township"]["430321107"].name) == ("丙潭县", "430321107")


@pytest.mark.parametrize(
    ("code", "level", "parent"),
    [("430321", "county", "4303"), ("430321107", "township", "430321"), ("430321107201", "village", "430321107")],
)
def test_the_level_is_told_by_the_code(code, level, parent) -> None:
    unit = features.district(code, "", shapely.box(0, 0, 1, 1))
    assert (unit.level, unit.parent, unit.name) == (level, parent, code)
    assert features.district(code.ljust(12, "0"), "", unit.geometry).code == code


@pytest.mark.parametrize(
    ("due", "left"),
    [("2026-11-20T15:59:00+00:00", 0), ("2026-11-20T16:01:00+00:00", 1), ("2026-11-07T04:00:00+00:00", -13)],
)
def test_days_left_are_beijing_days(due, left) -> None:
    assert features.days_left(due, made.NOW) == left


def test_what_the_ledger_knows_stands_in_the_overview(tmp_path) -> None:
    """Status, last day, month of closing, restored farmland and relapses come from the events of a life."""
    from tests.pipeline.cases import lives

    office = lives.Office(tmp_path / "ledger.db")
    office.found()
    office.closed()
    second = "430321-2026-00002"
    office.dispatched(second)
    rows = [features.page_row(case) for case in office.ledger.cases()]
    page = overview.OverviewPage("示意县", office.now + timedelta(days=40), rows, ())
    found = overview.places(page, features.levels(()), "zh")
    cases = overview.columns_of(page, found).to_json()
    assert cases["number"] == [second, "430321-2026-00001"]
    assert [list(style.STATUSES)[n] for n in cases["status"]] == ["DISPATCHED", "CLOSED"]
    assert cases["left"][0] < 0  # 15 working days have passed in 40 days
    assert cases["left"][1] is None
    assert cases["closed"] == ["", f"{office.now:%Y-%m}"]
    assert cases["restored"] == [0, cases["area"][1] * rows[0]["farmland_gross_m2"] / rows[0]["patch_m2"]]
    assert cases["relapses"] == [0, 0]


def test_a_bare_day_is_counted_in_beijing_whatever_the_machine_says(monkeypatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        noon = datetime(2026, 11, 20, 4, tzinfo=UTC)
        assert features.days_left("2026-11-20", noon) == 0
        assert features.days_left("2026-11-19", noon) == -1
    finally:
        monkeypatch.undo()
        time.tzset()
