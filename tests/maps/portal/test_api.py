"""The API and OGC API – Features as a script and a GIS see them."""

from __future__ import annotations

import base64
import tracemalloc
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from maps.portal import people
from maps.portal.routes.api import schema
from pipeline.cases import tables
from tests.maps.portal.conftest import OTHER, add_person, csrf, number


@pytest.fixture
def token(office) -> Any:
    def make(role: str, districts: tuple[str, ...] = ()) -> dict[str, str]:
        name = add_person(office, role, districts)
        return {"authorization": f"Bearer {people.new_token(office.store, name, 'test', at=office.clock())}"}

    return make


def test_nothing_is_told_without_signing_in(client) -> None:
    for path in ("/api/cases", "/api/openapi.json", "/ogc", "/ogc/collections/cases/items", "/api/users"):
        answer = client.get(path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith(("Bearer", "Basic"))
        assert answer.json()["title"]["zh"] == "请先登录"


def test_cases_are_those_of_the_district(client, token) -> None:
    everything = client.get("/api/cases", headers=token("reviewer")).json()
    assert everything["count"] == len(everything["cases"]) == 8
    own = client.get("/api/cases", headers=token("district_officer", (OTHER,))).json()
    assert [row["number"] for row in own["cases"]] == [number(2, OTHER), number(1, OTHER)]
    assert client.get("/api/cases?district=430321", headers=token("district_officer", (OTHER,))).json()["count"] == 0


def test_filters_are_those_of_the_command_line(client, token, clock) -> None:
    head = token("leader")

    def numbers(query: str) -> list[str]:
        answer = client.get(f"/api/cases?{query}", headers=head).json()
        assert answer["count"] >= len(answer["cases"])
        return sorted(row["number"] for row in answer["cases"])

    assert numbers("status=RECTIFYING") == [number(4)]
    assert numbers("stage=RECTIFY") == [number(4), number(5)]
    assert numbers("assignee=韶山队") == [number(2, OTHER)]
    assert numbers("overdue=true") == []
    clock.later(days=200)
    assert number(4) in numbers("overdue=true")
    assert numbers("limit=3&offset=6") == sorted(
        row["number"] for row in client.get("/api/cases", headers=head).json()["cases"][6:]
    )
    assert client.get("/api/cases?status=LOST", headers=head).status_code == 422


def test_a_case_of_another_district_is_not_there(client, token) -> None:
    head = token("district_officer", (OTHER,))
    theirs, nobodys = (client.get(f"/api/cases/{n}", headers=head) for n in (number(3), number(999)))
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.content == nobodys.content
    assert client.get(f"/api/cases/{number(2, OTHER)}", headers=head).json()["events"]


def test_lists_for_other_roles_are_not_there(client, token) -> None:
    officer, admin = token("district_officer", (OTHER,)), token("administrator")
    for path in ("users", "journal", "layers", "runs", "scenes", "batches"):
        assert client.get(f"/api/{path}", headers=officer).status_code == 404
        assert client.get(f"/api/{path}", headers=admin).status_code == 200
    assert len(client.get("/api/scenes", headers=admin).json()["scenes"]) == 3
    assert client.get("/api/stats", headers=officer).json()["total"]["found"] == 2
    assert "password" not in client.get("/api/users", headers=admin).text


def test_a_token_is_shown_once_kept_as_a_hash_and_revocable(client, sign_in, office, new_client) -> None:
    sign_in(client, "reviewer")
    page = client.post("/account/tokens", data={"csrf": client.csrf, "label": "QGIS"}).text
    secret = page.split('<code class="gx-mono">')[1].split("<")[0]
    assert secret.startswith("gx_")
    assert secret not in client.get("/account").text
    assert secret.encode() not in office.store.path.read_bytes()
    gis, basic = new_client(), base64.b64encode(f"x:{secret}".encode()).decode()
    assert gis.get("/ogc", headers={"authorization": f"Basic {basic}"}).status_code == 200
    assert gis.get(f"/ogc?token={secret}").status_code == 200
    assert gis.get(f"/account?token={secret}").status_code == 303, "pages take no token"
    id = people.tokens_of(office.store, "reviewer")[0]["id"]
    client.post(f"/account/tokens/{id}/revoke", data={"csrf": csrf(client.get("/account").text)})
    assert gis.get(f"/ogc?token={secret}").status_code == 401


def test_features_page_by_page_with_their_links(client, token, office) -> None:
    secret = token("leader")["authorization"].split()[1]
    seen: list[str] = []
    href = f"/ogc/collections/cases/items?limit=3&token={secret}"
    while href:
        answer = client.get(href)
        assert answer.headers["content-type"] == "application/geo+json"
        page = answer.json()
        assert page["numberMatched"] == 8
        assert page["numberReturned"] == len(page["features"])
        seen += [one["id"] for one in page["features"]]
        href = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
    assert len(seen) == len(set(seen)) == 8
    assert secret not in str(client.get("/ogc/collections", headers=token("reviewer")).json())


def test_axes_follow_the_crs_that_was_asked_for(client, token) -> None:
    head, path = token("leader"), f"/ogc/collections/cases/items/{number(1)}"
    plain = client.get(path, headers=head)
    assert plain.headers["content-crs"] == "<http://www.opengis.net/def/crs/OGC/1.3/CRS84>"
    lon, lat = plain.json()["geometry"]["coordinates"][0][0]
    assert (round(lon), round(lat)) == (113, 28)
    for code in (4326, 4490):
        asked = client.get(path, params={"crs": f"http://www.opengis.net/def/crs/EPSG/0/{code}"}, headers=head)
        assert asked.headers["content-crs"] == f"<http://www.opengis.net/def/crs/EPSG/0/{code}>"
        assert asked.json()["geometry"]["coordinates"][0][0] == [lat, lon]
    assert client.get(path, params={"crs": "EPSG:3857"}, headers=head).status_code == 400


def test_box_time_and_stage_narrow_the_features(client, token) -> None:
    head = token("leader")

    def matched(**query: str) -> int:
        answer = client.get("/ogc/collections/cases/items", params=query, headers=head)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["numberMatched"])

    # patches are squares of 0.001° that begin at 112.9 + 0.002 n, 27.8
    assert matched(bbox="112.8995,27.7995,112.9005,27.8005") == 1
    assert matched(bbox="112.8995,27.7995,112.9025,27.8005") == 2
    assert matched(bbox="27.7995,112.8995,27.8005,112.9025", **{"bbox-crs": "EPSG:4490"}) == 2
    assert matched(bbox="100,20,110,25") == 0
    assert matched(stage="RECTIFY") == 2
    assert matched(status="CLOSED") == 1
    assert matched(datetime="2026-10-20") == 8
    assert matched(datetime="../2026-10-19") == 0
    assert matched(datetime="2026-10-20T00:00:00Z/..") == 8
    for wrong in ({"bbox": "1,2,3"}, {"datetime": "soon"}, {"limit": "0"}, {"colour": "red"}, {"bbox": "nan,1,2,3"}):
        assert client.get("/ogc/collections/cases/items", params=wrong, headers=head).status_code == 400


