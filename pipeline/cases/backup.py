"""[io] A backup of all that cannot be made again, taken while others write; and the way back.

One zip file: the ledger as it stood at one moment, the evidence, signed heads and public keys, the
office's settings and law tables, drone flights, accounts and field links of the portal. Scenes and layers are not in
it: they are delivered data, larger by far, and named in the ledger by id and edition. Private keys are
not in it, ever; nor who is signed in.

    backup.json                 what it is
    ledger.db                   from SQLite: the database
    events.jsonl                from a server: every event, all columns as stored
    portal.db                   where there are accounts
    heads.jsonl, keys/…, gengxun.toml, law/…, flights/…
    evidence/ab/<sha256>

Heads and ``portal.db`` are read before the ledger and the evidence after it: so no head and no receipt
of a phone speaks of an event, and no event of a file, that is not in the backup.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from geodata import atomic
from geodata.errors import InputError, LedgerDamaged, UnreadableFile, WorkError
from geodata.words import Text, both
from pipeline.cases import tables
from pipeline.cases.audit import Verified
from pipeline.cases.check import EVIDENCE, Checked, Problem, check, signed_here
from pipeline.cases.database import reading, writing
from pipeline.cases.evidence_store import EvidenceStore
from pipeline.cases.keys import BATCH, disk, stored_rows
from pipeline.cases.ledger import Ledger
from pipeline.cases.projecting import make_anew

FORMAT = "gengxun backup v1"
LEDGER = "ledger.db"
PORTAL = "portal.db"
EVENTS = "events.jsonl"
ABOUT = "backup.json"
KEPT = ("gengxun.toml", "heads.jsonl", "heads.lost-*.jsonl", "keys/*.pub", "keys/*.json", "law/*.toml",
        "flights/*.json")  # fmt: skip
"""What is kept of a workspace beside ledger and evidence."""
MEMBER = re.compile(
    r"backup\.json|ledger\.db|portal\.db|events\.jsonl|gengxun\.toml|heads\.jsonl|heads\.lost-[0-9TZ]+\.jsonl"
    r"|keys/[0-9a-f]{20}\.(pub|json)|law/[^/\\:]{1,100}\.toml|evidence/[0-9a-f]{2}/[0-9a-f]{64}"
    r"|flights/([0-9]{8}|undated)-[0-9a-f]{8}\.json"
)
"""Names that a backup may hold; nothing else is ever written by ``restore``."""
EMPTIED = {"leases": "DELETE FROM leases", "sessions": "DELETE FROM sessions"}
"""What whoever holds it now shall not hold in the copy."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Backup:
    """events, evidence: how many are in it. portal: accounts and links are too. checked: of the copy, its evidence
    as it was copied. changed: files of evidence whose bytes no longer fit their name; they are in it all the same."""

    path: Path
    events: int
    evidence: int
    portal: bool
    size_bytes: int
    checked: Checked
    changed: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return self.checked.ok and not self.changed


def backup(ledger: Ledger, root: Path, path: Path, *, progress: Progress | None = None) -> Backup:
    """Write ``path``, a new zip file, and check what is in it. Damage found is in the result, not an error:
    a copy of a damaged ledger is better than none.

    Raises: InputError if ``path`` exists.
    """
    if path.exists():
        raise InputError("{path}: exists already; name a new file.", path=path)
    if not path.parent.is_dir():
        raise InputError("{path}: there is no such folder; make it first.", path=path.parent)
    with disk(path), tempfile.TemporaryDirectory(prefix=".backup-", dir=path.parent) as folder:
        copy = Path(folder)
        pinned = signed_here(ledger, root)
        _small_files(root, copy)
        _portal(root / PORTAL, copy)
        kind = "sqlite" if ledger.engine.dialect.name == "sqlite" else "events"
        _ledger(ledger, copy)
        with atomic.replacing(path) as temporary:
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            with zipfile.ZipFile(temporary, "w") as archive:
                archive.writestr(ABOUT, json.dumps({"format": FORMAT, "ledger": kind}))
                for file in sorted(p for p in copy.rglob("*") if p.is_file()):
                    archive.write(file, file.relative_to(copy).as_posix(), zipfile.ZIP_DEFLATED)
                names, changed = _evidence(EvidenceStore(root / EVIDENCE), archive, progress)
        try:
            place = _placed(copy, None)
        except InputError as error:  # events that are no chain
            checked = _unreadable(both(error.msgid, **error.fields))
        else:
            checked = _checked(copy, place, pinned=pinned, held=set(names))
        checked, portal = _with_portal(checked, copy), (copy / PORTAL).exists()
    return Backup(path, checked.events, len(names), portal, path.stat().st_size, checked, tuple(changed))


