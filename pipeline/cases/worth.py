"""What a ground check is expected to find: the order in which a week's few visits are spent."""

from __future__ import annotations

from geodata.area import M2_PER_MU
from pipeline.cases.law import Rules


def worth(confidence: float, urgency: float, farmland_m2: float, basic_farmland_m2: float, rules: Rules) -> float:
    """Probability × farmland in 亩, basic farmland weighed up × urgency.

    confidence, urgency: 0 to 1. farmland_m2, basic_farmland_m2: net. Basic farmland weighs as much more as the law
    asks less of it for the same (10 亩 of other farmland are 5 of it: ``Rules.criminal_ratio``).
    """
    weighed = rules.criminal_ratio(basic_farmland_m2, farmland_m2) * rules.criminal_farmland_m2 / M2_PER_MU
    return confidence * weighed * urgency
