"""Re-check by later imagery: is the ground put right, as far as scenes can tell.

It proposes, people accept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from geodata.words import Text, both
from pipeline.neighbours import View
from pipeline.plain import from_plain, to_plain

VERSION = "1"

RESTORED, NOT_RESTORED, CANNOT_TELL = "restored", "not_restored", "cannot_tell"


@dataclass(frozen=True, eq=False)
class Recheck:
    """What one later scene says of a part.

    verdict: "restored", "not_restored" or "cannot_tell". figures: what was measured, by name. text: why, in words. flight:
    from a drone. pixels: clear pixels (tiles of a fine image) wholly inside the part.
    """

    scene_id: str
    at: datetime
    verdict: str
    figures: Mapping[str, float]
    text: Text
    flight: bool
    pixels: int


@dataclass(frozen=True, eq=False)
class Series:
    """The views of one part that can be compared with each other (one kind of sensor), oldest first.

    before_id, after_id: the pair that raised the flag; "" where this kind of sensor did not see it.
    since: the day after which scenes are judged.
    """

    views: Sequence[View]
    before_id: str
    after_id: str
    since: datetime


def recheck(series: Series) -> list[Recheck]:
    """One verdict for each scene later than ``since``, oldest first."""
    return [
        Recheck(v.scene_id, v.at, CANNOT_TELL, {}, both("This scene has not been compared yet."), v.flight, v.pixels)
        for v in series.views
        if v.at > series.since
    ]


def to_json(one: Recheck) -> dict[str, Any]:
    return to_plain(one)


def from_json(data: Mapping[str, Any]) -> Recheck:
    return from_plain(Recheck, data)
