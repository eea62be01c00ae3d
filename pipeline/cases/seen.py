"""What the scenes beyond the first make of a case: how sure it is, and which of them saw it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from geodata.days import day_of
from pipeline.cases.case import Case
from pipeline.confirm import AGREES, VERDICTS

CONFIRMED = 0.75
"""Least confidence of a case with which a later clear look agrees: from here on it is called high (``triage.HIGH``)."""
AGREEMENT = 6.0
"""By how much a look that agrees multiplies the odds (p / (1 - p)) that something was built."""
SUREST = 0.97
"""Only the ground is sure."""


def confidence(case: Case) -> float:
    """Of the case: a further scene that sees the ground again raises it; two flags of one scene do not.

    1 − Π(1 − c) over the AFTER scenes (the best flag of each); then its odds times ``AGREEMENT`` for the looks that
    agree, all together, and at least ``CONFIRMED``; at most ``SUREST``.
    """
    best: dict[str, float] = {}
    for flag in case.flags:
        scene = flag["change"]["after_id"]
        best[scene] = max(best.get(scene, 0.0), flag["confidence"])
    doubt = 1.0
    for value in best.values():
        doubt *= 1.0 - value
    sure, most = 1.0 - doubt, max(SUREST, *best.values())
    if looks(case)[AGREES] and doubt > 0:
        odds = AGREEMENT * sure / doubt
        sure = max(CONFIRMED, odds / (1.0 + odds))
    return round(min(sure, most), 3)


def gone_since(case: Case, look: Mapping[str, Any]) -> datetime:
    """From when on a look says that what was flagged is not there: its scene's time, at least that of AFTER."""
    flagged = case.flags[case.opened_by]["after_at"]
    return max(datetime.fromisoformat(at) for at in (flagged, look["at"]) if at)


def seen_after(case: Case, at: datetime) -> bool:
    """Whether a scene later than ``at`` flagged the ground, or agrees with the flag."""
    flagged = [flag["after_at"] for flag in case.flags if flag["after_at"]]
    return any(datetime.fromisoformat(one) > at for one in (*flagged, *_agreeing(case).values()))


def looks(case: Case) -> Counter[str]:
    """{verdict: scenes} of the looks of this round; all of ``confirm.VERDICTS`` are keys."""
    found = Counter(look["look"]["verdict"] for look in case.looks_now)
    return Counter({verdict: found[verdict] for verdict in VERDICTS})


def days_seen_again(case: Case) -> list[date]:
    """Days in Beijing of the scenes that saw it after the first, oldest first; two scenes of one day are one."""
    first = case.flags[0]["change"]["after_id"]
    again = [f["after_at"] for f in case.flags if f["change"]["after_id"] not in ("", first) and f["after_at"]]
    return sorted({day_of(datetime.fromisoformat(at)) for at in (*again, *_agreeing(case).values())})


def scenes_that_saw(case: Case) -> set[str]:
    """Ids of the AFTER scenes of its flags, and of later ones that agree; clues from outside name none."""
    return ({flag["change"]["after_id"] for flag in case.flags} | _agreeing(case).keys()) - {""}


def _agreeing(case: Case) -> dict[str, str]:
    """{scene id: when it was taken} of the looks that agree."""
    said = [look["look"] for look in case.looks_now]
    return {look["scene_id"]: look["at"] for look in said if look["verdict"] == AGREES}