def _small_files(root: Path, copy: Path) -> None:
    for pattern in KEPT:
        for file in sorted(root.glob(pattern)):
            target = copy / file.relative_to(root)
            if MEMBER.fullmatch(target.relative_to(copy).as_posix()):
                target.parent.mkdir(exist_ok=True)
                shutil.copyfile(file, target)


def _ledger(ledger: Ledger, copy: Path) -> None:
    """The ledger as it stands at one moment; writers are not held up."""
    if ledger.engine.dialect.name == "sqlite":
        try:
            _copied(Path(str(ledger.engine.url.database)), copy / LEDGER, "leases")
        except sqlite3.OperationalError as error:
            raise WorkError(
                "{path}: the ledger could not be copied ({why}); make room or name another place, and do it again.",
                path=copy.parent,
                why=error,
            ) from error
        return
    one_view = ledger.engine.connect().execution_options(isolation_level="REPEATABLE READ")
    with one_view as connection, connection.begin(), (copy / EVENTS).open("wb") as stream:
        for row in stored_rows(connection):
            stream.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")


def _copied(source: Path, target: Path, without: str) -> None:
    """A database as it stands at one moment, without the rows of one table. Raises: sqlite3.Error."""
    with closing(sqlite3.connect(source)) as origin, closing(sqlite3.connect(target)) as made:
        origin.backup(made)  # all pages in one step: one view of it
        made.execute("PRAGMA journal_mode=delete")
        if made.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", [without]).fetchone():
            made.execute(EMPTIED[without])
        made.commit()


def _portal(source: Path, copy: Path) -> None:
    """Accounts and links, without who is signed in; damaged ones as they are."""
    if not source.is_file():
        return
    try:
        _copied(source, copy / PORTAL, "sessions")
    except sqlite3.OperationalError as error:
        raise WorkError(
            "{path}: the accounts could not be copied ({why}); make room or name another place, and do it again.",
            path=copy.parent,
            why=error,
        ) from error
    except sqlite3.DatabaseError:
        shutil.copyfile(source, copy / PORTAL)


