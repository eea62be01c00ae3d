"""The page of a field link at phone size in Chromium: position, heading and camera by its own emulation."""

from __future__ import annotations

import gzip
import io
import json
import math
import os
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from maps import assets, style
from maps.portal import fielddata, links, offlinefile
from tests.maps.conftest import CHROMIUM, FLAGS
from tests.maps.portal.conftest import number
from tests.maps.portal.field_phone import jpeg, new_link, sha

ROOT = Path(__file__).parents[3]
CASE = number(3)
SIZE = {"width": 390, "height": 844}
HOST = "gengxun.test"
"""A name of the intranet, over plain http: no secure context."""


@pytest.fixture(scope="module")
def cameras(playwright: Any) -> Iterator[Any]:
    rules = f"--host-resolver-rules=MAP {HOST} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", rules]
    local = [one for one in FLAGS if not one.startswith("--host-resolver-rules")]
    found = playwright.chromium.launch(executable_path=CHROMIUM, args=[*local, *fake])
    yield found
    found.close()


class Field:
    """A phone with the page of a link. east, north: metres from the middle of the part."""

    def __init__(self, context: Any, base: str, link: Any, secret: str, data: dict[str, Any]) -> None:
        self.context, self.base, self.link, self.secret, self.data = context, base, link, secret, data
        self.page = context.new_page()
        self.page.set_default_timeout(12_000)
        self.problems: list[str] = []
        self.listen(self.page)

    def listen(self, page: Any) -> None:
        page.on("pageerror", lambda error: self.problems.append(f"exception: {error}"))
        page.on(
            "console",
            lambda m: (
                self.problems.append(m.text)
                if m.type == "error" and not re.search("Failed to load|Cross-Origin-Opener", m.text)
                else None
            ),
        )

    def until(self, said: str, arg: Any = None, timeout: int = 15_000) -> None:
        """Until the script holds. Asked anew from here: the page's own policy forbids a watcher made of text."""
        ends = time.monotonic() + timeout / 1000
        while not self.page.evaluate(said, arg):
            assert time.monotonic() < ends, f"never came true: {said}"
            self.page.wait_for_timeout(40)

    @property
    def part(self) -> dict[str, Any]:
        return self.data["cases"][0]["parts"][0]

    def open(self) -> Field:
        self.page.goto(f"{self.base}/l/{self.link.id}/#{self.secret}")
        self.page.wait_for_selector("#gxf-head:not([hidden]), #gxf-list:not([hidden]), #gxf-gone:not([hidden])")
        return self

    def stand(self, east: float, north: float, accuracy: float = 6) -> None:
        lon, lat = self.part["centre"]
        self.context.set_geolocation({
            "longitude": lon + east / (111_412.84 * math.cos(math.radians(lat))),
            "latitude": lat + north / 110_800,
            "accuracy": accuracy,
        })  # fmt: skip

    def face(self, deg: float) -> None:
        """The phone lies flat and its top points to ``deg`` from true north."""
        magnetic = deg - self.data["declination_deg"]
        self.page.evaluate(
            """alpha => window.dispatchEvent(new DeviceOrientationEvent(
                "deviceorientationabsolute", {alpha, beta: 0, gamma: 0, absolute: true}))""",
            (360 - magnetic) % 360,
        )

    def tab(self, step: str) -> None:
        self.page.click(f"#gxf-tab-{step}")

    def text(self, id_: str) -> str:
        return self.page.inner_text(f"#gxf-{id_}").strip()

    def shoot(self) -> None:
        """One photo with the camera inside the page."""
        before = self.page.locator("#gxf-photos li").count()
        self.page.wait_for_selector("#gxf-shutter:not([disabled])")
        self.page.click("#gxf-shutter")
        self.until("n => document.querySelectorAll('#gxf-photos li').length > n", arg=before)

    def records(self) -> list[dict[str, Any]]:
        return self.page.evaluate("gxStore.all()")

    def shot(self, name: str) -> None:
        folder = os.environ.get("GENGXUN_SHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"))


