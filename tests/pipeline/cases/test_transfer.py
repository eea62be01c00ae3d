import json
from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geodata.area import M2_PER_MU
from pipeline.cases.events import Actor, Role
from pipeline.cases.facts import Facts
from pipeline.cases.proceeding_law import words
from pipeline.cases.refusal import StepRefused
from pipeline.cases.standards import standards
from pipeline.cases.transfer import RECEIVERS, STATES, TABLE, Transfer, assess, decide, evolve, possible

STANDARDS = standards(date(2026, 9, 1))
CHECKED = Facts(ground_checked=True, verdict="violation", party="A factory")
ACTORS = {role: Actor(name, role) for name, role in (("Li", "district_officer"), ("Zhao", "leader"))}
DAY = date(2026, 9, 1)


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GENGXUN_LANG", "en")


class Office:
    def __init__(self, to: str, facts: Facts = CHECKED):
        self.to, self.facts, self.state, self.said = to, facts, None, {}

    def take(self, step: str, at: str, without=(), **payload):
        """at: the time in Beijing at which it is recorded."""
        way, when = TABLE[self.to][step], datetime.fromisoformat(f"{at}+08:00")
        by = ACTORS[way.roles[0]]
        given = {"transfer": "1", "to": self.to, "papers": [p for p in way.papers if p not in without], **payload}
        self.said = decide(self.state, step, given, at=when, by=by, facts=self.facts, standards=STANDARDS)
        assert json.loads(json.dumps(self.said)) == self.said
        self.state = evolve(self.state, self.said, when, by.name, by.role)
        return self

    def refused(self, step: str, at: str, **payload) -> str:
        with pytest.raises(StepRefused) as refusal:
            self.take(step, at, **payload)
        return str(refusal.value)

    def reported(self):
        self.take("team", "2026-09-01T09:00", officers="Li,Chen")
        return self.take("report", "2026-09-02T09:00")

    def approved(self):
        return self.reported().take("approve", "2026-09-04T10:00", approved_at="2026-09-04T10:00")

    def received(self):
        self.approved().take(
            "send", "2026-09-05T09:00", organ="county police", sent_at="2026-09-05T09:00", copied_to="procuratorate"
        )
        return self.take("receipt", "2026-09-05T10:00", number="R1", received_at="2026-09-05T10:00")

    def declined(self):
        return self.received().take("decline", "2026-09-08T10:00", reason="area", received_on="2026-09-08")


# thresholds


@pytest.mark.parametrize(
    ("basic_mu", "farm_mu", "reached"),
    [
        (5, 5, ("basic_farmland",)),
        (4.99, 4.99, ()),
        (0, 10, ("farmland",)),
        (0, 9.99, ()),
        (5, 15, ("basic_farmland", "farmland")),
        (4, 13.99, ()),
        (0, 0, ()),
    ],
)
def test_each_threshold_alone_and_the_number_itself_reaches_it(basic_mu, farm_mu, reached):
    found = assess(basic_mu * M2_PER_MU, farm_mu * M2_PER_MU, day=DAY)
    assert (found.reached, found.alone) == (reached, reached)


def test_the_combined_ratio_is_for_legal_review_only():
    found = assess(4 * M2_PER_MU, 6 * M2_PER_MU, day=DAY)  # 4/5 + 2/10
    assert found.ratio == pytest.approx(1.0)
    assert found.for_legal_review
    assert found.reached == ()
    assert found.left_m2["basic_farmland"] == pytest.approx(M2_PER_MU)
    assert found.left_m2["farmland"] == pytest.approx(8 * M2_PER_MU)
    assert "10亩" in found.article["zh"]
    assert not assess(4 * M2_PER_MU, 5.9 * M2_PER_MU, day=DAY).for_legal_review
    assert not assess(5 * M2_PER_MU, 5 * M2_PER_MU, day=DAY).for_legal_review  # it is more than that


