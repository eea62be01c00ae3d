"""On a phone the one primary action of a case stays at the foot of the page."""

from __future__ import annotations

import pytest

from tests.maps.portal.conftest import number


@pytest.mark.parametrize(
    ("n", "role", "said"),
    [(2, "reviewer", "Dispatch"), (3, "field_inspector", "Give the verdict"), (5, "reviewer", "Open in review")],
)
def test_the_bar_carries_the_primary_action_as_a_link(client, sign_in, n, role, said) -> None:
    page = sign_in(client, role).get(f"/case/{number(n)}").text
    bar = page.partition('<p class="gx-footbar">')[2].partition("</p>")[0]
    assert bar.count("gx-footbar-main") == 1
    assert said in bar


def test_who_has_nothing_to_do_gets_no_bar(client, sign_in) -> None:
    assert '<p class="gx-footbar">' not in sign_in(client, "field_inspector").get(f"/case/{number(1)}").text


def test_it_stays_in_view_and_opens_the_form(phone, enter) -> None:
    page = enter(phone, "reviewer")
    page.goto(f"/case/{number(2)}")
    for share in (0, 0.5, 1):
        page.evaluate("y => scrollTo(0, y * document.documentElement.scrollHeight)", share)
        box = page.locator(".gx-footbar-main").bounding_box()
        assert box["y"] + box["height"] <= 844
        assert box["y"] > 700
        assert box["height"] >= 44
    assert page.locator(".gx-act-main > summary:visible").count() == 0, "one primary action"
    page.click(".gx-footbar-main")
    assert page.locator("#do-dispatched [name=to_whom]").is_visible()
    assert not page.locator(".gx-footbar").is_visible()
    page.goto(page.locator(".gx-footbar-main").get_attribute("href"))
    assert page.locator("#do-dispatched [name=to_whom]").is_visible(), "the link opens it without script"
    assert page.problems == []


def test_a_desk_has_none(browser, enter) -> None:
    page = enter(browser, "reviewer")
    page.goto(f"/case/{number(2)}")
    assert not page.locator(".gx-footbar").is_visible()
    assert page.locator(".gx-act-main > summary").is_visible()
