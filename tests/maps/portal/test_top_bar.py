"""The bar at the top: whose area, as of when, and whether the ledger was checked."""

from __future__ import annotations

import html
import re

import pytest

from pipeline.cases.events import Kind
from tests.maps.portal.conftest import number
from tests.pipeline.cases import lives

LONG = "湘潭市自然资源和规划局耕地保护监督科"


def bar(client) -> str:
    page = html.unescape(client.get("/overview").text)
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", "", page.split('class="gx-top-what"')[1].split("</details>")[0]))


def test_the_bar_says_whether_the_ledger_was_checked_as_it_is_now(client, sign_in, office, clock) -> None:
    sign_in(client, "reviewer")
    assert "verified" not in bar(client)
    done = client.post(f"/case/{number(1)}/verify", data={"csrf": client.csrf})
    assert done.status_code == 303
    assert re.search(r"· verified (?!\d)", bar(client))
    clock.later(minutes=5)
    office.ledger.act(number(2), Kind.DISMISSED, {"reason": "云影"}, lives.SENSING)
    assert "· verified 11-24 10:00" in bar(client), "an older check proves no later entry; it says until when"


def test_a_broken_ledger_is_called_broken_in_the_bar(client, sign_in, office) -> None:
    sign_in(client, "reviewer")
    with office.ledger.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER events_no_update")
        connection.exec_driver_sql("update events set [by] = 'x' where seq = 3")
    client.post(f"/case/{number(1)}/verify", data={"csrf": client.csrf})
    assert "record broken" in bar(client)


@pytest.mark.parametrize("name", ["湘潭市", LONG])
@pytest.mark.parametrize("width", [390, 320])
def test_the_name_of_the_area_is_whole_on_a_phone(serving, enter, phone, name, width) -> None:
    phone.set_viewport_size({"width": width, "height": 844})
    page = enter(phone, "district_officer", ("430321",), name="欧阳建国")
    page.goto("/overview")
    page.evaluate("name => { document.querySelector('.gx-top-scope b').textContent = name; }", name)
    seen = page.evaluate(
        "(() => { const s = document.querySelector('.gx-top-scope'), b = s.querySelector('b').getBoundingClientRect();"
        " const t = document.querySelector('.gx-top').getBoundingClientRect();"
        " return [s.scrollWidth <= s.clientWidth || getComputedStyle(s).display === 'inline', b.left >= 0,"
        " b.right <= t.right, b.bottom <= t.bottom + 1, document.documentElement.scrollWidth]; })()"
    )
    assert seen == [True, True, True, True, width]