def _with_portal(checked: Checked, root: Path) -> Checked:
    """``checked``, and whether the accounts of the workspace ``root`` can be read."""
    if not (root / PORTAL).exists():
        return checked
    try:
        with closing(sqlite3.connect(root / PORTAL)) as opened:
            why = str(opened.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        why = str(error)
    if why == "ok":
        return checked
    text = both("portal.db: accounts and field links are damaged ({why}); take them from another copy.", why=why)
    return replace(checked, ok=False, problems=(*checked.problems, Problem(None, text)))


def _evidence(store: EvidenceStore, archive: zipfile.ZipFile, progress: Progress | None) -> tuple[list[str], list[str]]:
    """Every file of the store into the archive: (names, those among them whose bytes do not fit)."""
    names, changed = list(store.hashes()), []
    for done, sha256 in enumerate(names, 1):
        seen = hashlib.sha256()
        entry = f"{EVIDENCE}/{sha256[:2]}/{sha256}"
        with store.path(sha256).open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
            while chunk := source.read(1 << 20):
                seen.update(chunk)
                target.write(chunk)
        if seen.hexdigest() != sha256:
            changed.append(sha256)
        if progress is not None:
            progress(done / len(names))
    return names, changed


def _checked(root: Path, place: str | Path, **how: Any) -> Checked:
    """``check`` of the ledger at ``place``; also of one that cannot be read."""
    try:
        with Ledger(place) as ledger:
            return check(ledger, root, **how)
    except (LedgerDamaged, UnreadableFile) as error:
        return _unreadable(both(error.msgid, **{**error.fields, "path": LEDGER}))


def _unreadable(why: Text) -> Checked:
    return Checked(False, 0, None, "", Verified(False, 0, None, ""), (Problem(None, why),), (), 0, 0, None)


# --- the way back ------------------------------------------------------------------------------


def restore(path: Path, folder: Path, url: str | None = None) -> Checked:
    """Make the workspace ``folder`` (new or empty) from a backup, and check it with all its evidence.

    url: of an empty database on a server for the ledger; None: it goes into ``ledger.db``, whatever
    it came from. The folder is there whole or not at all, also where damage was found: that is in the
    result. Raises: InputError if ``path`` is no backup, or folder or database hold something;
    WorkError if the disk is full.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("{path}: is not an empty folder; name a new or empty one.", path=folder)
    if not folder.parent.is_dir():
        raise InputError("{path}: there is no such folder; make it first.", path=folder.parent)
    try:
        with zipfile.ZipFile(path) as archive, atomic.replacing_folder(folder) as temporary:
            _members(archive, path)
            for entry in archive.infolist():
                _unpack(archive, entry, temporary)
            checked = _with_portal(_checked(temporary, _placed(temporary, url)), temporary)
            for file in (ABOUT, EVENTS, *([LEDGER] if url else [])):
                (temporary / file).unlink(missing_ok=True)
            return checked
    except (OSError, EOFError, NotImplementedError, RuntimeError, ValueError, zipfile.BadZipFile) as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise WorkError(
                "{path}: not written, the disk refused ({why}); make room or name another place, and do it again.",
                path=folder,
                why=error.strerror,
            ) from error
        raise InputError(
            "{path}: cannot be read as a backup ({why}); take another copy.", path=path, why=error
        ) from error


def _placed(root: Path, url: str | None) -> str | Path:
    """Where the ledger of an unpacked backup stands now: in ``ledger.db``, or in the empty database at ``url``."""
    if url is None:
        if not (root / LEDGER).exists():
            with (root / EVENTS).open("rb") as stream:
                _filled(map(json.loads, stream), root / LEDGER)
        return root / LEDGER
    if (root / LEDGER).exists():
        with Ledger(root / LEDGER) as source, reading(source.engine) as connection:
            _filled(stored_rows(connection), url)
    else:
        with (root / EVENTS).open("rb") as stream:
            _filled(map(json.loads, stream), url)
    return url


def _members(archive: zipfile.ZipFile, path: Path) -> None:
    """Raises: InputError unless it is a backup and holds nothing but what one may hold."""
    names = [entry.filename for entry in archive.infolist()]
    foreign = [name for name in names if not MEMBER.fullmatch(name)]
    if foreign or len(set(names)) != len(names):
        raise InputError("{path}: holds {name}, which is of no backup; take another copy.", path=path,
                         name=(foreign or names)[0])  # fmt: skip
    try:
        about = json.loads(archive.read(ABOUT))
        fits = about["format"] == FORMAT and (LEDGER if about["ledger"] == "sqlite" else EVENTS) in names
    except (KeyError, ValueError, TypeError):
        fits = False
    if not fits:
        raise InputError("{path}: is no backup, or one of a newer version; name a file that `gengxun backup` wrote.",
                         path=path)  # fmt: skip


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    target = folder / entry.filename
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(entry) as source, target.open("xb") as stream:
        shutil.copyfileobj(source, stream, 1 << 20)
    if entry.filename.startswith(EVIDENCE):
        target.chmod(0o444)
    elif entry.filename == PORTAL:
        target.chmod(0o600)


def _filled(rows: Iterable[dict[str, Any]], place: str | Path) -> None:
    """A new ledger of these events, every table made anew from them. Raises: InputError."""
    with Ledger(place) as ledger, writing(ledger.engine) as connection:
        if next(stored_rows(connection), None) is not None:
            raise InputError("{path}: holds a ledger already; name an empty database.", path=ledger.engine.url.database)
        waiting: list[dict[str, Any]] = []
        for row in rows:
            waiting.append(row)
            if len(waiting) == BATCH:
                _insert(connection, waiting)
                waiting = []
        _insert(connection, waiting)
        make_anew(connection)


def _insert(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    try:
        if rows:
            connection.execute(tables.events.insert(), rows)
    except sa.exc.DatabaseError as error:
        raise InputError(
            "{path}: cannot be read as a backup ({why}); take another copy.", path=EVENTS, why=error.orig
        ) from error
