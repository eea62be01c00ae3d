"""When a satellite took an image, where its metadata name no zone: told by daylight."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from geodata import labels
from geodata.words import Text, both

DAY = (6.0, 18.0)
"""Hours of local solar time at which an image can have been taken."""


def acquired(text: str, field: str, longitude: float | None) -> tuple[labels.When, Text | None] | None:
    """The time ``text`` of the metadata's ``field`` and what is to be said of it; None where it is no time.

    Without a zone it is Beijing time, as is usual in Chinese deliveries; UTC where it would have been night at
    ``longitude`` (degrees east) in Beijing time and day in UTC.
    """
    found = labels.parse_time(text)
    if found is None or not found.zone_assumed:
        return (found, None) if found else None
    in_utc = labels.parse_time(text, utc=True)
    if longitude is not None and in_utc and not _by_day(found.at, longitude) and _by_day(in_utc.at, longitude):
        note = both("the time {text} of {field} has no zone and is read as UTC: in Beijing time it would have been"
                    " night there.", text=text, field=field)  # fmt: skip
        return in_utc, note
    at = f"{found.at:%Y-%m-%d %H:%M:%S} UTC"
    note = both("the time {text} of {field} has no zone and is read as Beijing time: {at}.", text=text, field=field,
                at=at)  # fmt: skip
    return replace(found, zone_assumed=False), note


def _by_day(at: datetime, longitude: float) -> bool:
    solar = at + timedelta(hours=longitude / 15)
    return DAY[0] <= solar.hour + solar.minute / 60 <= DAY[1]