def test_flags_and_area(client, token) -> None:
    path = "/ogc/collections/flags/items"
    assert client.get(path, headers=token("leader")).json()["numberMatched"] == 8
    own = client.get(path, headers=token("district_officer", (OTHER,))).json()
    assert {one["properties"]["case"] for one in own["features"]} == {number(1, OTHER), number(2, OTHER)}
    strange = client.get(path, headers=token("leader")).json()["features"]
    other = next(one["id"] for one in strange if one["properties"]["district_code"] == "430321")
    answer = client.get(f"{path}/{other}", headers=token("district_officer", (OTHER,)))
    assert answer.status_code == 404
    ids = [one["id"] for one in client.get("/ogc/collections", headers=token("reviewer")).json()["collections"]]
    assert ids == ["cases", "flags"]


def test_no_request_makes_a_server_error(app, office, token) -> None:
    """Every operation of the document, with what a fuzzer makes of its parameters."""
    admin = token("administrator")

    class Asked:
        def __init__(self) -> None:
            self.app = app

    found = schemathesis.openapi.from_dict(schema(Asked()))  # type: ignore[arg-type]
    found.app = app
    done = 0
    for result in found.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=20, deadline=None, database=None, derandomize=True, phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def once(case: Any) -> None:
            answer = case.call(headers=admin)
            case.validate_response(answer, checks=[not_a_server_error, response_schema_conformance])

        given(operation.as_strategy())(once)()
        done += 1
    assert done >= 19, "all addresses of the API and of OGC"


def test_statistics_are_summed_row_by_row(client, office, token) -> None:
    """4,000 rows of some 3 kB, and no more than a part of them held at once."""
    header = token("leader")
    small = client.get("/api/stats", headers=header).json()["total"]["found"]
    with office.ledger.engine.begin() as connection:
        kept = [dict(row) for row in connection.execute(tables.cases.select()).mappings()]
        copies = [{**row, "number": f"{row['number']}-{n}"} for n in range(500) for row in kept]
        connection.execute(tables.cases.insert(), copies)
    size = sum(len(row["row"]) for row in copies)
    tracemalloc.start()
    try:
        answer = client.get("/api/stats", headers=header)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.json()["total"]["found"] == 501 * small
    assert most < size
