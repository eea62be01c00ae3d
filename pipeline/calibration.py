"""From the evidence of a first look to the share of such flags that are right. Pure.

A logistic scale (Platt 1999): log-odds = ``AT`` + ``SLOPE`` × evidence. Its two numbers are data of the day below,
fitted by ``tests.benchmarks.calibration`` to flags of computed townships, whose truth is known, and to flags of real
ground on which nothing was built, both of one weight. That weight is a middle course: nobody knows beforehand how
often building is where a bureau looks. What its own ground checks say (``precision``) stands beside it.
"""

from __future__ import annotations

import math

FITTED = "2026-11-30: computed townships 11 and 12; NAIP 2009 to 2020, western half of the tile"
AT, SLOPE = -8.98, 12.10


def first_look(evidence: float) -> float:
    """Probability that a flag is right. evidence: 0 to 1, ``triage.evidence_of``."""
    return 1.0 / (1.0 + math.exp(-(AT + SLOPE * evidence)))
