"""The story of the demo on an invented ledger: the people's side of it, without images; the whole demo in soak."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import pytest

from flows import demo, demo_evidence, demo_loop, demo_story, settings
from flows.demo_loop import NAMES, Loop
from flows.progress import step
from geodata import township
from geodata.photofile import read_photo
from geodata.words import both
from pipeline.cases.case import Status
from pipeline.cases.events import SYSTEM, Kind
from tests.pipeline.invented_flags import flag, inspection, place

SEEN_AT, FOUND_AT = datetime(2024, 10, 17, 3, tzinfo=UTC), datetime(2025, 4, 30, 3, tzinfo=UTC)
ROLES = [role for role in NAMES if role not in ("half", "nursery")]
"""Of a split, parcels have to be held; that one is of the whole demo."""


def town() -> township.Township:
    """One event for each part of the story, side by side."""
    truth = tuple(
        township.TruthEvent(both(NAMES[role]), "hardening", place(n), FOUND_AT, None, "flag", 10_000.0, "satellite")
        for n, role in enumerate(ROLES)
    )
    return township.Township((), (), truth)


@pytest.fixture
def office(tmp_path: Path) -> demo_story.StoryOffice:
    made = demo_story.of(settings.make(tmp_path / "office").root)
    made.clock.to("2025-05-02")
    flags = [flag(n, before_at=SEEN_AT, after_at=FOUND_AT) for n in range(len(ROLES))]
    made.ledger.record(inspection(), flags, SYSTEM)
    return made


def test_the_story_of_the_people_is_told_in_order_and_the_ledger_holds_it(office) -> None:
    loop = Loop(office, town())
    for chapter in demo_loop.CHAPTERS[:-1]:
        chapter(loop)
    numbers = {role: loop.number(role) for role in ROLES}
    assert len(set(numbers.values())) == len(ROLES)

    after = datetime(2026, 10, 18, 3, tzinfo=UTC)
    loop.clock.to("2026-10-19")
    again = flag(ROLES.index("again"), before="c", after="d", before_at=SEEN_AT, after_at=after)
    office.ledger.record(inspection("c", "d"), [again], SYSTEM)
    before_the_end = len(loop.story)
    demo_loop.CHAPTERS[-1](loop)

    rows = {row["number"]: row for row in office.ledger.rows()}
    assert {row["verdict"] for row in rows.values()} - {None} == {
        "lawful", "facility", "rural_road", "other", "violation", "false_change", "basemap_wrong",
    }  # fmt: skip
    house = rows[numbers["house"]]
    assert (house["status"], house["outcome"], house["transfers"]) == (
        "CLOSED",
        "transferred",
        ["agriculture:RECEIVED"],
    )
    assert rows[numbers["basic"]]["proceeding"]["status"] == "FILED"
    assert rows[numbers["basic"]]["paused"]
    assert rows[numbers["basic"]]["due_at"] is None  # so that it is not overdue
    kept = office.ledger.case(numbers["again"])
    closings = [e for e in office.ledger.events(numbers["again"]) if e.kind == Kind.ACCEPTED]
    assert [e.payload["overridden"] for e in closings] == [True]  # no image spoke for it, so a leader did
    assert (kept.status, kept.relapses) == (Status.DISPATCHED, 1)
    assert rows[numbers["true"]]["status"] == "REPORTED"  # nor here, and nobody closed it
    assert office.ledger.verify().ok

    said = [one.text for one in loop.story]
    assert "不能销号：还缺 2 期晴空影像" in " ".join(text["zh"] for text in said)
    assert "Cannot close" in " ".join(text["en"] for text in said)
    assert "7 kinds of verdict" in " ".join(text["en"] for text in said)
    assert all(text["zh"] != text["en"] and "{" not in text["zh"] + text["en"] for text in said)
    assert "逾期" in said[-1]["zh"]
    assert len(said) > before_the_end
    assert len(said) <= 22  # a screenful
    lines = demo.told(loop.story)
    assert [line.split()[0] for line in lines] == [str(n) for n in range(1, len(lines) + 1)]


def test_what_was_returned_waits_for_a_second_person_at_the_end(office) -> None:
    loop = Loop(office, town())
    for chapter in demo_loop.CHAPTERS[:-1]:
        chapter(loop)
    number = loop.number("fake")
    loop.do(Kind.RETURNED, demo_story.REVIEWER, number, reason="仍有硬化", due_on="2026-09-30")
    demo_loop.CHAPTERS[-1](loop)
    assert office.ledger.case(number).parts[0].status is Status.REPORTED
    assert any("waits for a second person" in one.text["en"] for one in loop.story)


def test_every_step_stands_on_its_day_in_order(office) -> None:
    demo_loop.play(office, town())
    events = office.ledger.events()
    assert all(one.at <= other.at for one, other in pairwise(events))
    assert office.ledger.verify().clock_back == ()
    assert events[0].at.year == 2025
    assert events[-1].at < datetime(2026, 11, 1, tzinfo=UTC)


def test_photos_tell_where_when_and_which_way_and_stand_inside(office) -> None:
    loop = Loop(office, town())
    loop.clock.to("2025-05-06")
    number = loop.number("again")
    loop.dispatch(number)
    for n in range(4):
        loop.photo(number, "overview" if n else "close", "built")
    held = loop.part(number).evidence
    assert len({item["sha256"] for item in held}) == 4
    for item in held:
        photo = read_photo(office.evidence.path(item["sha256"]))
        assert photo.heading_north == "true"
        assert abs((photo.taken_at - loop.clock.now).total_seconds()) < 3600
        assert item["in_place"]
        assert [found["key"] for found in item["findings"] if found["doubt"]] == []


def test_the_same_photo_is_drawn_the_same() -> None:
    at = datetime(2025, 5, 6, 1, tzinfo=UTC)
    one = demo_evidence.photo("field", (112.5, 27.9, 90.0), at, "1")
    assert one == demo_evidence.photo("field", (112.5, 27.9, 90.0), at, "1")
    assert one != demo_evidence.photo("field", (112.5, 27.9, 90.0), at, "2")
    assert len(one) < 60_000
    assert demo_evidence.paper("n", "8001", at) == demo_evidence.paper("n", "8001", at)


def test_a_demo_is_opened_as_it_is_where_it_stands_whole_and_of_this_version(tmp_path: Path) -> None:
    found = {"workspace": str(tmp_path), "verify": True}
    mark = tmp_path / demo.MARK

    def stands(version_: str, workspace: Path) -> bool:
        mark.write_text(json.dumps({"version": version_, "found": found | {"workspace": str(workspace)}}))
        return demo.earlier(tmp_path) is not None

    now = version("gengxun")
    assert demo.earlier(tmp_path) is None
    mark.touch()  # broken off while it was built
    assert demo.earlier(tmp_path) is None
    assert stands(now, tmp_path)
    assert demo.earlier(tmp_path) == found
    assert not stands("0.0.1", tmp_path)
    assert not stands(now, tmp_path / "elsewhere")


def test_long_work_says_where_it_is_where_there_is_no_terminal(capsys) -> None:
    with step("playing", lines=True) as progress:
        for share in (0.05, 0.1, 0.15, 0.5, 1.0):
            progress(share)
    assert capsys.readouterr().err.splitlines() == ["playing", "playing: 10%", "playing: 50%", "playing: 100%"]
    with step("reading") as progress:
        progress(1.0)
    assert capsys.readouterr().err == ""


@pytest.mark.soak
def test_the_whole_demo_plays_the_loop_and_its_pages_show_it(gengxun, tmp_path: Path) -> None:
    done = gengxun("demo", "--dir", "demo", "--json", cwd=tmp_path, lang="zh", timeout=1500)
    assert done.code == 0, done.err
    story, found = json.loads(done.out)["story"], json.loads(done.out)
    assert found["verify"]
    assert len(story) <= 22
    site = Path(found["index"]).parent
    for one in story:
        for number in one["cases"]:
            assert number in (site / "case" / f"{number}.html").read_text(encoding="utf-8")
    told = " ".join(one["text"]["en"] for one in story)
    for words in (
        "split into two parts",
        "refused",
        "7 kinds of verdict",
        "handed to agriculture",
        "overdue",
        "relapse",
    ):
        assert words in told
    assert found["scores"]["satellite"]["found"]
