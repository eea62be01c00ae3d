"""The legal proceeding beside the loop: 立案 … 结案. Pure: decide() completes or refuses a step, evolve() replays.

A PROCEEDING event carries {"proceeding": id, "step": key, "on": day of the paper, …}. 结案 is not
整改到位 and not 销号: nothing here closes a case, and nothing in the loop closes a proceeding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from geodata.words import Text
from pipeline.cases.events import Actor
from pipeline.cases.facts import Facts
from pipeline.cases.procedure import TABLE, Proceeding, State, Step, Taken, Way

if TYPE_CHECKING:
    from pipeline.cases.standards import Standards

__all__ = ["TABLE", "Facts", "Possible", "Proceeding", "State", "Step", "Taken", "Way", "decide", "evolve", "possible"]


@dataclass(frozen=True)
class Possible:
    """A step of the table from here. missing: why it would be refused now, None where nothing but its needs is."""

    step: str
    name: Text
    state: str
    roles: tuple[str, ...]
    needs: Mapping[str, Text]
    papers: Mapping[str, Text]
    missing: Text | None


def decide(
    state: Proceeding | None,
    step: str,
    payload: Mapping[str, Any],
    *,
    at: datetime,
    by: Actor,
    facts: Facts,
    standards: Standards,
) -> dict[str, Any]:
    """The payload completed (on, state, due days, article); StepRefused with what is missing."""
    raise NotImplementedError


def evolve(state: Proceeding | None, payload: Mapping[str, Any], at: datetime, by: str, role: str) -> Proceeding:
    """The proceeding after a step that was accepted; the law of that day stands in its payload."""
    raise NotImplementedError


def possible(state: Proceeding | None, role: str | None, facts: Facts) -> list[Possible]:
    """The steps of the table from here, for one role or (None) for all."""
    raise NotImplementedError
