"""What the page of a case says of itself: what waited, when it was checked, whose turn it is, who may accept."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from geodata.words import both
from maps.portal.office import Office
from pipeline.cases.events import SYSTEM, Actor, Kind
from pipeline.cases.rows import doubts_now
from pipeline.triage import Reason
from pipeline.wording import ONE_SCENE
from tests.maps.portal.conftest import number
from tests.maps.portal.field_phone import VIOLATION, Phone, jpeg, opened, record
from tests.pipeline.cases import lives
from tests.pipeline.invented_flags import flag, inspection

CASE, REPORTED = number(3), number(5)


@pytest.fixture
def desk(new_client: Callable[..., TestClient], sign_in: Callable[..., TestClient]) -> Callable[..., Any]:
    """``desk(role="reviewer", name="")``: a browser in Chinese, signed in."""
    return lambda role="reviewer", name="", districts=(): sign_in(new_client(lang="zh"), role, districts, name)


def text(client: Any, address: str) -> str:
    """What stands on a page, without its marks."""
    answer = client.get(address)
    assert answer.status_code == 200, answer.text[:500]
    body = answer.text[answer.text.index("<main") :]
    return " ".join(html.unescape(re.sub("<[^>]+>", " ", body)).split())


# what came before its photos


def test_a_verdict_that_waited_for_its_photos_is_not_called_late(office: Office, client: Any, desk: Any) -> None:
    phone = opened(office, client, CASE)
    sent = phone.verdict(CASE, VIOLATION, office.ledger.case(CASE).version)
    assert sent.status_code == 202
    reviewer = desk()
    waiting = text(reviewer, f"/case/{CASE}")
    assert "结论先到，照片后到" in waiting
    assert "照片还没到（全景照片 1、近景照片 1），到齐后生效" in waiting
    for n, shot in enumerate(("overview", "close")):
        content = jpeg(n)
        assert phone.put(content, record(content, CASE, shot)).status_code == 201
    taken = office.ledger.events(CASE)[-1]
    assert taken.kind == "VERDICT"
    page = text(reviewer, f"/case/{CASE}")
    assert f"等照片（全景照片 1、近景照片 1） · 照片到齐后采纳，见第 {taken.seq} 条" in page
    for wrong in ("晚到", "到达时图斑已进入下一步", "还没到"):
        assert wrong not in page


def test_a_verdict_that_was_refused_says_why_and_is_not_called_late(office: Office, client: Any, desk: Any) -> None:
    phone: Phone = opened(office, client, CASE)
    answer = phone.verdict(CASE, {"verdict": "lawful"}, office.ledger.case(CASE).version)
    assert answer.status_code == 409
    page = text(desk(), f"/case/{CASE}")
    assert "未采纳，作为补充记录保存" in page
    assert answer.json()["zh"] in page
    assert "晚到" not in page


# the check of the ledger


def test_the_seal_tells_the_time_of_the_check_and_what_came_after_it(office: Office, desk: Any, clock: Any) -> None:
    reviewer = desk()
    unchecked = text(reviewer, f"/case/{CASE}")
    assert "点“现在校验”，逐条核对台账哈希" in unchecked
    assert "运行 gengxun verify" not in unchecked
    reviewer.post(f"/case/{CASE}/verify", data={"csrf": reviewer.csrf})
    events, held = office.ledger.verify().events, len(office.ledger.events(CASE))
    at_once = text(reviewer, f"/case/{CASE}")
    assert "校验于 11-24 10:00" in at_once
    assert "还没校验" not in at_once
    clock.later(minutes=14)
    office.ledger.act(CASE, Kind.NOTE, {"text": "门锁着"}, Actor("王复核", "reviewer"))
    later = text(reviewer, f"/case/{CASE}")
    assert f"台账事件 1–{events}" in later
    assert "校验于 11-24 10:00" in later
    assert "此后本图斑又有 1 条记录，还没校验。" in later
    assert f"✓ {held} 条" in later


# doubts


def test_one_scene_only_goes_when_a_later_scene_saw_it(office: Office, desk: Any) -> None:
    told = office.ledger.case(CASE).flags[0]
    doubt = Reason(both(ONE_SCENE), {"zh": "目前只有 2026-10-18 一期看到", "en": "seen on one day"})
    once = flag(8, doubts=(doubt,), before=told["change"]["before_id"], after=told["change"]["after_id"])
    office.ledger.record(inspection("x", "y"), [once], SYSTEM)
    new = next(case.number for case in office.ledger.cases() if case.flags[0]["id"] == once.id)
    reviewer = desk()
    assert "目前只有 2026-10-18 一期看到" in text(reviewer, f"/case/{new}")
    day = datetime(2026, 11, 20, 3, tzinfo=UTC)
    again = flag(8, doubts=(doubt,), before=told["change"]["before_id"], after="later", after_at=day)
    office.ledger.record(inspection("x", "later"), [again], SYSTEM)
    page = text(reviewer, f"/case/{new}")
    assert "目前只有 2026-10-18 一期看到" not in page
    assert "“仅一期影像”已不再成立：2026-11-20 影像再次看到" in page
    assert "目前只有" not in text(reviewer, f"/case/{new}/print")


def test_one_scene_only_goes_when_the_ground_was_checked(office: Office) -> None:
    doubt = Reason(both(ONE_SCENE), {"zh": "目前只有一期看到", "en": "seen on one day"})
    life = lives.Office(office.root / "other.db")
    life.ledger.record(inspection(), [flag(0, doubts=(doubt,))], SYSTEM)
    assert len(doubts_now(life.ledger.case(lives.FIRST))) == 1
    life.dispatched()
    life.later()
    life.violation()
    assert doubts_now(life.ledger.case(lives.FIRST)) == []
    life.ledger.close()


# who may accept, whose turn it is, who said so


def test_a_second_person_is_missing_until_somebody_accepted(office: Office, desk: Any) -> None:
    reviewer = desk(name="赵验收")
    page = reviewer.get(f"/case/{REPORTED}").text
    gate = re.search(r'<li class="([^"]*)" data-gate="second_person">(.*?)</li>', page, re.S)
    assert gate
    assert "gx-gate-short" in gate[1]
    said = html.unescape(re.sub("<[^>]+>", " ", gate[2]))
    assert "尚无人验收" in said
    assert "还须由另一人验收：您可以验收" in said
    (standing,) = [g for g in office.ledger.gates(REPORTED) if g.key == "second_person"]
    assert standing.met is False  # as the command line shows it
    own = desk(role="district_officer", name="周建军")
    assert "您可以验收" not in text(own, f"/case/{REPORTED}")
    assert "✗" in re.search(r"另一人验收</th><td>(.)</td>", reviewer.get(f"/case/{REPORTED}/print").text)[1]  # type: ignore[index]


def test_who_it_was_given_to_and_who_decided_are_named_in_the_office(office: Office, desk: Any) -> None:
    reviewer = desk()
    assert "责任 示意镇 · 周建军 核查人员" in text(reviewer, f"/case/{CASE}")
    for address in (f"/case/{REPORTED}", f"/case/{REPORTED}/print"):
        page = text(reviewer, address)
        assert re.search(r"非农违法 · 工矿商服 · 硬化.{0,20}李外业，外业核查员", page), page[:3000]


def test_the_list_gives_the_area_of_the_patch_and_the_farmland_by_its_name(desk: Any) -> None:
    assert "15.00 亩，耕地 12.00" in text(desk(), "/cases")  # 10,000 m² and 8,000 m² of 666.67
