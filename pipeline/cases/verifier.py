"""[io] Checks an export of a ledger, or of one case, without the program that wrote it.

    python verifier.py EXPORT [--head FILE|TEXT]... [--key KEYID] [--list]

EXPORT: the folder or the zip file. --head: a signed head, or its short mark, that was kept
elsewhere; without one a ledger that was written anew from its beginning, with another key, cannot
be told from the true one. --key: the id of the key that must have signed. --list: print the events.
Exit code: 0 it holds, 1 it does not, 2 it cannot be read.

This one file needs Python 3.9 or newer and the package `cryptography`. The format: ledger-format.md.
独立核验程序：只需本文件、Python 3.9 以上和 cryptography 包，不依赖耕巡。
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import sys
import zipfile
from bisect import insort
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

COLUMNS = ("seq", "case", "kind", "at", "by", "role", "payload", "evidence", "schema_version", "software_version",
           "previous_hash")  # fmt: skip
NUMBERS = {"seq", "schema_version"}
GENESIS = hashlib.sha256(b"gengxun ledger genesis v1\n").hexdigest()
HEAD_FIELDS = ("workspace", "seq", "hash", "root", "at", "evidence_count", "evidence_digest", "key", "signature")
HEAD_HEX = {"workspace": 20, "hash": 64, "root": 64, "evidence_digest": 64, "key": 20, "signature": 128}
SAME = ("workspace", "seq", "hash", "root", "evidence_count", "evidence_digest")
Head = dict[str, Any]


class Bad(Exception):
    """It does not hold. seq: the first event that does not fit, where it is of one."""

    def __init__(self, english: str, chinese: str, seq: int | None = None) -> None:
        super().__init__(english, chinese, seq)
        self.english, self.chinese, self.seq = english, chinese, seq


class Unreadable(Exception):
    pass


# --- hashes ------------------------------------------------------------------------------------


def event_hash(row: dict[str, Any]) -> str:
    parts = [b"gengxun ledger event v1\n"]
    for name in COLUMNS:
        value = row[name]
        text = b"" if value is None else str(value).encode()
        tag = b"n" if value is None else b"i" if isinstance(value, int) else b"s"
        parts.append(name.encode() + b" " + tag + b" " + str(len(text)).encode() + b"\n" + text + b"\n")
    return hashlib.sha256(b"".join(parts)).hexdigest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def leaf(event: str) -> bytes:
    return hashlib.sha256(b"\x00" + bytes.fromhex(event)).digest()


class Edge:
    """The right edge of a growing Merkle tree (RFC 6962)."""

    def __init__(self) -> None:
        self.size = 0
        self.nodes: list[bytes] = []

    def append(self, event: str) -> None:
        made, size = leaf(event), self.size
        while size & 1:
            made, size = node(self.nodes.pop(), made), size >> 1
        self.nodes.append(made)
        self.size += 1

    def root(self) -> str:
        found = self.nodes[-1] if self.nodes else hashlib.sha256(b"").digest()
        for left in reversed(self.nodes[:-1]):
            found = node(left, found)
        return found.hex()


def included(event: str, index: int, size: int, proof: Sequence[bytes], root: str) -> bool:
    """RFC 9162, 2.1.3.2."""
    if not 0 <= index < size:
        return False
    made, at, last = leaf(event), index, size - 1
    for other in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            made = node(other, made)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            made = node(made, other)
        at, last = at >> 1, last >> 1
    return last == 0 and made.hex() == root


def extended(old: int, old_root: str, size: int, root: str, proof: Sequence[bytes]) -> bool:
    """RFC 9162, 2.1.4.2."""
    if not 0 < old <= size:
        return False
    if old == size:
        return not proof and old_root == root
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    path = ([bytes.fromhex(old_root)] if at == 0 else []) + list(proof)
    if not path:
        return False
    earlier = later = path[0]
    for other in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            earlier, later = node(other, earlier), node(other, later)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            later = node(later, other)
        at, last = at >> 1, last >> 1
    return last == 0 and earlier.hex() == old_root and later.hex() == root


def workspace_of(first: str) -> str:
    return hashlib.sha256(b"gengxun ledger workspace v1\n" + bytes.fromhex(first)).hexdigest()[:20]


# --- reading -----------------------------------------------------------------------------------


class Source:
    """A folder or a zip file."""

    def __init__(self, path: str) -> None:
        try:
            self.zip = None if os.path.isdir(path) else zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise Unreadable(f"{path}: {error}") from None
        self.path = path
        if self.zip is not None:
            names = self.zip.namelist()
            self.names = [name for name in names if not name.endswith("/")]
            if len(set(names)) != len(names):
                raise Bad("the zip file holds two files of one name", "压缩包内有同名文件")
        else:
            self.names = [
                os.path.relpath(os.path.join(folder, name), path).replace(os.sep, "/")
                for folder, _, files in os.walk(path)
                for name in files
            ]

    @contextmanager
    def open(self, name: str) -> Iterator[Any]:
        try:
            stream: Any = self.zip.open(name) if self.zip is not None else open(os.path.join(self.path, name), "rb")  # noqa: SIM115
        except (OSError, KeyError):
            raise Bad(f"{name} is missing", f"缺少 {name}") from None
        with stream:
            try:
                yield stream
            except (zipfile.BadZipFile, EOFError, OSError) as error:
                raise Bad(f"{name} cannot be read ({error})", f"{name} 无法读取（{error}）") from None

    def lines(self, name: str) -> Iterator[tuple[int, Any]]:
        with self.open(name) as stream:
            for number, line in enumerate(stream, 1):
                try:
                    yield number, json.loads(line.decode("utf-8"), object_pairs_hook=once)
                except ValueError:
                    raise Bad(f"{name}, line {number}: not JSON", f"{name} 第 {number} 行不是 JSON", None) from None

    def document(self, name: str) -> Any:
        with self.open(name) as stream:
            try:
                return json.loads(stream.read().decode("utf-8"), object_pairs_hook=once)
            except ValueError:
                raise Bad(f"{name}: not JSON", f"{name} 不是 JSON") from None


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name twice")
    return dict(pairs)


def row_of(document: Any, seq: int | None) -> dict[str, Any]:
    """The columns of one event, its own hash recomputed."""
    at = document.get("seq") if isinstance(document, dict) else None
    said = seq if seq is not None else at if isinstance(at, int) else None
    fault = Bad(f"event {said}: its columns are not those of an event", f"第 {said} 条：列不符", said)
    if not isinstance(document, dict) or set(document) != {*COLUMNS, "hash"}:
        raise fault
    for name, value in document.items():
        number = name in NUMBERS
        if type(value) is not (int if number else str) and not (name == "case" and value is None):
            raise fault
    if not is_hex(document["hash"], 64):
        raise fault
    try:
        fits = event_hash(document) == document["hash"]
    except UnicodeEncodeError:
        fits = False
    if not fits:
        raise Bad(f"event {said} was changed", f"第 {said} 条被改动", said)
    return document


def evidence_of(row: dict[str, Any]) -> list[str]:
    try:
        found = json.loads(row["evidence"])
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(is_hex(one, 64) for one in found):
        raise Bad(f"event {row['seq']}: evidence is no list of sha256", f"第 {row['seq']} 条：证据列不符", row["seq"])
    return found


def is_hex(value: Any, length: int) -> bool:
    return isinstance(value, str) and re.fullmatch(f"[0-9a-f]{{{length}}}", value) is not None


def hashes(values: Any) -> list[bytes]:
    if not isinstance(values, list) or not all(is_hex(one, 64) for one in values):
        raise Bad("a proof is no list of hashes", "证明不是哈希列表")
    return [bytes.fromhex(one) for one in values]


# --- heads -------------------------------------------------------------------------------------


def head_of(document: Any) -> Head:
    fits = isinstance(document, dict) and set(document) == set(HEAD_FIELDS)
    fits = fits and all(is_hex(document[name], length) for name, length in HEAD_HEX.items())
    fits = fits and all(type(document[name]) is int and document[name] >= 0 for name in ("seq", "evidence_count"))
    if not fits or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(document["at"])):
        raise Bad("this is no signed head", "不是签名头")
    return document


def head_of_text(line: str) -> Head:
    words = line.split()
    if len(words) != len(HEAD_FIELDS) + 1 or words[0] != "GX1":
        raise Unreadable(f"--head {line[:40]}: no head of a ledger")
    found: Head = dict(zip(HEAD_FIELDS, words[1:]))  # noqa: B905 (strict is of Python 3.10)
    try:
        for name in ("seq", "evidence_count"):
            found[name] = int(found[name])
        for name in ("hash", "root", "evidence_digest", "signature"):
            found[name] = base64.b64decode(found[name] + "=" * (-len(found[name]) % 4), b"-_", True).hex()
        return head_of(found)
    except (ValueError, Bad):
        raise Unreadable(f"--head {line[:40]}: no head of a ledger") from None


def kept_heads(said: str) -> list[Head]:
    """Of a text or a file: lines, marks (seq and hash only), JSON, or what a witness keeps."""
    text = said
    if len(said) < 250 and os.path.isfile(said):
        with open(said, encoding="utf-8-sig") as stream:
            text = stream.read()
    try:
        entries: list[Any] = [json.loads(text)]
    except ValueError:
        entries = [line for line in text.splitlines() if line.strip()]
    found = []
    for entry in entries:
        try:
            document = json.loads(entry) if isinstance(entry, str) else entry
        except ValueError:
            document = None
        mark = re.fullmatch(r"\s*(\d{1,15})-([0-9a-f]{20,64})\s*", entry) if isinstance(entry, str) else None
        if isinstance(document, dict) and "witness" in document:
            continue
        if isinstance(document, dict):
            found.append(head_of(document.get("head", document)))
        elif mark:
            found.append({"seq": int(mark[1]), "hash": mark[2]})
        else:
            found.append(head_of_text(str(entry)))
    if not found:
        raise Unreadable(f"--head {said[:40]}: no head of a ledger")
    return found


class Keys:
    """The public keys of the export; pinned: the id that must have signed the export's head."""

    def __init__(self, source: Source, pinned: str | None) -> None:
        try:
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
            from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
        except ImportError:
            raise Unreadable("signatures cannot be checked; run: pip install cryptography") from None
        self.pinned = pinned
        self.held: dict[str, Any] = {}
        for name in source.names:
            if re.fullmatch(r"keys/[0-9a-f]{20}\.pub", name):
                with source.open(name) as stream:
                    try:
                        key = load_pem_public_key(stream.read())
                    except ValueError:
                        raise Bad(f"{name} is no public key", f"{name} 不是公钥") from None
                if isinstance(key, Ed25519PublicKey):
                    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
                    self.held[hashlib.sha256(raw).hexdigest()[:20]] = key

    def check(self, head: Head, own: bool = False) -> None:
        from cryptography.exceptions import InvalidSignature

        if own and self.pinned and head["key"] != self.pinned:
            id = head["key"]
            raise Bad(f"signed by key {id}, not {self.pinned}", f"由密钥 {id} 签名，不是 {self.pinned}")
        if head["key"] not in self.held:
            raise Bad(f"the public key {head['key']} is missing", f"缺少公钥 {head['key']}")
        text = "".join(f"{name} {head[name]}\n" for name in HEAD_FIELDS if name != "signature")
        try:
            self.held[head["key"]].verify(bytes.fromhex(head["signature"]), b"gengxun ledger head v1\n" + text.encode())
        except InvalidSignature:
            raise Bad(
                f"the signature on the head of event {head['seq']} does not fit",
                f"第 {head['seq']} 条签名头的签名不符",
            ) from None


