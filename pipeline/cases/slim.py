"""[io] What an overview needs of every case, and only that: no geometry, no reasons, no parts.

A reader that keeps what it read asks for what changed since, so a ledger of many cases is read once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pipeline.cases import tables
from pipeline.cases.database import reading
from pipeline.cases.ledger import Ledger
from pipeline.precision import right

COLUMNS = (
    *("number", "status", "stage", "kind", "worth", "district_code", "township_code"),
    *("due_at", "relapses", "found_at"),
)
TEXTS = ("district_name", "township_name", "village_name", "closed_at", "after_id", "method")
JUDGED = ("verdict", "verdict_sub")
FIGURES = ("lon", "lat", "patch_m2", "basic_farmland_m2", "restored_m2")


@dataclass(frozen=True)
class Changed:
    """seq, hash: of the ledger's last event (0, "" where it holds none). rows: of the cases that
    changed; whole: they are all cases, and what the reader kept is to be dropped."""

    seq: int
    hash: str
    rows: list[dict[str, Any]]
    whole: bool


def changed(ledger: Ledger, seq: int = 0, hash: str = "") -> Changed:
    """Rows of the cases that changed after event ``seq``, in one look at the ledger.

    Keys: ``COLUMNS``, ``TEXTS`` and ``FIGURES``, as ``rows.case_row`` has them; ``proceeding``, the state of the
    latest one or None; ``right``, as ``precision.right`` says; ``parts``, the status of each part of a case that was
    split, else (). All cases come where the
    event ``seq`` no longer has that hash (another ledger lies there by now, or an older copy of it).
    """
    events = tables.events.c
    with reading(ledger.engine) as connection:
        last = connection.execute(sa.select(events.seq, events.hash).order_by(events.seq.desc()).limit(1)).first()
        if last is None:
            return Changed(0, "", [], True)
        if (last.seq, last.hash) == (seq, hash):
            return Changed(seq, hash, [], False)
        known = connection.execute(sa.select(events.hash).where(events.seq == seq)).scalar()
        whole = seq == 0 or known != hash
        query = _query(connection.dialect.name)
        if not whole:
            touched = sa.select(events.case).where(events.seq > seq, events.case.is_not(None)).distinct()
            query = query.where(tables.cases.c.number.in_(touched))
        rows = [_row(found) for found in connection.execute(query)]
        return Changed(last.seq, last.hash, rows, whole)


def _query(dialect: str) -> sa.Select[Any]:
    """The few values out of the stored row, read where it lies: the rest of it is long."""
    row = tables.cases.c.row
    names = (*TEXTS, *FIGURES, *JUDGED, "proceeding", "parts")
    if dialect == "postgresql":
        whole = sa.cast(row, sa.JSON)
        picked: sa.ColumnElement[Any] = sa.cast(sa.func.json_build_array(*(whole[name] for name in names)), sa.Text)
    else:
        picked = sa.func.json_extract(row, *(f"$.{name}" for name in names))
    return sa.select(*(tables.cases.c[name] for name in COLUMNS), picked)


def _row(found: Any) -> dict[str, Any]:
    *plain, picked = found
    *few, verdict, sub, proceeding, parts = json.loads(picked)
    row = dict(zip((*COLUMNS, *TEXTS, *FIGURES), (*plain, *few), strict=True))
    state = proceeding["status"] if proceeding else None
    was_right = right({**row, "verdict": verdict, "verdict_sub": sub, "parts": parts})
    return {**row, "proceeding": state, "right": was_right, "parts": tuple(part["status"] for part in parts)}
