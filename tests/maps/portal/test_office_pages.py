"""Runs, statistics, batches, layers, users, evidence and tiles, through the door of the portal."""

from __future__ import annotations

import gzip
import io
import json
import re
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import shapely
from PIL import Image

from geodata import tiles
from geodata.layers import Kind as LayerKind
from maps.portal import people
from maps.portal.imagery import footprint
from pipeline.cases.events import Kind
from pipeline.cases.evidence import to_json
from tests.maps.portal.conftest import OTHER, number
from tests.pipeline.cases import lives

NASTY = "</script><img src=x onerror=alert(1)>\u202e\"'{{7*7}}=cmd"
UNKNOWN = "6d1c2f0a-5b0e-5c8a-9f5e-2b1d9a7c4e10"
HERE = ("430321",)


def cells(html: str, key: str) -> list[int]:
    return [int(n.replace(",", "")) for n in re.findall(rf'data-k="{key}"[^>]*>(?:<b>)?([\d,]+)', html)]


def not_there(client) -> bytes:
    """What a signed-in person gets where there is nothing, less what differs from request to request."""
    return body(client.get(f"/tiles/{UNKNOWN}/0/0/0.webp"))


def body(answer) -> bytes:
    assert answer.status_code == 404
    return re.sub(rb'name="csrf" value="[0-9a-f]+"', b"", answer.content)


def keep_photo(office, case: str, colour: str = "red") -> str:
    """A real JPEG in the store, and the event that makes it evidence of a case."""
    out = io.BytesIO()
    Image.new("RGB", (640, 480), colour).save(out, "JPEG")
    found, _ = office.evidence.take(out.getvalue(), name="photo.jpg", shot="overview")
    office.ledger.act(case, Kind.EVIDENCE, to_json(found), lives.INSPECTOR)
    return found.sha256


# statistics


def test_the_sheet_adds_up_and_a_district_sees_its_own(client, sign_in, new_client) -> None:
    html = sign_in(client, "leader").get("/stats").text
    head = {k: int(re.search(rf'id="st-{k}">([\d,]+)', html)[1]) for k in ("count", "found", "rectify", "closed")}
    assert head == {"count": 7, "found": 4, "rectify": 2, "closed": 1}  # one of the eight is dismissed
    for key in ("count", "found", "rectify", "closed", "overdue"):
        *lines, total = cells(html, key)
        assert sum(lines) == total
    assert sum(cells(html, "age")) == 6
    assert sum(int(n) for n in re.findall(r'data-month-found="(\d+)"', html)) == 7
    for key in ("farmland", "basic"):
        *parts, total = [round(100 * float(n.replace(",", ""))) for n in re.findall(rf'data-k="{key}">([\d,.]+)', html)]
        assert sum(parts) == total
    mine = sign_in(new_client(), "district_officer", (OTHER,)).get("/stats").text
    assert re.search(r'id="st-count">2<', mine)
    assert "430321" not in mine


def test_the_sheet_is_light_and_says_what_a_period_may_be(client, sign_in) -> None:
    sign_in(client, "leader")
    page = client.get("/stats?by=township")
    linked = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
    weight = len(gzip.compress(page.content)) + sum(len(gzip.compress(client.get(one).content)) for one in linked)
    assert weight <= 50_000
    for wrong in ("from=2026-12-01&to=2026-01-01", "from=x", "by=colour", "from=0001-01-01&to=2026-01-01"):
        answer = client.get(f"/stats?{wrong}")
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text
    told = client.get("/stats?from=2025-01-01&to=2025-12-31", headers={"accept": "application/json"}).json()
    assert (told["total"]["count"], told["since"], told["older_open"]) == (0, "2025-01-01", 0)