def same(head: Head, here: Head) -> bool:
    if len(head) == 2:  # a mark
        return head["seq"] == here["seq"] and here["hash"].startswith(head["hash"])
    return all(head[name] == here[name] for name in SAME)


# --- the two kinds of export -------------------------------------------------------------------


def check_ledger(source: Source, head: Head, kept: list[Head], keys: Keys, told: Told) -> None:
    """Every event from the first on, every head at its event."""
    earlier = [head_of(one) for _, one in source.lines("heads.jsonl")]
    for one in earlier:
        keys.check(one)
    wanted: dict[int, list[Head]] = {}
    for one in [*earlier, *kept, head]:
        wanted.setdefault(one["seq"], []).append(one)
    seq, previous, workspace, edge, good = 0, GENESIS, "", Edge(), 0
    for _, document in source.lines("events.jsonl"):
        seq += 1
        row = row_of(document, seq)
        if row["seq"] != seq or row["previous_hash"] != previous:
            raise Bad(f"event {seq} is missing or not in its place", f"第 {seq} 条缺失或不在其位", seq)
        previous = row["hash"]
        workspace = workspace or workspace_of(previous)
        edge.append(previous)
        told.event(row)
        if seq in wanted:
            count = len(told.evidence)
            here = dict(zip(SAME, (workspace, seq, previous, edge.root(), count, told.digest())))  # noqa: B905
            if not all(same(one, here) for one in wanted[seq]):
                raise Bad(f"event {seq} is not the one that was signed: rewritten after event {good}",
                          f"第 {seq} 条不是签名时的那一条：第 {good} 条之后被改写", good + 1)  # fmt: skip
            good = seq
    last = max(wanted)
    if seq < last:
        raise Bad(f"event {last} was signed, but the export ends at event {seq}: its tail was cut",
                  f"第 {last} 条已签名，而导出只到第 {seq} 条：尾部被截去", seq + 1)  # fmt: skip
    if seq > head["seq"]:
        raise Bad(f"event {head['seq'] + 1} is under no head", f"第 {head['seq'] + 1} 条不在签名之下", head["seq"] + 1)


