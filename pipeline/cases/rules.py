"""The nouns of the standards: what a verdict asks for, what a closing must show, how long things may take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from geodata.words import Text
from pipeline.cases.workdays import Calendar, Due

SHOTS = ("overview", "close", "corner", "inside", "after", "other")
CERTAINTIES = ("confirmed", "high", "medium", "low", "design", "office")
OUTCOMES = {
    "rectified": "rectified",
    "formalities_completed": "formalities completed",
    "confiscated": "confiscated",
    "transferred": "transferred",
    "historical": "entered in the historical ledger",
    "lawful": "lawful",
    "other": "other, no violation",
    "false_change": "false change",
    "basemap_wrong": "base map wrong",
}
"""How a part can end, and its name (a msgid)."""


@dataclass(frozen=True)
class Field:
    """Something a verdict says; ``type``: text, number, date, month (2026-03 or 2026), use (a key of ``uses``)."""

    key: str
    name: Text
    type: str


@dataclass(frozen=True)
class VerdictRule:
    """``photos``: kind of shot → least number; ``sub_needs``: what a sub-kind asks for beyond ``needs``."""

    key: str
    name: Text
    subs: Mapping[str, Text]
    needs: tuple[str, ...]
    photos: Mapping[str, int]
    leads_to: str
    outcome: str
    valid_from: date
    source: str
    certainty: str = "office"
    may: tuple[str, ...] = ()
    uses: Mapping[str, Mapping[str, Text]] = field(default_factory=dict)
    sub_needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fields: Mapping[str, Field] = field(default_factory=dict)

    def needed(self, sub: str) -> tuple[str, ...]:
        """The fields that must be given with this sub-kind."""
        return self.needs + tuple(key for key in self.sub_needs.get(sub, ()) if key not in self.needs)


@dataclass(frozen=True)
class ClosingRule:
    """``clear_scenes`` or ``flights`` that agree are enough; 0 and 0: no imagery is asked for."""

    key: str
    name: Text
    photos: Mapping[str, int]
    photo_in_place: bool
    clear_scenes: int
    flights: int
    documents: tuple[str, ...]
    residue_m2: float
    outcome: str
    valid_from: date
    source: str
    certainty: str = "office"
    document_names: Mapping[str, Text] = field(default_factory=dict)


@dataclass(frozen=True)
class DeadlineRule:
    """A period of ``n`` ``unit`` from ``starts``."""

    key: str
    n: int
    unit: str
    roll: bool
    source: str
    valid_from: date
    name: Text = field(default_factory=dict)
    starts: Text = field(default_factory=dict)
    certainty: str = "office"

    def due(self, start: date, calendar: Calendar) -> Due:
        return calendar.after(start, self.n, self.unit, roll=self.roll)


@dataclass(frozen=True)
class Standards:
    """What is in force on one day. ``digest``: sha256 of what was read."""

    verdicts: Mapping[str, VerdictRule]
    closings: Mapping[str, ClosingRule]
    deadlines: Mapping[str, DeadlineRule]
    calendar: Calendar
    watch_months: int
    digest: str
    documents: Mapping[str, Text] = field(default_factory=dict)

    def due(self, key: str, start: date) -> Due:
        """The last day of the period ``key`` from ``start``; KeyError where there is none."""
        return self.deadlines[key].due(start, self.calendar)
