"""With what, and for whom, the events of a case are told: on a published page without a person or a party."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from geodata.words import Text
from pipeline.cases.events import Event, Kind
from pipeline.cases.rules import Standards
from pipeline.inspection import Inspection

Rules = Callable[[date], Standards]


@dataclass(frozen=True, eq=False)
class Telling:
    """What events are told with. hidden: names and parties that no published page shows. clock_back: seq
    of events that say an earlier time than the one before them. named: people are told by their names,
    as inside the office. taken: {record of a phone: seq of the verdict that it became}."""

    rules: Rules
    seen_by: Mapping[str, Inspection] = field(default_factory=dict)
    runs: Mapping[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    clock_back: frozenset[int] = frozenset()
    named: bool = False
    taken: Mapping[str, int] = field(default_factory=dict)

    def free(self, value: Any) -> Text:
        """Text that people wrote, or a Text of ours, without the names known here."""
        told = value if isinstance(value, Mapping) and "zh" in value else {"zh": str(value), "en": str(value)}
        return {lang: self._masked(str(told.get(lang, told["zh"]))) for lang in ("zh", "en")}

    def _masked(self, text: str) -> str:
        for name in sorted(self.hidden, key=len, reverse=True):
            text = text.replace(name, "×××")
        return text


def taken_records(events: Iterable[Event]) -> dict[str, int]:
    """{record of a phone: seq of the verdict that it became}."""
    return {str(e.payload["record"]): e.seq for e in events if e.kind == Kind.VERDICT and e.payload.get("record")}


def hidden_names(events: Iterable[Event]) -> frozenset[str]:
    """Persons and parties named anywhere in the events of a case, of two characters or more."""
    found: set[str] = set()
    for event in events:
        if event.role != "system":
            found.add(event.by)
        found.update(_named(event.payload))
    return frozenset(name for name in found if len(name) > 1)


_NAMES = frozenset({
    "to_whom", "party", "approved_by", "officers", "signed_by", "by", "assignee", "loaded_by", "link_by",
})  # fmt: skip


def _named(payload: Mapping[str, Any]) -> Iterator[str]:
    for key, value in payload.items():
        if key in _NAMES and isinstance(value, str):
            yield from (part.strip() for part in re.split("[,，、;；]", value))
        elif key in _NAMES and isinstance(value, (list, tuple)):
            yield from (str(one) for one in value)
        elif key == "late" and isinstance(value, Mapping):
            yield from _named(value)
