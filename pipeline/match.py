"""The same ground seen again → the existing case.

Two patches are the same ground where they share at least ``SAME_GROUND`` of the smaller one: a
drone's outline of a shed lies wholly inside the satellite's, and two outlines of 10 m pixels half
a pixel apart still share most of it; neighbours share an edge, and nothing. Areas are compared in
an equal-area projection of the sphere, where a ratio is right at any latitude.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from pipeline.cases.case import Case, Status
from pipeline.cases.events import Kind
from pipeline.cases.seen import gone_since
from pipeline.flags import Flag

SAME_GROUND = 0.3
"""Intersection over the smaller of two patches, at and above which they are the same ground."""

Ground = tuple[str, BaseGeometry]
"""A case's number and one of the patches it was seen as, in EPSG:4490."""


def match(flags: Sequence[Flag], cases: Iterable[Case]) -> dict[str, str | None]:
    """{flag id: number of the case it lies on, None where there is none}; any flag of a case will do."""
    return match_ground(flags, [(c.number, shape(f["occupied"]["geometry"])) for c in cases for f in c.flags])


def match_ground(flags: Sequence[Flag], ground: Sequence[Ground]) -> dict[str, str | None]:
    """As ``match``. Of several cases the one that shares most; among equals the smallest number."""
    numbers = [number for number, _ in ground]
    found: dict[str, str | None] = {flag.id: None for flag in flags}
    best: dict[str, tuple[float, str]] = {}
    for i, j, shared in _same(_patches(flags), _equal_area([g for _, g in ground])):
        better = best.get(flags[i].id)
        if better is None or (-shared, numbers[j]) < (-better[0], better[1]):
            best[flags[i].id] = (shared, numbers[j])
    return found | {id: number for id, (_, number) in best.items()}


STANDS = frozenset({"lawful", "other", "formalities_completed", "confiscated", "transferred", "historical"})
"""Outcomes after which what was built may stay: a further flag of it is no relapse."""


def seen_as(case: Case | None, flag: Flag) -> Kind:
    """What a flag on known ground is: SEEN_AGAIN, or RELAPSED where closed ground shows a new break.

    Ground that was put right changes once more when the occupation goes: a pair whose BEFORE still shows
    the occupation shows just that, and is no relapse. Ground found unchanged (false change, wrong base map,
    dismissed) breaks anew only in a pair that begins after it was closed. A suspicion that a look withdrew
    comes back with any later pair but one whose BEFORE still shows what was flagged.
    """
    if case is None:
        return Kind.SEEN_AGAIN
    if _withdrawn_and_back(case, flag):
        return Kind.RELAPSED
    patch = flag.occupied.geometry
    for part in case.parts:
        ended = part.closing or (case.dismissed if part.status is Status.DISMISSED else None)
        if (
            ended is None
            or "look" in ended
            or part.status not in (Status.CLOSED, Status.DISMISSED)
            or part.outcome in STANDS
        ):
            continue
        if len(case.parts) > 1 and not shapely.intersects(part.geometry, patch):
            continue
        closed_at, occupied_at = datetime.fromisoformat(ended["at"]), _first_seen(case)
        before, after = flag.before_at, flag.after_at
        if before is None or after is None or after <= closed_at:
            continue
        restored = part.outcome == "rectified"
        green = [r["recheck"]["at"] for r in part.rechecks_now if r["recheck"]["verdict"] == "restored"]
        if restored and green and before >= datetime.fromisoformat(min(green)):
            return Kind.RELAPSED
        if before > closed_at or (restored and occupied_at is not None and before < occupied_at):
            return Kind.RELAPSED
    return Kind.SEEN_AGAIN


def _withdrawn_and_back(case: Case, flag: Flag) -> bool:
    """By the days of the scenes: those of the record say when it was looked, not when the ground was a field."""
    look = (case.dismissed or {}).get("look")
    if look is None or flag.before_at is None or flag.after_at is None:
        return False
    flagged, gone = datetime.fromisoformat(case.flags[case.opened_by]["after_at"]), gone_since(case, look)
    return flag.after_at > gone and not flagged <= flag.before_at < gone


def _first_seen(case: Case) -> datetime | None:
    """When the occupation was first seen: the earliest AFTER of its flags."""
    seen = [datetime.fromisoformat(f["after_at"]) for f in case.flags if f.get("after_at")]
    return min(seen, default=None)


def founders(flags: Sequence[Flag]) -> dict[str, str]:
    """{flag id: id of the first flag in order on the same ground, its own where there is none}.

    Flags of one run that overlap are one piece of ground; patches that only touch are two.
    """
    patches = _patches(flags)
    first = list(range(len(flags)))
    for i, j, _ in sorted(_same(patches, patches)):
        if j < i:
            first[i] = min(first[i], first[j])
    return {flag.id: flags[first[i]].id for i, flag in enumerate(flags)}


def _same(left: NDArray[np.object_], right: NDArray[np.object_]) -> list[tuple[int, int, float]]:
    """(row of left, row of right, shared area) of all pairs that are the same ground."""
    if len(left) == 0 or len(right) == 0:
        return []
    i, j = shapely.STRtree(right).query(left, predicate="intersects")
    shared = shapely.area(shapely.intersection(left[i], right[j]))
    smaller = np.minimum(shapely.area(left[i]), shapely.area(right[j]))
    same = (shared > 0) & (shared >= SAME_GROUND * smaller)
    return list(zip(i[same].tolist(), j[same].tolist(), shared[same].tolist(), strict=True))


def _patches(flags: Sequence[Flag]) -> NDArray[np.object_]:
    return _equal_area([flag.occupied.geometry for flag in flags])


def _equal_area(geometries: Sequence[BaseGeometry]) -> NDArray[np.object_]:
    """Lon/lat → Lambert's cylinder (x = λ, y = sin φ), valid polygons."""
    made = shapely.make_valid(np.asarray(geometries, dtype=object))
    return shapely.transform(made, lambda xy: np.column_stack([np.radians(xy[:, 0]), np.sin(np.radians(xy[:, 1]))]))