@pytest.fixture
def hold(cameras: Any, serving: str, office: Any) -> Iterator[Callable[..., Field]]:
    """``hold(*cases, allow=("geolocation",), host="127.0.0.1", days=7, **context)`` → Field, not yet open."""
    contexts = []

    def make(
        *cases: str,
        allow: tuple[str, ...] = ("geolocation",),
        host: str = "127.0.0.1",
        days: float = 7,
        reach: str = "",
        **more: Any,
    ) -> Field:
        link, secret = new_link(office, *(cases or (CASE,)), days=days)
        base = (reach or serving).replace("127.0.0.1", host)
        context = cameras.new_context(
            **{
                "viewport": SIZE,
                "locale": "zh-CN",
                "is_mobile": True,
                "has_touch": True,
                "device_scale_factor": 2,
                **more,
            }
        )
        context.grant_permissions(list(allow))
        contexts.append(context)
        return Field(context, base, link, secret, fielddata.data(office, link))

    yield make
    for context in contexts:
        context.close()


def test_the_way_to_the_patch_in_distance_bearing_and_turn(hold: Callable[..., Field]) -> None:
    field = hold()
    field.stand(-106, -106)
    field.open()
    field.until("document.getElementById('gxf-fix').textContent.includes('±6')")
    assert "无指南针" in field.text("fix")
    field.face(33)
    field.until("document.getElementById('gxf-fix').textContent.includes('33°')")
    assert field.text("number") == CASE
    assert "东北 45°" in field.text("bearing")
    assert "向右偏 12°" in field.text("bearing")
    away = int(re.sub(r"\D", "", field.text("distance")))
    half = math.sqrt(field.part["mu"] * 2000 / 3) / 2
    assert 150 - 1.6 * half < away < 150 - 0.9 * half  # the middle is 150 m away, the edge half a patch less
    assert field.page.get_attribute("#gxf-arrow", "transform").startswith("rotate(12")
    field.shot("field-1-find")
    field.stand(0, 0)
    field.until("document.getElementById('gxf-bearing').textContent.includes('已在图斑内')")
    assert field.page.inner_text("#gxf-tab-find small") == "已到达 ✓"
    assert not field.problems


def test_the_heading_of_a_phone_held_up_is_where_its_camera_looks(hold: Callable[..., Field]) -> None:
    field = hold()
    field.stand(-80, 0)
    field.open()
    field.until("gxField.place.fix")
    for angles, magnetic in [((300, 90, 0), 60), ((300, 60, 0), 60), ((90, 80, 0), 270), ((0, 0, 0), 0)]:
        found = field.page.evaluate(
            """async ([alpha, beta, gamma]) => {
                await new Promise((done) => setTimeout(done, 450));
                window.dispatchEvent(new DeviceOrientationEvent(
                    "deviceorientationabsolute", {alpha, beta, gamma, absolute: true}));
                return gxField.place.heading().deg; }""",
            list(angles),
        )
        assert found == pytest.approx((magnetic + field.data["declination_deg"]) % 360, abs=0.01)


def test_photos_keep_position_heading_and_bytes_and_bad_ones_are_marked(hold: Callable[..., Field]) -> None:
    field = hold()
    field.stand(-60, -60)
    field.open()
    field.until("gxField.place.fix")
    field.face(45)
    field.tab("photo")
    assert "全景" in field.page.inner_text("#gxf-next h2")
    field.page.click("#gxf-primary")
    field.page.wait_for_selector("#gxf-shutter:not([disabled])")
    field.shot("field-2a-camera")
    field.shoot()
    field.face(225)  # the patch is behind
    field.until("document.querySelector('#gxf-camera-ticks li').dataset.ok === 'no'")
    field.shoot()
    field.page.click("#gxf-camera-close")
    good, bad = field.records()
    assert (good["mark"], bad["mark"]) == ("ok", "retake")
    assert good["position_source"] == "phone"
    assert good["accuracy_m"] == 6
    assert good["heading_deg"] == pytest.approx(45, abs=0.1)
    assert good["shot"] == "overview"
    same = field.page.evaluate(
        """async (id) => { const bytes = await (await gxStore.blob(id)).arrayBuffer();
            const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
            return Array.from(sum, (b) => b.toString(16).padStart(2, "0")).join(""); }""",
        good["id"],
    )
    assert same == good["id"]
    assert field.page.locator("#gxf-photos li[data-mark=retake]").inner_text().startswith("重拍")
    assert field.page.inner_text("#gxf-goals li:first-child b") == "1/2"  # to be taken again: not counted as done
    corner = field.part["corners"][0]
    lon, lat = field.part["centre"]
    field.stand((corner[0] - lon) * 111_412.84 * math.cos(math.radians(lat)), (corner[1] - lat) * 110_800, 4)
    field.until("gxField.place.fix.accuracy_m === 4")
    field.page.click("#gxf-goals li:nth-child(3) button")
    assert "①" in field.page.inner_text("#gxf-next h2")
    field.shot("field-2-photo")
    assert not field.problems


