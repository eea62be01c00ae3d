"""Confirmation: what scenes beyond the flag's own pair say of suspected ground, before anybody drives there.

A later clear scene agrees where the ground is no field among the fields of that day and lies nearer to what was
flagged; it disagrees where nothing of the ground is strange among fields while the flagged state would be. An
earlier scene of the same season of another year that shows the ground as it was flagged makes it the season's
doing, one that shows it otherwise does not. All else is unclear: crops may hide the one as well as the other. Each
scene is judged by itself, so that it says the same whenever it is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from geodata.words import Text
from pipeline import recheck_words as words
from pipeline.compare import SAME_SEASON_DAYS, Series, Standing, days_of_year_apart, standing, unusable
from pipeline.neighbours import View
from pipeline.plain import from_plain, to_plain
from pipeline.recheck import LIKE, NEARER, STRANGE, looks_like_field

AGREES, DISAGREES, SEASONAL, OTHERWISE, UNCLEAR = "agrees", "disagrees", "seasonal", "otherwise", "unclear"
VERDICTS = (AGREES, DISAGREES, SEASONAL, OTHERWISE, UNCLEAR)
WITHDRAWS = frozenset({DISAGREES, SEASONAL})
"""Looks after which nothing is suspected any more."""


@dataclass(frozen=True, eq=False)
class Look:
    """What one scene says of suspected ground. verdict: one of ``VERDICTS``. figures: what was measured, by name.
    text: why, in words. pixels: clear pixels wholly inside the ground."""

    scene_id: str
    at: datetime
    verdict: str
    figures: Mapping[str, float]
    text: Text
    pixels: int


def looks(series: Series) -> Iterator[Look]:
    """One for each scene later than ``series.since``, and one for each earlier one of the season of AFTER."""
    after = series.view(series.after_id) if series.after_id else None
    for view in series.views:
        if view.at > series.since:
            yield _later(standing(view, series))
        elif after is not None and view.scene_id != series.before_id and of_its_season(view.at, after.at):
            yield _earlier(view, after, series)


def of_its_season(at: datetime, after: datetime) -> bool:
    """Whether a scene shows the season of AFTER in an earlier year."""
    return (after - at).days > SAME_SEASON_DAYS and days_of_year_apart(at, after) <= SAME_SEASON_DAYS


def to_json(look: Look) -> dict[str, Any]:
    return to_plain(look)


def from_json(data: Mapping[str, Any]) -> Look:
    return from_plain(Look, data)


def _later(one: Standing) -> Look:
    if one.reason:
        return _said(one.view, UNCLEAR, words.unusable(one), one.figures)
    if one.p <= STRANGE and one.position is not None and one.position >= NEARER:
        return _said(one.view, AGREES, words.still_there(one), one.figures)
    if one.p <= STRANGE:
        return _said(one.view, UNCLEAR, words.neither(one), one.figures)
    if one.p < LIKE or one.worst <= STRANGE:
        return _said(one.view, UNCLEAR, words.partly(one), one.figures)
    if one.occupied_p is None:
        return _said(one.view, UNCLEAR, words.never_seen(one), one.figures)
    if not looks_like_field(one):
        return _said(one.view, UNCLEAR, words.no_contrast(one), one.figures)
    return _said(one.view, DISAGREES, words.field_again(one), one.figures)


def _earlier(view: View, after: View, series: Series) -> Look:
    """Are the two days, a year or more apart, as like each other on this ground as on the fields around?"""
    hidden = next((one for one in (view, after) if unusable(one)), None)
    if hidden is not None:
        one = Standing(hidden, unusable(hidden))
        return _said(view, UNCLEAR, words.unusable(one), {})
    moved = series.change(view, after)
    if moved is None or not moved.known:
        return _said(view, UNCLEAR, words.other_light(view, after), {})
    figures = {"follow": moved.follow, "fields_changed": moved.moved}
    if moved.follow >= LIKE:
        return _said(view, SEASONAL, words.same_season(view, after, moved), figures)
    verdict = OTHERWISE if moved.follow <= STRANGE else UNCLEAR
    return _said(view, verdict, words.otherwise(view, after, moved), figures)


def _said(view: View, verdict: str, text: Text, figures: Mapping[str, float]) -> Look:
    kept = {name: round(float(value), 4) for name, value in figures.items()}
    return Look(view.scene_id, view.at, verdict, kept, text, view.pixels)
