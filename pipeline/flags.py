"""Flag: a change that touches farmland; its deterministic id."""

from __future__ import annotations

from dataclasses import dataclass

from geodata.words import Text
from pipeline.changes import Change
from pipeline.overlay import Occupied


@dataclass(frozen=True)
class Reason:
    """One measured sentence for (or against) a flag; title and text in both languages."""

    title: Text
    text: Text


@dataclass(frozen=True, eq=False)
class Flag:
    """id: uuid5 of its inputs. kind: a key of ``triage.KINDS``. confidence and urgency: 0 to 1."""

    id: str
    change: Change
    occupied: Occupied
    kind: str
    confidence: float
    urgency: float
    reasons: tuple[Reason, ...]
    doubts: tuple[Reason, ...]
