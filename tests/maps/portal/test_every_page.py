"""Every address of the app's own router: behind the door, within the area, drawn without an inline script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute

from pipeline.cases.events import Role
from tests.maps.portal.conftest import OTHER, number

OPEN = {"/login", "/static/{name}", "/alive"}
"""Before anybody has signed in; field links have a door of their own."""
GIVEN = {
    "number": number(1), "part": "0", "sha256": "0" * 64, "name": "x", "id": "1", "seq": "1", "kind": "FARMLAND",
    "edition": "2025", "collection": "cases", "scene": "x", "z": "14", "x": "13000", "y": "6900",
}  # fmt: skip


def every(routes_: Any) -> Iterator[APIRoute]:
    for one in routes_:
        if isinstance(one, APIRoute):
            yield one
        elif hasattr(one, "original_router"):  # how newer FastAPI keeps an included router
            yield from every(one.original_router.routes)


def routes(app: Any, method: str) -> list[str]:
    found = [r.path for r in every(app.routes) if method in r.methods]
    assert len(found) > 15
    return sorted({path for path in found if not path.startswith("/l/")})


def filled(path: str, **given: str) -> str:
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda m: {**GIVEN, **given}.get(m[1], "1"), path)


def plain(text: str) -> str:
    """A page without what differs from answer to answer."""
    return re.sub(r"[0-9a-f]{128}", "", text)


def test_nothing_is_shown_or_done_before_signing_in(app, new_client) -> None:
    for path in routes(app, "GET"):
        if path in OPEN:
            continue
        answer = new_client().get(filled(path))
        assert answer.status_code in (303, 401), (path, answer.status_code)
        assert number(1) not in answer.text
    for path in routes(app, "POST"):
        answer = new_client().post(filled(path), data={"x": "1"})
        assert answer.status_code in (303, 401, 403), (path, answer.status_code)


def test_no_form_is_taken_without_its_token(app, new_client, sign_in) -> None:
    client = sign_in(new_client(), "administrator")
    for path in routes(app, "POST"):
        answer = client.post(filled(path), data={"x": "1"})
        assert answer.status_code in (403, 404), (path, answer.status_code)


@pytest.mark.parametrize("role", [role.value for role in Role if role is not Role.SYSTEM])
def test_every_page_opens_or_is_not_there(app, new_client, sign_in, role: str) -> None:
    client = sign_in(new_client(lang="zh"), role)
    opened = 0
    for path in routes(app, "GET"):
        answer = client.get(filled(path))
        assert answer.status_code < 500, (path, answer.text[-500:])
        assert answer.headers["x-content-type-options"] == "nosniff"
        if answer.headers.get("content-type", "").startswith("text/html"):
            assert "script-src" not in answer.headers["content-security-policy"]
            inline = re.search(r"<script(?![^>]*(\bsrc=|application/json))[^>]*>|<[^>]+\son[a-z]+=", answer.text)
            assert not inline, (path, inline)
            opened += answer.status_code == 200
    assert opened >= 3


def test_another_district_is_as_good_as_nowhere(app, new_client, sign_in) -> None:
    client = sign_in(new_client(), "district_officer", ("430321",))
    for method in ("GET", "POST"):
        for path in routes(app, method):
            if "{number}" not in path:
                continue
            answers = [
                client.request(method, filled(path, number=n), data={"csrf": client.csrf} if method == "POST" else None)
                for n in (number(1, OTHER), number(999, OTHER))
            ]
            assert {one.status_code for one in answers} == {404}, (method, path)
            assert len({plain(one.text) for one in answers}) == 1, (method, path)
