"""A field link is not guessed by many tries, and gives no more than its maker may give."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient

from flows import serve, settings
from maps.portal import link_keys, links, people
from maps.portal.app import create_app
from maps.portal.office import Office
from tests.maps.portal.conftest import number
from tests.maps.portal.field_phone import Phone, jpeg, new_link, record

CASE = number(3)
FAR = "430382"


def test_ten_thousand_guesses_are_slowed_while_others_are_served(office: Office, clock: Any) -> None:
    """By two workers, who count as one."""
    app = create_app(office)
    workers = [
        (app.state.guesses, office.store),
        (links.Guesses(), serve.store_of(settings.open_workspace(office.root))),
    ]

    def new_client(address: str) -> TestClient:
        return TestClient(app, follow_redirects=False, client=(address, 50000))

    link, secret = new_link(office, CASE)
    keys = link_keys.keys_of(office.ledger, office.root)
    assert keys is not None
    codes: dict[int, int] = {}
    for n in range(10_000):
        guesses, store = workers[n % 2]
        wait = guesses.wrong(store, "10.0.0.9", f"{n % 3:012x}", at=clock())
        codes[bool(wait)] = codes.get(bool(wait), 0) + 1
    assert codes == {False: 20, True: 9_980}
    thief = Phone(new_client("10.0.0.9"), link.id)
    answer = thief.open(secret[:-2] + "xx")
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert (
        Phone(new_client("10.0.0.9"), link.id).open(secret).status_code == 204
    )  # of a whole office behind one address
    other = Phone(new_client("10.0.0.10"), link.id)
    assert other.open(secret).status_code == 204
    assert other.get("data.json").status_code == 200
    workers[1][1].close()
    clock.later(minutes=9)
    assert thief.open(secret[:-2] + "xx").status_code == 429
    clock.later(minutes=2)
    assert thief.open(secret[:-2] + "xx").status_code == 403, "counted anew"


def test_a_link_that_is_guessed_from_everywhere_is_slowed_and_its_holder_is_not(office: Office, clock: Any) -> None:
    link, secret = new_link(office, CASE)
    guesses = links.Guesses()
    waits = [guesses.wrong(office.store, f"10.0.1.{n}", link.id, at=clock()) for n in range(70)]
    assert [wait > 0 for wait in waits] == [False] * 60 + [True] * 10
    assert guesses.wrong(office.store, "10.0.2.1", "f" * 12, at=clock()) == 0
    holder = Phone(TestClient(create_app(office), client=("10.0.3.1", 50000)), link.id)
    assert holder.open(secret).status_code == 204
    clock.later(minutes=11)
    guesses.wrong(office.store, "10.0.2.1", "f" * 12, at=clock())
    with office.store.reading() as connection:  # what is over is not kept
        held = connection.exec_driver_sql("SELECT count(*) FROM attempts WHERE key LIKE 'guess %'").scalar()
    assert held == 2


def test_a_link_gives_no_more_than_its_maker_may_give(
    office: Office, new_client: Callable[..., TestClient], sign_in: Callable[..., TestClient]
) -> None:
    def made(role: str, districts: tuple[str, ...], name: str) -> tuple[Phone, str, Callable[[], int]]:
        desk = sign_in(new_client(), role, districts, name)
        form = {"csrf": desk.csrf, "case": CASE, "to": "李外业", "days": "3"}  # type: ignore[attr-defined]
        address = re.search(r"/l/(\w+)/#(\w\S+)</textarea>", desk.post("/links/new", data=form).text)
        assert address
        phone = Phone(new_client(), address[1])
        assert phone.open(address[2]).status_code == 204
        content = jpeg(len(name))

        def works() -> int:
            codes = {phone.get("data.json").status_code, phone.get().status_code}
            codes.add(phone.put(content, record(content, CASE)).status_code)
            codes.add(Phone(new_client(), address[1]).open(address[2]).status_code)
            return 200 if codes <= {200, 201, 204} else codes.pop() if len(codes) == 1 else 0

        return phone, address[1], works

    ends: list[tuple[str, tuple[str, ...], Any, Any]] = [
        ("reviewer", (), lambda n: people.disable(office.store, n, at=office.clock()),
         lambda n: people.disable(office.store, n, at=office.clock(), disabled=False)),
        ("district_officer", ("430321",), lambda n: people.change(office.store, n, at=office.clock(), districts=(FAR,)),
         lambda n: people.change(office.store, n, at=office.clock(), districts=("4303",))),
        ("reviewer", (), lambda n: people.change(office.store, n, at=office.clock(), role="leader"),
         lambda n: people.change(office.store, n, at=office.clock(), role="administrator")),
    ]  # fmt: skip
    admin = sign_in(new_client(), "administrator", name="管理员")
    for n, (role, districts, end, back) in enumerate(ends):
        name = "甲" * (n + 1)
        _, id, works = made(role, districts, name)
        assert works() == 200
        end(name)
        assert works() == 403
        assert "its maker may no longer give it" in admin.get("/links").text
        assert {one["id"]: one["state"] for one in admin.get("/api/links").json()["links"]}[id] == "refused"
        back(name)
        assert works() == 200
        assert "its maker may no longer give it" not in admin.get("/links").text
