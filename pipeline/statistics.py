"""Counts, areas, ages and rates over rows of cases (domain: monthly report, year report). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True)
class Ratio:
    """A share with what it was made of; value is None where the denominator is 0."""

    numerator: float
    denominator: float

    @property
    def value(self) -> float | None:
        return self.numerator / self.denominator if self.denominator else None


def statistics(
    rows: Iterable[Mapping[str, Any]],
    *,
    today: date,
    since: date | None = None,
    until: date | None = None,
    construction_m2: Mapping[tuple[str, int], float] | None = None,
) -> dict[str, Any]:
    """rows: plain case rows. since, until: days on which cases were found, both included.

    construction_m2: (district_code, year) → m² of farmland lawfully taken by new construction.
    Returns JSON values: {"total": …, "by_district": […], "by_township": […], "by_kind": […], "by_month": […], "farmland_ratio": […]}.
    """
    raise NotImplementedError
