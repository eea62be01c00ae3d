"""A case through the portal's forms: a whole life by different people, refusals in words, two people at once."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest

from geodata.days import BEIJING
from pipeline.cases.events import SYSTEM, Kind
from pipeline.cases.ledger import Ledger
from pipeline.recheck import Recheck
from pipeline.recheck import to_json as recheck_json
from tests.geodata.photos import at as gps
from tests.geodata.photos import photo as jpeg
from tests.maps.portal.conftest import OTHER, number

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202eقلب =1+1"


@pytest.fixture
def person(new_client, sign_in):
    """``person(role, districts=(), name="")``: a browser of their own, signed in."""

    def make(role: str, districts: tuple[str, ...] = (), name: str = ""):
        return sign_in(new_client(), role, districts, name)

    return make


def version(page: str) -> str:
    found = re.search(r'name="expect_version" value="(\d+)"', page)
    assert found
    return found[1]


def send(client, number: str, event: str, files=None, *, part: str = "", **fields):
    """As the page's form would: with its token and the version it was drawn with."""
    page = client.get(f"/case/{number}{'/' + part if part else ''}").text
    data = {"csrf": client.csrf, "part": part, "expect_version": version(page), **fields}
    return client.post(f"/case/{number}/do/{event}", data=data, files=files)


def done(answer) -> None:
    assert answer.status_code == 303, html.unescape(re.sub("<[^>]+>", " ", answer.text))[:3000]


def said(answer) -> str:
    """The sentence at the form."""
    found = re.search(r'id="problem"[^>]*>(.*?)</p>', answer.text, re.S)
    assert found, answer.text[:500]
    return html.unescape(found[1])


def photo(office, number: str, minutes: float = 0, heading: float = 10.0) -> bytes:
    """Taken in the middle of the ground, some minutes before now by the office's clock."""
    inside = office.ledger.case(number).geometry.representative_point()
    taken = office.clock().astimezone(BEIJING) - timedelta(minutes=minutes)
    return jpeg(
        DateTimeOriginal=taken.strftime("%Y:%m:%d %H:%M:%S"), OffsetTimeOriginal="+08:00", Make="Test", Model="T1",
        GPSImgDirection=heading, GPSImgDirectionRef="T", GPSHPositioningError=4.0, **gps(inside.x, inside.y),
    )  # fmt: skip


