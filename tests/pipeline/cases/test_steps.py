"""The table of steps: what is not in it is refused; what is in it needs its proof; any walk replays."""

from __future__ import annotations

import dataclasses
import json
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely.geometry import box, mapping

from geodata.words import use
from pipeline.cases.case import AREAS, Case, Part, evolve
from pipeline.cases.events import GENESIS, SYSTEM, Actor, Event, Kind, Role, from_row, to_row
from pipeline.cases.evidence import to_json as evidence_json
from pipeline.cases.refusal import StepRefused
from pipeline.cases.rows import case_row, on_day
from pipeline.cases.standards import standards
from pipeline.cases.steps import World, decide, possible
from pipeline.cases.table import NEXT, STAGE_OF, WHOLE, Stage, Status
from pipeline.confirm import Look
from pipeline.confirm import to_json as look_json
from pipeline.flags import to_json as flag_json
from pipeline.recheck import Recheck
from pipeline.recheck import to_json as recheck_json
from tests.pipeline.cases.lives import (
    ADMIN,
    FIRST,
    INSPECTOR,
    LEADER,
    LEGAL,
    OFFICER,
    REVIEWER,
    SENSING,
    START,
    Office,
    clue,
    halves,
    photo,
    sha,
)
from tests.pipeline.invented_flags import BEFORE_AT, flag, inspection

SECOND = "430321-2026-00002"
PEOPLE = {a.role: a for a in (SENSING, OFFICER, INSPECTOR, REVIEWER, LEGAL, LEADER, ADMIN, SYSTEM)}
RULES = standards(START.date())


@pytest.fixture(autouse=True)
def english():
    use("en")
    yield
    use(None)


@pytest.fixture
def office(tmp_path):
    made = Office(tmp_path / "ledger.db")
    made.found()
    yield made
    made.ledger.close()


def refused(office: Office, *args: Any, **payload: Any) -> str:
    """The sentence; and nothing was written."""
    before = len(office.ledger.events())
    with pytest.raises(StepRefused) as error:
        office.do(*args, **payload)
    assert len(office.ledger.events()) == before
    return str(error.value)


# --- the table -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def at_each(tmp_path_factory) -> dict[Status, Case]:
    """A case that stands at each status, brought there by its steps."""
    found: dict[Status, Case] = {}
    office = Office(tmp_path_factory.mktemp("each") / "ledger.db")
    office.found()
    office.do(Kind.DISMISSED, SENSING, SECOND, reason="云影")
    found[Status.DISMISSED] = office.ledger.case(SECOND)
    found[Status.SUSPECTED] = office.ledger.case(FIRST)
    office.dispatched()
    found[Status.DISPATCHED] = office.ledger.case(FIRST)
    office.violation()
    office.ordered()
    found[Status.RECTIFYING] = office.ledger.case(FIRST)
    office.reported()
    found[Status.REPORTED] = office.ledger.case(FIRST)
    office.later()
    office.proof()
    office.accepted()
    found[Status.CLOSED] = office.ledger.case(FIRST)
    office.ledger.close()
    assert all(case.status is status for status, case in found.items())
    return found


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("kind", list(Kind))
def test_what_the_table_lacks_is_refused_to_every_role(at_each, status: Status, kind: Kind) -> None:
    case, step = at_each[status], NEXT.get((status, kind))
    world = World(case.latest_at, RULES)
    for role in Role:
        if step is not None and role in step.roles:
            continue
        with pytest.raises(StepRefused) as error:
            decide(case, kind, payload_of(case, case.parts[0], kind), PEOPLE[role.value], world)
        assert case.number in str(error.value)


@pytest.mark.parametrize(("status", "kind"), [key for key in NEXT if key[0] is not None])
def test_what_a_step_needs_is_asked_for_by_name(at_each, status: Status, kind: Kind) -> None:
    case, step = at_each[status], NEXT[status, kind]
    by = PEOPLE[min(step.roles)]
    given = payload_of(case, case.parts[0], kind)
    for name in step.needs:
        without = {k: v for k, v in given.items() if k != name}
        with pytest.raises(StepRefused, match=rf"\b{name}\b"):
            decide(case, kind, without, by, World(case.latest_at, RULES))


def test_the_table_reads_as_the_three_stages_say() -> None:
    """Every status is left by something, and reached from the founding of a case."""
    assert {s for s, _ in NEXT if s} == set(Status) == set(STAGE_OF)
    reached = {to for step in NEXT.values() for to in step.to}
    assert reached == set(Status)
    assert {STAGE_OF[s] for s in Status} == set(Stage)


