"""Start interval: between which two scenes an occupation began."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from geodata.words import Text
from pipeline.plain import from_plain, to_plain
from pipeline.recheck import Series

WITH, WITHOUT, UNCLEAR = "with", "without", "unclear"


@dataclass(frozen=True, eq=False)
class Seen:
    """One scene held over the part. state: "with" the occupation, "without" it, or "unclear"."""

    scene_id: str
    at: datetime
    state: str
    figures: Mapping[str, float]
    text: Text


@dataclass(frozen=True, eq=False)
class StartInterval:
    """The occupation began after the scene ``without`` (its newest, before it) and not after the scene ``with_``
    (its oldest); None where no scene held tells. scenes: all that were looked at, oldest first."""

    without_id: str | None
    without_at: datetime | None
    with_id: str | None
    with_at: datetime | None
    scenes: tuple[Seen, ...]
    text: Text


def start_interval(several: Sequence[Series]) -> StartInterval:
    """From all series over the part, satellite and drone together."""
    raise NotImplementedError


def to_json(interval: StartInterval) -> dict[str, Any]:
    return to_plain(interval)


def from_json(data: Mapping[str, Any]) -> StartInterval:
    return from_plain(StartInterval, data)
