"""[io] The story of one case as one document: its row, its parts, its events."""

from __future__ import annotations

from datetime import date
from typing import Any

from pipeline.cases.case import Case, Part
from pipeline.cases.events import Event
from pipeline.cases.ledger import Ledger
from pipeline.cases.rows import case_row, doubts_now, on_day, part_row
from pipeline.cases.running import running
from pipeline.cases.table import Status
from pipeline.plain import to_plain

TOLD = ("verdict", "sub", "rectification", "reason", "text", "to_whom", "step", "outcome", "batch", "title", "shot",
        "due_on", "again_on", "override")  # fmt: skip
"""Fields of a payload that a line of the timeline shows."""


def document(ledger: Ledger, number: str, today: date) -> dict[str, Any]:
    """The document of ``case show --json``: the row of ``case list``, and all that stands behind it.

    Raises: InputError where there is no such case.
    """
    case, events = ledger.case(number), ledger.events(number)
    return {
        **on_day(case_row(case), today),
        "doubts": {lang: [doubt["text"][lang] for doubt in doubts_now(case)] for lang in ("zh", "en")},
        "flags": list(case.flags),
        "clues": list(case.clues),
        "dated": case.dated,
        "supplements": list(case.supplements),
        "parts": [_part(ledger, case, part, today) for part in case.parts],
        "events": [_event(event) for event in events],
    }


def _part(ledger: Ledger, case: Case, part: Part, today: date) -> dict[str, Any]:
    due = part.due
    waits = part.status is Status.REPORTED
    return {
        **part_row(part),
        "assignee": part.assignee,
        "due": due,
        "days_left": (date.fromisoformat(due["on"]) - today).days if due and not part.paused_on else None,
        "paused_on": part.paused_on,
        "ground": part.ground,
        "verdict_given": part.verdict,
        "order": part.order,
        "report": part.report,
        "returned": list(part.returned),
        "postponed": list(part.postponed),
        "evidence": list(part.evidence),
        "rechecks": list(part.rechecks),
        "lookalikes": list(part.lookalikes),
        "leniency": list(part.leniency),
        "closing": part.closing,
        "gates": [to_plain(gate) for gate in ledger.gates(case.number, part=part.id)] if waits else [],
        "proceedings": [
            {**to_plain(p), "running": to_plain(running(p.dues, today))} for p in part.proceedings.values()
        ],
        "transfers": [{**to_plain(t), "running": to_plain(running(t.dues, today))} for t in part.transfers.values()],
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "kind": event.kind,
        "at": event.at.isoformat(),
        "by": event.by,
        "role": event.role,
        "part": event.payload.get("part", ""),
        "told": {key: event.payload[key] for key in TOLD if isinstance(event.payload.get(key), str | int | float)},
        "evidence": list(event.evidence),
        "hash": event.hash,
    }
