from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maps import assets, chips, run_page
from maps.run_parts import RunPage
from pipeline.inspection import Step
from tests.maps import invented as made

DESK, PHONE = (1440, 1020), (390, 844)


def the_page(n: int = 31, inspection=None, **other) -> RunPage:
    told = inspection or made.inspection(n)
    flags = other.pop("flags", made.run_flags(n))
    pair = made.chips()["s1"], made.chips()["s3"]
    defaults = {
        "numbers": {flag.id: f"430321-2026-{i + 200:05d}" for i, flag in enumerate(flags)},
        "chips": {flag.id: pair for flag in flags},
        "as_of": made.AS_OF,
        "place": "湘潭县",
        "finished_at": made.at("2026-09-24", 3),
        "thumbs": {"s1": "chips/s1.t.webp", "s3": "chips/s3.t.webp"},
        "version": "0.1.0",
        "scenes": {one.id: one for one in made.SCENES},
    }
    told_with = defaults | other
    return run_page.run_page(told, told_with.pop("scenes"), flags, **told_with)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("site")
    for folder in ("static", "chips", "runs", "en/runs"):
        (root / folder).mkdir(parents=True)
    for name, content in assets.static_files().values():
        (root / "static" / name).write_bytes(content)
    for id_, rgb in made.pictures().items():
        (root / f"chips/{id_}.t.webp").write_bytes(chips.thumbnail(rgb))
    return root


@pytest.fixture
def shown(site, open_page):
    def show(page: RunPage, size=DESK, lang="zh"):
        path = site / ("en/" * (lang == "en")) / run_page.page_path(page.id)
        path.write_text(run_page.render(page, lang), encoding="utf-8")
        return open_page(path, size, site=site)

    return show


@pytest.mark.parametrize("size", [DESK, PHONE])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_page_opens_from_a_file_without_errors_and_fits_the_screen(shown, size, lang) -> None:
    opened = shown(the_page(), size, lang)
    assert opened.problems == []
    assert "R-20260924-03" in opened.page.locator("h1").inner_text()
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert opened.page.evaluate("Array.from(document.images).filter(i => i.complete && !i.naturalWidth).length") == 0
    opened.shot(f"run-{lang}-{size[0]}")
    opened.page.evaluate("window.print = () => { window.printed = true; }")
    opened.page.get_by_role("button", name="打印" if lang == "zh" else "Print").click()
    assert opened.page.evaluate("window.printed")


def test_funnel_adds_up_on_the_page(shown) -> None:
    page = shown(the_page()).page
    rows = page.evaluate(
        "Array.from(document.querySelectorAll('#gx-funnel tr[data-step]')).map(r => [r.dataset.step,"
        " +r.querySelector('[data-count]').innerText.replace(/,/g, ''), +r.querySelector('[data-area]').dataset.area])"
    )
    counts = {step: count for step, count, _ in rows}
    assert counts == {
        "changes": 291,
        "too_small": 214,
        "cloud_edge": 0,
        "off_farmland": 31,
        "seasonal": 12,
        "approved": 1,
        "facility": 1,
        "unsure": 0,
        "seen_again": 1,
        "new": 31,
    }
    assert rows[0][1] == sum(count for _, count, _ in rows[1:])
    assert rows[0][2] == pytest.approx(sum(area for *_, area in rows[1:]), abs=0.001)
    assert page.locator(".gx-run-funnel .gx-notice").count() == 0


def test_new_cases_townships_and_sheet_agree(shown) -> None:
    page = shown(the_page()).page
    by_town = [int(text) for text in page.locator("#gx-towns [data-count]").all_inner_texts()]
    assert sum(by_town) == 31 == int(page.locator("#gx-towns [data-total]").inner_text())
    assert page.locator(".gx-sheet > li").count() == 31
    mu = [float(text.replace(",", "")) for text in page.locator("#gx-towns td:nth-child(3)").all_inner_texts()]
    assert sum(mu[:-1]) == pytest.approx(mu[-1], abs=0.01 * len(mu))
    sure = [int(text) for text in page.locator("#gx-towns td:nth-child(5)").all_inner_texts()]
    assert sure[-1] == sum(sure[:-1])
    assert f"中以上可信 {sure[-1]} · 低 {31 - sure[-1]}" in page.locator("[data-step=new]").inner_text()


