"""Gates of a closing, one by one, with values made by hand; and that nothing closes without a second person."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cases.closing import SPOILED, Gate, gates, refusal
from pipeline.cases.evidence import Evidence, Finding, Judged
from pipeline.cases.rules import ClosingRule
from pipeline.cases.standards import standards
from pipeline.recheck import Recheck

RULES = standards(date(2026, 11, 24)).closings
TILLAGE = RULES["restored_tillage"]
REPORTED = datetime(2026, 11, 10, 1, 0, tzinfo=UTC)  # 09:00 in Beijing
SCENES = {"a" * 64: {"zh": "吉林一号", "en": "Jilin-1"}, "b" * 64: {"zh": "高分二号", "en": "Gaofen-2"}}


def text(said: str) -> dict[str, str]:
    return {"zh": said, "en": said}


def photo(n: int, *found: str, days: float = 1.0, shot: str = "after", **more: Any) -> Judged:
    taken = REPORTED + timedelta(days=days)
    evidence = Evidence(
        f"{n:064x}",
        "photo",
        shot,
        "image/jpeg",
        1000,
        taken,
        taken + timedelta(minutes=1),
        112.9,
        27.8,
        5.0,
        90.0,
        "exif",
    )
    return Judged(replace(evidence, **more), tuple(Finding(key, text(key)) for key in found))


def scene(id: str, days: float, verdict: str = "restored", *, flight: bool = False, **figures: float) -> Recheck:
    at = REPORTED + timedelta(days=days)
    return Recheck(id * 64, at, verdict, figures, text(f"{verdict} 0.61"), flight, 120)


GOOD: dict[str, Any] = {
    "reported_at": REPORTED,
    "photos": [photo(1, "inside"), photo(2 << 224, "facing", days=2)],
    "rechecks": [scene("a", 5), scene("b", 12)],
    "documents": {"acceptance_sheet"},
    "reporter": "张三",
    "doers": {"张三", "王五"},
    "by": "李四",
    "scenes": SCENES,
}


def shown(rule: ClosingRule = TILLAGE, **changed: Any) -> dict[str, Gate]:
    return {gate.key: gate for gate in gates(rule, **{**GOOD, **changed})}


def refused(rule: ClosingRule = TILLAGE, **changed: Any) -> str | None:
    said = refusal(gates(rule, **{**GOOD, **changed}))
    return None if said is None else said["zh"]


def test_all_that_is_asked_for_closes_and_each_gate_says_what_was_measured() -> None:
    found = shown()
    assert refused() is None
    assert {key: gate.met for key, gate in found.items()} == {
        "reported": True,
        "photos": True,
        "photo_in_place": True,
        "imagery": True,
        "residue": None,
        "documents": True,
        "second_person": True,
    }
    assert found["reported"].value["zh"] == "2026-11-10 张三 报告"
    assert found["photos"].value["zh"] == "整改后照片 2/2"
    assert found["photo_in_place"].value["zh"] == "11-12 照片 00000002：facing"
    assert found["imagery"].name["zh"] == "影像复看（2 期晴空影像，或 1 次无人机飞行）"
    assert found["imagery"].value["zh"] == "11-15 吉林一号：restored 0.61；11-22 高分二号：restored 0.61"
    assert found["documents"].value["zh"] == "整改验收单（乡镇、自然资源、农业农村）"
    assert found["second_person"].value["zh"] == "李四 验收，张三 报告"
    assert all(gate.missing is None for gate in found.values())


def test_the_sentence_names_what_is_missing_and_what_is_there() -> None:
    assert refused(rechecks=[scene("a", 5)]) == "不能销号：还缺 1 期晴空影像（已有 11-15 吉林一号）。"
    said = refusal(gates(TILLAGE, **{**GOOD, "rechecks": [scene("a", 5)]}))
    assert said is not None
    assert said["en"] == "Cannot close: clear scenes missing: 1 (so far 11-15 Jilin-1)."
    assert refused(rechecks=[]) == "不能销号：还缺 2 期晴空影像。"
    assert refused(rechecks=[], documents=(), by=None) == (
        "不能销号：还缺 2 期晴空影像；还缺材料：整改验收单（乡镇、自然资源、农业农村）；还须由另一人验收。"
    )


def test_nothing_counts_before_the_report() -> None:
    assert shown(reported_at=None)["reported"].met is False
    found = shown(reported_at=None)
    assert [key for key, gate in found.items() if gate.met is False] == [
        "reported",
        "photos",
        "photo_in_place",
        "imagery",
        "second_person",
    ]
    assert refused(rechecks=[scene("a", -1), scene("b", 0), scene("a", -5)]) == "不能销号：还缺 2 期晴空影像。"


@pytest.mark.parametrize(
    ("one", "met"),
    [
        (photo(1, "inside"), True),
        (photo(1, "facing"), True),
        (photo(1, "outside"), False),
        (photo(1, "outside", "facing_away"), False),
        (photo(1, "no_position"), False),
        (photo(1, "inside", days=0), False),  # at the report itself
        (photo(1, "inside", days=1e-5), True),  # one second later
        (photo(1, "inside", days=-1), False),
        (photo(1, "inside", taken_at=None), False),
        (photo(1, "inside", kind="document"), False),
        (photo(1, "inside", "manual_position"), True),  # told in the value; the second person judges
        *((photo(1, "inside", key), False) for key in SPOILED),
    ],
)
def test_a_photo_proves_only_in_place_after_the_report_and_without_doubt(one: Judged, met: bool) -> None:
    gate = shown(photos=[one])["photo_in_place"]
    assert gate.met is met
    assert (gate.missing is None) is met


def test_why_photos_do_not_count_is_told() -> None:
    found = shown(photos=[photo(1, "inside", days=-1), photo(2, "outside"), photo(3, "outside"), photo(4, "reused")])
    assert found["photo_in_place"].value["zh"] == "4 张照片中，1 张不是报告后拍的，2 张不在图斑内也不朝向图斑，1 张存疑"
    assert found["photo_in_place"].missing is not None
    assert found["photo_in_place"].missing["zh"] == "还缺 1 张报告整改后在图斑内或朝向图斑拍的照片"


def test_photos_are_counted_by_kind_of_shot_and_each_once() -> None:
    assert shown(photos=[photo(1, "inside"), photo(1, "inside")])["photos"].met is False  # the same bytes
    assert shown(photos=[photo(1, "inside"), photo(2, "inside", shot="close")])["photos"].met is False
    both = replace(TILLAGE, photos={"overview": 1, "after": 1})
    assert shown(both, photos=[photo(1, "inside"), photo(1, "inside", shot="overview")])["photos"].met is False
    assert shown(photos=[photo(1, "inside"), photo(2, "reused")])["photos"].met is False
    assert refused(photos=[photo(1, "inside")]) == "不能销号：还缺 1 张整改后照片。"
    rule = replace(TILLAGE, photos={"overview": 1, "after": 2, "corner": 0})
    assert shown(rule)["photos"].value["zh"] == "全景照片 0/1，整改后照片 2/2"


@pytest.mark.parametrize(
    ("rechecks", "met"),
    [
        ([scene("a", 5), scene("b", 12)], True),
        ([scene("b", 12), scene("a", 5)], True),  # in any order
        ([scene("a", 5), scene("a", 5)], False),  # one scene judged twice
        ([scene("a", 5), scene("b", 5.01)], False),  # two tiles of one pass
        ([scene("a", 5), scene("b", 12, "cannot_tell")], False),
        ([scene("a", 5, flight=True)], True),  # one flight is enough
        ([scene("a", 5, "cannot_tell", flight=True)], False),
        ([scene("a", 5), scene("b", 12), scene("c", 20, "not_restored")], False),  # the newest clear word counts
        ([scene("a", 5, flight=True), scene("c", 20, "not_restored")], False),
        ([scene("a", 5), scene("b", 12), scene("c", 20, "not_restored"), scene("d", 30, "cannot_tell")], False),
        ([scene("a", 5), scene("b", 12), scene("c", 20, "not_restored"), scene("d", 30)], False),  # begins anew
        ([scene("c", 3, "not_restored"), scene("a", 5), scene("b", 12)], True),  # put right afterwards
        ([scene("a", 5), scene("b", 12), scene("c", 12, "not_restored")], False),  # at one time the worse word
        ([scene("c", 12, "not_restored"), scene("b", 12, flight=True)], False),
        ([scene("a", 5), scene("b", 12), scene("b", 12, "not_restored")], False),  # judged again, otherwise
        ([scene("a", 5), scene("b", 12, "not_restored"), scene("b", 12)], True),
        ([scene("c", -3, "not_restored"), scene("a", 5), scene("b", 12)], True),  # before the report it was so
    ],
)
def test_imagery_agrees_only_by_the_newest_clear_word(rechecks: list[Recheck], met: bool) -> None:
    assert shown(rechecks=rechecks)["imagery"].met is met


def test_a_later_scene_that_says_no_is_named() -> None:
    rechecks = [scene("a", 5), scene("a", 12, flight=True), scene("b", 60, "not_restored")]
    assert refused(rechecks=rechecks) == "不能销号：2027-01-09 高分二号影像显示未恢复。"
    gate = shown(rechecks=rechecks)["imagery"]
    assert gate.value["zh"] == "2027-01-09 高分二号：not_restored 0.61"
    gate = shown(rechecks=[scene("a", 5), scene("c", 6, "cannot_tell")])["imagery"]
    assert gate.value["zh"] == "11-15 吉林一号：restored 0.61；报告后影像 2 期，其中 1 期判不了"


def test_an_office_may_ask_for_flights_only_or_scenes_only() -> None:
    flights = replace(TILLAGE, clear_scenes=0, flights=2)
    assert refused(flights) == "不能销号：还缺 2 次无人机飞行。"
    assert refused(flights, rechecks=[scene("a", 5, flight=True), scene("b", 9, flight=True)]) is None
    scenes = replace(TILLAGE, flights=0)
    assert shown(scenes, rechecks=[scene("a", 5, flight=True)])["imagery"].met is False
    assert shown(scenes)["imagery"].met is True


def test_residue_counts_where_it_was_measured() -> None:
    measured = [scene("a", 5, residue_m2=40.0), scene("b", 12, residue_m2=12.4)]
    assert shown(rechecks=measured)["residue"].met is False
    assert refused(rechecks=measured) == "不能销号：还残留 12.4 m²（允许 0.0 m²）。"
    allowed = replace(TILLAGE, residue_m2=12.4)
    assert shown(allowed, rechecks=measured)["residue"].met is True
    assert shown(allowed, rechecks=measured)["residue"].value["zh"] == "12.4 m²，允许 12.4 m²"
    assert shown(rechecks=[scene("a", 5, residue_m2=float("nan"))])["residue"].met is False


@pytest.mark.parametrize("key", ["formalities", "confiscated", "to_agriculture", "to_police", "historical"])
def test_other_kinds_close_on_their_documents_each_of_which_is_needed(key: str) -> None:
    rule = RULES[key]
    nothing: dict[str, Any] = {"photos": [], "rechecks": []}
    found = shown(rule, **nothing, documents=rule.documents)
    assert [found[name].met for name in ("photos", "photo_in_place", "imagery", "residue")] == [None] * 4
    assert refused(rule, **nothing, documents=rule.documents) is None
    for one in rule.documents:
        held = [name for name in rule.documents if name != one]
        assert refused(rule, **nothing, documents=held) == f"不能销号：还缺材料：{rule.document_names[one]['zh']}。"


@pytest.mark.parametrize(
    ("reporter", "doers", "by", "met"),
    [
        ("张三", (), "李四", True),
        ("张三", (), "张三", False),
        ("张三", ("李四",), "李四", False),
        ("张三", (), " 张三 ", False),
        ("Zhang San", (), "zhang  san", False),
        ("ZHANGSAN", (), "ｚｈａｎｇｓａｎ", False),
        ("张三", (), None, False),
        ("张三", (), "  ", False),
        (None, (), "李四", False),
        ("", (), "李四", False),
    ],
)
def test_the_accepter_is_none_of_those_who_did_or_reported(
    reporter: str | None, doers: tuple[str, ...], by: str | None, met: bool
) -> None:
    assert shown(reporter=reporter, doers=doers, by=by)["second_person"].met is met


# --- laws ----------------------------------------------------------------------------------------

PEOPLE = st.sampled_from(["张三", "李四", "王五", "张三 ", ""])
PHOTOS = st.lists(
    st.builds(
        lambda n, found, days, shot: photo(n, *found, days=days, shot=shot),
        st.integers(0, 4),
        st.lists(st.sampled_from(["inside", "facing", "outside", "no_time", "reused"]), max_size=2),
        st.floats(-3, 30),
        st.sampled_from(["after", "overview"]),
    ),
    max_size=5,
)
RECHECKS = st.lists(
    st.builds(
        lambda id, days, verdict, flight: scene(id, days, verdict, flight=flight),
        st.sampled_from("abcd"),
        st.integers(-5, 40),
        st.sampled_from(["restored", "restored", "not_restored", "cannot_tell"]),
        st.booleans(),
    ),
    max_size=5,
)
INPUTS = st.fixed_dictionaries(
    {
        "reported_at": st.none() | st.just(REPORTED),
        "photos": PHOTOS | st.just(GOOD["photos"]),
        "rechecks": RECHECKS | st.just(GOOD["rechecks"]),
        "documents": st.just(sorted({one for rule in RULES.values() for one in rule.documents})),
        "reporter": st.none() | PEOPLE,
        "doers": st.lists(PEOPLE, max_size=3),
        "by": st.none() | PEOPLE,
    }
)


@given(st.sampled_from(sorted(RULES)), INPUTS)
def test_nothing_closes_without_a_second_person(key: str, given: dict[str, Any]) -> None:
    if refusal(gates(RULES[key], **given)) is None:
        by = (given["by"] or "").strip()
        assert by
        assert (given["reporter"] or "").strip()
        assert by not in {one.strip() for one in (given["reporter"], *given["doers"])}
        assert given["reported_at"] is not None


@given(st.sampled_from(["restored_tillage", "restored_other"]), INPUTS)
def test_restored_ground_closes_only_with_a_photo_in_place_and_a_last_word_that_agrees(
    key: str, given: dict[str, Any]
) -> None:
    if refusal(gates(RULES[key], **given)) is None:
        assert any(one.in_place and one.evidence.taken_at > REPORTED for one in given["photos"])
        last = {one.scene_id: one for one in given["rechecks"] if one.at > REPORTED}
        clear = [one for one in last.values() if one.verdict != "cannot_tell"]
        newest = max(one.at for one in clear)
        assert all(one.verdict == "restored" for one in clear if one.at == newest)


@given(st.sampled_from(sorted(RULES)), INPUTS)
def test_every_gate_that_is_not_met_says_what_is_missing_in_both_languages(key: str, given: dict[str, Any]) -> None:
    for gate in gates(RULES[key], **given):
        assert (gate.met is False) == (gate.missing is not None)
        for said in (gate.name, gate.value, *([gate.missing] if gate.missing else [])):
            assert said["zh"]
            assert said["en"]
