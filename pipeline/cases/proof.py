"""[io] What leaves the house with its proof: the whole ledger, or one case, to be checked without this program.

    export.json                 what it is
    events.jsonl                a ledger: one event a line, all columns as stored
                                a case: one {"event", "proof"} a line
    head.json                   the signed head over all of it
    heads.jsonl                 a ledger: every head signed so far
    earlier.jsonl               a case: earlier heads, each with the proof that the head extends it
    keys/<key id>.pub           public keys; <key id>.json: how one handed on to the next
    evidence/ab/<sha256>        original bytes
    verifier.py, README.txt

Format: docs/ledger-format.md. What one case exports shows that nothing in it was altered; that
nothing was left out takes the whole ledger.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from geodata import atomic
from geodata.errors import InputError, LedgerDamaged
from pipeline.cases import heads, verifier
from pipeline.cases.check import EVIDENCE
from pipeline.cases.database import reading
from pipeline.cases.evidence_store import EvidenceStore
from pipeline.cases.heads import Head
from pipeline.cases.keys import KEYS, disk, sign_now, stored_heads, stored_rows, walked
from pipeline.cases.ledger import Ledger

FORMAT = "gengxun export v1"
README = """\
耕巡 GengXun：{what_zh}

签名头 head      {mark}  {at}
签名密钥 key     {key}
完整一行 in full {text}

核验 to verify:
    python verifier.py .
    python verifier.py . --head "纸面或见证方所存的签名头 the head you kept"

核验只需 Python 和 cryptography 包，无需耕巡。请使用自己保存的 verifier.py，不要只用随附的这份。
This folder holds {what_en}. The check needs Python and the package cryptography, not GengXun.
Rather use a verifier.py of your own than the copy that came with it.