def test_the_verdict_names_what_is_missing_keeps_its_draft_and_goes_up(hold: Callable[..., Field], office: Any) -> None:
    field = hold()
    field.stand(-40, -40)
    field.open()
    field.until("gxField.place.fix")
    field.tab("verdict")
    assert field.page.locator(".gxf-choice").count() == 8
    hints = field.page.locator(".gxf-choice small").all_inner_texts()
    assert all(hints)  # each tells its proof before it is chosen
    field.page.click(".gxf-choice[data-key=violation] label")
    assert field.text("primary").startswith("还差 4 项")
    field.page.click("text=厂房类")
    field.page.fill("#gxf-in-built", "2026-09")
    assert field.text("primary") == "还差 2 项：全景 1"
    field.shot("field-3-verdict")
    field.until("gxStore.drafts().then(d => Object.values(d).some(v => v.fields && v.fields.built))")
    field.page.reload()
    field.page.wait_for_selector("#gxf-verdict:not([hidden])")
    assert field.page.input_value("#gxf-in-built") == "2026-09"
    assert field.page.is_checked("input[value=factory]")
    field.page.focus("#gxf-primary")
    field.page.keyboard.press("Enter")  # not ready, still reached by keys: says what is missing and goes there
    field.page.wait_for_selector("#gxf-photo:not([hidden])")
    field.until("gxField.place.fix")
    field.face(45)
    field.page.click("#gxf-primary")
    for _ in range(3):
        field.shoot()
    field.page.click("#gxf-camera-close")
    field.tab("verdict")
    assert field.text("primary") == "提交结论"
    field.page.click("#gxf-primary")
    field.until("document.getElementById('gxf-saved-title').textContent.includes('已全部上传')", timeout=40_000)
    assert field.page.locator("#gxf-rows .gxf-tag[data-tone=sent]").count() == 4
    field.shot("field-4-uploaded")
    assert office.ledger.case(CASE).parts[0].status.value == "RECTIFYING"
    held = [e for e in office.ledger.events(CASE) if e.kind == "EVIDENCE"]
    assert len(held) == 3
    assert not field.problems


def test_a_verdict_sent_before_its_photos_shows_when_it_has_taken_effect(
    hold: Callable[..., Field], office: Any
) -> None:
    field = hold()
    field.stand(-40, -40)
    field.open()
    field.until("gxField.place.fix")
    field.context.set_offline(True)
    field.until("document.getElementById('gxf-strip-text').textContent === '无信号，可照常工作'")
    field.face(45)
    field.tab("photo")
    field.page.click("#gxf-primary")
    for _ in range(3):
        field.shoot()
    field.page.click("#gxf-camera-close")
    field.tab("verdict")
    field.page.click(".gxf-choice[data-key=violation] label")
    field.page.click("text=厂房类")
    field.page.fill("#gxf-in-built", "2026-09")
    held: list[Any] = []
    holding = True

    def hold_back(route: Any) -> None:
        if holding:
            held.append(route)
        else:
            route.continue_()

    field.page.route("**/up/**", hold_back)
    field.page.click("#gxf-primary")
    field.context.set_offline(False)
    row = "document.querySelector('#gxf-rows li:first-child')"  # none while the list is drawn anew
    field.until(f"{row}?.innerText.includes('局里等照片到齐')", timeout=40_000)
    assert "照片到齐后生效" in field.page.inner_text("#gxf-rows li:first-child p")
    field.until("gxField.step === 'upload'")
    holding = False
    for route in held:
        route.continue_()
    field.until("document.getElementById('gxf-saved-title').textContent.includes('已全部上传')", timeout=40_000)
    field.until(f"{row}?.innerText.includes('局里等照片到齐') === false", timeout=40_000)
    (given,) = [e for e in office.ledger.events(CASE) if e.kind == "VERDICT"]
    assert f"回执 {given.seq}" in field.page.inner_text("#gxf-rows li:first-child")
    field.page.reload()
    field.page.wait_for_selector("#gxf-rows li")
    assert f"回执 {given.seq}" in field.page.inner_text("#gxf-rows li:first-child")
    assert not field.problems


