"""Acts of a party, as the record tells them: what adds up within a year, and what is no first offence. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pipeline.cases.case import Case, Part, evolve
from pipeline.cases.events import Event, Kind
from pipeline.cases.facts import VIOLATION
from pipeline.cases.rows import basic_m2
from pipeline.cases.table import Status

UNPROCESSED = ("historical",)
"""Outcomes that close a part and deal with nobody: the entry in a ledger of old cases punishes no act, and art. 9 of
法释〔2000〕14号 adds up what was not dealt with."""


@dataclass(frozen=True)
class Act:
    """A verdict of violation that stands, on the ground as it is parted now.

    at: when the verdict was given. outcome: "" while the part is open. past: of a round before the ground was
    opened again; the round that runs now tells of the same ground.
    """

    number: str
    part: str
    party: str | None
    at: datetime
    basic_farmland_m2: float
    farmland_m2: float
    outcome: str = ""
    past: bool = False

    @property
    def adds_up(self) -> bool:
        """What was dealt with adds nothing to a later act."""
        return not self.past and (not self.outcome or self.outcome in UNPROCESSED)


def of_case(case: Case) -> list[Act]:
    """Those of the present round: none of a part whose verdict was returned, nor of the whole after a split."""
    return [found for part in case.parts if (found := _act(case.number, part)) is not None]


def of_events(events: Iterable[Event]) -> list[Act]:
    """Those of all rounds of one case, from its events in order."""
    case: Case | None = None
    past: list[Act] = []
    for event in events:
        before = case
        case = evolve(case, event)
        if before is not None and event.kind in (Kind.RELAPSED, Kind.REOPENED):
            opened = {part.id for part in case.parts if part.since == event.seq}
            past += [act for part in before.parts if part.id in opened
                     if (act := _act(before.number, part, past=True)) is not None]  # fmt: skip
    return past if case is None else [*past, *of_case(case)]


def _act(number: str, part: Part, *, past: bool = False) -> Act | None:
    verdict = part.verdict
    if verdict is None or verdict["verdict"] != VIOLATION:
        return None
    return Act(
        number=number,
        part=part.id,
        party=verdict.get("party"),
        at=datetime.fromisoformat(verdict["at"]),
        basic_farmland_m2=basic_m2(part.ground),
        farmland_m2=part.ground["farmland_gross_m2"],
        outcome=part.outcome if part.status is Status.CLOSED else "",
        past=past,
    )
