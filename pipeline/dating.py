"""Start interval: between which two scenes an occupation began, from all scenes held over the part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from geodata.words import Text, both
from pipeline import recheck_words as words
from pipeline.compare import Series, Standing, standing
from pipeline.plain import from_plain, to_plain
from pipeline.recheck import LIKE, NEARER, STRANGE

WITH, WITHOUT, UNCLEAR = "with", "without", "unclear"
CLEARLY = 1 / 3
"""Position up to which the ground is at least twice as near to the fields as to the occupied state."""


@dataclass(frozen=True, eq=False)
class Seen:
    """One scene held over the part. state: "with" the occupation, "without" it, or "unclear"."""

    scene_id: str
    at: datetime
    state: str
    figures: Mapping[str, float]
    text: Text


@dataclass(frozen=True, eq=False)
class StartInterval:
    """The occupation began after the scene ``without_id`` (the newest without it) and not after ``with_id`` (the oldest
    with it); None where no scene held tells. scenes: all that were looked at, oldest first."""

    without_id: str | None
    without_at: datetime | None
    with_id: str | None
    with_at: datetime | None
    scenes: tuple[Seen, ...]
    text: Text


def start_interval(several: Sequence[Series]) -> StartInterval:
    """From all series over the part, satellite and drone together.

    The occupation is the one that the flag saw: one that stood there earlier and was gone in between is another.
    """
    seen = sorted((_seen(v, s) for s in several for v in s.views), key=lambda one: (one.at, one.scene_id))
    flagged = {s.after_id for s in several if s.after_id not in s.stand_in} - {""}
    last = max((n for n, one in enumerate(seen) if one.scene_id in flagged), default=None)
    if last is None:
        return StartInterval(None, None, None, None, tuple(seen), both("The scene that raised the flag is not held."))
    run = seen[: last + 1]
    gone = max((n for n, one in enumerate(run) if one.state == WITHOUT), default=None)
    other = max((n for n, one in enumerate(run) if one.state == WITHOUT or _another(one)), default=-1)
    oldest = next((one for one in run[other + 1 :] if one.state == WITH), None)
    newest = None if gone is None else run[gone]
    return StartInterval(
        newest.scene_id if newest else None,
        newest.at if newest else None,
        oldest.scene_id if oldest else None,
        oldest.at if oldest else None,
        tuple(seen),
        _said(newest, oldest, run),
    )


def to_json(interval: StartInterval) -> dict[str, Any]:
    return to_plain(interval)


def from_json(data: Mapping[str, Any]) -> StartInterval:
    return from_plain(StartInterval, data)


def _seen(view: Any, series: Series) -> Seen:
    one = standing(view, series)
    state, text = _state(one)
    # the flag itself is evidence: it saw the ground change between these two
    own = view.scene_id not in series.stand_in
    if own and view.scene_id == series.before_id and state != WITHOUT:
        state, text = WITHOUT, both("The earlier of the two scenes that raised the flag.")
    if own and view.scene_id == series.after_id and state != WITH:
        state, text = WITH, both("The later of the two scenes that raised the flag.")
    return Seen(view.scene_id, view.at, state, {k: round(float(v), 4) for k, v in one.figures.items()}, text)


def _state(one: Standing) -> tuple[str, Text]:
    if one.reason:
        return UNCLEAR, words.unusable(one)
    if one.position is None or one.occupied_p is None:
        return UNCLEAR, words.neither(one) if one.p <= STRANGE else both("The occupied state is not known here.")
    if one.occupied_p > STRANGE:
        return UNCLEAR, words.no_contrast(one)
    if one.p <= STRANGE:
        return (WITH, words.still_there(one)) if one.position >= NEARER else (UNCLEAR, words.in_between(one))
    if one.position <= CLEARLY and one.p >= LIKE and one.worst > STRANGE:
        return WITHOUT, words.like_fields(one)
    return UNCLEAR, words.partly(one)


def _another(one: Seen) -> bool:
    """Clearly seen without the occupation, whatever else was there: what stood before is no part of it."""
    return one.state == UNCLEAR and one.figures.get("position", 1.0) <= CLEARLY


def _said(newest: Seen | None, oldest: Seen | None, run: Sequence[Seen]) -> Text:
    if newest is None and oldest is None:
        return both("None of {n} scenes held tells when it began.", n=len(run))
    if newest is None and oldest is not None:
        return both("It began before {last}; no scene held shows the ground without it.", last=words.day(oldest.at))
    if oldest is None and newest is not None:
        return both("It began after {first}.", first=words.day(newest.at))
    assert newest
    assert oldest
    unclear = sum(one.state == UNCLEAR and newest.at < one.at < oldest.at for one in run)
    if unclear:
        return both(
            "It began after {first} and not after {last}; {n} of the scenes between them cannot tell.",
            first=words.day(newest.at),
            last=words.day(oldest.at),
            n=unclear,
        )
    return both("It began after {first} and not after {last}.", first=words.day(newest.at), last=words.day(oldest.at))
