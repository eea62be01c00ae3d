import ast
import json
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.words import catalogue
from pipeline.cases.events import Actor, Role
from pipeline.cases.facts import Facts
from pipeline.cases.procedure import BACK, TABLE, Proceeding, State, Step
from pipeline.cases.proceeding import decide, evolve, possible, surcharge, undone
from pipeline.cases.proceeding_law import words
from pipeline.cases.refusal import StepRefused
from pipeline.cases.running import running
from pipeline.cases.standards import standards

STANDARDS = standards(date(2026, 9, 1))
CHECKED = Facts(
    ground_checked=True,
    verdict="violation",
    party="A factory",
    patch_m2=1000.0,
    farmland_m2=1000.0,
    checked_at=datetime(2026, 8, 31, 3, tzinfo=UTC),
)
OFFICER, LAWYER, LEADER = Actor("Li", "district_officer"), Actor("Wu", "legal_reviewer"), Actor("Zhao", "leader")


def noon(day: date | str) -> datetime:
    return datetime.combine(date.fromisoformat(str(day)), datetime.min.time(), UTC) + timedelta(hours=4)


class Office:
    """Takes the steps of one proceeding: each by the first role that may, with all papers of the table."""

    def __init__(self, facts: Facts = CHECKED, state: Proceeding | None = None):
        self.facts, self.state, self.said = facts, state, {}

    def take(self, step: str, on: str, /, by: Actor | None = None, papers=(), without=(), **payload):
        actors = {"district_officer": OFFICER, "legal_reviewer": LAWYER, "leader": LEADER}
        way = TABLE[Step(step)]
        by = by or actors.get(way.roles[0], Actor("gengxun", way.roles[0]))
        named = [p for p in (*way.papers, *papers) if p not in without]
        self.said = decide(
            self.state,
            step,
            {"proceeding": "1", "papers": named, **payload},
            at=noon(on),
            by=by,
            facts=self.facts,
            standards=STANDARDS,
        )
        self.state = evolve(self.state, self.said, noon(on), by.name, by.role)
        return self

    def refused(self, step: str, on: str, /, **payload) -> str:
        before = self.state
        with pytest.raises(StepRefused) as refusal:
            self.take(step, on, **payload)
        assert self.state == before
        return str(refusal.value)

    def file(self, on="2026-09-01", **more):
        given = {
            "cause": "77",
            "party": "A factory",
            "party_kind": "organisation",
            "authority": "county office",
            "approved_by": "Zhao",
        }
        return self.take("file", on, **{**given, **more})

    def reported(self, **flags):
        said = {"complex": "no", "major": "no", "public_interest": "no", **flags}
        self.file().take("investigate", "2026-09-02", officers="Li,Chen")
        return self.take("report", "2026-09-08", **said)

    def notified(self, penalties="return_land,fine", fine_yuan=10000, **flags):
        return self.reported(**flags).take(
            "notify", "2026-09-09", penalties=penalties, fine_yuan=fine_yuan, received_on="2026-09-09"
        )

    def served(self, penalties="return_land,fine", fine_yuan=10000, **more):
        self.notified(penalties, fine_yuan)
        if self.state.hearing == "required":
            self.take("hearing_notice", "2026-09-09", received_on="2026-09-09")
        self.take("decide", "2026-09-17", number="潭自然资罚字〔2026〕1号")
        return self.take(
            "serve", "2026-09-18", received_on="2026-09-18", method="direct", perform_by="2026-10-12", **more
        )

    def due(self, key: str) -> str:
        return self.state.dues[key]["day"]


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GENGXUN_LANG", "en")


# from the ground check to the filing


def test_a_clue_is_no_ground_for_a_proceeding():
    assert "clue until its ground was checked" in Office(Facts(verdict="violation")).refused("file", "2026-09-01")


@pytest.mark.parametrize(
    "verdict", ["lawful", "facility", "rural_road", "other", "false_change", "basemap_wrong", None]
)
def test_only_a_violation_is_a_ground_for_a_proceeding(verdict):
    office = Office(Facts(ground_checked=True, verdict=verdict))
    assert "needs the verdict violation" in office.refused("file", "2026-09-01")


def test_a_filing_names_cause_party_authority_and_the_head_who_approved():
    assert "cause" in Office().refused("file", "2026-09-01")
    assert "one of" not in Office().refused("file", "2026-09-01", cause="99")
    office = Office().file()
    assert (office.state.state, office.state.filed_on, office.state.cause) == (State.FILED, date(2026, 9, 1), "77")
    assert office.due("decision") == "2026-11-30"  # 90 days after 2026-09-01


