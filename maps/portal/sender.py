"""[io] Who a record comes from, and what is to be said of how it came: late, or by a clock that is off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from geodata.words import Text, both
from maps.portal import links
from maps.portal.links import Link
from maps.portal.office import Office
from pipeline.cases.events import Actor

CLOCK_TOLERANCE = timedelta(minutes=5)
OURS = frozenset({
    "part", "notes", "came_late", "loaded_by", "link", "link_by", "record", "phone", "decided_at", "seen_version",
    "waits", "findings", "inspection", "overridden",
})  # fmt: skip
"""What of a record is said by us alone: a phone that says it is not heard."""


@dataclass(frozen=True)
class Sender:
    """Who a record comes from. loaded_by: who at the office loaded it out of a package.

    Who made the link and who loaded the package had it in their hands: the ledger counts them among the doers."""

    actor: Actor
    link: Link | None
    loaded_by: str = ""

    @property
    def told(self) -> dict[str, Any]:
        loaded = {"loaded_by": self.loaded_by} if self.loaded_by else {}
        made = {"link": self.link.id, "link_by": self.link.made_by} if self.link else {"link": ""}
        return {**made, **loaded}


def by_link(link: Link, loaded_by: str = "") -> Sender:
    return Sender(Actor(link.to, "field_inspector"), link, loaded_by)


def clock_gap_s(clock: Any) -> float | None:
    """How far the phone's clock was ahead of the server's; None where it cannot be told."""
    if not isinstance(clock, Mapping):
        return None
    phone, seen, gone = time_of(clock.get("phone_at")), time_of(clock.get("server_seen_at")), clock.get("monotonic_ms")
    if phone is None or seen is None or isinstance(gone, bool) or not isinstance(gone, int | float):
        return None
    return round((phone - seen).total_seconds() - gone / 1000, 1)


def notes(
    office: Office, sender: Sender, number: str, values: Mapping[str, Any], now: datetime
) -> dict[str, dict[str, Any]]:
    """What is to be said of a record beside what ``judge`` finds: {key: as a finding}."""
    found: dict[str, Text] = {}
    came = late(office, sender, number, values, now)
    if came:
        found["late"] = (
            both("Came late: captured before the link {link} ended.", link=came["link"])
            if came["under"]
            else both("Captured when no link for this case was open.")
        )
    gap = clock_gap_s(values.get("clock"))
    if gap is not None and abs(gap) > CLOCK_TOLERANCE.total_seconds():
        found["phone_clock"] = both("The phone's clock was {minutes} min off the server's.", minutes=round(gap / 60))
    if values.get("position_source") == "return":
        found["return_position"] = both("The position was read when the camera came back, not at the shutter.")
    return {key: {"key": key, "text": dict(text), "doubt": True} for key, text in found.items()}


def late(
    office: Office, sender: Sender, number: str, values: Mapping[str, Any], now: datetime
) -> dict[str, Any] | None:
    """{link, ended_at, under}: the link under which it was captured has ended; under: it was open then."""
    taken, link = time_of(values.get("taken_at")), sender.link
    if taken is None:
        return None
    live = link is not None and link.state(now) == "live"
    if link is not None and live and taken >= link.made_at - CLOCK_TOLERANCE:
        return None
    others = [one for one in links.of_case(office.store, number) if one.made_at - CLOCK_TOLERANCE <= taken]
    under = next((one for one in others if taken < _end(one)), None)
    if under is not None and under.state(now) == "live":
        return None
    named = under or (link if not live else None) or (others[0] if others else None)
    return {
        "link": named.id if named else "",
        "ended_at": _end(named).isoformat() if named else None,
        "under": under is not None,
    }


def _end(link: Link) -> datetime:
    return min(link.expires_at, link.revoked_at or link.expires_at)


def time_of(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo and 1900 < found.year < 9000 else None  # beyond it no zone can be told
