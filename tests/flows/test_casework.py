"""``case do``, ``case list``, ``case show`` as they are called: a life of a case on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import geopandas as gpd
import pytest

from tests.flows.an_office import FIRST, ZONE, lonlat, square
from tests.geodata.photos import at, photo

INSPECTOR, OFFICER = ("--as", "李外业:field_inspector"), ("--as", "周建军:district_officer")
SENSING, REVIEWER = ("--as", "遥感甲:remote_sensing"), ("--as", "王复核：复核员")


def picture(folder: Path, name: str, hours: float = 0) -> Path:
    """A photo taken in the middle of the case's ground, now."""
    inside = lonlat(square(940, 100)).centroid
    taken = datetime.now(UTC) + timedelta(hours=8 + hours)
    fields = {"DateTimeOriginal": f"{taken:%Y:%m:%d %H:%M:%S}", "OffsetTimeOriginal": "+08:00", "Make": "phone"}
    (folder / name).write_bytes(photo(**at(inside.x, inside.y), **fields))
    return folder / name


def dispatched(run):
    done = run("case", "do", FIRST, "dispatched", *SENSING, "to_whom=周建军", "reason=顶棚清晰可见")
    assert done.code == 0, done.err
    return done


def violation(run, folder, *more):
    return run(
        "case", "do", FIRST, "verdict", *INSPECTOR, "verdict=violation", "sub=industry_mining_commerce",
        "use=hardening", "built=2026-05", "party=某建材公司", "text=场地已硬化", *more,
        "--photo", f"{picture(folder, 'a.jpg')}:overview", "--photo", f"{picture(folder, 'b.jpg')}:近景照片",
    )  # fmt: skip


def test_a_step_is_taken_by_its_name_in_either_language(run, tmp_path):
    done = dispatched(run)
    assert done.out.startswith(f"{FIRST}: dispatch recorded as event 3; stands at DISPATCHED, due 20")
    noted = run("case", "do", FIRST, "备注", "--as", "刘局长:领导", "text=重点关注", lang="zh")
    assert noted.code == 0, noted.err
    assert "备注" in noted.out
    told = violation(run, tmp_path, "--json")
    assert told.code == 0, told.err
    assert (told.json["status"], told.json["version"]) == ("RECTIFYING", 6)
    assert [e["kind"] for e in told.json["events"]] == ["EVIDENCE", "EVIDENCE", "VERDICT"]
    assert all(item["in_place"] for item in told.json["evidence"])
    assert run("verify").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("dispatched", "to_whom=x", "reason=y"), "--as NAME:ROLE"),
        (("dispatched", "--as", "nobody", "to_whom=x"), "NAME:ROLE"),
        (("dispatched", "--as", "gengxun:system", "to_whom=x"), "NAME:ROLE"),
        (("dispatched", *INSPECTOR, "to_whom=x"), "is not for the role"),
        (("dispatched", *SENSING, "reason=y"), "to_whom"),
        (("dispatched", *SENSING, "to_whom"), "field=value"),
        (("flown", *SENSING), "is no step of a case"),
        (("clue", *SENSING), "batch add"),
        (("verdict", *INSPECTOR, "verdict=lawful"), "is no step"),
        (("evidence", *INSPECTOR), "--photo"),
        (("dispatched", *SENSING, 'to_whom:=["a"]'), "to_whom is a text"),
        (("note", *SENSING, "late:={"), "is no JSON"),
        (("dated", *SENSING, "without=x", "with=y"), "x"),
        (("note", *INSPECTOR, "text=a", "--photo", "nowhere.jpg:close"), "nowhere.jpg"),
        (("note", *INSPECTOR, "text=a", "--document", "recipe=x.pdf"), "recipe"),
        (("note", *INSPECTOR, "text=a", "--photo", __file__ + ":foo"), "foo is no kind of photo; known are overview"),
        (("ordered", *SENSING, "rectification=x"), "Possible for remote sensing now: dismissal, dispatch, evidence"),
        (("verdict", *SENSING, "verdict=lawful"), "verdict is for district officer, field inspector"),
        (("note", *INSPECTOR, "text=a", "--parts", "x.gpkg"), "split"),
        (("note", *INSPECTOR, "text=a", "text=b"), "given twice"),
        (("evidence", *INSPECTOR, "--part", "7", "--photo", __file__ + ":close"), "has no part"),
        (("rechecked", *SENSING, 'recheck:={"a": 1}'), "not told by hand"),
    ],
)
def test_a_refusal_is_one_sentence_and_exit_code_2(run, arguments, said):
    refused = run("case", "do", FIRST, *arguments)
    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err
    assert len(refused.err.strip().splitlines()) == 1
    chinese = run("case", "do", FIRST, *arguments, lang="zh")
    assert (chinese.code, chinese.err != refused.err) == (2, True)
    assert len(run("case", "show", FIRST, "--json").json["events"]) == 1


