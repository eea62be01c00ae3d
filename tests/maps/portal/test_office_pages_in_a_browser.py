"""The same pages in Chromium: at a desk and on a phone, on paper, with texts that want to be more than texts."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.cases.events import SYSTEM
from tests.maps.portal.conftest import number
from tests.maps.portal.field_phone import new_link
from tests.maps.portal.test_office_pages import NASTY, keep_photo
from tests.pipeline.cases import lives
from tests.pipeline.invented_flags import flag, inspection

ADDRESSES = (
    "/stats",
    "/stats?by=township",
    "/runs",
    "/runs/{run}",
    "/batches",
    "/layers",
    "/case/{case}/print",
    "/links",
)


def fill(office) -> str:
    """A run and a batch whose texts are hostile; the id of the run."""
    scenes = [scene.id for scene in office.catalog.scenes()]
    one = flag(20, 0, before=scenes[1], after=scenes[2])
    named = replace(one.occupied, district_name=NASTY, township_name=NASTY, village_name=NASTY)
    run = replace(inspection(scenes[1], scenes[2]), notes=({"zh": NASTY, "en": NASTY},))
    office.ledger.record(run, [replace(one, occupied=named)], SYSTEM)
    clue, about = lives.clue(30, NASTY, batch=NASTY)
    office.ledger.receive([(clue, {**about, "file": NASTY})], lives.ADMIN)
    keep_photo(office, number(3))
    new_link(office, number(3), number(4), number(5), to="李外业" * 8)
    return office.ledger.inspections()[-1].id


def shot(page, name: str) -> None:
    if folder := os.environ.get("GENGXUN_SHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def walk(page, base: str, addresses, wide: int) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for address in addresses:
        page.goto(address)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= wide, address
        assert page.locator("h1").count() == 1, address
        assert page.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth).length") == 0, address
        assert page.locator("img[src='x']").count() == 0, address
        shot(page, f"{re.sub(r'[^a-z]+', '-', address.split('?')[0])}-{wide}")
    assert all(url.startswith((base, "data:")) for url in asked)
    assert page.problems == []


@pytest.mark.parametrize("size", ["desk", "phone"])
def test_every_page_opens_without_an_error_and_asks_nobody_else(request, office, serving, enter, size) -> None:
    run = fill(office)
    page = request.getfixturevalue("browser" if size == "desk" else "phone")
    wide = 1440 if size == "desk" else 390
    enter(page, "reviewer")
    given = [a.format(run=run, case=number(3)) for a in ADDRESSES if a != "/layers"]
    walk(page, serving, given, wide)
    page.context.clear_cookies()
    enter(page, "administrator")
    walk(page, serving, ["/users", "/layers"], wide)


def pages_of(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))


def test_statistics_and_case_sheet_each_fill_one_sheet_of_paper(office, browser, enter) -> None:
    fill(office)
    enter(browser, "reviewer")
    for address in ("/stats", "/stats?by=township", f"/case/{number(1)}/print", f"/case/{number(5)}/print"):
        browser.goto(address)
        browser.wait_for_load_state("networkidle")
        assert pages_of(browser.pdf(prefer_css_page_size=True)) == 1, address
    browser.emulate_media(media="print")
    assert browser.locator(".gx-top").is_hidden()
    assert browser.locator(".gx-st-form").is_hidden()
