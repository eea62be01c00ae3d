"""Facts on which leniency may rest, computed and shown with their articles; the decision is people's. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from geodata.words import Text
from pipeline.cases.facts import Facts


@dataclass(frozen=True)
class EarlierAct:
    """An act of the same party that was found before: case number, when, how it ended (None: not yet)."""

    number: str
    on: date
    outcome: str | None = None


@dataclass(frozen=True)
class LeniencyFact:
    """holds: None where it is not known. values: the numbers it rests on, JSON values."""

    key: str
    name: Text
    article: Text
    holds: bool | None
    values: Mapping[str, Any]


def facts(
    known: Facts,
    earlier: Sequence[EarlierAct] | None,
    *,
    day: date,
    construction: str | None = None,
    harm: bool | None = None,
) -> tuple[LeniencyFact, ...]:
    """earlier: None = not looked up. construction: "none", "started", "finished" or None. harm: as found on site."""
    raise NotImplementedError


def to_json(found: Sequence[LeniencyFact]) -> list[dict[str, Any]]:
    return [
        {"key": f.key, "name": f.name, "article": f.article, "holds": f.holds, "values": dict(f.values)} for f in found
    ]
