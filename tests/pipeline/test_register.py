"""The register of an office: what its columns say of one case."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.cases.events import Kind
from pipeline.register import rows
from tests.pipeline.cases.lives import FIRST, LEGAL, REVIEWER, Office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "ledger.db")
    made.found()
    yield made
    made.ledger.close()


def limit(office: Office) -> str | None:
    case = office.ledger.case(FIRST)
    return next(row["ZGQX"] for row, _ in rows([case], office.ledger.rules(office.now.date()), "zh"))


def test_the_time_limit_of_the_rectification_is_no_other(office) -> None:
    office.dispatched()
    assert office.ledger.case(FIRST).parts[0].due is not None
    assert limit(office) is None  # what runs is the time for the check
    office.later()
    office.violation()
    office.ordered()
    assert limit(office) == "2027-01-20"
    office.do(Kind.EXTENDED, REVIEWER, reason="雨季", due_on="2027-02-10")
    office.do(Kind.PAUSED, LEGAL, reason="行政复议")
    office.later(10)
    office.do(Kind.RESUMED, LEGAL, reason="维持")
    assert limit(office) == "2027-02-20"
    office.reported()
    assert office.ledger.case(FIRST).parts[0].due["on"] < "2027-01-01"  # of the acceptance
    assert limit(office) == "2027-02-20"
    office.later()
    office.proof()
    office.accepted()
    assert limit(office) == "2027-02-20"
