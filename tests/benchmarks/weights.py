"""What every page weighs where the line is thin: ``python -m tests.benchmarks.weights [--folder DIR] [--only WORD]``.

1.6 Mbit/s, 150 ms, CPU slowed four times (set through the debugger), nothing kept from before. Prints gzip
weight, requests, first paint, time to usable and time to draw of each page beside the budget of the interface.
Asserts nothing.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.benchmarks.office import serving, workspace
from tests.benchmarks.portal import LOCAL, session
from tests.maps import invented_rows as made
from tests.maps.conftest import CHROMIUM

LINE = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 200_000}
SLOWER = 4
DESK, PHONE = (1440, 900), (390, 844)


@dataclass(frozen=True)
class Page:
    """kb, paint_s, draw_s: the budget; 0 = none is set. usable: what is there when it can be used."""

    name: str
    address: str
    size: tuple[int, int]
    kb: float
    paint_s: float = 0.0
    draw_s: float = 0.0
    usable: str = "main"
    cookies: tuple[tuple[str, str], ...] = ()


def measure(chromium: Any, page: Page) -> dict[str, float]:
    context = chromium.new_context(viewport={"width": page.size[0], "height": page.size[1]}, locale="zh-CN")
    context.add_cookies([{"name": name, "value": value, "url": page.address} for name, value in page.cookies])
    tab = context.new_page()
    debugger = context.new_cdp_session(tab)
    received: list[float] = []
    debugger.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    debugger.send("Network.enable")
    debugger.send("Network.emulateNetworkConditions", LINE)
    debugger.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    tab.goto(page.address, wait_until="commit")
    tab.wait_for_selector(page.usable, state="attached", timeout=60_000)
    usable = tab.evaluate("performance.now()")
    tab.wait_for_load_state("load")
    tab.wait_for_timeout(1500)
    paint = tab.evaluate("(performance.getEntriesByName('first-contentful-paint')[0] || {}).startTime || 0")
    found = {
        "kB": sum(received) / 1000,
        "requests": len(received),
        "paint_s": paint / 1000,
        "usable_s": usable / 1000,
        "draw_s": float(tab.evaluate("document.documentElement.dataset.drawn || 0")) / 1000,
        "nodes": tab.evaluate("document.querySelectorAll('*').length"),
    }
    context.close()
    return found


@contextmanager
def pages(folder: Path) -> Iterator[list[Page]]:
    """Of the portal with 313, 5,000 and 10,000 cases, and of the field link of one of them."""
    drawn, link = "html[data-drawn]", None
    with ExitStack() as open_:
        every: list[Page] = []
        for cases, kb, paint_s in ((313, 200, 2.0), (5_000, 350, 2.5), (10_000, 350, 2.5)):
            base = open_.enter_context(serving(workspace(folder, cases), 1))
            signed, found = tuple(session(base).items()), []
            found.append(Page(f"总览 {cases}", f"{base}/overview", DESK, kb, paint_s, 0.3, drawn))
            if cases == 313:
                found.append(Page("总览 313 phone", f"{base}/overview", PHONE, kb, paint_s, 0.3, drawn))
                number = f"{list(made.COUNTIES)[2]}-2026-00001"
                found += [
                    Page("图斑", f"{base}/case/{number}", DESK, 300, 1.5),
                    Page("图斑 phone", f"{base}/case/{number}", PHONE, 300, 1.5),
                    Page("图斑列表", f"{base}/cases", DESK, 0),
                    Page("待办", f"{base}/todo", DESK, 0),
                    Page("复核", f"{base}/review", DESK, 0),
                    Page("统计", f"{base}/stats", DESK, 50),
                    Page("运行", f"{base}/runs", DESK, 250),
                    Page("登录", f"{base}/login", PHONE, 0),
                ]
                link = link_of(folder / f"office-{cases}", number, base)
                if link:
                    found.append(Page("外业", link, PHONE, 180, 1.5))
            every += [page if page.name == "登录" else replace(page, cookies=signed) for page in found]
        yield every


def link_of(root: Path, number: str, base: str) -> str | None:
    """A field link made at the command line."""
    import subprocess
    import sys

    command = [sys.executable, "-m", "flows.cli", "link", "new", "--case", number, "--to", "基准"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    address = re.search(r"(/l/[^\s\"]+)", done.stdout)
    return f"{base}{address[1]}" if address else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where the workspaces are kept; else made anew")
    parser.add_argument("--only", default="", help="a word of the page's name")
    asked = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as fresh, pages(asked.folder or Path(fresh)) as all_pages:
        names = ("kB gzip", "budget", "requests", "paint s", "budget", "usable s", "draw s", "nodes")
        print(" " * 18 + "".join(f"{name:>9}" for name in names))
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=LOCAL)
            for page in all_pages:
                if asked.only in page.name:
                    measure(chromium, page)  # the first one fills what the server keeps
                    _show(page, measure(chromium, page))
            chromium.close()


def _show(page: Page, found: dict[str, float]) -> None:
    over = (page.kb and found["kB"] > page.kb) or (page.paint_s and found["paint_s"] > page.paint_s)
    over = over or (page.draw_s and found["draw_s"] > page.draw_s)
    print(
        f"{page.name:18}{found['kB']:9.0f}{page.kb or '–':>9}{found['requests']:9.0f}{found['paint_s']:9.2f}"
        f"{page.paint_s or '–':>9}{found['usable_s']:9.2f}{found['draw_s']:9.2f}{found['nodes']:9.0f}"
        f"{'  OVER' if over else ''}",
        flush=True,
    )


if __name__ == "__main__":
    main()