def test_nobody_approves_the_own_filing():
    assert "Li cannot approve the own step" in Office().refused(
        "file", "2026-09-01", cause="77", party="A", party_kind="person", authority="x", approved_by="Li"
    )


def test_a_filing_after_ten_working_days_is_late_but_stands():
    office = Office().file("2026-09-16")
    assert office.said["late_days"] == 2  # ten working days after Monday 08-31 is 09-14
    assert "late_days" not in Office().file("2026-09-14").said


def test_an_act_that_ended_more_than_two_years_ago_is_time_barred():
    given = {"cause": "77", "party": "A", "party_kind": "person", "authority": "x", "approved_by": "Zhao"}
    assert "time-barred since 2026-08-30" in Office().refused("file", "2026-09-01", act_ended_on="2024-08-30", **given)
    Office().file(act_ended_on="2024-09-01")


def test_a_paper_is_neither_of_tomorrow_nor_older_than_the_ground_check():
    assert "lies after 2026-09-01" in Office().refused("file", "2026-09-01", on="2026-09-02")
    assert "lies before 2026-08-31" in Office().refused("file", "2026-09-01", on="2026-08-30")


def test_each_paper_of_a_step_must_be_there_or_in_the_case():
    assert "8001" in Office().refused("file", "2026-09-01", without=("8001",))
    held = Office(Facts(**{**vars(CHECKED), "papers": ("8001",)})).file(without=("8001",))
    assert held.state.state is State.FILED


def test_proof_of_an_earlier_service_does_not_stand_for_a_later_one():
    office = Office(Facts(**{**vars(CHECKED), "papers": ("8007",)})).reported()
    assert "8007" in office.refused("notify", "2026-09-09", without=("8007",))


# investigation


def test_two_officers_investigate():
    office = Office().file()
    assert "two officers" in office.refused("investigate", "2026-09-02", officers="Li")
    assert "two officers" in office.refused("investigate", "2026-09-02", officers=["Li", "Li"])
    assert "two officers" in office.refused("investigate", "2026-09-02", officers=["Li", "ＬＩ"])
    assert office.take("investigate", "2026-09-02", officers="Li、Chen").state.officers == ("Li", "Chen")


def test_preserved_evidence_is_decided_on_within_seven_working_days_and_before_the_report():
    office = Office().file().take("investigate", "2026-09-02", officers="Li,Chen")
    office.take("preserve", "2026-09-24", items="digger", approved_by="Zhao")
    # Friday 25 is the Mid-autumn festival, 10-01 to 10-07 the national holiday, 09-20 and 10-10 are worked
    assert office.due("preservation") == str(STANDARDS.due("preservation", date(2026, 9, 24)).day)
    flags = {"complex": "no", "major": "no", "public_interest": "no"}
    assert "preserved" in office.refused("report", "2026-09-28", **flags)
    office.take("preserve_decide", "2026-09-28", result="returned").take("report", "2026-09-28", **flags)
    assert "preservation" not in office.state.dues


def test_days_of_an_appraisal_are_left_out_once():
    office = Office().file().take("investigate", "2026-09-02", officers="Li,Chen")
    office.take("exclude", "2026-09-30", ground="appraisal", **{"from": "2026-09-10", "to": "2026-09-30"})
    assert office.due("decision") == "2026-12-20"  # 2026-11-30 and 20 days
    again = {"from": "2026-09-29", "to": "2026-09-30"}
    assert "left out already" in office.refused("exclude", "2026-09-30", ground="hearing", **again)


def test_the_decision_is_put_off_once_by_thirty_days():
    office = Office().file().take("extend", "2026-09-10", reason="many parties")
    assert office.due("decision") == "2026-12-30"
    assert "extended already" in office.refused("extend", "2026-09-11", reason="more")
    assert "over since 2026-11-30" in Office().file().refused("extend", "2026-12-01", reason="late")


# review, discussion, hearing