def check_case(source: Source, number: str, head: Head, kept: list[Head], keys: Keys, told: Told) -> None:
    """Every event of the case is in the ledger under the head; the head extends every earlier one."""
    known = {head["seq"]: head}
    for _, document in source.lines("earlier.jsonl"):
        one = head_of(document.get("head") if isinstance(document, dict) else None)
        keys.check(one)
        proof = hashes(document.get("consistency"))
        if not extended(one["seq"], one["root"], head["seq"], head["root"], proof):
            raise Bad(f"the head does not extend that of event {one['seq']}", f"签名头未延续第 {one['seq']} 条的签名头")
        known[one["seq"]] = one
    before = 0
    for line, document in source.lines("events.jsonl"):
        if not isinstance(document, dict) or set(document) != {"event", "proof"}:
            raise Bad(f"events.jsonl, line {line}: no event with proof", f"events.jsonl 第 {line} 行没有事件及证明")
        row = row_of(document["event"], None)
        seq = row["seq"]
        if row["case"] != number or seq <= before:
            raise Bad(f"event {seq} is not of case {number} or not in its order",
                      f"第 {seq} 条不属于案件 {number} 或次序不符", seq)  # fmt: skip
        if not included(row["hash"], seq - 1, head["seq"], hashes(document["proof"]), head["root"]):
            raise Bad(f"event {seq} is not in the ledger that was signed", f"第 {seq} 条不在已签名的台账中", seq)
        told.event(row)
        before = seq
        marks = [one for one in kept if len(one) == 2 and one["seq"] == seq]
        if not all(same(one, row) for one in marks):
            raise Bad(f"event {seq} is not the one of the mark", f"第 {seq} 条与所记不符", seq)
        kept = [one for one in kept if one not in marks]
    if not before:
        raise Bad(f"there is no event of case {number}", f"没有案件 {number} 的记录")
    for one in kept:
        here = known.get(one["seq"])
        if here is None:
            raise Bad(f"the kept head of event {one['seq']} is not among those of the export: it cannot be compared",
                      f"所存第 {one['seq']} 条签名头不在导出之中，无法比对")  # fmt: skip
        if not same(one, here):
            raise Bad(f"the kept head of event {one['seq']} is another one",
                      f"所存第 {one['seq']} 条签名头与导出不同", one["seq"])  # fmt: skip


