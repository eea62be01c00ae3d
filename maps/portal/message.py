"""[io] What leaves the house: the number of a case, its due day, the link. Nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from geodata.words import language, tr
from maps.portal.links import Link
from maps.style import STATUSES
from pipeline.cases.ledger import Ledger
from pipeline.cases.table import Status

OVER = (Status.CLOSED, Status.DISMISSED)


def of_link(ledger: Ledger, link: Link, address: str) -> tuple[str, str]:
    """(title, text) for one link."""
    lines = [line(number, _due(ledger, number)) for number in link.cases]
    return tr("Field link {number}", number=link.cases[0]), "\n".join([*lines, address])


def of_ended(ledger: Ledger, numbers: Sequence[str]) -> str:
    """What whoever makes a link should know of its cases that are over; "" where none is."""
    found = [(n, ledger.case(n).status) for n in numbers]
    over = [f"{n} {STATUSES[status].text[language()]}" for n, status in found if status in OVER]
    if not over:
        return ""
    return tr(
        "{cases}: over already. The link brings in photos; a verdict sent through it is kept as an addition and changes"
        " nothing.",
        cases=("、" if language() == "zh" else ", ").join(over),
    )


def of_reminders(rows: Sequence[Mapping[str, Any]], address: str = "") -> tuple[str, str]:
    """(title, text) of what ``remind`` found: each case with the first of its days, earliest first."""
    first: dict[str, str] = {}
    for row in sorted(rows, key=lambda r: str(r["on"])):
        first.setdefault(str(row["number"]), str(row["on"]))
    lines = [line(number, on) for number, on in first.items()]
    return tr("{n} cases are due", n=len(first)), "\n".join([*lines, *([address] if address else [])])


def line(number: str, due: str) -> str:
    return tr("{number}, due {day}", number=number, day=due) if due else number


def _due(ledger: Ledger, number: str) -> str:
    days = [str(part.due["on"]) for part in ledger.case(number).parts if part.due]
    return min(days, default="")
