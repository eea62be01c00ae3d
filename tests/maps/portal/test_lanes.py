"""Many phones that wait, for the ledger or on a thin line, keep nobody at the office from a page."""

from __future__ import annotations

import http.client
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from maps.portal.links import COOKIE
from maps.portal.office import Office
from tests.maps.portal.conftest import WORD, add_person, csrf, number, served
from tests.maps.portal.field_phone import Phone, header, jpeg, new_link, record

CASE = number(3)
WHOLE, HALF = 48, 12
"""More than a worker has threads; and such as stop in the middle."""


@pytest.fixture
def serve_by() -> Any:
    return served


@contextmanager
def busy(path: Path) -> Iterator[None]:
    """Somebody writes to the ledger and does not come to an end."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.rollback()
        connection.close()


def begin(base: str, path: str, cookie: str, content: bytes, much: int) -> http.client.HTTPConnection:
    """One upload on its way: ``much`` of its bytes are sent, the answer is not waited for."""
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=60)
    values = record(content, CASE)
    connection.putrequest("PUT", f"{path}up/{values['id']}")
    for name, value in {"X-Gx-Record": header(values), "Cookie": f"{COOKIE}={cookie}"}.items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(content)))
    connection.endheaders()
    connection.send(content[:much])
    return connection


def test_sixty_phones_that_wait_leave_the_office_its_pages(office: Office, serving: str) -> None:
    link, secret = new_link(office, CASE)
    name = add_person(office, "reviewer")
    with httpx.Client(base_url=serving, timeout=60) as client, ExitStack() as open_:
        phone = Phone(client, link.id)
        assert phone.open(secret).status_code == 204
        cookie = client.cookies[COOKIE]
        desk = open_.enter_context(httpx.Client(base_url=serving, timeout=12))
        form = {"csrf": csrf(desk.get("/login").text), "name": name, "password": WORD}
        assert desk.post("/login", data=form).status_code == 303
        assert desk.get(f"/case/{CASE}").status_code == 200
        photos = [jpeg(n, 120) for n in range(WHOLE + HALF)]
        with busy(office.root / "ledger.db"):
            waiting = [
                open_.enter_context(_closing(begin(serving, phone.base, cookie, p, len(p) if n < WHOLE else 500)))
                for n, p in enumerate(photos)
            ]
            until_all_are_here(office, WHOLE)
            for _ in range(3):
                answer = desk.get(f"/case/{CASE}")
                assert answer.status_code == 200
                assert CASE in answer.text
        first = waiting[0].getresponse()
        assert first.status == 201
        assert re.search(rb'"seq": ?\d+', first.read())


@contextmanager
def _closing(connection: http.client.HTTPConnection) -> Iterator[http.client.HTTPConnection]:
    try:
        yield connection
    finally:
        connection.close()


def until_all_are_here(office: Office, n: int) -> None:
    """Every whole photo lies with the files that arrive."""
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        here = [p for p in (office.root / "arriving").glob("*.part") if p.stat().st_size == int(p.name.split(".")[1])]
        if len(here) >= n:
            return
        time.sleep(0.05)
    raise AssertionError(f"{len(here)} of {n} arrived")
