"""What people give for a step, whichever door they come through: names, numbers, wholes made of texts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Any

from geodata.errors import InputError
from geodata.words import Text
from pipeline.cases.events import Kind, Role
from pipeline.cases.proceeding_law import words
from pipeline.cases.standards import Standards
from pipeline.cases.table import NEXT

BY_PERSONS = tuple(
    kind for kind in Kind if any(k is kind and step.roles - {Role.SYSTEM} for (s, k), step in NEXT.items() if s)
)
"""Kinds of event that somebody with a name may add to a case that is there."""
BATCH_ONLY = (Kind.CLUE, Kind.SEEN_AGAIN, Kind.RELAPSED)
"""Of those, what comes with a patch: through ``inspect`` or ``batch add``."""


def slug(kind: Kind) -> str:
    return kind.value.lower().replace("_", "-")


def number(name: str, value: Any) -> float:
    try:
        found = float(str(value).replace(",", ""))
    except ValueError:
        found = math.nan
    if not math.isfinite(found) or found < 0:
        raise InputError("{name}={text}: is no number; write one as 120.5.", name=name, text=value)
    return found


def typed(kind: Kind, given: dict[str, Any], rules: Standards, due: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the step wants as a number or as a whole, made of the texts given."""
    if kind is Kind.VERDICT:
        rule = rules.verdicts.get(str(given.get("verdict")))
        numbers = [f.key for f in rule.fields.values() if f.type == "number"] if rule else []
        for name in numbers:
            if name in given:
                given[name] = number(name, given[name])
    if kind is Kind.LOOKALIKES and not isinstance(given.get("parcels", []), list):
        raise InputError("{pair}: is no list; write parcels:=[{{…}}, …].", pair=f"parcels={given['parcels']}")
    if kind is Kind.DUE_SET and "due" not in given:
        on, what = str(given.pop("on", "")), given.pop("what", (due or {}).get("what", ""))
        try:
            day = date.fromisoformat(on).isoformat()
        except ValueError:
            raise InputError("{name}={text}: is no day; write YYYY-MM-DD.", name="on", text=on) from None
        given["due"] = {"what": what, "on": day, "provisional": False}
    return given


def papers(rules: Standards) -> dict[str, Text]:
    """{key: name} of all papers that closings, proceedings and transfers ask for."""
    return {**words("transfer").papers, **words("proceeding").papers, **rules.documents}
