# ruff: noqa: F811  (fixtures of another file)
"""The end of room: of a link, which takes so many photos and bytes, and of the office's disk; phones keep theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from starlette.testclient import TestClient

from flows.settings import FILE
from maps.portal.app import create_app
from maps.portal.office import Office
from tests.maps.portal.conftest import number, served
from tests.maps.portal.field_phone import Phone, jpeg, new_link, record
from tests.maps.portal.test_field_cases import begin, take_one
from tests.maps.portal.test_field_page import CASE, Field, cameras, hold  # noqa: F401 (fixtures)

MB = 1024**2


def phone_of(office: Office, **limits: int) -> Phone:
    limited = replace(office, portal=replace(office.portal, **limits))
    link, secret = new_link(office, CASE, number(4))
    phone = Phone(TestClient(create_app(limited), follow_redirects=False), link.id)
    assert phone.open(secret).status_code == 204
    return phone


def send(phone: Phone, content: bytes, case: str = CASE) -> Any:
    return phone.put(content, record(content, case))


def test_a_link_takes_so_many_photos_and_says_how_many_more(office: Office) -> None:
    phone = phone_of(office, link_photos=2)
    assert phone.get("data.json").json()["link"]["room"]["photos"] == 2
    first, second, third = (jpeg(n) for n in range(3))
    assert send(phone, first).json()["room"]["photos"] == 1
    assert send(phone, second, number(4)).json()["room"]["photos"] == 0
    answer = send(phone, third)
    assert answer.status_code == 409
    assert "最多收 2 张照片" in answer.json()["zh"]
    assert "takes no more" in answer.json()["en"]
    assert office.evidence.count() == 2
    assert send(phone, first).status_code == 200, "what is here is receipted again all the same"
    assert phone.get("data.json").json()["link"]["room"]["photos"] == 0
    other = phone_of(office, link_photos=2)
    assert send(other, third).status_code == 201, "each link has its own"


def test_a_link_takes_so_many_bytes(office: Office) -> None:
    phone = phone_of(office, link_mb=2)
    large = jpeg(0, least=MB + 1)
    assert send(phone, large).json()["room"]["bytes"] == 2 * MB - len(large)
    assert send(phone, jpeg(1, least=MB)).status_code == 409
    assert send(phone, jpeg(2)).status_code == 201, "a smaller one finds room"


def test_a_ledger_that_finds_no_room_on_the_disk_is_told_as_such(office: Office) -> None:
    phone = phone_of(office)
    engine = office.ledger.engine
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()

    def limited(connection: Any, _: Any) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}").close()

    engine.dispose()
    sa.event.listen(engine, "connect", limited)
    answers, n = [201], 0
    while answers[-1] == 201:
        answer = send(phone, jpeg(n))
        answers.append(answer.status_code)
        n += 1
        assert n < 60
    assert answer.status_code == 507
    assert "磁盘已满" in answer.json()["zh"]
    assert answer.headers["retry-after"] == "60"
    held = len([e for e in office.ledger.events(CASE) if e.kind == "EVIDENCE"])
    assert held == n - 1, "no receipt without its event"
    verdict = {"verdict": "other", "text": "x" * 3000}
    codes = [phone.verdict(CASE, verdict, 1).status_code for _ in range(20)]
    assert 507 in codes
    sa.event.remove(engine, "connect", limited)
    engine.dispose()
    assert send(phone, jpeg(n - 1)).status_code == 201
    assert office.ledger.verify().ok


def test_the_page_tells_before_a_link_is_full_and_keeps_what_comes_after(
    hold: Callable[..., Field], office: Any
) -> None:
    file = office.root / FILE
    text = file.read_text(encoding="utf-8")
    assert "link_photos = 1000" in text
    file.write_text(text.replace("link_photos = 1000", "link_photos = 2"), encoding="utf-8")
    with served(office.root) as other:
        field = begin(hold(reach=other))
        field.tab("photo")
        assert field.text("room").startswith("这个链接还能收 2 张照片")
        field.page.click("#gxf-primary")
        for _ in range(3):
            field.shoot()
        field.page.click("#gxf-camera-close")
        field.until(
            "gxStore.all().then(r => r.map(x => x.state.name).sort().join() === 'refused,sent,sent')", timeout=40_000
        )
        assert field.text("room").startswith("这个链接的照片已收满")
        field.tab("upload")
        assert "这个链接最多收 2 张照片" in field.page.inner_text("#gxf-rows")
        refused = next(r for r in field.records() if r["state"]["name"] == "refused")
        assert field.page.evaluate("(id) => gxStore.blob(id).then((b) => b.size)", refused["id"]) == refused["size"]
        with field.page.expect_download() as package:
            field.page.click("#gxf-second")
        assert package.value.suggested_filename.endswith(".zip")
        assert not field.problems


def test_far_from_the_end_nothing_is_said(hold: Callable[..., Field]) -> None:
    field = begin(hold())
    take_one(field)
    assert field.page.evaluate("gxField.data.link.room.photos") == 1000
    assert field.page.is_hidden("#gxf-room")
