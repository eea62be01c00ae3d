"""Looks of further scenes at suspected ground: what they make of a case, who may say it, and what brings it back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from geodata.words import use
from pipeline.cases.events import SYSTEM, Kind
from pipeline.cases.law import rules
from pipeline.cases.refusal import StepRefused
from pipeline.cases.rows import case_row
from pipeline.cases.table import Status
from pipeline.cases.worth import worth
from pipeline.confirm import Look
from pipeline.confirm import to_json as look_json
from tests.pipeline.cases.lives import ADMIN, FIRST, OFFICER, REVIEWER, SENSING, Office, clue
from tests.pipeline.invented_flags import AFTER_AT, BEFORE_AT, flag, inspection

DAY = timedelta(days=1)


@pytest.fixture
def office(tmp_path):
    use("en")
    made = Office(tmp_path / "ledger.db")
    made.found()
    yield made
    assert made.ledger.verify().ok
    made.ledger.close()
    use(None)


def row(office, number=FIRST):
    return case_row(office.ledger.case(number))


def test_a_look_that_agrees_makes_a_medium_case_high_and_worth_a_visit(office):
    """0.6 is odds of 1.5; six times as much is 9, which is 0.9."""
    assert (row(office)["confidence"], row(office)["level"]) == (0.6, "medium")
    with pytest.raises(StepRefused, match="one scene alone"):
        office.do(Kind.DISPATCHED, SENSING, to_whom=OFFICER.name)
    office.look("d", "agrees")
    found = row(office)
    assert (found["confidence"], found["level"], found["status"]) == (0.9, "high", "SUSPECTED")
    assert found["looks"] == {"agrees": 1, "disagrees": 0, "seasonal": 0, "otherwise": 0, "unclear": 0}
    assert office.do(Kind.DISPATCHED, SENSING, to_whom=OFFICER.name).payload["confirmed_by"] == "imagery"


def test_an_unclear_look_is_counted_and_changes_nothing(office):
    office.look("d", "unclear")
    found = row(office)
    assert (found["confidence"], found["level"], found["looks"]["unclear"]) == (0.6, "medium", 1)


def test_a_scene_looks_once(office):
    first = office.look("d", "unclear")
    assert office.look("d", "agrees").seq == first.seq
    assert row(office)["looks"]["agrees"] == 0


@pytest.mark.parametrize("verdict", ["disagrees", "seasonal"])
def test_a_look_that_speaks_against_it_withdraws_the_suspicion_with_its_reason(office, verdict):
    office.look("d", verdict)
    found = row(office)
    assert (found["status"], found["dismissed_because"]) == ("DISMISSED", verdict)
    assert found["withdrawn"]["scene_id"] == "d"
    assert found["closed_at"] is None
    office.do(Kind.REOPENED, REVIEWER, reason="举报")
    again = row(office)
    assert (again["status"], again["withdrawn"], again["looks"][verdict]) == ("SUSPECTED", None, 0)


def test_an_earlier_scene_withdraws_nothing_that_a_later_one_saw(office):
    """Gone in spring, there again in autumn: the scene of autumn is on record when that of spring is looked at."""
    office.look("autumn", "agrees", at=AFTER_AT + 20 * DAY)
    office.look("spring", "disagrees", at=AFTER_AT + 10 * DAY)
    assert (row(office)["status"], row(office)["level"]) == ("SUSPECTED", "high")
    office.look("winter", "disagrees", at=AFTER_AT + 30 * DAY)
    assert row(office)["status"] == "DISMISSED"


def test_a_clue_from_outside_is_never_withdrawn(office):
    office.ledger.receive([clue(0)], ADMIN)
    office.look("d", "disagrees")
    assert (row(office)["status"], row(office)["looks"]["disagrees"]) == ("SUSPECTED", 1)


def test_no_person_speaks_for_the_imagery_and_no_scene_lies_in_the_future(office):
    look = Look("d", office.now, "agrees", {}, {"zh": "", "en": ""}, 9)
    with pytest.raises(StepRefused, match="not for the role"):
        office.do(Kind.LOOKED, REVIEWER, look=look_json(look))
    with pytest.raises(StepRefused, match="future"):
        office.do(Kind.LOOKED, SYSTEM, look=look_json(replace(look, at=office.now + DAY)))
    with pytest.raises(StepRefused, match="no look"):
        office.do(Kind.LOOKED, SYSTEM, look=look_json(replace(look, verdict="restored")))


def test_after_dispatch_the_ground_is_checked_by_people(office):
    office.dispatched()
    with pytest.raises(StepRefused, match="no step"):
        office.look("d", "disagrees")


@pytest.mark.parametrize(
    ("before", "after", "comes_back"),
    [
        (BEFORE_AT, AFTER_AT + 20 * DAY, True),  # against the time before: there again
        (AFTER_AT + 15 * DAY, AFTER_AT + 20 * DAY, True),  # against the field that it had become
        (AFTER_AT + 5 * DAY, AFTER_AT + 20 * DAY, False),  # against the flagged state: that it went
        (BEFORE_AT, AFTER_AT + 5 * DAY, False),  # a scene of the time before it was withdrawn
    ],
)
def test_withdrawn_ground_comes_back_when_a_later_pair_sees_it(office, before, after, comes_back):
    office.look("d", "disagrees", at=AFTER_AT + 10 * DAY)
    office.ledger.record(
        inspection("b", "e"), [flag(0, before="b", after="e", before_at=before, after_at=after)], SYSTEM
    )
    found = office.ledger.case(FIRST)
    assert found.status is (Status.SUSPECTED if comes_back else Status.DISMISSED)
    assert office.ledger.events(FIRST)[-1].kind == ("RELAPSED" if comes_back else "SEEN_AGAIN")
    assert case_row(found)["relapses"] == 0


def test_basic_farmland_weighs_twice_as_the_law_asks_half_of_it():
    """6 亩 at 0.5 and 0.4: 1.2; with 2 亩 of them basic farmland as 8 亩: 1.6."""
    law, mu = rules(datetime(2026, 11, 20, tzinfo=UTC).date()), 2000 / 3
    assert worth(0.5, 0.4, 6 * mu, 0.0, law) == pytest.approx(1.2)
    assert worth(0.5, 0.4, 6 * mu, 2 * mu, law) == pytest.approx(1.6)


def test_suspected_cases_are_listed_by_what_a_visit_is_worth(office):
    first, second = (r["number"] for r in office.ledger.rows(status="SUSPECTED"))
    assert (first, second) == (FIRST, "430321-2026-00002")
    office.look("d", "agrees", second)
    assert [r["number"] for r in office.ledger.rows(status="SUSPECTED")] == [second, first]