def test_nothing_is_kept_of_a_step_that_is_none_here(run, office, tmp_path):
    refused = violation(run, tmp_path)
    assert refused.code == 2
    assert not (office / "evidence").exists()
    dispatched(run)
    (tmp_path / "no.jpg").write_text("no photo")
    bad = run("case", "do", FIRST, "evidence", *INSPECTOR, "--photo", f"{tmp_path / 'no.jpg'}:close")
    assert bad.code == 2
    assert "no.jpg" in bad.err


def test_what_is_possible_now_and_what_it_needs(run, tmp_path):
    now = run("case", "do", FIRST)
    assert now.code == 0
    assert "dispatched" in now.out
    assert "to_whom=…" in now.out
    assert run("case", "do", FIRST, "--help").out == now.out
    dispatched(run)
    mine = run("case", "do", FIRST, "--help", *INSPECTOR, "--json").json
    events = {one["event"]: one for one in mine["parts"][0]["possible"]}
    assert {"verdict", "postponed", "split", "evidence"} <= set(events)
    assert "accepted" not in events
    lawful = next(v for v in events["verdict"]["verdicts"] if v["key"] == "lawful")
    assert (lawful["photos"], lawful["photos_held"]) == ({"overview": 1}, {"overview": 0})
    one = run("case", "do", FIRST, "核实结论", "--help", lang="zh").out
    assert "verdict=violation" in one
    assert "全景" in one
    violation(run, tmp_path)
    assert run("case", "do", FIRST, "order", *OFFICER, "rectification=restored_tillage").code == 0
    assert run("case", "do", FIRST, "reported", *OFFICER, "text=已翻耕").code == 0
    gates = run("case", "do", FIRST, "accept", *REVIEWER, "--help").out
    assert "✓ Reported for acceptance" in gates
    assert "✗" in gates
    refused = run("case", "do", FIRST, "accept", *REVIEWER)
    assert (refused.code, "Cannot close" in refused.err) == (2, True)


def test_help_without_a_case(run, tmp_path):
    assert "--photo" in run("case", "do", "--help", cwd=tmp_path).out
    assert run("case", "do", cwd=tmp_path).code == 2


def test_a_verdict_that_comes_too_late_is_kept(run, tmp_path):
    dispatched(run)
    version = run("case", "show", FIRST, "--json").json["version"]
    assert violation(run, tmp_path, "--expect-version", version, "--json").json["late"] is False
    late = run("case", "do", FIRST, "verdict", *INSPECTOR, "verdict=false_change", "--expect-version", version,
               "--photo", f"{picture(tmp_path, 'c.jpg')}:overview", "--json")  # fmt: skip
    assert late.code == 0, late.err
    assert (late.json["late"], late.json["kind"], late.json["status"]) == (True, "SUPPLEMENT", "RECTIFYING")
    assert len(late.json["evidence"]) == 1