def test_many_townships_are_summed_not_cut() -> None:
    flags = [
        made.flag(f"t{i}", occupied=made.occupied(township_name=f"镇{i:02d}", township_code=f"{i}")) for i in range(12)
    ]
    html = run_page.render(the_page(12, flags=flags), "zh")
    rows = [int(n) for n in re.findall(r"data-count><b>(\d+)</b>", html)]
    assert len(rows) == 8
    assert rows[-1] == 5
    assert sum(rows) == 12
    assert "其余 5 个乡镇" in html


def test_shares_of_farmland_add_up_to_a_hundred(shown) -> None:
    page = shown(the_page()).page
    shares = [float(t.rstrip("%")) for t in page.locator("#gx-seen b").all_inner_texts()]
    assert shares == [95.8, 2.3, 0.8, 1.1]  # 1268, 30, 11, 15 of 1324 km²; 95.77 2.27 0.83 1.13
    assert sum(shares) == pytest.approx(100)
    assert "未观测不等于无变化" in page.locator(".gx-run-seen").inner_text()


def test_what_no_reason_explains_is_still_counted() -> None:
    page = the_page(inspection=made.inspection(31, unseen_farmland_m2={"cloud": 30e6}))
    assert [(name["en"], m2) for name, m2 in page.unseen_m2] == [("cloud", 30e6), ("other reasons", 26e6)]
    assert page.observed_m2 + sum(m2 for _, m2 in page.unseen_m2) == page.farmland_m2


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=9))
def test_percentages_always_add_up(parts) -> None:
    found = run_page.percentages(parts)
    assert round(sum(found), 6) == (100.0 if sum(parts) > 0 else 0.0)
    assert all(value >= 0 for value in found)


def test_alignment_is_drawn_with_what_is_left(shown) -> None:
    opened = shown(the_page())
    text = opened.page.locator(".gx-run-align").inner_text()
    assert re.search(r"1\.83 像元（1\.46 m）", text)
    assert re.search(r"0\.19 像元（0\.15 m）", text)
    ties = made.inspection().alignment["tie_points"]
    used = sum(point["used"] for point in ties)
    assert f"{used} / {len(ties)}" in text
    assert opened.page.locator(".gx-ties g").count() == used
    first = the_page().alignment.ties[0]
    assert first.after == pytest.approx((first.before[0] - 1.6, first.before[1] - 0.9))


@pytest.mark.parametrize(("state", "said"), [("aligned", "本已对齐"), ("not_measurable", "量不出偏移")])
def test_alignment_that_moved_nothing_says_so(state, said) -> None:
    told = {**made.inspection().alignment, "state": state}
    page = the_page(inspection=made.inspection(31, alignment=told))
    assert said in run_page.render(page, "zh")
    assert all(tie.before == tie.after for tie in page.alignment.ties)


def test_explained_changes_are_listed_and_counted(shown) -> None:
    page = shown(the_page()).page
    rows = page.locator(".gx-run-explained tbody tr").all_inner_texts()
    assert len(rows) == 2  # one approved, one facility; the rest stands in the funnel
    assert "湘政地〔2026〕1号" in rows[1]


def test_a_run_without_flags_says_why_in_numbers_and_what_next(shown) -> None:
    opened = shown(the_page(0))
    assert opened.problems == []
    text = opened.page.locator(".gx-run-none").inner_text()
    assert "比对 2,100.00 km²" in text
    assert "1,986,000.00 亩" in text  # 1.324e9 m² × 3 / 2000
    assert "95.8%" in text
    assert "变化斑块 260 处，都有去向：太小 214、不在耕地 31、季节变化 12" in text
    assert "下一步" in text
    assert opened.page.locator(".gx-run-sheet").is_hidden()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"farmland_m2": 0.0, "observed_farmland_m2": 0.0, "unseen_farmland_m2": {}}, "请登记 FARMLAND"),
        ({"observed_farmland_m2": 0.5e9}, "等更晴的影像"),
        ({"funnel": (Step("changes", 0, 0.0),)}, "新影像到后接着巡查"),
    ],
)
def test_advice_follows_the_numbers(change, said) -> None:
    page = the_page(0, made.inspection(0, **change))
    assert said in page.why_none[-1]["zh"]
    assert said in run_page.render(page, "zh")


def test_steps_that_do_not_add_up_are_not_hidden() -> None:
    told = made.inspection(3)
    broken = replace(told, funnel=(replace(told.funnel[0], count=told.funnel[0].count + 1), *told.funnel[1:]))
    page = the_page(3, broken)
    assert not page.adds_up
    assert "各级数字对不上" in run_page.render(page, "zh")


