# ruff: noqa: E501  scripts of the page stand in long lines
"""The storage side of the field page in a real Chromium: hash, ZIP, what is kept over which break."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from maps.portal.package import read_package
from tests.maps.portal.field_server import CHROMIUM, FLAGS, LINK, MAKE, Held, Office


@pytest.fixture
def server() -> Iterator[Office]:
    found = Office(Held(answer=None))
    yield found
    found.stop()


@pytest.fixture
def handset(chromium, tmp_path: Path) -> Iterator:
    """``handset()`` opens Chromium on the same user-data-dir each time: a phone that was switched off and on."""
    open_now = []

    def start(folder: str = "phone"):
        context = chromium.browser_type.launch_persistent_context(
            str(tmp_path / folder), executable_path=CHROMIUM, args=FLAGS, viewport={"width": 390, "height": 844}
        )
        open_now.append(context)
        context.add_init_script(MAKE)
        return context

    yield start
    for context in open_now:
        context.close()


def page_of(context, server: Office, base: str = ""):
    page = context.new_page()
    page.goto(base or server.base)
    page.evaluate("(link) => gxStore.open(link).then(() => true)", LINK)
    return page


def as_bytes(page, script: str, arg=None) -> bytes:
    """What a script that gives a Blob gives."""
    text = page.evaluate(
        f"""async (arg) => {{ const blob = await ({script})(arg); return new Promise((done) => {{
        const reader = new FileReader(); reader.onload = () => done(reader.result.split(",")[1]); reader.readAsDataURL(blob); }}); }}""",
        arg,
    )
    return base64.b64decode(text)


# -- the hash


SIZES = [0, 1, 55, 56, 63, 64, 65, 119, 120, 262143, 262144, 262145, 4 * 1024**2 + 7]


def test_the_own_hash_is_that_of_hashlib(handset, server) -> None:
    page = page_of(handset(), server)
    for size in SIZES:
        content = os.urandom(size)
        own, browsers = page.evaluate(
            """async (text) => { const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0)), blob = new Blob([bytes]);
            return [await gxSha256(blob, { own: true }), await gxSha256(blob)]; }""",
            base64.b64encode(content).decode(),
        )
        assert own == browsers == hashlib.sha256(content).hexdigest(), size


def test_the_own_hash_knows_the_published_vectors_and_lets_the_page_live(handset, server) -> None:
    page = page_of(handset(), server)
    # FIPS 180-4 examples: "abc", the 448-bit message, a million a
    found = page.evaluate(
        """async () => Promise.all(["abc", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "a".repeat(1e6)]
        .map((text) => gxSha256(new Blob([text]), { own: true })))"""
    )
    assert found == [
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
    ]
    turns = page.evaluate(
        """async () => { let turns = 0, done = false; const turn = () => { turns++; if (!done) { setTimeout(turn, 0); } }; turn();
        await gxSha256(new Blob([new Uint8Array(4194304)]), { own: true }); done = true; return turns; }"""
    )
    assert turns >= 3  # the page's own timers ran meanwhile


def test_without_https_the_own_hash_takes_over(handset, server) -> None:
    page = page_of(handset(), server, server.base.replace("localhost", "office.test"))
    assert page.evaluate("() => [isSecureContext, !!crypto.subtle]") == [False, False]
    assert page.evaluate("() => gxSha256(new Blob(['abc']))") == hashlib.sha256(b"abc").hexdigest()


# -- the ZIP


def test_a_zip_is_opened_by_pythons_zipfile_with_chinese_names(handset, server) -> None:
    page = page_of(handset(), server)
    content = as_bytes(
        page,
        """() => gxZip([{ name: "430321-2026-00187/全景_1.jpg", blob: new Blob([new Uint8Array(300000).fill(7)]), at: "2026-11-24T02:30:10" },
        { name: "manifest.json", blob: new Blob(["{}"]) }, { name: "空.txt", blob: new Blob([]) }])""",
    )
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["430321-2026-00187/全景_1.jpg", "manifest.json", "空.txt"]
        assert archive.read("430321-2026-00187/全景_1.jpg") == b"\7" * 300000
        assert archive.infolist()[0].date_time == (2026, 11, 24, 2, 30, 10)


# -- what is kept


def test_a_record_outlives_its_tab_and_its_browser(handset, server) -> None:
    context = handset()
    page = page_of(context, server)
    first = page.evaluate("made(1, 1200000)")
    page.evaluate("gxStore.saveDraft('430321-2026-00187/', { verdict: 'ILLEGAL', fields: { party: '张三' } })")
    page.close()
    page = page_of(context, server)
    assert page.evaluate("states()") == {first: "waiting"}
    second = page.evaluate("made(2, 800000)")
    context.close()
    page = page_of(handset(), server)
    assert page.evaluate("states()") == {first: "waiting", second: "waiting"}
    assert page.evaluate("gxStore.draft('430321-2026-00187/')")["fields"] == {"party": "张三"}
    for one in (first, second):
        assert hashlib.sha256(as_bytes(page, "(id) => gxStore.blob(id)", one)).hexdigest() == one


def test_a_browser_killed_right_after_saved_was_said_holds_the_photo(handset, server, tmp_path) -> None:
    context = handset()
    page = page_of(context, server)
    one = page.evaluate("made(1, 3000000)")
    shutil.copytree(tmp_path / "phone", tmp_path / "killed", ignore=shutil.ignore_patterns("Singleton*"))
    page = page_of(handset("killed"), server)  # the disk as it was in the moment of `saved`
    assert hashlib.sha256(as_bytes(page, "(id) => gxStore.blob(id)", one)).hexdigest() == one


def test_the_same_photo_twice_is_one_and_of_another_case_two(handset, server) -> None:
    page = page_of(handset(), server)
    rows = page.evaluate(
        """async () => { const blob = new Blob(["same"]), id = await gxSha256(blob);
        for (const number of ["A", "A", "B"]) { await gxStore.put({ id, kind: "photo", case: number, taken_at: "2026-11-24T02:00:00Z" }, blob); }
        await gxStore.mark("A/" + id, { name: "sent", receipt: { seq: 4 }, at: "2026-11-24T02:10:00Z" });
        return (await gxStore.all()).map((row) => [row.key.split("/")[0], row.state.name]); }"""
    )
    assert rows == [["A", "sent"], ["B", "waiting"]]


def test_two_tabs_see_the_same_records(handset, server) -> None:
    context = handset()
    one, two = page_of(context, server), page_of(context, server)
    two.evaluate("() => { window.heard = []; gxStore.addEventListener('change', (e) => heard.push(e.detail.what)); }")
    made = [one.evaluate("made(1, 1000)"), two.evaluate("made(2, 1000)")]
    two.wait_for_function("heard.filter((what) => what === 'put').length === 2")
    assert list(one.evaluate("states()")) == list(two.evaluate("states()")) == made


def test_what_a_full_disk_refuses_is_said_before_listed_and_exported(handset, server) -> None:
    context = handset()
    page = page_of(context, server)
    origin = {"origin": f"http://localhost:{server.port}", "quotaSize": 2_000_000}
    devtools = context.new_cdp_session(page)
    devtools.send("Storage.overrideQuotaForOrigin", origin)
    page.evaluate("() => { gxStore.reserveBytes = 700000; window.heard = []; }")
    page.evaluate("gxStore.addEventListener('change', (event) => heard.push(event.detail.what))")
    sent = page.evaluate("made(1, 900000)")
    page.wait_for_function("gxStore.roomHeld()")
    # Chromium says 10 GB free all the same: only the room that we hold ready tells the truth
    assert page.evaluate("navigator.storage.estimate().then((said) => said.quota)") > 1e9
    assert not page.evaluate("gxStore.space()")["low"]
    second = page.evaluate(
        "made(2, 500000)"
    )  # only fits into the room held ready, which is then gone: said before the next
    assert page.evaluate("gxStore.space()")["low"]
    assert page.evaluate("heard.includes('space')")
    code, said = page.evaluate("made(3, 900000).then(() => ['kept', ''], (error) => [error.code, error.message])")
    assert code == "full"
    assert "导出" in said
    rows = page.evaluate("gxStore.all()")
    assert [row.get("unsaved", False) for row in rows] == [False, False, True]
    with read_package(as_bytes(page, "() => gxPackage().then((made) => made.blob)")) as package:
        assert len(package.records) == 3
        assert not package.missing
    # with a receipt, the phone's copy makes room for what has none
    page.evaluate("(id) => gxStore.mark(id, { name: 'sent', receipt: { seq: 1 }, at: new Date().toISOString() })", sent)
    devtools.send("HeapProfiler.collectGarbage")  # the package still held the copy
    kept = page.evaluate("made(4, 800000)")
    assert page.evaluate("(id) => gxStore.blob(id).then((blob) => blob.size)", kept) == 800000
    assert page.evaluate("(id) => gxStore.blob(id).then((blob) => blob.size)", second) == 500000
    assert page.evaluate("(id) => gxStore.blob(id)", sent) is None


def test_nothing_without_a_receipt_is_deleted_and_the_rest_after_30_days(handset, server) -> None:
    context = handset()
    page = page_of(context, server)
    one, two = page.evaluate("made(1, 1000)"), page.evaluate("made(2, 1000)")
    long_ago = "2020-01-01T00:00:00Z"
    mark = "([id, at]) => gxStore.mark(id, { name: 'sent', receipt: { seq: 1 }, at })"
    page.evaluate(mark, [one, long_ago])
    page.close()
    page = page_of(context, server)
    assert page.evaluate("states()") == {one: "sent", two: "waiting"}
    page.evaluate(mark, [two, long_ago])
    page.close()
    page = page_of(context, server)
    assert page.evaluate("states()") == {}


def test_the_end_of_a_link_by_either_clock_locks_and_keeps(handset, server) -> None:
    page = page_of(handset(), server)
    before = page.evaluate("made(1, 1000)")
    page.evaluate("gxStore.seen({ server_now: '2026-11-24T08:00:00Z', expires_at: '2026-11-24T09:00:00Z' }, false)")
    # the phone's clock is whatever it is today: beyond the end, so it locks, whatever the server said last
    page.evaluate("gxStore.seen({ server_now: '2026-11-24T09:00:01Z', expires_at: '2026-11-24T09:00:00Z' })")
    assert page.evaluate("gxStore.lock().code") == "expired"
    late = page.evaluate("made(2, 1000, { taken_at: '2026-11-24T09:30:00Z' }).catch((error) => error.code)")
    assert late == "locked"
    early = page.evaluate("made(3, 1000, { taken_at: '2026-11-24T08:59:00Z' })")  # the shutter fell before
    assert set(page.evaluate("states()")) == {before, early}
    with read_package(as_bytes(page, "() => gxPackage().then((made) => made.blob)")) as package:
        assert {record.id for record in package.records} == {before, early}
    # a phone set back by hours stays locked: no time before the last server time is believed
    page.evaluate("() => { Date.now = () => 1700000000000; }")
    assert page.evaluate("gxStore.lock().code") == "expired"


def test_a_new_link_takes_over_what_the_old_one_could_not_send(handset, server) -> None:
    context = handset()
    page = page_of(context, server)
    photo, other = page.evaluate("made(1, 50000)"), page.evaluate("made(2, 1000, { case: 'X' })")
    page.evaluate("judged('11111111-1111-4111-8111-111111111111')")
    page.evaluate("gxStore.open('L2').then(() => gxStore.adopt(['430321-2026-00187']))")
    assert page.evaluate("states()") == {}  # the old link still works: its own page sends them
    page.close()
    page = page_of(context, server)
    page.evaluate("gxStore.setLock(410)")
    page.close()
    page = context.new_page()
    page.goto(server.base)
    page.evaluate("gxStore.open('L2').then(() => true)")
    assert page.evaluate("gxStore.adopt(['430321-2026-00187'])") == 2
    rows = page.evaluate("gxStore.all()")
    assert {row["id"] for row in rows} == {photo, "11111111-1111-4111-8111-111111111111"}
    assert {row["from_link"] for row in rows} == {LINK}
    assert {row["state"]["name"] for row in rows} == {"waiting"}
    assert hashlib.sha256(as_bytes(page, "(id) => gxStore.blob(id)", photo)).hexdigest() == photo
    assert page.evaluate("gxStore.adopt(['430321-2026-00187'])") == 0
    page.close()
    assert page_of(context, server).evaluate("states()") == {other: "waiting"}


def test_a_new_link_takes_over_what_a_full_one_did_not_take(handset, server) -> None:
    context = handset()
    page = page_of(context, server)
    refused, waiting = page.evaluate("made(1, 5000)"), page.evaluate("made(2, 1000)")
    said = {"name": "refused", "code": 409, "sentence": {"zh": "收满", "en": "full"}}
    page.evaluate("([id, state]) => gxStore.mark(id, state)", [refused, said])
    page.close()
    page = context.new_page()
    page.goto(server.base)
    page.evaluate("gxStore.open('L2').then(() => true)")
    assert page.evaluate("gxStore.adopt(['430321-2026-00187'])") == 1
    assert page.evaluate("states()") == {refused: "waiting"}
    page.close()
    assert page_of(context, server).evaluate("states()") == {waiting: "waiting"}


# -- 离线包, read at an server


def test_a_package_holds_originals_positions_and_the_verdict(handset, server) -> None:
    page = page_of(handset(), server)
    ids = [page.evaluate("([n]) => made(n, 100000 + n)", [n]) for n in range(3)]
    page.evaluate("judged('11111111-1111-4111-8111-111111111111')")
    page.evaluate("gxStore.saveDraft('verdict/B', { text: '写到一半' })")
    content = as_bytes(page, "() => gxPackage().then((made) => made.blob)")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert all(name.startswith("430321-2026-00187/") for name in archive.namelist()[1:])
    assert manifest["drafts"] == {"verdict/B": {"text": "写到一半"}}
    with read_package(content) as package:
        assert package.link == LINK
        assert not package.missing
        assert not package.strangers
        photos = [record for record in package.records if record.kind == "photo"]
        assert [record.id for record in photos] == ids
        assert photos[0].values["lon"] == 112.8
        assert photos[0].values["heading_deg"] == 218.5
        assert [hashlib.sha256(package.original(one)).hexdigest() for one in ids] == ids
        verdict = next(record for record in package.records if record.kind == "verdict")
        assert verdict.values["payload"] == {"verdict": "ILLEGAL", "sub": "厂房类"}
        assert verdict.values["version"] == 3