def halves(path: Path, *shapes) -> Path:
    gpd.GeoDataFrame({"name": [f"n{n}" for n in range(len(shapes))]}, geometry=list(shapes), crs=ZONE).to_file(path)
    return path


def test_a_split_along_drawn_polygons_adds_up(run, tmp_path):
    dispatched(run)
    drawn = halves(tmp_path / "parts.gpkg", square(940, 100, 60, 100))
    done = run("case", "do", FIRST, "split", *INSPECTOR, "--parts", drawn, "--json")
    assert done.code == 0, done.err
    assert "4,0" in done.err
    assert "last part" in done.err
    first, second = done.json["parts"]
    assert first["patch_m2"] == pytest.approx(6000, rel=2e-3)
    shown = run("case", "show", FIRST, "--json").json
    assert round(first["patch_m2"] + second["patch_m2"], 2) == shown["patch_m2"]
    paddy, forest = shown["parts"]
    assert (paddy["farmland_gross_m2"], forest["farmland_gross_m2"]) == (shown["farmland_gross_m2"], 0.0)
    named = run("case", "do", FIRST, "postponed", *INSPECTOR, "reason=水淹", "again_on=2099-01-01")
    assert (named.code, "--part" in named.err) == (2, True)
    assert (
        run("case", "do", FIRST, "postponed", *INSPECTOR, "--part", "2", "reason=水淹", "again_on=2099-01-01").code == 0
    )
    assert run("verify").code == 0


def test_a_split_that_does_not_fit_is_refused(run, tmp_path):
    dispatched(run)
    for name, shapes, said in (
        ("away", [square(0, 0)], "does not lie on this ground"),
        ("twice", [square(940, 100, 60, 100), square(950, 100, 90, 100)], "lies over an earlier one"),
        ("whole", [square(940, 100)], "two parts"),
    ):
        refused = run("case", "do", FIRST, "split", *INSPECTOR, "--parts", halves(tmp_path / f"{name}.gpkg", *shapes))
        assert refused.code == 2, name
        assert said in refused.err
    missing = run("case", "do", FIRST, "split", *INSPECTOR)
    assert (missing.code, "--parts" in missing.err) == (2, True)


def closed(run, folder):
    """From dispatch to the closing of a false change, by two persons."""
    dispatched(run)
    photo = ("--photo", f"{picture(folder, 'd.jpg')}:overview")
    done = run("case", "do", FIRST, "核实", *INSPECTOR, "verdict=false_change", "text=水稻收割", *photo)
    assert done.code == 0, done.err
    accepted = run("case", "do", FIRST, "验收", *REVIEWER, lang="zh")
    assert accepted.code == 0, accepted.err
    return accepted


@pytest.mark.parametrize(("arguments", "said"), [
    (("case", "list", "--kind", "castle"), "--kind 的值不对：castle 不在可选值之内；可用：construction"),
    (("case", "list", "--limit", "0"), "--limit 的值不对：0 不在范围 x>=1 之内"),
    (("case", "list", "--colour"), "没有选项 --colour"),
    (("case", "list", "--statu", "x"), "没有选项 --statu（相近的有："),
    (("case", "shown"), "没有命令 shown"),
    (("case", "show"), "缺少参数 NUMBER"),
])  # fmt: skip
def test_usage_is_refused_in_chinese(run, arguments, said):
    refused = run(*arguments, lang="zh")
    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err
    assert not re.search("Invalid|No such|Missing|Usage|Error", refused.err)