def test_an_event_that_the_table_lacks_cannot_be_replayed_either(at_each) -> None:
    event = made_event(at_each[Status.SUSPECTED], Kind.ACCEPTED, REVIEWER, {"part": "", "outcome": "rectified"})
    with pytest.raises(StepRefused):
        evolve(at_each[Status.SUSPECTED], event)
    wrong_role = made_event(at_each[Status.REPORTED], Kind.ACCEPTED, INSPECTOR, {"part": "", "outcome": "rectified"})
    with pytest.raises(StepRefused):
        evolve(at_each[Status.REPORTED], wrong_role)
    leap = made_event(at_each[Status.DISPATCHED], Kind.VERDICT, INSPECTOR, {"part": "", "to": "CLOSED"})
    with pytest.raises(StepRefused, match="CLOSED"):
        evolve(at_each[Status.DISPATCHED], leap)


# --- 发现 ----------------------------------------------------------------------------------------


def test_one_scene_alone_is_not_dispatched_without_a_reason(office) -> None:
    assert "one scene alone" in refused(office, Kind.DISPATCHED, SENSING, to_whom="周建军")
    event = office.do(Kind.DISPATCHED, SENSING, to_whom="周建军", reason="顶棚清晰可见")
    assert event.payload["confirmed_by"] == "person"
    row = office.ledger.rows(status="DISPATCHED")[0]
    # 15 working days after Friday 20 November 2026: Friday 11 December
    assert (row["assignee"], row["due_at"], row["due_what"]) == ("周建军", "2026-12-11", "check")


def test_a_last_day_beyond_two_years_is_a_slip_of_the_pen(office) -> None:
    say = {"to_whom": "周建军", "reason": "顶棚清晰可见"}
    assert "give one until 2028-11-19" in refused(office, Kind.DISPATCHED, SENSING, **say, due_on="2099-01-01")
    office.do(Kind.DISPATCHED, SENSING, **say, due_on="2028-11-19")
    assert office.ledger.rows()[0]["due_at"] == "2028-11-19"


def test_a_second_scene_or_a_clue_from_outside_confirms(office) -> None:
    office.ledger.record(inspection(after="c"), [flag(0, after="c")], SYSTEM)
    assert office.do(Kind.DISPATCHED, SENSING, to_whom="甲").payload["confirmed_by"] == "imagery"
    office.ledger.receive([clue(1)], ADMIN)
    assert office.do(Kind.DISPATCHED, SENSING, SECOND, to_whom="甲").payload["confirmed_by"] == "clue"


def test_nothing_of_a_penalty_comes_before_the_ground_check(office) -> None:
    for kind, payload in (
        (Kind.ORDERED, {"rectification": "restored_tillage"}),
        (Kind.PROCEEDING, {"step": "file"}),
        (Kind.TRANSFER, {"step": "letter", "to": "police"}),
        (Kind.LENIENCY, {}),
    ):
        assert "stands at SUSPECTED" in refused(office, kind, OFFICER, **payload)
    office.dispatched()
    assert "stands at DISPATCHED" in refused(office, Kind.ORDERED, OFFICER, rectification="restored_tillage")
    for kind, payload in ((Kind.PROCEEDING, {"step": "file"}), (Kind.TRANSFER, {"step": "letter", "to": "police"})):
        assert "the ground is not checked yet" in refused(office, kind, OFFICER, **payload)


def test_a_verdict_brings_its_fields_and_photos(office) -> None:
    office.dispatched()
    verdict = {"verdict": "violation", "sub": "industry_mining_commerce", "use": "hardening", "built": "2026-05"}
    assert "needs 1 photos of the kind overview photo; there are 0" in refused(
        office, Kind.VERDICT, INSPECTOR, **verdict
    )
    office.photo("overview")
    office.photo("close")
    assert "built" in refused(office, Kind.VERDICT, INSPECTOR, **{**verdict, "built": ""})
    assert "no verdict" in refused(office, Kind.VERDICT, INSPECTOR, verdict="guilty")
    assert "future" in refused(office, Kind.VERDICT, INSPECTOR, **verdict, checked_on="2026-12-01")
    event = office.do(Kind.VERDICT, INSPECTOR, **verdict)
    assert event.payload["to"] == "RECTIFYING"
    assert len(event.evidence) == 2


@pytest.mark.parametrize(
    ("verdict", "shots", "outcome"),
    [
        ({"verdict": "false_change", "text": "水稻收割"}, ["overview"], "false_change"),
        ({"verdict": "basemap_wrong", "text": "实地为坑塘", "ground": "1104"}, ["overview"], "basemap_wrong"),
        ({"verdict": "facility", "filing_number": "备 2026-3"}, ["overview", "inside"], "lawful"),
        (
            {
                "verdict": "lawful", "sub": "approval", "paper_kind": "批文", "paper_number": "湘国土资 3 号",
                "paper_date": "2025-01-02",
            },
            ["overview"],
            "lawful",
        ),
    ],
)  # fmt: skip
def test_a_verdict_without_wrong_waits_for_a_second_person(office, verdict, shots, outcome) -> None:
    office.dispatched()
    for shot in (*shots, "close", "corner", "corner"):
        office.photo(shot)
    office.do(Kind.VERDICT, INSPECTOR, **verdict)
    case = office.ledger.case(FIRST)
    assert (case.status, case.stage) == (Status.REPORTED, Stage.RECTIFY)
    same = Actor(INSPECTOR.name, "reviewer")
    assert "second person" in refused(office, Kind.ACCEPTED, same)
    office.accepted()
    (row,) = office.ledger.rows(status="CLOSED")
    assert (row["outcome"], row["overridden"]) == (outcome, False)


