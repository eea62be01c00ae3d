"""The inbox: half-copied files wait, bad ones are set aside with a reason, nothing is lost."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from flows.ingest import is_whole, move, reject, things
from tests.geodata import deliveries as made


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


def test_a_folder_is_whole_when_all_in_it_is_still(tmp_path: Path) -> None:
    (tmp_path / "GF2" / "in").mkdir(parents=True)
    (tmp_path / "GF2" / "in" / "a.tif").write_bytes(b"x")
    long_ago = time.time() - 60
    for path in (tmp_path / "GF2" / "in", tmp_path / "GF2"):
        os.utime(path, (long_ago, long_ago))
    assert not is_whole(tmp_path / "GF2", settle_s=30)  # a file deep in it still grows
    os.utime(tmp_path / "GF2" / "in" / "a.tif", (long_ago, long_ago))
    assert is_whole(tmp_path / "GF2", settle_s=30)
    (tmp_path / "empty").mkdir()
    os.utime(tmp_path / "empty", (long_ago, long_ago))
    assert not is_whole(tmp_path / "empty", settle_s=30)


def test_loose_files_of_one_scene_go_together_and_others_by_themselves(tmp_path: Path) -> None:
    gf = "GF2_PMS1_E112.9_N27.8_20240501_L1A0001501541"
    loose = [f"{gf}-MSS1.tiff", f"{gf}-MSS1.xml", f"{gf}-PAN1.tiff", f"{gf}-PAN1.rpb", f"{gf}-MSS1_thumb.jpg"]
    for name in [*loose, "dom.tif", "dom.tfw", "one.tif", "one.jp2", "letter.docx", "scene.tar.gz", ".hidden"]:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    found = [[path.name for path in parts] for parts in things(tmp_path)]
    assert found[0][:2] == [f"{gf}-MSS1.tiff", f"{gf}-PAN1.tiff"]
    assert sorted(found[0]) == sorted(loose)
    assert found[1:] == [
        ["dom.tif", "dom.tfw"],
        ["folder"],
        ["letter.docx"],
        ["one.jp2"],
        ["one.tif"],
        ["scene.tar.gz"],
    ]


@pytest.mark.timeout(300)
def test_the_inbox_through_the_command(gengxun, workspace: Path, write_scene) -> None:
    inbox = workspace / "inbox" / "satellite"
    write_scene(inbox / "good.tif", np.full((4, 40, 40), 900, np.uint16), "2026-05-01")
    (inbox / "bad.tif").write_bytes(b"II*\x00 this is no image")
    (inbox / "letter.docx").write_bytes(b"PK")
    home = made.gf2(inbox)
    (inbox / "broken.zip").write_bytes(b"PK\x03\x04 cut off")
    write_scene(inbox / "coming.tif", np.full((4, 40, 40), 900, np.uint16), "2026-05-02")
    long_ago, soon = time.time() - 60, time.time() + 300  # however slow the machine is
    for path in (*inbox.iterdir(), *home.iterdir()):
        at = soon if path.name == "coming.tif" else long_ago
        os.utime(path, (at, at))
    found = gengxun("ingest", "--json", cwd=workspace).json
    assert len(found["taken"]) == 2
    assert set(found["rejected"]) == {"bad.tif", "broken.zip", "letter.docx"}
    assert found["waiting"] == ["coming.tif"]
    assert [p.name for p in inbox.iterdir()] == ["coming.tif"]
    assert (workspace / "inbox" / "taken" / "good.tif").exists()
    assert (workspace / "inbox" / "taken" / home.name).is_dir()
    assert (workspace / "inbox" / "rejected" / "bad.tif.txt").read_text().strip()
    rows = gengxun("scene", "list", "--json", cwd=workspace).json
    assert {row["id"] for row in rows} == set(found["taken"])