def check_evidence(source: Source, complete: bool, told: Told) -> int:
    """How many files are there, each hashed; all that are named if ``complete``."""
    held = set()
    for name in source.names:
        if not name.startswith("evidence/"):
            continue
        sha256 = name.rsplit("/", 1)[1]
        if sha256 not in told.evidence or name != f"evidence/{sha256[:2]}/{sha256}":
            raise Bad(f"{name} is evidence of no event", f"{name} 不是任何记录的证据")
        found = hashlib.sha256()
        with source.open(name) as stream:
            for chunk in iter(lambda: stream.read(1 << 20), b""):
                found.update(chunk)
        if found.hexdigest() != sha256:
            raise Bad(f"evidence {sha256} was changed", f"证据 {sha256} 被改动", told.evidence[sha256])
        held.add(sha256)
    for sha256, seq in told.evidence.items():
        if complete and sha256 not in held:
            raise Bad(f"evidence {sha256} is missing", f"缺少证据 {sha256}", seq)
    return len(held)


class Told:
    """What the events say that is needed further on."""

    def __init__(self, listing: bool) -> None:
        self.listing, self.events = listing, 0
        self.evidence: dict[str, int] = {}
        self.files: list[bytes] = []  # the same hashes, sorted

    def event(self, row: dict[str, Any]) -> None:
        self.events += 1
        for sha256 in evidence_of(row):
            if sha256 not in self.evidence:
                self.evidence[sha256] = row["seq"]
                insort(self.files, bytes.fromhex(sha256))
        if self.listing:
            line = f"{row['seq']}  {row['at']}  {row['case'] or '-'}  {row['kind']}  {row['by']}:{row['role']}"
            print("".join(c if c.isprintable() else "?" for c in line))

    def digest(self) -> str:
        """Over the hashes of all files named so far, sorted."""
        return hashlib.sha256(b"gengxun ledger evidence v1\n" + b"".join(self.files)).hexdigest()


