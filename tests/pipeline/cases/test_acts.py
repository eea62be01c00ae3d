"""What one party did adds up: in the parts of a case, in other cases, and only what stands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.cases.events import Kind
from tests.pipeline.cases.lives import FIRST, LEGAL, OFFICER, REVIEWER, Office, halves

SECOND = "430321-2026-00002"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "ledger.db")
    made.found()
    yield made
    made.ledger.close()


def sums(office: Office, number: str = FIRST, part: str = "") -> tuple[float, float, int]:
    """Basic farmland m², other farmland m² and how many other acts, as a transfer opened now would say."""
    office.document("transfer_letter", number, part)
    sent = office.do(Kind.TRANSFER, OFFICER, number, part, step="letter", to="agriculture", organ="局", reason="种植")
    found = sent.payload["assessment"]
    return found["basic_farmland_m2"], found["other_farmland_m2"], found["counted"]


def first_offence(office: Office, number: str = FIRST, part: str = "") -> bool | None:
    facts = office.do(Kind.LENIENCY, LEGAL, number, part).payload["facts"]
    return next(f for f in facts if f["key"] == "first_offence")["holds"]


def split(office: Office, number: str = FIRST) -> None:
    office.do(Kind.SPLIT, OFFICER, number, parts=halves(office.ledger.case(number).parts[0].ground))


def test_a_split_makes_no_act_smaller(office) -> None:
    office.dispatched()
    split(office)
    for part in ("1", "2"):
        office.violation(part=part)
    assert sums(office, part="1") == (6_000.0, 2_000.0, 1)  # 9.0 of 5 亩, where half of it is 4.5
    assert first_offence(office, part="1") is True  # the other part is the same act


def test_a_part_of_another_party_is_another_act(office) -> None:
    office.dispatched()
    split(office)
    office.violation(part="1")
    office.violation(part="2", party="某养殖户")
    assert sums(office, part="1") == (3_000.0, 1_000.0, 0)


def test_a_verdict_split_since_is_counted_once(office) -> None:
    for number in (FIRST, SECOND):
        office.dispatched(number)
        office.violation(number)
    split(office, SECOND)
    for part in ("1", "2"):
        office.do(Kind.RETURNED, REVIEWER, SECOND, part, reason="两家各占一半")
    office.violation(SECOND, "1")
    office.violation(SECOND, "2", party="某养殖户")
    assert sums(office) == (9_000.0, 3_000.0, 1)


def test_a_verdict_returned_since_does_not_count(office) -> None:
    for number in (FIRST, SECOND):
        office.dispatched(number)
        office.violation(number)
    office.do(Kind.RETURNED, REVIEWER, SECOND, reason="当事人不明")
    assert sums(office) == (6_000.0, 2_000.0, 0)
    assert first_offence(office) is True


@pytest.mark.parametrize(("kind", "counted"), [
    ("historical", 1),  # entered in a list: nobody dealt with it
    ("to_agriculture", 0),
])  # fmt: skip
def test_what_was_dealt_with_adds_nothing(office, kind, counted) -> None:
    for number in (FIRST, SECOND):
        office.dispatched(number)
        office.violation(number)
    office.do(Kind.ORDERED, OFFICER, SECOND, rectification=kind)
    office.do(Kind.REPORTED, OFFICER, SECOND, text="已办")
    for title in office.ledger.rules(office.now.date()).closings[kind].documents:
        office.document(title, SECOND)
    office.accepted(SECOND)
    assert sums(office)[2] == counted
    assert first_offence(office) is False


def test_an_act_before_a_relapse_is_no_second_ground(office) -> None:
    office.closed()
    office.do(Kind.REOPENED, REVIEWER, reason="举报复建")
    office.later()
    office.violation()
    assert sums(office) == (6_000.0, 2_000.0, 0)
    assert first_offence(office) is False
