"""What the scenes of a case's flags make of it: how sure it is, and which of them saw it."""

from __future__ import annotations

from datetime import date, datetime

from geodata.days import day_of
from pipeline.cases.case import Case


def confidence(case: Case) -> float:
    """Of the case: a further scene that sees the ground again raises it; two flags of one scene do not.

    1 − Π(1 − c) over the AFTER scenes (the best flag of each), at most 0.97: only the ground is sure.
    """
    best: dict[str, float] = {}
    for flag in case.flags:
        scene = flag["change"]["after_id"]
        best[scene] = max(best.get(scene, 0.0), flag["confidence"])
    doubt = 1.0
    for value in best.values():
        doubt *= 1.0 - value
    return round(min(1.0 - doubt, max(0.97, *best.values())), 3)


def days_seen_again(case: Case) -> list[date]:
    """Days in Beijing of the scenes that saw it after the first, oldest first; two scenes of one day are one."""
    first = case.flags[0]["change"]["after_id"]
    again = [f["after_at"] for f in case.flags if f["change"]["after_id"] not in ("", first) and f["after_at"]]
    return sorted({day_of(datetime.fromisoformat(at)) for at in again})


def scenes_that_saw(case: Case) -> set[str]:
    """Ids of the AFTER scenes of its flags; clues from outside name none."""
    return {flag["change"]["after_id"] for flag in case.flags} - {""}
