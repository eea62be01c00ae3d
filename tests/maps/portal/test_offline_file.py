# ruff: noqa: E501  scripts of the page stand in long lines
"""The field page without the network: by its service worker, and as one self-contained file."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from maps import assets, style
from maps.portal import offlinefile
from maps.portal.package import read_package
from tests.maps.portal.field_server import CHROMIUM, FLAGS, LINK, MAKE, Held, Office, until

NUMBER = "430321-2026-00187"
PATCH = [[112.8, 27.7], [112.801, 27.7], [112.801, 27.701], [112.8, 27.701], [112.8, 27.7]]


def text(zh: str) -> dict[str, str]:
    return {"zh": zh, "en": zh}


def chip_bytes(side: int = 256) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((side, side), 40).convert("RGB").save(out, "WEBP", quality=80)
    return out.getvalue()


def data(cases: int = 1, chips: int = 2, hours: float = 100) -> dict[str, Any]:
    now = datetime.now(UTC)
    one = {
        "number": NUMBER,
        "version": 3,
        "status": "DISPATCHED",
        "title": "疑似建(构)筑物",
        "place": "花石镇 日新村",
        "mu": 4.47,
        "due": {"on": "2026-12-01", "days_left": 7},
        "task": None,
        "bounds": [112.799, 27.699, 112.802, 27.702],
        "parts": [
            {
                "id": "",
                "status": "DISPATCHED",
                "geometry": {"type": "Polygon", "coordinates": [PATCH]},
                "mu": 4.47,
                "corners": [[112.8, 27.7, "SW"], [112.801, 27.7, "SE"], [112.801, 27.701, "NE"], [112.8, 27.701, "NW"]],
                "centre": [112.8005, 27.7005],
                "gcj": None,
            }
        ],
        "parcels": [{"geometry": {"type": "Polygon", "coordinates": [PATCH]}, "code": "0101", "name": "水田"}],
        "chips": [
            {"id": f"c{n}", "day": f"2026-0{n + 1}-21", "sensor": "吉林一号", "href": f"chips/c{n}.webp", "bounds": [112.799, 27.699, 112.802, 27.702]}
            for n in range(chips)
        ],
        "verdicts": [
            {"key": "ILLEGAL", "name": text("非农违法"), "hint": text("照片＋主体"), "subs": {"PLANT": text("厂房类")}, "fields": [{"key": "party", "name": text("项目主体"), "type": "text", "required": True}], "photos": {"overview": 2, "close": 2, "corner": 4}}
        ],
        "cannot": [{"key": "road", "name": text("路不通")}],
        "held": {"photos": 0},
    }  # fmt: skip
    many = [{**json.loads(json.dumps(one)), "number": f"430321-2026-{187 + n:05d}"} for n in range(cases)]
    return {
        "link": {"id": LINK, "to": "张三", "expires_at": (now + timedelta(hours=hours)).isoformat(), "server_now": now.isoformat(), "late_until": (now + timedelta(hours=hours + 700)).isoformat()},
        "navigation": False,
        "declination_deg": -4.4,
        "lang": "zh",
        "cases": many,
    }  # fmt: skip


@pytest.fixture
def handset(chromium, tmp_path: Path) -> Iterator:
    contexts = []

    def start(folder: str = "phone", **options):
        context = chromium.browser_type.launch_persistent_context(
            str(tmp_path / folder),
            executable_path=CHROMIUM,
            args=[*FLAGS, "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
            viewport={"width": 390, "height": 844},
            has_touch=True,
            is_mobile=True,
            locale="zh-CN",
            accept_downloads=True,
            geolocation={"longitude": 112.8005, "latitude": 27.6998, "accuracy": 4},
            permissions=["geolocation", "camera"],
            **options,
        )
        contexts.append(context)
        context.add_init_script(MAKE)
        return context

    yield start
    for context in contexts:
        context.close()


# -- the service worker


@pytest.fixture
def bureau() -> Iterator[Office]:
    held = Held(data=data())
    held.page = (
        style.environment("zh")
        .get_template(offlinefile.TEMPLATE)
        .render(lang="zh", frame=style.Frame("l/L1/", "zh", "", None, None, assets.names()), now=None)
    )
    held.page = re.sub(r'(href|src)="[^"]*static/', r'\1="/static/', held.page)
    found = Office(held)
    yield found
    found.stop()


def installed(context, bureau: Office):
    page = context.new_page()
    page.goto(bureau.base)
    page.evaluate(
        "navigator.serviceWorker.register('sw.js').then(() => navigator.serviceWorker.ready).then(() => true)"
    )
    until(
        page,
        "!!navigator.serviceWorker.controller || navigator.serviceWorker.ready.then((w) => w.active.state === 'activated')",
    )
    return page


def test_a_reload_without_the_network_shows_the_page_and_the_case(handset, bureau) -> None:
    context = handset()
    page = installed(context, bureau)
    page.wait_for_selector("#gxf-number:has-text('430321-2026-00187')")
    bureau.stop()
    context.set_offline(True)
    page.reload()
    page.wait_for_selector("#gxf-number:has-text('430321-2026-00187')")
    assert page.evaluate("fetch('data.json').then((answer) => answer.headers.get('X-Gx-From-Cache'))") == "1"
    assert page.evaluate("fetch('chips/c1.webp').then((answer) => answer.ok)")
    page.close()
    page = context.new_page()  # and again from nothing
    page.goto(bureau.base)
    page.wait_for_selector("#gxf-number:has-text('430321-2026-00187')")


def test_at_410_the_case_leaves_the_cache_and_the_drafts_stay(handset, bureau) -> None:
    context = handset()
    page = installed(context, bureau)
    page.wait_for_selector("#gxf-number:has-text('430321-2026-00187')")
    context.set_offline(True)
    one = page.evaluate("made(1, 1000, { taken_at: '2026-11-24T02:00:00Z' })")
    page.evaluate("gxStore.saveDraft('verdict/x', { text: '写到一半' })")
    bureau.held.answer = 410
    context.set_offline(False)
    page.goto("about:blank")
    page.goto(bureau.base)
    page.wait_for_selector("#gxf-gone:not([hidden])")  # the shell still opens, to show what is left
    names = page.evaluate("caches.keys()")
    assert names
    assert not [name for name in names if "case" in name]
    assert page.evaluate("gxStore.drafts()")["verdict/x"] == {"text": "写到一半"}
    assert page.evaluate("states()") in ({one: "waiting"}, {one: "retry"})  # not sent, not lost


def test_the_worker_carries_the_page_exactly(bureau) -> None:
    script = offlinefile.service_worker(LINK)
    listed = set(json.loads(re.search(r"const GX = (.*);", script)[1])["assets"])
    asked = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', bureau.held.page))
    assert listed == asked


def test_what_was_not_sent_when_the_page_was_closed_goes_up_by_the_worker(handset, bureau) -> None:
    context = handset()
    page = installed(context, bureau)
    page.reload()
    page.wait_for_selector("#gxf-number:has-text('430321-2026-00187')")
    bureau.held.answers["PUT up"] = 503
    one = page.evaluate("made(1, 1000)")
    until(page, "states().then((found) => Object.values(found)[0] === 'retry')")
    worker = context.service_workers[0]
    page.goto("about:blank")
    bureau.held.answers.clear()
    worker.evaluate("upload()")
    assert [sha256 for _, sha256 in bureau.held.stored] == [one]


# -- one file


def written(tmp_path: Path, **how) -> Path:
    made = offlinefile.offline_file(data(**how), lambda href: chip_bytes())
    path = tmp_path / offlinefile.file_name(data(**how))
    path.write_bytes(made.content)
    return path


def test_the_offline_file_is_one_file_below_a_megabyte(tmp_path) -> None:
    made = offlinefile.offline_file(data(), lambda href: chip_bytes())
    print(f"offline file with 2 chips: {len(made.content):,} bytes")
    assert len(made.content) <= offlinefile.LIMIT_BYTES
    assert not made.left_out
    html = made.content.decode()
    assert assets.outside_references(re.sub(r"<script>.*?</script>", "", html, flags=re.S)) == []
    assert "default-src 'none'" in html[:2000]
    assert html.count("data:image/webp;base64,") == 2
    many = offlinefile.offline_file(data(cases=30), lambda href: chip_bytes())
    assert len(many.content) <= offlinefile.LIMIT_BYTES
    days = {day for _, day in many.left_out}
    assert days
    assert many.left_out[0][1] == min(days)


def test_the_offline_file_captures_keeps_and_exports_without_any_network(handset, tmp_path) -> None:
    path = written(tmp_path)
    context = handset()
    context.set_offline(True)
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else problems.append(r.url))
    page.goto(path.as_uri())
    page.wait_for_selector(f"#gxf-number:has-text('{NUMBER}')")
    assert "离线文件" in page.inner_text("#gxf-strip")
    until(page, "document.getElementById('gxf-distance').textContent !== '–'")
    page.click("#gxf-tab-photo")
    page.click("#gxf-primary")
    until(page, "document.getElementById('gxf-video').videoWidth > 0")
    page.click("#gxf-shutter")
    until(page, "gxStore.all().then((rows) => rows.length === 1)")
    row = page.evaluate("gxStore.all()")[0]
    assert row["case"] == NUMBER
    assert row["position_source"] == "phone"
    assert abs(row["lat"] - 27.6998) < 1e-6
    page.close()
    page = context.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector(f"#gxf-number:has-text('{NUMBER}')")
    page.click("#gxf-tab-upload")
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("离线包")).first.click()
    with read_package(download.value.path()) as package:
        assert package.link == LINK
        assert [record.id for record in package.records] == [row["id"]]
        original = package.original(row["id"])
        assert original[:3] == b"\xff\xd8\xff"
        assert hashlib.sha256(original).hexdigest() == row["id"]
    assert not problems


def test_the_offline_file_locks_itself_at_the_end_of_the_link(handset, tmp_path) -> None:
    page = handset().new_page()
    page.goto(written(tmp_path, hours=-0.1).as_uri())
    page.wait_for_selector("#gxf-gone:not([hidden])")


def test_a_phone_whose_clock_was_set_back_does_not_make_a_link_live_longer(handset, tmp_path) -> None:
    context = handset()
    context.add_init_script("Date.now = () => 1700000000000;")
    page = context.new_page()
    page.goto(written(tmp_path, hours=-0.1).as_uri())
    page.wait_for_selector("#gxf-gone:not([hidden])")