def test_who_investigated_does_not_review_decide_or_host_the_hearing():
    office = Office().notified(complex="yes")
    office.take("hearing_notice", "2026-09-09", received_on="2026-09-09")
    for step, role in (("legal_review", "legal_reviewer"), ("decide", "leader")):
        for name in ("Li", "Chen", "chen ", "ＣＨＥＮ"):
            assert f"{name} investigated" in office.refused(step, "2026-09-20", by=Actor(name, role))
    office.take("hearing_request", "2026-09-10", requested_on="2026-09-10")
    office.take("hearing_schedule", "2026-09-10", received_on="2026-09-10", hearing_on="2026-09-21")
    for host in ("Chen", "C hen"):
        assert f"{host} investigated" in office.refused("hearing_hold", "2026-09-21", host=host)


def test_a_complex_act_needs_legal_review_and_discussion():
    office = Office().notified("return_land", complex="yes")
    assert "legal review is missing" in office.refused("decide", "2026-09-20", number="1")
    office.take("legal_review", "2026-09-18", opinion="return", reason="facts")
    assert "did not agree" in office.refused("decide", "2026-09-20", number="1")
    office.take("legal_review", "2026-09-18", opinion="pass")
    assert "collective discussion is missing" in office.refused("decide", "2026-09-20", number="1")
    office.take("discuss", "2026-09-18", members="Zhao,Sun,Wu", conclusion="agreed")
    assert office.take("decide", "2026-09-20", number="1").state.state is State.DECIDED


def test_a_plain_act_needs_neither():
    assert Office().notified("return_land").take("decide", "2026-09-20", number="1").state.number == "1"


def test_a_public_interest_needs_review_and_no_discussion():
    office = Office().notified("return_land", public_interest="yes")
    assert "legal review is missing" in office.refused("decide", "2026-09-20", number="1")
    office.take("legal_review", "2026-09-18", opinion="pass").take("decide", "2026-09-20", number="1")


@pytest.mark.parametrize(
    ("penalties", "yuan", "kind", "required"),
    [
        ("demolish", 0, "person", True),
        ("confiscate_buildings", 0, "organisation", True),
        ("return_land", 0, "organisation", False),
        ("fine", 19999.99, "organisation", False),
        ("fine", 20000, "organisation", True),
        ("fine", 999.99, "person", False),
        ("fine", 1000, "person", True),
    ],
)
def test_when_a_hearing_must_be_offered(penalties, yuan, kind, required):
    office = Office().file(party_kind=kind).take("investigate", "2026-09-02", officers="Li,Chen")
    office.take("report", "2026-09-08", complex="no", major="no", public_interest="no")
    office.take("notify", "2026-09-09", penalties=penalties, fine_yuan=yuan, received_on="2026-09-09")
    assert (office.state.hearing == "required") == required
    if required:
        assert "right to a hearing is missing" in office.refused("decide", "2026-09-20", number="1")


def test_the_decision_waits_for_statement_and_hearing_request():
    office = Office().notified("demolish")
    office.take("hearing_notice", "2026-09-10", received_on="2026-09-10")
    assert office.due("statement") == "2026-09-16"  # five working days after Wednesday 09-09
    assert office.due("hearing_request") == "2026-09-17"
    assert "until 2026-09-16" in office.refused("decide", "2026-09-16", number="1")
    assert "until 2026-09-17" in office.refused("decide", "2026-09-17", number="1")
    assert office.take("decide", "2026-09-18", number="1").state.state is State.DECIDED


def test_both_may_be_given_up_in_writing():
    office = Office().notified("demolish")
    office.take("hearing_notice", "2026-09-09", received_on="2026-09-09")
    assert "written waiver" in office.refused("statement", "2026-09-10", made="no")
    office.take("statement", "2026-09-10", made="no", papers=("waiver",))
    office.take("hearing_waive", "2026-09-10", reason="agrees", papers=("waiver",))
    assert office.take("decide", "2026-09-10", number="1").state.state is State.DECIDED


def test_a_statement_that_is_not_adopted_says_why():
    office = Office().notified("return_land")
    said = {"made": "yes", "content": "it was lawful"}
    assert "reason" in office.refused("statement", "2026-09-10", adopted="no", **said)
    office.take("statement", "2026-09-10", adopted="no", reason="no approval", **said)
    assert "until 2026-09-16" in office.refused("decide", "2026-09-11", number="1")  # it may be added to