def check(path: str, kept: Sequence[Head] = (), key: str | None = None, listing: bool = False) -> dict[str, Any]:
    """{kind, case, head, events, evidence, files}. Raises: Bad, Unreadable."""
    source = Source(path)
    about = source.document("export.json")
    if not isinstance(about, dict) or about.get("format") != "gengxun export v1":
        raise Unreadable(f"{path}: is no export, or one of a newer format")
    head, told = head_of(source.document("head.json")), Told(listing)
    keys = Keys(source, key)
    keys.check(head, own=True)
    for one in kept:
        if len(one) > 2:
            keys.check(one)
    if about.get("case") is None:
        check_ledger(source, head, list(kept), keys, told)
    else:
        check_case(source, about["case"], head, list(kept), keys, told)
    complete = about.get("case") is not None or about.get("evidence") is True
    files = check_evidence(source, complete, told)
    return {"case": about.get("case"), "head": head, "events": told.events, "evidence": len(told.evidence),
            "files": files}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("export")
    parser.add_argument("--head", action="append", default=[], help="a head or mark kept elsewhere: text or file")
    parser.add_argument("--key", help="id of the key that must have signed")
    parser.add_argument("--list", action="store_true", help="print the events")
    said = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        kept = [head for one in said.head for head in kept_heads(one)]
        found = check(said.export, kept, said.key, said.list)
    except Bad as bad:
        print(f"BAD 不符: {bad.english} / {bad.chinese}")
        return 1
    except (Unreadable, UnicodeDecodeError, OSError) as error:
        print(f"CANNOT READ 无法核验: {error}", file=sys.stderr)
        return 2
    head = found["head"]
    print(f"OK 完好: {found['events']} events 条, evidence 证据 {found['files']}/{found['evidence']}, "
          f"head 签名头 {head['seq']}-{head['hash'][:20]} {head['at']}, key 密钥 {head['key']}")  # fmt: skip
    if not kept and not said.key:
        print("Compare key and head with those printed on a document or kept by a witness (--head, --key). "
              "请将密钥和签名头与纸面或见证方所存核对。")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