def test_lists_are_filtered_without_a_replay(run, tmp_path):
    def numbers(*options):
        return [row["number"] for row in run("case", "list", "--json", *options).json]

    assert numbers("--stage", "found", "--status", "suspected", "--kind", "construction", "--limit", 3) == [FIRST]
    dispatched(run)
    assert numbers("--assignee", "周建军") == [FIRST]
    assert numbers("--overdue") == numbers("--assignee", "李外业") == numbers("--batch", "none") == []
    (row,) = run("case", "list", "--json").json
    assert (row["overdue"], row["days_left"] > 0) == (False, True)
    listed = run("case", "list").out.splitlines()
    assert listed[0].startswith("number  status")
    assert "overdue and due first" in listed[0]
    assert "days left" in listed[1]
    assert "mu (farmland " in listed[1]  # the patch first, and the farmland by its name
    assert run("case", "list", "--batch", "none").out == ""
    violation(run, tmp_path)
    assert numbers("--party", "某建材公司", "--stage", "RECTIFY") == [FIRST]
    assert run("case", "list", "--kind", "castle").code == 2


def test_suspected_cases_are_listed_with_the_line_of_a_week(run, office, tmp_path):
    told = run("case", "list", "--budget")
    assert (told.code, "visits_week" in told.err) == (2, True)
    settings = office / "gengxun.toml"
    settings.write_text(settings.read_text("utf-8").replace("visits_week = 0 ", "visits_week = 1 "), "utf-8")
    (row,) = run("case", "list", "--budget", "--json").json
    assert (row["number"], row["rank"], row["within_budget"]) == (FIRST, 1, True)
    assert row["worth"] == pytest.approx(row["confidence"] * row["urgency"] * weighed(row), abs=1e-3)
    lines = run("case", "list", "--budget", lang="zh").out.splitlines()
    assert FIRST in lines[1]
    assert "本周可核查 1 处以内" in lines[2]
    refused = run("case", "list", "--budget", "--status", "CLOSED")
    assert (refused.code, "--budget" in refused.err) == (2, True)
    dispatched(run)
    assert run("case", "list", "--budget", "--json").json == []


def weighed(row):
    """亩 of farmland, net; the case has no basic farmland."""
    assert row["basic_farmland_m2"] == 0
    return row["farmland_net_m2"] / (2000 / 3)


def test_show_tells_the_whole_story_in_a_screenful(run, tmp_path):
    assert "销号" in closed(run, tmp_path).out
    shown = run("case", "show", FIRST, lang="zh")
    assert shown.code == 0, shown.err
    for word in (
        "伪变化",
        "水稻收割",
        "派发",
        "李外业",
        "验收销号",
    ):
        assert word in shown.out
    assert len(shown.out.splitlines()) < 40
    told = run("case", "show", FIRST, "--json").json
    assert [e["kind"] for e in told["events"]] == ["FOUND", "DISPATCHED", "EVIDENCE", "VERDICT", "ACCEPTED"]
    (part,) = told["parts"]
    assert (part["outcome"], part["closing"]["overridden"]) == ("false_change", False)
    assert part["verdict_given"]["text"] == "水稻收割"
    assert run("case", "show", "430321-2026-09999").code == 2


def test_one_case_is_exported_with_its_proof(run, tmp_path):
    closed(run, tmp_path)
    done = run("case", "export", FIRST, "--out", tmp_path / "out.zip", "--json")
    assert (done.code, done.json["events"], done.json["evidence"]) == (0, 5, 1)
    assert run("case", "export", FIRST, "--out", tmp_path / "out.zip").code == 2


@pytest.fixture
def lived(tmp_path):
    """A workspace whose ledger holds a whole life: split, proceeding, transfer, closing, relapse."""
    from flows import settings
    from tests.pipeline.cases.lives import a_whole_life

    office, _ = settings.init(tmp_path / "lived")
    for path in office.root.glob("ledger.db*"):
        path.unlink()
    a_whole_life(office.root / "ledger.db").ledger.close()
    return office.root