def test_a_hearing_is_announced_seven_working_days_before_and_reviewed_after():
    office = Office().notified("demolish")
    office.take("hearing_notice", "2026-09-09", received_on="2026-09-09")
    office.take("hearing_request", "2026-09-10", requested_on="2026-09-10")
    assert "no day is set" in office.refused("hearing_hold", "2026-09-10", host="Wu")
    received = {"received_on": "2026-09-10"}
    first = STANDARDS.due("hearing_notice", date(2026, 9, 10)).day
    early = str(first - timedelta(days=1))
    assert f"from {first}" in office.refused("hearing_schedule", "2026-09-10", hearing_on=early, **received)
    office.take("hearing_schedule", "2026-09-10", hearing_on=str(first), **received)
    assert "hold it then" in office.refused("hearing_hold", early, host="Wu")
    office.take("hearing_hold", str(first), host="Wu")
    assert "a hearing was held" in office.refused("decide", "2026-09-25", number="1")
    office.take("legal_review", "2026-09-25", opinion="pass").take("decide", "2026-09-25", number="1")


def test_a_request_after_the_time_needs_a_good_reason():
    office = Office().notified("demolish")
    office.take("hearing_notice", "2026-09-09", received_on="2026-09-09")
    assert "ended on 2026-09-16" in office.refused("hearing_request", "2026-09-18", requested_on="2026-09-17")
    office.take("hearing_request", "2026-09-18", requested_on="2026-09-17", late_reason="flood")
    assert office.said["late_days"] == 1


# decision


def test_a_decision_does_not_go_beyond_its_notice():
    office = Office().notified("return_land,fine", 10000)
    assert "goes beyond the notice" in office.refused("decide", "2026-09-20", number="1", penalties="demolish")
    assert "goes beyond the notice" in office.refused("decide", "2026-09-20", number="1", fine_yuan=10001)
    office.take("decide", "2026-09-20", number="1", penalties="fine", fine_yuan=8000)
    assert (office.state.penalties, office.state.fine_yuan) == (("fine",), 8000)


def test_a_new_notice_asks_for_everything_again():
    office = Office().notified("return_land", complex="yes")
    office.take("legal_review", "2026-09-10", opinion="pass")
    office.take("discuss", "2026-09-10", members="Zhao,Sun", conclusion="demolish")
    office.take("notify", "2026-09-11", penalties="demolish", received_on="2026-09-11")
    assert office.due("statement") == "2026-09-18"
    assert "right to a hearing" in office.refused("decide", "2026-09-21", number="1")
    office.take("hearing_notice", "2026-09-11", received_on="2026-09-11")
    assert "legal review" in office.refused("decide", "2026-09-21", number="1")


def test_a_late_decision_stands_and_says_so():
    office = Office().notified("return_land").take("decide", "2026-12-02", number="1")
    assert office.said["late_days"] == 2


def test_a_verdict_that_was_put_right_stops_the_decision():
    office = Office().notified("return_land")
    office.facts = Facts(ground_checked=True, verdict="lawful")
    assert "needs the verdict violation" in office.refused("decide", "2026-09-20", number="1")


def test_the_scale_of_the_fine_is_shown_and_not_enforced():
    office = Office().notified("fine", 10)
    assert office.said["fine_scale_yuan"] == [100_000.0, 1_000_000.0]  # 100 to 1000 yuan for each of 1000 m²


def test_no_penalty_for_an_act_put_right_needs_that_and_the_education():
    office = Office().reported()
    minor = {"number": "2", "ground": "minor"}
    assert "put right" in office.refused("not_punish", "2026-09-10", **minor)
    office.facts = Facts(**{**vars(CHECKED), "corrected_at": noon("2026-09-05")})
    assert "record of education" in office.refused("not_punish", "2026-09-10", **minor)
    office.take("not_punish", "2026-09-10", papers=("education",), **minor)
    assert "no ground of closing holds" in office.refused("close", "2026-09-11", ground="not_punished")
    office.take("serve", "2026-09-11", received_on="2026-09-11", method="direct")
    assert "already" in office.refused("serve", "2026-09-11", received_on="2026-09-11", method="direct")
    assert office.take("close", "2026-09-11", ground="not_punished").state.state is State.CLOSED
    assert not office.state.dues


def test_an_act_that_is_not_established_needs_neither():
    Office().reported().take("not_punish", "2026-09-10", number="2", ground="not_established")


# service, payment, reconsideration, enforcement


