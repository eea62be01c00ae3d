"""Occupied areas against the thresholds of criminal law: numbers for people who decide, never a decision. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from geodata.days import day_of
from geodata.words import Text
from pipeline.cases.law import rules
from pipeline.cases.proceeding_law import criminal


@dataclass(frozen=True)
class Assessment:
    """Areas against the thresholds of 法释〔2000〕14号: computed for people who decide, never a decision.

    Areas are sums over this act and the ``counted`` earlier ones of the last year. reached: thresholds that the sum
    reaches ("basic_farmland", "farmland"), alone: those that this act reaches by itself. ratio: basic / 5 mu +
    other / 10 mu; for_legal_review: it is 1 or more though no threshold alone is reached. left_m2: what is missing.
    """

    basic_farmland_m2: float
    other_farmland_m2: float
    ratio: float
    reached: tuple[str, ...]
    alone: tuple[str, ...]
    for_legal_review: bool
    counted: int
    left_m2: Mapping[str, float]
    thresholds_m2: Mapping[str, float]
    article: Text


def assess(
    basic_farmland_m2: float,
    farmland_m2: float,
    earlier: Sequence[tuple[datetime, float, float]] = (),
    *,
    day: date,
) -> Assessment:
    """earlier: acts of the same party not dealt with yet, (at, basic_m2, farmland_m2); those within a year count.

    Basic farmland is an overlay: what lies inside farmland is not known here, so the other farmland of an act is
    the excess of its farmland over its basic farmland, at least 0 (as in ``law.Rules.criminal_ratio``).
    """
    law, (article, months) = rules(day), criminal()
    first = _months_before(day, months)
    within = [(basic, farm) for at, basic, farm in earlier if first <= day_of(at) <= day]
    acts = [(basic_farmland_m2, farmland_m2), *within]
    sums = {
        "basic_farmland": math.fsum(basic for basic, _ in acts),
        "farmland": math.fsum(max(0.0, farm - basic) for basic, farm in acts),
    }
    own = {"basic_farmland": basic_farmland_m2, "farmland": max(0.0, farmland_m2 - basic_farmland_m2)}
    limits = {"basic_farmland": law.criminal_basic_farmland_m2, "farmland": law.criminal_farmland_m2}
    reached = tuple(key for key, limit in limits.items() if sums[key] >= limit)
    ratio = sum(sums[key] / limit for key, limit in limits.items())
    return Assessment(
        basic_farmland_m2=sums["basic_farmland"],
        other_farmland_m2=sums["farmland"],
        ratio=ratio,
        reached=reached,
        alone=tuple(key for key, limit in limits.items() if own[key] >= limit),
        for_legal_review=not reached and ratio >= 1,
        counted=len(within),
        left_m2={key: max(0.0, limit - sums[key]) for key, limit in limits.items()},
        thresholds_m2=limits,
        article=article,
    )


def _months_before(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 - months, 12)
    year, month = day.year + years, month + 1
    last = (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month, min(day.day, last))
