"""The inbox: half-copied files wait, bad ones are set aside with a reason, nothing is lost."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from flows.ingest import is_whole, move, reject


def test_a_file_that_still_grows_waits(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"x")
    assert not is_whole(path, settle_s=30)
    long_ago = time.time() - 31
    os.utime(path, (long_ago, long_ago))
    assert is_whole(path, settle_s=30)
    half = path.rename(tmp_path / "a.tif.part")
    assert not is_whole(half, settle_s=30)


def test_two_files_of_one_name_are_both_kept(tmp_path: Path) -> None:
    for content in (b"1", b"2"):
        (tmp_path / "a.tif").write_bytes(content)
        reject(tmp_path / "rejected", tmp_path / "a.tif", "broken")
    kept = sorted(p.name for p in (tmp_path / "rejected").iterdir())
    assert kept == ["a-2.tif", "a-2.tif.txt", "a.tif", "a.tif.txt"]
    assert (tmp_path / "rejected" / "a-2.tif").read_bytes() == b"2"
    assert "broken" in (tmp_path / "rejected" / "a.tif.txt").read_text()


def test_moving_makes_the_folder(tmp_path: Path) -> None:
    (tmp_path / "b.tif").write_bytes(b"b")
    assert move(tmp_path / "b.tif", tmp_path / "x" / "y").read_bytes() == b"b"


@pytest.mark.timeout(300)
def test_the_inbox_through_the_command(gengxun, workspace: Path, write_scene) -> None:
    inbox = workspace / "inbox" / "satellite"
    write_scene(inbox / "good.tif", np.full((4, 40, 40), 900, np.uint16), "2026-05-01")
    (inbox / "bad.tif").write_bytes(b"II*\x00 this is no image")
    (inbox / "letter.docx").write_bytes(b"PK")
    write_scene(inbox / "coming.tif", np.full((4, 40, 40), 900, np.uint16), "2026-05-02")
    long_ago, soon = time.time() - 60, time.time() + 300  # however slow the machine is
    for name, at in {"good.tif": long_ago, "bad.tif": long_ago, "letter.docx": long_ago, "coming.tif": soon}.items():
        os.utime(inbox / name, (at, at))
    found = gengxun("ingest", "--json", cwd=workspace).json
    assert len(found["taken"]) == 1
    assert set(found["rejected"]) == {"bad.tif", "letter.docx"}
    assert found["waiting"] == ["coming.tif"]
    assert [p.name for p in inbox.iterdir()] == ["coming.tif"]
    assert (workspace / "inbox" / "taken" / "good.tif").exists()
    assert (workspace / "inbox" / "rejected" / "bad.tif.txt").read_text().strip()
    rows = gengxun("scene", "list", "--json", cwd=workspace).json
    assert [row["id"] for row in rows] == found["taken"]