def test_the_service_starts_the_time_to_pay_to_object_and_to_apply():
    office = Office().served("return_land,fine")
    dues = {key: due["day"] for key, due in office.state.dues.items()}
    assert dues["payment"] == "2026-10-08"  # 10-03 and the holiday after it are days off
    assert dues["reconsideration"] == "2026-11-17"
    assert dues["lawsuit"] == "2027-03-18"
    assert dues["court_application"] == "2027-06-18"
    assert dues["perform"] == "2026-10-12"
    assert {k for k, d in office.state.dues.items() if d["of"] == "office"} == {"court_application"}


def test_an_order_to_demolish_is_sued_against_within_fifteen_days():
    office = Office().served("demolish", 0)
    assert office.due("lawsuit") == "2026-10-08"
    assert office.due("court_application") == "2027-01-08"


def test_confiscated_buildings_are_handed_over_in_ninety_days():
    office = Office().served("confiscate_buildings", 0)
    assert office.due("hand_over") == "2026-12-17"
    assert "confiscate_buildings" in undone(office.state)
    office.take("hand_over", "2026-10-01", to="county government", confiscated_m2=200)
    assert (undone(office.state), office.state.confiscated_m2) == ([], 200)
    assert "nothing that is still" in office.refused("hand_over", "2026-10-02", to="county government")
    office.take("close", "2026-10-02", ground="executed")


def test_a_fine_is_paid_in_parts_and_late_by_three_percent_a_day():
    office = Office().served("fine", 10000)
    office.take("pay", "2026-10-08", yuan=4000, paid_on="2026-10-08")
    assert (office.said["late_days"], office.said["surcharge_yuan"]) == (0, 0.0)
    assert "6000 are unpaid" in office.refused("pay", "2026-10-18", yuan=6001, paid_on="2026-10-18")
    assert "no ground of closing holds" in office.refused("close", "2026-10-18", ground="executed")
    office.take("pay", "2026-10-18", yuan=6000, paid_on="2026-10-18")
    assert (office.said["late_days"], office.said["surcharge_yuan"]) == (10, 1800.0)  # 6000 × 3 % × 10
    assert office.take("close", "2026-10-18", ground="executed").state.ground == "executed"


def test_the_surcharge_is_at_most_the_fine():
    state = Office().served("fine", 10000).state
    assert surcharge(state, date(2026, 12, 31), 0.03) == (84, 10000)


def test_days_of_a_suit_carry_no_surcharge():
    office = Office().served("fine", 10000)
    office.take("hold", "2026-10-10", kind="lawsuit", started_on="2026-10-10", number="行初1")
    office.take("release", "2026-11-10", result="upheld", ended_on="2026-11-10")
    office.take("pay", "2026-11-12", yuan=10000, paid_on="2026-11-12")
    assert office.said["late_days"] == 4  # 10-09, 10-10, 11-11, 11-12


def test_the_court_is_asked_after_the_demand_and_after_the_time_to_object():
    office = Office().served("demolish", 0)
    assert "until 2026-10-12" in office.refused("urge", "2026-10-12", received_on="2026-10-12")
    office.take("urge", "2026-10-13", received_on="2026-10-13")
    assert office.due("urge") == "2026-10-27"
    assert "until 2026-10-27" in office.refused("apply", "2026-10-27", court="county court")
    assert "sue until 2026-11-17" in office.refused("apply", "2026-11-17", court="county court")
    office.take("apply", "2026-11-18", court="county court")
    assert office.take("close", "2026-11-19", ground="enforcement_applied").state.state is State.CLOSED


def test_an_application_after_three_months_needs_a_good_reason():
    office = Office().served("demolish", 0).take("urge", "2026-10-13", received_on="2026-10-13")
    assert "ended on 2027-01-08" in office.refused("apply", "2027-01-09", court="county court")
    office.take("apply", "2027-01-09", court="county court", late_reason="flood")


def test_a_performed_decision_is_not_enforced():
    office = Office().served("demolish", 0).take("execute", "2026-10-01", performed="demolish", demolished_m2=300)
    assert office.state.demolished_m2 == 300
    assert "nothing is left" in office.refused("urge", "2026-11-20", received_on="2026-11-20")
    assert "court_application" not in office.state.dues
    office.take("close", "2026-10-02", ground="executed")


def test_nothing_is_performed_twice_or_without_being_ordered():
    office = Office().served("demolish", 0)
    assert "open are demolish" in office.refused("execute", "2026-10-01", performed="return_land")
    office.take("execute", "2026-10-01", performed="demolish")
    assert "not open" in office.refused("execute", "2026-10-01", performed="demolish")


