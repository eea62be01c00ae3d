"""From the office to the field and back: two people at desks, one with a phone, each in a browser profile."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.maps.portal.conftest import number, served
from tests.maps.portal.test_field_page import SIZE, Field, cameras  # noqa: F401 (a fixture)

CASE = number(2)
KEPT = """caches.keys().then(async (names) => {
    for (const name of names) { if (await (await caches.open(name)).match("data.json")) { return true; } }
    return false; })"""
"""Whether the page can be opened without signal."""


@pytest.fixture
def serve_by() -> Any:
    return served


def desk(cameras: Any, serving: str) -> Any:  # noqa: F811
    context = cameras.new_context(
        viewport={"width": 1440, "height": 900}, locale="zh-CN", base_url=serving, accept_downloads=True
    )
    return context.new_page()


def picture(page: Any, name: str) -> None:
    folder = os.environ.get("GENGXUN_SHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def of_stage(page: Any, stage: str) -> int:
    page.goto("/overview")
    page.wait_for_selector(f"[data-count={stage}]:not(:empty)")
    return int(page.inner_text(f"[data-count={stage}]"))


def test_a_case_goes_from_the_office_to_a_phone_without_signal_and_back(
    cameras: Any,  # noqa: F811
    serving: str,
    office: Any,
    enter: Callable[..., Any],
) -> None:
    sender, acceptor = desk(cameras, serving), desk(cameras, serving)
    enter(sender, "reviewer", name="王复核")
    enter(acceptor, "reviewer", name="赵验收")
    closed_before, found_before = of_stage(acceptor, "CLOSED"), of_stage(acceptor, "FOUND")

    # the office: filter, open, dispatch, make a link
    sender.goto("/cases?status=SUSPECTED")
    sender.click(f'a.gx-row-number:text-is("{CASE}")')
    assert "疑似" in sender.inner_text("h1 + p, .gx-case-name")
    sender.click("#do-dispatched > summary")
    sender.fill("#do-dispatched [name=to_whom]", "李外业")
    sender.fill("#do-dispatched [name=reason]", "顶棚清晰可见")
    sender.click("#do-dispatched button[type=submit]")
    sender.wait_for_selector("#done")
    picture(sender, "way-1-dispatched")
    sender.goto(f"/links?case={CASE}")
    sender.fill("[name=to]", "李外业")
    sender.click("text=生成链接")
    address = sender.input_value("#address")
    found = re.fullmatch(re.escape(serving) + r"/l/([^/]+)/#(.+)", address)
    assert found, address
    picture(sender, "way-2-link")

    # the phone: opens once with signal, then works without
    phone = cameras.new_context(viewport=SIZE, locale="zh-CN", is_mobile=True, has_touch=True, device_scale_factor=2)
    phone.grant_permissions(["geolocation", "camera"])
    field = Field(phone, serving, None, found[2], {})
    field.page.goto(address)
    field.page.wait_for_selector("#gxf-tabs:not([hidden])")
    assert found[2] not in field.page.url  # the secret is gone from the address
    field.data = field.page.evaluate("gxField.data")
    field.until("navigator.serviceWorker.ready.then(() => true)")
    field.until(KEPT)
    field.stand(-40, -40, 5)
    field.until("gxField.place.fix")
    phone.set_offline(True)
    field.until("document.getElementById('gxf-strip-text').textContent === '无信号，可照常工作'")
    field.until("gxField.place.compass !== 'off'")
    field.face(45)
    field.until("gxField.place.heading() !== null")
    field.tab("photo")
    field.page.click("#gxf-primary")
    for _ in range(2):
        field.shoot()
    field.page.click("#gxf-camera-close")
    field.tab("verdict")
    field.page.click(".gxf-choice[data-key=false_change] label")
    subs = field.page.locator("input[name=gxf-in-sub]")
    if subs.count():
        subs.first.locator("xpath=..").click()
    field.until("gxStore.drafts().then(all => Object.values(all).some(one => one && one.verdict === 'false_change'))")
    picture(field.page, "way-3-verdict")
    kept = len(field.records())

    # the tab is closed and opened anew, still without signal
    field.page.close()
    field.page = phone.new_page()
    field.listen(field.page)
    field.page.goto(f"{serving}/l/{found[1]}/")
    field.page.wait_for_selector("#gxf-tabs:not([hidden])")
    assert len(field.records()) == kept == 2
    field.tab("verdict")
    assert field.page.is_checked(".gxf-choice[data-key=false_change] input[name=gxf-verdict]")
    for empty in field.page.locator("[data-key=false_change] .gxf-field :is(textarea, input[type=text])").all():
        empty.fill("地里是水稻，没有建筑物")
    while not field.text("primary").startswith("提交"):  # what is still missing is named, and the button leads there
        said = field.text("primary")
        field.page.click("#gxf-primary")
        field.page.wait_for_selector("#gxf-photo:not([hidden])")
        field.until("gxField.place.fix")
        field.face(45)
        field.page.click("#gxf-primary")
        field.shoot()
        field.page.click("#gxf-camera-close")
        field.tab("verdict")
        assert field.text("primary") != said
    field.page.click("#gxf-primary")
    field.page.wait_for_selector("#gxf-upload:not([hidden])")
    taken = len(field.records())
    picture(field.page, "way-4-waiting")

    # signal again: the upload breaks twice and goes on
    broken = []

    def breaks(route: Any) -> None:
        if route.request.method == "PUT" and len(broken) < 2:
            broken.append(route.request.url)
            route.abort("connectionreset")
        else:
            route.continue_()

    phone.route("**/up/*", breaks)
    phone.set_offline(False)
    field.page.evaluate("gxQueue.kick()")
    field.until("document.getElementById('gxf-saved-title').textContent.includes('已全部上传')", timeout=90_000)
    assert len(broken) == 2
    picture(field.page, "way-5-uploaded")
    events = office.ledger.events(CASE)
    photos = [e for e in events if e.kind == "EVIDENCE"]
    assert len(photos) == taken - 1  # the verdict is a record too
    assert len({e.payload["sha256"] for e in photos}) == len(photos)
    assert {e.by for e in photos} == {"李外业"}

    # the office sees the evidence with where the camera looked; a second person accepts
    acceptor.goto(f"/review/{CASE}")
    assert acceptor.locator("[data-cone], .gx-cone").count() >= 2
    picture(acceptor, "way-6-review")
    acceptor.click("button:has-text('验收通过，销号')")
    acceptor.wait_for_selector("#done, .gx-done")
    assert office.ledger.case(CASE).status.value == "CLOSED"
    assert of_stage(acceptor, "CLOSED") == closed_before + 1
    assert of_stage(acceptor, "FOUND") == found_before - 1
    assert office.ledger.verify().ok
    assert list(office.evidence.check()) == []
    assert not field.problems