@pytest.mark.parametrize("verdict", [
    {"verdict": "false_change", "text": "收割"},
    {"verdict": "basemap_wrong", "text": "实地为坑塘", "ground": "1104"},
    {"verdict": "other", "sub": "sliver"},
])  # fmt: skip
def test_a_verdict_without_wrong_is_given_on_the_spot(office, verdict) -> None:
    """Photos taken three kilometres away, or by a camera that knows no time, prove nothing of this ground."""
    office.dispatched()
    for shot in ("overview", "close"):
        office.photo(shot, lat=27.9, heading_deg=0.0)
    assert "from inside the part or facing it" in refused(office, Kind.VERDICT, INSPECTOR, **verdict)
    office.photo("other", taken_at=None)
    assert "from inside the part or facing it" in refused(office, Kind.VERDICT, INSPECTOR, **verdict)
    office.photo("overview", heading_deg=10.0)
    office.do(Kind.VERDICT, INSPECTOR, **verdict)
    gate = next(g for g in office.ledger.gates(FIRST) if g.key == "photo_in_place")
    assert (gate.met, gate.name["en"]) == (True, "Photo from inside or facing")
    office.accepted()
    assert office.ledger.case(FIRST).overrides == 0


def test_what_cannot_be_checked_today_stays_where_it_is(office) -> None:
    office.dispatched()
    assert "next check, 2026-11-20," in refused(
        office, Kind.POSTPONED, INSPECTOR, reason="道路被淹", again_on="2026-11-20"
    )
    office.do(Kind.POSTPONED, INSPECTOR, reason="道路被淹", again_on="2026-11-23")
    case = office.ledger.case(FIRST)
    assert case.status is Status.DISPATCHED
    assert case.parts[0].postponed[0]["reason"] == "道路被淹"


# --- split ---------------------------------------------------------------------------------------


def test_parts_keep_the_sum_and_close_one_by_one(office) -> None:
    office.dispatched()
    ground = office.ledger.case(FIRST).parts[0].ground
    office.do(Kind.SPLIT, OFFICER, parts=halves(ground, 0.3))
    case = office.ledger.case(FIRST)
    assert [p.id for p in case.parts] == ["1", "2"]
    for name in AREAS:
        assert sum(p.ground[name] for p in case.parts) == pytest.approx(ground[name], abs=0.005)
    assert "say with --part" in refused(office, Kind.VERDICT, INSPECTOR, verdict="false_change", text="收割")
    office.photo("overview", part="2")
    office.do(Kind.VERDICT, INSPECTOR, part="2", verdict="false_change", text="收割")
    office.accepted(part="2")
    assert office.ledger.case(FIRST).status is Status.DISPATCHED
    office.do(Kind.SPLIT, OFFICER, part="1", parts=halves(case.part("1").ground))
    assert [p.id for p in office.ledger.case(FIRST).parts] == ["3", "4", "2"]
    for id in ("3", "4"):
        office.photo("overview", part=id)
        office.do(Kind.VERDICT, INSPECTOR, part=id, verdict="false_change", text="收割")
        office.accepted(part=id)
    assert office.ledger.case(FIRST).status is Status.CLOSED


def test_a_split_that_loses_ground_or_counts_it_twice_is_refused(office) -> None:
    office.dispatched()
    ground = office.ledger.case(FIRST).parts[0].ground
    first, second = halves(ground)
    second["occupied"]["uncovered_m2"] -= 6.8  # 0.0102 亩
    assert "底图" not in (sentence := refused(office, Kind.SPLIT, OFFICER, parts=[first, second]))
    assert "0.750 mu before the split and 0.740 mu after it" in sentence
    first, second = halves(ground)
    second["occupied"]["geometry"] = ground["geometry"]
    assert "over one another" in refused(office, Kind.SPLIT, OFFICER, parts=[first, second])
    assert "two parts or more" in refused(office, Kind.SPLIT, OFFICER, parts=[first])


def test_many_splits_together_lose_no_more_than_one_may(office) -> None:
    """Each loses 0.006 亩, which one split may; the second would make it 0.012 of the ground that was found."""
    office.dispatched()
    ground = office.ledger.case(FIRST).parts[0].ground
    cut = halves(ground)
    cut[1]["occupied"]["uncovered_m2"] -= 4.0
    office.do(Kind.SPLIT, OFFICER, parts=cut)
    again = halves(office.ledger.case(FIRST).part("2").ground)
    again[1]["occupied"]["uncovered_m2"] -= 4.0
    sentence = refused(office, Kind.SPLIT, OFFICER, part="2", parts=again)
    assert "0.750 mu when it was found and 0.738 mu in all parts" in sentence
    again[1]["occupied"]["uncovered_m2"] += 4.0
    office.do(Kind.SPLIT, OFFICER, part="2", parts=again)


