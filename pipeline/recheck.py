"""Re-check by later imagery: is the ground put right, as far as scenes can tell.

Three comparisons. With real fields of the same scene: are the part's mean and its worst corner such as fields have
(``likeness``). With the occupied state, brought onto the light of the scene: is the ground still there. In
time: between two dates crops grow, are cut, are flooded; ground that is no field stays as it is. One
date on which the ground looks like a field proves nothing: a green net does in summer, thin soil over
concrete in winter. "Restored" takes two dates that agree and between which the part changed as the
fields did and more than ground that is no field; or one flight that shows, by colour and texture, a growing
crop, and the same as a flight did at this season before the occupation. What is neither is "cannot tell",
with the reason. It proposes, people accept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from geodata.words import Text
from pipeline import recheck_words as words
from pipeline.compare import Series, Standing, back, standing
from pipeline.neighbours import TEXTURE
from pipeline.plain import from_plain, to_plain

__all__ = ["Recheck", "Series", "from_json", "recheck", "to_json"]

VERSION = "1"

RESTORED, NOT_RESTORED, CANNOT_TELL = "restored", "not_restored", "cannot_tell"

STRANGE, LIKE = 0.05, 0.10
"""p below which the ground is no field, and from which on it may be one."""
NEARER = 0.5
"""Position from which on the ground is nearer to the occupied state than to the fields."""
STILL = 0.25
"""Share of ground that is no field that changed as much: from here on the part stayed as it was."""
MOVED = 0.8
"""Share of fields that changed between two dates, from which on ground that stayed as it was is none of them."""
LEAST_BANDS = 3
"""Of one index alone all that is green is alike."""
PARTNERS, TELLING = 12, 3
"""Other dates that one is compared with, and how many of them may prove it a field."""
GROWING = 0.05
"""Excess green of ground on which something grows, whatever the camera (2g − r − b of the colours' shares)."""


@dataclass(frozen=True, eq=False)
class Recheck:
    """What one later scene says of a part.

    verdict: "restored", "not_restored" or "cannot_tell". figures: what was measured, by name. text: why, in words.
    flight: from a drone. pixels: clear pixels (tiles of a fine image) wholly inside the part.
    """

    scene_id: str
    at: datetime
    verdict: str
    figures: Mapping[str, float]
    text: Text
    flight: bool
    pixels: int


def recheck(series: Series) -> list[Recheck]:
    """One verdict for each scene later than ``series.since``, oldest first; each is judged with all others at hand."""
    found = [standing(view, series) for view in series.views if view.at > series.since]
    return [_judged(one, found, series) for one in found]


def to_json(one: Recheck) -> dict[str, Any]:
    return to_plain(one)


def from_json(data: Mapping[str, Any]) -> Recheck:
    return from_plain(Recheck, data)


def looks_like_field(one: Standing) -> bool:
    """Nothing of it is strange among the fields of the date, and the occupied state would be."""
    return one.p >= LIKE and one.worst > STRANGE and (one.occupied_p is None or one.occupied_p <= STRANGE)


def _judged(one: Standing, later: Sequence[Standing], series: Series) -> Recheck:
    figures = dict(one.figures)
    if one.reason:
        return _said(one, CANNOT_TELL, words.unusable(one), figures)
    if one.p <= STRANGE:
        return _strange(one, later, series, figures)
    if one.p < LIKE or one.worst <= STRANGE:
        return _said(one, CANNOT_TELL, words.partly(one), figures)
    if one.occupied_p is not None and one.occupied_p > STRANGE:
        return _said(one, CANNOT_TELL, words.no_contrast(one), figures)
    return _like(one, later, series, figures)


def _strange(one: Standing, later: Sequence[Standing], series: Series, figures: dict[str, float]) -> Recheck:
    """No field: what stood there, or ground on which nothing happens, or something else."""
    if one.position is not None and one.position >= NEARER:
        return _said(one, NOT_RESTORED, words.still_there(one), figures)
    for other in _some([o for o in later if o is not one and not o.reason and o.p <= STRANGE]):
        moved = series.change(one.view, other.view)
        if moved is not None and moved.known and moved.frozen >= STILL and moved.moved >= MOVED:
            figures |= {"frozen": moved.frozen, "fields_changed": moved.moved}
            return _said(one, NOT_RESTORED, words.frozen(one, other, moved), figures)
    return _said(one, CANNOT_TELL, words.neither(one), figures)


def _some(others: Sequence[Standing]) -> list[Standing]:
    """At most ``PARTNERS`` of them, spread evenly over the time."""
    step = max(1.0, len(others) / PARTNERS)
    return [others[int(n * step)] for n in range(min(len(others), PARTNERS))]


def _like(one: Standing, later: Sequence[Standing], series: Series, figures: dict[str, float]) -> Recheck:
    """A field to look at: does it also behave like one?"""
    if len(set(one.view.bands) - set(TEXTURE)) < LEAST_BANDS:
        return _said(one, CANNOT_TELL, words.few_bands(one, LEAST_BANDS), figures)
    then = back(one, series)
    if then is not None:
        figures["like_before"] = then
        if then <= STRANGE:
            return _said(one, CANNOT_TELL, words.unlike_before(one), figures)
    partners = _some([o for o in later if o is not one and not o.reason and looks_like_field(o)])
    pairs = [(o, c) for o in partners if (c := series.change(one.view, o.view)) is not None and c.known]
    for other, moved in pairs:
        if moved.follow <= STRANGE / len(pairs):
            figures |= {"follow": moved.follow, "frozen": moved.frozen}
            return _said(one, CANNOT_TELL, words.does_not_follow(one, other, moved), figures)
    # asked of the dates between which the fields changed most, whatever the part did: few, so that chance has no say
    telling = sorted(pairs, key=lambda pair: -pair[1].moved)[:TELLING]
    proofs = [(o, c) for o, c in telling if c.follow >= LIKE and c.frozen <= STRANGE / len(telling)]
    proofs = [(o, c) for o, c in proofs if not _between(one, o, later)]
    if proofs:
        other, moved = min(proofs, key=lambda pair: (pair[1].frozen, -pair[1].follow))
        figures |= {"follow": moved.follow, "frozen": moved.frozen, "fields_changed": moved.moved}
        return _said(one, RESTORED, words.restored(one, other, moved), figures)
    if one.view.flight and _growing(one) and then is not None and then >= LIKE:
        return _said(one, RESTORED, words.crop_seen(one), figures)
    return _said(one, CANNOT_TELL, words.one_date(one, len(pairs)), figures)


def _between(one: Standing, other: Standing, later: Sequence[Standing]) -> bool:
    """Whether a scene between the two shows no field there."""
    first, last = sorted((one.view.at, other.view.at))
    return any(not s.reason and s.p <= STRANGE and first < s.view.at < last for s in later)


def _growing(one: Standing) -> bool:
    """A crop on the part and on the fields around, seen close enough to tell by its texture too."""
    found = (one.figures.get("greenness"), one.figures.get("greenness_fields"))
    return "spread" in one.figures and all(v is not None and v >= GROWING for v in found)


def _said(one: Standing, verdict: str, text: Text, figures: Mapping[str, float]) -> Recheck:
    view = one.view
    kept = {name: round(float(value), 4) for name, value in figures.items()}
    return Recheck(view.scene_id, view.at, verdict, kept, text, view.flight, view.pixels)