def test_the_line_of_fifteen_percent_has_its_denominator_from_the_law_folder(client, sign_in, office) -> None:
    """Two violations of 7,600 m² net; with 85,866.67 m² lawful they are 15,200 of 101,066.67: 15.0 %."""
    sign_in(client, "leader")
    assert "not given" in client.get("/stats").text
    law = office.root / "law"
    law.mkdir(exist_ok=True)
    (law / "construction.csv").write_text("XZQDM,年份,面积(m2)\n430321,2026,85866.67\n430382,2026,1\n", "utf-8")
    shares = client.get("/stats", headers={"accept": "application/json"}).json()["shares"]
    assert [(one["name"], one["year"]) for one in shares] == [("湘潭县", 2026), ("430382", 2026), ("", 0)]
    violations = [row for row in office.ledger.rows() if row["verdict"] == "violation"]
    illegal = sum(row["farmland_net_m2"] for row in violations)
    assert shares[0]["ratio"] == pytest.approx(illegal / (illegal + 85866.67))
    (law / "construction.csv").write_text("what\nis this\n", "utf-8")
    wrong = client.get("/stats")
    assert wrong.status_code == 422
    assert "construction.csv" in wrong.text


# runs


def test_a_run_stands_in_the_portal_and_as_json(client, sign_in, office) -> None:
    sign_in(client, "remote_sensing")
    (inspection,) = office.ledger.inspections()
    assert f'href="/runs/{inspection.id}"' in client.get("/runs").text
    page = client.get(f"/runs/{inspection.id}")
    assert page.status_code == 200
    told = client.get(f"/runs/{inspection.id}.json").json()
    assert told["id"] == inspection.id
    assert told["adds_up"]
    counts = [int(n) for n in re.findall(r'data-count="(\d+)"', page.text)]
    assert counts[0] == sum(counts[1:])
    assert f'href="/case/{number(1)}"' in page.text
    pictures = sorted(set(re.findall(r'src="(/(?:runs|scenes)/[^"]+\.webp)"', page.text)))
    assert len(pictures) == 2 + 2 * 8
    linked = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
    weight = len(gzip.compress(page.content)) + sum(len(gzip.compress(client.get(one).content)) for one in linked)
    sizes = [len(client.get(one).content) for one in pictures]
    assert weight + sum(sizes) <= 250_000
    assert max(sizes) <= 5_000


def test_of_another_district_a_run_is_not_there(client, sign_in, office, new_client) -> None:
    (inspection,) = office.ledger.inspections()
    one_there = sign_in(new_client(), "reviewer", (OTHER,))
    page = one_there.get(f"/runs/{inspection.id}").text
    assert number(1, OTHER) in page
    assert number(1) not in page
    assert number(1) not in one_there.get(f"/runs/{inspection.id}.json").text
    flag = office.ledger.case(number(1)).flags[0]["id"]
    elsewhere = sign_in(client, "reviewer", ("430302",))
    same = not_there(elsewhere)
    for address in (inspection.id, f"{inspection.id}.json", "x", f"{inspection.id}/{flag}/before.webp"):
        assert body(elsewhere.get(f"/runs/{address}")) == same
    assert body(one_there.get(f"/runs/{inspection.id}/{flag}/before.webp")) == not_there(one_there)
    assert elsewhere.get("/runs", headers={"accept": "application/json"}).json() == []
    leader = sign_in(new_client(), "leader")
    assert body(leader.get(f"/runs/{inspection.id}")) == not_there(leader)


# files


def test_evidence_is_handed_out_sealed_and_every_opening_is_noted(client, sign_in, office) -> None:
    sha = keep_photo(office, number(3))
    sign_in(client, "district_officer", HERE)
    answer = client.get(f"/files/{sha}")
    assert answer.content == office.evidence.read(sha)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"] == f'inline; filename="{number(3)}-{sha[:8]}.jpg"'
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert answer.headers["x-content-type-options"] == "nosniff"
    thumb = client.get(f"/files/{sha}/thumb.webp")
    assert Image.open(io.BytesIO(thumb.content)).size == (240, 180)
    assert len(thumb.content) <= 5_000
    with office.store.reading() as connection:
        lines = connection.exec_driver_sql("select who, about from journal where kind = 'file_opened'").all()
    assert lines == [("district_officer430321", f"{number(3)} {sha}")]