# --- 整改 ----------------------------------------------------------------------------------------


def test_a_pause_moves_the_last_day_by_its_length(office) -> None:
    office.dispatched()
    office.violation()
    office.ordered()
    office.do(Kind.PAUSED, LEGAL, reason="行政复议")
    assert office.ledger.rows(status="RECTIFYING")[0]["due_at"] is None
    office.later(10)
    office.do(Kind.RESUMED, LEGAL, reason="维持")
    assert office.ledger.rows(status="RECTIFYING")[0]["due_at"] == "2027-01-30"
    assert "must be after" in refused(office, Kind.EXTENDED, REVIEWER, reason="雨季", due_on="2027-01-30")
    office.do(Kind.EXTENDED, REVIEWER, reason="雨季", due_on="2027-02-28")
    row = office.ledger.rows()[0]
    assert row["due_at"] == "2027-02-28"
    assert (on_day(row, date(2027, 3, 2))["overdue"], on_day(row, date(2027, 3, 2))["days_left"]) == (True, -2)
    assert not on_day(row, date(2027, 2, 28))["overdue"]


def test_an_extension_beyond_the_standards_is_a_leaders(office) -> None:
    office.dispatched()
    office.violation()
    office.ordered()  # until 2027-01-20
    say = {"reason": "雨季"}
    assert "lies after 2027-03-22" in refused(office, Kind.EXTENDED, REVIEWER, **say, due_on="2027-03-23")
    office.do(Kind.EXTENDED, REVIEWER, **say, due_on="2027-02-20")
    office.do(Kind.EXTENDED, REVIEWER, **say, due_on="2027-03-20")
    assert "extended 2 times already" in refused(office, Kind.EXTENDED, REVIEWER, **say, due_on="2027-03-21")
    office.do(Kind.EXTENDED, LEADER, **say, due_on="2027-12-31")
    assert office.ledger.rows()[0]["due_at"] == "2027-12-31"


def test_a_clock_set_back_moves_no_deadline(office) -> None:
    office.dispatched()
    office.violation()
    office.later(-300)
    event = office.do(Kind.ORDERED, OFFICER, rectification="restored_tillage")
    assert event.payload["due"]["from"] == "2026-11-20"
    assert event.at < START
    assert office.ledger.verify().clock_back == (event.seq,)


def test_what_is_reported_is_what_was_ordered(office) -> None:
    office.dispatched()
    office.violation()
    assert "record the order first" in refused(office, Kind.REPORTED, OFFICER, text="已拆", rectification="historical")
    office.ordered()
    sentence = refused(office, Kind.REPORTED, OFFICER, text="已拆", rectification="historical")
    assert "restored_tillage was ordered, historical is reported" in sentence


def test_a_doubted_verdict_goes_back_to_the_ground_by_a_second_person(office) -> None:
    office.dispatched()
    office.violation()
    same = Actor(f" {INSPECTOR.name} ", "reviewer")
    assert "second person" in refused(office, Kind.RETURNED, same, reason="地类不对")
    office.do(Kind.RETURNED, REVIEWER, reason="地类不对")
    part = office.ledger.case(FIRST).parts[0]
    assert (part.status, part.verdict, part.order) == (Status.DISPATCHED, None, None)
    assert len(part.evidence) == 2


def test_a_correction_is_of_an_event_of_its_own_case(office) -> None:
    assert "no event of this case" in refused(office, Kind.CORRECTED, SENSING, corrects=3, text="更正")
    office.do(Kind.CORRECTED, SENSING, corrects="2", text="更正")
    told = office.ledger.case(FIRST).supplements[0]
    assert (told["corrects"], told["seq"]) == (2, 4)


# --- 销号 ----------------------------------------------------------------------------------------


def closing(office: Office) -> None:
    office.dispatched()
    office.violation()
    office.ordered()
    office.later(10)
    office.reported()
    office.later()


def test_nothing_closes_without_proof(office) -> None:
    closing(office)
    sentence = refused(office, Kind.ACCEPTED, REVIEWER)
    assert sentence.startswith(f"{FIRST}: Cannot close: ")
    office.proof()
    office.recheck("newest", "not_restored")
    assert "Cannot close" in refused(office, Kind.ACCEPTED, REVIEWER)
    office.later()
    office.recheck("better-1", "restored")
    office.later()
    office.recheck("better-2", "restored")
    event = office.accepted()
    assert event.payload["overridden"] is False
    assert all(gate["met"] is not False for gate in event.payload["gates"])
    assert office.ledger.rows(status="CLOSED")[0]["outcome"] == "rectified"


def test_only_a_leader_closes_against_the_gates_and_it_is_counted(office) -> None:
    closing(office)
    assert "only a leader" in refused(office, Kind.ACCEPTED, REVIEWER, override="特殊情况")
    assert "Cannot close" in refused(office, Kind.ACCEPTED, LEADER)
    office.do(Kind.ACCEPTED, LEADER, override="应急工程，后补")
    row = office.ledger.rows()[0] if office.ledger.rows()[0]["number"] == FIRST else office.ledger.rows()[1]
    assert row["overridden"] is True


