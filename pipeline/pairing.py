"""Which earlier scene a new one is compared with, and why that one.

Like is compared with like: earlier, on the same ground, pixels within a factor of three, a band in
common. Among those the rank is a sum of six shares, 0 to 1 each; their weighted mean is the match that is told:

- overlap (weight 4): share of AFTER's footprint.
- season (3): 1 at the same day of the year, 0 half a year apart.
- clarity (2): share without cloud; 0.5 where the quality is unknown.
- recency (1): 1 from half a year to two years back, falling after; less for a shorter span, because what
  a cloud hid in the scene just before would be standing in both images by then, and never be seen.
- sensor (1): 1 for the same platform or its sister; else half of the share of AFTER's bands that BEFORE has, times
  the ratio of the pixel sizes.
- geometry (1): 1 for the same line of sight and sun, 0 where they are together ``FAR_DEG`` degrees apart; 0.5 where
  either is unknown.

The season ranks and is shown; it never excludes the only overlapping pair.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
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
WEIGHTS = {"overlap": 4.0, "season": 3.0, "clarity": 2.0, "recency": 1.0, "sensor": 1.0, "geometry": 1.0}
FAR_DEG = 60.0
"""Walls and shadows that lie so differently are not compared with profit; of both angles together."""


@dataclass(frozen=True, eq=False)
class Pair:
    """overlap: share of AFTER's footprint, 0 to 1. season_days: days of the year apart (0 to 183).
    gap_days: how much earlier BEFORE is. choices: how many earlier scenes would do. match: how well BEFORE suits
    AFTER, 0 to 1 (the weighted mean of the shares). text: why this BEFORE."""

    before: Scene
    after: Scene
    overlap: float
    season_days: int
    gap_days: int
    choices: int
    match: float
    text: Text

    @property
    def season(self) -> dict[str, Any]:
        """As ``Inspection.season`` holds it."""
        return {
            "season_days": self.season_days,
            "gap_days": self.gap_days,
            "overlap": round(self.overlap, 4),
            "choices": self.choices,
            "match": round(self.match, 4),
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
    before, overlap = min(candidates, key=lambda c: (-_match(c[0], after, c[1]), c[0].id))
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
        match=_match(before, after, overlap),
        text=text,
    )


def _match(before: Scene, after: Scene, overlap: float) -> float:
    years = (after.acquired_at - before.acquired_at).days / 365.25
    shares = {
        "overlap": overlap,
        "season": 1.0 - season_days(before.acquired_at, after.acquired_at) / 183,
        "clarity": 0.5 if before.cloud_cover is None else 1.0 - before.cloud_cover / 100,
        "recency": min(1.0, 2 * years) if years < 2 else 2 / years,
        "sensor": _sensor(before, after),
        "geometry": _geometry(before, after),
    }
    return sum(WEIGHTS[name] * share for name, share in shares.items()) / sum(WEIGHTS.values())


def _sensor(before: Scene, after: Scene) -> float:
    if _series(before.platform) == _series(after.platform):
        return 1.0
    common = len(_common_bands(before, after)) / len(after.bands)
    return 0.5 * common * min(before.gsd_m, after.gsd_m) / max(before.gsd_m, after.gsd_m)


def _series(platform: str) -> str:
    """Sisters fly the same camera: the letter after the number of a Sentinel, and Landsat 8 and 9, do not count."""
    name = re.sub(r"^(sentinel-\d)[a-d]$", r"\1", platform.lower())
    return "landsat-8" if name == "landsat-9" else name


def _geometry(before: Scene, after: Scene) -> float:
    angles = angles_apart(before.view, after.view)
    return 0.5 if angles is None else max(0.0, 1.0 - sum(angles) / FAR_DEG)


def angles_apart(one: Mapping[str, float], other: Mapping[str, float]) -> tuple[float, float] | None:
    """Degrees between both lines of sight, and between both directions to the sun; None where one is not known.

    one, other: ``Scene.view``. An image from straight above has no azimuth and needs none.
    """
    found = []
    for tilt, azimuth in (("off_nadir", "azimuth"), ("sun_elevation", "sun_azimuth")):
        towards = [_direction(view.get(tilt), view.get(azimuth), tilt == "off_nadir") for view in (one, other)]
        if towards[0] is None or towards[1] is None:
            return None
        found.append(math.degrees(math.acos(float(np.clip(towards[0] @ towards[1], -1, 1)))))
    return found[0], found[1]


def _direction(tilt: float | None, azimuth: float | None, from_nadir: bool) -> NDArray[np.float64] | None:
    """A unit vector (east, north, up)."""
    if tilt is None or (azimuth is None and not (from_nadir and tilt == 0)):
        return None
    up = math.radians(90 - tilt if from_nadir else tilt)
    at = math.radians(azimuth or 0.0)
    return np.array([math.cos(up) * math.sin(at), math.cos(up) * math.cos(at), math.sin(up)])


def _facts(before: Scene, after: Scene, overlap: float) -> Text:
    fields = {
        "platform": before.platform,
        "day": before.acquired_at.astimezone(BEIJING).date(),
        "overlap": 100 * overlap,
        "days": season_days(before.acquired_at, after.acquired_at),
        "gap": (after.acquired_at - before.acquired_at).days,
        "match": 100 * _match(before, after, overlap),
    }
    if before.cloud_cover is None:
        said = both(
            "{platform} of {day}, {gap:,} days earlier, {days} days of the year apart, covers {overlap:.0f}% of the "
            "new scene; its clouds are unknown. Match {match:.0f}%.",
            **fields,
        )
    else:
        said = both(
            "{platform} of {day}, {gap:,} days earlier, {days} days of the year apart, covers {overlap:.0f}% of the "
            "new scene, {cloud:.0f}% cloud. Match {match:.0f}%.",
            cloud=before.cloud_cover,
            **fields,
        )
    angles = angles_apart(before.view, after.view)
    if angles is None:
        return said
    seen = both("Lines of sight {view:.0f}° apart, sun {sun:.0f}°.", view=angles[0], sun=angles[1])
    return {"zh": said["zh"] + seen["zh"], "en": f"{said['en']} {seen['en']}"}


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