def test_a_document_is_never_shown_in_the_page(client, sign_in, office) -> None:
    found, _ = office.evidence.take(b"%PDF-1.4\n<script>alert(1)</script>\n%%EOF", name="x.pdf")
    office.ledger.act(number(3), Kind.EVIDENCE, to_json(found), lives.OFFICER)
    answer = sign_in(client, "reviewer").get(f"/files/{found.sha256}")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/pdf"
    assert client.get(f"/files/{found.sha256}/thumb.webp").status_code == 404


def test_a_file_of_another_district_is_not_there(client, sign_in, office, new_client) -> None:
    sha = keep_photo(office, number(3))
    unused = office.evidence.add(b"\xff\xd8\xff\xe0 belongs to no case", "loose.jpg").sha256
    client = sign_in(client, "district_officer", (OTHER,))
    same = not_there(client)
    for one in (sha, unused, "0" * 64, sha.upper(), "x"):
        assert body(client.get(f"/files/{one}")) == same
        assert body(client.get(f"/files/{one}/thumb.webp")) == same
    for path in ("../../gengxun.toml", "..%2f..%2fledger.db", "%2fetc%2fpasswd"):
        assert client.get(f"/files/{path}").status_code == 404
    leader = sign_in(new_client(), "leader")
    assert body(leader.get(f"/files/{sha}")) == not_there(leader)
    assert new_client().get(f"/files/{sha}").status_code == 303


# tiles


def over(scene, z: int) -> tuple[int, int, int]:
    """The tile under the middle of a scene."""
    middle = footprint(scene).centroid
    n = 1 << z
    x = int((middle.x + 180) / 360 * n)
    y = int((1 - np.arcsinh(np.tan(np.radians(middle.y))) / np.pi) / 2 * n)
    return z, x, y


def test_tiles_of_a_scene_lie_where_it_lies(client, sign_in, office) -> None:
    sign_in(client, "legal_reviewer")
    scene = office.catalog.scenes()[0]
    z, x, y = over(scene, 15)
    answer = client.get(f"/tiles/{scene.id}/{z}/{x}/{y}.webp")
    assert answer.headers["cache-control"] == "private, max-age=86400"
    image = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))
    assert image.shape == (256, 256, 4)
    assert (image[..., 3] == 255).all()
    z, x, y = over(scene, 11)
    edge = np.asarray(Image.open(io.BytesIO(client.get(f"/tiles/{scene.id}/{z}/{x}/{y}.webp").content)).convert("RGBA"))
    shown = edge[..., 3] == 255
    share = shapely.box(*tiles.bounds(z, x, y)).intersection(footprint(scene)).area
    assert shown.mean() == pytest.approx(share / shapely.box(*tiles.bounds(z, x, y)).area, rel=0.1)
    far = client.get(f"/tiles/{scene.id}/15/0/0.webp")
    assert far.status_code == 200
    assert not np.asarray(Image.open(io.BytesIO(far.content)).convert("RGBA"))[..., 3].any()


def test_a_tile_that_cannot_be_is_not_there(client, sign_in, office) -> None:
    sign_in(client, "remote_sensing")
    id = office.catalog.scenes()[0].id
    same = not_there(client)
    for address in (
        "0/0/0/0.webp", f"{id}/0/1/0.webp", f"{id}/-1/0/0.webp", f"{id}/23/0/0.webp", f"{id}/a/b/c.webp",
        f"{id}/99999999999999/1/1.webp", f"{id[:8]}/1/1/1.webp", f"{'0' * 8}{id[8:]}/1/1/1.webp",
    ):  # fmt: skip
        assert body(client.get(f"/tiles/{address}")) == same
    for address in ("..%2f..%2fledger.db/1/1/1.webp", "http:%2f%2f127.0.0.1:9/1/1/1.webp", f"{id}/1/1.webp"):
        assert client.get(f"/tiles/{address}").status_code == 404


