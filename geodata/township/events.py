"""What is true of the township, and what flags are worth against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geodata.words import Text

KINDS = ("construction", "hardening", "earthwork", "road", "pond", "nursery", "greenhouse", "other")


@dataclass(frozen=True, eq=False)
class TruthEvent:
    """A piece of ground that changes on a known day.

    kind: one of ``KINDS``. geometry: lon, lat in EPSG:4490. expected: "flag" (by the layers a clue),
    "approved", "facility", or "none" (harmless, or no farmland). seen_by: "satellite", "drone" or
    "both": which series shows it on enough pixels. removed_at: None while it still stands.
    area_m2: by the survey's formula. outcome: what became of it (``rectify.AFTERWARDS``), "" if nothing.
    """

    name: Text
    kind: str
    geometry: BaseGeometry
    appears_at: datetime
    removed_at: datetime | None
    expected: str
    area_m2: float
    seen_by: str
    outcome: str = ""

    def stands(self, at: datetime) -> bool:
        return self.appears_at <= at and (self.removed_at is None or at < self.removed_at)


@dataclass(frozen=True, eq=False)
class Score:
    """What flags are worth against the truth.

    found, missed: the due events that are expected as flags. needless: due events, approved or on
    record, that were flagged all the same. false: indices of the flags that touch no occupation, or
    harmless changes only. matches: (index of the flag, event) for every overlap that counts.
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
    first_at: datetime,
    last_at: datetime,
    scenes_at: Sequence[datetime] = (),
    seen_by: str = "satellite",
    share: float = 0.2,
) -> Score:
    """Score ``flags`` (polygons in EPSG:4490) against ``truth``.

    dates: (before, after) of each flag's scenes; None where they are not known. first_at, last_at:
    the first and the last scene looked at, scenes_at: those between (an event that came and went
    between two scenes is not due). A flag shows an event if it covers at least ``share`` of the
    event's area and, where its dates are known, the event stands on one of the two days only.
    """
    known = [day for pair in dates or () for day in pair]
    events = due(truth, [first_at, last_at, *scenes_at, *known], seen_by)
    shapes = np.array([event.geometry for event in truth], dtype=object)
    patches = np.array(list(flags), dtype=object)
    matches, touched = [], set()
    for f, i in _overlaps(patches, shapes):
        event = truth[i]
        after = dates[f][1] if dates else last_at
        if event.expected != "none" and event.appears_at <= after:
            touched.add(f)
        changed = dates is None or event.stands(dates[f][0]) != event.stands(dates[f][1])
        covered = shapely.area(shapely.intersection(patches[f], shapes[i])) / shapely.area(shapes[i])
        if changed and covered >= share:
            matches.append((f, event))
    shown = {id(event) for _, event in matches}
    return Score(
        tuple(e for e in events if e.expected == "flag" and id(e) in shown),
        tuple(e for e in events if e.expected == "flag" and id(e) not in shown),
        tuple(e for e in events if e.expected in ("approved", "facility") and id(e) in shown),
        tuple(f for f in range(len(patches)) if f not in touched),
        tuple(matches),
    )


def _overlaps(patches: NDArray[np.object_], shapes: NDArray[np.object_]) -> list[tuple[int, int]]:
    """Pairs of indices whose polygons share ground, not only a boundary."""
    if not len(patches):
        return []
    pairs = shapely.STRtree(shapes).query(patches, predicate="intersects").T
    return [(int(f), int(i)) for f, i in pairs if not shapely.touches(patches[f], shapes[i])]