def test_what_is_taken_without_signal_waits_and_leaves_as_a_package(hold: Callable[..., Field]) -> None:
    field = hold()
    field.stand(-40, -40)
    field.open()
    field.until("gxField.place.fix")
    field.context.set_offline(True)
    field.until("document.getElementById('gxf-strip-text').textContent === '无信号，可照常工作'")
    field.face(45)
    field.tab("photo")
    field.page.click("#gxf-primary")
    field.shoot()
    field.shoot()
    field.page.click("#gxf-camera-close")
    field.tab("verdict")
    field.page.click(".gxf-choice[data-key=cannot] label")
    field.page.click("#gxf-reason label:first-of-type")
    field.page.click("#gxf-primary")
    field.page.wait_for_selector("#gxf-upload:not([hidden])")
    assert field.text("saved-title") == "结论和 2 张照片已存在本机"
    assert field.page.inner_text("#gxf-tab-upload small") == "待传 3"
    assert "今天核查不了" in field.page.inner_text("#gxf-rows li:first-child")  # the verdict goes first
    field.shot("field-4-waiting")
    with field.page.expect_download() as download:
        field.page.click("#gxf-second")
    archive = zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes()))
    manifest = json.loads(archive.read("manifest.json"))
    assert len(manifest["records"]) == 3
    assert sum(name.endswith(".jpg") for name in archive.namelist()) == 2
    field.context.set_offline(False)
    field.until("document.querySelectorAll('#gxf-rows .gxf-tag[data-tone=sent]').length === 3", timeout=40_000)
    assert not field.problems


def test_the_open_rows_of_a_proof_are_as_many_as_the_button_says(hold: Callable[..., Field]) -> None:
    field = hold()
    field.stand(-40, -40)
    field.open()
    field.tab("verdict")
    open_rows = field.page.locator("#gxf-proof li[data-ok=no]")
    for rule in field.data["cases"][0]["verdicts"]:
        field.page.click(f".gxf-choice[data-key={rule['key']}] label")
        assert field.text("primary").startswith(f"还差 {open_rows.count()} 项"), rule["key"]
    field.page.click(".gxf-choice[data-key=violation] label")
    assert open_rows.count() == 4  # kind and finer use are one choice, then the month and two photos
    field.page.click("text=厂房类")
    assert open_rows.count() == 3
    assert "归入：工矿商服" in field.page.inner_text("#gxf-proof")
    assert field.text("primary").startswith("还差 3 项")


def test_photos_that_a_verdict_needs_and_those_asked_beyond_are_told_apart_everywhere(
    hold: Callable[..., Field], office: Any
) -> None:
    field = hold()
    field.stand(-40, -40)
    field.open()
    field.until("gxField.place.fix")
    field.tab("photo")
    goals = field.page.locator("#gxf-goals li")

    def told() -> list[list[str]]:
        return [one.split("\n") for one in goals.all_inner_texts()]

    assert told() == [  # before a verdict is chosen: what every verdict needs
        ["全景", "结论须 1 张，已有 0", "0/2"],
        ["近景", "另请拍", "0/2"],
        ["四角", "另请拍", "0/4"],
        ["内部", "选拍", "0/1"],
    ]
    field.tab("verdict")
    field.page.click(".gxf-choice[data-key=violation] label")
    proof = field.page.locator("#gxf-proof li").all_inner_texts()
    assert proof[-1] == "另请拍（不拍也能提交）：全景 2、近景 2、四角 4"
    needs = office.rules(office.today).verdicts["violation"].photos
    assert dict(needs) == {"overview": 1, "close": 1}  # the gate
    assert any("全景 1 张（已有 0）" in line for line in proof)
    assert any("近景 1 张（已有 0）" in line for line in proof)
    field.tab("photo")
    assert [one[1] for one in told()] == ["结论须 1 张，已有 0", "结论须 1 张，已有 0", "另请拍", "选拍"]
    field.tab("verdict")
    field.page.click(".gxf-choice[data-key=facility] label")
    assert "还没有在图斑内或朝向图斑" in field.page.inner_text("#gxf-proof")
    field.face(45)
    field.tab("photo")
    assert [one[1] for one in told()] == ["结论须 1 张，已有 0", "另请拍", "另请拍", "结论须 1 张，已有 0"]
    field.page.click("#gxf-primary")
    field.shoot()
    field.page.click("#gxf-camera-close")
    field.tab("verdict")
    assert "还没有在图斑内" not in field.page.inner_text("#gxf-proof")
    field.page.fill("#gxf-in-filing_number", "湘设〔2026〕1号")
    assert field.text("primary") == "还差 1 项：内部 1"
    field.page.focus("#gxf-primary")
    field.page.keyboard.press("Enter")
    field.page.wait_for_selector("#gxf-photo:not([hidden])")
    assert "内部" in field.page.inner_text("#gxf-next h2")
    field.shot("field-2b-demands")
    assert not field.problems


