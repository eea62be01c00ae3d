"""How many wait in review, beside its name in the bar; and the words of the list's filter."""

from __future__ import annotations

import html
import re

import pytest

from maps.portal import badges
from maps.portal.access import Person
from pipeline.cases.events import Kind, Role
from tests.maps.portal.conftest import OTHER, number
from tests.pipeline.cases import lives

SAID = re.compile(r'href="/review"[^>]*>[^<]*<b class="gx-count">(\d+\+?)<')


@pytest.mark.parametrize(
    ("role", "districts", "said"),
    [("reviewer", (), ["1", "1"]), ("reviewer", (OTHER,), []), ("district_officer", (), []), ("leader", (), [])],
)
def test_the_bar_counts_what_waits_for_this_person(client, sign_in, role, districts, said) -> None:
    """…00005 is reported; it lies in 430321, and only a second person's review is a turn."""
    sign_in(client, role, districts)
    for address in ("/cases", "/overview", "/todo"):
        assert SAID.findall(client.get(address).text) == said


def test_what_one_took_part_in_waits_for_somebody_else(new_client, sign_in, office) -> None:
    """…00005 was reported by the officer of the lives; a reviewer of that name may not accept it."""
    own = office.ledger.case(number(5)).parts[0].report["by"]
    for name, said in ((own, []), ("另一人", ["1", "1"])):
        client = sign_in(new_client(), "reviewer", name=name)
        for address in ("/cases", "/overview", "/todo"):
            page = client.get(address).text
            assert SAID.findall(page) == said
        assert (number(5) in page) is bool(said)
        turn = re.search(r'href="/overview\?s=REPORTED[^>]*>.*?<b>(\d+)</b>', client.get("/overview").text, re.S)
        assert turn
        assert turn[1] == str(len(said) // 2)


def test_the_count_follows_the_ledger(client, sign_in, office) -> None:
    sign_in(client, "reviewer")
    assert SAID.findall(client.get("/review").text) == ["1", "1"]
    office.ledger.act(
        number(5), Kind.RETURNED, {"reason": "照片不足", "to": "RECTIFYING", "due_on": "2026-12-20"}, lives.REVIEWER
    )
    assert SAID.findall(client.get("/review").text) == []
    assert not badges.badges(office, Person("王复核", Role.REVIEWER))
    assert not badges.badges(office, None)


def test_the_filter_of_the_list_is_named_by_what_it_filters(new_client, sign_in) -> None:
    page = html.unescape(sign_in(new_client(lang="zh"), "reviewer").get("/cases").text)
    assert '<label for="status">状态</label>' in page
    assert "整改状态" not in page
