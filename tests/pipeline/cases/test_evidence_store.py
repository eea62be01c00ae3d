"""Evidence is kept as it came, once, under its own hash, and a receipt means that it is there."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from geodata.errors import EmptyData, LedgerDamaged, UnreadableFile, WorkError
from geodata.mediatype import DOCX, OFD, XLSX
from pipeline.cases.evidence_store import EvidenceStore
from tests.geodata.photos import at, exif, heic, photo

AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(tmp_path / "workspace" / "evidence")


def archive(*names: str, size: int = 10) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name in names:
            made.writestr(name, b"\0" * size)
    return out.getvalue()


def files(root: Path) -> list[Path]:
    return sorted(p for p in root.rglob("*") if p.is_file())


def test_the_bytes_that_came_are_the_bytes_kept(store: EvidenceStore, tmp_path: Path) -> None:
    data = photo(**at(112.9, 27.8))
    (tmp_path / "照片.png").write_bytes(data)
    stored = store.add(tmp_path / "照片.png")
    sha256 = hashlib.sha256(data).hexdigest()
    assert (stored.sha256, stored.size, stored.media_type, stored.new) == (sha256, len(data), "image/jpeg", True)
    assert stored.path == store.root / sha256[:2] / sha256 == store.path(sha256)
    assert store.read(sha256) == data
    assert files(store.root) == [stored.path]
    assert stat.S_IMODE(stored.path.stat().st_mode) == 0o444


def test_the_same_bytes_twice_are_one_file(store: EvidenceStore, tmp_path: Path) -> None:
    data = photo()
    (tmp_path / "b.jpg").write_bytes(data)
    first, second = store.add(data, "a.jpg"), store.add(tmp_path / "b.jpg")
    assert (first.sha256, first.path) == (second.sha256, second.path)
    assert (first.new, second.new) == (True, False)
    assert store.count() == 1
    assert list(store.hashes()) == [first.sha256]


@pytest.mark.parametrize(
    ("data", "media"),
    [
        (photo(), "image/jpeg"),
        (photo("PNG"), "image/png"),
        (photo("WEBP"), "image/webp"),
        (photo("TIFF"), "image/tiff"),
        (heic((400, 300), exif(Make="Apple").tobytes()), "image/heic"),
        (b"\0\0\0\x1cftypavif\0\0\0\0mif1avif" + b"\0" * 99, "image/avif"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "application/pdf"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + b"\0" * 99, "video/mp4"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + b"\0" * 99, "video/quicktime"),
        (b"\0\0\0\x1cftyp3gp5\0\0\0\0" + b"\0" * 99, "video/3gpp"),
        (archive("[Content_Types].xml", "word/document.xml"), DOCX),
        (archive("[Content_Types].xml", "xl/workbook.xml"), XLSX),
        (archive("OFD.xml", "Doc_0/Document.xml"), OFD),
    ],
)
def test_kinds_are_told_by_content(store: EvidenceStore, data: bytes, media: str) -> None:
    assert store.add(data, "misnamed.exe").media_type == media


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"MZ\x90\0" + b"\0" * 99, "none of the kinds"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "none of the kinds"),
        (b"<html><script>", "none of the kinds"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99, "none of the kinds"),
        (b"\xff", "none of the kinds"),
        (archive("evil.exe"), "none of the kinds"),
        (archive("word/document.xml", "word/vbaProject.bin"), "macros"),
        (archive("word/document.xml")[:-30], "damaged or cut off"),
        (b"PK\3\4" + b"\0" * 200, "damaged or cut off"),
    ],
)
def test_what_is_not_taken_leaves_nothing_behind(store: EvidenceStore, data: bytes, sentence: str) -> None:
    with pytest.raises(UnreadableFile, match=sentence) as told:
        store.add(data, "what.docx")
    assert str(told.value).startswith("what.docx: ")
    assert files(store.root) == []


def test_a_document_that_would_burst_is_refused(store: EvidenceStore) -> None:
    bomb = bytearray(archive("word/document.xml"))
    entry = bomb.rindex(b"PK\1\2")
    bomb[entry + 24 : entry + 28] = (2**32 - 2).to_bytes(4, "little")  # uncompressed size as the directory claims it
    with pytest.raises(UnreadableFile, match="too large"):
        store.add(bytes(bomb), "bomb.docx")


def test_empty_missing_and_too_large(store: EvidenceStore, tmp_path: Path) -> None:
    with pytest.raises(EmptyData):
        store.add(b"", "nothing.jpg")
    with pytest.raises(UnreadableFile, match="no such file"):
        store.add(tmp_path / "none.jpg")
    with pytest.raises(UnreadableFile, match="folder"):
        store.add(tmp_path)
    small = EvidenceStore(tmp_path / "small", {"photo": 1, "document": 2, "video": 3})
    with pytest.raises(UnreadableFile, match="above the 1 MB"):
        small.add(photo() + b"\0" * 2**20, "large.jpg")
    with pytest.raises(UnreadableFile, match="above the 3 MB"):
        small.add(photo() + b"\0" * 2**22, "larger.jpg")
    assert files(small.root) == []


@pytest.mark.parametrize("name", ["", "ab", "../../etc/passwd", "A" * 64, "0" * 63 + "\n", "0" * 64])
def test_only_hashes_that_are_held_have_a_path(store: EvidenceStore, name: str) -> None:
    with pytest.raises(UnreadableFile, match="no evidence"):
        store.path(name)
    with pytest.raises(UnreadableFile, match="no evidence"):
        store.read(name)


def test_check_finds_every_kind_of_damage(store: EvidenceStore) -> None:
    a, b, c = (store.add(photo(Model=name)) for name in "abc")
    assert list(store.check([a.sha256, b.sha256])) == []
    data = bytearray(a.path.read_bytes())
    data[-1] ^= 1
    a.path.chmod(0o644)
    a.path.write_bytes(data)
    b.path.unlink()
    (store.root / "note.txt").write_text("x")
    moved = store.root / ("00" if c.sha256[:2] != "00" else "01")
    moved.mkdir()
    (moved / c.sha256).write_bytes(c.path.read_bytes())
    (store.root / f".{'0' * 32}.tmp").write_bytes(b"cut off")
    found = dict(store.check([a.sha256, b.sha256, c.sha256]))
    assert found[a.sha256]["zh"] == "内容与 sha256 不符：文件被改动过。"
    assert found[b.sha256]["en"] == "The file is missing."
    assert set(found) == {a.sha256, b.sha256, "note.txt", f"{moved.name}/{c.sha256}"}
    with pytest.raises(LedgerDamaged):
        store.read(a.sha256)


def test_sending_again_makes_a_damaged_copy_whole(store: EvidenceStore) -> None:
    data = photo()
    stored = store.add(data)
    stored.path.chmod(0o644)
    stored.path.write_bytes(b"rotten")
    assert not store.add(data).new
    assert store.read(stored.sha256) == data
    assert list(store.check()) == []


def test_a_full_disk_is_a_sentence_and_keeps_nothing(store: EvidenceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store.add(photo())
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WorkError, match=r"new\.jpg: not kept, the disk is full"):
        store.add(photo(Model="new"), "new.jpg")
    monkeypatch.undo()
    assert store.count() == 1
    assert len(files(store.root)) == 1


def test_received_means_fsync_of_file_and_folder(store: EvidenceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[str, bool]] = []
    real = os.fsync

    def note(handle: int) -> None:
        real(handle)
        mode = os.fstat(handle).st_mode
        synced.append((os.readlink(f"/proc/self/fd/{handle}"), stat.S_ISDIR(mode)))

    monkeypatch.setattr(os, "fsync", note)
    stored = store.add(photo())
    file = next(i for i, (name, folder) in enumerate(synced) if not folder and stored.sha256 in name)
    assert synced[-1] == (str(stored.path.parent), True)
    assert file < len(synced) - 1
    assert (str(store.root), True) in synced[:file]  # the name of the folder ab/ itself
    assert (str(store.root.parent), True) in synced[:file]


def test_many_writers_of_the_same_bytes(store: EvidenceStore, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(photo(size=(400, 300)))
    code = "import sys; from pipeline.cases.evidence_store import EvidenceStore as E\n"
    code += "for _ in range(20): E(sys.argv[1]).add(sys.argv[2])"
    writers = [subprocess.Popen([sys.executable, "-c", code, str(store.root), str(path)]) for _ in range(3)]
    assert [w.wait() for w in writers] == [0, 0, 0]
    assert store.count() == 1
    assert list(store.check()) == []
    assert len(files(store.root)) == 1


def test_take_reads_what_a_photo_says(store: EvidenceStore) -> None:
    data = photo(**at(112.9, 27.8), DateTimeOriginal="2026:11:24 10:30:00", OffsetTimeOriginal="+08:00")
    evidence, stored = store.take(data, name="a.jpg", shot="overview", received_at=AT)
    assert evidence.sha256 == stored.sha256
    assert (evidence.kind, evidence.shot, evidence.position_source) == ("photo", "overview", "exif")
    assert evidence.taken_at == datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
    document, _ = store.take(b"%PDF-1.7\n", name="a.pdf", title="acceptance_record", received_at=AT)
    assert (document.kind, document.title, document.received_at) == ("document", "acceptance_record", AT)


def test_a_broken_photo_is_kept_but_is_no_evidence(store: EvidenceStore) -> None:
    data = photo(size=(400, 300))[:-2000]
    with pytest.raises(UnreadableFile, match=r"^broken\.jpg: the picture is damaged or cut off"):
        store.take(data, name="broken.jpg")
    assert store.read(hashlib.sha256(data).hexdigest()) == data