def add_districts(office, tmp_path: Path) -> None:
    """430321 is the western half of the first scene, 430382 lies far away."""
    west, south, east, north = footprint(office.catalog.scenes()[0]).bounds
    middle = (west + east) / 2
    shapes = {"430321": shapely.box(west - 0.1, south - 0.1, middle, north + 0.1),
              OTHER: shapely.box(west + 1, south, west + 1.2, north)}  # fmt: skip
    features = [
        {"type": "Feature", "properties": {"XZQDM": code, "XZQMC": code}, "geometry": shapely.geometry.mapping(one)}
        for code, one in shapes.items()
    ]
    file = tmp_path / "districts.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    office.editions.add("DISTRICT", file, edition="2026", valid_from=date(2026, 1, 1), crs="EPSG:4490")


def test_a_district_sees_the_imagery_of_its_own_ground(client, sign_in, office, new_client, tmp_path) -> None:
    add_districts(office, tmp_path)
    scene = office.catalog.scenes()[0]
    west, _, east, _ = footprint(scene).bounds
    z, _, y = over(scene, 17)
    column = [int((lon + 180) / 360 * (1 << z)) for lon in (west + (east - west) / 4, west + 3 * (east - west) / 4)]
    mine = sign_in(client, "district_officer", HERE)
    assert mine.get(f"/tiles/{scene.id}/{z}/{column[0]}/{y}.webp").status_code == 200
    assert body(mine.get(f"/tiles/{scene.id}/{z}/{column[1]}/{y}.webp")) == not_there(mine)
    other = sign_in(new_client(), "district_officer", (OTHER,))
    assert body(other.get(f"/tiles/{scene.id}/{z}/{column[0]}/{y}.webp")) == not_there(other)
    assert body(other.get(f"/tiles/{scene.id}/0/0/0.webp")) == not_there(other)


# batches, layers


def test_batches_tell_new_and_matched(client, sign_in, office) -> None:
    office.ledger.receive([lives.clue(0), lives.clue(9, "TB-8"), lives.clue(0, "TB-9")], lives.ADMIN)
    made, about = lives.clue(11, NASTY, batch=NASTY)
    office.ledger.receive([(made, {**about, "file": NASTY})], lives.ADMIN)
    html = sign_in(client, "remote_sensing").get("/batches").text
    assert [cells(html, key) for key in ("clues", "cases", "new", "matched")] == [[1, 3], [1, 2], [1, 1], [0, 1]]
    for cases, new, matched in zip(*(cells(html, k) for k in ("cases", "new", "matched")), strict=True):
        assert cases == new + matched
    for line in zip(*(cells(html, k) for k in ("cases", "open", "closed", "dismissed")), strict=True):
        assert line[0] == sum(line[1:])
    assert "<img src=x" not in html
    assert "&lt;img src=x" in html


def test_layers_and_scenes_are_listed_as_held(client, sign_in, office, tmp_path, new_client) -> None:
    assert "No layer is held yet" in sign_in(client, "remote_sensing").get("/layers").text
    add_districts(office, tmp_path)
    html = client.get("/layers").text
    assert "districts.geojson" in html
    told = client.get("/layers", headers={"accept": "application/json"}).json()
    assert [(one["kind"], one["edition"], one["features"], one["holds"]) for one in told["layers"]] == [
        ("DISTRICT", "2026", 2, True)
    ]
    assert [one["acquired_at"][:10] for one in told["scenes"]] == ["2026-11-18", "2026-10-18", "2025-10-20"]
    assert html.count("/scenes/") == 3
    other = sign_in(new_client(), "remote_sensing", (OTHER,))
    assert other.get("/layers", headers={"accept": "application/json"}).json()["scenes"] == []


# users


