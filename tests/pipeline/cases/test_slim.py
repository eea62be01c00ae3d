"""The few columns that an overview needs: the same values as in the whole rows, and only what changed."""

from __future__ import annotations

from pipeline.cases.events import Kind
from pipeline.cases.ledger import Ledger
from pipeline.cases.slim import COLUMNS, FIGURES, TEXTS, changed
from pipeline.precision import right
from tests.pipeline.cases import lives
from tests.pipeline.cases.lives import OFFICER


def test_an_empty_ledger_has_nothing(tmp_path) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        found = changed(ledger)
    assert (found.seq, found.hash, found.rows, found.whole) == (0, "", [], True)


def test_values_are_those_of_the_whole_rows(tmp_path) -> None:
    office = lives.Office(tmp_path / "ledger.db")
    office.found()
    office.closed()
    found = changed(office.ledger)
    whole = {row["number"]: row for row in office.ledger.rows()}
    assert found.whole
    assert len(found.rows) == len(whole) > 1
    for row in found.rows:
        full = whole[row["number"]]
        told = {name: full[name] for name in (*COLUMNS, *TEXTS, *FIGURES)}
        state = full["proceeding"] and full["proceeding"]["status"]
        assert row == told | {"proceeding": state, "parts": (), "right": right(full)}
    assert [row["right"] for row in found.rows].count(True) == 1


def test_of_a_split_case_the_status_of_each_part(tmp_path) -> None:
    office = lives.Office(tmp_path / "ledger.db")
    office.found()
    office.dispatched()
    office.do(Kind.SPLIT, OFFICER, parts=lives.halves(office.ledger.case(lives.FIRST).parts[0].ground))
    (row,) = [row for row in changed(office.ledger).rows if row["parts"]]
    (full,) = [full for full in office.ledger.rows() if full["parts"]]
    assert row["number"] == full["number"]
    assert list(row["parts"]) == [part["status"] for part in full["parts"]]


def test_only_what_changed_since_comes_again(tmp_path) -> None:
    office = lives.Office(tmp_path / "ledger.db")
    office.found()
    first = changed(office.ledger)
    assert changed(office.ledger, first.seq, first.hash).rows == []
    office.dispatched("430321-2026-00002")
    then = changed(office.ledger, first.seq, first.hash)
    assert not then.whole
    assert [(row["number"], row["status"]) for row in then.rows] == [("430321-2026-00002", "DISPATCHED")]


def test_another_ledger_in_its_place_is_read_whole(tmp_path) -> None:
    office = lives.Office(tmp_path / "ledger.db")
    office.found()
    found = changed(office.ledger, 2, "0" * 64)
    assert found.whole
    assert len(found.rows) == len(office.ledger.rows())
