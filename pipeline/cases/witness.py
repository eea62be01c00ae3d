"""[io] A witness: a file on another machine that remembers heads and refuses one that does not extend its last.

The first line says whom it watches: workspace, and the key seen first. Every further line is a head
that was taken, with the proof that it extends the one before. Whoever rewrites the ledger, cuts its
tail or puts an older copy back cannot get a head past it, not even with the key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from geodata import atomic
from geodata.errors import InputError, LedgerDamaged
from pipeline.cases import heads
from pipeline.cases.heads import Head, Succession
from pipeline.cases.keys import disk


@dataclass(frozen=True)
class Said:
    """What was handed in: a head, and what shows that it may follow. since: seq that ``consistency`` starts from."""

    head: Head
    public_key: bytes | None = None
    since: int = 0
    consistency: tuple[bytes, ...] = ()
    successions: tuple[Succession, ...] = ()


@dataclass(frozen=True)
class Taken:
    """head: the newest one now. new: it was not known. pinned: the key was seen for the first time and is
    trusted from now on. key_changed: the known key handed on to this one."""

    head: Head
    new: bool
    pinned: bool = False
    key_changed: bool = False


@dataclass(frozen=True)
class Watched:
    """What a witness knows: keys that count ({id: public key}), and the last head."""

    workspace: str
    keys: Mapping[str, bytes] = field(default_factory=dict)
    last: Head | None = None


def read_said(text: str) -> Said:
    """From what ``gengxun ledger head`` prints (as JSON, or one line). Raises: InputError."""
    found = heads.read(text)
    head = found[-1]
    if not isinstance(head, Head):
        raise InputError("{text}: a mark carries no signature; hand in the whole line or the JSON.", text=text.strip())
    document = _document(text)
    try:
        return Said(
            head=head,
            public_key=bytes.fromhex(document["public_key"]) if "public_key" in document else None,
            since=int(document.get("since", 0)),
            consistency=tuple(bytes.fromhex(one) for one in document.get("consistency", ())),
            successions=tuple(heads.succession_from_json(one) for one in document.get("successions", ())),
        )
    except (TypeError, ValueError):
        raise InputError("{name}: this is no head of a ledger, the field does not fit; copy it whole.",
                         name="consistency") from None  # fmt: skip


def _document(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def judge(watched: Watched | None, said: Said) -> tuple[Watched, Taken]:
    """May this head follow? Pure. Raises: InputError, LedgerDamaged with the reason."""
    head = said.head
    if watched is None:
        if said.public_key is None:
            raise InputError(
                "the first head needs its public key with it; hand in what `gengxun ledger head --json` prints."
            )
        watched, pinned = Watched(head.workspace, {heads.key_id(said.public_key): said.public_key}), True
    else:
        pinned = False
    if head.workspace != watched.workspace:
        raise LedgerDamaged(
            "refused: the head is of workspace {other}, this file watches {own}; another ledger, or its first event "
            "was changed.",
            other=head.workspace,
            own=watched.workspace,
        )
    known = _handed_on(watched, said)
    if head.key not in known:
        raise LedgerDamaged(
            "refused: signed by key {key}, which no known key handed on to; known are {known}.",
            key=head.key,
            known=", ".join(watched.keys),
        )
    if not heads.signed_by(head, known[head.key]):
        raise LedgerDamaged("refused: the signature on the head of event {seq} does not fit.", seq=head.seq)
    new = _follows(watched.last, said)
    changed = head.key not in watched.keys
    return Watched(watched.workspace, known, head), Taken(head, new, pinned, changed)


def _handed_on(watched: Watched, said: Said) -> dict[str, bytes]:
    """The keys known, and those that they handed on to."""
    known, grew = dict(watched.keys), True
    while grew:
        grew = False
        for one in said.successions:
            fits = one.workspace == watched.workspace and one.old in known and one.new not in known
            if fits and heads.succeeded(one, known[one.old]):
                known[one.new] = bytes.fromhex(one.public_key)
                grew = True
    return known


def _follows(last: Head | None, said: Said) -> bool:
    """Is the head a newer one that extends the last? False: the ledger is where it was. Raises."""
    head = said.head
    if last is None:
        return True
    if head.seq < last.seq:
        raise LedgerDamaged(
            "refused: the head is of event {seq}, but event {last} was signed already on {day}: the tail was cut, an "
            "older copy put back, or this is an old head.",
            seq=head.seq,
            last=last.seq,
            day=last.at.date(),
        )
    if head.seq == last.seq:
        if (head.hash, head.root, head.evidence_digest) != (last.hash, last.root, last.evidence_digest):
            raise _fork(last)
        return head != last
    if said.since != last.seq:
        raise InputError(
            "the head does not prove that it extends event {last}; hand in what `gengxun ledger head --since {last} "
            "--json` prints.",
            last=last.seq,
        )
    old_root, root = bytes.fromhex(last.root), bytes.fromhex(head.root)
    if not heads.extends(last.seq, old_root, head.seq, root, said.consistency):
        raise _fork(last)
    return True


def _fork(last: Head) -> LedgerDamaged:
    return LedgerDamaged(
        "refused: the head does not extend that of event {seq} of {day}: the record was rewritten; keep both heads.",
        seq=last.seq,
        day=last.at.date(),
    )


# --- the file ----------------------------------------------------------------------------------


def watched(path: Path) -> Watched | None:
    """What stands in ``path``; None if there is no such file. Its own signatures are checked. Raises: InputError."""
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        if not lines or lines[0]["witness"] != 1:
            raise ValueError
        first = lines[0]
        found = Watched(first["workspace"], {heads.key_id(k := bytes.fromhex(first["public_key"])): k})
        for line in lines[1:]:
            found, _ = judge(found, read_said(json.dumps(line)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, InputError, LedgerDamaged):
        raise InputError(
            "{path}: is no file of a witness, or was changed; keep it and begin another.", path=path
        ) from None
    return found


def take(path: Path, text: str, at: datetime) -> Taken:
    """Take the head in ``text`` into the file ``path``, which is made with the first one.

    at: now. Raises: InputError, LedgerDamaged, the file then as it was.
    """
    if not path.parent.is_dir():
        raise InputError("{path}: there is no such folder; make it first.", path=path.parent)
    said = read_said(text)
    after, taken = judge(watched(path), said)
    if not taken.new:
        return taken
    kept = path.read_bytes() if path.exists() else b""
    if taken.pinned:
        assert said.public_key is not None
        kept = _line({"witness": 1, "workspace": after.workspace, "public_key": said.public_key.hex()})
    handed = [one for one in said.successions if one.new in after.keys] if taken.key_changed else []
    document = {
        "received_at": at.replace(microsecond=0).isoformat(),
        "head": heads.to_json(said.head),
        "since": said.since,
        "consistency": [one.hex() for one in said.consistency],
        "successions": [heads.succession_json(one) for one in handed],
    }
    with disk(path):
        atomic.write_bytes(path, kept + _line(document))
    return taken


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode() + b"\n"
