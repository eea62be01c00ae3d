"""Wrong input at each door: exit code 2, one sentence with file, matter and mend, nothing changed."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.flows.ran import runner

SQUARE = [[[112.9, 27.8], [112.91, 27.8], [112.91, 27.81], [112.9, 27.81], [112.9, 27.8]]]


def state(workspace: Path) -> dict[str, str]:
    """All files of the workspace and what is in them; the engine's own home aside."""
    return {
        str(p.relative_to(workspace)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in workspace.rglob("*")
        if p.is_file() and ".prefect" not in p.parts and not p.name.startswith("ledger.db-")
    }


def geojson(path: Path, properties: dict[str, object] | None = None, features: bool = True) -> Path:
    feature = {
        "type": "Feature",
        "properties": properties or {},
        "geometry": {"type": "Polygon", "coordinates": SQUARE},
    }
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4490"}}
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": [feature] if features else []}))
    return path


@pytest.fixture
def bad(tmp_path: Path, write_scene) -> dict[str, list[object]]:
    """One wrong call a door, by name."""
    pixels = np.full((4, 40, 40), 900, np.uint16)
    here = write_scene(tmp_path / "here.tif", pixels, "2026-05-01")
    there = write_scene(tmp_path / "there.tif", pixels, "2026-05-02", east=900_000.0)
    nowhere = write_scene(tmp_path / "nowhere.tif", pixels, "2026-05-01", crs=None)
    cut = tmp_path / "cut.tif"
    cut.write_bytes(here.read_bytes()[:600])
    empty = geojson(tmp_path / "empty.geojson", features=False)
    codes = geojson(tmp_path / "codes.geojson", {"DLBM": "0601", "DLMC": "?", "ZLDWDM": "4303211010010000000"})
    return {
        "scene without CRS": ["scene", "add", nowhere],
        "truncated scene": ["scene", "add", cut],
        "scene that is not there": ["scene", "add", tmp_path / "none.tif"],
        "scene by an outside address": ["scene", "add", "/vsicurl/http://127.0.0.1:9/a.tif"],
        "empty layer": ["layer", "add", "FARMLAND", empty, "--edition", "2025"],
        "ambiguous codes": ["layer", "add", "FARMLAND", codes, "--edition", "2025"],
        "unknown kind": ["layer", "add", "FOREST", empty, "--edition", "2025"],
        "layer that is not there": ["layer", "add", "FARMLAND", tmp_path / "none.shp", "--edition", "2025"],
        "day that is none": ["layer", "add", "DISTRICT", codes, "--edition", "2025", "--valid-from", "2025-02-30"],
        "removing what is not held": ["layer", "remove", "FARMLAND", "1999"],
        "pair without overlap": ["detect", here, there, "--out", tmp_path / "out"],
        "damaged pair": ["detect", here, cut, "--out", tmp_path / "out"],
        "unknown method": ["detect", here, here, "--out", tmp_path / "out", "--method", "magic"],
        "unknown scene": ["inspect", "--after", "ffffffff"],
        "unknown case": ["case", "show", "430321-2026-99999"],
        "unknown option": ["case", "list", "--colour"],
        "unknown command": ["fly"],
    }


NAMES = (
    "scene without CRS",
    "truncated scene",
    "scene that is not there",
    "scene by an outside address",
    "empty layer",
    "ambiguous codes",
    "unknown kind",
    "layer that is not there",
    "day that is none",
    "removing what is not held",
    "pair without overlap",
    "damaged pair",
    "unknown method",
    "unknown scene",
    "unknown case",
    "unknown option",
    "unknown command",
)


@pytest.mark.parametrize("name", NAMES)
def test_wrong_input_is_answered_with_one_sentence(gengxun, workspace: Path, bad, name: str) -> None:
    before = state(workspace)
    ran = gengxun(*bad[name], cwd=workspace)
    assert ran.code == 2, ran.err
    assert len(ran.err.strip().splitlines()) == 1, ran.err
    assert "Traceback" not in ran.err
    assert ran.out == ""
    named = next((str(a) for a in bad[name] if isinstance(a, Path) and a.name != "out"), None)
    if named and name not in ("unknown method", "unknown kind", "day that is none"):
        assert Path(named).name in ran.err or "there.tif" in ran.err or "cut.tif" in ran.err
    assert state(workspace) == before


def test_every_wrong_call_has_a_name(bad) -> None:
    assert tuple(bad) == NAMES


def test_the_sentence_is_chinese_for_chinese_readers(gengxun, workspace: Path) -> None:
    said = gengxun("scene", "add", "none.tif", cwd=workspace, lang="zh").err
    assert "没有" in said
    assert "none.tif" in said


def test_of_several_paths_the_good_ones_are_kept(gengxun, workspace: Path, tmp_path: Path, write_scene) -> None:
    good = write_scene(tmp_path / "good.tif", np.full((4, 40, 40), 900, np.uint16), "2026-05-01")
    ran = gengxun("scene", "add", tmp_path / "none.tif", good, cwd=workspace)
    assert ran.code == 2
    assert "none.tif" in ran.err
    assert len(gengxun("scene", "list", "--json", cwd=workspace).json) == 1


def test_outside_a_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = runner(tmp_path, monkeypatch)
    for command in (["scene", "list"], ["layer", "list"], ["case", "list"], ["inspect"], ["verify"], ["publish"]):
        ran = here(*command, cwd=tmp_path)
        assert (ran.code, ran.out) == (2, "")
        assert "gengxun init" in ran.err


def test_lists_of_an_empty_workspace_are_empty_arrays(gengxun, workspace: Path) -> None:
    for command in (["scene", "list"], ["layer", "list"], ["case", "list"]):
        ran = gengxun(*command, "--json", cwd=workspace)
        assert (ran.code, ran.json) == (0, [])


def test_help_teaches_in_both_languages(gengxun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = runner(tmp_path, monkeypatch)
    english = gengxun("--help", cwd=tmp_path).out
    chinese = gengxun("--help", cwd=tmp_path, lang="zh").out
    assert "Usage:" in english
    assert "Options:" in english
    assert "用法" in chinese
    assert "耕地" in chinese
    for command in (
        "demo",
        "init",
        "layer",
        "scene",
        "inspect",
        "detect",
        "case",
        "verify",
        "publish",
        "schedule",
        "doctor",
    ):
        assert command in english
        assert here(command, "--help", cwd=tmp_path).code == 0


def test_without_loopback_an_earlier_demo_is_left_alone(tmp_path: Path) -> None:
    apart = ["unshare", "-rn"]
    if not shutil.which("unshare") or subprocess.run([*apart, "true"], capture_output=True, check=False).returncode:
        pytest.skip("unshare cannot make a network of its own here")
    demo = tmp_path / "demo"
    (demo / "site").mkdir(parents=True)
    (demo / ".gengxun-demo").touch()
    (demo / "site" / "index.html").write_text("an earlier demo", encoding="utf-8")
    told = subprocess.run(
        [*apart, sys.executable, "-m", "flows.cli", "demo", "--dir", demo], capture_output=True, text=True, check=False
    )
    assert told.returncode == 1
    assert "ip link set lo up" in told.stderr
    assert "Traceback" not in told.stderr
    assert (demo / "site" / "index.html").read_text(encoding="utf-8") == "an earlier demo"
