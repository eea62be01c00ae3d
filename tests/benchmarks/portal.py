"""The portal with many cases: ``python -m tests.benchmarks.portal [--cases 10000] [--folder DIR] [--readers 50]``.

A real ledger, two workers of uvicorn, Chromium. Prints: first answer of a cold worker; time to a usable
overview (list and map drawn; goal 2 s), its weight and requests; and for 50 readers at once over overview,
list, case page and API: answers a second, p50, p95 and the worst, by page. Asserts nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx

from tests.benchmarks.office import NAME, WORD, serving, some_number, workspace
from tests.maps.conftest import CHROMIUM, FLAGS

READS = ("/overview", "/overview/totals.json?s=RECTIFY", "/cases", "/case/{number}", "/api/cases?limit=50", "/stats")
LOCAL = [flag for flag in FLAGS if "resolver" not in flag] + [
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
]


def session(base: str) -> dict[str, str]:
    with httpx.Client(base_url=base) as client:
        token = re.search(r'name="csrf" value="([0-9a-f]+)"', client.get("/login").text)
        assert token
        client.post("/login", data={"csrf": token[1], "name": NAME, "password": WORD})
        return dict(client.cookies)


def usable(base: str, cookies: dict[str, str], times: int = 5) -> list[dict[str, float]]:
    """In a fresh browser each time: from the address to a list and a map that are drawn, in ms."""
    from playwright.sync_api import sync_playwright

    found = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=LOCAL)
        for _ in range(times):
            context = chromium.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
            context.add_cookies([{"name": k, "value": v, "url": base} for k, v in cookies.items()])
            page = context.new_page()
            start = time.perf_counter()
            page.goto(f"{base}/overview", wait_until="commit")
            page.wait_for_selector("html[data-drawn]", state="attached")
            took = 1000 * (time.perf_counter() - start)
            entries = "performance.getEntries().filter((e) => e.transferSize !== undefined)"
            found.append({
                "usable_ms": took,
                "draw_ms": float(page.evaluate("document.documentElement.dataset.drawn")),
                "kB": page.evaluate(f"{entries}.reduce((sum, e) => sum + e.transferSize, 0)") / 1000,
                "requests": page.evaluate(f"{entries}.length"),
            })  # fmt: skip
            context.close()
        chromium.close()
    return found


async def read(base: str, cookies: dict[str, str], number: str, readers: int, each: int) -> dict[str, list[float]]:
    """``readers`` at once, each asking for every page in turn; seconds by page, not kept by the reader."""
    took: dict[str, list[float]] = defaultdict(list)

    async def reader(n: int) -> None:
        async with httpx.AsyncClient(base_url=base, cookies=cookies, timeout=120) as client:
            for turn in range(each):
                path = READS[(n + turn) % len(READS)].format(number=number)
                start = time.perf_counter()
                try:
                    status = str((await client.get(path, headers={"accept-encoding": "gzip"})).status_code)
                except httpx.HTTPError as error:
                    status = type(error).__name__
                took[f"{READS[(n + turn) % len(READS)]} {status}"].append(time.perf_counter() - start)

    await asyncio.gather(*(reader(n) for n in range(readers)))
    return took


def show(took: dict[str, list[float]], wall_s: float) -> None:
    every = [one for some in took.values() for one in some]
    print(f"{len(every)} answers in {wall_s:.1f} s: {len(every) / wall_s:.0f} a second")
    print(f"{'':42}{'n':>5}{'p50 ms':>9}{'p95 ms':>9}{'worst':>9}")
    for name, some in [*sorted(took.items()), ("all", every)]:
        cuts = statistics.quantiles(some, n=20) if len(some) > 1 else [some[0]] * 19
        print(f"{name:42}{len(some):5}{1000 * cuts[9]:9.0f}{1000 * cuts[18]:9.0f}{1000 * max(some):9.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--each", type=int, default=12)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where the workspace is kept; else made anew")
    parser.add_argument("--ledger", type=Path, help="a ledger of tests.benchmarks.ledger with that many cases")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        root = workspace(asked.folder or Path(made), asked.cases, asked.ledger)
        number = some_number(root)
        with serving(root, asked.workers) as base:
            cookies = session(base)
            start = time.perf_counter()
            httpx.get(f"{base}/overview", cookies=cookies).raise_for_status()
            cold_s = time.perf_counter() - start
            print(f"{asked.cases} cases, {asked.workers} workers; first answer of a cold worker: {cold_s:.2f} s")
            httpx.get(f"{base}/overview", cookies=cookies)
            _told(usable(base, cookies))
            for path in READS:  # what is kept until the ledger changes: made once a worker
                times = [_timed(base + path.format(number=number), cookies) for _ in range(4 * asked.workers)]
                print(f"{path:42} first {1000 * max(times):6.0f} ms, then {1000 * min(times):6.0f} ms")
            start = time.perf_counter()
            took = asyncio.run(read(base, cookies, number, asked.readers, asked.each))
            show(took, time.perf_counter() - start)


def _timed(address: str, cookies: dict[str, str]) -> float:
    start = time.perf_counter()
    httpx.get(address, cookies=cookies, timeout=120)
    return time.perf_counter() - start


def _told(found: list[dict[str, Any]]) -> None:
    ordered = sorted(found, key=lambda one: one["usable_ms"])
    middle = ordered[len(ordered) // 2]
    print(
        f"overview in Chromium, fresh each time: usable after {middle['usable_ms']:.0f} ms "
        f"(worst {ordered[-1]['usable_ms']:.0f}; goal 2000), draw {middle['draw_ms']:.0f} ms, "
        f"{middle['kB']:.0f} kB in {middle['requests']:.0f} requests"
    )


if __name__ == "__main__":
    main()