def test_closing_as_enforcement_applied_needs_the_application():
    office = Office().served("demolish,return_land", 0).take("execute", "2026-10-01", performed="demolish")
    assert "no ground of closing holds" in office.refused("close", "2026-10-01", ground="enforcement_applied")


def test_reconsideration_holds_everything_and_starts_the_time_to_sue():
    office = Office().served("fine", 10000)
    office.take("hold", "2026-10-10", kind="reconsideration", started_on="2026-10-10", number="复1")
    assert office.state.state is State.ON_HOLD
    assert "cannot take this step" in office.refused("urge", "2026-10-20", received_on="2026-10-20")
    office.take("release", "2026-12-01", result="upheld", ended_on="2026-12-01")
    assert (office.state.state, office.due("lawsuit")) == (State.SERVED, "2026-12-16")
    assert office.due("court_application") == "2027-03-16"
    assert "reconsideration" not in office.state.dues


def test_a_decision_that_is_changed_is_the_new_one():
    office = Office().served("return_land,fine", 10000)
    office.take("hold", "2026-10-10", kind="lawsuit", started_on="2026-10-10", number="行初1")
    office.take("release", "2026-12-01", result="changed", ended_on="2026-12-01", penalties="fine", fine_yuan=500)
    assert (office.state.penalties, office.state.fine_yuan) == (("fine",), 500)


def test_an_annulled_decision_is_withdrawn_from_publication_and_made_anew_or_dropped():
    office = Office().served("fine", 10000).take("publish", "2026-09-21", where="web site")
    office.take("hold", "2026-10-10", kind="lawsuit", started_on="2026-10-10", number="行初1")
    office.take("annul", "2026-12-01", reason="facts unclear", ended_on="2026-12-01")
    assert office.due("withdraw_publication") == "2026-12-04"
    assert set(office.state.dues) == {"withdraw_publication"}
    office.take("unpublish", "2026-12-02", reason="annulled")
    office.take("reinvestigate", "2026-12-03", reason="ordered by the court")
    assert (office.state.penalties, office.state.fine_yuan, office.state.hearing) == ((), 0, "")
    assert office.due("decision") == "2027-03-03"


def test_a_suspension_puts_the_decision_off():
    office = Office().file().take("suspend", "2026-09-10", reason="waits for a court")
    assert office.state.dues["decision"]["paused"]
    assert "end its execution" not in str(possible(office.state, None, CHECKED))
    office.take("resume", "2026-09-20", reason="court has ruled")
    assert (office.state.state, office.due("decision")) == (State.FILED, "2026-12-10")


def test_what_is_suspended_ends_as_what_it_was():
    office = Office().file().take("suspend", "2026-09-10", reason="party died")
    assert "no decision in force" in office.refused("end_execution", "2026-09-11", reason="no heir")
    office.take("terminate", "2026-09-11", reason="no heir").take("close", "2026-09-11", ground="investigation_ended")
    office = Office().served("demolish", 0).take("execute", "2026-10-01", performed="demolish")
    office.take("suspend", "2026-10-02", reason="objection")
    assert "decision is in force" in office.refused("terminate", "2026-10-03", reason="x")
    office.take("end_execution", "2026-10-03", reason="ruling").take("close", "2026-10-03", ground="execution_ended")


def test_a_ground_of_closing_fits_its_state():
    office = Office().file().take("refer", "2026-09-02", to="municipal office", reason="jurisdiction")
    assert "does not hold" in office.refused("close", "2026-09-03", ground="executed")
    assert office.take("close", "2026-09-03", ground="referred").state.closed_on == date(2026, 9, 3)


def test_days_beyond_the_published_calendar_are_provisional_and_counted_again():
    office = Office().served("fine", 10000)
    provisional = {k for k, d in office.state.dues.items() if d["provisional"]}
    assert provisional == {"lawsuit", "court_application"}
    office.take("recount", "2026-09-19", by=Actor("gengxun", "system"))
    assert office.due("court_application") == "2027-06-18"  # no table was added: nothing moved


def test_what_runs_is_listed_with_who_must_act():
    found = running(Office().served("return_land,fine").state.dues, date(2026, 10, 10))
    assert [(r.key, r.of, r.days_left, r.provisional) for r in found] == [
        ("payment", "party", -2, False),
        ("perform", "party", 2, False),
        ("reconsideration", "party", 38, False),
        ("lawsuit", "party", 159, True),
        ("court_application", "office", 251, True),
    ]
    assert found[0].name == {"zh": "缴纳罚款", "en": "payment of the fine"}
    paused = Office().file().take("suspend", "2026-09-10", reason="x").state
    assert [r.days_left for r in running(paused.dues, date(2027, 1, 1))] == [None]