def at(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T04:00:00+00:00")


def test_acts_of_one_year_are_added_up():
    earlier = [
        (at("2025-08-31"), 0.0, 9 * M2_PER_MU),  # a day more than a year
        (at("2025-09-01"), 0.0, 4 * M2_PER_MU),
        (at("2026-03-01"), 2 * M2_PER_MU, 2 * M2_PER_MU),
        (at("2026-09-02"), 0.0, 9 * M2_PER_MU),  # after this one
    ]
    found = assess(0.0, 6 * M2_PER_MU, earlier, day=DAY)
    assert (found.counted, found.reached, found.alone) == (2, ("farmland",), ())
    assert found.other_farmland_m2 == pytest.approx(10 * M2_PER_MU)
    assert found.basic_farmland_m2 == pytest.approx(2 * M2_PER_MU)


def test_a_year_before_the_29th_of_february_ends_on_the_28th():
    acts = [(at("2027-02-28"), 0.0, 1000.0), (at("2027-02-27"), 0.0, 1000.0)]
    assert assess(0.0, 0.0, acts, day=date(2028, 2, 29)).counted == 1


@given(st.lists(st.tuples(st.floats(0, 1e5), st.floats(0, 1e5)), max_size=6), st.floats(0, 1e5), st.floats(0, 1e5))
def test_an_earlier_act_never_makes_it_less(acts, basic, farm):
    alone = assess(basic, farm, day=DAY)
    together = assess(basic, farm, [(at("2026-08-01"), b, f) for b, f in acts], day=DAY)
    assert set(alone.reached) <= set(together.reached)
    assert together.ratio >= alone.ratio
    assert together.alone == alone.alone


# police


def test_no_transfer_before_the_ground_check_and_none_to_the_police_without_a_violation():
    for to in RECEIVERS:
        opening = next(s for s, way in TABLE[to].items() if None in way.ways)
        assert "clue until its ground was checked" in Office(to, Facts()).refused(opening, "2026-09-01T09:00")
    lawful = Facts(ground_checked=True, verdict="lawful")
    assert "police take a violation" in Office("police", lawful).refused("team", "2026-09-01T09:00", officers="A,B")
    Office("agriculture", lawful).take("letter", "2026-09-01T09:00", organ="agriculture", reason="rural house")


@pytest.mark.parametrize("verdict", ["lawful", "false_change", "basemap_wrong"])
def test_nothing_goes_to_agriculture_where_the_check_found_no_matter(verdict):
    office = Office("agriculture", Facts(ground_checked=True, verdict=verdict, outcome=verdict))
    said = office.refused("letter", "2026-09-01T09:00", organ="farm office", reason="crops")
    assert "nothing to hand to agriculture" in said
    assert all(one.missing for one in possible(None, None, office.facts) if one.state == "agriculture:SENT")


def test_what_runs_takes_its_answers_after_the_verdict_was_returned():
    office = Office("agriculture").take("letter", "2026-09-01T09:00", organ="farm office", reason="crops")
    office.facts = Facts()
    office.take("receipt", "2026-09-02T10:00", number="R1", received_at="2026-09-02T09:00")
    office.take("return", "2026-09-03T10:00", reason="not ours")
    assert "clue until its ground was checked" in office.refused(
        "letter", "2026-09-04T10:00", organ="farm office", reason="crops"
    )
    police = Office("police").approved()
    police.facts = Facts()
    said = police.refused("send", "2026-09-04T12:00", organ="police", sent_at="2026-09-04T12:00", copied_to="x")
    assert "clue until its ground was checked" in said
    police = Office("police").received()
    police.facts = Facts()
    assert police.take("decline", "2026-09-08T10:00", reason="area", received_on="2026-09-08").state.state == "DECLINED"


def test_two_officers_report_and_the_head_decides_in_three_days():
    assert "two officers" in Office("police").refused("team", "2026-09-01T09:00", officers="Li")
    office = Office("police").reported()
    assert office.state.dues["transfer_decision"]["day"] == "2026-09-05"
    office.take("approve", "2026-09-07T09:00", approved_at="2026-09-07T09:00")
    assert office.said["late_days"] == 2


def test_what_is_approved_is_sent_in_24_hours():
    office = Office("police").approved()
    assert office.state.dues["transfer_delivery"]["at"] == "2026-09-05T10:00:00+08:00"
    sent = {"organ": "county police", "copied_to": "procuratorate"}
    assert "property_list" in office.refused(
        "send", "2026-09-05T10:00", sent_at="2026-09-05T10:00", without=("property_list",), **sent
    )
    assert "lies after" in office.refused("send", "2026-09-05T10:00", sent_at="2026-09-05T10:01", **sent)
    office.take("send", "2026-09-05T13:00", sent_at="2026-09-05T11:30", **sent)
    assert office.said["late_hours"] == 1.5
    assert office.state.dues == {}


def test_the_numbers_of_the_forms_are_the_same_papers():
    office = Office("police").approved()
    office.take(
        "send", "2026-09-05T09:00", organ="x", sent_at="2026-09-05T09:00", copied_to="y",
        papers="4001, 2003, property_list",
    )  # fmt: skip
    assert office.state.state == "SENT"


def test_a_refused_transfer_keeps_its_reason_and_may_be_taken_up_again():
    office = Office("police").reported()
    assert "reason" in office.refused("refuse", "2026-09-03T09:00")
    office.take("refuse", "2026-09-03T09:00", reason="below the threshold")
    assert office.state.steps[-1]["reason"] == "below the threshold"
    office.take("team", "2026-09-10T09:00", officers="Li,Chen").take("report", "2026-09-10T09:00")


def test_the_police_sign_and_review_in_three_days():
    office = Office("police").received()
    assert office.state.receipts == ({"number": "R1", "received_at": "2026-09-05T10:00:00+08:00", "on": "2026-09-05"},)
    assert {**office.state.dues["police_review"], "source": "", "name": ""} == {
        "day": "2026-09-08", "start": "2026-09-05", "n": 3, "unit": "days", "provisional": False, "source": "",
        "name": "", "of": "police",
    }  # fmt: skip
    assert office.state.dues["police_supplement_notice"]["at"] == "2026-09-06T10:00:00+08:00"


def test_more_material_is_given_in_three_days():
    office = Office("police").received()
    office.take("ask_supplement", "2026-09-06T09:00", items="appraisal", asked_at="2026-09-06T09:00")
    assert office.state.dues["police_supplement"]["day"] == "2026-09-09"
    office.take("supplement", "2026-09-11T09:00", items="appraisal", sent_at="2026-09-11T09:00")
    assert (office.state.state, office.said["late_days"]) == ("RECEIVED", 2)
    assert office.state.dues["police_review"]["day"] == "2026-09-14"


def test_a_police_case_gets_the_materials_in_three_days():
    office = Office("police").received().take("accept", "2026-09-08T10:00", number="L1", received_on="2026-09-08")
    assert set(office.state.dues) == {"hand_over_materials"}
    assert office.state.dues["hand_over_materials"]["day"] == "2026-09-11"
    office.take("hand_over", "2026-09-10T10:00", signed_by="officer Wang")
    assert (office.state.state, len(office.state.receipts)) == ("HANDED_OVER", 2)


def test_a_refusal_is_reconsidered_then_supervised():
    office = Office("police").declined()
    assert office.state.dues["police_reconsideration"]["day"] == "2026-09-11"
    office.take("reconsider", "2026-09-11T10:00", reason="area is enough")
    assert office.state.dues["police_reconsideration_decision"]["day"] == "2026-09-14"
    office.take("uphold", "2026-09-14T10:00", received_on="2026-09-14")
    assert office.state.dues["prosecutor"]["day"] == "2026-09-17"
    office.take("supervise", "2026-09-15T10:00", organ="procuratorate")
    assert office.state.dues == {}
    office.take("accept", "2026-09-25T10:00", number="L1", received_on="2026-09-25")
    assert office.state.state == "ACCEPTED"


def test_after_the_time_for_reconsideration_the_procuratorate_may_still_be_asked():
    office = Office("police").declined()
    assert "ended on 2026-09-11" in office.refused("reconsider", "2026-09-12T10:00", reason="x")
    office.take("supervise", "2026-09-12T10:00", organ="procuratorate")


def test_what_comes_back_is_the_offices_again():
    office = Office("police").declined().take("return", "2026-09-09T10:00", reason="no crime")
    assert (office.state.state, office.state.dues) == ("RETURNED", {})


def test_a_receipt_comes_from_its_step_only():
    office = Office("police").approved()
    office.take(
        "send", "2026-09-05T09:00", organ="x", sent_at="2026-09-05T09:00", copied_to="y", receipt={"number": "R0"}
    )
    assert office.state.receipts == ()


# agriculture and discipline


@pytest.mark.parametrize(("to", "paper"), [("agriculture", "transfer_letter"), ("discipline", "4002")])
def test_a_letter_is_answered_by_a_letter(to, paper):
    office = Office(to)
    letter = {"organ": "bureau", "reason": "rural house"}
    assert paper in office.refused("letter", "2026-09-01T09:00", without=(paper,), **letter)
    office.take("letter", "2026-09-01T09:00", **letter)
    received = {"number": "A7", "received_at": "2026-09-03T09:00"}
    assert "transfer_receipt" in office.refused(
        "receipt", "2026-09-03T10:00", without=("transfer_receipt",), **received
    )
    office.take("receipt", "2026-09-03T10:00", **received).take("result", "2026-10-01T09:00", result="demolished")
    assert (office.state.state, office.state.receipts[0]["number"]) == ("DONE", "A7")


def test_a_letter_that_comes_back_is_sent_again():
    office = Office("agriculture").take("letter", "2026-09-01T09:00", organ="bureau", reason="rural house")
    office.take("return", "2026-09-02T09:00", reason="map is missing")
    office.take("letter", "2026-09-03T09:00", organ="bureau", reason="rural house, with map")
    assert office.state.state == "SENT"


def test_only_a_leader_transfers_to_discipline():
    with pytest.raises(StepRefused, match="is a step of leader, not of district officer"):
        decide(
            None, "letter", {"transfer": "1", "to": "discipline"}, at=at("2026-09-01"),
            by=ACTORS["district_officer"], facts=CHECKED, standards=STANDARDS,
        )  # fmt: skip


def test_an_unknown_receiver_is_refused():
    with pytest.raises(StepRefused, match="police / agriculture / discipline"):
        decide(
            None, "letter", {"transfer": "1", "to": "army"}, at=at("2026-09-01"), by=ACTORS["leader"],
            facts=CHECKED, standards=STANDARDS,
        )  # fmt: skip


# the table


def test_whatever_the_table_does_not_have_is_refused():
    every = sorted({step for rows in TABLE.values() for step in rows})
    tried = 0
    for to in RECEIVERS:
        for now, step, role in product(STATES[to], every, [*Role, "nobody"]):
            way = TABLE[to].get(step)
            if way is not None and now in way.ways and str(role) in way.roles:
                continue
            tried += 1
            state = None if now is None else Transfer("1", to, now, steps=({"on": "2026-09-01"},))
            with pytest.raises(StepRefused) as refusal:
                decide(
                    state, step, {"transfer": "1", "to": to}, at=at("2026-09-02"), by=Actor("Somebody", str(role)),
                    facts=CHECKED, standards=STANDARDS,
                )  # fmt: skip
            assert any(s in str(refusal.value) for s in ("no step of", "cannot take this step", "is a step of"))
    assert tried == 9 * len(every) * sum(map(len, STATES.values())) - sum(
        len(way.ways) * len(way.roles) for rows in TABLE.values() for way in rows.values()
    )


def test_every_key_has_its_words():
    names = words("transfer")
    for rows in TABLE.values():
        for step, way in rows.items():
            assert names.steps[step]
            assert all(names.papers[p] for p in way.papers)
            assert all(names.fields[n] for n in way.needs)
    assert all(names.states[s] for states in STATES.values() for s in states if s)


def test_possible_lists_the_table():
    opening = possible(None, None, CHECKED)
    assert {p.state for p in opening} == {"police:TEAM", "agriculture:SENT", "discipline:SENT"}
    assert all(p.missing is None and "to" in p.needs for p in opening)
    assert all(p.missing for p in possible(None, None, Facts()))
    office = Office("police").received()
    assert {p.step for p in possible(office.state, None, CHECKED)} == {
        "ask_supplement", "redirect", "accept", "decline",
    }  # fmt: skip
    assert possible(office.state, "leader", CHECKED) == []


def test_times_are_kept_in_order():
    office = Office("police").reported()
    assert "lies before 2026-09-02" in office.refused(
        "approve", "2026-09-04T10:00", approved_at="2026-09-04T10:00", on="2026-09-01"
    )
    assert datetime.fromisoformat(office.state.steps[0]["at"]).astimezone(UTC) - timedelta(hours=1) == datetime(
        2026, 9, 1, 0, tzinfo=UTC
    )


@given(st.data())
def test_any_way_through_the_table_replays_to_the_same_state(data):
    """The order of steps is drawn from the table; JSON of the payloads gives the same state again."""
    to, state, kept, when = data.draw(st.sampled_from(RECEIVERS)), None, [], at("2026-09-01")
    for _ in range(data.draw(st.integers(1, 12))):
        now = None if state is None else state.state
        steps = [step for step, way in TABLE[to].items() if now in way.ways]
        if not steps:
            break
        step = data.draw(st.sampled_from(steps))
        when += timedelta(hours=data.draw(st.integers(0, 60)))
        given = dict.fromkeys(("reason", "organ", "number", "result", "signed_by"), "x")
        given |= {"officers": "A,B", "items": "x", "copied_to": "x", "received_on": when.date().isoformat()}
        given |= dict.fromkeys(("approved_at", "sent_at", "received_at", "asked_at"), when.isoformat())
        way = TABLE[to][step]
        given |= {"transfer": "1", "to": to, "papers": list(way.papers)}
        by = Actor("Somebody", way.roles[0])
        try:
            done = decide(state, step, given, at=when, by=by, facts=CHECKED, standards=STANDARDS)
        except StepRefused:
            continue  # the time for reconsideration is over
        kept.append((json.loads(json.dumps(done)), when, by.name, by.role))
        state = evolve(state, done, when, by.name, by.role)
    again = None
    for payload, time, name, role in kept:
        again = evolve(again, payload, time, name, role)
    assert again == state
