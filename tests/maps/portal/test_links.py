"""The door of a field link: what a bad secret gets at every address, and that nothing leaks."""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from flows import serve, settings
from maps.portal import link_keys, links, people
from maps.portal.app import create_app
from maps.portal.links import COOKIE
from maps.portal.office import Office
from tests.maps.portal.conftest import add_person, csrf, number
from tests.maps.portal.field_phone import Phone, header, jpeg, new_link, record

CASE, OTHER = number(3), number(2)
BAD = (
    "none", "empty", "garbage", "too long", "truncated", "one letter changed", "forged", "another link's", "revoked",
    "expired", "another workspace's", "another purpose", "key taken away", "another store", "a session's", "a token's",
)  # fmt: skip


@pytest.fixture
def app(office: Office) -> Any:
    """Slows nobody: counting guesses is a test of its own."""
    return create_app(office, links.Guesses({"address": 1_000_000, "link": 1_000_000}))


def forged(keys: Any, link: str, *, key: bytes | None = None, purpose: bytes = links.PURPOSE) -> str:
    """A secret with a right form: by another key, or for another purpose."""
    import base64
    import hmac

    id, own = keys.current()
    said = purpose + f"{keys.workspace}\n{link}\n{'n' * 32}".encode()
    tag = base64.urlsafe_b64encode(hmac.digest(key or own, said, "sha256")[:16]).decode().rstrip("=")
    return f"{id}{'n' * 32}{tag}"


def bad_secret(kind: str, office: Office, tmp_path: Path) -> tuple[str, str | None]:
    """(link, secret or None) of one kind of bad secret."""
    keys = link_keys.keys_of(office.ledger, office.root)
    assert keys is not None
    link, secret = new_link(office, CASE)
    if kind == "none":
        return link.id, None
    if kind in ("empty", "garbage", "too long", "truncated"):
        return link.id, {"empty": "", "garbage": "'\"<script>龘", "too long": secret * 900, "truncated": secret[:-1]}[
            kind
        ]
    if kind == "one letter changed":
        return link.id, secret[:20] + ("a" if secret[20] != "a" else "b") + secret[21:]
    if kind == "forged":
        return link.id, forged(keys, link.id, key=b"k" * 32)
    if kind == "another purpose":
        return link.id, forged(keys, link.id, purpose=b"gengxun personal token v1\n")
    if kind == "another store":  # by the right key for this link, and yet never given out here
        return link.id, forged(keys, link.id)
    if kind == "another link's":
        return link.id, new_link(office, OTHER)[1]
    if kind == "revoked":
        assert links.revoke(office.store, link.id, by="王复核", at=office.clock())
    if kind == "expired":
        office.clock.later(days=8)  # type: ignore[attr-defined]
    if kind == "another workspace's":
        theirs = link_keys.LinkKeys("0" * 20, tmp_path / "x")
        return link.id, forged(theirs, link.id)
    if kind == "key taken away":
        (keys.folder / link.key).unlink()
        (keys.folder / "current").unlink()
    if kind == "a session's":
        add_person(office, "reviewer")
        return link.id, "s" * 43
    if kind == "a token's":
        name = add_person(office, "reviewer")
        return link.id, people.new_token(office.store, name, "QGIS", at=office.clock())
    return link.id, secret


def routes_of(router: Any) -> list[Any]:
    """All routes, those of included routers among them."""
    found = []
    for one in router.routes:
        inner = getattr(one, "original_router", None)
        found += routes_of(inner) if inner is not None else [one]
    return found


def requests(app: Any, link: str) -> list[tuple[str, str, dict[str, Any]]]:
    """(method, path, more) of every route of the application, filled in so that it would be answered if allowed."""
    photo = jpeg()
    values = record(photo, CASE)
    fill = {"link": link, "number": CASE, "sha256": values["id"], "name": "a" * 32 + ".webp"}
    found = []
    for route in routes_of(app):
        path = re.sub(r"\{(\w+)(:\w+)?\}", lambda m: str(fill.get(m[1], 1)), route.path)
        for method in sorted(route.methods or ()):
            more: dict[str, Any] = {}
            if path.startswith("/l/") and method in ("PUT", "HEAD"):
                more["headers"] = {"X-Gx-Record": header(values)}
                more |= {"content": photo} if method == "PUT" else {}
            elif path.endswith(("/verdict", "/postponed")):
                more["json"] = {"id": "1", "case": CASE, "part": "", "version": 1, "payload": {"verdict": "lawful"}}
            elif path.endswith("/open"):
                more["json"] = {"secret": "x"}
            found.append((method, path, more))
    return found