def test_who_did_it_cannot_accept_it_whatever_the_role(office) -> None:
    closing(office)
    office.proof()
    for name in (OFFICER.name, INSPECTOR.name):
        for role in ("reviewer", "leader"):
            payload = {"override": "急"} if role == "leader" else {}
            assert "second person" in refused(office, Kind.ACCEPTED, Actor(name, role), **payload)
            assert "second person" in refused(office, Kind.RETURNED, Actor(name, role), reason="渣土")


# --- evidence ------------------------------------------------------------------------------------


def test_a_photo_used_in_another_case_is_pointed_out(office) -> None:
    ground = office.ledger.case(FIRST).geometry
    same = evidence_json(photo("overview", ground, office.now))
    office.ledger.act(FIRST, Kind.EVIDENCE, same, INSPECTOR)
    again = office.ledger.act(FIRST, Kind.EVIDENCE, same, INSPECTOR)
    assert len([e for e in office.ledger.events(FIRST) if e.kind == "EVIDENCE"]) == 1
    assert again.evidence == (same["sha256"],)
    other = office.ledger.act(SECOND, Kind.EVIDENCE, same, INSPECTOR)
    found = {f["key"]: f["text"]["en"] for f in other.payload["findings"]}
    assert FIRST in found["reused"]
    assert "outside" in found or "near" in found or "facing" in found


# --- races and lateness --------------------------------------------------------------------------


def test_a_verdict_that_comes_too_late_is_kept(office) -> None:
    office.dispatched()
    seen = office.ledger.case(FIRST).version
    office.violation()
    late = {"verdict": "facility", "filing_number": "备 7"}
    event = office.ledger.act(FIRST, Kind.VERDICT, late, Actor("外业乙", "field_inspector"), expect_version=seen)
    assert (event.kind, event.payload["kind"]) == ("SUPPLEMENT", "VERDICT")
    case = office.ledger.case(FIRST)
    assert case.status is Status.RECTIFYING
    assert case.supplements[0]["late"]["filing_number"] == "备 7"


# --- any walk ------------------------------------------------------------------------------------


def payload_of(case: Case, part: Part, kind: Kind, salt: str = "") -> dict[str, Any]:
    """What the step could bring here; not always enough, as in life."""
    soon = (case.latest_at + timedelta(days=40)).date().isoformat()
    told: dict[Kind, dict[str, Any]] = {
        Kind.LOOKED: {"look": look_json(Look(sha(salt), case.latest_at, "unclear", {}, {"zh": "", "en": ""}, 9))},
        Kind.DISMISSED: {"reason": "云影"},
        Kind.DISPATCHED: {"to_whom": "甲", "reason": "可见"},
        Kind.ASSIGNED: {"to_whom": "乙"},
        Kind.POSTPONED: {"reason": "水", "again_on": soon},
        Kind.EVIDENCE: evidence_json(photo("overview", part.geometry, case.latest_at, camera=salt)),
        Kind.SPLIT: {"parts": halves(part.ground, 0.4)},
        Kind.VERDICT: {"verdict": "false_change", "text": "收割"},
        Kind.LOOKALIKES: {"parcels": [{"id": salt}]},
        Kind.ORDERED: {"rectification": "restored_tillage"},
        Kind.EXTENDED: {"reason": "雨", "due_on": "2099-01-01"},
        Kind.PAUSED: {"reason": "复议"},
        Kind.RESUMED: {"reason": "维持"},
        Kind.DUE_SET: {"due": {"what": "rectify", "on": soon, "provisional": False}},
        Kind.REPORTED: {"text": "已拆除"},
        Kind.RECHECKED: {
            "recheck": recheck_json(
                Recheck(sha(salt), case.latest_at, "restored", {}, {"zh": "", "en": ""}, False, 9)
            )
        },
        Kind.RETURNED: {"reason": "渣土"},
        Kind.ACCEPTED: {"override": "急"},
        Kind.REOPENED: {"reason": "举报"},
        Kind.NOTE: {"text": "备注"},
        Kind.CORRECTED: {"corrects": 1, "text": "更正"},
        Kind.SUPPLEMENT: {"kind": "VERDICT", "late": {"verdict": "lawful"}},
        Kind.DATED: {"without": "b", "with": "a"},
        Kind.PROCEEDING: {"step": "file"},
        Kind.TRANSFER: {"step": "letter", "to": "agriculture"},
        Kind.LENIENCY: {"construction": "finished"},
        Kind.CLUE: {**clue(0, salt or "x")[1], "flag": flag_json(clue(0, salt or "x")[0])},
    }  # fmt: skip
    if kind in (Kind.FOUND, Kind.SEEN_AGAIN, Kind.RELAPSED):
        return {"inspection": "i", "flag": flag_json(flag(0, after=f"s{salt}"))}
    return {**told.get(kind, {}), "part": "" if kind in WHOLE else part.id}


