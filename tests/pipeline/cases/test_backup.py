"""A backup taken while others write is whole, and what is restored from it is checked."""

import json
import resource
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from geodata.errors import InputError, LedgerDamaged, UnreadableFile, WorkError
from pipeline.cases.backup import KEPT, MEMBER, backup, restore
from pipeline.cases.check import check
from pipeline.cases.keys import sign_now
from pipeline.cases.ledger import Ledger
from pipeline.cases.proof import write_ledger
from tests.pipeline.cases.signed_office import fill, office, tampered

ROOT = Path(__file__).parents[3]


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setenv("GENGXUN_KEYS", str(tmp_path / "keys"))
    made = office(tmp_path / "office")
    fill(made)
    (made.root / "law").mkdir()
    (made.root / "law" / "office.toml").write_text("# ours\n")
    (made.root / "catalog").mkdir()
    (made.root / "catalog" / "scene.tif").write_bytes(b"large")
    yield made
    made.ledger.close()


def test_what_is_restored_is_what_was_there_and_verifies(made, tmp_path):
    head = made.sign()
    done = backup(made.ledger, made.root, tmp_path / "b.zip")
    assert (done.ok, done.events, done.evidence, done.changed) == (True, 7, 2, ())
    assert (tmp_path / "b.zip").stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    checked = restore(tmp_path / "b.zip", tmp_path / "again")
    assert (checked.ok, checked.events, checked.heads, checked.evidence) == (True, 7, 4, 2)
    files = sorted(str(p.relative_to(tmp_path / "again")) for p in (tmp_path / "again").rglob("*") if p.is_file())
    photo, letter = sorted(str(p.relative_to(made.root)) for p in (made.root / "evidence").rglob("*") if p.is_file())
    assert files == sorted([photo, letter, "gengxun.toml", "heads.jsonl", f"keys/{head.key}.pub", "law/office.toml",
                            "ledger.db"])  # fmt: skip
    for name in files:
        if name != "ledger.db":
            assert (tmp_path / "again" / name).read_bytes() == (made.root / name).read_bytes()
    with Ledger(tmp_path / "again" / "ledger.db", clock=made.clock) as ledger:
        assert [e.hash for e in ledger.events()] == [e.hash for e in made.ledger.events()]
        assert check(ledger, tmp_path / "again", [head]).ok
        made.clock.forward(days=1)
        assert sign_now(ledger, tmp_path / "again").head.key == head.key  # the key stayed where it was
        with ledger.lease("heads", wait=False):
            pass


