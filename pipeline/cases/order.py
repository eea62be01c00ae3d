"""The order in which cases want attention: the same in every list, whether a database sorts or Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.cases.table import Status

_DATED, _SUSPECTED, _OTHERS = 0, 1, 2
_ENDED = {Status.CLOSED: 3, Status.DISMISSED: 4}


def order_key(row: Mapping[str, Any]) -> str:
    """Text whose bytes sort: what has a last day by that day (so overdue the longest first, then due soon), then
    suspected without one, the others without one, closed, dismissed; in each what a visit is worth, then by number.

    row: number, status, due_at, worth (below 1e7) as ``rows.case_row`` has them.
    """
    status, due = Status(row["status"]), str(row["due_at"] or "")[:10]
    if status in _ENDED:
        rank, due = _ENDED[status], ""
    elif due:
        rank = _DATED
    else:
        rank = _SUSPECTED if status is Status.SUSPECTED else _OTHERS
    return f"{rank} {due} {1e7 - row['worth']:013.4f} {row['number']}"
