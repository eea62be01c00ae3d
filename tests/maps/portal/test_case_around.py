"""Imagery beyond the chip on the map of a case: tiles of the two dates shown, under the same swipe."""

from __future__ import annotations

import json
import re

import pytest

from geodata import tiles
from tests.maps.portal.conftest import number

TILE = re.compile(r"/tiles/([0-9a-f-]{36})/(\d+)/")
VIEW = "window[JSON.parse(document.getElementById('gx-case-data').textContent).map]"


def test_a_zoom_is_as_deep_as_the_pixels_are_small() -> None:
    """At the equator zoom 0 has 156,543 m a pixel: 10 m lies between zoom 13 (19.1 m) and 14 (9.55 m)."""
    assert tiles.deepest(10, 0) == 14
    assert tiles.deepest(10, 60) == 13
    assert tiles.deepest(0.001, 0) == tiles.DEEPEST


def test_the_page_says_which_scenes_have_tiles_and_serves_them(client, sign_in, office) -> None:
    page = sign_in(client, "reviewer").get(f"/case/{number(2)}").text
    found = re.search(r'id="gx-around-data">(.*?)</script>', page)
    assert found
    told = json.loads(found[1])
    case = office.ledger.case(number(2))
    pair = {case.flags[0]["change"][side] for side in ("before_id", "after_id")}
    assert pair <= set(told) == {scene.id for scene in office.catalog.scenes()}
    assert {one["deepest"] for one in told.values()} == {14}
    assert client.get(f"/case/{number(2)}?around=0").status_code == 200


@pytest.mark.parametrize("size", ["browser", "phone"])
def test_who_reviews_looks_around_too(size, request, serving, enter) -> None:
    page = enter(request.getfixturevalue(size), "reviewer")
    page.goto(f"/review/{number(5)}")
    page.wait_for_selector("#gx-around:not([hidden])")
    page.evaluate(f"{VIEW}.setZoom({VIEW}.getZoom() - 1.5, {{animate: false}})")
    for pane in ("before", "after"):
        page.wait_for_function(
            "p => [...document.querySelectorAll('.gx-tiles-' + p + ' img')].some(i => i.naturalWidth === 256)",
            arg=pane,
        )
    page.click("#gx-around")
    assert page.locator(".gx-tiles").count() == 0
    assert page.problems == []


@pytest.mark.parametrize("size", ["browser", "phone"])
def test_zooming_out_brings_both_scenes_and_the_switch_takes_them_away(size, request, serving, enter) -> None:
    page = enter(request.getfixturevalue(size), "reviewer")
    asked: list[str] = []
    outside: list[str] = []
    page.on("request", lambda r: asked.append(r.url) if "/tiles/" in r.url else None)
    page.on("request", lambda r: None if r.url.startswith((serving, "data:", "blob:")) else outside.append(r.url))
    page.goto(f"/case/{number(2)}")
    page.wait_for_selector("#gx-around:not([hidden])")
    page.wait_for_load_state("networkidle")
    assert asked == [], "the chip fills the frame"
    page.evaluate(f"{VIEW}.setZoom({VIEW}.getZoom() - 1.5, {{animate: false}})")
    for pane in ("before", "after"):
        page.wait_for_function(
            "p => [...document.querySelectorAll('.gx-tiles-' + p + ' img')].some(i => i.naturalWidth === 256)",
            arg=pane,
        )
    shown = page.evaluate("({...document.getElementById('gx-map').dataset})")
    assert {m[1] for url in asked if (m := TILE.search(url))} == {shown["before"], shown["after"]}
    assert {int(m[2]) for url in asked if (m := TILE.search(url))} <= set(range(10, 15))
    clips = page.evaluate(
        "['before', 'after'].map(p => document.querySelector('.gx-tiles-' + p).parentElement.style.clip)"
    )
    assert all(clip.startswith("rect(") for clip in clips)
    assert clips[0] != clips[1]
    third = page.evaluate(
        "s => [...document.querySelectorAll('.gx-date')].map(b => b.dataset.scene)"
        ".find(id => id !== s.before && id !== s.after)",
        shown,
    )
    page.locator(f'.gx-date[data-scene="{third}"]').click()
    page.wait_for_function("id => document.querySelector(`.gx-tiles-after img[src*='${id}']`)", arg=third)
    page.click("#gx-around")
    assert page.locator(".gx-tiles").count() == 0
    assert "around=0" in page.url
    page.reload()
    page.wait_for_selector("#gx-around[aria-pressed=false]")
    page.click("#gx-around")
    assert "around" not in page.url
    assert page.problems == []
    assert outside == []
