# ruff: noqa: F811  (fixtures of another file)
"""The page of a field link in Chromium where things are out of the ordinary: a case in parts, a decision made
meanwhile, a new link for an old one, a full phone, a low window."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from flows.settings import FILE
from maps.portal import fielddata, fieldwork, links
from pipeline.cases.events import Actor, Kind
from tests.maps.portal.conftest import number, served
from tests.maps.portal.field_phone import Phone, new_link
from tests.maps.portal.test_field_page import CASE, SIZE, Field, cameras, hold  # noqa: F401 (fixtures)
from tests.pipeline.cases import lives

OFFICER = Actor("周建军", "district_officer")


def begin(field: Field) -> Field:
    field.stand(-40, -40)
    field.open()
    field.until("gxField.place.fix")
    field.face(45)
    return field


def take_one(field: Field) -> None:
    field.tab("photo")
    field.page.click("#gxf-primary")
    field.shoot()
    field.page.click("#gxf-camera-close")


def test_of_a_case_in_parts_each_has_its_way_its_photos_and_its_verdict(
    hold: Callable[..., Field], office: Any
) -> None:
    ground = office.ledger.case(CASE).parts[0].ground
    office.ledger.act(CASE, Kind.SPLIT, {"parts": lives.halves(ground)}, OFFICER)
    field = begin(hold())
    first, second = field.data["cases"][0]["parts"]
    chips = field.page.locator("#gxf-parts button")
    assert chips.count() == 2
    assert [chips.nth(n).get_attribute("aria-pressed") for n in range(2)] == ["true", "false"]
    field.tab("verdict")
    field.page.click(".gxf-choice[data-key=lawful] label")
    chips.nth(1).click()
    field.until("document.querySelectorAll('#gxf-parts button')[1].getAttribute('aria-pressed') === 'true'")
    field.until("!document.querySelector('.gxf-choice.is-chosen')")  # the other part has a draft of its own
    assert f"{second['mu']:.2f}" in field.text("place")
    take_one(field)
    (record,) = field.records()
    assert record["part"] == second["id"]
    assert field.page.locator("#gxf-photos li").count() == 1
    chips.nth(0).click()
    field.until("document.querySelectorAll('#gxf-photos li').length === 0")
    field.tab("verdict")
    field.until("document.querySelector('.gxf-choice.is-chosen').dataset.key === 'lawful'")
    assert first["id"] != second["id"]
    field.until("gxStore.all().then(rows => rows.every(r => r.state.name === 'sent'))", timeout=40_000)
    assert office.ledger.events(CASE)[-1].payload["part"] == second["id"]
    assert not field.problems


def test_a_decision_made_meanwhile_is_told_by_whom_and_when(hold: Callable[..., Field], office: Any) -> None:
    field = begin(hold())
    field.context.set_offline(True)
    for n, shot in enumerate(("overview", "inside")):
        item = lives.photo(shot, office.ledger.case(CASE).geometry, office.clock() - timedelta(minutes=9 - n))
        office.ledger.act(CASE, Kind.EVIDENCE, fieldwork.evidence_json(item), OFFICER)
    office.ledger.act(CASE, Kind.VERDICT, {"verdict": "facility", "filing_number": "湘设〔2026〕1号"}, OFFICER)
    field.page.evaluate(
        """() => gxStore.put({id: gxField.uuid(), kind: "verdict", case: gxField.case.number, part: gxField.part.id,
            version: gxField.case.version, taken_at: new Date().toISOString(), clock: gxField.clock(),
            payload: {verdict: "false_change"}}, null)"""
    )
    field.tab("upload")
    field.context.set_offline(False)
    field.until("document.getElementById('gxf-upload-note').textContent.includes('您离线期间')", timeout=40_000)
    said = field.text("upload-note")
    assert said.startswith("您离线期间，周建军已于")
    assert "“设施农用地”" in said
    assert "补充记录" in field.page.inner_text("#gxf-rows li")
    assert office.ledger.case(CASE).parts[0].verdict["verdict"] == "facility"
    assert not field.problems


def test_a_new_link_that_is_pasted_takes_over_what_was_not_sent(
    hold: Callable[..., Field], office: Any, clock: Any
) -> None:
    field = begin(hold())
    field.context.set_offline(True)
    take_one(field)
    links.revoke(office.store, field.link.id, by="王复核", at=clock())
    field.context.set_offline(False)
    field.page.wait_for_selector("#gxf-gone:not([hidden])", timeout=40_000)
    field.page.click("#gxf-primary")
    field.page.fill("#gxf-paste-in", "不是链接")
    field.page.keyboard.press("Enter")
    field.until("document.getElementById('gxf-paste-bad').textContent.length > 0")
    link, secret = new_link(office, CASE)
    field.page.fill("#gxf-paste-in", f"新链接 {field.base}/l/{link.id}/#{secret}")
    field.page.keyboard.press("Enter")
    field.page.wait_for_selector("#gxf-head:not([hidden])")
    field.until("gxStore.all().then(r => r.length === 1 && r[0].state.name === 'sent')", timeout=40_000)
    (record,) = field.records()
    assert record["from_link"] == field.link.id
    held = [e for e in office.ledger.events(CASE) if e.kind == "EVIDENCE"]
    assert [e.payload["sha256"] for e in held] == [record["id"]]


def test_navigation_is_offered_only_where_the_office_wants_it(hold: Callable[..., Field], office: Any) -> None:
    field = begin(hold())
    for app in ("amap", "tencent"):
        assert field.page.is_hidden(f"#gxf-{app}")
        assert field.page.get_attribute(f"#gxf-{app}", "href") is None
    file = office.root / FILE
    text = file.read_text(encoding="utf-8")
    assert "navigation = false" in text
    file.write_text(text.replace("navigation = false", "navigation = true"), encoding="utf-8")
    with served(office.root) as other:
        wants = begin(hold(reach=other))
        wants.page.wait_for_selector("#gxf-amap:not([hidden])")
        to = wants.page.evaluate("gxField.part.gcj")
        assert to == [round(v, 4) for v in to]
        assert f"to={to[0]},{to[1]}&" in wants.page.get_attribute("#gxf-amap", "href")
        assert f"tocoord={to[1]},{to[0]}" in wants.page.get_attribute("#gxf-tencent", "href")
        assert wants.page.is_visible("#gxf-go-note")
        assert not wants.problems


def test_the_page_of_an_ended_link_holds_nothing_of_the_case(client: TestClient, office: Any, clock: Any) -> None:
    link, secret = new_link(office, CASE)
    phone = Phone(client, link.id)
    assert phone.open(secret).status_code == 204
    clock.later(days=8)
    page = phone.get()
    assert page.status_code == 410
    assert 'id="gxf-gone"' in page.text
    for word in (CASE, "湘潭", "李外业", "疑似"):
        assert word not in page.text
    assert phone.get("data.json").status_code == 410


def test_the_page_of_an_ended_link_shows_what_the_phone_keeps(hold: Callable[..., Field], office: Any) -> None:
    field = begin(hold())
    field.context.set_offline(True)
    take_one(field)
    with office.store.writing() as connection:
        connection.execute(sa.text("UPDATE links SET expires_at = made_at + 1"))
    field.page.evaluate("navigator.serviceWorker.getRegistration().then(r => r && r.unregister())")
    field.context.set_offline(False)
    answer = field.page.goto(f"{field.base}/l/{field.link.id}/")
    assert answer.status == 410
    field.page.wait_for_selector("#gxf-gone:not([hidden])")
    assert field.text("gone-records") == "您的 1 条记录还在这台手机上"
    assert field.text("gone-title")
    assert field.page.is_hidden("#gxf-head")
    assert not field.problems


def test_little_room_on_the_phone_is_told_before_and_blocks_nothing(hold: Callable[..., Field]) -> None:
    field = hold()
    field.page.add_init_script(
        "navigator.storage.estimate = () => Promise.resolve({quota: 300_000_000, usage: 180_000_000});"
    )
    begin(field)
    field.until("document.getElementById('gxf-strip-text').textContent === '本机存储只剩 120 MB'")
    assert field.page.get_attribute("#gxf-strip", "data-tone") == "amber"
    take_one(field)
    assert len(field.records()) == 1


def test_the_shutter_shows_that_a_photo_is_being_saved(hold: Callable[..., Field]) -> None:
    field = begin(hold())
    field.page.evaluate(
        """() => { const put = gxStore.put; window.go = null;
            gxStore.put = async (record, blob) => {
                await new Promise((done) => { window.go = done; });
                return put(record, blob); }; }"""
    )
    field.tab("photo")
    field.page.click("#gxf-primary")
    field.page.wait_for_selector("#gxf-shutter:not([disabled])")
    field.page.click("#gxf-shutter")
    field.until("window.go !== null")
    assert field.page.get_attribute("#gxf-shutter", "aria-disabled") == "true"
    field.page.evaluate("document.getElementById('gxf-shutter').click()")  # does nothing meanwhile
    field.page.evaluate("window.go()")
    field.until("!document.getElementById('gxf-shutter').hasAttribute('aria-disabled')")
    assert field.page.evaluate("document.activeElement.id") == "gxf-shutter"
    assert len(field.records()) == 1
    assert not field.problems


@pytest.mark.parametrize("size", [(320, 256), (422, 195), (640, 360)])
def test_a_low_window_scrolls_as_one_and_covers_nothing(hold: Callable[..., Field], size: tuple[int, int]) -> None:
    """As at 200 % and 400 % zoom, with a keyboard open, on a phone on its side."""
    field = begin(hold(viewport={"width": size[0], "height": size[1]}))
    for step in ("find", "photo", "verdict", "upload"):
        field.tab(step)
        assert field.page.evaluate("document.documentElement.scrollWidth") <= size[0], step
        assert field.page.evaluate("getComputedStyle(document.getElementById('gxf-foot')).position") == "static"
        for target in ("gxf-primary", f"gxf-tab-{step}"):
            hit = field.page.evaluate(
                """(id) => { const node = document.getElementById(id); node.scrollIntoView({block: "center"});
                    const box = node.getBoundingClientRect();
                    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
                    return node === top || node.contains(top); }""",
                target,
            )
            assert hit, (step, target)
    assert not field.problems


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_on_a_small_phone_no_step_lies_under_the_buttons(hold: Callable[..., Field], lang: str) -> None:
    field = hold(viewport={"width": 320, "height": 568})
    field.context.add_cookies([{"name": "gx_lang", "value": lang, "url": field.base}])
    begin(field)
    for step in ("find", "photo", "verdict", "upload"):
        field.tab(step)
        over = field.page.evaluate(
            """(step) => { const foot = document.getElementById("gxf-foot").getBoundingClientRect().top;
                const panel = document.getElementById("gxf-" + step);
                return [panel, ...panel.querySelectorAll(".gxf-where, .gxf-find, .gxf-mapbox")].map((node) =>
                    Math.round(node.getBoundingClientRect().bottom - foot)).filter((px) => px > 0); }""",
            step,
        )
        assert over == [], step
    field.tab("find")
    field.page.locator("#gxf-copy").scroll_into_view_if_needed()
    field.page.click("#gxf-copy")
    assert field.page.locator("#gxf-strip").bounding_box()["y"] == 0
    assert not field.problems


INSIDE = """([outer, inner]) => { const box = document.querySelector(outer).getBoundingClientRect();
    return Array.from(document.querySelectorAll(inner)).map((node) => node.getBoundingClientRect())
        .filter((b) => b.left < box.left - 1 || b.right > box.right + 1 || b.bottom > box.bottom + 1).length; }"""


def test_letters_of_twice_the_size_push_no_key_over_another_thing(hold: Callable[..., Field]) -> None:
    field = begin(hold())
    field.page.add_style_tag(content="html, body, body * { text-size-adjust: 200% !important; }")
    assert field.page.locator("#gxf-number").bounding_box()["height"] > 40, "letters are large"
    field.page.click("#gxf-layers")
    assert field.page.evaluate(INSIDE, [".gxf-mapbox", ".gxf-mapkeys button, .gxf-layerbox"]) == 0
    field.page.set_viewport_size({"width": 390, "height": 700})
    covered = """() => { const box = document.getElementById("gxf-primary").getBoundingClientRect();
        return [2, box.height / 2, box.height - 2].filter((y) => {
            const top = document.elementFromPoint(box.x + box.width / 2, box.y + y);
            return !document.getElementById("gxf-primary").contains(top); }).length; }"""
    assert field.page.evaluate(covered) == 0, "the map lies over no button"
    field.shot("find-large-letters")
    field.page.locator("#gxf-copy").scroll_into_view_if_needed()
    assert field.page.evaluate(INSIDE, ["#gxf-find", "#gxf-copy"]) == 0
    field.page.set_viewport_size(SIZE)
    take_one(field)
    cut = field.page.evaluate(
        "Array.from(document.querySelectorAll('#gxf-photos small')).some((n) => n.scrollWidth > n.clientWidth)"
    )
    assert not cut


def test_at_twice_the_zoom_every_key_of_the_camera_is_on_the_screen(hold: Callable[..., Field]) -> None:
    field = begin(hold(viewport={"width": 195, "height": 422}))
    field.tab("photo")
    field.page.click("#gxf-primary")
    field.page.wait_for_selector("#gxf-shutter:not([disabled])")
    assert field.page.evaluate(INSIDE, ["#gxf-camera", ".gxf-camera-keys button, .gxf-camera-keys span"]) == 0
    field.page.click("#gxf-camera-close")
    assert field.page.locator("#gxf-number").bounding_box()["height"] < 60, "at most two lines"


def test_a_long_form_scrolls_in_its_panel_and_never_the_page(hold: Callable[..., Field]) -> None:
    field = begin(hold())
    field.tab("verdict")
    for key in ("violation", "lawful", "basemap_wrong", "cannot"):
        field.page.click(f".gxf-choice[data-key={key}] label")
        field.page.evaluate("document.scrollingElement.scrollTop = 500")
        assert field.page.evaluate("document.scrollingElement.scrollTop") == 0, key
        assert field.page.locator("#gxf-strip").bounding_box()["y"] == 0, key
    assert not field.problems


def test_data_of_a_link_name_each_part(office: Any) -> None:
    ground = office.ledger.case(number(4)).parts[0].ground
    office.ledger.act(number(4), Kind.SPLIT, {"parts": lives.halves(ground)}, OFFICER)
    link, _ = new_link(office, number(4))
    (case,) = fielddata.data(office, link)["cases"]
    assert len({part["id"] for part in case["parts"]}) == 2
    assert sum(part["mu"] for part in case["parts"]) == pytest.approx(case["mu"], abs=0.02)
