"""The story of a case: what is told of it, and what is no longer true."""

from __future__ import annotations

from pathlib import Path

from flows.cli.case_show import lines
from geodata.words import both, use
from pipeline.cases.events import SYSTEM, Kind
from pipeline.cases.story import document
from pipeline.triage import Reason
from pipeline.wording import ONE_SCENE
from tests.pipeline.cases.lives import FIRST, INSPECTOR, SENSING, Office
from tests.pipeline.invented_flags import flag, inspection

DOUBTS = (
    Reason(both("Outline"), {"zh": "边界存疑", "en": "outline doubted"}),
    Reason(both(ONE_SCENE), {"zh": "仅一期", "en": "seen once"}),
)


def test_doubts_are_told_until_a_second_scene_ends_them(tmp_path: Path) -> None:
    office = Office(tmp_path / "ledger.db")
    office.ledger.record(inspection(), [flag(0, doubts=DOUBTS)], SYSTEM)
    rules, today = office.ledger.rules(office.now.date()), office.now.date()
    use("en")
    try:
        once = document(office.ledger, FIRST, today)
        assert once["doubts"]["en"] == ["outline doubted", "seen once"]
        assert "? seen once" in list(lines(once, rules))
        again = flag(0, doubts=DOUBTS, before="b", after="later", after_at=office.now)
        office.ledger.record(inspection("b", "later"), [again], SYSTEM)
        twice = document(office.ledger, FIRST, today)
        assert twice["doubts"]["en"] == ["outline doubted"]
        assert "? seen once" not in list(lines(twice, rules))
    finally:
        use(None)
    office.ledger.close()


def test_what_was_kept_is_shown_with_what_it_says(tmp_path: Path) -> None:
    office = Office(tmp_path / "ledger.db")
    office.found()
    version = office.ledger.case(FIRST).version
    seq = office.ledger.events(FIRST)[0].seq
    office.do(Kind.CORRECTED, SENSING, corrects=seq, text="以 2026 年版为准")
    office.do(Kind.DISMISSED, SENSING, reason="云影")
    late = {"verdict": "false_change", "text": "水稻收割"}
    office.ledger.act(FIRST, Kind.VERDICT, late, INSPECTOR, expect_version=version)
    use("zh")
    try:
        told = list(lines(document(office.ledger, FIRST, office.now.date()), office.ledger.rules(office.now.date())))
    finally:
        use(None)
    assert any(f"更正第 {seq} 条记录" in line and "以 2026 年版为准" in line for line in told)
    assert any("补充记录" in line and "verdict=false_change" in line and "水稻收割" in line for line in told)
    office.ledger.close()


def test_a_verdict_that_waited_for_its_photos_is_told_as_such(tmp_path: Path) -> None:
    office = Office(tmp_path / "ledger.db")
    office.found()
    office.dispatched()
    kept = {"kind": "VERDICT", "late": {"verdict": "violation"}, "record": "v-1", "waits": {"close": 1, "overview": 2}}
    office.ledger.act(FIRST, Kind.SUPPLEMENT, kept, INSPECTOR)
    use("zh")
    try:
        told = list(lines(document(office.ledger, FIRST, office.now.date()), office.ledger.rules(office.now.date())))
    finally:
        use(None)
    assert any("先到，等过照片（全景照片 2，近景照片 1）：verdict=violation" in line for line in told)
    office.ledger.close()