def about_the_case(office: Office) -> list[str]:
    case = office.ledger.case(CASE)
    x, y = case.geometry.centroid.x, case.geometry.centroid.y
    return [CASE, "李外业", "王复核", case.township_name, case.district_name, f"{x:.4f}", f"{y:.4f}", "疑似"]


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_secret_is_refused_at_every_address_with_one_body(
    kind: str, office: Office, app: Any, new_client: Callable[..., TestClient], tmp_path: Path
) -> None:
    link, secret = bad_secret(kind, office, tmp_path)
    right = 410 if kind == "expired" else 403
    assert len(requests(app, link)) > 40
    phone = new_client()
    if secret is not None:
        answer = phone.post(f"/l/{link}/open", json={"secret": secret})
        assert answer.status_code == right
        assert "set-cookie" not in answer.headers
        nowhere = phone.post("/l/0123456789ab/open", json={"secret": secret})
        assert nowhere.status_code == 403
        if right == 403:
            assert answer.content == nowhere.content
        phone.cookies.set(
            COOKIE, secret.encode("ascii", "ignore").decode().translate({34: None, 39: None})[:4000] or "x"
        )
    told = about_the_case(office)
    for method, path, more in requests(app, link):
        answer = phone.request(method, path, **more)
        own = path.startswith("/l/")
        if own and path != f"/l/{link}" and answer.status_code not in (404, 405):
            door = path == f"/l/{link}/"
            assert answer.status_code == (200 if door and secret is None else 403), (method, path)
            elsewhere = phone.request(method, path.replace(link, "0123456789ab"), **more)
            assert answer.status_code == elsewhere.status_code
            assert answer.content == elsewhere.content
        elif not own:
            public = path in ("/login", "/alive") or path.startswith(("/static/", "/l/"))
            assert public or answer.status_code in (303, 307, 308, 401, 403, 404, 405, 422), (method, path)
            assert answer.status_code < 500
        for word in told:
            assert word not in answer.text, (method, path)
    assert not list((office.root / "arriving").glob("*")) if (office.root / "arriving").exists() else True


def test_the_cookie_of_a_link_ends_with_it_and_opens_nothing_else(
    office: Office, app: Any, client: TestClient, clock: Any
) -> None:
    link, secret = new_link(office, CASE)
    phone = Phone(client, link.id)
    opened = phone.open(secret)
    assert opened.status_code == 204
    said = opened.headers["set-cookie"].lower()
    assert "httponly" in said
    assert "samesite=strict" in said
    assert f"path=/l/{link.id}/" in said
    assert phone.get().status_code == 200
    assert phone.get("data.json").json()["cases"][0]["number"] == CASE
    cookie = client.cookies.get(COOKIE)
    two, _ = new_link(office, OTHER)
    client.cookies.set(COOKIE, cookie, path="/")  # shown everywhere, as no browser does
    for method, path, more in requests(app, two.id):
        if path.startswith("/l/") and path != f"/l/{two.id}":
            assert client.request(method, path, **more).status_code in (403, 404, 405)
        elif path not in ("/login", "/alive"):
            answer = client.request(method, path, **more)
            assert answer.status_code in (303, 307, 308, 401, 403, 404, 405, 422), path
            assert CASE not in answer.text
    clock.later(days=7, seconds=1)
    for method, path, more in requests(app, link.id):
        if path.startswith("/l/") and path not in (f"/l/{link.id}", f"/l/{link.id}/open"):
            answer = client.request(method, path, **more)
            assert answer.status_code in (410, 405), (method, path)
            assert CASE not in answer.text
    links.revoke(office.store, link.id, by="王复核", at=clock())
    assert phone.get("data.json").status_code == 403
    assert phone.open(secret).status_code == 403


def test_another_case_and_an_unknown_one_get_the_same_answer(office: Office, client: TestClient) -> None:
    link, secret = new_link(office, CASE)
    phone = Phone(client, link.id)
    phone.open(secret)
    content = jpeg()
    answers = [phone.put(content, record(content, case)) for case in (OTHER, number(9), number(1, "430382"), "–")]
    answers += [phone.verdict(case, {"verdict": "lawful"}, 1) for case in (OTHER, number(9))]
    assert {a.status_code for a in answers} == {404}
    assert len({a.content for a in answers}) == 1
    assert phone.get(f"chips/{'0' * 32}.webp").status_code == 404
    assert phone.get("chips/..%2f..%2fgengxun.toml").status_code == 404
    assert office.evidence.count() == 0