事件以 events.jsonl 为准；其中没有的内容不受证明。
What is proven is what stands in events.jsonl and in evidence/.
"""
LEFT_OUT = """\
所列各条未被改动；是否有遗漏，须以整本台账的导出核验。
None of these events was altered; that none was left out is shown by an export of the whole ledger only.
"""


@dataclass(frozen=True)
class Exported:
    """events, evidence: how many were written."""

    path: Path
    events: int
    evidence: int
    head: Head


def export_ledger(ledger: Ledger, root: Path, path: Path, *, evidence: bool = False) -> Exported:
    """The whole ledger as it stands, signed now, into a new folder or, by its name, zip file.

    evidence: with every file that the events name. Raises: InputError if there is nothing to sign or
    ``path`` exists; LedgerDamaged.
    """
    _new(path)
    head = sign_now(ledger, root).head
    return write_ledger(ledger, root, path, head, evidence=evidence)


def write_ledger(ledger: Ledger, root: Path, path: Path, head: Head, *, evidence: bool = False) -> Exported:
    """The events up to ``head`` as they are stored, and the head; nothing is checked here."""
    named: dict[str, None] = {}
    events = 0
    about = {"format": FORMAT, "case": None, "evidence": evidence}
    with _target(path) as out:
        _frame(out, root, about, head, f"台账（{head.seq} 条）", f"a ledger of {head.seq} events")
        own, _ = stored_heads(root)
        out.write("heads.jsonl", b"".join(_line(heads.to_json(one)) for one in own if one.seq <= head.seq))
        with reading(ledger.engine) as connection, out.stream("events.jsonl") as stream:
            for row in stored_rows(connection):
                if row["seq"] > head.seq:
                    break
                stream.write(_line(row))
                events += 1
                if evidence:
                    named |= dict.fromkeys(_named(row))
        _evidence(out, root, named)
    return Exported(path, events, len(named), head)


def export_case(ledger: Ledger, root: Path, number: str, path: Path) -> Exported:
    """The events of one case, each with the proof that it is in the ledger signed now, and their evidence.

    Raises: InputError for an unknown case or if ``path`` exists; LedgerDamaged.
    """
    _new(path)
    with reading(ledger.engine) as connection:
        if next(stored_rows(connection, number), None) is None:
            raise InputError("{number}: there is no such case; see `gengxun case list`.", number=number)
    head = sign_now(ledger, root).head
    with reading(ledger.engine) as connection:
        tree = walked(connection, tree=True).tree
        rows = [row for row in stored_rows(connection, number) if row["seq"] <= head.seq]
    assert tree is not None
    about = {"format": FORMAT, "case": number, "evidence": True}
    with _target(path) as out:
        _frame(out, root, about, head, f"案件 {number}（{len(rows)} 条）", f"case {number} of {len(rows)} events")
        earlier = {one.seq: one for one in stored_heads(root)[0] if one.seq < head.seq}
        with out.stream("earlier.jsonl") as stream:
            for one in earlier.values():
                proof = _hex(tree.consistency(one.seq, head.seq))
                stream.write(_line({"head": heads.to_json(one), "consistency": proof}))
        with out.stream("events.jsonl") as stream:
            for row in rows:
                stream.write(_line({"event": row, "proof": _hex(tree.inclusion(row["seq"] - 1, head.seq))}))
        named = dict.fromkeys(sha256 for row in rows for sha256 in _named(row))
        _evidence(out, root, named)
    return Exported(path, len(rows), len(named), head)


def _frame(out: _Target, root: Path, about: dict[str, Any], head: Head, what_zh: str, what_en: str) -> None:
    """What every export holds beside the events."""
    out.write("export.json", _line(about))
    out.write("head.json", _line(heads.to_json(head)))
    for path in sorted((root / KEYS).glob("*")):
        if path.suffix in (".pub", ".json"):
            out.write(f"keys/{path.name}", path.read_bytes())
    out.write("verifier.py", Path(verifier.__file__).read_bytes())
    text = README.format(
        what_zh=what_zh,
        what_en=what_en,
        mark=heads.mark(head),
        at=heads.to_json(head)["at"],
        key=head.key,
        text=heads.to_text(head),
    )
    out.write("README.txt", (text + (LEFT_OUT if about["case"] else "")).encode())


def _evidence(out: _Target, root: Path, named: Iterable[str]) -> None:
    """Copies, hashed on the way. Raises: LedgerDamaged where one is missing or changed."""
    store = EvidenceStore(root / EVIDENCE)
    for sha256 in named:
        try:
            path = store.path(sha256)
        except InputError:
            raise LedgerDamaged("{path}: this evidence is missing; put it back from a backup.", path=sha256) from None
        seen = hashlib.sha256()
        with path.open("rb") as source, out.stream(f"{EVIDENCE}/{sha256[:2]}/{sha256}") as stream:
            while chunk := source.read(1 << 20):
                seen.update(chunk)
                stream.write(chunk)
        if seen.hexdigest() != sha256:
            raise LedgerDamaged(
                "{path}: the bytes of this evidence no longer fit their sha256; put the file back from a backup.",
                path=sha256,
            )


def _named(row: dict[str, Any]) -> list[str]:
    return [] if row["evidence"] == "[]" else json.loads(row["evidence"])


def _hex(hashes: Iterable[bytes]) -> list[str]:
    return [one.hex() for one in hashes]


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode() + b"\n"


# --- where it goes -----------------------------------------------------------------------------


class _Target:
    """A folder being filled."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, data: bytes) -> None:
        with self.stream(name) as stream:
            stream.write(data)

    @contextmanager
    def stream(self, name: str) -> Iterator[IO[bytes]]:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as stream:
            yield stream


class _Zip(_Target):
    """A zip file being filled; photos and films are pressed already and only stored."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive

    @contextmanager
    def stream(self, name: str) -> Iterator[IO[bytes]]:
        entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        entry.compress_type = zipfile.ZIP_STORED if name.startswith(EVIDENCE) else zipfile.ZIP_DEFLATED
        entry.external_attr = 0o644 << 16
        with self.archive.open(entry, "w", force_zip64=True) as stream:
            yield stream


@contextmanager
def _target(path: Path) -> Iterator[_Target]:
    """``path`` as folder or zip file by its name; there whole at the end or not at all."""
    if path.suffix.lower() == ".zip":
        with disk(path), atomic.replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            yield _Zip(archive)
    else:
        with disk(path), atomic.replacing_folder(path) as temporary:
            yield _Target(temporary)


def _new(path: Path) -> None:
    """Raises: InputError if ``path`` exists or lies in no folder."""
    if path.exists():
        raise InputError("{path}: exists already; name a new folder or zip file.", path=path)
    if not path.parent.is_dir():
        raise InputError("{path}: there is no such folder; make it first.", path=path.parent)