def test_no_position_is_placed_by_tap_or_by_keys(hold: Callable[..., Field]) -> None:
    field = hold()
    field.page.add_init_script(
        "navigator.geolocation.watchPosition = (ok, no) => { setTimeout(() => no({code: 3}), 50); return 1; };"
    )
    field.open()
    field.page.wait_for_selector("#gxf-nofix:not([hidden])")
    assert "收不到定位" in field.page.inner_text("#gxf-nofix")
    field.shot("field-5-no-position")
    field.page.click("#gxf-map", position={"x": 190, "y": 120})
    before = field.page.evaluate("gxField.map.marked()")
    field.page.focus(".gxf-cross")
    field.page.keyboard.press("ArrowUp")
    after = field.page.evaluate("gxField.map.marked()")
    assert (after[1] - before[1]) * 110_800 == pytest.approx(2, abs=0.05)
    field.page.click("#gxf-primary")
    field.page.wait_for_selector("#gxf-turn:not([hidden])")
    field.page.fill("#gxf-turn-range", "90")
    field.until("document.getElementById('gxf-turn-said').textContent.includes('90°')")
    field.shot("field-5b-by-hand")
    field.tab("photo")
    field.page.click("#gxf-primary")
    field.shoot()
    field.page.click("#gxf-camera-close")
    (record,) = field.records()
    assert (record["position_source"], record["heading_deg"], record["mark"]) == ("manual", 90, "manual")
    assert not field.problems


def test_a_refused_permission_says_how_to_open_it_and_blocks_nothing(hold: Callable[..., Field]) -> None:
    field = hold(allow=())
    field.page.add_init_script(
        "navigator.geolocation.watchPosition = (ok, no) => { setTimeout(() => no({code: 1}), 20); return 1; };"
    )
    field.open()
    field.page.wait_for_selector("#gxf-refused:not([hidden])")
    assert "定位权限被关掉了" in field.text("refused")
    assert (field.text("second"), field.text("primary")) == ("先不定位", "重新检测")
    field.shot("field-6-refused")
    field.page.click("#gxf-second")
    field.page.wait_for_selector("#gxf-nofix:not([hidden])")
    assert not field.problems


def test_plain_http_works_in_basic_mode_with_the_system_camera(hold: Callable[..., Field], tmp_path: Path) -> None:
    field = hold(host=HOST)
    field.open()
    assert field.text("strip-text") == "基本模式"
    assert "这个地址不是 https" in field.text("basic")
    field.shot("field-7-basic")
    field.page.click("#gxf-second")
    field.page.wait_for_selector("#gxf-nofix:not([hidden])")
    field.page.click("#gxf-map", position={"x": 150, "y": 150})
    field.page.click("#gxf-primary")
    field.tab("photo")
    with field.page.expect_file_chooser() as chooser:
        field.page.click("#gxf-primary")
    photo = tmp_path / "a.jpg"
    photo.write_bytes(jpeg(3, 400))
    chooser.value.set_files(photo)
    field.page.wait_for_selector("#gxf-photos li")
    (record,) = field.records()
    assert record["id"] == sha(photo.read_bytes())  # hashed without crypto.subtle, and not encoded again
    assert record["position_source"] == "manual"
    field.until("gxStore.all().then(rows => rows.every(r => r.state.name === 'sent'))", timeout=40_000)
    assert not field.problems


