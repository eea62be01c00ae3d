"""Heads of the ledger: what one signature says about all of it, as JSON, as one line, as a short mark.

A head names the last event (seq, hash), the root of the Merkle tree over all events up to it, and
the evidence they name (how many files, and a digest). Whoever keeps one can show later that any
record below it was changed, taken away or slipped in. Format: docs/ledger-format.md.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from geodata.errors import InputError
from pipeline.cases.merkle import EMPTY, Frontier, Tree, extends, includes

__all__ = [
    "EMPTY", "Frontier", "Head", "Mark", "Succession", "Tree", "evidence_digest", "extends", "from_json", "from_text",
    "includes", "key_id", "mark", "read", "sign", "signed_by", "succeed", "succeeded", "to_json", "to_text",
    "workspace_id",
]  # fmt: skip

HEAD_DOMAIN = b"gengxun ledger head v1\n"
SUCCESSION_DOMAIN = b"gengxun ledger key succession v1\n"
WORKSPACE_DOMAIN = b"gengxun ledger workspace v1\n"
EVIDENCE_DOMAIN = b"gengxun ledger evidence v1\n"
TEXT_TAG = "GX1"
MARK_LENGTH = 20
"""Hexadecimal digits of the hash in a mark: 80 bits, beyond what can be searched for a second event."""


@dataclass(frozen=True)
class Head:
    """workspace: ``workspace_id`` of event 1. hash: of event ``seq``. root: Merkle tree root over events 1 … seq.
    at: UTC, whole seconds. evidence_count, evidence_digest: of the files that events 1 … seq name.
    key: id of the key that signed. hash, root, evidence_digest: 64 hexadecimal digits; signature: 128."""

    workspace: str
    seq: int
    hash: str
    root: str
    at: datetime
    evidence_count: int
    evidence_digest: str
    key: str
    signature: str = ""


@dataclass(frozen=True)
class Mark:
    """The shortest note of a head: its seq and the first digits of its hash. Carries no signature."""

    seq: int
    hash: str


@dataclass(frozen=True)
class Succession:
    """A key hands on to the next: signed by the old one. public_key: of the new one, 64 hexadecimal digits."""

    workspace: str
    old: str
    new: str
    public_key: str
    at: datetime
    signature: str = ""


def workspace_id(first_hash: str) -> str:
    """The id of a workspace, from the hash of its first event: another first event, another id."""
    return hashlib.sha256(WORKSPACE_DOMAIN + bytes.fromhex(first_hash)).hexdigest()[:20]


def key_id(public_key: bytes) -> str:
    """20 hexadecimal digits. public_key: 32 bytes."""
    return hashlib.sha256(public_key).hexdigest()[:20]


def evidence_digest(hashes: Iterable[str]) -> str:
    """Over the evidence hashes as 32 bytes each, sorted, each once."""
    distinct = sorted({bytes.fromhex(h) for h in hashes})
    return hashlib.sha256(EVIDENCE_DOMAIN + b"".join(distinct)).hexdigest()


# --- signatures --------------------------------------------------------------------------------


def signed_bytes(head: Head) -> bytes:
    """One line ``name value`` for each field but the signature, in the order of the class."""
    return HEAD_DOMAIN + _lines(to_json(head))


def sign(head: Head, key: Ed25519PrivateKey) -> Head:
    """The head with id and signature of ``key``."""
    named = replace(head, key=key_id(key.public_key().public_bytes_raw()), signature="")
    return replace(named, signature=key.sign(signed_bytes(named)).hex())


def signed_by(head: Head, public_key: bytes) -> bool:
    """Was it signed by the key whose public half (32 bytes) this is?"""
    return head.key == key_id(public_key) and _signed(head.signature, signed_bytes(head), public_key)


def succeed(workspace: str, new_public_key: bytes, at: datetime, old: Ed25519PrivateKey) -> Succession:
    old_id = key_id(old.public_key().public_bytes_raw())
    made = Succession(workspace, old_id, key_id(new_public_key), new_public_key.hex(), at)
    return replace(made, signature=old.sign(SUCCESSION_DOMAIN + _lines(_plain(made))).hex())


def succeeded(succession: Succession, old_public_key: bytes) -> bool:
    """Did the old key (its public half) name the new one? The id must be that of the key named."""
    return (
        succession.old == key_id(old_public_key)
        and succession.new == key_id(bytes.fromhex(succession.public_key))
        and _signed(succession.signature, SUCCESSION_DOMAIN + _lines(_plain(succession)), old_public_key)
    )


def _signed(signature: str, data: bytes, public_key: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(bytes.fromhex(signature), data)
    except (InvalidSignature, ValueError):
        return False
    return True


def _lines(document: Mapping[str, Any]) -> bytes:
    return "".join(f"{name} {value}\n" for name, value in document.items() if name != "signature").encode()


def _plain(value: Head | Succession) -> dict[str, Any]:
    return {**asdict(value), "at": value.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}


# --- as JSON, as a line, as a mark -------------------------------------------------------------

HEX = {"workspace": 20, "hash": 64, "root": 64, "evidence_digest": 64, "key": 20, "signature": 128}
SUCCESSION_HEX = {"workspace": 20, "old": 20, "new": 20, "public_key": 64, "signature": 128}
INLINE = ("hash", "root", "evidence_digest", "signature")
"""Written as base64url in the one-line form, to keep it short."""
MARK = re.compile(r"(\d{1,15})-([0-9a-f]{20,64})")


def to_json(head: Head) -> dict[str, Any]:
    return _plain(head)


def from_json(document: Any) -> Head:
    """Raises: InputError naming the field that is missing or no value of its kind."""
    values = _checked(document, HEX, ("seq", "evidence_count"))
    return Head(**{name: values[name] for name in Head.__dataclass_fields__})


def succession_json(succession: Succession) -> dict[str, Any]:
    return _plain(succession)


def succession_from_json(document: Any) -> Succession:
    """Raises: InputError."""
    values = _checked(document, SUCCESSION_HEX, ())
    return Succession(**{name: values[name] for name in Succession.__dataclass_fields__})


def _checked(document: Any, digits: Mapping[str, int], numbers: tuple[str, ...]) -> dict[str, Any]:
    given = document if isinstance(document, Mapping) else {}
    values: dict[str, Any] = {}
    for name, length in digits.items():
        value = given.get(name)
        _fits(name, isinstance(value, str) and re.fullmatch(f"[0-9a-f]{{{length}}}", value))
        values[name] = value
    for name in numbers:
        value = given.get(name)
        _fits(name, type(value) is int and value >= 0)
        values[name] = value
    try:
        values["at"] = datetime.strptime(str(given.get("at")), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        _fits("at", False)
    return values


def _fits(name: str, holds: object) -> None:
    if not holds:
        raise InputError("{name}: this is no head of a ledger, the field does not fit; copy it whole.", name=name)


def to_text(head: Head) -> str:
    """All of it in one line of some 290 characters, for print and QR."""
    return " ".join([TEXT_TAG, *(_short(name, value) for name, value in to_json(head).items())])


def from_text(line: str) -> Head:
    """Raises: InputError."""
    tag, *words = line.split()
    names = list(Head.__dataclass_fields__)
    if tag != TEXT_TAG or len(words) != len(names):
        raise InputError(
            "{text}: this is no head of a ledger; copy the whole line that begins with {tag}.",
            text=line[:40],
            tag=TEXT_TAG,
        )
    return from_json({name: _long(name, word) for name, word in zip(names, words, strict=True)})


def mark(head: Head) -> str:
    """``1234-0a1b2c3d4e5f60718293``: seq and first digits of the hash, to be written down by hand."""
    return f"{head.seq}-{head.hash[:MARK_LENGTH]}"


def _short(name: str, value: Any) -> str:
    if name in INLINE:
        return base64.urlsafe_b64encode(bytes.fromhex(value)).rstrip(b"=").decode()
    return str(value)


def _long(name: str, word: str) -> Any:
    if name in ("seq", "evidence_count"):
        return int(word) if re.fullmatch(r"\d{1,15}", word) else None
    if name not in INLINE:
        return word
    try:
        return base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True).hex()
    except ValueError:
        return None


def read(text: str) -> list[Head | Mark]:
    """All heads in ``text``: a line, a mark, a head as JSON, what ``ledger head`` or ``ledger witness`` wrote.

    Raises: InputError if a line is none of them, or if there is none.
    """
    text = text.strip().removeprefix("\ufeff")
    document = _json(text)
    entries = [document] if document is not None else [line.strip() for line in text.splitlines() if line.strip()]
    found = [head for entry in entries for head in _read(entry)]
    if not found:
        raise InputError("{text}: this is no head of a ledger; copy the whole line that begins with {tag}.",
                         text=text[:40], tag=TEXT_TAG)  # fmt: skip
    return found


def _read(entry: Any) -> list[Head | Mark]:
    document = _json(entry) if isinstance(entry, str) else entry
    if isinstance(document, Mapping):
        if "witness" in document:  # the first line of a witness's file: whom it watches
            return []
        return [from_json(document.get("head", document))]
    found = MARK.fullmatch(entry)
    return [Mark(int(found[1]), found[2])] if found else [from_text(entry)]


def _json(text: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, Mapping) else None
