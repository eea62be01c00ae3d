"""总览 in the portal: scoped, summed, kept by the browser only as long as nothing changed, usable by keyboard."""

from __future__ import annotations

import gzip
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from flows import serve, settings
from maps import overview
from maps.portal.access import Person
from maps.portal.app import create_app
from maps.portal.routes import overview as route
from maps.portal.shelf import deflated, gzipped
from maps.portal.todo import todo
from pipeline.cases.events import Kind, Role
from tests.benchmarks.ledger import generate
from tests.maps.portal.conftest import OTHER, add_person, number
from tests.pipeline.cases.lives import OFFICER

CASES = 300


def block(page: str, id_: str = "gx-data") -> dict[str, Any]:
    found = re.search(rf'id="{id_}">(.*?)</script>', page, re.S)
    assert found, f"no {id_} on the page"
    return json.loads(found[1])


def test_the_page_carries_the_cases_of_the_area_and_no_others(new_client: Any, sign_in: Any) -> None:
    whole = block(sign_in(new_client(), "reviewer").get("/overview").text)
    assert sorted(whole["cases"]["number"]) == sorted(
        [number(n) for n in range(1, 7)] + [number(n, OTHER) for n in (1, 2)]
    )
    mine = sign_in(new_client(), "district_officer", (OTHER,))
    page = mine.get("/overview").text
    assert sorted(block(page)["cases"]["number"]) == [number(1, OTHER), number(2, OTHER)]
    assert "430321-" not in page
    assert re.search(r'<noscript>.*href="/cases".*</noscript>', page)
    answer = mine.get(f"/overview/totals.json?sel={number(1)}").json()
    assert (answer["sums"]["count"], answer["at"]) == (2, None)
    assert mine.get("/overview/cases.json").json()["cases"]["number"] == answer["cases"]["number"]


def test_a_picture_of_anothers_case_is_not_there(new_client: Any, sign_in: Any) -> None:
    mine = sign_in(new_client(), "district_officer", (OTHER,))
    there = mine.get(f"/overview/chips/{number(1, OTHER)}.webp")
    assert there.status_code == 200
    assert Image.open(BytesIO(there.content)).format == "WEBP"
    assert len(there.content) <= 5_000
    theirs, unknown = (mine.get(f"/overview/chips/{n}.webp") for n in (number(1), number(99)))
    assert (theirs.status_code, unknown.status_code) == (404, 404)
    same = [re.sub(r"[0-9a-f]{128}", "", page.text) for page in (theirs, unknown)]  # the token of the form differs
    assert same[0] == same[1]


@pytest.mark.parametrize("address", ["/overview", "/overview/totals.json?s=FOUND", "/overview/cases.json?n=3"])
def test_what_did_not_change_is_not_sent_again(client: Any, sign_in: Any, office: Any, address: str) -> None:
    sign_in(client, "reviewer")
    first = client.get(address)
    assert "no-cache" in first.headers["cache-control"]
    tag = {"if-none-match": first.headers["etag"]}
    assert client.get(address, headers=tag).status_code == 304
    office.ledger.act(number(3), Kind.NOTE, {"text": "看过"}, OFFICER)
    again = client.get(address, headers=tag)
    assert again.status_code == 200
    assert again.headers["etag"] != first.headers["etag"]


def test_a_step_taken_shows_at_once(client: Any, sign_in: Any, office: Any) -> None:
    sign_in(client, "reviewer")
    before = client.get("/overview/totals.json").json()["sums"]["status"]
    office.ledger.act(number(2), Kind.DISPATCHED, {"to_whom": "一队", "reason": "顶棚清晰可见"}, _sensing())
    after = client.get("/overview/totals.json").json()["sums"]["status"]
    assert [b - a for a, b in zip(before, after, strict=True)] == [-1, 1, 0, 0, 0, 0]


def _sensing() -> Any:
    from tests.pipeline.cases.lives import SENSING

    return SENSING


def test_compressed_in_pieces_it_is_the_same_page() -> None:
    head, body, tail = "头".encode() * 999, json.dumps(list(range(9_999))).encode(), b"</html>"
    assert gzip.decompress(gzipped(head, body, deflated(body), tail)) == head + body + tail


@pytest.mark.parametrize(
    "query",
    ["bbox=1", "bbox=nan,0,1,1", "from=-1&n=x", "n=999999", "bbox=,,,", "d=%00&q=%F0%9F%98%80", "s=" + "x" * 5000],
)
def test_what_cannot_be_read_is_no_filter_and_breaks_nothing(client: Any, sign_in: Any, query: str) -> None:
    sign_in(client, "reviewer")
    assert client.get(f"/overview/cases.json?{query}").status_code == 200
    assert client.get(f"/overview/totals.json?{query}").status_code == 200


@pytest.mark.parametrize("role", ["reviewer", "leader", "legal_reviewer", "district_officer", "administrator"])
def test_the_turns_on_the_overview_are_those_of_the_to_do_list(
    client: Any, sign_in: Any, office: Any, role: str
) -> None:
    page = sign_in(client, role).get("/overview").text
    figures = [int(n) for n in re.findall(r'class="gx-turn".*?<b>(\d+)</b>', page, re.S)]
    waiting = todo(office, Person("somebody", Role(role), ()))
    assert sum(figures) == len(waiting)
    assert bool(figures) == (role != "administrator")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("many") / "ws"
    settings.init(root, "示意市")
    generate(root / "ledger.db", CASES)
    return root


