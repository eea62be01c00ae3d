"""Every thing that can happen, as frozen values; and the bytes that their hashes are taken over."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

SCHEMA_VERSION = 1
"""Version of the payloads. A change of what a payload holds raises it; old events stay as they are."""

DOMAIN = b"gengxun ledger event v1\n"
"""Stands before the bytes of an event, so that its hash can be the hash of nothing else."""

GENESIS = hashlib.sha256(b"gengxun ledger genesis v1\n").hexdigest()
"""``previous_hash`` of the first event, the same in every ledger."""


class Kind(StrEnum):
    """Kinds of event, in the order of a case's life."""

    INSPECTED = "INSPECTED"
    FOUND = "FOUND"
    CLUE = "CLUE"
    SEEN_AGAIN = "SEEN_AGAIN"
    LOOKED = "LOOKED"
    DATED = "DATED"
    DISMISSED = "DISMISSED"
    DISPATCHED = "DISPATCHED"
    ASSIGNED = "ASSIGNED"
    POSTPONED = "POSTPONED"
    EVIDENCE = "EVIDENCE"
    SPLIT = "SPLIT"
    VERDICT = "VERDICT"
    LOOKALIKES = "LOOKALIKES"
    ORDERED = "ORDERED"
    EXTENDED = "EXTENDED"
    PAUSED = "PAUSED"
    RESUMED = "RESUMED"
    DUE_SET = "DUE_SET"
    REPORTED = "REPORTED"
    RECHECKED = "RECHECKED"
    RETURNED = "RETURNED"
    ACCEPTED = "ACCEPTED"
    RELAPSED = "RELAPSED"
    REOPENED = "REOPENED"
    PROCEEDING = "PROCEEDING"
    TRANSFER = "TRANSFER"
    LENIENCY = "LENIENCY"
    NOTE = "NOTE"
    CORRECTED = "CORRECTED"
    SUPPLEMENT = "SUPPLEMENT"


class Role(StrEnum):
    """Who may take a step; ``case.NEXT`` says which."""

    REMOTE_SENSING = "remote_sensing"
    DISTRICT_OFFICER = "district_officer"
    FIELD_INSPECTOR = "field_inspector"
    REVIEWER = "reviewer"
    LEGAL_REVIEWER = "legal_reviewer"
    LEADER = "leader"
    ADMINISTRATOR = "administrator"
    SYSTEM = "system"


@dataclass(frozen=True)
class Actor:
    """Who acts: ``NAME:ROLE`` on the command line; flows act as ``gengxun:system``."""

    name: str
    role: str


SYSTEM = Actor("gengxun", "system")


@dataclass(frozen=True, eq=False)
class Event:
    """A thing that happened to a case, or (case None) an inspection that was made.

    kind: one of ``Kind``. payload: JSON values only. at: UTC.
    hash = sha256 over the canonical bytes of all other columns, previous_hash among them.

    Payloads. INSPECTED: ``inspection.to_json``. FOUND, SEEN_AGAIN, RELAPSED: {"inspection": id, "flag":
    ``flags.to_json``}. CLUE: {"batch", "source", "clue_id", "flag", …}. All others: {"part": id of the part,
    "" for the whole, …} as ``steps`` completes them; where they move a part, "to" is its status then.
    """

    seq: int
    case: str | None
    kind: str
    at: datetime
    by: str
    role: str
    payload: Mapping[str, Any]
    evidence: tuple[str, ...]
    schema_version: int
    software_version: str
    previous_hash: str
    hash: str


Row = Mapping[str, str | int | None]
"""An event as its columns hold it: ``at`` as ISO text, ``payload`` and ``evidence`` as canonical JSON."""


def canonical_json(value: Any) -> str:
    """One text for one value: keys sorted, no blanks, no NaN, characters as they are (UTF-8)."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def canonical_bytes(row: Row) -> bytes:
    """The bytes that are hashed: every column but ``hash``, each with name, type and length.

    Length before value, so that no two different rows can give the same bytes. They are taken
    over the columns as stored, not over values read back from them: a changed blank is a change.
    """
    return bytes_of([row[name] for name in COLUMNS])


def bytes_of(values: Sequence[Any]) -> bytes:
    """``canonical_bytes`` of a row as a sequence, ``hash`` at its end or left out."""
    parts = [DOMAIN]
    for name, value in zip(_NAMES, values, strict=False):
        tag, text = b"s", b""
        if value is None:
            tag = b"n"
        elif type(value) is str:
            text = value.encode()
        else:
            tag, text = b"i" if isinstance(value, int) else b"s", str(value).encode()
        parts.append(b"%b %b %d\n%b\n" % (name, tag, len(text), text))
    return b"".join(parts)


def row_hash(row: Row) -> str:
    return hashlib.sha256(canonical_bytes(row)).hexdigest()


def to_row(event: Event) -> dict[str, str | int | None]:
    """Its columns, ``hash`` as the event says it."""
    row: dict[str, str | int | None] = {f.name: getattr(event, f.name) for f in dataclasses.fields(event)}
    row["at"] = event.at.astimezone(UTC).isoformat(timespec="microseconds")
    row["payload"] = canonical_json(event.payload)
    row["evidence"] = canonical_json(list(event.evidence))
    return row


def from_row(row: Mapping[Any, Any]) -> Event:
    return from_values(*(row[name] for name in (*COLUMNS, "hash")))


def from_values(
    seq: int, case: str | None, kind: str, at: str, by: str, role: str, payload: str, evidence: str, *rest: Any
) -> Event:
    """From the columns in their order."""
    files = () if evidence == "[]" else tuple(json.loads(evidence))
    return Event(seq, case, kind, datetime.fromisoformat(at), by, role, json.loads(payload), files, *rest)


COLUMNS = tuple(f.name for f in dataclasses.fields(Event) if f.name != "hash")
_NAMES = tuple(name.encode() for name in COLUMNS)
