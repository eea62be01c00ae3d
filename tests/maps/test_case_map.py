from __future__ import annotations

import dataclasses
import gzip
import re
from dataclasses import replace
from pathlib import Path

import pytest
import shapely
import shapely.affinity

from maps import assets, case_map, chips
from maps.case_parts import CasePage
from maps.case_story import area, case_page
from maps.style import Frame
from pipeline import precision
from pipeline.cases.case import Status
from pipeline.cases.events import SYSTEM
from pipeline.cases.ledger import Ledger
from pipeline.flags import Reason
from tests.maps import invented as made

DESK, PHONE = (1440, 1091), (390, 844)


def the_page(case=None, **other) -> CasePage:
    told = {
        "chips": made.chips(),
        "as_of": made.AS_OF,
        "clouds": {"s1": 3.0, "s2": 71.0, "s3": 0.0},
        "verified": made.verified(),
        "runs": {made.inspection().id: "runs/r1.html"},
        "context": made.CONTEXT,
        "scenes": made.SCENES,
        "events": made.events(),
    } | other
    events, scenes, context = told.pop("events"), told.pop("scenes"), told.pop("context")
    return case_page(case or made.case(), events, [made.inspection()], scenes, context, **told)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A published site without its pages: static files and pictures."""
    root = tmp_path_factory.mktemp("site")
    for folder in ("static", "chips", "case", "en/case"):
        (root / folder).mkdir(parents=True)
    for name, content in assets.static_files().values():
        (root / "static" / name).write_bytes(content)
    for id_, rgb in made.pictures().items():
        (root / f"chips/{id_}.webp").write_bytes(chips.encode(rgb))
        (root / f"chips/{id_}.t.webp").write_bytes(chips.thumbnail(rgb))
    return root


@pytest.fixture
def shown(site, open_page):
    def show(page: CasePage, size=DESK, lang="zh", hash_=""):
        path = site / ("en/" * (lang == "en")) / case_map.page_path(page.number)
        path.write_text(case_map.render(page, lang), encoding="utf-8")
        return open_page(path, size, site=site, hash_=hash_)

    return show


@pytest.mark.parametrize("size", [DESK, PHONE])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_page_opens_from_a_file_without_errors_and_fits_the_screen(shown, size, lang) -> None:
    opened = shown(the_page(), size, lang)
    opened.page.wait_for_load_state()
    assert opened.problems == []
    assert opened.page.locator("h1").inner_text() == "430321-2026-00187"
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert opened.page.evaluate("Array.from(document.images, i => i.complete && i.naturalWidth > 0).every(Boolean)")
    assert opened.page.locator(".gx-chip").count() == 2
    opened.shot(f"case-{lang}-{size[0]}")


def test_areas_add_up_on_the_page_and_overlays_are_no_term(shown) -> None:
    page = shown(the_page()).page

    def first(selector: str) -> list[float]:
        return [
            float(text.replace(",", "")) for text in page.locator(f"{selector} td:nth-of-type(1)").all_inner_texts()
        ]

    assert first("[data-term]") == [2719.23, 258.37, 0, 0, 0]
    assert round(sum(first("[data-term]")), 2) == first("[data-sum]")[0] == 2977.60
    assert first("[data-overlay]") == [2816.18]
    text = page.locator(".gx-area").inner_text()
    assert "分项之和与图斑面积一致（差 0.00 亩）" in text
    assert "永久基本农田净 3.96 亩，距 5 亩线还差 1.04 亩" in text  # 2638.20 m² × 3 / 2000
    assert "耕地净 3.82 亩，距 10 亩线还差 6.18 亩" in text


def test_parts_that_do_not_add_up_are_said_in_red(shown) -> None:
    flag = made.flag(occupied=made.occupied(unused_m2=20.0))
    page = shown(the_page(made.case(flags=(flag,)))).page
    assert page.locator("tr.gx-wrong").count() == 1
    assert "不一致，差 0.03 亩" in page.locator(".gx-disagrees").inner_text()


def test_five_mu_reaches_the_line_at_exactly_five_mu() -> None:
    at_line = area(made.occupied(overlays={made.Kind.BASIC_FARMLAND: (3400.0, 5 * 2000 / 3)}))
    below = area(made.occupied(overlays={made.Kind.BASIC_FARMLAND: (3400.0, 5 * 2000 / 3 - 0.01)}))
    assert "reaches" in " ".join(note["en"] for note in at_line.notes)
    assert "0.00 mu short" in " ".join(note["en"] for note in below.notes)


def test_slider_follows_the_keyboard_and_cuts_both_pictures_at_one_line(shown) -> None:
    page = shown(the_page()).page
    knob = page.locator("[role=slider]")
    knob.focus()

    def now() -> int:
        return int(knob.get_attribute("aria-valuenow"))

    assert now() == 50
    for key, value in [
        ("ArrowRight", 52),
        ("ArrowLeft", 50),
        ("Home", 0),
        ("ArrowLeft", 0),
        ("ArrowUp", 2),
        ("End", 100),
    ]:
        page.keyboard.press(key)
        assert now() == value
    assert knob.get_attribute("aria-valuetext").startswith("2025-09-26 / 2026-09-21")
    cuts = page.evaluate(
        "['before','after'].map(n => document.querySelector('.leaflet-gx-' + n + '-pane').style.clip"
        ".match(/-?\\d+/g).map(Number))"
    )
    assert cuts[0][1] == cuts[1][3]  # right edge of before = left edge of after


def test_slider_is_dragged_by_its_knob_and_never_lies_over_the_patch(shown) -> None:
    for size in (DESK, PHONE):
        page = shown(the_page(), size).page
        knob, box = page.locator("[role=slider]").bounding_box(), page.locator("#gx-map").bounding_box()
        assert knob["width"] == knob["height"] == 48
        assert abs((knob["y"] + 24 - box["y"]) / box["height"] - 0.84) < 0.01
        patch = page.locator("path.gx-line-patch").bounding_box()
        assert patch["y"] + patch["height"] < knob["y"]
        page.mouse.move(knob["x"] + 24, knob["y"] + 24)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.25, knob["y"] + 24, steps=3)
        page.mouse.up()
        assert page.locator("[role=slider]").get_attribute("aria-valuenow") == "25"


def test_a_date_takes_the_chosen_side_and_the_address_remembers_it(shown) -> None:
    opened = shown(the_page())
    page = opened.page

    def days() -> tuple[str, str]:
        return page.locator("[data-day=before]").inner_text(), page.locator("[data-day=after]").inner_text()

    page.locator("[data-scene=s4]").click()
    assert days() == ("2025-09-26", "2026-10-14")
    assert page.locator(".gx-chip-after").get_attribute("src").endswith("chips/s4.webp")
    page.locator("[data-scene=s2]").click(force=True)  # 71 % cloud: greyed with its reason
    assert days() == ("2025-09-26", "2026-10-14")
    assert page.locator("[data-scene=s2]").get_attribute("aria-disabled") == "true"
    assert "云 71%，不可用" in page.locator("[data-scene=s2]").inner_text()
    page.locator("[data-side=before]").click()
    page.locator("[data-scene=s4]").click()  # shown on the other side: the two change places
    assert days() == ("2026-10-14", "2025-09-26")
    address = page.url
    page.locator("#gx-reset").click()
    assert days() == ("2025-09-26", "2026-09-21")
    assert opened.problems == []
    other = shown(the_page(), hash_="#" + address.split("#")[1]).page
    assert other.locator("[data-day=before]").inner_text() == "2026-10-14"


def test_boundary_parcels_and_hatch_are_drawn(shown) -> None:
    page = shown(the_page()).page
    line, casing = page.locator("path.gx-line-patch"), page.locator("path.gx-line-casing")
    assert (line.get_attribute("stroke"), line.get_attribute("stroke-width")) == ("#ffe000", "3.5")
    assert casing.get_attribute("stroke-width") == "7"
    assert page.locator("path.gx-line-hatch").get_attribute("fill") == "url(#gx-hatch)"
    assert page.locator("path.gx-line-basic").get_attribute("stroke-dasharray") == "10 5"
    assert page.evaluate(
        "document.querySelector('path.gx-line-hatch').ownerSVGElement.querySelector('#gx-hatch') !== null"
    )
    labels = page.locator(".gx-label").all_inner_texts()
    assert {"0101 水田", "1006 农村道路"} <= set(labels)
    assert page.locator(".leaflet-control-scale-line").inner_text().endswith("m")
    assert page.locator(".leaflet-control-scale-line").count() == 1  # metric only


def test_no_boundary_is_drawn_where_the_layers_were_cut_for_the_page(shown) -> None:
    west, south, east, north = chips.frame(made.PATCH)
    half = shapely.box(west, south, (west + east) / 2, north)
    page = shown(the_page(context=[(half, "", made.Kind.BASIC_FARMLAND)])).page
    line = page.locator("path.gx-line-basic").bounding_box()
    assert line["width"] < 5  # only the true edge, in the middle of the picture, from top to bottom
    assert page.locator("path.gx-line-hatch").bounding_box()["width"] > 200


def test_patch_lies_where_the_pictures_show_it(shown) -> None:
    """The blue roof of the after picture is inside the drawn boundary, and nowhere else."""
    page = shown(the_page()).page
    inside = page.evaluate(
        """() => new Promise(done => {
          const image = new Image();
          image.onload = () => {
            const box = document.querySelector('.gx-chip-after').getBoundingClientRect();
            const patch = document.querySelector('path.gx-line-patch').getBoundingClientRect();
            done([patch.left, patch.top, patch.right, patch.bottom].map((v, i) =>
              (v - (i % 2 ? box.top : box.left)) / (i % 2 ? box.height : box.width)));
          };
          image.src = document.querySelector('.gx-chip-after').src;
        })"""
    )
    size = 240  # m, what the frame shows of the ground at least
    assert inside[2] - inside[0] == pytest.approx(70 / size, abs=0.02)  # 36 m east and 34 m west of the place
    assert inside[3] - inside[1] == pytest.approx(58 / size, abs=0.02)
    assert (inside[0] + inside[2]) / 2 == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_text_of_layers_and_people_is_never_markup(shown, lang) -> None:
    nasty = made.NASTY
    both = {"zh": nasty, "en": nasty}
    flag = made.flag(
        reasons=(Reason(both, both),),
        doubts=(Reason(both, both),),
        layers={nasty: [nasty]},
        kind=nasty.replace("{", "(").replace("}", ")"),
    )
    events = [
        made.event(
            3,
            nasty.replace("{", "(").replace("}", ")"),
            "2026-09-24",
            {"reason": nasty},
            "somebody",
            nasty.replace("{", "(").replace("}", ")"),
        )
    ]
    ground = [(made.PADDY, nasty, made.Kind.FARMLAND)]
    scene = [replace(one, platform=nasty) for one in made.SCENES]
    case = made.case(flags=(flag,), township_name=nasty, village_name=nasty)
    opened = shown(the_page(case, context=ground, scenes=scene, events=events), lang=lang)
    assert opened.problems == []
    assert opened.page.locator("img[src=x]").count() == 0
    assert nasty in opened.page.locator(".gx-label").first.text_content()
    assert nasty in opened.page.locator(".gx-case-name").inner_text()
    assert nasty in opened.page.locator(".gx-plate-before").inner_text()
    assert nasty in opened.page.locator(".gx-story").inner_text()


@pytest.mark.parametrize("status", list(Status))
def test_a_clue_is_called_a_clue_and_the_next_step_is_told(status: Status) -> None:
    html = case_map.render(the_page(made.case(status)), "zh")
    assert "违法" not in html
    assert "疑似" in re.sub(r"<[^>]+>", "", html)
    current = re.findall(r'aria-current="step"', html)
    assert len(current) == 1
    assert "下一步" in html


def test_a_clue_seen_once_waits_for_a_second_scene() -> None:
    once, twice = the_page(made.case(flags=(made.flag(),))), the_page()
    assert "第二期" in once.next.title["zh"]
    assert "派发" in twice.next.title["zh"]
    assert "线索" in twice.next.rows[2][1]["zh"]


def test_phone_shows_what_is_next_first(shown) -> None:
    page = shown(the_page(), PHONE).page
    tops = [
        page.locator(f"section.gx-{name}").bounding_box()["y"] for name in ("next", "map-card", "why", "area", "story")
    ]
    assert tops == sorted(tops)
    assert tops[0] < PHONE[1] / 2
    small = page.evaluate(
        "Array.from(document.querySelectorAll('main button:not([hidden]), .leaflet-bar a, .gx-back'))"
        ".map(e => e.getBoundingClientRect()).filter(r => r.height < 44 || r.width < 36).length"
    )
    assert small == 0


def test_a_long_history_opens_no_gap_between_the_cards(shown) -> None:
    last = made.events()[-1]
    text = "现场大门上锁，联系村组后再去。" * 9
    more = [dataclasses.replace(last, seq=100 + n, kind="NOTE", payload={"text": text}) for n in range(9)]
    page = shown(the_page(events=[*made.events(), *more])).page

    def edges(name: str) -> tuple[float, float]:
        box = page.locator(name).bounding_box()
        return box["y"], box["y"] + box["height"]

    story, area = edges(".gx-story"), edges(".gx-area")
    assert story[1] - story[0] > 1000
    for above, below in (("next", "beside"), ("beside", "story"), ("story", "seal"), ("why", "area")):
        assert 0 < edges(f".gx-{below}")[0] - edges(f".gx-{above}")[1] < 20, (above, below)
    assert abs(edges(".gx-map-card")[1] - area[1]) < 20
    assert area[1] - edges(".gx-area .gx-card-body > :last-child")[1] < 60


def test_history_is_newest_first_each_with_its_actor(shown) -> None:
    page = shown(the_page()).page
    titles = [text.strip() for text in page.locator(".gx-timeline li b").all_inner_texts()]
    assert titles == ["派发", "后续影像再次看到", "发现"]
    assert "影像二期确认 · 遥感组" in page.locator(".gx-timeline li").first.inner_text()
    assert "刘敏" not in page.content()
    assert page.locator(".gx-timeline li a").get_attribute("href") == "../runs/r1.html"


def test_confidence_grows_with_a_second_scene_and_hashes_of_files_are_not_shown(shown) -> None:
    flag = made.flag(confidence=0.6, layers={"FARMLAND": ["2025", "c" * 64]})
    page = shown(the_page(made.case(flags=(flag, made.flag("f2", 0.6, "s1", "s4"))))).page
    assert "高 0.84" in page.locator(".gx-why .gx-tag").inner_text()  # 1 − 0.4 × 0.4
    assert page.locator(".gx-basis dd").first.inner_text() == "2025"


def test_a_clock_that_ran_back_is_shown(shown) -> None:
    told = made.verified()
    told.clock_back = (9,)
    page = shown(the_page(verified=told)).page
    assert "时钟回拨" in page.locator(".gx-timeline li").nth(1).inner_text()


def test_seal_tells_the_first_bad_event(shown) -> None:
    intact, broken = shown(the_page()).page, shown(the_page(verified=made.verified(ok=False))).page
    assert "记录完整，未被改动" in intact.locator(".gx-seal").inner_text()
    assert "记录对不上，从第 9 条起" in broken.locator(".gx-seal").inner_text()
    assert "从第 9 条起对不上" in broken.locator(".gx-story .gx-tag").inner_text()


@pytest.mark.parametrize("held", [0, 1])
def test_without_two_pictures_there_is_no_swipe(shown, held) -> None:
    kept = dict(list(made.chips().items())[:held])
    opened = shown(the_page(chips=kept))
    assert opened.problems == []
    assert opened.page.locator("[role=slider]").count() == 0
    assert opened.page.locator("path.gx-line-patch").count() == 1
    said = opened.page.locator(".gx-map-card").inner_text()
    assert ("只有一期影像" if held else "没有留存影像小图") in said


def test_a_case_found_from_another_pair_stays_readable(shown) -> None:
    """Scenes removed, events of unknown kinds, no layers, not verified: the page still opens."""
    case = made.case(flags=(made.flag(kind="kind_of_tomorrow", layers={}),), relapses=1)
    events = [made.event(3, "KIND_OF_TOMORROW", "2026-09-24")]
    opened = shown(the_page(case, scenes=[], context=[], events=events, verified=None, chips={}))
    assert opened.problems == []
    assert "KIND_OF_TOMORROW" in opened.page.locator(".gx-story").inner_text()
    assert "尚未校验" in opened.page.locator(".gx-seal").inner_text()


def test_patch_in_several_parts_with_holes_is_drawn(shown) -> None:
    hole = shapely.difference(made.PATCH, made.PATCH.centroid.buffer(5e-5))
    both = shapely.MultiPolygon([hole, made.POND])
    opened = shown(the_page(made.case(geometry=both)))
    assert opened.problems == []
    assert opened.page.locator("path.gx-line-patch").get_attribute("d").count("z") == 3


def texts(value, path="page"):
    if isinstance(value, dict) and set(value) == {"zh", "en"}:
        yield path, value
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from texts(getattr(value, field.name), f"{path}.{field.name}")
    elif isinstance(value, tuple):
        for one in value:
            yield from texts(one, path)


@pytest.mark.parametrize("status", list(Status))
def test_every_sentence_of_the_page_has_its_chinese(status: Status) -> None:
    page = the_page(made.case(status))
    same = [
        text["en"]
        for path, text in texts(page)
        if text["zh"] == text["en"] and "reasons" not in path and "doubts" not in path
    ]
    assert [text for text in same if re.search("[A-Za-z]{3}", text)] == []


def test_a_long_patch_among_thousands_of_parcels_stays_light() -> None:
    """A road of kilometres: parcels with stair edges of 30 m pixels, as vectorised from an image."""
    road = made.shape_m([(-3000, -10), (3000, -10), (3000, 10), (-3000, 10)])
    stairs = [(step * 10 + (i % 2) * 10, 0 if i < 12 else 90) for i, step in enumerate([*range(12), *range(12, 0, -1)])]
    ground = [
        (shapely.affinity.translate(made.shape_m(stairs), i % 60 * 0.0011, i // 60 * 0.0011), "0101 水田", kind)
        for i in range(2400)
        for kind in (made.Kind.FARMLAND, made.Kind.BASIC_FARMLAND)
    ]
    html = case_map.render(the_page(made.case(geometry=road), context=ground, chips={}), "zh")
    assert len(gzip.compress(html.encode())) < 100_000


def test_page_is_light_and_asks_nothing_of_the_network() -> None:
    html = case_map.render(the_page(), "zh")
    assert assets.outside_references(html.replace("http://www.w3.org", "")) == []
    assert len(html.encode()) < 60_000


def verdicts(right: int, wrong: int, **given) -> list[dict]:
    row = {"after_id": "s3", "kind": "construction", "method": "irmad", "district_code": "430321", **given}
    return [row | {"verdict": "violation"}] * right + [row | {"verdict": "false_change"}] * wrong


def test_how_often_such_flags_were_right_is_said_from_twenty_verdicts_on() -> None:
    case = made.case()
    told = {"kind": case.flags[0]["kind"], "district_code": case.district_code, "district_name": "丙潭县"}
    few = the_page(lived=precision.lived(verdicts(15, 4, **told)))
    assert [one["zh"] for one in few.precision] == ["同类图斑：核实不足 20 个，暂不给准确率（已核实 19 个）。"]
    rows = verdicts(16, 4, **told) + verdicts(0, 20, **told | {"kind": "pond"})
    html = case_map.render(the_page(lived=precision.lived(rows)))
    found = re.findall(r"data-precision>([^<]*)<", html)
    assert found == [
        "同类图斑：已核实 20 个，属实 16 个：准确率 80%（95% 区间 58%–92%）。",
        "irmad 方法的图斑：已核实 40 个，属实 16 个：准确率 40%（95% 区间 26%–55%）。",
        "丙潭县的图斑：已核实 40 个，属实 16 个：准确率 40%（95% 区间 26%–55%）。",
    ]
    assert case_map.render(the_page()).count("暂不给准确率") == 1


def test_both_languages_find_the_same_files() -> None:
    for lang, up in (("zh", "../"), ("en", "../../")):
        frame = Frame("case/x.html", lang, "", made.AS_OF, True, assets.names(), nav="cases")
        html = case_map.render(the_page(), lang, frame)
        assert f'"{up}chips/s1.webp"' in html
        assert f'src="{up}chips/s3.t.webp"' in html


def test_what_the_ledger_holds_becomes_its_page(shown, tmp_path) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        told = ledger.record(made.inspection(2), made.run_flags(2)[:1], SYSTEM).inspection
        case = ledger.cases()[0]
        page = case_page(
            case,
            ledger.events(case.number),
            ledger.inspections(),
            made.SCENES,
            made.CONTEXT,
            chips=made.chips(),
            as_of=made.AS_OF,
            verified=ledger.verify(),
            runs={told.id: "runs/r.html"},
        )
    opened = shown(page)
    assert opened.problems == []
    assert opened.page.locator("h1").inner_text() == case.number
    assert "巡查 R-20260924-03 · 系统" in opened.page.locator(".gx-timeline").inner_text()
    assert "台账事件 1–2 哈希连续" in opened.page.locator(".gx-seal").inner_text()
    assert opened.page.locator(".gx-timeline a").get_attribute("href") == "../runs/r.html"
