"""[io] The keys that sign heads, outside the workspace and its backups; and the signing itself.

    $GENGXUN_KEYS/<workspace id>/<key id>.key     private, mode 0600; the folder 0700
                                 current          id of the key that signs now
                                 last-head.json   the last head signed here
                                 root             the folder of the workspace then
    <workspace>/keys/<key id>.pub                 public, PEM
                    /<key id>.json                how the key before handed on to it, if it did
    <workspace>/heads.jsonl                       every head, one JSON a line

The last head stands beside the key as well: a workspace that was put back to an older copy signs
nothing more with this key, and ``verify`` on this machine says so.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from geodata import atomic
from geodata.errors import InputError, LedgerDamaged, WorkError
from pipeline.cases import heads, tables
from pipeline.cases.database import reading
from pipeline.cases.heads import Head, Succession
from pipeline.cases.ledger import Ledger
from pipeline.cases.walk import ChainBroken, Walk, same_record

HEADS = "heads.jsonl"
KEYS = "keys"
BATCH = 2_000


class NothingToSign(InputError):
    """The ledger has no event yet."""


@dataclass(frozen=True)
class Signed:
    """head: as it stands in heads.jsonl. new_key: its key was made now. new: it was signed now; else there
    was one of this day and nothing had been added since. after: id of the key that signed the head before,
    where it is another."""

    head: Head
    new: bool
    new_key: bool
    after: str | None


@contextmanager
def disk(path: Path) -> Iterator[None]:
    """A refusal of the disk in one sentence. Raises: WorkError."""
    try:
        yield
    except OSError as error:
        raise WorkError(
            "{path}: not written, the disk refused ({why}); make room or name another place, and do it again.",
            path=path,
            why=error.strerror or error,
        ) from error


# --- keys --------------------------------------------------------------------------------------


def keys_folder() -> Path:
    """``$GENGXUN_KEYS``, else in the user's configuration folder."""
    said = os.environ.get("GENGXUN_KEYS")
    if said:
        return Path(said).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "gengxun" / "keys"


class Keyring:
    """The private keys of one workspace on this machine.

    Raises: InputError if the folder lies inside ``root`` (the workspace): who copies the one must not get the other.
    """

    def __init__(self, workspace: str, root: Path) -> None:
        self.folder = keys_folder().resolve() / workspace
        if self.folder.is_relative_to(root.resolve()):
            raise InputError(
                "{path}: keys must not lie inside the workspace; set GENGXUN_KEYS to another folder.", path=self.folder
            )

    def current(self) -> Ed25519PrivateKey | None:
        try:
            id = (self.folder / "current").read_text().strip()
        except FileNotFoundError:
            return None
        return self._load(self.folder / f"{id}.key")

    def make(self) -> Ed25519PrivateKey:
        """A new key, kept beside earlier ones; it signs from ``use`` on."""
        key = Ed25519PrivateKey.generate()
        id = heads.key_id(key.public_key().public_bytes_raw())
        data = key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            atomic.write_private(self.folder / f"{id}.key", data)
        except OSError as error:
            raise InputError(
                "{path}: the key cannot be kept here ({error}); set GENGXUN_KEYS to a folder you may write to.",
                path=self.folder,
                error=error.strerror,
            ) from error
        return key

    def use(self, key: Ed25519PrivateKey) -> None:
        id = heads.key_id(key.public_key().public_bytes_raw())
        atomic.write_bytes(self.folder / "current", f"{id}\n".encode())

    def last(self) -> Head | None:
        """The last head signed on this machine."""
        path = self.folder / "last-head.json"
        try:
            return heads.from_json(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, InputError):
            raise InputError("{path}: cannot be read as a head; mend it or move it away.", path=path) from None

    def remember(self, head: Head, root: Path) -> None:
        atomic.write_bytes(self.folder / "last-head.json", _line(heads.to_json(head)))
        atomic.write_bytes(self.folder / "root", f"{root.resolve()}\n".encode())

    def _load(self, path: Path) -> Ed25519PrivateKey:
        try:
            if os.name == "posix" and path.stat().st_mode & 0o077:
                raise InputError("{path}: others can read this key; run: chmod 600 {path}", path=path)
            key = pem.load_pem_private_key(path.read_bytes(), None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise InputError("{path}: is no key that signs; put it back from a copy or rotate.", path=path)
        return key


def signed_in(root: Path) -> list[str]:
    """Ids of the workspaces that were signed in this folder on this machine; one, unless another took its place."""
    found = []
    for path in sorted(keys_folder().glob("*/root")):
        try:
            if path.read_text(encoding="utf-8").strip() == str(root.resolve()):
                found.append(path.parent.name)
        except (OSError, UnicodeDecodeError):
            continue
    return found


def forget(root: Path) -> None:
    """Delete the keys of workspaces that were signed in this folder: for a demo that is built anew."""
    for workspace in signed_in(root):
        shutil.rmtree(keys_folder() / workspace)


def public_keys(root: Path) -> dict[str, bytes]:
    """{key id: public key of 32 bytes} of ``<root>/keys``; a file whose name is not the id of its key is left out."""
    found = {}
    for path in sorted((root / KEYS).glob("*.pub")):
        data = read_public(path.read_bytes())
        if data is not None and heads.key_id(data) == path.stem:
            found[path.stem] = data
    return found


def read_public(data: bytes) -> bytes | None:
    try:
        key = pem.load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key.public_bytes_raw() if isinstance(key, Ed25519PublicKey) else None


def public_pem(public_key: bytes) -> bytes:
    key = Ed25519PublicKey.from_public_bytes(public_key)
    return key.public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)


