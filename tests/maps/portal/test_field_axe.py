# ruff: noqa: F811  (fixtures of another file)
"""axe-core on what a phone may come to see of a field link: every door, state, dialog and form, at phone size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from maps.portal import fielddata, links, offlinefile
from pipeline.cases.events import Kind
from pipeline.cases.evidence import to_json as evidence_json
from tests.maps.portal.conftest import number
from tests.maps.portal.field_phone import jpeg, new_link
from tests.maps.portal.test_axe import findings
from tests.maps.portal.test_field_cases import begin, take_one
from tests.maps.portal.test_field_page import CASE, HOST, SIZE, Field, cameras, hold  # noqa: F401 (fixtures)
from tests.pipeline.cases import lives

REFUSES = "navigator.geolocation.watchPosition = (ok, no) => { setTimeout(() => no({code: %d}), 20); return 1; };"


class Look:
    """Looks at a page, state by state, and remembers what was found."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}

    def __call__(self, field: Field, state: str) -> None:
        field.page.wait_for_timeout(120)  # what fades or scrolls comes to rest
        field.shot(f"axe-{state}")
        self.found[state] = findings(field.page)


@pytest.fixture
def look() -> Iterator[Look]:
    made = Look()
    yield made
    assert made.found, "nothing was looked at"
    assert {state: said for state, said in made.found.items() if said} == {}


def test_the_doors_that_stay_shut(hold: Callable[..., Field], office: Any, clock: Any, look: Look) -> None:
    for state, spoil in {
        "bad": lambda field: setattr(field, "secret", field.secret[:-3] + "xxx"),
        "revoked": lambda field: links.revoke(office.store, field.link.id, by="王复核", at=clock()),
        "not reached": lambda field: field.page.route("**/open", lambda route: route.abort()),
        "too many": lambda field: field.page.route(
            "**/open", lambda route: route.fulfill(status=429, json={"zh": "尝试太多。等 60 秒再试。", "en": "Wait."})
        ),
    }.items():
        field = hold()
        spoil(field)
        field.page.goto(f"{field.base}/l/{field.link.id}/#{field.secret}")
        field.page.wait_for_selector("#gx-door-text:not(:empty)")
        look(field, f"door {state}")
    expired = hold(days=1e-6)
    expired.page.goto(f"{expired.base}/l/{expired.link.id}/#{expired.secret}")
    expired.page.wait_for_selector("#gx-door-text:not(:empty)")
    assert expired.page.inner_text("#gx-door-title") == "链接已到期"
    look(expired, "door expired")


def test_without_javascript_the_page_says_so(hold: Callable[..., Field], look: Look) -> None:
    field = hold()
    page = field.page.request.get(f"{field.base}/l/{field.link.id}/").text()
    field.page.goto(f"{field.base}/alive")
    shown = page.replace("<noscript>", "<div>").replace("</noscript>", "</div>").replace("<script", "<template")
    field.page.set_content(shown.replace("</script>", "</template>"))
    assert "需要 JavaScript" in field.page.inner_text("main")
    look(field, "no script")


def test_the_ways_to_the_place(hold: Callable[..., Field], look: Look) -> None:
    refused = hold(allow=())
    refused.page.add_init_script(REFUSES % 1)
    refused.open().page.wait_for_selector("#gxf-refused:not([hidden])")
    look(refused, "position refused")
    nowhere = hold()
    nowhere.page.add_init_script(REFUSES % 3)
    nowhere.open().page.wait_for_selector("#gxf-nofix:not([hidden])")
    look(nowhere, "no position")
    nowhere.page.click("#gxf-primary")
    nowhere.page.wait_for_selector("#gxf-turn:not([hidden])")
    nowhere.page.click("#gxf-layers")
    look(nowhere, "placed by hand, layers open")
    basic = hold(host=HOST).open()
    look(basic, "basic mode")
    basic.page.click("#gxf-second")
    look(basic, "basic mode, placing")


def test_the_dialogs_and_the_forms(hold: Callable[..., Field], look: Look) -> None:
    field = begin(hold(CASE, number(4)))
    look(field, "list of cases")
    field.page.click(f"#gxf-cases button:has-text('{CASE}')")
    field.stand(-60, -60)
    field.until("gxField.place.fix")
    field.face(45)
    field.tab("photo")
    field.page.click("#gxf-primary")
    field.page.wait_for_selector("#gxf-shutter:not([disabled])")
    look(field, "shutter")
    field.shoot()
    field.face(225)
    field.until("document.querySelector('#gxf-camera-ticks li').dataset.ok === 'no'")
    field.shoot()
    look(field, "shutter, to be taken again")
    field.page.click("#gxf-camera-close")
    look(field, "photos taken")
    field.page.click("#gxf-photos button >> nth=1")
    field.page.wait_for_selector("#gxf-viewer[open]")
    look(field, "a photo looked at")
    field.page.click("#gxf-viewer-close")
    field.tab("verdict")
    for key in ("violation", "lawful", "facility", "basemap_wrong", "cannot"):
        field.page.click(f".gxf-choice[data-key={key}] label")
        look(field, f"verdict {key}")
    field.page.evaluate("document.getElementById('gxf-wechat').showModal()")
    look(field, "opened in WeChat")


