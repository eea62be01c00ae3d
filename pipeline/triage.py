"""What a change looks like (疑似 …), how sure, how urgent, with reasons in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from geodata.layers import Layer
from geodata.words import Text, both
from pipeline.changes import BandStatistics, Change
from pipeline.flags import Flag
from pipeline.overlay import Occupied

KINDS: Mapping[str, str] = {
    "construction": "suspected building",
    "hardening": "suspected hardening",
    "earthwork": "suspected earthwork",
    "road": "suspected road",
    "pond": "suspected dug pond",
    "nursery": "suspected tree nursery",
    "greenhouse": "suspected greenhouse",
    "other": "suspected other change",
}
"""key → msgid of its name; always 疑似: seen from above is a clue, never a finding."""

HIGH, MEDIUM = 0.75, 0.50
"""Confidence at and above which it is called high, medium; below: low."""


def kind_name(kind: str) -> Text:
    return both(KINDS[kind])


def level(confidence: float) -> str:
    """ "high", "medium" or "low"."""
    return "high" if confidence >= HIGH else "medium" if confidence >= MEDIUM else "low"


class Seen(Protocol):
    """What triage asks of a scene; ``geodata.scene.Scene`` has it."""

    @property
    def acquired_at(self) -> datetime: ...


@dataclass(frozen=True, eq=False)
class Outcome:
    """A change that is explained and not flagged; reason: one of ``inspection.REASONS``."""

    reason: str
    change: Change
    occupied: Occupied
    text: Text

    def to_json(self) -> dict[str, Any]:
        """A row of ``Inspection.outcomes``."""
        raise NotImplementedError


def triage(
    change: Change,
    occupied: Occupied,
    statistics: BandStatistics,
    *,
    gsd_m: float,
    before: Seen,
    after: Seen,
    layers: Sequence[Layer] = (),
    quality_known: bool = True,
    settings_digest: str = "",
) -> Flag | Outcome:
    """A flag, or the outcome that explains the change. layers: all that were overlaid."""
    raise NotImplementedError
