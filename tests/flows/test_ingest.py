"""The inbox: half-copied files wait, bad ones are set aside with a reason, nothing is lost."""

from __future__ import annotations

import os
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio

from flows import ingest
from flows.ingest import is_whole, move, reject, things
from flows.settings import open_workspace
from geodata.errors import WorkError
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


def bad_things(inbox: Path, outside: Path, write_scene) -> set[str]:
    """Names of what lies in the inbox and must not come in."""
    for name, data in {
        "empty.tif": b"",
        "text.tif": b"not an image",
        "cut.tif": (inbox / "a_good.tif").read_bytes()[:3000],
        "vrt.tif": b"<VRTDataset rasterXSize='4' rasterYSize='4'/>",
        "json.tif": b'{"type": "FeatureCollection", "features": []}',
        "empty.zip": b"PK\5\6" + b"\0" * 18,
        "cut.tar.gz": b"\x1f\x8b\x08\0\0\0",
        "letter.docx": b"PK",
        "a\nb.tif": b"II*\0",
        "\u202efdp.tif": b"II*\0",
    }.items():
        (inbox / name).write_bytes(data)
    with zipfile.ZipFile(inbox / "out.zip", "w") as archive:
        archive.writestr("../../escaped.tif", b"II*\0")
    with zipfile.ZipFile(inbox / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("GF2_PMS1_E112.9_N27.8_20240501_L1A0001501541-MSS1.tiff", b"\0" * (64 << 20))
    options = {"driver": "GTiff", "count": 4, "dtype": "uint16", "tiled": True, "sparse_ok": True, "bigtiff": "yes"}
    with rasterio.open(inbox / "huge.tif", "w", width=1_000_000, height=1_000_000, **options):
        pass
    os.mkfifo(inbox / "fifo.tif")
    (inbox / "folder.tif").mkdir()
    (inbox / "folder.tif" / "note.txt").write_text("nothing")
    (inbox / "linked").mkdir()
    (inbox / "linked" / "a_20260501.tif").symlink_to(outside)
    return {path.name for path in inbox.iterdir()} - {"a_good.tif"}


def beside(workspace: Path) -> set[Path]:
    """What lies in it beside inbox and catalogue, without what an open ledger keeps."""
    found = (path for path in workspace.rglob("*") if not {"inbox", "catalog"} & {*path.parts})
    return {path for path in found if not path.name.startswith("ledger.db-")}


def test_no_bad_thing_stops_the_good_ones(workspace: Path, write_scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "take", ingest._add.fn)  # without the engine
    inbox = workspace / "inbox" / "satellite"
    write_scene(inbox / "a_good.tif", np.full((4, 40, 40), 900, np.uint16), "2026-05-01")
    write_scene(workspace / "outside.tif", np.full((4, 40, 40), 700, np.uint16), "2026-05-01")
    bad = bad_things(inbox, workspace / "outside.tif", write_scene)
    (inbox / "link.tif").symlink_to(workspace / "outside.tif")
    write_scene(inbox / "z_good.tif", np.full((4, 40, 40), 901, np.uint16), "2026-05-02")
    office = open_workspace(workspace)
    before = beside(workspace)
    long_ago = time.time() - 60
    for path in sorted(inbox.rglob("*"), reverse=True):
        os.utime(path, (long_ago, long_ago), follow_symlinks=False)
    found = ingest.take_all(office)
    assert len(found.taken) == 2
    assert set(found.rejected) == bad
    assert (found.failed, found.waiting) == ({}, ())
    assert all(found.rejected.values())
    assert [path.name for path in inbox.iterdir()] == ["link.tif"]  # a link is left alone
    assert [scene.id for scene in office.catalog.scenes()] == list(found.taken)
    assert beside(workspace) == before


def test_a_fault_of_this_machine_leaves_the_file_for_the_next_look(workspace: Path, write_scene, monkeypatch) -> None:
    inbox = workspace / "inbox" / "satellite"
    for name in ("a.tif", "b.tif"):
        write_scene(inbox / name, np.full((4, 40, 40), 900 + ord(name[0]), np.uint16), "2026-05-01")
        os.utime(inbox / name, (0, 0))

    def full(office, path, platform):
        if path.name == "a.tif":
            raise WorkError("{path}: could not be written; is the disk full?", path=path.name)
        return ingest._add.fn(office, path, platform)

    monkeypatch.setattr(ingest, "take", full)
    found = ingest.take_all(open_workspace(workspace))
    assert (list(found.failed), len(found.taken)) == (["a.tif"], 1)
    assert [path.name for path in inbox.iterdir()] == ["a.tif"]
