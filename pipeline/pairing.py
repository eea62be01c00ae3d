"""Which earlier scene a new one is compared with, and why that one.

Like is compared with like: earlier, on the same ground, pixels within a factor of three, a band in
common. Among those the rank is a sum of four shares, 0 to 1 each:

- overlap (weight 4): share of AFTER's footprint.
- season (3): 1 at the same day of the year, 0 half a year apart.
- clarity (2): share without cloud; 0.5 where the quality is unknown.
- recency (1): 1 from half a year to two years back, falling after; less for a shorter span, because what
  a cloud hid in the scene just before would be standing in both images by then, and never be seen.

The season ranks and is shown; it never excludes the only overlapping pair.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from shapely.geometry.base import BaseGeometry

from geodata.days import BEIJING
from geodata.errors import InputError, NoOverlap
from geodata.scene import Scene
from geodata.words import Text, both
from pipeline.triage import season_days

GSD_FACTOR = 3.0
LEAST_OVERLAP = 0.01
"""Of AFTER's or of BEFORE's footprint: less is the edges of two neighbours."""
WEIGHTS = {"overlap": 4.0, "season": 3.0, "clarity": 2.0, "recency": 1.0}


@dataclass(frozen=True, eq=False)
class Pair:
    """overlap: share of AFTER's footprint, 0 to 1. season_days: days of the year apart (0 to 183).
    gap_days: how much earlier BEFORE is. choices: how many earlier scenes would do. text: why this BEFORE."""

    before: Scene
    after: Scene
    overlap: float
    season_days: int
    gap_days: int
    choices: int
    text: Text

    @property
    def season(self) -> dict[str, Any]:
        """As ``Inspection.season`` holds it."""
        return {
            "season_days": self.season_days,
            "gap_days": self.gap_days,
            "overlap": round(self.overlap, 4),
            "choices": self.choices,
            "text": dict(self.text),
        }


def pairs(scenes: Sequence[Scene], done: Collection[tuple[str, str]]) -> list[Pair]:
    """One pair for each AFTER that is in no pair of ``done`` (before id, after id); oldest AFTER first.

    A scene without any BEFORE gives no pair: see ``alone``.
    """
    found = ((after, _comparable(after, scenes)) for after in _new(scenes, done))
    return [_best(after, candidates) for after, candidates in found if candidates]


def alone(scenes: Sequence[Scene], done: Collection[tuple[str, str]]) -> list[tuple[Scene, Text]]:
    """New scenes for which there is no BEFORE, each with the reason."""
    return [(after, _why_alone(after, scenes)) for after in _new(scenes, done) if not _comparable(after, scenes)]


def pair(before: Scene, after: Scene) -> Pair:
    """A pair that was asked for; NoOverlap or InputError where the two cannot be compared."""
    named = {"before": _name(before), "after": _name(after)}
    if not before.acquired_at < after.acquired_at:
        raise InputError("{before}: is not earlier than {after}; give the earlier scene as BEFORE.", **named)
    if not _common_bands(before, after):
        raise InputError("{before}: has no band in common with {after}; choose another pair.", **named)
    if not _like(before, after):
        raise InputError(
            "{before}: pixels of {one:g} m cannot be compared with pixels of {other:g} m of {after}; "
            "choose scenes within a factor of {factor:g}.",
            one=before.gsd_m,
            other=after.gsd_m,
            factor=GSD_FACTOR,
            **named,
        )
    overlap = _overlap(before, after)
    if overlap is None:
        raise NoOverlap("{before}: covers no ground of {after}; choose a pair of the same place.", **named)
    return _made(
        before, after, overlap, 1, both("This pair was asked for: {facts}", facts=_facts(before, after, overlap))
    )


def _new(scenes: Sequence[Scene], done: Collection[tuple[str, str]]) -> list[Scene]:
    seen = {after for _, after in done}
    return sorted((s for s in scenes if s.id not in seen), key=lambda s: (s.acquired_at, s.id))


def _comparable(after: Scene, scenes: Sequence[Scene]) -> list[tuple[Scene, float]]:
    """(BEFORE, overlap) of all earlier scenes that can be compared."""
    return [(before, overlap) for before, overlap in _earlier(after, scenes) if overlap and _like(before, after)]


def _earlier(after: Scene, scenes: Sequence[Scene]) -> Iterator[tuple[Scene, float | None]]:
    for before in scenes:
        if before.acquired_at < after.acquired_at:
            yield before, _overlap(before, after)


def _like(before: Scene, after: Scene) -> bool:
    ratio = before.gsd_m / after.gsd_m
    return 1 / GSD_FACTOR <= ratio <= GSD_FACTOR and bool(_common_bands(before, after))


def _common_bands(before: Scene, after: Scene) -> set[str]:
    return set(before.bands) & set(after.bands)


def _best(after: Scene, candidates: Sequence[tuple[Scene, float]]) -> Pair:
    before, overlap = min(candidates, key=lambda c: (-_rank(c[0], after, c[1]), c[0].id))
    text = both("Chosen of {n} earlier scenes: {facts}", n=len(candidates), facts=_facts(before, after, overlap))
    return _made(before, after, overlap, len(candidates), text)


def _made(before: Scene, after: Scene, overlap: float, choices: int, text: Text) -> Pair:
    return Pair(
        before=before,
        after=after,
        overlap=overlap,
        season_days=season_days(before.acquired_at, after.acquired_at),
        gap_days=(after.acquired_at - before.acquired_at).days,
        choices=choices,
        text=text,
    )


def _rank(before: Scene, after: Scene, overlap: float) -> float:
    years = (after.acquired_at - before.acquired_at).days / 365.25
    shares = {
        "overlap": overlap,
        "season": 1.0 - season_days(before.acquired_at, after.acquired_at) / 183,
        "clarity": 0.5 if before.cloud_cover is None else 1.0 - before.cloud_cover / 100,
        "recency": min(1.0, 2 * years) if years < 2 else 2 / years,
    }
    return sum(WEIGHTS[name] * share for name, share in shares.items())


def _facts(before: Scene, after: Scene, overlap: float) -> Text:
    gap = (after.acquired_at - before.acquired_at).days
    fields = {
        "platform": before.platform,
        "day": before.acquired_at.astimezone(BEIJING).date(),
        "overlap": 100 * overlap,
        "days": season_days(before.acquired_at, after.acquired_at),
        "gap": gap,
    }
    if before.cloud_cover is None:
        return both(
            "{platform} of {day}, {gap:,} days earlier, {days} days of the year apart, covers {overlap:.0f}% of the "
            "new scene; its clouds are unknown.",
            **fields,
        )
    return both(
        "{platform} of {day}, {gap:,} days earlier, {days} days of the year apart, covers {overlap:.0f}% of the "
        "new scene, {cloud:.0f}% cloud.",
        cloud=before.cloud_cover,
        **fields,
    )


def _why_alone(after: Scene, scenes: Sequence[Scene]) -> Text:
    earlier = list(_earlier(after, scenes))
    if not earlier:
        return both("{after}: the earliest scene held; add an earlier one of the same place.", after=_name(after))
    if not any(overlap for _, overlap in earlier):
        return both(
            "{after}: none of {n} earlier scenes covers its ground; add an earlier one of the same place.",
            after=_name(after),
            n=len(earlier),
        )
    return both(
        "{after}: earlier scenes of its ground have pixels of another size (beyond a factor of {factor:g}) or no band "
        "in common; add one that is like it.",
        after=_name(after),
        factor=GSD_FACTOR,
    )


def _name(scene: Scene) -> str:
    return f"{scene.platform} {scene.acquired_at.astimezone(BEIJING).date()} ({scene.id[:8]})"


def _overlap(before: Scene, after: Scene) -> float | None:
    """Share of AFTER's footprint; None where it is too little, or one lies nowhere."""
    one, other = _footprint(before.geobox), _footprint(after.geobox)
    if one is None or other is None:
        return None
    shared = one.intersection(other).area
    if shared < LEAST_OVERLAP * min(one.area, other.area):
        return None
    return shared / other.area


def _footprint(geobox: GeoBox) -> BaseGeometry | None:
    """In Lambert's equal-area cylinder (x = λ, y = sin φ)."""
    if geobox.crs is None:
        return None
    extent = geobox.extent
    step = max(extent.boundingbox.span_x, extent.boundingbox.span_y) / 16  # straight edges bend in lon/lat
    outline = extent.segmented(step).to_crs("EPSG:4326").geom
    return shapely.transform(outline, lambda xy: np.column_stack([np.radians(xy[:, 0]), np.sin(np.radians(xy[:, 1]))]))
