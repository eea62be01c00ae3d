"""The split form: a file of outlines cuts the ground of a case, on the real survey layer, into parts that add up."""

from __future__ import annotations

import html
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from shapely.geometry import mapping
from starlette.testclient import TestClient

from flows import serve, settings
from maps.portal.app import create_app
from pipeline.cases.events import Kind
from tests.flows.an_office import FIRST, build, lonlat, square
from tests.maps.portal.conftest import WORD, add_person, csrf
from tests.maps.portal.test_cases import done, said, send
from tests.pipeline.cases import lives


@pytest.fixture
def office(tmp_path):
    """A case of 100 × 100 m: 60 m of it paddy, 40 m forest."""
    made = serve.office_of(settings.open_workspace(build(tmp_path)))
    made = replace(made, clock=lambda: datetime(2026, 11, 24, 2, tzinfo=UTC))
    made.ledger.clock = made.clock
    yield made
    made.ledger.close()
    made.store.close()


@pytest.fixture
def officer(office):
    client = TestClient(create_app(office), follow_redirects=False)
    client.cookies.set("gx_lang", "en")
    data = {"csrf": csrf(client.get("/login").text), "name": add_person(office, "district_officer"), "password": WORD}
    assert client.post("/login", data=data).status_code == 303
    client.csrf = csrf(client.get("/account").text)
    return client


def dispatch(office) -> None:
    office.ledger.act(FIRST, Kind.DISPATCHED, {"to_whom": "示意镇", "reason": "轮廓清晰"}, lives.SENSING)


def drawn(geometry) -> dict:
    feature = {"type": "Feature", "properties": {}, "geometry": mapping(lonlat(geometry))}
    text = json.dumps({"type": "FeatureCollection", "features": [feature]})
    return {"parts": ("west.geojson", text.encode(), "application/geo+json")}


def test_one_outline_makes_two_parts_whose_areas_sum(office, officer) -> None:
    whole = office.ledger.case(FIRST).parts[0].ground
    dispatch(office)
    page = officer.get(f"/case/{FIRST}?do=split").text
    assert 'enctype="multipart/form-data"' in page.split('id="do-split"')[1]
    done(send(officer, FIRST, "split", drawn(square(940, 100, 60, 100)), crs="EPSG:4490"))
    case = office.ledger.case(FIRST)
    assert [part.id for part in case.parts] == ["1", "2"]
    first, second = (part.ground for part in case.parts)
    assert first["patch_m2"] == pytest.approx(6000, rel=2e-3)
    for key in ("patch_m2", "farmland_gross_m2", "farmland_net_m2"):
        assert round(first[key] + second[key], 2) == round(whole[key], 2)
    assert second["farmland_gross_m2"] == 0, "the forest"
    shown = officer.get(f"/case/{FIRST}").text
    assert all(f'href="/case/{FIRST}/{n}"' in shown for n in (1, 2))
    assert office.ledger.verify().ok


def test_an_outline_elsewhere_cuts_nothing_and_says_so(office, officer) -> None:
    dispatch(office)
    before = len(office.ledger.events(FIRST))
    answer = send(officer, FIRST, "split", drawn(square(100, 700, 60, 100)), crs="EPSG:4490")
    assert answer.status_code in (409, 422)
    assert "west.geojson" in html.unescape(said(answer)) or FIRST in said(answer)
    assert len(office.ledger.events(FIRST)) == before
    assert len(office.ledger.case(FIRST).parts) == 1
