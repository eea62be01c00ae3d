"""A whole life on its page: every kind of event has words, roles stand in place of names, figures add up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from geodata import words
from maps import case_map
from maps.case_events import ICONS, happenings
from maps.case_lines import TITLES
from maps.case_parts import CasePage
from maps.case_story import case_page
from maps.telling import Telling
from pipeline.cases.case import Status
from pipeline.cases.events import Event, Kind
from pipeline.clues import SOURCES, source_name
from tests.pipeline.cases import lives

DESK, PHONE = (1440, 900), (390, 844)
PEOPLE = [lives.SENSING, lives.OFFICER, lives.INSPECTOR, lives.REVIEWER, lives.LEGAL, lives.LEADER]


@pytest.fixture(scope="module")
def office(tmp_path_factory) -> lives.Office:
    return lives.a_whole_life(tmp_path_factory.mktemp("life") / "ledger.db")


def page_of(office: lives.Office, number: str = lives.FIRST, as_of=None) -> CasePage:
    ledger = office.ledger
    return case_page(
        ledger.case(number), ledger.events(number), ledger.inspections(), [], [], chips={},
        as_of=as_of or office.now, verified=ledger.verify(), rules=ledger.rules,
        gates=lambda case, part: ledger.gates(case.number, part=part.id),
    )  # fmt: skip


def html_of(page: CasePage, lang: str = "zh") -> str:
    return case_map.render(page, lang)


def test_every_kind_of_event_has_a_title_in_both_languages() -> None:
    assert set(TITLES) == set(Kind)
    known = words.catalogue()
    assert [title for title in TITLES.values() if title not in known] == []
    assert set(ICONS) <= set(Kind)


def test_every_event_of_a_whole_life_is_told_once(office) -> None:
    for number in (lives.FIRST, "430321-2026-00002"):
        page, events = page_of(office, number), office.ledger.events(number)
        assert page.entries == len(events)  # photos that came together are one line, counted by their files
        assert {one.kind for one in page.happenings} == {event.kind for event in events}
        for one in page.happenings:
            assert "until" not in one.text["zh"]
            for text in (one.title, one.text):
                assert text["zh"]
                assert text["en"]
                assert "{" not in text["zh"] + text["en"]
            assert one.title["zh"] != one.title["en"]
            assert not re.search("[A-Za-z]{4,}", one.title["zh"]), one.title


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_person_and_no_party_stands_on_a_page(office, lang) -> None:
    for number in (lives.FIRST, "430321-2026-00002"):
        html = html_of(page_of(office, number), lang)
        for name in [*(who.name for who in PEOPLE), "某建材公司"]:
            assert name not in html


def test_names_in_free_text_are_covered(office) -> None:
    office.do(Kind.NOTE, lives.LEADER, text="请李外业与某建材公司联系")
    assert "请×××与×××联系" in page_of(office).happenings[0].text["zh"]


def test_unlawful_stands_only_beside_its_verdict(tmp_path: Path) -> None:
    office = lives.Office(tmp_path / "ledger.db")
    office.found()
    assert "违法" not in html_of(page_of(office))
    office.dispatched()
    office.later()
    office.violation()
    page = page_of(office)
    assert page.parts[0].beside[0][1]["zh"] == "非农违法 · 工矿商服 · 硬化（2026-11-21，外业核查员）"
    left = html_of(page)
    for said in ("实地核查：非农违法", "非农违法 · 工矿商服 · 硬化"):
        left = left.replace(said, "")
    assert "违法" not in left


def test_what_is_due_is_said_with_days_left_overdue_and_paused(tmp_path: Path) -> None:
    office = lives.Office(tmp_path / "ledger.db")
    office.found()
    office.dispatched()  # Friday 2026-11-20, 15 working days: 2026-12-11
    due = {k["zh"]: v["zh"] for k, v in page_of(office).next.rows}
    assert due["期限"] == "12-11（周五，15 工作日），剩 21 天"
    assert not page_of(office).overdue
    late = office.now.replace(month=12, day=14)
    assert "逾期 3 天" in {k["zh"]: v["zh"] for k, v in page_of(office, as_of=late).next.rows}["期限"]
    assert page_of(office, as_of=late).overdue
    office.do(Kind.PAUSED, lives.LEGAL, reason="行政复议")
    paused = page_of(office, as_of=late)
    assert "自 2026-11-20 起中止" in {k["zh"]: v["zh"] for k, v in paused.next.rows}["期限"]
    assert not paused.overdue


def test_gates_show_what_is_missing_then_what_was_measured(tmp_path: Path) -> None:
    office = lives.Office(tmp_path / "ledger.db")
    office.found()
    office.dispatched()
    office.later()
    office.violation()
    office.ordered()
    office.later(10)
    office.reported()
    office.later()
    short = {gate.key: gate for gate in page_of(office).parts[0].gates}
    assert short["imagery"].met is False
    assert "还缺 2 期晴空影像" in short["imagery"].missing["zh"]
    office.proof()
    office.accepted()
    page = page_of(office)
    closed = {gate.key: gate for gate in page.parts[0].gates}
    assert {gate.met for gate in closed.values()} <= {True, None}
    assert closed["second_person"].value["zh"] == "复核员验收，与报告人不同"
    assert page.status is Status.CLOSED
    assert page.parts[0].outcome["zh"] == "整改到位"
    assert [line.verdict for line in page.parts[0].rechecks] == ["restored", "restored"]
    assert all(line.counts for line in page.parts[0].rechecks)


def test_parts_of_a_split_add_up_on_the_page(office) -> None:
    page = page_of(office)
    assert [part.id for part in page.parts] == ["1", "2"]
    assert sum(part.patch_m2 for part in page.parts) == pytest.approx(page.area.patch_m2, abs=0.005)
    assert page.relapses == 1
    html = html_of(page)
    assert "反弹 1 次" in html
    assert 'id="part-1"' in html
    assert 'id="part-2"' in html


def test_a_correction_strikes_through_what_it_corrects(office) -> None:
    page = page_of(office)
    struck = [one for one in page.happenings if one.struck]
    assert [one.kind for one in struck] == [Kind.FOUND]
    assert f"<s>{struck[0].title['zh']}</s>" in html_of(page)


def test_photos_of_one_day_are_one_line_with_what_speaks_against_them(office) -> None:
    told = [one for one in page_of(office).happenings if one.kind == Kind.EVIDENCE and one.icon == "camera"]
    assert told[-1].count == 2
    assert told[-1].title["zh"] == "收到照片 2 张"
    assert "全景照片 1、近景照片 1 · 2 张中 2 张在图斑内或朝向图斑" in told[-1].text["zh"]


def test_an_event_of_another_version_is_told_by_its_kind() -> None:
    event = Event(1, "x", "TOMORROW", lives.START, "a", "reviewer", {}, (), 9, "9", "", "")
    assert happenings([event], Telling(lambda day: None))[0].title == {"zh": "TOMORROW", "en": "TOMORROW"}


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_of_a_clue_is_told_by_its_name(source: str) -> None:
    said = {"source": source, "batch": "2026Q4", "clue_id": "7"}
    event = Event(1, "x", Kind.CLUE, lives.START, "a", "district_officer", said, (), 9, "9", "", "")
    told = happenings([event], Telling(lambda day: None))[0].text
    assert told["zh"] == f"{source_name(source)['zh']}，批次 2026Q4，编号 7 · 县区经办"
    assert not re.search("[A-Za-z]{4,}", told["zh"])


@pytest.mark.parametrize("named", ["x", None, 7])
def test_a_correction_of_no_entry_strikes_nothing(named: object) -> None:
    events = [
        Event(n, "x", kind, lives.START, "a", "leader", said, (), 9, "9", "", "")
        for n, (kind, said) in enumerate([(Kind.NOTE, {"text": "t"}), (Kind.CORRECTED, {"corrects": named})], 1)
    ]
    assert not any(one.struck for one in happenings(events, Telling(lambda day: None)))


@pytest.mark.parametrize("size", [DESK, PHONE])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_of_a_whole_life_fits_the_screen(office, open_page, tmp_path, size, lang) -> None:
    from maps import assets

    (tmp_path / "static").mkdir()
    for name, content in assets.static_files().values():
        (tmp_path / "static" / name).write_bytes(content)
    path = tmp_path / ("en/" * (lang == "en")) / case_map.page_path(lives.FIRST)
    path.parent.mkdir(parents=True)
    path.write_text(html_of(page_of(office), lang), encoding="utf-8")
    opened = open_page(path, size, site=tmp_path)
    assert opened.problems == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert opened.page.locator(".gx-part").count() == 2
    opened.shot(f"life-{lang}-{size[0]}")


def test_when_it_began_is_of_the_whole_case_also_after_a_split(tmp_path: Path) -> None:
    office = lives.Office(tmp_path / "ledger.db")
    office.found()
    office.dispatched()
    office.do(Kind.SPLIT, lives.OFFICER, parts=lives.halves(office.ledger.case(lives.FIRST).parts[0].ground))
    text = {"zh": "占用始于 2025-10-20 之后。", "en": "It began after 2025-10-20."}
    office.do(Kind.DATED, lives.SYSTEM, **{"without": "b", "with": "a", "interval": {"text": text}})
    page = page_of(office)
    assert page.began == text
    assert page.happenings[0].text["zh"].startswith(text["zh"])
