"""本周可核查 N 处以内: suspected cases by what a visit is worth, with a line after those that a week can check."""

from __future__ import annotations

import dataclasses
import re

import pytest
from starlette.testclient import TestClient

from maps.portal.app import create_app
from tests.maps.portal.conftest import OTHER, number
from tests.pipeline.cases.lives import Office as Life

SECOND = number(1, OTHER)
LINE = "This week can check 1"


@pytest.fixture
def sees(office, sign_in):
    """A page as the remote-sensing team has it, one visit a week; …00001 of the second county is confirmed."""
    life = Life(office.root / "ledger.db")
    life.now = office.clock()
    life.look("later", "agrees", SECOND)
    life.ledger.close()
    client = TestClient(create_app(dataclasses.replace(office, visits_week=1)), follow_redirects=False)
    client.cookies.set("gx_lang", "en")
    sign_in(client, "remote_sensing")
    return lambda path: client.get(path).text


def order(page):
    """Numbers of cases and the line, as they stand."""
    return re.findall(rf'gx-row-number" href="/case/([\d-]+)"|({LINE})', page)


def test_the_suspected_list_draws_the_line_after_the_week(sees):
    page = sees("/cases?status=SUSPECTED")
    assert order(page) == [(SECOND, ""), ("", LINE), (number(2), "")]
    assert "confidence high 0.90 · 1 later scenes agree" in page
    assert "confidence medium 0.60" in page
    assert LINE not in sees("/cases")


def test_the_line_stands_in_what_waits_for_a_dispatcher(sees):
    assert order(sees("/todo"))[-3:] == [(SECOND, ""), ("", LINE), (number(2), "")]


def test_the_page_of_a_case_says_how_many_scenes_looked(sees):
    assert "looked at in 1 further scenes: 1 agree, 0 cannot tell" in sees(f"/case/{SECOND}")
    assert "data-looked" not in sees(f"/case/{number(2)}")
