"""Pages in a real browser, with the network off: Chromium by playwright, or a skip with a reason."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
]
DESK, PHONE = (1440, 900), (390, 844)


class Opened:
    """A page and what went wrong on it: console errors, exceptions, requests that left the site."""

    def __init__(self, page, site: Path) -> None:
        self.page, self.site = page, site.resolve()
        self.problems: list[str] = []
        page.on("console", lambda m: self.problems.append(f"console: {m.text}") if m.type == "error" else None)
        page.on("pageerror", lambda error: self.problems.append(f"exception: {error}"))
        page.on("dialog", lambda dialog: (self.problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", self._request)
        page.on("requestfailed", lambda r: self.problems.append(f"failed: {r.url}"))

    def _request(self, request) -> None:
        inside = request.url.startswith((self.site.as_uri(), "data:", "blob:"))
        if not inside:
            self.problems.append(f"left the site: {request.url}")

    def goto(self, path: Path, hash_: str = "") -> Opened:
        self.page.goto("about:blank")
        self.page.goto(path.resolve().as_uri() + hash_)
        return self

    def numbers(self, selector: str) -> list[int]:
        return [int(text) for text in self.page.locator(selector).all_inner_texts()]

    def shot(self, name: str) -> None:
        """A picture for people to look at, where GENGXUN_SHOTS names a folder."""
        folder = os.environ.get("GENGXUN_SHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"))


@pytest.fixture(scope="session")
def playwright() -> Iterator:
    """One driver for all browsers of a run: a second beside it is refused."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not shutil.which(CHROMIUM):
        pytest.skip(f"no Chromium at {CHROMIUM}: pages are not opened")
    with sync_api.sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def browser(playwright) -> Iterator:
    found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield found
    found.close()


@pytest.fixture
def open_page(browser, tmp_path: Path) -> Iterator:
    """``open_page(path, size=DESK, site=None, hash_="")`` → Opened; ``site``: the folder that a page may read from."""
    contexts = []

    def open_(path: Path, size: tuple[int, int] = DESK, *, site: Path | None = None, hash_: str = "") -> Opened:
        phone = size[0] < 720
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            has_touch=phone,
            is_mobile=phone,
            offline=False,
            locale="zh-CN",
        )
        contexts.append(context)
        return Opened(context.new_page(), site or path.parent).goto(path, hash_)

    yield open_
    for context in contexts:
        context.close()