def test_flags_seen_again_come_last_and_are_no_new_cases() -> None:
    flags = made.run_flags(4)
    numbers = {flag.id: f"430321-2026-0020{i}" for i, flag in enumerate(flags)}
    told = made.inspection(3, cases_seen_again=("430321-2026-00200",), cases_new=tuple(numbers.values())[1:])
    page = the_page(3, told, flags=flags, numbers=numbers)
    assert [card.number[-1] for card in page.flags] == ["1", "2", "3", "0"]
    assert sum(row.count for row in page.townships) == 3
    assert "再次看到" in run_page.render(page, "zh")


def test_two_flags_on_one_new_ground_are_one_new_case() -> None:
    flags = made.run_flags(3)
    numbers = {"n0": "430321-2026-00001", "n1": "430321-2026-00002", "n2": "430321-2026-00001"}
    told = made.inspection(2, cases_new=("430321-2026-00001", "430321-2026-00002"))
    page = the_page(2, told, flags=flags, numbers=numbers)
    assert [card.fresh for card in page.flags] == [True, True, False]
    assert sum(row.count for row in page.townships) == 2


def test_json_says_the_same_as_the_page() -> None:
    page = the_page()
    data = json.loads(json.dumps(run_page.to_json(page), allow_nan=False))
    assert [row["count"] for row in data["funnel"]] == [row.count for row in page.funnel]
    assert data["adds_up"] is True
    assert data["before"]["day"] == "2025-09-26"
    assert len(data["flags"]) == 31
    assert data["season"][1]["zh"].startswith("季相一致")
    assert f'href="{page.id}.json"' in run_page.render(page, "zh")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_text_of_layers_and_records_is_never_markup(shown, lang) -> None:
    nasty = made.NASTY
    both = {"zh": nasty, "en": nasty}
    told = made.inspection(
        2, run=nasty, method=nasty, notes=(both,), layers={nasty: [nasty]}, unseen_farmland_m2={"a": 56e6},
        season={"season_days": 40, "text": both},
        outcomes=({"reason": "approved", "area_m2": 1.0, "lon": 1.0, "lat": 1.0, "text": both},),
    )  # fmt: skip
    flags = [made.flag("x", occupied=made.occupied(township_name=nasty)), made.flag("y", kind="</b>")]
    scenes = {one.id: replace(one, platform=nasty, provenance={nasty: "0"}) for one in made.SCENES}
    opened = shown(the_page(2, told, flags=flags, scenes=scenes, place=nasty), lang=lang)
    assert opened.problems == []
    assert opened.page.locator("img[src=x]").count() == 0
    for part in ("gx-run-head", "gx-run-scenes", "gx-run-towns", "gx-run-notes", "gx-run-explained"):
        assert nasty in opened.page.locator(f".{part}").inner_text()


def test_scenes_that_were_removed_leave_the_report_readable() -> None:
    page = the_page(2, scenes={}, thumbs={}, chips={})
    html = run_page.render(page, "zh")
    assert page.before.name == "s1"
    assert "云量未知" in html


def test_every_sentence_of_the_page_has_its_chinese() -> None:
    def texts(value):
        if isinstance(value, dict) and set(value) == {"zh", "en"}:
            yield value
        elif dataclasses.is_dataclass(value):
            for field in dataclasses.fields(value):
                if field.name != "explained":
                    yield from texts(getattr(value, field.name))
        elif isinstance(value, tuple):
            for one in value:
                yield from texts(one)

    for page in (the_page(), the_page(0)):
        assert [t["en"] for t in texts(page) if t["zh"] == t["en"] and re.search("[A-Za-z]{3}", t["en"])] == []


def test_page_is_light_and_asks_nothing_of_the_network() -> None:
    html = run_page.render(the_page(), "zh")
    assert assets.outside_references(html) == []
    assert "违法" not in html
    assert len(html.encode()) < 80_000


def test_a_flag_that_opened_a_closed_case_again_says_so() -> None:
    flags = (made.flag(), made.flag("f2", 0.95))
    numbers = {flags[0].id: "430321-2026-00001", flags[1].id: "430321-2026-00002"}
    run = made.inspection(
        flags=tuple(f.id for f in flags),
        cases_seen_again=tuple(numbers.values()),
        cases_relapsed=("430321-2026-00002",),
    )
    page = run_page.run_page(run, {}, flags, numbers=numbers, chips={}, as_of=made.at("2026-09-24"), place="湘潭县")
    assert {card.number: card.relapsed for card in page.flags} == {
        "430321-2026-00001": False,
        "430321-2026-00002": True,
    }
