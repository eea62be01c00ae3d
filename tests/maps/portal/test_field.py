"""What a phone gets and sends by a field link: data, photos in pieces, verdicts; each once, nothing thrown away."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from geodata.errors import WorkError
from maps.portal import fieldwork, links
from maps.portal.app import create_app
from maps.portal.arriving import Arriving
from maps.portal.office import Office
from pipeline.cases.events import Actor, Kind
from tests.maps.portal.conftest import number
from tests.maps.portal.field_phone import VIOLATION, Phone, header, jpeg, new_link, opened, record, sha
from tests.pipeline.cases import lives

CASE = number(3)


@pytest.fixture
def phone(office: Office, client: TestClient) -> Phone:
    return opened(office, client, CASE)


def kinds(office: Office, case: str = CASE) -> list[str]:
    return [str(e.kind) for e in office.ledger.events(case)]


def test_the_data_carry_the_case_and_no_party_and_no_other_case(office: Office, phone: Phone) -> None:
    answer = phone.get("data.json")
    data = answer.json()
    (case,) = data["cases"]
    assert case["number"] == CASE
    assert case["version"] == office.ledger.case(CASE).version
    assert case["title"]["zh"].startswith("疑似")
    (part,) = case["parts"]
    ring = part["geometry"]["coordinates"]
    assert [name for _, _, name in part["corners"]] == ["NE", "SE", "SW", "NW"]
    flat = [tuple(p) for poly in (ring if part["geometry"]["type"] == "MultiPolygon" else [ring]) for p in poly[0]]
    assert all(min(abs(x - a) + abs(y - b) for a, b in flat) < 1e-6 for x, y, _ in part["corners"])
    assert part["gcj"] is None
    assert [v["key"] for v in case["verdicts"]][:2] == ["violation", "lawful"]
    assert len(case["verdicts"]) == 7
    fields = {f["key"]: f for f in case["verdicts"][0]["fields"]}
    assert fields["use"]["required"] is True
    assert fields["party"]["required"] is False
    lawful = next(v for v in case["verdicts"] if v["key"] == "lawful")
    assert next(f for f in lawful["fields"] if f["key"] == "text")["required"] == ["other"]
    assert "hardening" in fields["use"]["choices"]["industry_mining_commerce"]
    assert len(case["chips"]) == 2
    for chip in case["chips"]:
        picture = phone.get(chip["href"])
        assert picture.headers["content-type"] == "image/webp"
        assert len(picture.content) <= 60_000
    text = answer.text
    for other in (number(1), number(2), number(4), "某建材公司", "遥感甲", "hash"):
        assert other not in text
    assert len(answer.content) < 100_000


def test_data_that_have_not_changed_are_not_sent_again(office: Office, phone: Phone, clock: Any) -> None:
    tag = phone.get("data.json").headers["etag"]
    clock.later(hours=1)
    again = phone.get("data.json", headers={"If-None-Match": tag})
    assert again.status_code == 304
    assert again.headers["x-gx-now"].startswith("2026-11-24T03:00:00")
    content = jpeg()
    phone.put(content, record(content, CASE))
    assert phone.get("data.json", headers={"If-None-Match": tag}).status_code == 200


def test_a_point_to_drive_to_is_rounded_and_only_where_the_office_wants_it(office: Office, new_client: Any) -> None:
    wants = replace(office, portal=replace(office.portal, navigation=True))
    link, secret = new_link(office, CASE)
    phone = Phone(TestClient(create_app(wants), follow_redirects=False), link.id)
    phone.open(secret)
    part = phone.get("data.json").json()["cases"][0]["parts"][0]
    east, north = part["gcj"][0] - part["centre"][0], part["gcj"][1] - part["centre"][1]
    assert 0.002 < abs(east) < 0.01  # GCJ-02 lies some hundred metres off here
    assert 0.002 < abs(north) < 0.01
    assert part["gcj"] == [round(v, 4) for v in part["gcj"]]


def test_the_page_its_worker_and_its_file_hold_what_they_should(phone: Phone) -> None:
    page = phone.get()
    assert CASE not in page.text
    assert "<script>" not in page.text
    worker = phone.get("sw.js")
    assert worker.headers["content-type"].startswith("text/javascript")
    offline = phone.get("offline.html")
    assert CASE in offline.text
    assert len(offline.content) <= 1_000_000


def test_a_photo_is_kept_as_it_is_with_what_the_phone_saw(office: Office, phone: Phone) -> None:
    content = jpeg()
    values = record(content, CASE, "corner", corner="NE", position_source="manual")
    first = phone.put(content, values)
    assert first.status_code == 201
    told = first.json()
    assert told["sha256"] == sha(content)
    assert told["size"] == len(content)
    assert "manual_position" in {f["key"] for f in told["findings"]}
    assert office.evidence.read(sha(content)) == content
    event = office.ledger.events(CASE)[-1]
    assert (event.kind, event.by, event.role) == (Kind.EVIDENCE, "李外业", "field_inspector")
    assert event.seq == told["seq"]
    payload = event.payload
    assert (payload["lon"], payload["lat"], payload["accuracy_m"], payload["heading_deg"]) == (
        112.5101,
        27.8701,
        6,
        41.5,
    )
    assert payload["taken_at"] == "2026-11-24T02:01:00+00:00"
    assert payload["position_source"] == "manual"
    assert payload["exif"]["lon"] is None
    assert payload["phone"]["clock_gap_s"] == 0.0
    assert phone.put(content, values).status_code == 200
    assert phone.put(content, values).json() == told
    head = phone.head(values)
    assert head.headers["x-gx-receipt"] == str(told["seq"])
    assert kinds(office).count("EVIDENCE") == 1
    assert office.ledger.verify().ok
    assert not list((office.root / "arriving").iterdir())


def test_an_upload_goes_on_where_it_broke_off(office: Office, phone: Phone) -> None:
    content = jpeg(least=300_000)
    values = record(content, CASE)
    assert phone.head(values).headers["upload-offset"] == "0"
    assert phone.put(content, values, 0, 100_000).json() == {"offset": 100_000}
    assert phone.head(values).headers["upload-offset"] == "100000"
    ahead = phone.put(content, values, 200_000, 300_000)
    assert ahead.status_code == 416
    assert ahead.headers["upload-offset"] == "100000"
    assert phone.put(content, values, 50_000, 250_000).json() == {
        "offset": 250_000
    }  # overlapping pieces are the same bytes
    done = phone.put(content, values, 250_000)
    assert done.status_code == 201
    assert office.evidence.read(sha(content)) == content
    assert phone.put(content, values, 0, 100_000).status_code == 200
    other = jpeg(1, least=50_000)
    phone.put(other, record(other, CASE), 0, 49_000)
    assert phone.put(other, record(other, CASE)).status_code == 201  # whole, over what was here


def test_a_file_that_is_whole_here_needs_no_byte_more(office: Office, phone: Phone) -> None:
    """As after a kill between the last byte and the receipt."""
    content = jpeg()
    values = record(content, CASE)
    link = links.every(office.store)[0]
    with Arriving(office.root / "arriving").open(link.id, sha(content), len(content), 0) as piece:
        piece.write(content)
    size = str(len(content))
    assert phone.head(values).headers["upload-offset"] == size
    assert phone.put(content, values, len(content)).status_code == 201


def test_what_does_not_fit_is_said_and_keeps_nothing(office: Office, phone: Phone) -> None:
    content = jpeg()
    wrong = record(content, CASE) | {"id": "0" * 64}
    assert phone.put(content, wrong).status_code == 422
    assert phone.head(wrong).headers["upload-offset"] == "0"
    text = b"<script>alert(1)</script>" * 9
    refused = phone.put(text, record(text, CASE))
    assert refused.status_code == 415
    assert set(refused.json()) >= {"zh", "en"}
    large = record(content, CASE)
    headers = {"Content-Range": f"bytes 0-9/{201 * 1024**2}"}
    said = phone.client.put(
        phone.base + f"up/{large['id']}", content=content[:10],
        headers=headers | {"X-Gx-Record": header(large)},
    )  # fmt: skip
    assert said.status_code == 413
    assert phone.client.put(phone.base + f"up/{large['id']}", content=content).status_code == 400
    assert office.evidence.count() == 0
    assert kinds(office)[-1] == "DISPATCHED"


def test_a_picture_that_cannot_be_read_is_kept_and_told(office: Office, phone: Phone) -> None:
    broken = jpeg()[:200]
    first = phone.put(broken, record(broken, CASE))
    assert first.status_code == 415
    again = phone.put(broken, record(broken, CASE))
    assert again.json()["seq"] == first.json()["seq"]
    assert kinds(office).count("SUPPLEMENT") == 1
    assert office.evidence.read(sha(broken)) == broken


def test_a_full_disk_is_said_and_nothing_is_acknowledged(
    office: Office, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    import maps.portal.arriving as arriving

    monkeypatch.setattr(arriving, "SPARE_BYTES", 1 << 60)
    content = jpeg()
    answer = phone.put(content, record(content, CASE))
    assert answer.status_code == 507
    assert "磁盘" in answer.json()["zh"]
    monkeypatch.undo()
    assert phone.put(content, record(content, CASE)).status_code == 201


def test_the_same_photo_in_two_cases_is_two_receipts_and_a_doubt(office: Office, client: TestClient) -> None:
    phone = opened(office, client, CASE, number(2))
    content = jpeg()
    one = phone.put(content, record(content, CASE)).json()
    two = phone.put(content, record(content, number(2)))
    assert two.status_code == 201
    assert two.json()["seq"] > one["seq"]
    assert "reused" in {f["key"] for f in two.json()["findings"]}


def test_a_verdict_waits_for_its_photos_and_then_takes_effect_by_itself(office: Office, phone: Phone) -> None:
    version = office.ledger.case(CASE).version
    body = {"id": str(uuid.uuid4())}
    sent = phone.verdict(CASE, VIOLATION, version, **body)
    assert sent.status_code == 202
    assert sent.json()["kind"] == "WAITING"
    assert sent.json()["lacks"] == {"overview": 1, "close": 1}
    assert phone.verdict(CASE, VIOLATION, version, **body).json()["seq"] == sent.json()["seq"]
    assert office.ledger.case(CASE).status == "DISPATCHED"
    for n, shot in enumerate(("overview", "close")):
        content = jpeg(n)
        assert phone.put(content, record(content, CASE, shot)).status_code == 201
    case = office.ledger.case(CASE)
    assert case.status == "RECTIFYING"
    assert case.parts[0].verdict["by"] == "李外业"
    assert case.parts[0].verdict["checked_on"] == "2026-11-24"
    again = phone.verdict(CASE, VIOLATION, version, **body)
    assert (again.status_code, again.json()["kind"]) == (200, "VERDICT")
    assert kinds(office).count("VERDICT") == 1
    assert kinds(office).count("SUPPLEMENT") == 1
    assert office.ledger.verify().ok


def test_a_verdict_that_was_overtaken_is_kept_and_told_by_whom(office: Office, phone: Phone) -> None:
    version = office.ledger.case(CASE).version
    other = Actor("周建军", "district_officer")
    for n, shot in enumerate(("overview", "inside")):
        item = lives.photo(shot, office.ledger.case(CASE).geometry, office.clock() - timedelta(minutes=9 - n))
        office.ledger.act(CASE, Kind.EVIDENCE, fieldwork.evidence_json(item), other)
    office.ledger.act(CASE, Kind.VERDICT, {"verdict": "facility", "filing_number": "湘设〔2026〕1号"}, other)
    answer = phone.verdict(CASE, VIOLATION, version)
    assert answer.status_code == 201
    told = answer.json()
    assert told["kind"] == "SUPPLEMENT"
    assert (told["overtaken"]["by"], told["overtaken"]["verdict"]) == ("周建军", "facility")
    assert told["overtaken"]["name"]["zh"] == "设施农用地"
    kept = office.ledger.case(CASE).supplements[-1]
    assert kept["late"]["party"] == "某建材公司"
    assert office.ledger.case(CASE).parts[0].verdict["verdict"] == "facility"


def test_a_verdict_that_the_table_refuses_is_kept_and_the_answer_says_why(office: Office, phone: Phone) -> None:
    answer = phone.verdict(CASE, {"verdict": "lawful"}, 2, id="a-1")
    assert answer.status_code == 409
    assert answer.json()["kind"] == "SUPPLEMENT"
    assert answer.json()["zh"]
    assert phone.verdict(CASE, {"verdict": "lawful"}, 2, id="a-1").json()["seq"] == answer.json()["seq"]
    assert kinds(office).count("SUPPLEMENT") == 1


def test_ground_that_cannot_be_checked_today_stays_and_is_counted(office: Office, phone: Phone) -> None:
    body = {"id": "p-1", "case": CASE, "part": "", "reason": "weather", "again_on": "2026-11-26", "clock": {}}
    first = phone.client.post(phone.base + "postponed", json=body)
    assert first.status_code == 201
    assert phone.client.post(phone.base + "postponed", json=body).json()["seq"] == first.json()["seq"]
    case = office.ledger.case(CASE)
    assert case.status == "DISPATCHED"
    assert case.parts[0].postponed[0]["reason_key"] == "weather"
    late = phone.client.post(phone.base + "postponed", json=body | {"id": "p-2", "again_on": "2026-11-20"})
    assert late.status_code == 409
    assert late.json()["kind"] == "SUPPLEMENT"


def test_what_was_captured_before_the_end_comes_by_a_new_link_and_is_marked_late(
    office: Office, phone: Phone, client: TestClient, clock: Any
) -> None:
    content, other = jpeg(), jpeg(1)
    clock.later(days=8)
    assert phone.put(content, record(content, CASE)).status_code == 410
    again = opened(office, client, CASE)
    answer = again.put(content, record(content, CASE))
    assert answer.status_code == 201
    assert answer.json()["late"]
    assert "late" in {f["key"] for f in answer.json()["findings"]}
    payload = office.ledger.events(CASE)[-1].payload
    assert payload["came_late"]["under"]
    fresh = again.put(other, record(other, CASE, taken_at=clock().isoformat()))
    assert not fresh.json()["late"]
    between = jpeg(2)
    said = again.put(between, record(between, CASE, taken_at=(clock() - timedelta(hours=6)).isoformat()))
    assert said.status_code == 201
    assert office.ledger.events(CASE)[-1].payload["came_late"]["under"] is False


def test_a_phone_with_a_wrong_clock_is_pointed_out_not_refused(phone: Phone) -> None:
    content = jpeg()
    clock = {"phone_at": "2026-11-24T03:01:00Z", "server_seen_at": "2026-11-24T02:00:00Z", "monotonic_ms": 60000}
    answer = phone.put(content, record(content, CASE, clock=clock))
    assert answer.status_code == 201
    said = [f for f in answer.json()["findings"] if f["key"] == "phone_clock"]
    assert "60" in said[0]["text"]["en"]


def test_a_kill_between_file_and_event_or_event_and_row_doubles_nothing(
    office: Office, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, version = jpeg(), office.ledger.case(CASE).version
    values = record(content, CASE)
    act = office.ledger.act

    def killed(*args: Any, **more: Any) -> Any:
        raise WorkError("killed")

    monkeypatch.setattr(office.ledger, "act", killed)
    assert phone.put(content, values).status_code == 503
    monkeypatch.setattr(office.ledger, "act", act)
    assert phone.put(content, values, len(content)).status_code == 201
    second = jpeg(1)
    assert phone.put(second, record(second, CASE, "close")).status_code == 201
    take = fieldwork._take

    def dies(*args: Any, **more: Any) -> Any:
        raise WorkError("killed")

    monkeypatch.setattr(fieldwork, "_take", dies)
    assert phone.verdict(CASE, VIOLATION, version, id="v-1").status_code == 503
    monkeypatch.setattr(fieldwork, "_take", take)
    answer = phone.verdict(CASE, VIOLATION, version, id="v-1")
    assert (answer.status_code, answer.json()["kind"]) == (200, "VERDICT")
    assert kinds(office).count("VERDICT") == 1
    assert kinds(office).count("EVIDENCE") == 2


def package(link: str, records: list[dict[str, Any]], originals: list[bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        manifest = {"format": "gengxun-package", "version": 1, "made_at": "2026-11-24T03:00:00Z", "clock": {},
                    "link": {"id": link}, "records": records, "drafts": {}, "missing": []}  # fmt: skip
        archive.writestr("manifest.json", json.dumps(manifest))
        for n, one in enumerate(originals):
            archive.writestr(f"x/{n}.jpg", one)
    return stream.getvalue()


def test_a_package_is_loaded_at_the_office_as_if_the_phone_had_sent_it(
    office: Office, client: TestClient, sign_in: Callable[..., TestClient], clock: Any
) -> None:
    link, _ = new_link(office, CASE)
    clock.later(days=9)
    photos = [jpeg(0), jpeg(1)]
    records = [
        {**record(p, CASE, shot), "kind": "photo"} for p, shot in zip(photos, ("overview", "close"), strict=True)
    ]
    verdict = {"kind": "verdict", "id": "v-9", "case": CASE, "part": "", "version": 3, "payload": VIOLATION,
               "taken_at": "2026-11-24T02:02:00Z"}  # fmt: skip
    strange = {**verdict, "id": "v-8", "case": number(1, "430382")}
    content = package(link.id, [verdict, strange, *records], photos)
    sign_in(client, "district_officer", ("430321",))
    for _ in range(2):
        answer = client.post(
            "/links/package",
            data={"csrf": client.csrf},
            files={"package": ("离线包.zip", content)},  # type: ignore[attr-defined]
        )
        assert answer.status_code == 200
    case = office.ledger.case(CASE)
    assert case.status == "RECTIFYING"
    verdict_event = next(e for e in office.ledger.events(CASE) if e.kind == Kind.VERDICT)
    assert (verdict_event.by, verdict_event.payload["loaded_by"]) == ("李外业", "district_officer430321")
    assert verdict_event.payload["came_late"]["under"]
    assert kinds(office).count("EVIDENCE") == 2
    assert kinds(office).count("VERDICT") == 1
    assert len(office.ledger.events(number(1, "430382"))) == 1
    bad = client.post(
        "/links/package",
        data={"csrf": client.csrf},
        files={"package": ("x.zip", b"PK nonsense")},  # type: ignore[attr-defined]
    )
    assert bad.status_code == 422
