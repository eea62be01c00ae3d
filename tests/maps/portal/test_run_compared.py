"""与上次比较: one run beside the run before on the same ground."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient

from flows import serve
from flows.settings import open_workspace
from maps.portal.app import create_app
from pipeline.cases.events import SYSTEM
from tests.maps.portal.conftest import OTHER, number
from tests.pipeline.invented_flags import flag, inspection

NEW = number(7)


@pytest.fixture
def second(office):
    """The next run sees …00003 and …00004 again, raises …00007, and no flag in the second county."""
    scenes = sorted(office.catalog.scenes(), key=lambda scene: scene.acquired_at)
    sides = {"before": scenes[1].id, "after": scenes[2].id}
    days = {"before_at": datetime(2026, 10, 18, 3, tzinfo=UTC), "after_at": datetime(2026, 11, 18, 3, tzinfo=UTC)}
    made = replace(inspection(scenes[1].id, scenes[2].id), run="run-2", observed_farmland_m2=3e7)
    flags = [flag(column, **sides, **days) for column in (2, 3, 7)]
    found = office.ledger.record(made, flags, SYSTEM)
    assert (found.new, found.seen_again) == ([NEW], [number(3), number(4)])
    return made


def test_a_run_says_what_is_new_again_and_gone_since_the_run_before(client, sign_in, office, second) -> None:
    first = office.ledger.inspections()[0]
    sign_in(client, "remote_sensing")
    told = client.get(f"/runs/{second.id}.json").json()["compared"]
    assert told["href"] == f"runs/{first.id}"
    assert told["new"] == [NEW]
    assert told["again"] == [number(3), number(4)]
    assert told["gone"] == [number(n) for n in (1, 2, 5, 6)] + [number(n, OTHER) for n in (1, 2)]
    figures = {one["name"]["en"]: (one["was"], one["now"]) for one in told["figures"]}
    assert figures["Farmland seen on both dates"] == ("83.3%", "50.0%")  # 5 and 3 of 6 × 10⁷ m²
    assert figures["New cases"] == ("8", "1")
    assert figures["joined a known case"] == ("0", "2")
    page = client.get(f"/runs/{second.id}").text
    assert re.findall(r'data-compared="(\w+)">(\d+)<', page) == [("new", "1"), ("again", "2"), ("gone", "6")]
    assert f'href="/case/{NEW}"' in page
    assert "does not mean that the ground was put right" in page


@pytest.mark.parametrize(
    ("visits", "said"),
    [(0, None), (8, "8 new cases lie within the 8 ground checks"), (5, "8 new cases are 3 more than the 5")],
)
def test_a_run_says_whether_a_week_can_check_what_is_new(office, new_client, sign_in, visits, said) -> None:
    settings = office.root / "gengxun.toml"
    written = settings.read_text(encoding="utf-8")
    settings.write_text(written.replace("visits_week = 0", f"visits_week = {visits}"), encoding="utf-8")
    told = dataclasses.replace(serve.office_of(open_workspace(office.root)), clock=office.clock)
    client = TestClient(create_app(told), follow_redirects=False)
    client.cookies.set("gx_lang", "en")
    run = office.ledger.inspections()[0].id
    page = sign_in(client, "remote_sensing").get(f"/runs/{run}").text
    assert (said in page) if said else ("ground checks" not in page)


def test_the_first_run_has_nothing_to_stand_beside(client, sign_in, office, second) -> None:
    sign_in(client, "remote_sensing")
    first = office.ledger.inspections()[0]
    assert client.get(f"/runs/{first.id}.json").json()["compared"] is None
    assert "gx-run-compared" not in client.get(f"/runs/{first.id}").text


def test_a_district_sees_only_its_own_numbers_beside_each_other(new_client, sign_in, second) -> None:
    page = sign_in(new_client(), "reviewer", ("430321",)).get(f"/runs/{second.id}")
    assert OTHER not in page.text
    assert ("gone", "4") in re.findall(r'data-compared="(\w+)">(\d+)<', page.text)
