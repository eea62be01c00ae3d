"""Case and review in a real Chromium at both sizes: quiet, nothing from outside, also without script."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from pipeline.cases.events import Kind
from pipeline.cases.evidence import to_json as evidence_json
from tests.maps.portal.conftest import WORD, add_person, number
from tests.pipeline.cases import lives

ADDRESSES = (
    f"/case/{number(2)}", f"/case/{number(3)}?do=verdict&pick=violation", f"/case/{number(5)}?do=proceeding",
    f"/review/{number(5)}", "/review?tab=waits", "/cases?status=REPORTED", "/todo",
)  # fmt: skip


@pytest.mark.parametrize("size", ["browser", "phone"])
def test_pages_are_quiet_and_reach_nothing_outside(size, request, serving, enter) -> None:
    page = request.getfixturevalue(size)
    outside = []
    page.on("request", lambda r: None if r.url.startswith((serving, "data:", "blob:")) else outside.append(r.url))
    enter(page, "reviewer")
    for address in ADDRESSES:
        page.goto(address)
        page.wait_for_load_state("networkidle")
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{address} is {wide} px too wide"
        assert page.locator(".gx-act-main > summary:visible").count() <= 1
    assert page.problems == []
    assert outside == []


def test_on_a_phone_the_next_step_comes_first(phone, enter) -> None:
    page = enter(phone, "reviewer")
    page.goto(f"/case/{number(2)}")
    tops = [page.locator(what).bounding_box()["y"] for what in (".gx-next", ".gx-map-card", ".gx-why", ".gx-area")]
    assert tops == sorted(tops)
    assert tops[0] < 844


def test_the_links_of_the_review_are_large_enough_for_a_finger(phone, enter) -> None:
    page = enter(phone, "reviewer")
    for path in ("/review", f"/review/{number(5)}"):
        page.goto(path)
        small = page.locator(".gx-tabs a, .gx-queue-rows a, .gx-case-name h1 a, .gx-back").evaluate_all(
            "all => all.map((e) => e.getBoundingClientRect()).filter((r) => r.width && (r.width < 44 || r.height < 44))"
            ".map((r) => [r.x, r.y, r.width, r.height])"
        )
        assert small == [], path
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_photo_cones_are_drawn_where_photos_were_taken(browser, enter) -> None:
    page = enter(browser, "reviewer")
    page.goto(f"/review/{number(5)}")
    page.wait_for_selector(".gx-cone")
    assert page.locator(".gx-cone").count() == page.locator("[data-photo]").count() == 2
    page.locator("[data-photo]").first.click()
    assert page.locator(".gx-cone-on").count() == 1


def test_a_step_is_taken_without_script(chromium, serving, office) -> None:
    context = chromium.new_context(base_url=serving, java_script_enabled=False, locale="zh-CN")
    page = context.new_page()
    page.goto("/login?next=/cases")
    page.fill("#name", add_person(office, "reviewer"))
    page.fill("#password", WORD)
    page.click("button[type=submit]")
    page.click(f"text={number(2)}")
    page.click("#do-dispatched summary")
    page.fill("#do-dispatched [name=to_whom]", "示意镇")
    page.fill("#do-dispatched [name=reason]", "顶棚清晰可见")
    page.click("#do-dispatched button[type=submit]")
    page.wait_for_selector("#done")
    assert re.search("已记入台账：派发", page.inner_text("#done"))
    assert office.ledger.case(number(2)).status == "DISPATCHED"
    context.close()


def test_the_sheet_of_a_case_with_eight_photos_is_one_a4_page(browser, enter, office) -> None:
    ground = office.ledger.case(number(5)).geometry
    held = sum(item["kind"] == "photo" for item in office.ledger.case(number(5)).parts[0].evidence)
    for n in range(8 - held):
        item = lives.photo("after", ground, office.clock() - timedelta(minutes=n))
        office.ledger.act(number(5), Kind.EVIDENCE, evidence_json(item), lives.INSPECTOR)
    page = enter(browser, "reviewer")
    page.goto(f"/case/{number(5)}/print")
    assert page.locator(".gx-sh-photos li").count() == 8
    assert page.locator(".gx-sh-gates tr").count() > 5
    assert page.pdf(prefer_css_page_size=True).count(b"/Type /Page\n") == 1
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 673, "height": 1017})  # what A4 leaves within its margins
    sides = [page.locator(part).bounding_box() for part in (".gx-sh-pictures", ".gx-sh-facts")]
    assert sides[0]["y"] == sides[1]["y"]  # side by side, as at a desk
