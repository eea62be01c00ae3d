# ruff: noqa: E501  scripts of the page stand in long lines
"""The field page's storage against the portal itself: what leaves a phone stands in the ledger, once."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from maps.portal import links
from maps.portal.package import read_package
from tests.maps.portal.field_phone import new_link
from tests.maps.portal.field_server import CHROMIUM, FLAGS, MAKE, until
from tests.maps.portal.test_field_store import as_bytes

SNAP = """
window.snap = async (number, n, side, ago) => {
  const canvas = document.createElement("canvas"); canvas.width = canvas.height = side;
  const drawn = canvas.getContext("2d"), image = drawn.createImageData(side, side);
  for (let at = 0; at < image.data.length; at += 65536) { crypto.getRandomValues(image.data.subarray(at, at + 65536)); }
  for (let at = 3; at < image.data.length; at += 4) { image.data[at] = 255; }
  drawn.putImageData(image, 0, 0);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.95)), id = await gxSha256(blob);
  await gxStore.put({ id, kind: "photo", case: number, part: "", shot: "overview", n, size: blob.size, type: "image/jpeg", taken_at: new Date(gxStore.now() - (ago || 0)).toISOString(),
    lon: 112.9045, lat: 27.8005, accuracy_m: 4, heading_deg: 218.5, position_source: "phone", clock: gxStore.clock() }, blob);
  return id;
};
"""


@pytest.fixture
def handset(chromium, tmp_path: Path) -> Iterator:
    context = chromium.browser_type.launch_persistent_context(
        str(tmp_path / "phone"),
        executable_path=CHROMIUM,
        args=FLAGS,
        viewport={"width": 390, "height": 844},
        locale="zh-CN",
    )
    context.add_init_script(MAKE + SNAP)
    yield context
    context.close()


def dispatched(office) -> str:
    return next(row["number"] for row in office.ledger.rows() if row["status"] == "DISPATCHED")


def arrive(context, office, serving: str, number: str):
    link, secret = new_link(office, number)
    with office.store.writing() as connection:  # the server has the real clock
        connection.execute(links.links.update().where(links.links.c.id == link.id).values(made_at=time.time()))
    page = context.new_page()
    page.goto(links.address(serving, link.id, secret))
    page.wait_for_selector("#gxf-number:not(:empty)")
    return page, link


def all_sent(page) -> None:
    until(
        page,
        "() => { gxQueue.kick(); return states().then((found) => Object.values(found).every((one) => one === 'sent')); }",
    )


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "office.test"]
)  # whole mode, and plain http: own hash, no worker, no locks
def test_photos_taken_without_signal_stand_in_the_ledger_once(handset, office, serving, host: str) -> None:
    number = dispatched(office)
    page, _ = arrive(handset, office, serving.replace("127.0.0.1", host), number)
    assert page.evaluate("isSecureContext") == (host == "127.0.0.1")
    if host == "127.0.0.1":
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    handset.set_offline(True)
    ids = [page.evaluate("([number, n]) => snap(number, n, 300)", [number, n]) for n in range(2)]
    lost = []

    def break_off(route) -> None:  # half of the answers never arrive, though the office has the bytes
        if len(lost) < 2 and route.request.method == "PUT":
            lost.append(route.fetch(url=route.request.url.replace("office.test", "127.0.0.1")).status)
            route.abort("connectionreset")
        else:
            route.continue_()

    handset.route("**/up/**", break_off)
    handset.set_offline(False)
    all_sent(page)
    assert len(lost) == 2
    held = [one for event in office.ledger.events(number) for one in event.evidence]
    assert sorted(held) == sorted(set(held))
    assert set(ids) <= set(held)
    assert all(hashlib.sha256(office.evidence.read(one)).hexdigest() == one for one in ids)


def test_what_an_expired_link_left_goes_up_with_a_new_one_and_is_marked_late(handset, office, serving) -> None:
    number = dispatched(office)
    page, old = arrive(handset, office, serving, number)
    handset.set_offline(True)
    one = page.evaluate("([number]) => snap(number, 1, 300, 36e5)", [number])
    with office.store.writing() as connection:  # as if two hours old and over since half an hour
        ends = {"made_at": time.time() - 7200, "expires_at": time.time() - 1800}
        connection.execute(links.links.update().where(links.links.c.id == old.id).values(ends))
    with read_package(as_bytes(page, "() => gxPackage().then((made) => made.blob)")) as package:
        assert [record.id for record in package.records] == [one]
    handset.set_offline(False)
    until(page, "gxQueue.status().stopped === 410")
    page.wait_for_selector("#gxf-gone:not([hidden])")
    assert page.evaluate("states()") == {one: "waiting"}
    page.close()
    page, _ = arrive(handset, office, serving, number)
    all_sent(page)
    assert page.evaluate("states()") == {one: "sent"}
    assert one in [sha256 for event in office.ledger.events(number) for sha256 in event.evidence]
    said = page.evaluate("gxStore.all()")[0]["state"]["receipt"]
    assert old.id in str(said)
