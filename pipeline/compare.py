"""One part in a series of scenes: against the fields of each scene, against the occupation, and from date to date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import likeness
from pipeline.neighbours import View

LEAST_PX = 4
"""Clear pixels (or tiles) wholly inside the part: fewer are no sample of it."""
LEAST_SHARE = 0.6
"""Of the pixels wholly inside: what is left of a building may stand under the cloud."""
LEAST_BLOCKS, LEAST_PARCELS = 20, 5
SAME_SEASON_DAYS = 30

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Series:
    """The views of one part that can be compared with each other (one kind of sensor), oldest first.

    before_id, after_id: the pair that raised the flag; "" where this kind of sensor did not see it.
    since: the time after which scenes are judged. stand_in: those of the two that are not the flag's own scenes,
    but show the same states to another sensor.
    """

    views: Sequence[View]
    before_id: str
    after_id: str
    since: datetime
    stand_in: frozenset[str] = frozenset()

    def view(self, scene_id: str) -> View | None:
        return next((v for v in self.views if v.scene_id == scene_id), None)

    @cached_property
    def _changes(self) -> dict[tuple[str, str], Change | None]:
        return {}

    def change(self, one: View, other: View) -> Change | None:
        """From the earlier of the two to the later; computed once."""
        first, last = sorted((one, other), key=lambda v: (v.at, v.scene_id))
        key = (first.scene_id, last.scene_id)
        if key not in self._changes:
            self._changes[key] = change(first, last)
        return self._changes[key]

    @cached_property
    def occupied(self) -> View | None:
        """The view that shows the occupation: the flag's, or where that is not clear the next up to ``since``."""
        flagged = self.view(self.after_id) if self.after_id else None
        if flagged is None:
            return None
        showing = [v for v in self.views if v is flagged or flagged.at <= v.at <= self.since]
        return next((v for v in showing if not unusable(v)), None)


def unusable(view: View) -> str:
    """Why a view cannot be judged; "" if it can."""
    if view.shift_px is not None and not np.isfinite(view.shift_px):
        return "misplaced"
    if len(view.part) < LEAST_PX:
        return "too_small"
    if view.pixels < LEAST_PX or view.clear_share < LEAST_SHARE:
        return "hidden"
    clear = clear_blocks(view)
    if clear.sum() < LEAST_BLOCKS or len(np.unique(view.parcel[clear])) < LEAST_PARCELS:
        return "no_fields"
    return ""


def clear_blocks(*views: View) -> NDArray[np.bool_]:
    """(m,) blocks that are clear in all these views."""
    return np.logical_and.reduce([np.isfinite(v.blocks).all(axis=(1, 2)) for v in views])