def test_an_administrator_keeps_the_accounts(client, sign_in, office, new_client) -> None:
    admin = sign_in(client, "administrator")

    def post(what: str, **fields: str):
        return admin.post(f"/users/{what}", data={"csrf": admin.csrf, **fields})

    made = post("add", name="李外业", role="field_inspector", districts="430321101，430321102")
    first = re.search(r'class="gx-secret">([^<]+)', made.text)[1]
    assert first not in admin.get("/users").text
    assert people.account(office.store, "李外业").districts == ("430321101", "430321102")
    again = post("add", name="李外业", role="leader", districts="")
    assert again.status_code == 422
    assert 'value="李外业"' in again.text
    assert post("add", name="x", role="leader", districts="湘潭").status_code == 422
    assert post("add", name="x", role="system").status_code == 422
    post("change", name="李外业", role="district_officer", districts="430321")
    assert people.account(office.store, "李外业").role == "district_officer"
    second = re.search(r'class="gx-secret">([^<]+)', post("reset", name="李外业").text)[1]
    assert first != second
    post("disable", name="李外业")
    assert people.account(office.store, "李外业").disabled
    post("disable", name="李外业", enable="1")
    assert not people.account(office.store, "李外业").disabled
    assert post("disable", name="administrator").status_code == 422
    assert post("change", name="administrator", role="leader", districts="").status_code == 422
    assert post("add", name=NASTY.replace(":", ""), role="leader", districts="").status_code in (200, 422)
    assert "<img src=x" not in admin.get("/users").text


def test_a_district_that_no_layer_holds_is_refused_in_a_sentence(client, sign_in, office, tmp_path) -> None:
    ring = [[112.0, 27.0], [113.0, 27.0], [113.0, 28.0], [112.0, 28.0], [112.0, 27.0]]
    named = [
        {"type": "Feature", "properties": {"XZQDM": code, "XZQMC": name},
         "geometry": {"type": "Polygon", "coordinates": [ring]}}
        for code, name in (("430321", "湘潭县"), ("430321101", "示意镇"))
    ]  # fmt: skip
    path = tmp_path / "districts.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": named}, ensure_ascii=False), "utf-8")
    office.editions.add(LayerKind.DISTRICT, path, edition="2025", valid_from=date(2025, 1, 1))
    admin = sign_in(client, "administrator")

    def add(name: str, districts: str):
        form = {"csrf": admin.csrf, "name": name, "role": "district_officer", "districts": districts}
        return admin.post("/users/add", data=form)

    answer = add("甲", "999999")
    assert answer.status_code == 422
    assert "999999: in no district of the layers held" in answer.text
    assert "held are 430321." in answer.text
    assert 'value="999999"' in answer.text
    for n, codes in enumerate(("430321", "4303", "430321101", "430321101203", "")):
        assert add(f"乙{n}", codes).status_code == 200, codes
    changed = {"csrf": admin.csrf, "name": "乙0", "role": "leader", "districts": "430321, 999999"}
    assert admin.post("/users/change", data=changed).status_code == 422
    assert people.account(office.store, "乙0").districts == ("430321",)


def test_nobody_else_and_no_foreign_form_reaches_the_accounts(client, sign_in, office, new_client) -> None:
    admin = sign_in(client, "administrator")
    assert admin.post("/users/add", data={"csrf": "0" * 64, "name": "y", "role": "leader"}).status_code == 403
    for role in ("leader", "reviewer", "remote_sensing", "district_officer"):
        other = sign_in(new_client(), role)
        assert body(other.get("/users")) == not_there(other)
        answer = other.post("/users/add", data={"csrf": other.csrf, "name": "y", "role": "administrator"})
        assert answer.status_code == 404
    assert "y" not in {one.name for one in people.accounts(office.store)}


# the sheet of a case


def test_the_case_sheet_adds_up_and_names_the_party_to_those_who_act(client, sign_in, office, new_client) -> None:
    html = sign_in(client, "reviewer").get(f"/case/{number(5)}/print").text
    terms = [round(100 * float(n)) for n in re.findall(r'data-term="([\d.]+)"', html)]
    assert sum(terms) == round(100 * float(re.search(r'data-sum="([\d.]+)"', html)[1]))
    assert "某建材公司" in html
    last = office.ledger.events()[-1]
    assert f"{last.seq}-{last.hash[:20]}" in html
    assert 'class="gx-qr"' in html
    for role in ("leader", "remote_sensing"):
        other = sign_in(new_client(), role).get(f"/case/{number(5)}/print")
        assert other.status_code == 200
        assert "某建材公司" not in other.text
    elsewhere = sign_in(new_client(), "district_officer", (OTHER,))
    for one in (number(5), "430321-2026-99999", "x"):
        assert body(elsewhere.get(f"/case/{one}/print")) == not_there(elsewhere)