def test_a_whole_life_by_forms_from_dispatch_to_closing(office, clock, person) -> None:
    one = number(2)
    done(send(person("remote_sensing"), one, "dispatched", to_whom="示意镇", reason="顶棚清晰可见"))
    clock.later(days=1)  # sessions end meanwhile
    inspector, officer = person("field_inspector", name="李外业"), person("district_officer", name="周建军")
    files = [("photo:overview", ("a.jpg", photo(office, one, 9), "image/jpeg")),
             ("photo:close", ("b.jpg", photo(office, one, 8, 20), "image/jpeg"))]  # fmt: skip
    answer = send(
        inspector, one, "verdict", files, verdict="violation", sub="industry_mining_commerce", use="hardening",
        built="2026-05", party="某建材公司", text="场地已硬化", pick="violation",
    )  # fmt: skip
    done(answer)
    assert "?done=VERDICT." in answer.headers["location"]
    assert "Recorded: verdict" in inspector.get(answer.headers["location"].partition("#")[0]).text
    due = (office.today + timedelta(days=50)).isoformat()
    done(send(officer, one, "ordered", rectification="restored_tillage", due_on=due))
    clock.later(days=10)
    done(send(person("district_officer", name="周建军"), one, "reported", text="已拆除并翻耕"))
    clock.later(hours=2)
    officer, reviewer = person("district_officer", name="周建军"), person("reviewer", name="王复核")
    sheet = [("paper:acceptance_sheet", ("s.pdf", b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF", "application/pdf"))]
    photos = [("photo:after", (f"{n}.jpg", photo(office, one, n, 30 * n), "image/jpeg")) for n in (1, 2)]
    done(send(officer, one, "evidence", [*photos, ("paper", sheet[0][1])], paper_title="acceptance_sheet"))
    short = reviewer.get(f"/review/{one}").text
    assert "clear scenes missing: 2" in html.unescape(short)
    assert re.search(r"<button[^>]*disabled[^>]*>Accept and close", short)
    for n in (1, 2):
        clock.later(days=1)
        told = Recheck(f"later-{n}", clock(), "restored", {"ndvi": 0.5}, {"zh": "已复耕", "en": "restored"}, False, 40)
        office.ledger.act(one, Kind.RECHECKED, {"recheck": recheck_json(told)}, SYSTEM)
    officer, reviewer = person("district_officer", name="周建军"), person("reviewer", name="王复核")
    assert one in reviewer.get("/review?tab=ready").text
    page = reviewer.get(f"/review/{one}").text
    assert not re.search(r"<button[^>]*disabled[^>]*>Accept and close", page)
    assert page.count('class="gx-pair') >= 2
    assert one in officer.get("/review?tab=mine").text
    assert reviewer.get(f"/case/{one}").text.count("gx-button-main") == 2, (
        "one primary action: its summary and its button"
    )
    done(send(reviewer, one, "accepted"))
    case = office.ledger.case(one)
    assert (case.status, case.parts[0].outcome, len(case.parts[0].evidence)) == ("CLOSED", "rectified", 5)
    assert office.ledger.verify().ok
    done(reviewer.post(f"/case/{one}/verify", data={"csrf": reviewer.csrf}))
    assert "Record intact, not altered" in reviewer.get(f"/case/{one}").text


def test_a_refusal_stands_at_the_form_and_what_was_typed_stays(person) -> None:
    reviewer = person("reviewer")
    before = reviewer.get(f"/case/{number(3)}").text
    answer = send(reviewer, number(3), "extended", reason="雨季 <b>", due_on="2026-11-25")
    assert answer.status_code == 409
    assert "the new last day must be after the present one" in said(answer)
    assert "雨季 &lt;b&gt;</textarea>" in answer.text
    assert re.search(r'id="do-extended" open', answer.text)
    assert version(reviewer.get(f"/case/{number(3)}").text) == version(before)


def test_a_refusal_names_fields_by_their_labels(person) -> None:
    sensing = person("remote_sensing")
    assert "dispatch lacks something; give “To whom”" in said(send(sensing, number(2), "dispatched", reason="x"))
    alone = said(send(sensing, number(2), "dispatched", to_whom="示意镇"))
    assert "or give “Reason” why it is worth a visit" in alone
    wrong = said(send(sensing, number(2), "dispatched", to_whom="示意镇", reason="x", due_on="soon"))
    assert "“Last day” soon cannot be read" in wrong
    clerk = person("district_officer", ("430321",))
    many = send(clerk, number(4), "reported", text="已拆除", demolished_m2="很多")
    assert said(many) == "“Demolished, m²” 很多: is no number; write one as 120.5."
    violation = {"verdict": "violation", "pick": "violation", "sub": "transport", "use": "local_road"}
    lacks = said(send(clerk, number(3), "verdict", **violation))
    assert re.search(r"needs “[^”=]+”\.?$", lacks), lacks
    clerk.cookies.set("gx_lang", "zh")
    assert said(send(clerk, number(4), "reported", text="")).endswith("还缺一项；请填写“做了什么”")


def test_who_may_not_act_is_told_who_may(person) -> None:
    inspector = person("field_inspector")
    page = html.unescape(inspector.get(f"/case/{number(5)}").text)
    assert 'id="do-accepted"' not in page
    assert re.search(r"<dt>acceptance and closing</dt><dd>for [^<]*leader of the office", page)
    assert re.search(r"<dt>reopening</dt><dd>possible at", page)
    answer = send(inspector, number(5), "accepted")
    assert answer.status_code == 409
    assert "is not for the role" in said(answer)


def test_a_second_person_must_accept_and_only_a_leader_goes_against_the_gates(office, person) -> None:
    one = number(5)
    reviewer, leader = person("reviewer"), person("leader")
    answer = send(reviewer, one, "accepted", back="review")
    assert answer.status_code == 409
    assert "Cannot close" in said(answer)
    answer = send(reviewer, one, "accepted", override="急")
    assert "only a leader" in said(answer)
    done(send(leader, one, "accepted", override="法院已裁定，现场由乡镇接管"))
    assert office.ledger.case(one).parts[0].closing["overridden"]


def test_a_return_names_reason_and_day(office, person) -> None:
    reviewer = person("reviewer")
    done(send(reviewer, number(5), "returned", reason_choice="rubble or hard ground is left", reason="东侧渣土未清",
              to="RECTIFYING", due_on="2026-12-20", back="review"))  # fmt: skip
    part = office.ledger.case(number(5)).parts[0]
    assert (part.status, part.due["on"]) == ("RECTIFYING", "2026-12-20")
    assert part.returned[-1]["reason"] == "rubble or hard ground is left：东侧渣土未清"


def test_two_people_at_once_are_told_of_one_another(office, person) -> None:
    one, first, second = number(3), person("reviewer", name="甲"), person("reviewer", name="乙")
    seen = version(second.get(f"/case/{one}").text)
    done(send(first, one, "extended", reason="雨季", due_on="2026-12-25"))
    form = {"csrf": second.csrf, "part": "", "expect_version": seen, "reason": "汛期", "due_on": "2027-01-10"}
    answer = second.post(f"/case/{one}/do/extended", data=form)
    assert answer.status_code == 409
    assert "甲" in said(answer)
    assert "extension" in said(answer)
    assert "汛期</textarea>" in answer.text
    assert office.ledger.case(one).parts[0].due["on"] == "2026-12-25"
    again = {**form, "expect_version": version(answer.text)}
    done(second.post(f"/case/{one}/do/extended", data=again))
    assert office.ledger.case(one).parts[0].due["on"] == "2027-01-10"


def test_another_district_is_the_same_as_nothing(person) -> None:
    here = person("district_officer", ("430321",))
    there, nowhere = number(1, OTHER), number(999, OTHER)
    for path in ("/case/{}", "/case/{}/1", "/case/{}/chips/x.webp", "/review/{}"):
        one, two = here.get(path.format(there)), here.get(path.format(nowhere))
        assert one.status_code == two.status_code == 404
        assert re.sub(r"[0-9a-f]{128}", "", one.text) == re.sub(r"[0-9a-f]{128}", "", two.text)
    form = {"csrf": here.csrf, "text": "x"}
    assert here.post(f"/case/{there}/do/note", data=form).status_code == 404
    assert here.post(f"/case/{there}/verify", data=form).status_code == 404
    listed = here.get("/cases").text
    assert number(3) in listed
    assert OTHER not in listed
    assert OTHER not in here.get(f"/cases?q={OTHER}").text.replace(f'value="{OTHER}"', "").replace(f"q={OTHER}", "")


def test_what_does_not_come_from_our_page_is_refused(person) -> None:
    reviewer = person("reviewer")
    assert reviewer.post(f"/case/{number(3)}/do/note", data={"text": "x"}).status_code == 403
    assert reviewer.post(f"/case/{number(3)}/do/found", data={"csrf": reviewer.csrf}).status_code == 404


def test_hostile_texts_are_drawn_as_text(person) -> None:
    one, reviewer = number(3), person("reviewer")
    done(send(reviewer, one, "note", text=HOSTILE))
    done(send(reviewer, one, "assigned", to_whom=HOSTILE[:60]))
    done(reviewer.post("/cases/filters", data={"csrf": reviewer.csrf, "name": HOSTILE[:50], "query": "q=1&x=<script>"}))
    for address in (f"/case/{one}", "/cases", "/todo", "/cases?q=%3Cscript%3E", f"/case/{one}?do=%3Cscript%3E&done=x"):
        page = reviewer.get(address).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_the_list_filters_by_address_and_keeps_filters_for_each_person(person) -> None:
    reviewer, other = person("reviewer"), person("legal_reviewer")
    assert "8 of them" in reviewer.get("/cases").text
    one = reviewer.get("/cases?status=REPORTED").text
    assert re.findall(r'gx-row-number" href="/case/([^"]+)"', one) == [number(5)]
    wrong = reviewer.get("/cases?district=xx&status=NOPE")
    assert wrong.status_code == 422
    assert "status=NOPE, district=xx: cannot be a filter" in wrong.text
    found = re.findall(r'gx-row-number" href="/case/([^"]+)"', reviewer.get("/cases?q=清溪镇").text)
    assert found == [number(2, OTHER), number(1, OTHER)]
    answer = reviewer.post(
        "/cases/filters", data={"csrf": reviewer.csrf, "name": "待验收的", "query": "status=REPORTED"}
    )
    assert answer.headers["location"] == "/cases?status=REPORTED"
    assert "待验收的" in reviewer.get("/cases").text
    assert "待验收的" not in other.get("/cases").text
    order = re.findall(r'gx-row-number" href="/case/([^"]+)"', reviewer.get("/cases").text)
    assert order[0] == number(5), "the nearest last day first"
    assert set(order[-2:]) == {number(1), number(6)}, "what has ended last"
    assert "No cases match" in reviewer.get("/cases?party=nobody").text


def test_every_list_has_the_same_order(office, person) -> None:
    for one in (person("reviewer"), person("district_officer", ("430321", OTHER))):
        page = re.findall(r'gx-row-number" href="/case/([^"]+)"', one.get("/cases").text)
        assert page == [
            number(5), number(3), number(2, OTHER), number(4), number(2), number(1, OTHER), number(1), number(6),
        ]  # fmt: skip
        assert [row["number"] for row in one.get("/api/cases").json()["cases"]] == page
        assert [row["number"] for row in one.get("/api/cases?limit=3&offset=2").json()["cases"]] == page[2:5]
        assert (
            one.get("/overview/cases.json").json()["cases"]["number"] == page[:-1]
        )  # what was dismissed only if asked
    assert [row["number"] for row in office.ledger.rows()] == page


def test_what_waits_for_whom(person) -> None:
    assert re.findall(r'gx-row-number" href="([^"]+)"', person("reviewer").get("/todo").text) == [
        f"/review/{number(5)}", f"/case/{number(2)}", f"/case/{number(1, OTHER)}",
    ]  # fmt: skip
    mine = person("district_officer", ("430321",), "周建军").get("/todo").text
    assert re.findall(r'gx-row-number" href="([^"]+)"', mine) == [f"/case/{number(3)}", f"/case/{number(4)}"]
    assert "assigned to you" in mine


def test_files_that_are_no_evidence_are_named_and_none_is_recorded(office, person) -> None:
    inspector = person("field_inspector")
    before = office.ledger.case(number(3)).version
    files = [("photo:overview", ("x.jpg", b"\xff\xd8\xff\xe0 cut off", "image/jpeg"))]
    answer = send(inspector, number(3), "evidence", files)
    assert answer.status_code == 422
    assert "x.jpg" in said(answer)
    assert office.ledger.case(number(3)).version == before
    assert not list((office.root / "cache" / "arriving").iterdir())


def test_a_verdict_that_came_too_late_is_kept_and_said(office, person) -> None:
    one = number(3)
    first, second = person("field_inspector", name="甲"), person("field_inspector", name="乙")
    seen = version(second.get(f"/case/{one}?do=verdict&pick=false_change").text)
    files = [("photo:overview", ("a.jpg", photo(office, one, 9), "image/jpeg"))]
    done(send(first, one, "verdict", files, verdict="false_change", text="水稻收割"))
    form = {"csrf": second.csrf, "part": "", "expect_version": seen, "verdict": "false_change", "text": "云影"}
    answer = second.post(f"/case/{one}/do/verdict", data=form)
    done(answer)
    assert "kept as an addition" in second.get(answer.headers["location"].partition("#")[0]).text
    assert office.ledger.case(one).parts[0].verdict["by"] == "甲"


def test_chips_are_cut_once_and_stay_behind_the_case(office, person) -> None:
    reviewer = person("reviewer")
    page = reviewer.get(f"/case/{number(3)}").text
    addresses = re.findall(rf"/case/{number(3)}/chips/[0-9a-f-]+\.small\.webp", page)
    assert len(addresses) == 3
    answer = reviewer.get(addresses[0])
    assert answer.headers["content-type"] == "image/webp"
    assert answer.content[8:12] == b"WEBP"
    assert reviewer.get(f"/case/{number(3)}/chips/{'0' * 36}.webp").status_code == 404
    assert isinstance(office.ledger, Ledger)
