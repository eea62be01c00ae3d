"""Which parts are looked at again by later imagery, since when, and what has been said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.cases.case import Part

WAITING = ("RECTIFYING", "REPORTED", "CLOSED")


def since(part: Part) -> datetime | None:
    """From when on scenes are judged: the report, else the verdict. None: not looked at, because the part is not there
    yet, or because nothing had to be put right.

    Of a closed part too: what was said before its closing stands together with what is seen after.
    """
    if part.status not in WAITING or (part.verdict or {}).get("leads_to") != "rectify":
        return None
    return _at(part.report or part.verdict)


def closed(part: Part) -> datetime | None:
    return _at(part.closing)


def _at(told: Mapping[str, Any] | None) -> datetime | None:
    return datetime.fromisoformat(told["at"]) if told and "at" in told else None


def watched(closed_at: datetime, now: datetime, months: int) -> bool:
    """Whether ground closed then is still watched."""
    whole = closed_at.month - 1 + months
    year, month = closed_at.year + whole // 12, whole % 12 + 1
    return (now.year, now.month, now.day) <= (year, month, closed_at.day)


def said(rechecks: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """{scene id: the latest verdict recorded of it}; rechecks: payloads of RECHECKED in order."""
    return {item["recheck"]["scene_id"]: item["recheck"]["verdict"] for item in rechecks}
