"""What is true of the township, and what flags are worth against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geodata.words import Text

KINDS = ("construction", "hardening", "earthwork", "road", "pond", "nursery", "greenhouse", "other")


@dataclass(frozen=True, eq=False)
class TruthEvent:
    """A piece of ground that changes on a known day.

    kind: one of ``KINDS``. geometry: lon, lat in EPSG:4490. expected: "flag" (by the layers a clue),
    "approved", "facility", or "none" (harmless, or no farmland). seen_by: "satellite", "drone" or
    "both": which series shows it on enough pixels. removed_at: None while it still stands.
    area_m2: by the survey's formula.
    """

    name: Text
    kind: str
    geometry: BaseGeometry
    appears_at: datetime
    removed_at: datetime | None
    expected: str
    area_m2: float
    seen_by: str

    def stands(self, at: datetime) -> bool:
        return self.appears_at <= at and (self.removed_at is None or at < self.removed_at)


@dataclass(frozen=True, eq=False)
class Score:
    """What flags are worth against the truth.

    found, missed: the due events that are expected as flags. needless: due events that are not
    (approved, on record, harmless), but were flagged. false: indices of the flags that touch no event
    at all, or harmless ones only. matches: (index of the flag, event) for every overlap that counts.
    """

    found: tuple[TruthEvent, ...]
    missed: tuple[TruthEvent, ...]
    needless: tuple[TruthEvent, ...]
    false: tuple[int, ...]
    matches: tuple[tuple[int, TruthEvent], ...]


def due(truth: Sequence[TruthEvent], scenes_at: Sequence[datetime], seen_by: str = "satellite") -> list[TruthEvent]:
    """The events that a series of scenes can show: they appear after the first scene and stand on the
    day of a later one. seen_by: "satellite" or "drone"."""
    days = sorted(scenes_at)
    return [
        event
        for event in truth
        if event.seen_by in (seen_by, "both")
        and days
        and not event.stands(days[0])
        and any(event.stands(day) for day in days[1:])
    ]


def score(
    truth: Sequence[TruthEvent],
    flags: Sequence[BaseGeometry],
    dates: Sequence[tuple[datetime, datetime]] | None = None,
    *,
    scenes_at: Sequence[datetime],
    seen_by: str = "satellite",
    share: float = 0.2,
) -> Score:
    """Score ``flags`` (polygons in EPSG:4490) against ``truth``.

    dates: (before, after) of each flag's scenes; None where they are not known. scenes_at: days of all
    scenes looked at. A flag shows an event if it covers at least ``share`` of the event's area and,
    where its dates are known, one of the two days has the event and the other not.
    """
    events = due(truth, scenes_at, seen_by)
    shapes = np.array([event.geometry for event in truth], dtype=object)
    patches = np.array(list(flags), dtype=object)
    matches, touched = [], set()
    flag, index = shapely.STRtree(shapes).query(patches, predicate="intersects") if len(patches) else ([], [])
    for f, i in zip(flag, index, strict=True):
        event = truth[i]
        if dates is not None and event.stands(dates[f][0]) == event.stands(dates[f][1]):
            continue
        overlap = shapely.area(shapely.intersection(patches[f], shapes[i]))
        if overlap > 0 and event.expected != "none":
            touched.add(int(f))
        if overlap >= share * shapely.area(shapes[i]):
            matches.append((int(f), event))
    shown = {id(event) for _, event in matches}
    return Score(
        tuple(e for e in events if e.expected == "flag" and id(e) in shown),
        tuple(e for e in events if e.expected == "flag" and id(e) not in shown),
        tuple(e for e in events if e.expected != "flag" and id(e) in shown),
        tuple(f for f in range(len(patches)) if f not in touched),
        tuple(matches),
    )