def mean(view: View, seen: Any = None) -> Vector:
    """(d,) of the part's clear pixels."""
    clear = np.isfinite(view.part).all(axis=1)
    return view.part[clear if seen is None else clear & seen].mean(axis=0, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Standing:
    """Where the part stands on one date.

    reason: why the view cannot be judged ("" if it can; then the rest holds). p: share of fields at least as
    strange among fields as the part's mean; worst: the same of its strangest pixels. position: 0 like
    the fields, 1 like the occupied state, None where that was not seen by this kind of sensor; occupied_p:
    p of the occupied state itself, were it still there. figures: everything by name.
    """

    view: View
    reason: str
    p: float = 0.0
    worst: float = 0.0
    position: float | None = None
    occupied_p: float | None = None
    figures: dict[str, float] = field(default_factory=dict)


def standing(view: View, series: Series) -> Standing:
    figures = _counts(view)
    reason = unusable(view)
    if reason:
        return Standing(view, reason, figures=figures)
    clear = clear_blocks(view)
    blocks, parcel = view.blocks[clear], view.parcel[clear]
    means = blocks.mean(axis=1, dtype=np.float64)
    around = likeness.fields(means, parcel)
    own, part = around.own(), mean(view)
    strange = float(around.strangeness(part[None])[0])
    p = likeness.rank(strange, own)
    pixels = view.part[np.isfinite(view.part).all(axis=1)]
    then = None if series.occupied is None else _occupied_now(series.occupied, view)
    worst, left = likeness.pixelwise(pixels, blocks, parcel, then)
    figures |= {"like_fields": p, "like_fields_worst": worst, "strangeness": strange / max(1e-9, float(np.median(own)))}
    position = occupied_p = None
    if then is not None:
        to_occupied = float(np.linalg.norm((part - then) @ around.units))
        position = strange / max(1e-9, strange + to_occupied)
        occupied_p = around.p(then)
        figures |= {"position": position, "occupied_like_fields": occupied_p}
        figures["residue_m2"] = int(left.sum()) * view.gsd_m**2
    figures |= _looks(view, part, means)
    return Standing(view, "", p, worst, position, occupied_p, figures)


def _occupied_now(occupied: View, view: View) -> Vector:
    """(d,) what the occupied state would look like in this scene."""
    if occupied.scene_id == view.scene_id:
        return mean(occupied)
    return likeness.light(occupied.inert, view.inert).apply(mean(occupied))


def _counts(view: View) -> dict[str, float]:
    whole = len(view.part)
    cloud = sum(view.hidden.get(reason, 0) for reason in ("cloud", "shadow", "cirrus"))
    clear = clear_blocks(view) if len(view.blocks) else np.zeros(0, bool)
    return {
        "whole_pixels": whole,
        "clear_pixels": view.pixels,
        "cloud_share": cloud / whole if whole else 0.0,
        "fields": int(clear.sum()),
        "parcels": len(np.unique(view.parcel[clear])),
    }


def _looks(view: View, part: Vector, blocks: NDArray[np.float64]) -> dict[str, float]:
    """Vegetation, brightness and texture of the part beside the middle of the fields."""
    of = {name: n for n, name in enumerate(view.bands)}
    found: dict[str, float] = {}
    for name, asked in (("", part[None]), ("_fields", blocks)):
        if {"red", "nir"} <= of.keys():
            found["ndvi" + name] = _middle(_ndvi(asked[:, of["red"]], asked[:, of["nir"]]))
        if {"red", "green", "blue"} <= of.keys():
            found["greenness" + name] = _middle(_excess_green(*(asked[:, of[b]] for b in ("red", "green", "blue"))))
        for texture in ("spread", "edges"):
            if texture in of:
                found[texture + name] = _middle(np.exp(asked[:, of[texture]]))
    visible = [of[b] for b in ("blue", "green", "red") if b in of]
    if visible:
        middle = _middle(blocks[:, visible].mean(axis=1))
        if middle > 0:
            found["brightness"] = float(part[visible].mean()) / middle
    return found


def _middle(values: NDArray[np.floating]) -> float:
    return float(np.median(values))


def _ndvi(red: NDArray[np.floating], nir: NDArray[np.floating]) -> NDArray[np.floating]:
    return (nir - red) / np.where(nir + red > 0, nir + red, np.inf)


def _excess_green(
    red: NDArray[np.floating], green: NDArray[np.floating], blue: NDArray[np.floating]
) -> NDArray[np.floating]:
    """2g − r − b of the shares of each colour (Woebbecke et al. 1995)."""
    total = red + green + blue
    return (2 * green - red - blue) / np.where(total > 0, total, np.inf)


@dataclass(frozen=True, eq=False)
class Change:
    """The part from one date to another, once the light is the same. follow: share of fields whose change is at
    least as strange among the fields' changes. frozen: share of ground that is no field that changed at least as
    much. moved: share of the fields that changed more than nearly all such ground. known: whether the light is."""

    follow: float
    frozen: float
    moved: float
    known: bool


def change(one: View, other: View) -> Change | None:
    """None where too little was clear on both dates."""
    seen = np.isfinite(one.part).all(axis=1) & np.isfinite(other.part).all(axis=1)
    clear = clear_blocks(one, other)
    if seen.sum() < LEAST_PX or clear.sum() < LEAST_BLOCKS or len(np.unique(one.parcel[clear])) < LEAST_PARCELS:
        return None
    to = likeness.light(one.inert, other.inert)
    if not to.known:
        return Change(0.0, 1.0, 0.0, False)
    part: Vector = mean(other, seen) - to.apply(mean(one, seen))
    blocks: Vector = other.blocks[clear].mean(axis=1) - to.apply(one.blocks[clear].mean(axis=1))
    units = likeness.units_of(to.left)
    still, of_part, of_blocks = (np.linalg.norm(v @ units, axis=-1) for v in (to.left, part[None], blocks))
    return Change(
        likeness.fields(blocks, one.parcel[clear]).p(part),
        likeness.rank(float(of_part[0]), still),
        float((of_blocks > np.percentile(still, 95)).mean()),
        True,
    )


def days_of_year_apart(one: datetime, other: datetime) -> int:
    apart = abs(one.timetuple().tm_yday - other.timetuple().tm_yday)
    return min(apart, 366 - apart)


def back(standing: Standing, series: Series) -> float | None:
    """p of the part's difference to itself before the occupation at the same season, among the fields' own differences
    between those two dates; None where no such scene is held."""
    before = series.view(series.before_id) if series.before_id else None
    if before is None:
        return None
    then = [
        v
        for v in series.views
        if v.at <= before.at and not unusable(v) and days_of_year_apart(v.at, standing.view.at) <= SAME_SEASON_DAYS
    ]
    if not then:
        return None
    found = series.change(then[-1], standing.view)
    return found.follow if found is not None and found.known else None