def test_a_caller_cannot_write_what_is_computed():
    office = Office().file(state="CLOSED", sets={"ground": "executed"}, ends=["decision"], late_days=9)
    assert (office.state.state, office.state.ground, set(office.state.dues)) == (State.FILED, "", {"decision"})
    assert "late_days" not in office.said


# the table


def states_reached() -> dict[State | None, Proceeding | None]:
    """A proceeding in every state, by steps that are allowed."""
    found: dict[State | None, Proceeding | None] = {None: None}

    def keep(office: Office) -> Office:
        found.setdefault(office.state.state, office.state)
        return office

    keep(Office().file())
    keep(Office().file().take("suspend", "2026-09-02", reason="x"))
    keep(Office().file().take("withdraw", "2026-09-02", reason="x"))
    keep(Office().file().take("terminate", "2026-09-02", reason="x"))
    keep(Office().file().take("refer", "2026-09-02", to="x", reason="x")).take("close", "2026-09-02", ground="referred")
    keep(Office().file().take("refer", "2026-09-02", to="x", reason="x").take("close", "2026-09-02", ground="referred"))
    keep(Office().file().take("investigate", "2026-09-02", officers="Li,Chen"))
    keep(Office().reported())
    keep(Office().reported().take("not_punish", "2026-09-09", number="1", ground="not_established"))
    keep(Office().notified("demolish"))
    hearing = Office().notified("demolish").take("hearing_notice", "2026-09-09", received_on="2026-09-09")
    keep(hearing.take("hearing_request", "2026-09-10", requested_on="2026-09-10"))
    keep(Office().notified("return_land").take("decide", "2026-09-20", number="1"))
    keep(Office().served("demolish", 0))
    held = Office().served("demolish", 0)
    keep(held.take("hold", "2026-09-21", kind="lawsuit", started_on="2026-09-21", number="1"))
    keep(held.take("annul", "2026-10-21", reason="x", ended_on="2026-10-21"))
    keep(Office().served("demolish", 0).take("execute", "2026-10-01", performed="demolish"))
    keep(Office().served("demolish", 0).take("end_execution", "2026-10-01", reason="x"))
    urged = keep(Office().served("demolish", 0).take("urge", "2026-10-13", received_on="2026-10-13"))
    keep(urged.take("apply", "2026-11-18", court="x"))
    return found


def test_every_state_can_be_reached():
    assert set(states_reached()) == {None, *State}


def test_whatever_the_table_does_not_have_is_refused():
    tried = 0
    for (now, state), step, role in product(states_reached().items(), Step, [*Role, "nobody"]):
        way = TABLE[step]
        if now in way.ways and str(role) in way.roles:
            continue
        tried += 1
        with pytest.raises(StepRefused) as refusal:
            decide(
                state,
                step,
                {"proceeding": "1", "papers": list(way.papers)},
                at=noon("2026-12-01"),
                by=Actor("Somebody", str(role)),
                facts=CHECKED,
                standards=STANDARDS,
            )
        text = str(refusal.value)
        assert "cannot take this step" in text or "is a step of" in text
    assert tried == len([None, *State]) * len(Step) * 9 - sum(len(w.ways) * len(w.roles) for w in TABLE.values())


def test_an_unknown_step_is_refused():
    with pytest.raises(StepRefused, match="no step of a proceeding"):
        decide(None, "fly", {}, at=noon("2026-09-01"), by=LEADER, facts=CHECKED, standards=STANDARDS)


def test_every_key_of_the_table_has_its_words():
    names = words("proceeding")
    for step, way in TABLE.items():
        assert names.steps[step]
        assert all(names.papers[key] for key in way.papers)
        assert all(names.fields[key] for key in way.needs)
        assert all(names.roles[key] for key in way.roles)
    assert all(names.states[state] for state in State)


def test_every_refusal_has_its_chinese():
    known, missing = catalogue(), set()
    for path in (Path(__file__).parents[3] / "pipeline/cases").glob("[fptcl]*.py"):
        for call in (n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call)):
            text = call.args[0] if call.args else None
            if isinstance(text, ast.Constant) and str(text.value).startswith("{step}"):
                missing |= {text.value} - set(known)
    assert not missing


