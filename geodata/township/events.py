"""What happens on the ground of the township, on known days: the truth that flags are scored against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import shapely
from shapely.geometry.base import BaseGeometry

from geodata.words import Text

KINDS = ("construction", "hardening", "earthwork", "road", "pond", "nursery", "greenhouse", "other")


@dataclass(frozen=True, eq=False)
class TruthEvent:
    """A piece of ground that changes on a known day.

    kind: one of ``KINDS``. geometry: lon, lat in EPSG:4490. expected: "flag" (illegal by the layers),
    "approved", "facility", or "none" (harmless, or no farmland). seen_by: "satellite", "drone" or
    "both": which series shows it on enough pixels. removed_at: None while it still stands.
    """

    name: Text
    kind: str
    geometry: BaseGeometry
    appears_at: datetime
    removed_at: datetime | None
    expected: str
    area_m2: float
    seen_by: str


@dataclass(frozen=True, eq=False)
class Score:
    """What flags are worth against the truth.

    found, missed: the events due that are expected as flags. needless: events that are not, but were
    flagged. false: indices of the flags that touch no event. matches: (flag index, event) pairs.
    """

    found: tuple[TruthEvent, ...]
    missed: tuple[TruthEvent, ...]
    needless: tuple[TruthEvent, ...]
    false: tuple[int, ...]
    matches: tuple[tuple[int, TruthEvent], ...]


def score(
    truth: Sequence[TruthEvent],
    flags: Sequence[BaseGeometry],
    dates: Sequence[tuple[datetime, datetime]] | None = None,
    *,
    first_at: datetime,
    last_at: datetime,
    seen_by: str = "satellite",
    share: float = 0.2,
) -> Score:
    """Score ``flags`` (EPSG:4490 polygons) against ``truth``.

    dates: (before, after) of each flag; None = the whole period. first_at, last_at: the first and the
    last scene looked at. An event is due if it appeared between them, still stood at ``last_at`` or was
    seen to appear, and is visible to ``seen_by`` ("satellite" or "drone"). It is found if one flag of a
    time after its appearance covers at least ``share`` of its area.
    """
    raise NotImplementedError


_ = shapely
