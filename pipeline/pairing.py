"""Which earlier scene a new one is compared with, and why that one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from geodata.scene import Scene
from geodata.words import Text


@dataclass(frozen=True, eq=False)
class Pair:
    """overlap: share of AFTER's footprint, 0 to 1. season_days: days of the year apart (0 to 183).
    gap_days: how much earlier BEFORE is. text: why this BEFORE."""

    before: Scene
    after: Scene
    overlap: float
    season_days: int
    gap_days: int
    text: Text

    @property
    def season(self) -> dict[str, Any]:
        """As ``Inspection.season`` holds it."""
        return {
            "season_days": self.season_days,
            "gap_days": self.gap_days,
            "overlap": round(self.overlap, 4),
            "text": dict(self.text),
        }


def pairs(scenes: Sequence[Scene], done: Collection[tuple[str, str]]) -> list[Pair]:
    """One pair for each AFTER that is in no pair of ``done`` (before id, after id); oldest AFTER first."""
    raise NotImplementedError


def alone(scenes: Sequence[Scene], done: Collection[tuple[str, str]]) -> list[tuple[Scene, Text]]:
    """New scenes for which there is no BEFORE, each with the reason."""
    raise NotImplementedError


def pair(before: Scene, after: Scene) -> Pair:
    """A pair that was asked for; NoOverlap or InputError where the two cannot be compared."""
    raise NotImplementedError
