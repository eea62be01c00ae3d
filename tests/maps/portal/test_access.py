"""Signing in, staying in, being kept out."""

from __future__ import annotations

from tests.maps.portal.conftest import csrf


def test_whoever_has_not_signed_in_is_led_to_the_door(client) -> None:
    answer = client.get("/account?x=1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Faccount%3Fx%3D1"
    assert client.get("/", follow_redirects=False).headers["location"] == "/login"
    assert client.get("/account", headers={"accept": "application/json"}).status_code == 401


def test_a_person_signs_in_and_out(client, sign_in) -> None:
    sign_in(client, "reviewer", ("430321",))
    page = client.get("/account")
    assert "reviewer430321" in page.text
    assert "430321" in page.text
    assert client.post("/logout", data={"csrf": csrf(page.text)}).status_code == 303
    assert client.get("/account").status_code == 303