@pytest.fixture
def served(many: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Any]]:
    """300 cases where a page carries at most 100, by a real server in a thread."""
    import uvicorn

    for module in (overview, route):
        monkeypatch.setattr(module, "INLINE", 100)
    office = replace(serve.office_of(settings.open_workspace(many)))
    server = uvicorn.Server(uvicorn.Config(create_app(office), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}", office
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def open_page(served: Any, chromium: Any) -> Iterator[Callable[..., Any]]:
    base, office = served
    contexts = []

    def open_(path: str = "/overview", size: tuple[int, int] = (1440, 900), **more: Any) -> Any:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]}, locale="zh-CN", base_url=base, **more
        )
        contexts.append(context)
        page = context.new_page()
        page.problems = []
        page.on("console", lambda m: page.problems.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.goto(f"/login?next={path.replace('?', '%3F').replace('&', '%26')}")
        page.fill("#name", add_person(office, "reviewer"))
        page.fill("#password", "a long enough word")
        page.click("button[type=submit]")
        page.wait_for_selector("html[data-drawn]")
        return page

    yield open_
    for context in contexts:
        context.close()


def figures(page: Any, selector: str) -> list[int]:
    return [int(text) for text in page.locator(selector).all_inner_texts()]


STAGES = '.gx-stage [data-count="FOUND"], .gx-stage [data-count="RECTIFY"], .gx-stage [data-count="CLOSED"]'


def settled(page: Any) -> None:
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(60)


def test_above_the_limit_the_same_page_adds_up_by_request(open_page: Any) -> None:
    page = open_page()
    open_cases = CASES * 5 // 6
    assert block(page.content())["cases"]["number"] == []
    assert sum(figures(page, STAGES)) == open_cases
    assert sum(figures(page, "[data-counties] [data-n]")) == open_cases
    assert sum(figures(page, ".gx-month > span")) == open_cases
    assert sum(page.locator(".gx-ring").evaluate_all("all => all.map((e) => Number(e.dataset.count))")) == open_cases
    page.locator('[data-stage="RECTIFY"]').click()
    settled(page)
    assert page.url.endswith("/overview?s=RECTIFY")
    assert sum(figures(page, STAGES)) == open_cases
    listed = figures(page, "[data-total] b:first-child")
    assert listed == figures(page, '[data-count="RECTIFY"]')
    assert page.locator("[data-rows] .gx-row").count() == 50
    page.locator("[data-more]").click()
    settled(page)
    assert page.locator("[data-rows] .gx-row").count() == min(listed[0], 100)
    page.reload()
    assert figures(page, "[data-total] b:first-child") == listed
    assert page.problems == []


def test_above_the_limit_cases_come_by_view_and_can_be_chosen(open_page: Any) -> None:
    page = open_page("/overview?at=27.8005,112.9005,15")
    settled(page)
    pin = page.locator(".gx-pin").first
    chosen = pin.get_attribute("data-case")
    pin.dispatch_event("click")
    settled(page)
    page.wait_for_url(f"**sel={chosen}*")  # it may be told a moment after the map has settled
    assert page.locator(".gx-pin.gx-chosen").get_attribute("data-case") == chosen
    shown = page.locator(f'#gx-list .gx-row:has-text("{chosen}")')
    assert shown.count() == 1
    unknown = open_page("/overview?sel=430321-2026-99999")
    assert "没有这个图斑，或不在您的管辖范围内" in unknown.locator("[data-hint]").inner_text()


def test_by_keyboard_through_list_and_map(open_page: Any) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "gx-list"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    second = page.locator("[data-rows] .gx-row-head b").nth(1).inner_text()
    assert page.evaluate("document.activeElement.querySelector('.gx-row-head b').textContent") == second
    page.keyboard.press("m")
    page.wait_for_selector(f'.gx-pin.gx-chosen[data-case="{second}"]')
    page.wait_for_url(f"**sel={second}*")
    page.locator("[data-rows] .gx-row[aria-current]").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/case/{second}")


def test_pressing_a_county_keeps_the_keyboard_there(open_page: Any) -> None:
    page = open_page()
    page.locator("[data-county]").nth(1).focus()
    code = page.evaluate("document.activeElement.dataset.county")
    page.keyboard.press("Enter")
    settled(page)
    assert page.evaluate("[document.activeElement.dataset.county, document.activeElement.ariaPressed]") == [
        code,
        "true",
    ]


def test_without_motion_the_map_jumps(open_page: Any) -> None:
    page = open_page(reduced_motion="reduce")
    page.locator("[data-rows] .gx-row").nth(3).focus()
    page.keyboard.press("m")
    page.wait_for_selector(".gx-pin.gx-chosen")
    assert page.evaluate("document.querySelectorAll('.leaflet-zoom-anim, .leaflet-pan-anim').length") == 0


@pytest.mark.parametrize("size", [(320, 640), (390, 844), (720, 450), (1000, 700)])
def test_no_width_scrolls_sideways(open_page: Any, size: tuple[int, int]) -> None:
    page = open_page(size=size)
    for view in ("map", "list", "progress", "yours"):
        if size[0] < 720:
            page.locator(f'[data-go="{view}"]').click()
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_a_server_that_does_not_answer_is_told(open_page: Any) -> None:
    page = open_page()
    page.route("**/overview/totals.json*", lambda route: route.abort())
    page.locator('[data-stage="FOUND"]').click()
    page.wait_for_selector("[data-failed]:not([hidden])")


def test_without_a_sign_in_nothing_is_shown(client: TestClient) -> None:
    """Without a sign-in the data are refused, and the page leads to the door."""
    assert client.get("/overview/cases.json", headers={"accept": "application/json"}).status_code == 401
    assert client.get("/overview").headers["location"].startswith("/login?next=")