def test_the_system_camera_is_marked_as_read_on_return(hold: Callable[..., Field], tmp_path: Path) -> None:
    field = hold()
    field.page.add_init_script("delete Navigator.prototype.mediaDevices;")
    field.stand(-30, -30)
    field.open()
    field.until("gxField.place.fix")
    field.tab("photo")
    with field.page.expect_file_chooser() as chooser:
        field.page.click("#gxf-primary")
    photo = tmp_path / "a.jpg"
    photo.write_bytes(jpeg(4, 300))
    chooser.value.set_files(photo)
    field.page.wait_for_selector("#gxf-photos li")
    (record,) = field.records()
    assert (record["position_source"], record["mark"]) == ("return", "return")
    assert "返回时采样" in field.page.inner_text("#gxf-photos li")


@pytest.mark.parametrize("why", ["revoked", "expired"])
def test_a_link_that_ended_keeps_its_records_to_export(
    hold: Callable[..., Field], office: Any, clock: Any, why: str
) -> None:
    field = hold()
    field.stand(-40, -40)
    field.open()
    field.until("gxField.place.fix")
    field.context.set_offline(True)
    field.face(45)
    field.tab("photo")
    field.page.click("#gxf-primary")
    field.shoot()
    field.page.click("#gxf-camera-close")
    field.shot(f"field-8-before-{why}")
    if why == "revoked":
        links.revoke(office.store, field.link.id, by="王复核", at=clock())
        field.context.set_offline(False)
    else:  # the phone has no signal: its own clock ends the link
        field.page.evaluate(
            """async () => { const now = gxStore.now; gxStore.now = () => now() + 8 * 864e5;
                document.dispatchEvent(new Event("visibilitychange")); }"""
        )
    field.page.wait_for_selector("#gxf-gone:not([hidden])", timeout=40_000)
    assert field.text("strip-text") == "链接已失效"
    assert field.text("gone-records") == "您的 1 条记录还在这台手机上"
    assert (field.text("second"), field.text("primary")) == ("导出离线包", "粘贴新链接")
    field.until("document.querySelector('#gxf-gone-rows img').src.startsWith('data:')")
    field.shot(f"field-8-{why}")
    with field.page.expect_download() as download:
        field.page.click("#gxf-second")
    assert zipfile.ZipFile(download.value.path()).testzip() is None
    assert not field.problems


def test_a_link_near_its_end_says_so(hold: Callable[..., Field]) -> None:
    field = hold(days=5.5 / 24)
    field.open()
    field.until("document.getElementById('gxf-strip-text').textContent.includes('小时到期')")
    assert field.text("life") == "5 小时"
    assert field.page.get_attribute("#gxf-strip", "data-tone") == "amber"


def test_several_cases_begin_with_a_list(hold: Callable[..., Field]) -> None:
    field = hold(CASE, number(4))
    field.stand(0, 0)
    field.open()
    assert field.page.locator("#gxf-cases button").count() == 2
    field.shot("field-0-list")
    field.page.click(f"#gxf-cases button:has-text('{number(4)}')")
    assert field.text("number") == number(4)
    field.page.click("#gxf-back")
    field.page.wait_for_selector("#gxf-list:not([hidden])")
    assert not field.problems


def test_targets_are_large_and_nothing_overflows_at_320(hold: Callable[..., Field]) -> None:
    field = hold(viewport={"width": 320, "height": 700})
    field.stand(-40, -40)
    field.open()
    field.until("gxField.place.fix")
    for step in ("find", "photo", "verdict", "upload"):
        field.tab(step)
        small = field.page.evaluate(
            """() => Array.from(document.querySelectorAll("button, a[href], .gxf-choice > label, .gxf-chips span"))
                .filter((b) => b.offsetParent && !b.closest("dialog"))
                .map((b) => [b.id || b.textContent, b.offsetWidth, b.offsetHeight])
                .filter(([, w, h]) => w < 48 || h < 48)"""
        )
        assert small == [], step
        assert field.page.evaluate("document.documentElement.scrollWidth") <= 320, step
        assert field.page.evaluate("document.getElementById('gxf-primary').offsetHeight") >= 58
    field.shot("field-9-320")


