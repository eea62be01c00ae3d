"""Time limits that run beside the loop, as reminders and pages show them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from geodata.words import Text


@dataclass(frozen=True)
class Running:
    """of: who must act ("office", "party", "police"). at: to the minute, for a limit in hours. days_left: negative
    when overdue; None while it is paused. provisional: 暂定, its calendar is not published."""

    key: str
    name: Text
    day: date
    at: datetime | None
    of: str
    days_left: int | None
    provisional: bool
    source: str


def running(dues: Mapping[str, Mapping[str, Any]], today: date) -> list[Running]:
    """The time limits of a ``Proceeding`` or ``Transfer`` (their ``dues``), the next one first."""
    found = []
    for key, due in dues.items():
        day = date.fromisoformat(due["day"])
        found.append(
            Running(
                key=key,
                name=due.get("name") or {"zh": key, "en": key},
                day=day,
                at=datetime.fromisoformat(due["at"]) if "at" in due else None,
                of=due["of"],
                days_left=None if due.get("paused") else (day - today).days,
                provisional=due["provisional"],
                source=due["source"],
            )
        )
    return sorted(found, key=lambda r: (r.day, r.key))
