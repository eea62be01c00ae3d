"""Flag: a change that touches farmland; its deterministic id."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import shapely

from geodata.words import Text
from pipeline.changes import Change
from pipeline.overlay import Occupied
from pipeline.plain import from_plain, rounded, to_plain

NAMESPACE = uuid.UUID("6f1c9a5e-3c0b-5d57-9a44-6e1d3c7b2f10")


@dataclass(frozen=True)
class Reason:
    """One measured sentence for (or against) a flag; title and text in both languages."""

    title: Text
    text: Text


@dataclass(frozen=True, eq=False)
class Flag:
    """id: uuid5 of its inputs. kind: a key of ``triage.KINDS``. confidence and urgency: 0 to 1.

    before_at, after_at: when the two scenes were taken (UTC). gsd_m: the coarser of the two.
    layers: {kind: editions} that were overlaid.
    """

    id: str
    change: Change
    occupied: Occupied
    kind: str
    confidence: float
    urgency: float
    reasons: tuple[Reason, ...]
    doubts: tuple[Reason, ...]
    before_at: datetime | None = None
    after_at: datetime | None = None
    gsd_m: float | None = None
    layers: Mapping[str, list[str]] = field(default_factory=dict)


def flag_id(change: Change, settings: str = "") -> str:
    """uuid5 over scenes, method, version, ``settings`` (a digest) and the rounded, normalised shape."""
    wkb = shapely.to_wkb(shapely.normalize(rounded(change.geometry)), hex=True, byte_order=1)
    parts = (change.before_id, change.after_id, change.method, change.method_version, settings, change.crs or "", wkb)
    return str(uuid.uuid5(NAMESPACE, json.dumps(parts)))


def digest(settings: Mapping[str, Any]) -> str:
    """sha256 of settings, whatever the order of their keys."""
    text = json.dumps(to_plain(settings), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def to_json(flag: Flag) -> dict[str, Any]:
    """JSON values only; geometries as GeoJSON at a fixed precision."""
    return to_plain(flag)


def from_json(data: Mapping[str, Any]) -> Flag:
    return from_plain(Flag, data)
