"""The door of a field link in a real browser: the secret leaves the address, the page opens, outsiders see nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from maps.portal import link_keys, links
from maps.portal.office import Office
from tests.maps.portal.conftest import number

CASE = number(3)


def new_link(office: Office) -> tuple[links.Link, str]:
    keys = link_keys.keys_of(office.ledger, office.root)
    assert keys
    return links.make(office.store, keys, cases=[CASE], to="李外业", by="王复核", days=7, at=datetime.now(UTC))


def test_a_link_opens_once_and_leaves_no_secret_behind(office: Office, phone: Any) -> None:
    link, secret = new_link(office)
    asked: list[tuple[str, dict[str, str]]] = []
    phone.on("request", lambda r: asked.append((r.url, r.headers)))
    phone.goto(f"/l/{link.id}/#{secret}")
    phone.wait_for_selector("#gxf-number:not(:empty)", timeout=20_000)
    assert phone.inner_text("#gxf-number") == CASE
    assert secret not in phone.url
    phone.go_back() if phone.evaluate("history.length") > 2 else None
    assert secret not in phone.url
    assert not any(secret in url or secret in str(headers.get("referer", "")) for url, headers in asked)
    cookies = phone.context.cookies()
    (held,) = [c for c in cookies if c["name"] == links.COOKIE]
    assert (held["httpOnly"], held["sameSite"], held["path"]) == (True, "Strict", f"/l/{link.id}/")
    phone.reload()
    phone.wait_for_selector("#gxf-number:not(:empty)", timeout=20_000)
    assert links.one(office.store, link.id).opened == 1  # type: ignore[union-attr]
    assert [p for p in phone.problems if "status of 4" not in p] == []


def test_an_outsider_and_a_late_one_are_told_so_in_words(office: Office, phone: Any) -> None:
    phone.goto("/l/0123456789ab/#" + "x" * 62)
    phone.wait_for_selector("#gx-door-text:not(:empty)")
    assert phone.inner_text("#gx-door-text") == "这个链接不能用。请向发链接的人要一个新的。"
    assert "x" * 62 not in phone.url
    link, secret = new_link(office)
    links.revoke(office.store, link.id, by="王复核", at=datetime.now(UTC))
    phone.goto(f"/l/{link.id}/#{secret}")
    phone.wait_for_selector("#gx-door-text:not(:empty)")
    assert phone.inner_text("#gx-door-text") == "这个链接不能用。请向发链接的人要一个新的。"
    assert CASE not in phone.content()


def test_what_the_shut_door_says_stands_line_under_line(office: Office, phone: Any) -> None:
    for width in (390, 320):
        phone.set_viewport_size({"width": width, "height": 844})
        phone.goto("/l/0123456789ab/#" + "x" * 62)
        phone.wait_for_selector("#gx-door-text:not(:empty)")
        title, text = (phone.locator(f"#gx-door-{name}").bounding_box() for name in ("title", "text"))
        assert title["height"] < 60, "one line"
        assert title["y"] + title["height"] <= text["y"]
        assert text["width"] > width - 60
        assert phone.evaluate("document.documentElement.scrollWidth") <= width
