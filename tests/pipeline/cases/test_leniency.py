import json
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cases.facts import Facts
from pipeline.cases.leniency import EarlierAct, facts, to_json
from pipeline.cases.refusal import StepRefused

DAY = date(2026, 9, 10)


def known(**given) -> Facts:
    return Facts(**{"ground_checked": True, "verdict": "violation", "party": "A", "patch_m2": 1000.0, **given})


def holds(of: Facts, earlier=None, **more) -> dict[str, bool | None]:
    return {f.key: f.holds for f in facts(of, earlier, day=DAY, **more)}


def corrected(day: int) -> datetime:
    return datetime(2026, 9, day, 4, tzinfo=UTC)


def test_what_is_not_known_is_left_open():
    found = holds(Facts())
    assert found == {
        "first_offence": None, "area": None, "no_basic_farmland": None, "no_substantial_construction": None,
        "no_harm": None, "corrected_in_time": None, "no_fault": None, "education": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [
        (None, None),
        ([], True),
        ([EarlierAct("430321-2025-00001", date(2025, 3, 1), "rectified")], False),
        ([EarlierAct("430321-2025-00001", date(2025, 3, 1))], False),
        ([EarlierAct("430321-2025-00001", date(2025, 3, 1), "false_change")], True),
        ([EarlierAct("430321-2025-00001", date(2025, 3, 1), "lawful")], True),
        ([EarlierAct("430321-2026-00009", date(2026, 9, 11))], True),  # later than this day
    ],
)
def test_a_first_offence_is_looked_up(earlier, expected):
    assert holds(known(), earlier)["first_offence"] is expected


def test_without_a_party_nothing_is_a_first_offence():
    assert holds(known(party=None), [])["first_offence"] is None


def test_the_earlier_acts_are_named():
    acts = [EarlierAct("B", date(2026, 1, 2), "rectified"), EarlierAct("A", date(2025, 3, 1))]
    found = facts(known(), acts, day=DAY)[0]
    assert found.values["earlier"] == [
        {"number": "A", "on": "2025-03-01", "outcome": None},
        {"number": "B", "on": "2026-01-02", "outcome": "rectified"},
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, None),
        ({"due_at": date(2026, 9, 10)}, None),
        ({"due_at": date(2026, 9, 9)}, False),
        ({"due_at": date(2026, 9, 9), "corrected_at": corrected(9)}, True),
        ({"due_at": date(2026, 9, 8), "corrected_at": corrected(9)}, False),
        ({"corrected_at": corrected(9)}, True),  # before any order
        ({"corrected_at": corrected(9), "ordered": True}, None),  # ordered, the day is not known
        # 17:00 UTC is the next day in Beijing
        ({"due_at": date(2026, 9, 8), "corrected_at": datetime(2026, 9, 8, 17, tzinfo=UTC)}, False),
    ],
)
def test_put_right_in_time(given, expected):
    assert holds(known(**given))["corrected_in_time"] is expected


def test_construction_harm_basic_farmland_and_education():
    found = holds(known(basic_farmland_m2=0.01, papers=("education",)), construction="started", harm="no")
    assert (found["no_basic_farmland"], found["no_substantial_construction"], found["no_harm"]) == (False, False, True)
    assert found["education"]
    assert holds(known(), construction="none", harm=True)["no_harm"] is False
    assert holds(known(), construction="none")["no_substantial_construction"] is True


def test_what_reads_otherwise_is_refused():
    with pytest.raises(StepRefused):
        facts(known(), [], day=DAY, construction="half")
    with pytest.raises(StepRefused):
        facts(known(), [], day=DAY, harm="perhaps")


def test_each_is_printed_with_its_article_and_none_is_a_decision():
    found = to_json(facts(known(), [], day=DAY))
    assert json.loads(json.dumps(found)) == found
    assert all(f["article"]["zh"] and f["article"]["en"] and f["name"]["zh"] for f in found)
    assert set(found[0]) == {"key", "name", "article", "holds", "values"}
    assert {f["values"].get("patch_mu") for f in found} == {None, 1.5}


@given(st.booleans() | st.none(), st.sampled_from(["none", "started", "finished", None]), st.floats(0, 1e6))
def test_area_and_fault_are_never_decided(harm, construction, m2):
    found = holds(known(patch_m2=m2, farmland_m2=m2), [], harm=harm, construction=construction)
    assert (found["area"], found["no_fault"]) == (None, None)
