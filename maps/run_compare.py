"""与上次比较: what an inspection flagged beside what the one before it on the same ground flagged, and
what a week can check. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from geodata.words import Text, both
from maps.run_parts import Compared, ComparedFigure
from pipeline.inspection import Inspection


def compared(
    now: Inspection,
    was: Inspection,
    *,
    flagged_now: Collection[str],
    flagged_then: Collection[str],
    at: datetime,
    href: str = "",
    figures: bool = True,
) -> Compared:
    """flagged_now, flagged_then: numbers of the cases that either inspection flagged. at: when the earlier one was
    recorded; href: of its report, "" where the reader may not open it. figures: False leaves out those of whole runs.
    """
    here, there = set(flagged_now), set(flagged_then)
    return Compared(
        run=was.run,
        at=at,
        href=href,
        figures=_figures(was, now) if figures else (),
        new=tuple(sorted(here - there)),
        again=tuple(sorted(here & there)),
        gone=tuple(sorted(there - here)),
    )


def week(new: int, visits_week: int) -> Text:
    """New cases of a run beside the ground checks of a week."""
    if new <= visits_week:
        return both("{new} new cases lie within the {visits} ground checks of a week.", new=new, visits=visits_week)
    return both(
        "{new} new cases are {more} more than the {visits} ground checks of a week; those that are worth most first.",
        new=new,
        more=new - visits_week,
        visits=visits_week,
    )


def _figures(was: Inspection, now: Inspection) -> tuple[ComparedFigure, ...]:
    def step(one: Inspection, key: str) -> str:
        return f"{sum(step.count for step in one.funnel if step.reason == key):,}"

    def seen(one: Inspection) -> str:
        return f"{100 * one.observed_farmland_m2 / one.farmland_m2:.1f}%" if one.farmland_m2 else "–"

    named = {"changes": "Changed patches", "new": "New cases", "seen_again": "joined a known case"}
    return (
        ComparedFigure(both("Farmland seen on both dates"), seen(was), seen(now)),
        *(ComparedFigure(both(name), step(was, key), step(now, key)) for key, name in named.items()),
    )