@pytest.mark.parametrize(("width", "height"), [(844, 390), (667, 320)])
def test_a_phone_held_across_shows_distance_and_button_in_its_first_screen(
    hold: Callable[..., Field], width: int, height: int
) -> None:
    field = hold(viewport={"width": width, "height": height})
    field.stand(-106, -106)
    field.open()
    field.until("document.getElementById('gxf-distance').textContent !== '–'")

    def seen(id_: str) -> bool:
        box = field.page.locator(f"#gxf-{id_}").bounding_box()
        return box["y"] >= 0 and box["y"] + box["height"] <= height and box["x"] + box["width"] <= width

    assert seen("distance")
    assert seen("bearing")
    for step in ("find", "photo", "verdict", "upload"):
        field.tab(step)
        assert seen("primary"), step
        assert field.page.evaluate("document.documentElement.scrollHeight") <= height, step
        assert field.page.evaluate("document.documentElement.scrollWidth") <= width, step
        assert field.page.evaluate("document.getElementById('gxf-main').offsetHeight") > 120, step
        field.shot(f"field-10-across-{width}-{step}")
    # a keyboard leaves too little for that: then everything scrolls together
    field.page.set_viewport_size({"width": width, "height": 190})
    assert field.page.evaluate("document.documentElement.scrollHeight") > 190


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_bars_under_the_steps_hang_at_one_height(hold: Callable[..., Field], lang: str) -> None:
    field = hold()
    field.page.goto(f"{field.base}/login?lang={lang}")
    field.open()
    field.page.wait_for_selector("#gxf-tabs:not([hidden])")
    bottoms = field.page.evaluate(
        "Array.from(document.querySelectorAll('#gxf-tabs button')).map((b) => b.getBoundingClientRect().bottom)"
    )
    assert len(set(bottoms)) == 1
    field.shot(f"field-11-tabs-{lang}")


def test_steps_are_reached_by_keys(hold: Callable[..., Field]) -> None:
    field = hold()
    field.stand(-40, -40)
    field.open()
    field.page.focus("#gxf-tab-find")
    field.page.keyboard.press("ArrowRight")
    assert field.page.evaluate("document.activeElement.id") == "gxf-tab-photo"
    assert field.page.is_visible("#gxf-photo")
    field.page.keyboard.press("End")
    assert field.page.is_visible("#gxf-upload")


def test_no_serious_finding_of_axe(hold: Callable[..., Field]) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    field = hold()
    field.stand(-40, -40)
    field.open()
    field.until("gxField.place.fix")
    for step in ("find", "photo", "verdict", "upload"):
        field.tab(step)
        if step == "verdict":
            field.page.click(".gxf-choice[data-key=violation] label")
        found = axe.run(field.page).response["violations"]
        serious = [
            (v["id"], [n["html"][:90] for n in v["nodes"]]) for v in found if v["impact"] in ("serious", "critical")
        ]
        assert serious == [], step


def test_the_page_with_its_pictures_weighs_at_most_180_kb(office: Any) -> None:
    link, _ = new_link(office, CASE)
    document = fielddata.data(office, link)

    class Frame:
        def asset(self, name: str) -> str:
            return f"/static/{assets.names()[name]}"

    html = style.environment("zh").get_template("portal/field.html.j2").render(frame=Frame(), lang="zh")
    files = assets.static_files()
    parts = {name: files[name][1] for name in (*offlinefile.STYLES, *offlinefile.SCRIPTS)}
    parts |= {"page": html.encode(), "data": json.dumps(document, ensure_ascii=False).encode()}
    weights = {name: len(gzip.compress(content, 6)) for name, content in parts.items()}
    chips = [
        len(fielddata.chip(office, link, one["href"].removeprefix("chips/")) or b"")
        for one in document["cases"][0]["chips"]
    ]
    assert sum(weights.values()) < 115_000, weights
    assert max(chips) <= 30_000
    assert sum(weights.values()) + sum(chips) < 180_000, (weights, chips)


def test_every_word_of_the_scripts_is_in_the_block_and_said() -> None:
    block = (ROOT / "maps/templates/portal/field_words.html.j2").read_text()
    keys = set(re.findall(r'^  "([\w.]+)":', block, re.M))
    scripts = "".join(
        path.read_text() for path in (ROOT / "maps/static").glob("field*.js") if path.name != "field-door.js"
    )
    asked = set(re.findall(r'gx\.t\("([\w.]+)"[,)]', scripts))
    assert asked <= keys
    stems = tuple(re.findall(r'gx\.t\("(\w+\.)" \+', scripts))
    assert {key for key in keys if f'"{key}"' not in scripts and not key.startswith(stems)} <= {"points", "corners"}
