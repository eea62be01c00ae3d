"""Whoever had the link's secret or the package in hand is no second person for what came through it."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from maps.portal.office import Office
from maps.telling import hidden_names
from pipeline.cases.events import Actor, Kind
from tests.maps.portal.conftest import number
from tests.maps.portal.field_phone import Phone, jpeg, new_link, record
from tests.maps.portal.test_field import package

CASE = number(2)
NOTHING = {"verdict": "false_change", "text": "地里是水稻，没有建筑物"}


@pytest.fixture
def desk(new_client: Callable[..., TestClient], sign_in: Callable[..., TestClient]) -> Callable[[str], TestClient]:
    return lambda name: sign_in(new_client(), "reviewer", name=name)


@pytest.fixture
def dispatched(office: Office) -> None:
    """By the one who will accept."""
    payload = {"to_whom": "李外业", "reason": "顶棚清晰可见"}
    office.ledger.act(CASE, Kind.DISPATCHED, payload, Actor("赵验收", "reviewer"))


def on_the_spot(office: Office, photo: bytes) -> dict[str, Any]:
    place = office.ledger.case(CASE).geometry.representative_point()
    return record(photo, CASE, lon=place.x, lat=place.y)


def accept(client: Any) -> tuple[int, str]:
    form = {"csrf": client.csrf, "part": "", "expect_version": "", "back": "review"}
    answer = client.post(f"/case/{CASE}/do/accepted", data=form)
    return answer.status_code, html.unescape(answer.text)


def test_the_maker_of_the_link_does_not_accept_what_came_through_it(
    office: Office, client: TestClient, desk: Callable[[str], Any], dispatched: None
) -> None:
    link, secret = new_link(office, CASE)  # made by 王复核
    phone = Phone(client, link.id)
    assert phone.open(secret).status_code == 204
    photo = jpeg()
    assert phone.put(photo, on_the_spot(office, photo)).status_code == 201
    sent = phone.verdict(CASE, {**NOTHING, "link_by": "赵验收"}, office.ledger.case(CASE).version)
    assert sent.status_code == 201, sent.text
    assert office.ledger.case(CASE).status == "REPORTED"

    maker = desk("王复核")
    page = html.unescape(maker.get(f"/review/{CASE}").text)
    assert "somebody else has to accept: 王复核 made the field link" in page
    status, said = accept(maker)
    assert status == 409
    assert "王复核 made the field link that something of it came through" in said
    form = {"csrf": maker.csrf, "part": "", "reason": "看不清", "due_on": "2026-12-20"}
    assert maker.post(f"/case/{CASE}/do/returned", data=form).status_code == 409

    second = desk("赵验收")
    assert "somebody else has to accept" not in second.get(f"/review/{CASE}").text
    assert accept(second)[0] == 303
    assert office.ledger.case(CASE).status == "CLOSED"
    assert office.ledger.verify().ok
    assert "王复核" in hidden_names(office.ledger.events(CASE))  # not told to those outside


def test_whoever_loaded_the_package_does_not_accept_it(
    office: Office, desk: Callable[[str], Any], dispatched: None
) -> None:
    link, _ = new_link(office, CASE)
    photo = jpeg()
    verdict = {"kind": "verdict", "id": "v-1", "case": CASE, "part": "", "version": 2, "payload": NOTHING,
               "taken_at": "2026-11-24T02:02:00Z"}  # fmt: skip
    content = package(link.id, [verdict, {**on_the_spot(office, photo), "kind": "photo"}], [photo])
    loader = desk("钱导入")
    answer = loader.post("/links/package", data={"csrf": loader.csrf}, files={"package": ("离线包.zip", content)})
    assert answer.status_code == 200
    assert office.ledger.case(CASE).status == "REPORTED"
    for name in ("钱导入", "王复核"):
        status, said = accept(desk(name))
        assert status == 409
        assert f"{name} made the field link that something of it came through, or loaded it" in said
    assert accept(desk("赵验收"))[0] == 303


def test_a_form_cannot_say_through_whose_hands_something_came(office: Office, desk: Callable[[str], Any]) -> None:
    reviewer = desk("孙办公")
    form = {"csrf": reviewer.csrf, "part": "", "text": "x", "more": "link_by=赵验收"}
    answer = reviewer.post(f"/case/{number(3)}/do/note", data=form)
    assert answer.status_code == 422
    assert "is written by the portal itself" in html.unescape(answer.text)
    done = reviewer.post(f"/case/{number(3)}/do/note", data={**form, "more": "", "loaded_by": "赵验收"})
    assert done.status_code == 303
    assert "loaded_by" not in office.ledger.events(number(3))[-1].payload