def successions(root: Path) -> list[Succession]:
    """How keys of this workspace handed on, as far as it can be read."""
    found = []
    for path in sorted((root / KEYS).glob("*.json")):
        try:
            found.append(heads.succession_from_json(json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, InputError):
            continue
    return found


# --- heads -------------------------------------------------------------------------------------


def stored_heads(root: Path) -> tuple[list[Head], list[int]]:
    """The heads of ``heads.jsonl`` in their order, and the numbers of the lines that are none."""
    path, found, wrong = root / HEADS, [], []
    if path.is_file():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            try:
                found.append(heads.from_json(json.loads(line)))
            except (ValueError, InputError):
                wrong.append(number)
    return found, wrong


def stored_rows(connection: sa.Connection, number: str | None = None) -> Iterator[dict[str, Any]]:
    """The rows of ``events`` by seq, as they are stored, a batch at a time; of one case if a number is given.

    Raises: LedgerDamaged if the database cannot be read.
    """
    query = sa.select(tables.events).order_by(tables.events.c.seq)
    if number is not None:
        query = query.where(tables.events.c.case == number)
    try:
        with connection.execute(query, execution_options={"yield_per": BATCH}) as result:
            for row in result.mappings():
                yield dict(row)
    except sa.exc.DatabaseError as error:
        raise LedgerDamaged(
            "{path}: the ledger cannot be read to its end ({why}); restore a backup.",
            path=connection.engine.url.database,
            why=str(error.orig),
        ) from error


def walked(connection: sa.Connection, *, tree: bool = False, stops: dict[int, Head] | None = None) -> Walk:
    """All events, each hash recomputed. stops: {seq: …} is filled with what stands there (unsigned, time is nothing).

    Raises: LedgerDamaged naming the first event that does not fit.
    """
    walk = Walk(tree=tree)
    try:
        for row in stored_rows(connection):
            walk.take(row)
            if stops is not None and walk.seq in stops:
                stops[walk.seq] = walk.head(stops[walk.seq].at)
    except ChainBroken as broken:
        raise _broken(broken.seq) from None
    return walk


def sign_now(ledger: Ledger, root: Path, *, rotate: bool = False, after_loss: bool = False) -> Signed:
    """Sign the ledger as it stands and keep the head in ``root`` and beside the key.

    The whole chain is checked first, and that it extends every head of the workspace and the last one
    signed on this machine. rotate: with a new key, named by the old one. after_loss: events that were
    signed are gone for good; go on with a new key that the old one does not name, so that every
    witness notices. Raises: NothingToSign; InputError without its key; LedgerDamaged.
    """
    with ledger.lease("heads"):
        own, wrong = stored_heads(root)
        if wrong and not after_loss:
            raise LedgerDamaged(
                "{path}: line {line} is no head; restore a copy of it.", path=root / HEADS, line=wrong[0]
            )
        with reading(ledger.engine) as connection:
            first = connection.execute(sa.select(tables.events.c.hash).where(tables.events.c.seq == 1)).scalar()
            if first is None:
                raise NothingToSign("{path}: the ledger is empty, there is nothing to sign yet.", path=root)
            ring = Keyring(_workspace(first), root)
            last = ring.last()
            earlier = own + ([last] if last is not None else [])
            stops = {head.seq: head for head in earlier}
            walk = walked(connection, stops=stops)
        lost = [head for head in earlier if head.seq > walk.seq or not same_record(head, stops[head.seq])]
        if lost and not after_loss:
            raise _not_extended(lost[0], walk)
        if after_loss:
            own = _set_aside(root, [head for head in own if head not in lost], ledger.clock())
        return _sign(ledger, root, ring, walk, own, rotate=rotate, after_loss=after_loss)


def _workspace(first_hash: str) -> str:
    try:
        return heads.workspace_id(first_hash)
    except ValueError:
        raise _broken(1) from None


def _broken(seq: int) -> LedgerDamaged:
    return LedgerDamaged(
        "ledger.db: the record does not fit from event {seq} on; restore a copy, keep this one.", seq=seq
    )


def _not_extended(head: Head, walk: Walk) -> LedgerDamaged:
    if head.seq > walk.seq:
        return LedgerDamaged(
            "the ledger ends at event {seq}, but event {signed} was signed on {day}: its tail was cut or an older "
            "copy put back; restore a newer copy, or go on with --after-loss.",
            seq=walk.seq,
            signed=head.seq,
            day=head.at.date(),
        )
    return LedgerDamaged(
        "event {seq} is not the one that was signed on {day}: the record was rewritten; restore a copy, keep this one.",
        seq=head.seq,
        day=head.at.date(),
    )


def _set_aside(root: Path, kept: list[Head], at: datetime) -> list[Head]:
    """``heads.jsonl`` holds only ``kept`` from now on; as it was, it is kept beside it."""
    path = root / HEADS
    if path.is_file():
        atomic.write_bytes(root / f"heads.lost-{at:%Y%m%dT%H%M%SZ}.jsonl", path.read_bytes())
        atomic.write_bytes(path, b"".join(_line(heads.to_json(head)) for head in kept))
    return kept


def _sign(
    ledger: Ledger, root: Path, ring: Keyring, walk: Walk, own: list[Head], *, rotate: bool, after_loss: bool
) -> Signed:
    at = ledger.clock().astimezone(UTC).replace(microsecond=0)
    held = ring.current()
    before = own[-1] if own else None
    if held is None and before is not None and not (rotate or after_loss):
        raise InputError(
            "{path}: signed so far by key {key}, which is not on this machine ({folder}); bring it, or begin a new "
            "one with --rotate.",
            path=root,
            key=before.key,
            folder=ring.folder,
        )
    key = ring.make() if held is None or rotate or after_loss else held
    public = key.public_key().public_bytes_raw()
    id = heads.key_id(public)
    if before is not None and before.key == id and before.at.date() == at.date() and before.seq == walk.seq:
        ring.remember(before, root)
        return Signed(before, False, False, None)
    head = heads.sign(walk.head(at), key)
    with disk(root):  # in this order: a kill leaves no key in use whose public half or hand-over is missing
        (root / KEYS).mkdir(exist_ok=True)
        atomic.write_bytes(root / KEYS / f"{id}.pub", public_pem(public))
        if held is not None and held is not key and not after_loss:
            handed = heads.succeed(walk.workspace, public, at, held)
            atomic.write_bytes(root / KEYS / f"{id}.json", _line(heads.succession_json(handed)))
        if held is not key:
            ring.use(key)
        kept = (root / HEADS).read_bytes() if own else b""
        atomic.write_bytes(root / HEADS, kept + _line(heads.to_json(head)))
        ring.remember(head, root)
    after = before.key if before is not None and before.key != id else None
    return Signed(head, True, key is not held, after)


def head_document(ledger: Ledger, root: Path, head: Head, since: int | None = None) -> dict[str, Any]:
    """What a witness needs: head, public key, hand-overs, and the proof that it extends the ledger up to ``since``.

    since: seq; None: of the head before it in heads.jsonl. Raises: InputError, LedgerDamaged.
    """
    if since is None:
        since = max((one.seq for one in stored_heads(root)[0] if one.seq < head.seq), default=0)
    if not 0 <= since <= head.seq:
        raise InputError("--since {since}: the head is of event {seq}; name an earlier one.", since=since, seq=head.seq)
    with reading(ledger.engine) as connection:
        tree = walked(connection, tree=True).tree
    assert tree is not None
    return {
        "head": heads.to_json(head),
        "text": heads.to_text(head),
        "mark": heads.mark(head),
        "public_key": public_keys(root)[head.key].hex(),
        "since": since,
        "consistency": [node.hex() for node in tree.consistency(since, head.seq)],
        "successions": [heads.succession_json(one) for one in successions(root)],
    }


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode() + b"\n"
