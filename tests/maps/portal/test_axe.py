"""axe-core on every page of the portal and of the static site, at desk and phone size: nothing serious or critical.

The script comes from the package axe-playwright-python and runs through the debugger, so that the pages'
own policy stays as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows import publish, settings
from tests.maps.portal.conftest import number

axe = pytest.importorskip("axe_playwright_python.base", reason="axe-playwright-python is not installed")
SIZES = {"desk": (1440, 900), "phone": (390, 844)}
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PAGES = {
    "/login": "",
    "/account": "reviewer",
    "/todo": "district_officer",
    "/overview": "reviewer",
    "/overview?v=list": "district_officer",
    "/overview?v=progress": "leader",
    "/overview?v=yours": "reviewer",
    "/cases": "reviewer",
    f"/case/{number(1)}": "reviewer",
    f"/case/{number(2)}": "remote_sensing",
    f"/case/{number(3)}": "district_officer",
    f"/case/{number(4)}": "legal_reviewer",
    f"/case/{number(5)}": "reviewer",
    f"/case/{number(5)}/print": "reviewer",
    "/review": "reviewer",
    f"/review/{number(5)}": "reviewer",
    "/runs": "remote_sensing",
    "/stats": "leader",
    "/links": "reviewer",
    "/batches": "remote_sensing",
    "/layers": "remote_sensing",
    "/users": "administrator",
    "/nowhere": "reviewer",
}


def findings(page: Any) -> list[str]:
    """Of serious and critical impact: rule, where, and what axe says.

    Places on a map lie where they lie; WCAG 2.5.8 lets them be close, because the list beside does the same.
    """
    # What the bar at the foot covers at this moment is reached by scrolling: it is looked at as if scrolled free.
    page.evaluate("document.querySelectorAll('.gx-footbar').forEach((bar) => { bar.style.position = 'static'; })")
    page.evaluate(axe.AXE_SCRIPT)
    run = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
    found = page.evaluate(f"axe.run(document, {json.dumps(run)})")
    return [
        f"{one['impact']} {one['id']}: {node['target']} {(node['failureSummary'] or '').splitlines()[-1].strip()}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"][:6]
        if not (one["id"] == "target-size" and re.search("data-case|gx-pin|gx-ring|data-unit", str(node["target"])))
    ]


@pytest.fixture(params=list(SIZES))
def screen(request: pytest.FixtureRequest, chromium: Any) -> Iterator[Any]:
    width, height = SIZES[request.param]
    small = request.param == "phone"
    context = chromium.new_context(
        viewport={"width": width, "height": height}, locale="zh-CN", has_touch=small, is_mobile=small
    )
    yield context.new_page()
    context.close()


def test_no_page_of_the_portal_shuts_anybody_out(screen: Any, serving: str, enter: Any, office: Any) -> None:
    """All pages on one server: to start one takes longer than to look at all of them."""
    found, signed = {}, ""

    def look(path: str) -> None:
        answer = screen.goto(serving + path)
        screen.wait_for_load_state("networkidle")
        found[path] = [f"answers {answer.status}"] if answer.status >= 500 else findings(screen)

    screen.set_default_timeout(15_000)
    run = next(event.payload["id"] for event in office.ledger.inspection_events())
    pages = {**PAGES, f"/runs/{run}": "remote_sensing"}
    for path, role in sorted(pages.items(), key=lambda page: page[1]):
        if role and role != signed:
            screen.context.clear_cookies()
            _enter(screen, serving, enter, role)
            signed = role
        look(path)
    assert {path: said for path, said in found.items() if said} == {}


def _enter(screen: Any, serving: str, enter: Any, role: str) -> None:
    goto = screen.goto
    screen.goto = lambda address: goto(serving + address if address.startswith("/") else address)
    try:
        enter(screen, role)
    finally:
        screen.goto = goto


@pytest.fixture(scope="module")
def site(filled_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("published") / "site"
    publish.write.fn(settings.open_workspace(filled_workspace), out)
    return out


def test_no_page_of_the_static_site_shuts_anybody_out(screen: Any, site: Path) -> None:
    found = {}
    run = next(path.name for path in (site / "runs").glob("*.html") if path.name != "index.html")
    for path in ("index.html", "index.html#v=list", "en/index.html", f"case/{number(1)}.html", f"case/{number(5)}.html",
                 f"en/case/{number(4)}.html", "runs/index.html", f"runs/{run}", f"en/runs/{run}"):  # fmt: skip
        screen.goto("about:blank")
        screen.goto((site / path.split("#")[0]).as_uri() + ("#" + path.split("#")[1] if "#" in path else ""))
        found[path] = findings(screen)
    assert {path: said for path, said in found.items() if said} == {}