def test_no_private_key_goes_into_a_backup(made, tmp_path):
    backup(made.ledger, made.root, tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        assert not any(b"PRIVATE" in archive.read(name) for name in archive.namelist())
    keys = [p.name for p in (tmp_path / "keys").rglob("*.key")]
    assert len(keys) == 1


WRITER = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from pipeline.cases.keys import sign_now
from pipeline.cases.ledger import Ledger
from pipeline.cases.proof import write_ledger
from tests.pipeline.cases.signed_office import append
root = Path(sys.argv[1])
import hashlib, itertools
with Ledger(root / "ledger.db") as ledger:
    for n in itertools.count():
        data = b"photo %d" % n
        name = hashlib.sha256(data).hexdigest()
        path = root / "evidence" / name[:2] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        append(ledger, f"w{{n}}", (name,))
        if n % 5 == 0:
            sign_now(ledger, root)
        print(n, flush=True)
"""


def test_backups_taken_while_another_process_writes_and_signs_all_verify(made, tmp_path, monkeypatch):
    command = [sys.executable, "-c", WRITER.format(root=str(ROOT)), str(made.root)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        sizes = []
        for n in range(6):
            acknowledged = int(process.stdout.readline())
            done = backup(made.ledger, made.root, tmp_path / f"{n}.zip")
            assert done.ok, done.checked.problems
            assert done.events >= 7 + acknowledged + 1
            sizes.append(done.events)
    finally:
        process.kill()
        process.communicate()
    assert sizes == sorted(sizes)
    assert sizes[-1] > sizes[0]
    monkeypatch.setenv("GENGXUN_KEYS", str(tmp_path / "no-keys"))  # here later heads were signed, and restore says so
    checked = restore(tmp_path / "5.zip", tmp_path / "again")
    assert checked.ok, checked.problems
    assert checked.events == sizes[-1]
    assert checked.heads >= 3


def test_a_damaged_ledger_is_still_backed_up_and_it_is_said(made, tmp_path):
    photo = next(p for p in (made.root / "evidence").rglob("*") if p.is_file())
    photo.chmod(0o644)
    photo.write_bytes(b"other")
    tampered(made.root / "ledger.db", "UPDATE events SET by = 'x' WHERE seq = 4")
    done = backup(made.ledger, made.root, tmp_path / "b.zip")
    assert (done.ok, done.changed, done.checked.first_bad) == (False, (photo.name,), 4)
    checked = restore(tmp_path / "b.zip", tmp_path / "again")
    assert (checked.ok, checked.first_bad) == (False, 4)
    assert any(photo.name in p.text["en"] for p in checked.problems)
    assert (tmp_path / "again" / "ledger.db").is_file()


def unreadable_when_torn(folder):
    """Tear one page after another until the ledger still opens but cannot be read to its end."""
    whole = (folder / "ledger.db").read_bytes()
    for start in range(4096, len(whole), 4096):
        (folder / "ledger.db").write_bytes(whole[:start] + b"\xff" * 4096 + whole[start + 4096 :])
        try:
            with Ledger(folder / "ledger.db") as ledger:
                try:
                    ledger.verify()
                except LedgerDamaged:
                    return
        except (LedgerDamaged, UnreadableFile):
            continue
    pytest.fail("no page of this kind")


def test_a_torn_database_is_kept_as_it_is_and_it_is_said(made, tmp_path):
    torn = made.copy(tmp_path / "torn")
    unreadable_when_torn(torn)
    with Ledger(torn / "ledger.db") as ledger:
        done = backup(ledger, torn, tmp_path / "b.zip")
        assert not done.ok
    checked = restore(tmp_path / "b.zip", tmp_path / "again")
    assert not checked.ok
    assert "restore a backup" in checked.problems[0].text["en"]
    assert (tmp_path / "again" / "heads.jsonl").is_file()


def test_an_older_backup_restored_shows_on_the_machine_that_signed_later(made, tmp_path):
    made.sign()
    backup(made.ledger, made.root, tmp_path / "b.zip")
    made.run("z", 9)
    made.sign()
    checked = restore(tmp_path / "b.zip", tmp_path / "again")
    assert (checked.ok, checked.first_bad) == (False, 8)
    assert "older copy" in checked.problems[0].text["en"]


def test_a_dump_of_events_gives_the_same_ledger_again(made, tmp_path):
    """What a backup of a ledger on a server holds."""
    made.sign()
    backup(made.ledger, made.root, tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as source, zipfile.ZipFile(tmp_path / "dump.zip", "w") as target:
        for name in source.namelist():
            if name not in ("ledger.db", "backup.json"):
                target.writestr(name, source.read(name))
        target.writestr("backup.json", json.dumps({"format": "gengxun backup v1", "ledger": "events"}))
        with sqlite3.connect(made.root / "ledger.db") as connection:
            connection.row_factory = sqlite3.Row
            rows = [dict(row) for row in connection.execute("SELECT * FROM events ORDER BY seq")]
        connection.close()
        target.writestr("events.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    checked = restore(tmp_path / "dump.zip", tmp_path / "again")
    assert checked.ok, checked.problems
    assert (checked.events, checked.head) == (7, made.ledger.events()[-1].hash)
    with Ledger(tmp_path / "again" / "ledger.db") as ledger:
        assert [c.number for c in ledger.cases()] == [c.number for c in made.ledger.cases()]


def test_a_ledger_goes_into_an_empty_database_and_no_other(made, tmp_path):
    head = made.sign()
    backup(made.ledger, made.root, tmp_path / "b.zip")
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    checked = restore(tmp_path / "b.zip", tmp_path / "again", url)
    assert (checked.ok, checked.events) == (True, 7)
    assert not (tmp_path / "again" / "ledger.db").exists()
    with Ledger(url) as ledger:
        assert check(ledger, tmp_path / "again", [head]).ok
    with pytest.raises(InputError, match="holds a ledger already"):
        restore(tmp_path / "b.zip", tmp_path / "more", url)
    assert not (tmp_path / "more").exists()


def test_what_is_no_backup_is_refused_and_leaves_nothing(made, tmp_path):
    backup(made.ledger, made.root, tmp_path / "b.zip")
    whole = (tmp_path / "b.zip").read_bytes()
    (tmp_path / "text.zip").write_text("no zip")
    (tmp_path / "cut.zip").write_bytes(whole[:-100])
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    (tmp_path / "flipped.zip").write_bytes(flipped)
    for name, extra in (("evil", "../../evil.toml"), ("other", "law/../../x.toml"), ("key", "keys/a.key")):
        shutil.copyfile(tmp_path / "b.zip", tmp_path / f"{name}.zip")
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "a") as archive:
            archive.writestr(extra, "x")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    before = sorted(p.name for p in tmp_path.iterdir())
    for name in ("text", "cut", "flipped", "evil", "other", "key", "empty", "nowhere"):
        with pytest.raises(InputError, match=rf"{name}\.zip"):
            restore(tmp_path / f"{name}.zip", tmp_path / "again")
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    with pytest.raises(InputError, match="empty folder"):
        restore(tmp_path / "b.zip", made.root)
    with pytest.raises(InputError, match="exists already"):
        backup(made.ledger, made.root, tmp_path / "b.zip")


def test_a_disk_that_refuses_is_one_sentence_and_leaves_nothing(made, tmp_path):
    head = made.sign()
    before = sorted(p.name for p in tmp_path.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, hard))
    try:
        for call in (
            lambda: backup(made.ledger, made.root, tmp_path / "b.zip"),
            lambda: write_ledger(made.ledger, made.root, tmp_path / "out", head),
            lambda: write_ledger(made.ledger, made.root, tmp_path / "out.zip", head),
        ):
            with pytest.raises(WorkError, match="make room"):
                call()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert check(made.ledger, made.root, [head]).ok


def test_every_file_that_is_kept_has_a_name_that_restore_takes():
    for pattern in KEPT:
        name = pattern.replace("heads.lost-*", "heads.lost-20261124T010203Z").replace("keys/*", "keys/" + "0a" * 10)
        name = name.replace("flights/*", "flights/20261124-0a0a0a0a")
        assert MEMBER.fullmatch(name.replace("*", "office"))
    for wrong in ("catalog/x.tif", "evidence/ab/x", "law/a/b.toml", "ledger.db-wal", "/gengxun.toml", "keys/x.pub"):
        assert not MEMBER.fullmatch(wrong)
