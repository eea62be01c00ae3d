"""What the scenes of a case's flags make of it: how sure it is, and which of them saw it."""

from __future__ import annotations

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


def scenes_that_saw(case: Case) -> set[str]:
    """Ids of the AFTER scenes of its flags; clues from outside name none."""
    return {flag["change"]["after_id"] for flag in case.flags} - {""}