def made_event(case: Case | None, kind: Kind, by: Actor, payload: dict[str, Any], minutes: int = 1) -> Event:
    at = START if case is None else case.latest_at + timedelta(minutes=minutes)
    event = Event(1, FIRST, kind.value, at, by.name, by.role, payload, (), 1, "0", GENESIS, "")
    return from_row({**to_row(event), "seq": 1 if case is None else case.version + 1})


VIOLATION = {
    "verdict": "violation", "sub": "industry_mining_commerce", "use": "hardening", "built": "2026-05", "party": "某",
}  # fmt: skip
NAMES = st.sampled_from(["甲", "乙", "丙"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_walk_replays_and_keeps_its_areas(data) -> None:
    founding = made_event(None, Kind.FOUND, SYSTEM, {"inspection": "i", "flag": flag_json(flag(0))})
    events, case = [founding], evolve(None, founding)
    for n in range(data.draw(st.integers(5, 40))):
        part = data.draw(st.sampled_from(case.parts))
        kinds = possible(case, part)
        step = data.draw(st.sampled_from(kinds))
        by = Actor(data.draw(NAMES), data.draw(st.sampled_from(step.roles)).value)
        payload = payload_of(case, part, step.kind, str(n))
        if step.kind is Kind.VERDICT and data.draw(st.booleans()):
            payload = {**VIOLATION, "part": part.id}
        if step.kind is Kind.EVIDENCE and data.draw(st.booleans()):
            payload = {**payload, "shot": "close"}
        try:
            done = decide(case, step.kind, payload, by, World(case.latest_at + timedelta(minutes=1), RULES, earlier=[]))
        except StepRefused:
            continue
        event = made_event(case, step.kind, by, done)
        events.append(event)
        case = evolve(case, event)
    again = None
    for event in events:
        stored = from_row(json.loads(json.dumps(to_row(event))))
        again = evolve(again, stored)
    assert case_row(again) == case_row(case)
    for name in AREAS:
        assert sum(p.ground[name] for p in case.parts) == pytest.approx(
            events[0].payload["flag"]["occupied"][name], abs=0.05
        )
    for part in case.parts:
        if part.closing:
            assert part.closing["by"] not in part.doers
            assert part.status is Status.CLOSED
    assert case.version == len(events)


def test_states_are_values(at_each) -> None:
    case = at_each[Status.CLOSED]
    with pytest.raises(dataclasses.FrozenInstanceError):
        case.number = "x"  # type: ignore[misc]


# --- relapse -------------------------------------------------------------------------------------


def flagged(office: Office, before: str, after: str, before_at, after_at, column: float = 0):
    """One more inspection that flags the ground of a case."""
    again = flag(column, before=before, after=after, before_at=before_at, after_at=after_at)
    return office.ledger.record(inspection(before, after), [again], SYSTEM)


def test_rebuilt_on_closed_ground_opens_the_same_number(office) -> None:
    office.closed()
    closed_at = office.now
    office.later(60)
    # the pair before the closing shows the shed going: no relapse
    done = flagged(office, "x", "y", BEFORE_AT + timedelta(days=370), office.now)
    assert (done.new, done.inspection.cases_relapsed) == ([], ())
    assert office.ledger.case(FIRST).status is Status.CLOSED
    done = flagged(office, "y", "z", closed_at + timedelta(days=5), office.now + timedelta(days=1))
    assert (done.new, done.seen_again, done.inspection.cases_relapsed) == ([], [FIRST], (FIRST,))
    case = office.ledger.case(FIRST)
    assert (case.status, case.relapses, case.parts[0].verdict) == (Status.DISPATCHED, 1, None)
    row = next(r for r in office.ledger.rows() if r["number"] == FIRST)
    assert (row["relapses"], row["closed_at"], row["outcome"]) == (1, None, None)
    assert row["due_at"] is not None


def test_a_season_matched_pair_from_before_the_occupation_shows_a_relapse_too(office) -> None:
    office.closed()
    office.later(300)
    done = flagged(office, "b", "z", BEFORE_AT, office.now)
    assert done.inspection.cases_relapsed == (FIRST,)


def test_an_image_older_than_the_closing_is_no_relapse(office) -> None:
    office.closed()
    done = flagged(office, "b", "z", BEFORE_AT, office.now - timedelta(days=8))
    assert done.inspection.cases_relapsed == ()


def test_what_may_stay_does_not_relapse(office) -> None:
    office.dispatched()
    office.photo("overview")
    office.do(
        Kind.VERDICT, INSPECTOR, verdict="lawful", sub="approval",
        paper_kind="批文", paper_number="3", paper_date="2025-01-02",
    )  # fmt: skip
    office.accepted()
    office.later(90)
    done = flagged(office, "y", "z", office.now - timedelta(days=20), office.now)
    assert (done.new, done.inspection.cases_relapsed) == ([], ())


def test_dismissed_ground_that_breaks_later_is_suspected_again(office) -> None:
    office.do(Kind.DISMISSED, SENSING, reason="云影")
    office.later(90)
    flagged(office, "y", "z", office.now - timedelta(days=20), office.now)
    case = office.ledger.case(FIRST)
    assert (case.status, case.relapses) == (Status.SUSPECTED, 0)


def test_of_a_split_case_only_the_broken_part_opens(office) -> None:
    office.dispatched()
    office.do(Kind.SPLIT, OFFICER, parts=halves(office.ledger.case(FIRST).parts[0].ground))
    for part in ("1", "2"):
        office.photo("overview", part=part)
        office.do(Kind.VERDICT, INSPECTOR, part=part, verdict="false_change", text="收割")
        office.accepted(part=part)
    office.later(90)
    east = office.ledger.case(FIRST).part("2").geometry.buffer(-1e-5)
    again = flag(geometry=east, before="y", after="z", before_at=office.now - timedelta(days=9), after_at=office.now)
    office.ledger.record(inspection("y", "z"), [again], SYSTEM)
    case = office.ledger.case(FIRST)
    assert [(p.id, p.status) for p in case.parts] == [("1", Status.CLOSED), ("2", Status.DISPATCHED)]
    assert case.relapses == 1


def test_the_same_party_elsewhere_adds_up_and_is_no_first_offence(office) -> None:
    for number in (FIRST, SECOND):
        office.dispatched(number)
        office.violation(number)
    office.document("transfer_letter", SECOND)
    sent = office.do(Kind.TRANSFER, OFFICER, SECOND, step="letter", to="agriculture", organ="农业农村局", reason="种植")
    # 6,000 m² of basic farmland and 2,000 m² beside it in each of the two cases
    assert sent.payload["assessment"]["basic_farmland_m2"] == 12_000.0
    assert sent.payload["assessment"]["other_farmland_m2"] == 4_000.0
    facts = office.do(Kind.LENIENCY, LEGAL, SECOND).payload["facts"]
    assert next(f for f in facts if f["key"] == "first_offence")["holds"] is False


# --- what a careful reader would try -------------------------------------------------------------


def test_no_person_speaks_for_the_imagery(office) -> None:
    closing(office)
    said = payload_of(office.ledger.case(FIRST), office.ledger.case(FIRST).parts[0], Kind.RECHECKED, "x")
    for who in (SENSING, REVIEWER, LEADER, ADMIN):
        assert "not for the role" in refused(office, Kind.RECHECKED, who, **said)
    future = Recheck("s", office.now + timedelta(days=2), "restored", {}, {"zh": "", "en": ""}, True, 9)
    assert "future" in refused(office, Kind.RECHECKED, SYSTEM, recheck=recheck_json(future))


def test_proof_of_an_earlier_round_closes_nothing(office) -> None:
    office.closed()
    office.do(Kind.REOPENED, REVIEWER, reason="举报")
    assert "needs 1 photos" in refused(office, Kind.VERDICT, INSPECTOR, **VIOLATION)
    office.later()
    office.violation()
    office.ordered()
    office.reported()
    office.later()
    assert "Cannot close" in refused(office, Kind.ACCEPTED, REVIEWER)
    old = office.ledger.case(FIRST).parts[0].evidence[0]
    with pytest.raises(StepRefused, match="a new one is needed"):
        office.ledger.act(FIRST, Kind.EVIDENCE, old, OFFICER)


def test_who_took_part_before_a_return_does_not_accept_after_it(office) -> None:
    office.dispatched()
    office.violation()
    office.do(Kind.RETURNED, LEADER, reason="重查")
    office.later()
    office.photo("overview", by=OFFICER)
    office.do(Kind.VERDICT, OFFICER, verdict="false_change", text="收割")
    assert "second person" in refused(office, Kind.ACCEPTED, Actor(INSPECTOR.name, "reviewer"))
    office.accepted()


def test_who_brought_the_proof_does_not_accept(office) -> None:
    closing(office)
    office.proof()
    office.document("approval", by=REVIEWER)
    assert "second person" in refused(office, Kind.ACCEPTED, REVIEWER)


def test_photos_before_the_report_show_nothing_of_what_was_put_right(office) -> None:
    office.dispatched()
    office.violation()
    office.ordered()
    office.photo("after")
    office.later()
    office.reported()
    gate = next(g for g in office.ledger.gates(FIRST, by=REVIEWER.name) if g.key == "photos")
    assert gate.met is False
    office.later(-5)  # a clock set back makes nothing earlier
    office.later(4.5)
    office.photo("after", heading_deg=3.0)
    assert next(g for g in office.ledger.gates(FIRST, by=REVIEWER.name) if g.key == "photos").met is False


def test_an_order_is_not_made_easier_or_later_by_who_gave_it(office) -> None:
    office.dispatched()
    office.violation()
    office.ordered()
    assert "only a reviewer" in refused(office, Kind.ORDERED, OFFICER, rectification="historical", reason="存量")
    assert "extension" in refused(office, Kind.ORDERED, OFFICER, rectification="restored_tillage", due_on="2028-01-01")
    office.do(Kind.ORDERED, REVIEWER, rectification="formalities", reason="符合规划")
    assert office.ledger.rows(status="RECTIFYING")[0]["due_at"] == "2027-01-20"


def test_a_pause_begins_and_ends_and_hides_nothing_overdue(office) -> None:
    office.dispatched()
    office.violation()
    office.ordered()
    for on in ("2016-01-01", "2090-01-01"):
        assert "must lie between" in refused(office, Kind.PAUSED, LEGAL, reason="复议", on=on)
    office.later(70)
    office.do(Kind.PAUSED, LEGAL, reason="复议")
    assert office.ledger.rows(status="RECTIFYING")[0]["due_at"] == "2027-01-20"
    office.reported()
    assert office.ledger.case(FIRST).parts[0].paused_on == ""


def test_only_a_provisional_day_is_counted_again(office) -> None:
    office.dispatched()
    office.violation()
    office.ordered()
    due = {"what": "rectify", "on": "2099-01-01", "provisional": False}
    assert "only a provisional" in refused(office, Kind.DUE_SET, ADMIN, due=due)
    assert "such as" in refused(office, Kind.DUE_SET, ADMIN, due={"what": "rectify", "on": "soon"})


def test_a_split_covers_the_ground_itself(office) -> None:
    office.dispatched()
    ground = office.ledger.case(FIRST).parts[0].ground
    first, second = halves(ground)
    moved = box(112.95, 27.8, 112.9505, 27.801)
    away = {"occupied": {**second["occupied"], "geometry": mapping(moved)}}
    assert "do not cover" in refused(office, Kind.SPLIT, OFFICER, parts=[first, away])
    for part in (first, second):
        part["occupied"] = {**part["occupied"], "overlays": {"BASIC_FARMLAND": [0.0, 0.0]}}
    assert "BASIC_FARMLAND" in refused(office, Kind.SPLIT, OFFICER, parts=[first, second])
    assert "occupied" in refused(office, Kind.SPLIT, OFFICER, parts=[{}, {}])


def test_a_verdict_of_an_earlier_round_is_kept_and_not_taken(office) -> None:
    office.dispatched()
    seen = office.ledger.case(FIRST).version
    office.violation()
    office.do(Kind.RETURNED, REVIEWER, reason="重查")
    office.later()
    office.photo("overview")
    event = office.ledger.act(
        FIRST, Kind.VERDICT, {"verdict": "false_change", "text": "收割"}, INSPECTOR, expect_version=seen
    )
    assert event.kind == "SUPPLEMENT"
    assert office.ledger.case(FIRST).status is Status.DISPATCHED


def test_a_clue_from_outside_on_closed_ground_is_a_relapse(office) -> None:
    office.closed()
    office.later(60)
    made, about = clue(0, "TB-99", "2027Q1")
    new = dataclasses.replace(made, before_at=office.now - timedelta(days=50), after_at=office.now)
    done = office.ledger.receive([(new, about), (new, about)], ADMIN)
    assert (done.new, done.matched, done.already) == ([], [FIRST], 1)
    case = office.ledger.case(FIRST)
    assert (case.status, case.relapses) == (Status.DISPATCHED, 1)
    assert office.ledger.receive([(new, about)], ADMIN).matched == []
    assert office.ledger.verify().ok


def test_a_pair_that_begins_with_the_restored_field_shows_the_relapse(office) -> None:
    closing(office)
    office.proof()
    restored_at = office.now - timedelta(hours=1)
    office.later()
    office.accepted()
    office.later(40)
    assert flagged(office, "later-2", "z", restored_at, office.now).inspection.cases_relapsed == (FIRST,)


def test_an_override_stays_counted_after_a_reopening(office) -> None:
    closing(office)
    office.do(Kind.ACCEPTED, LEADER, override="应急")
    office.do(Kind.REOPENED, REVIEWER, reason="举报")
    assert next(r for r in office.ledger.rows() if r["number"] == FIRST)["overridden"] is True


def test_the_same_party_is_one_however_it_is_written(office) -> None:
    for number, party in ((FIRST, "某公司"), (SECOND, " 某公司\u3000")):
        office.dispatched(number)
        office.violation(number, party=party)
    facts = office.do(Kind.LENIENCY, LEGAL, SECOND).payload["facts"]
    assert next(f for f in facts if f["key"] == "first_offence")["holds"] is False


def test_what_a_run_or_a_batch_writes_is_no_step(office) -> None:
    for kind in (Kind.FOUND, Kind.CLUE, Kind.SEEN_AGAIN, Kind.RELAPSED):
        with pytest.raises(StepRefused, match="no step of its own"):
            office.ledger.act(FIRST, kind, {"flag": flag_json(flag(9))}, SYSTEM)
