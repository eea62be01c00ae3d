"""The door in a real browser: sign in by the form, look at one's account, meet an error; both sizes, axe."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.maps.portal.conftest import add_person


def shot(page, name: str) -> None:
    if folder := os.environ.get("GENGXUN_SHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{folder}/{name}.png")


def serious(page) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(page).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html']}" for v in found if v["impact"] in ("serious", "critical")]


def test_the_door_in_a_browser(browser, phone, office, enter) -> None:
    for n, page in enumerate((browser, phone)):
        page.goto("/login")
        assert page.locator("h1").inner_text() == "登录"
        assert page.evaluate("document.activeElement.id") == "name"
        shot(page, f"door_{n}_login")
        assert serious(page) == []
        page.fill("#name", "nobody")
        page.fill("#password", "nonsense")
        page.keyboard.press("Enter")
        page.wait_for_selector("#problem")
        assert page.locator("#problem").inner_text() == "姓名或口令不对。"
        assert page.evaluate("document.activeElement.id") == "password"
        enter(page, "administrator", name=add_person(office, "administrator", (), "管理员"))
        page.fill("#label", "QGIS")
        page.click("form[action='/account/tokens'] button")
        page.wait_for_selector("code")
        shot(page, f"door_{n}_account")
        assert serious(page) == []
        page.goto("/case/430321-2026-99999/none")
        assert "没有这个图斑，或不在您的管辖范围内。" in page.locator("main").inner_text()
        assert "No such page. No such case, or not in your area. Check" in page.locator("main").inner_text()
        shot(page, f"door_{n}_404")
        assert serious(page) == []
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0
        page.click(".gx-me summary")
        assert page.get_by_role("link", name="总览").first.is_visible(), "pages are reached at every size"
        shot(page, f"door_{n}_menu")
        # 403 and 404 are written to the console by the browser itself
        assert [one for one in page.problems if "status of 40" not in one] == []