def test_a_final_state_has_no_way_out():
    for step, way in TABLE.items():
        assert State.CLOSED not in way.ways, step
        assert State.WITHDRAWN not in way.ways, step
        assert all(to == BACK or to in set(State) for to in way.ways.values())


def test_possible_lists_what_the_table_has_and_says_what_is_missing():
    for now, state in states_reached().items():
        found = {p.step for p in possible(state, None, CHECKED)}
        assert found == {s.value for s, w in TABLE.items() if now in w.ways}
    office = Office().notified("demolish")
    (deciding,) = [p for p in possible(office.state, "leader", CHECKED) if p.step == "decide"]
    assert "right to a hearing is missing" in deciding.missing["en"]
    assert "听证" in deciding.missing["zh"]
    (waiting,) = [p for p in possible(office.state, "leader", CHECKED, on=date(2026, 9, 10)) if p.step == "decide"]
    assert "2026-09-16" in waiting.missing["en"]
    (serving,) = [p for p in possible(Office().served("demolish", 0).state, None, CHECKED) if p.step == "execute"]
    assert (serving.missing, dict(serving.needs)["performed"]["zh"]) == (None, "已履行内容")
    assert next(p.missing["en"] for p in possible(None, "leader", Facts())).startswith("File")


def test_every_step_is_json_and_in_order():
    office = Office().served("demolish,fine", 30000)
    assert [t.step for t in office.state.steps] == [
        "file", "investigate", "report", "notify", "hearing_notice", "decide", "serve",
    ]  # fmt: skip
    assert json.loads(json.dumps(office.said)) == office.said


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_way_through_the_table_replays_to_the_same_state(data):
    """Random allowed steps with whatever they need; what decide lets pass, evolve replays alike from JSON."""
    state, kept, day = None, [], date(2026, 9, 1)
    for _ in range(data.draw(st.integers(1, 14))):
        steps = [s for s, w in TABLE.items() if (None if state is None else state.state) in w.ways]
        if not steps:
            break
        step = data.draw(st.sampled_from(steps))
        day += timedelta(days=data.draw(st.integers(0, 9)))
        role = TABLE[step].roles[-1]
        by = Actor({"leader": "Zhao", "legal_reviewer": "Wu"}.get(role, "Li"), role)
        payload = anything(state, step, day, data)
        try:
            done = decide(state, step, payload, at=noon(day), by=by, facts=CHECKED, standards=STANDARDS)
        except StepRefused:
            continue
        kept.append((json.loads(json.dumps(done)), noon(day), by.name, by.role))
        state = evolve(state, done, noon(day), by.name, by.role)
        assert set(state.dues) <= {k for d, *_ in kept for k in d["dues"]}
    again = None
    for payload, at, name, role in kept:
        again = evolve(again, payload, at, name, role)
    assert again == state


def anything(state: Proceeding | None, step: Step, day: date, data) -> dict:
    on = day.isoformat()
    given = {
        "cause": "77", "party": "A", "party_kind": "person", "authority": "x", "approved_by": "Sun",
        "officers": "Li,Chen", "items": "x", "result": "upheld", "reason": "x", "from": "2026-09-01", "to": on,
        "complex": "no", "major": "no", "public_interest": "no", "opinion": "pass", "fine_yuan": 500, "yuan": 100,
        "received_on": on, "made": "no", "requested_on": on, "hearing_on": str(day + timedelta(days=20)),
        "host": "Wu", "members": "Sun,Wu", "conclusion": "x", "number": "1", "method": "direct",
        "perform_by": on, "where": "x", "paid_on": on, "until": str(day + timedelta(days=9)), "started_on": on,
        "ended_on": on, "court": "x", "late_reason": "x", "kind": "lawsuit",
    }  # fmt: skip
    penalties = data.draw(st.sampled_from(["fine", "demolish", "fine,return_land", "confiscate_buildings"]))
    ground = {"exclude": "appraisal", "not_punish": "not_established"}.get(step.value)
    ground = ground or data.draw(st.sampled_from(["executed", "enforcement_applied", "not_punished", "referred"]))
    performed = [p for p in (state.penalties if state else ()) if p in ("demolish", "return_land")] or "demolish"
    return {
        **given, "proceeding": "1", "penalties": penalties, "ground": ground, "performed": performed,
        "papers": [*TABLE[step].papers, "waiver"],
    }  # fmt: skip