def test_the_queue_in_every_state(hold: Callable[..., Field], office: Any, look: Look) -> None:
    field = begin(hold())
    field.tab("upload")
    look(field, "nothing to send")
    field.context.set_offline(True)
    take_one(field)
    field.tab("verdict")
    field.page.click(".gxf-choice[data-key=cannot] label")
    field.page.click("#gxf-reason label:first-of-type")
    field.page.click("#gxf-primary")
    field.page.wait_for_selector("#gxf-upload:not([hidden])")
    look(field, "waiting without signal")
    said = {"zh": "服务器磁盘已满。", "en": "The disk is full."}
    for state in (
        {"name": "uploading", "n": 40, "share": 0.4, "sent": 1},
        {"name": "retry", "n": 3, "at": "2026-11-24T02:00:00Z", "sentence": said},
        {"name": "refused", "code": 413, "sentence": said},
    ):
        field.page.evaluate(
            "(s) => gxStore.all().then((rows) => gxStore.mark(rows.find((r) => r.kind === 'photo').key, s))", state
        )
        look(field, f"row {state['name']}")


def test_a_conflict_is_told(hold: Callable[..., Field], office: Any, look: Look) -> None:
    field = begin(hold())
    field.context.set_offline(True)
    for n, shot in enumerate(("overview", "inside")):
        item = lives.photo(shot, office.ledger.case(CASE).geometry, office.clock() - timedelta(minutes=9 - n))
        office.ledger.act(CASE, Kind.EVIDENCE, evidence_json(item), lives.OFFICER)
    facility = {"verdict": "facility", "filing_number": "湘设〔2026〕1号"}
    office.ledger.act(CASE, Kind.VERDICT, facility, lives.OFFICER)
    field.page.evaluate(
        """() => gxStore.put({id: gxField.uuid(), kind: "verdict", case: gxField.case.number, part: gxField.part.id,
            version: gxField.case.version, taken_at: new Date().toISOString(), clock: gxField.clock(),
            payload: {verdict: "false_change"}}, null)"""
    )
    field.tab("upload")
    field.context.set_offline(False)
    field.page.wait_for_selector("#gxf-upload-note:not([hidden])", timeout=40_000)
    look(field, "overtaken")


@pytest.mark.parametrize("why", ["revoked", "expired"])
def test_a_link_that_ended(hold: Callable[..., Field], office: Any, clock: Any, why: str, look: Look) -> None:
    field = begin(hold())
    field.context.set_offline(True)
    take_one(field)
    if why == "revoked":
        links.revoke(office.store, field.link.id, by="王复核", at=clock())
        field.context.set_offline(False)
    else:
        field.page.evaluate(
            """async () => { const now = gxStore.now; gxStore.now = () => now() + 8 * 864e5;
                document.dispatchEvent(new Event("visibilitychange")); }"""
        )
    field.page.wait_for_selector("#gxf-gone:not([hidden])", timeout=40_000)
    look(field, why)
    field.page.click("#gxf-primary")
    field.page.fill("#gxf-paste-in", "nonsense")
    field.page.click("#gxf-paste button")
    field.page.wait_for_selector("#gxf-paste-bad:not(:empty)")
    look(field, f"{why}, a wrong new link")


def test_the_offline_file(cameras: Any, office: Any, clock: Any, look: Look, tmp_path: Path) -> None:
    clock.now = datetime.now(UTC)  # the phone has the real one
    link, _ = new_link(office, CASE)
    data = fielddata.data(office, link)
    made = offlinefile.offline_file(data, lambda href: fielddata.chip(office, link, href.removeprefix("chips/")))
    path = tmp_path / "offline.html"
    path.write_bytes(made.content)
    context = cameras.new_context(viewport=SIZE, locale="zh-CN", is_mobile=True, has_touch=True)
    context.grant_permissions(["geolocation"])
    context.set_geolocation({"longitude": 112.51, "latitude": 27.87, "accuracy": 6})
    try:
        field = Field(context, "", link, "", data)
        field.page.goto(path.as_uri())
        field.page.wait_for_selector("#gxf-head:not([hidden]), #gxf-gone:not([hidden])")
        look(field, "offline file")
        photo = tmp_path / "a.jpg"
        photo.write_bytes(jpeg(3, 400))
        field.tab("photo")
        field.page.set_input_files("#gxf-file", photo)
        field.page.wait_for_selector("#gxf-photos li")
        look(field, "offline file, photo")
        field.tab("verdict")
        look(field, "offline file, verdict")
        field.tab("upload")
        look(field, "offline file, upload")
        field.page.evaluate(
            """() => { const now = gxStore.now; gxStore.now = () => now() + 8 * 864e5;
                document.dispatchEvent(new Event("visibilitychange")); }"""
        )
        field.page.wait_for_selector("#gxf-gone:not([hidden])")
        look(field, "offline file, ended")
    finally:
        context.close()
