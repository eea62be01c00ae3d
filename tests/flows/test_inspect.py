"""The inspection through its door: what is flagged, that the numbers add up, that nothing is doubled."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PAD_M2 = 3600.0


@pytest.fixture(scope="module")
def inspected(gengxun, filled: Path, tmp_path_factory: pytest.TempPathFactory):
    workspace = shutil.copytree(filled, tmp_path_factory.mktemp("inspected") / "ws")
    settings = workspace / "gengxun.toml"
    settings.write_text(settings.read_text("utf-8").replace("visits_week = 0 ", "visits_week = 3 "), "utf-8")
    ran = gengxun("inspect", "--json", cwd=workspace)
    assert ran.code == 0, ran.err
    return workspace, ran.json


def test_the_pad_on_farmland_is_a_case_and_the_other_is_counted(gengxun, inspected) -> None:
    workspace, found = inspected
    rows = gengxun("case", "list", "--json", cwd=workspace).json
    assert [row["number"] for row in rows] == found["cases_new"] == ["430321-2026-00001"]
    row = rows[0]
    assert row["status"] == "SUSPECTED"
    assert row["patch_m2"] == pytest.approx(PAD_M2, rel=0.02)
    assert row["farmland_gross_m2"] == pytest.approx(row["patch_m2"], abs=0.01)
    assert row["farmland_net_m2"] == pytest.approx(row["farmland_gross_m2"] * 0.9, abs=0.02)
    assert 112.8 < row["lon"] < 112.9
    assert 27.8 < row["lat"] < 27.85
    steps = {line["reason"]: line for line in found["funnel"]}
    assert steps["new"]["count"] == 1
    assert steps["off_farmland"]["count"] == 1


def test_the_visits_of_a_week_stand_beside_it(inspected) -> None:
    assert inspected[1]["visits"] == {"week": 3, "suspected": 1, "within": ["430321-2026-00001"]}


def test_the_funnel_adds_up(inspected) -> None:
    steps = {line["reason"]: line for line in inspected[1]["funnel"]}
    total = steps.pop("changes")
    assert total["count"] == sum(line["count"] for line in steps.values())
    assert total["area_m2"] == pytest.approx(sum(line["area_m2"] for line in steps.values()), abs=0.01)


def test_the_share_of_farmland_seen_stands_beside_it(inspected) -> None:
    found = inspected[1]
    assert found["farmland_m2"] == pytest.approx(3_000_000, rel=0.01)
    assert found["observed_farmland_m2"] == pytest.approx(found["farmland_m2"], rel=0.001)


def test_the_same_again_gives_nothing_new(gengxun, inspected) -> None:
    workspace, found = inspected
    pair = found["pairs"][0]
    for arguments in ([], ["--before", pair["before_id"], "--after", pair["after_id"]]):
        again = gengxun("inspect", "--json", *arguments, cwd=workspace)
        assert again.code == 0
        assert again.json["cases_new"] == []
    assert len(gengxun("case", "list", "--json", cwd=workspace).json) == 1
    assert gengxun("verify", "--json", cwd=workspace).json["ok"]


@pytest.fixture(scope="module")
def start(environment: dict[str, str]):
    def run(workspace: Path, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "flows.cli", "inspect", "--json"],
            cwd=workspace,
            env=environment | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return run


def flags(gengxun, workspace: Path) -> list[list[str]]:
    return sorted(row["flag_ids"] for row in gengxun("case", "list", "--json", cwd=workspace).json)


def servers(workspace: Path) -> set[str]:
    """Processes that serve this workspace; other work on the machine has its own."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            ours = str(workspace).encode() in (process / "environ").read_bytes()
            if ours and b"flows.server" in (process / "cmdline").read_bytes():
                found.add(process.name)
        except OSError:
            continue
    return found


def test_two_at_the_same_second(gengxun, start, engine_url: str, filled: Path, inspected, tmp_path: Path) -> None:
    workspace = shutil.copytree(filled, tmp_path / "ws")
    both = [start(workspace, PREFECT_API_URL=engine_url) for _ in range(2)]
    outs = [one.communicate(timeout=280) for one in both]
    assert [one.returncode for one in both] == [0, 0], outs
    assert flags(gengxun, workspace) == flags(gengxun, inspected[0])
    assert gengxun("verify", "--json", cwd=workspace).json["ok"]


def killed_and_repeated(gengxun, start, filled: Path, reference: list[list[str]], folder: Path, after_s: float) -> None:
    workspace = shutil.copytree(filled, folder / "ws")
    child = start(workspace)
    try:
        child.wait(timeout=after_s)
    except subprocess.TimeoutExpired:
        os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert gengxun("inspect", cwd=workspace, own_engine=True).code == 0
    assert flags(gengxun, workspace) == reference
    assert gengxun("verify", "--json", cwd=workspace).json["ok"]
    until = time.monotonic() + 10
    while servers(workspace) and time.monotonic() < until:
        os.sched_yield()
    assert not servers(workspace)
    shutil.rmtree(workspace)


@pytest.mark.skipif(sys.platform != "linux", reason="kills by signal and looks into /proc")
@pytest.mark.parametrize("after_s", [3.0, 8.0])
def test_killed_and_repeated(gengxun, start, filled: Path, inspected, tmp_path: Path, after_s: float) -> None:
    killed_and_repeated(gengxun, start, filled, flags(gengxun, inspected[0]), tmp_path, after_s)


@pytest.mark.soak
def test_killed_at_ten_moments(gengxun, start, filled: Path, inspected, tmp_path: Path) -> None:
    started = time.monotonic()
    whole = start(shutil.copytree(filled, tmp_path / "whole"))
    whole.communicate()
    duration = time.monotonic() - started
    reference = flags(gengxun, inspected[0])
    for moment in range(10):
        killed_and_repeated(gengxun, start, filled, reference, tmp_path, duration * (moment + 0.5) / 10)