def test_a_revocation_holds_at_once_for_every_device_and_worker(
    office: Office, new_client: Callable[..., TestClient]
) -> None:
    link, secret = new_link(office, CASE)
    other_worker = replace(office, store=serve.store_of(settings.open_workspace(office.root)))
    second = TestClient(create_app(other_worker), follow_redirects=False)
    phones = [Phone(new_client(), link.id), Phone(new_client(), link.id), Phone(second, link.id)]
    for phone in phones:
        assert phone.open(secret).status_code == 204
        assert phone.get("data.json").status_code == 200
    found = links.one(office.store, link.id)
    assert found is not None
    assert found.opened == 3
    links.revoke(other_worker.store, link.id, by="王复核", at=office.clock())
    assert [phone.get("data.json").status_code for phone in phones] == [403, 403, 403]
    other_worker.store.close()


def test_no_secret_stands_in_store_journal_log_ledger_or_referer(
    office: Office, client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    link, secret = new_link(office, CASE)
    phone = Phone(client, link.id)
    page = phone.get()
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    phone.open(secret)
    phone.open(secret[:-1] + "A")
    content = jpeg()
    assert phone.put(content, record(content, CASE)).status_code == 201
    cookie = client.cookies.get(COOKIE)
    assert cookie
    kept = b"".join(p.read_bytes() for p in office.root.rglob("*") if p.is_file() and "catalog" not in p.parts)
    for one in (secret, secret[8:], cookie):
        assert one.encode() not in kept
        assert one not in caplog.text
        assert one not in json.dumps([dict(e.payload) for e in office.ledger.events(CASE)], ensure_ascii=False)


def test_a_new_key_leaves_links_be_and_a_key_taken_away_ends_them(office: Office, client: TestClient) -> None:
    keys = link_keys.keys_of(office.ledger, office.root)
    assert keys is not None
    first, secret = new_link(office, CASE)
    assert keys.rotate() != first.key
    second, newer = new_link(office, CASE)
    assert second.key != first.key
    assert Phone(client, first.id).open(secret).status_code == 204
    (keys.folder / first.key).unlink()
    assert Phone(client, first.id).open(secret).status_code == 403
    assert Phone(client, second.id).open(newer).status_code == 204


def test_a_copied_workspace_without_its_keys_opens_for_nobody(office: Office, tmp_path: Path) -> None:
    link, secret = new_link(office, CASE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENGXUN_KEYS", str(tmp_path / "none"))
        shutil.copytree(office.root, tmp_path / "copy")
        copied = replace(serve.office_of(settings.open_workspace(tmp_path / "copy")), clock=office.clock)
        assert Phone(TestClient(create_app(copied)), link.id).open(secret).status_code == 403
        copied.store.close()
        copied.ledger.close()


def test_the_office_makes_prints_lists_and_revokes_a_link(
    office: Office, client: TestClient, sign_in: Callable[..., TestClient], new_client: Callable[..., TestClient]
) -> None:
    sign_in(client, "reviewer")
    form = {"csrf": client.csrf, "case": CASE, "to": "李外业", "days": "3"}  # type: ignore[attr-defined]
    made = client.post("/links/new", data=form)
    assert made.status_code == 201
    address = re.search(r"http\S+/l/(\w+)/#(\w\S+)</textarea>", made.text)
    assert address
    assert "<svg" in made.text
    assert Phone(new_client(), address[1]).open(address[2]).status_code == 204
    register = client.get("/links")
    assert address[2] not in register.text
    assert "李外业" in register.text
    assert client.post(f"/links/{address[1]}/revoke", data={"case": "x"}).status_code == 403  # no form of ours
    gone = client.post(f"/links/{address[1]}/revoke", data={"csrf": client.csrf})  # type: ignore[attr-defined]
    assert gone.status_code == 303
    assert Phone(new_client(), address[1]).open(address[2]).status_code == 403
    wrong = client.post("/links/new", data=form | {"days": "90"})
    assert wrong.status_code == 422
    assert "60" in wrong.text


def test_a_link_for_a_case_that_is_over_says_what_it_still_brings(
    office: Office, client: TestClient, sign_in: Callable[..., TestClient]
) -> None:
    sign_in(client, "reviewer")
    closed, dismissed = number(1), number(6)
    form = {"csrf": client.csrf, "case": f"{closed} {CASE} {dismissed}", "to": "李外业", "days": "3"}  # type: ignore[attr-defined]
    made = client.post("/links/new", data=form)
    assert made.status_code == 201
    assert f"{closed} Closed, {dismissed} Dismissed: over already." in made.text
    assert "over already" not in client.post("/links/new", data=form | {"case": CASE}).text


def test_the_same_form_sent_again_makes_no_second_link(
    office: Office, client: TestClient, sign_in: Callable[..., TestClient]
) -> None:
    sign_in(client, "reviewer")
    once = re.search(r'name="once" value="(\w+)"', client.get("/links").text)
    assert once
    form = {"csrf": client.csrf, "case": CASE, "to": "李外业", "days": "3", "once": once[1]}  # type: ignore[attr-defined]
    assert client.post("/links/new", data=form).status_code == 201
    again = client.post("/links/new", data=form)
    made = list(links.every(office.store))
    assert (again.status_code, len(made)) == (409, 1)
    assert made[0].id in again.text
    fresh = re.search(r'name="once" value="(\w+)"', again.text)
    assert fresh
    assert client.post("/links/new", data=form | {"once": fresh[1]}).status_code == 201


def test_no_host_header_steers_a_link(
    office: Office, app: Any, client: TestClient, sign_in: Callable[..., TestClient]
) -> None:
    sign_in(client, "reviewer")
    form = {"csrf": client.csrf, "case": CASE, "to": "李外业", "days": "3"}  # type: ignore[attr-defined]
    plain = ("evil.example", "evil.example:8600", "127.0.0.1.evil.example", "xn--testserver")
    for host in (*plain, "127.0.0.1@evil.example", "localhost:1@evil.example", "", "[", "*"):
        made = client.post("/links/new", data=form, headers={"host": host})
        if made.status_code == 201:  # no host at all: what the connection says counts
            assert "http://testserver/l/" in made.text
        else:
            assert (made.status_code, "public_url" in made.text) == (422, True), host
        assert "evil.example/ogc" not in client.get("/account", headers={"host": host}).text
        assert (made.status_code == 422) or host not in plain
        assert not re.search(r"evil[^<]*/l/", made.text)
    for host in ("127.0.0.1:8600", "localhost:9000", "[::1]:8600", "testserver"):
        made = client.post("/links/new", data=form, headers={"host": host})
        assert f"http://{host}/l/" in made.text
    app.state.office = replace(office, portal=replace(office.portal, public_url="https://gengxun.example/"))
    page = client.get("/links", headers={"host": "evil.example"}).text
    form["csrf"] = csrf(page)
    made = client.post("/links/new", data=form, headers={"host": "evil.example"})
    assert "https://gengxun.example/l/" in made.text
    assert "evil.example" not in made.text


def test_a_county_makes_and_sees_links_of_its_own_cases_only(
    office: Office, client: TestClient, sign_in: Callable[..., TestClient]
) -> None:
    theirs, _ = new_link(office, CASE, to="别县的人")
    sign_in(client, "district_officer", ("430382",))
    form = {"csrf": client.csrf, "to": "韶山队", "days": "3"}  # type: ignore[attr-defined]
    assert client.post("/links/new", data=form | {"case": number(2, "430382")}).status_code == 201
    refused = client.post("/links/new", data=form | {"case": CASE})
    unknown = client.post("/links/new", data=form | {"case": number(99)})
    assert refused.status_code == unknown.status_code == 422
    assert CASE in refused.text
    assert "韶山队" in refused.text  # what was typed stays
    told = [re.search(r'id="problem">([^<]*)', page.text)[1] for page in (refused, unknown)]  # type: ignore[index]
    assert told[0].replace(CASE, "") == told[1].replace(number(99), "")
    assert "not in your area" in told[0]
    assert "别县的人" not in client.get("/links").text
    assert client.post(f"/links/{theirs.id}/revoke", data=form).status_code == 404
    assert links.one(office.store, theirs.id).revoked_at is None  # type: ignore[union-attr]


def test_times_of_links_are_beijing_days_on_pages(office: Office) -> None:
    link, _ = new_link(office, CASE, days=7)
    assert link.expires_at == datetime.fromisoformat("2026-12-01T02:00:00+00:00")
