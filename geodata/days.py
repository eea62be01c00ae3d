"""Days are days in Beijing: of the law, of the office, of an image's label."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

BEIJING = timezone(timedelta(hours=8))
"""China has had no summer time since 1991."""


def day_of(at: datetime) -> date:
    """The day in Beijing of a time with a zone."""
    return at.astimezone(BEIJING).date()
