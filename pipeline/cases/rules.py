"""The nouns of the standards: what a verdict asks for, what a closing must show, how long things may take."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from geodata.words import Text, both
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

    def fits(self, value: object) -> bool:
        """Whether a value, given as such or as text, is of this type; of ``use`` only that it is a text."""
        if self.type == "number":
            return not isinstance(value, bool) and _positive(value)
        if self.type == "date":
            return _is_day(str(value))
        if self.type == "month":
            said = str(value)
            return bool(re.fullmatch(r"\d{4}(-\d{2})?", said)) and _is_day(
                f"{said}-01" if "-" in said else f"{said}-01-01"
            )
        return isinstance(value, str)


_FORMS = {
    "text": "a text",
    "number": "a number above 0",
    "date": "a date such as 2026-03-01",
    "month": "a month or year such as 2026-03 or 2026",
}


def _positive(value: object) -> bool:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return 0 < number < math.inf


def _is_day(said: str) -> bool:
    try:
        return bool(re.fullmatch(r"\d{4}-\d{2}-\d{2}", said)) and bool(date.fromisoformat(said))
    except ValueError:
        return False


def _names(named: Mapping[str, Text]) -> Text:
    """``key name、…`` in both languages."""
    return {
        "zh": "、".join(f"{key} {name['zh']}" for key, name in named.items()),
        "en": ", ".join(f"{key} ({name['en']})" for key, name in named.items()),
    }


@dataclass(frozen=True)
class VerdictRule:
    """``photos``: kind of shot → least number; ``photo_in_place``: one of the round from inside the part or facing it;
    ``sub_needs``: what a sub-kind asks for beyond ``needs``."""

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
    photo_in_place: bool = False

    def needed(self, sub: str) -> tuple[str, ...]:
        """The fields that must be given with this sub-kind."""
        return self.needs + tuple(key for key in self.sub_needs.get(sub, ()) if key not in self.needs)

    def wrong(self, payload: Mapping[str, Any]) -> Text | None:
        """The first thing that a verdict's payload lacks or says wrongly: ``sub``, then each field it may hold."""
        sub = payload.get("sub") or ""
        if self.subs and sub not in self.subs:
            return both("{verdict} needs sub=…, one of {known}", verdict=self.name, known=_names(self.subs))
        if not self.subs and sub:
            return both("{verdict} has no sub-kinds; leave out sub=…", verdict=self.name)
        needed = self.needed(sub)
        for key in dict.fromkeys((*needed, *self.may)):
            value = payload.get(key)
            field = self.fields.get(key, Field(key, {"zh": key, "en": key}, "text"))
            if value is None or (isinstance(value, str) and not value.strip()):
                if key in needed:
                    return both("{verdict} needs {key}=… ({field})", verdict=self.name, key=key, field=field.name)
            elif field.type == "use":
                if value not in self.uses.get(sub, {}):
                    return both("{key}=… must be one of {known}", key=key, known=_names(self.uses.get(sub, {})))
            elif not field.fits(value):
                said = both(_FORMS[field.type])
                return both(
                    "{key}=… ({field}) must be {said}, not {value}", key=key, field=field.name, said=said, value=value
                )
        return None


@dataclass(frozen=True)
class ClosingRule:
    """``clear_scenes`` or ``flights`` that agree are enough; 0 and 0: no imagery is asked for. ``after_report``: the
    photo in place is one taken after the report; not so where nothing is put right and a verdict is closed."""

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
    after_report: bool = True


@dataclass(frozen=True)
class DeadlineRule:
    """A period of ``n`` ``unit`` from ``starts``. extend_times, extend_n: how often it may be extended, and by how much
    each time; beyond that by a leader only."""

    key: str
    n: int
    unit: str
    roll: bool
    source: str
    valid_from: date
    name: Text = field(default_factory=dict)
    starts: Text = field(default_factory=dict)
    certainty: str = "office"
    extend_times: int = 0
    extend_n: int = 0

    def due(self, start: date, calendar: Calendar) -> Due:
        return calendar.after(start, self.n, self.unit, roll=self.roll)


@dataclass(frozen=True)
class Standards:
    """What is in force on one day. ``digest``: sha256 of what was read. ``asked``: kind of shot → number asked for on
    the ground beyond what a verdict needs."""

    verdicts: Mapping[str, VerdictRule]
    closings: Mapping[str, ClosingRule]
    deadlines: Mapping[str, DeadlineRule]
    calendar: Calendar
    watch_months: int
    digest: str
    documents: Mapping[str, Text] = field(default_factory=dict)
    asked: Mapping[str, int] = field(default_factory=dict)

    def due(self, key: str, start: date) -> Due:
        """The last day of the period ``key`` from ``start``; KeyError where there is none."""
        return self.deadlines[key].due(start, self.calendar)
