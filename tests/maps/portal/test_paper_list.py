"""文书与证据 on the page of a case: what is held, what is missing, what may not be made yet and why."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest

from maps.portal.paper_list import Papers, papers_of
from pipeline.cases.events import Kind
from tests.maps.portal.conftest import number
from tests.pipeline.cases import lives

ALL = ["立案呈批表", "违法案件调查报告", "行政处罚告知书", "送达回证", "行政处罚决定书", "结案呈批表"]


def listed(office: Any, n: int) -> Papers:
    case = office.ledger.case(number(n))
    return papers_of(case, case.parts, office.rules(office.today), office.today)


def locked(office: Any, n: int) -> dict[str, str]:
    return {one.name["zh"]: one.why["zh"] for one in listed(office, n).locked}


def test_before_the_ground_is_checked_no_paper_of_the_proceeding_may_be_made(office) -> None:
    assert locked(office, 2) == dict.fromkeys(ALL, "待派发")
    assert locked(office, 3) == dict.fromkeys(ALL, "待实地核查")


def test_what_has_ended_without_a_proceeding_waits_for_nothing(office) -> None:
    for n in (1, 6):
        assert not locked(office, n)
        assert not listed(office, n).missing


def test_a_violation_waits_for_its_filing_and_the_closing_names_its_paper(office) -> None:
    told = locked(office, 4)
    assert "立案呈批表" not in told, "it may be filed now"
    assert set(told.values()) == {"待立案"}
    assert [one["zh"] for one in listed(office, 4).missing] == ["整改验收单（乡镇、自然资源、农业农村）"]


@pytest.mark.parametrize(("complicated", "why"), [("yes", "待法制审核"), ("no", "待处罚告知")])
def test_the_decision_waits_for_the_legal_review_where_one_is_required(office, clock, complicated, why) -> None:
    def take(step: str, **fields: Any) -> None:
        clock.later(hours=1)
        payload = {"step": step, "papers": ["8001", "2003"], **fields}
        office.ledger.act(number(4), Kind.PROCEEDING, payload, lives.OFFICER)

    take("file", cause="77", party="某建材公司", party_kind="organisation", authority="湘潭县自然资源局",
         approved_by="刘局长")  # fmt: skip
    assert locked(office, 4)["违法案件调查报告"] == "待调查"
    take("investigate", officers=["周建军", "李外业"])
    assert locked(office, 4)["行政处罚决定书"] == "待调查终结"
    take("report", complex=complicated, major="no", public_interest="no")
    told = locked(office, 4)
    assert told["行政处罚决定书"] == why
    assert "行政处罚告知书" not in told
    assert ("法制审核意见书" in told) is False, "the review may be given now, or is not required"


def test_the_card_links_what_is_held_for_those_who_may_open_files(new_client, sign_in, office) -> None:
    case = office.ledger.case(number(1))
    held = {item["sha256"] for part in case.parts for item in part.evidence}
    page = html.unescape(sign_in(new_client(lang="zh"), "reviewer").get(f"/case/{number(1)}").text)
    card = re.search(r'<section class="gx-card gx-papers".*?</section>', page, re.S)
    assert card
    assert set(re.findall(r'href="/files/([0-9a-f]{64})"', card[0])) == held
    assert "文书 1 份" in card[0]
    closed = sign_in(new_client(lang="zh"), "leader").get(f"/case/{number(1)}").text
    assert "文书与证据" in closed
    assert "/files/" not in closed
    waits = html.unescape(sign_in(new_client(lang="zh"), "reviewer").get(f"/case/{number(3)}").text)
    assert waits.count('data-paper="locked"') == len(ALL)
    assert "待实地核查" in waits
