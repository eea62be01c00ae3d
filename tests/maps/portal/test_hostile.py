"""What a phone or a form may add to a record, and what that must not reach: pages, figures, other people's names."""

from __future__ import annotations

import shutil
from collections import namedtuple

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from maps.portal import access, store
from maps.portal.office import Office
from maps.portal.record import runs_of_cases
from tests.maps.portal.conftest import csrf, number
from tests.maps.portal.field_phone import VIOLATION, Phone, jpeg, opened, record

CASE = number(3)
OURS = {
    "notes": "x", "came_late": 3, "loaded_by": "周建军", "link": "0", "overridden": True, "findings": "x",
    "phone": "x", "record": "r", "inspection": "i", "due": "x", "to": "CLOSED", "outcome": "x",
}  # fmt: skip


@pytest.fixture
def phone(office: Office, client: TestClient) -> Phone:
    return opened(office, client, CASE)


def photos(phone: Phone) -> None:
    for n, shot in enumerate(("overview", "close")):
        content = jpeg(n)
        assert phone.put(content, record(content, CASE, shot)).status_code == 201


def opens(client: TestClient) -> None:
    for address in (f"/case/{CASE}", f"/case/{CASE}/print", f"/review/{CASE}", "/overview", "/stats", "/cases"):
        assert client.get(address).status_code == 200, address
    assert client.get(f"/api/cases/{CASE}").status_code == 200


def test_a_phone_says_nothing_in_our_name(office: Office, phone: Phone, new_client, sign_in) -> None:
    photos(phone)
    assert phone.verdict(CASE, VIOLATION | OURS, office.ledger.case(CASE).version).status_code == 201
    event = office.ledger.events(CASE)[-1]
    assert (event.kind, event.by) == ("VERDICT", "李外业")
    assert event.payload["party"] == "某建材公司"
    assert event.payload["link"] == phone.base.split("/")[2]
    assert not {"loaded_by", "overridden", "inspection", "came_late", "notes", "findings"} & set(event.payload)
    assert office.ledger.case(CASE).overrides == 0
    opens(sign_in(new_client(), "reviewer"))


def test_a_verdict_is_of_texts_and_figures(office: Office, phone: Phone) -> None:
    before = office.ledger.case(CASE).version
    for field in ("text", "reason", "sub", "use", "party", "checked_on", "anything"):
        for value in ({"zh": "x"}, [{"text": 1}]):
            answer = phone.verdict(CASE, VIOLATION | {field: value}, before)
            assert answer.status_code == 400
            assert f"payload.{field}" in answer.json()["zh"]
    assert office.ledger.case(CASE).version == before


@pytest.mark.parametrize("field", ["text", "reason", "sub", "checked_on"])
def test_no_figure_in_a_verdict_breaks_a_page(office: Office, phone: Phone, new_client, sign_in, field: str) -> None:
    photos(phone)
    answer = phone.verdict(CASE, VIOLATION | {field: 7}, office.ledger.case(CASE).version)
    assert answer.status_code in (201, 409)
    opens(sign_in(new_client(), "reviewer"))


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00"])
def test_no_time_that_a_phone_says_breaks_anything(office: Office, phone: Phone, new_client, sign_in, at: str) -> None:
    photos(phone)
    content = jpeg(7)
    assert phone.put(content, record(content, CASE) | {"taken_at": at}).status_code == 400
    clock = {"phone_at": at, "server_seen_at": at, "monotonic_ms": 1e308}
    answer = phone.verdict(CASE, VIOLATION, office.ledger.case(CASE).version, taken_at=at, clock=clock)
    assert answer.status_code == 201
    opens(sign_in(new_client(), "reviewer"))


def test_a_field_that_people_add_breaks_no_page(office: Office, client: TestClient, sign_in) -> None:
    sign_in(client, "reviewer")
    form = {"csrf": client.csrf, "text": "去过现场", "more": "notes=现场有人\ninspection=x\noverridden=1"}
    assert client.post(f"/case/{CASE}/do/note", data=form).status_code == 303
    assert office.ledger.events(CASE)[-1].payload["notes"] == "现场有人"
    opens(client)


# -- the door


def noted(office: Office, kind: str) -> int:
    with office.store.reading() as connection:
        return connection.execute(sa.select(sa.func.count()).where(store.journal.c.kind == kind)).scalar_one()


def test_knocking_without_end_does_not_fill_the_journal(office: Office, client: TestClient, clock) -> None:
    for n in range(2 * store.MOST_NOTED):
        assert client.get("/api/me", headers={"authorization": f"Bearer gx_{n}"}).status_code == 401
    assert noted(office, "refused") == store.MOST_NOTED
    form = {"csrf": csrf(client.get("/login").text), "name": "nobody", "password": "no such word"}
    codes = [client.post("/login", data=form).status_code for _ in range(2 * store.MOST_NOTED)]
    assert codes.count(429) > store.MOST_NOTED
    assert noted(office, "locked") == store.MOST_NOTED
    clock.later(hours=1)
    client.get("/api/me", headers={"authorization": "Bearer gx_x"})
    assert noted(office, "refused") > store.MOST_NOTED


def multipart(*parts: tuple[str, bytes]) -> bytes:
    made = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + body for name, body in parts]
    return b"\r\n".join([*made, b"--b--\r\n"])


def test_a_form_with_files_says_its_size_and_has_room(
    client: TestClient, sign_in, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(client, "leader")
    kind = {"content-type": "multipart/form-data; boundary=b"}
    small = multipart(("csrf", client.csrf.encode()), ("old", b"x"))
    assert client.post("/account/password", content=small, headers=kind).status_code == 422
    assert client.post("/account/password", content=iter([small]), headers=kind).status_code == 413
    large = kind | {"content-length": str(access.LARGEST_UPLOAD + 1)}
    assert client.post("/account/password", content=small, headers=large).status_code == 413
    wide = multipart(("csrf", client.csrf.encode()), ("old", b"x" * (access.LARGEST_FIELD + 1)))
    assert client.post("/account/password", content=wide, headers=kind).status_code == 400
    disk = namedtuple("disk", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: disk(10**6))
    assert client.post("/account/password", content=small, headers=kind).status_code == 507


def test_runs_and_scenes_of_the_api_are_those_of_the_pages(office: Office, new_client, sign_in) -> None:
    whole = sign_in(new_client(), "reviewer").get("/api/runs").json()
    nowhere = sign_in(new_client(), "reviewer", ("99",))
    assert whole["count"] == len(runs_of_cases(office)) > 0
    assert nowhere.get("/api/runs").json()["count"] == 0
    assert nowhere.get(f"/api/runs/{whole['runs'][0]['id']}").status_code == 404
    assert nowhere.get("/api/scenes").json()["scenes"] == []