def test_a_whole_life_is_told_with_names_and_no_keys(run, lived):
    shown = run("case", "show", FIRST, cwd=lived, lang="zh").out
    for word in ("反弹 1 次", "非农违法", "拆除复耕", "立案程序 1：已立案", "处罚决定: 2027-02-24", "移送农业农村部门",
                 "全景照片  近景照片", "整改到位", "来源：上级下发 2026Q4，线索 TB-7"):  # fmt: skip
        assert word in shown
    for key in ("restored_tillage", "false_change", "overview", "acceptance_sheet"):
        assert key not in shown
    assert len(shown.splitlines()) <= 60
    assert "acceptance sheet" in run("case", "show", FIRST, cwd=lived).out
    told = run("case", "show", FIRST, "--json", cwd=lived).json
    part = next(p for p in told["parts"] if p["id"] == "1")
    assert part["proceedings"][0]["running"][0]["day"] == "2027-02-24"
    assert part["transfers"][0]["to"] == "agriculture"
    assert run("case", "do", FIRST, "--part", "1", cwd=lived).code == 0
    assert run("case", "do", FIRST, "--part", "1", "--json", cwd=lived).json["parts"][0]["status"] == "DISPATCHED"
    reminded = run("remind", "--days", 3650, "--json", cwd=lived).json["reminders"]
    assert not any(r["what"] == "again_on" for r in reminded)  # the relapse opened the ground anew
    assert run("export", lived / "x.xlsx", cwd=lived).code == 0
    assert run("stats", "--json", cwd=lived).json["total"]["relapses"] == 1


def test_every_other_step_goes_by_its_name(run, tmp_path):
    legal, leader, admin = (
        ("--as", "陈法制:legal_reviewer"),
        ("--as", "刘局长:leader"),
        ("--as", "管理员:administrator"),
    )
    paper = tmp_path / "paper.pdf"
    paper.write_bytes(b"%PDF-1.7\n%%EOF\n")
    dispatched(run)
    violation(run, tmp_path)
    steps = [
        ("assigned", *OFFICER, "to_whom=李外业"),
        ("ordered", *OFFICER, "rectification=restored_tillage"),
        ("due-set", *admin, "on=2099-01-20"),
        ("extended", *REVIEWER, "reason=雨季", "due_on=2099-02-10"),
        ("中止计时", *legal, "reason=行政复议"),
        ("恢复计时", *legal, "reason=维持"),
        ("proceeding", *OFFICER, "step=file", "cause=77", "party_kind=organisation", "authority=county",
         "approved_by=刘局长", "--document", f"8001={paper}"),
        ("移送", *OFFICER, "step=letter", "to=agriculture", "organ=县农业农村局", "reason=种植条件", "--document",
         f"移交函={tmp_path / 'letter.pdf'}"),
        ("leniency", *legal, "construction=finished"),
        ("LOOKALIKES", *REVIEWER, 'parcels:=[{"id": "x"}]'),
        ("reported", *OFFICER, "text=已拆除并翻耕", "demolished_m2=120.5"),
        ("returned", *REVIEWER, "reason=渣土未清"),
        ("reported", *OFFICER, "text=再次清运"),
        ("accepted", *leader, "override=影像被云遮挡，已现场确认"),
        ("reopened", *leader, "reason=群众反映又建"),
        ("更正", *SENSING, "corrects=2", "text=地类以 2026 年版为准"),
    ]  # fmt: skip
    (tmp_path / "letter.pdf").write_bytes(b"%PDF-1.7\n1\n%%EOF\n")
    for step in steps:
        done = run("case", "do", FIRST, *step)
        assert done.code == 0, (step, done.err)
    told = run("case", "show", FIRST, "--json").json
    assert (told["status"], told["overridden"], told["demolished_m2"]) == ("DISPATCHED", True, 0.0)
    assert [e["told"]["reason"] for e in told["events"] if e["kind"] == "REOPENED"] == ["群众反映又建"]
    due = next(e for e in told["events"] if e["kind"] == "DUE_SET")
    assert due["role"] == "administrator"
    wrong = run("case", "do", FIRST, "note", *SENSING, "text=x", "demolished_m2=many")
    assert (wrong.code, "is no number" in wrong.err) == (2, True)
    assert run("verify").code == 0
