"""Handing a matter to police, agriculture or discipline, each with its receipts. Pure.

A TRANSFER event carries {"transfer": id, "to": "police" | "agriculture" | "discipline", "step": key, …}.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from geodata.words import Text
from pipeline.cases.events import Actor
from pipeline.cases.facts import Facts
from pipeline.cases.proceeding import Possible

if TYPE_CHECKING:
    from pipeline.cases.standards import Standards

RECEIVERS = ("police", "agriculture", "discipline")


@dataclass(frozen=True)
class Transfer:
    """State as replayed; dues as in a proceeding, those in hours carry "at" too."""

    id: str
    to: str
    state: str
    opened_on: date
    dues: Mapping[str, Mapping[str, Any]]
    receipts: tuple[Mapping[str, Any], ...] = ()
    steps: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Assessment:
    """Areas against the thresholds of 法释〔2000〕14号: computed for people who decide, never a decision."""

    basic_farmland_m2: float
    other_farmland_m2: float
    ratio: float
    reached: tuple[str, ...]
    for_legal_review: bool
    counted: int
    article: Text


def assess(
    basic_farmland_m2: float,
    farmland_m2: float,
    earlier: Sequence[tuple[datetime, float, float]] = (),
    *,
    day: date,
) -> Assessment:
    """earlier: unprocessed acts of the same party as (at, basic_m2, farmland_m2); those of one year before day count."""
    raise NotImplementedError


def decide(
    state: Transfer | None,
    step: str,
    payload: Mapping[str, Any],
    *,
    at: datetime,
    by: Actor,
    facts: Facts,
    standards: Standards,
) -> dict[str, Any]:
    """The payload completed (state, due times, article); StepRefused with what is missing."""
    raise NotImplementedError


def evolve(state: Transfer | None, payload: Mapping[str, Any], at: datetime, by: str, role: str) -> Transfer:
    """The transfer after a step that was accepted."""
    raise NotImplementedError


def possible(state: Transfer | None, role: str | None, facts: Facts) -> list[Possible]:
    """The steps of the table from here, for one role or (None) for all; without a state those that open one."""
    raise NotImplementedError
