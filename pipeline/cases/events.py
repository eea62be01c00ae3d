"""Every thing that can happen, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Actor:
    """Who acts: ``NAME:ROLE`` on the command line; flows act as ``gengxun:system``."""

    name: str
    role: str


@dataclass(frozen=True, eq=False)
class Event:
    """A thing that happened to a case, or (case None) an inspection that was made.

    kind: INSPECTED, FOUND, SEEN_AGAIN, … payload: JSON values only. at: UTC.
    hash = sha256 over the canonical bytes of all other columns, previous_hash among them.
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
