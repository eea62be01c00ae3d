"""Facts on which leniency may rest, computed and shown with their articles; the decision is people's. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from geodata.area import mu
from geodata.days import day_of
from geodata.words import Text
from pipeline.cases.facts import Facts, Reader
from pipeline.cases.proceeding_law import entries, words

CONSTRUCTION = ("none", "started", "finished")
NO_OFFENCE = ("DISMISSED", "lawful", "false_change", "basemap_wrong")
"""Outcomes of an earlier case that make it no offence."""


@dataclass(frozen=True)
class EarlierAct:
    """An act of the same party that was found before: case number, when, how it ended (None: not yet)."""

    number: str
    on: date
    outcome: str | None = None


@dataclass(frozen=True)
class LeniencyFact:
    """holds: None where it is not known. values: what it rests on, JSON values."""

    key: str
    name: Text
    article: Text
    holds: bool | None
    values: Mapping[str, Any]


@dataclass(frozen=True)
class _Known:
    facts: Facts
    earlier: Sequence[EarlierAct] | None
    day: date
    construction: str | None
    harm: bool | None


def facts(
    known: Facts,
    earlier: Sequence[EarlierAct] | None,
    *,
    day: date,
    construction: str | None = None,
    harm: bool | str | None = None,
) -> tuple[LeniencyFact, ...]:
    """Every fact of ``law/leniency.toml`` in its order, on ``day``.

    earlier: None = not looked up. construction: one of CONSTRUCTION, None = not known. harm: harmful consequences
    as found on site (yes / no). Raises: StepRefused where construction or harm reads otherwise.
    """
    given = Reader(
        {"zh": "从轻减轻免罚事实", "en": "Leniency facts"},
        {"construction": construction, "harm": harm},
        words("leniency").fields,
    )
    what = _Known(
        known,
        earlier,
        day,
        given.one_of("construction", CONSTRUCTION) if given.has("construction") else None,
        given.flag("harm") if given.has("harm") else None,
    )
    found = []
    for key, entry in entries("leniency", "fact", day).items():
        holds, values = _HOLDS[key](what) if key in _HOLDS else (None, {})
        found.append(LeniencyFact(key, entry["name"], entry["article"], holds, values))
    return tuple(found)


def to_json(found: Sequence[LeniencyFact]) -> list[dict[str, Any]]:
    return [
        {"key": f.key, "name": f.name, "article": f.article, "holds": f.holds, "values": dict(f.values)} for f in found
    ]


Found = tuple[bool | None, dict[str, Any]]


def _first_offence(k: _Known) -> Found:
    """Only what this ledger knows: acts recorded elsewhere are not seen."""
    if k.earlier is None or not k.facts.party:
        return None, {"party": k.facts.party}
    acts = [a for a in k.earlier if a.on <= k.day and a.outcome not in NO_OFFENCE]
    acts.sort(key=lambda a: (a.on, a.number))
    named = [{"number": a.number, "on": a.on.isoformat(), "outcome": a.outcome} for a in acts]
    return not acts, {"party": k.facts.party, "earlier": named}


def _area(k: _Known) -> Found:
    f = k.facts
    return None, {
        "patch_m2": f.patch_m2,
        "farmland_m2": f.farmland_m2,
        "patch_mu": round(mu(f.patch_m2), 2),
        "farmland_mu": round(mu(f.farmland_m2), 2),
    }


def _no_basic_farmland(k: _Known) -> Found:
    m2 = k.facts.basic_farmland_m2
    return (m2 <= 0 if k.facts.patch_m2 > 0 else None), {"basic_farmland_m2": m2, "basic_farmland_mu": round(mu(m2), 2)}


def _no_construction(k: _Known) -> Found:
    return None if k.construction is None else k.construction == "none", {"construction": k.construction}


def _no_harm(k: _Known) -> Found:
    return None if k.harm is None else not k.harm, {"harm": k.harm}


def _corrected(k: _Known) -> Found:
    """Until the last day of the rectification, or before any order; not so after it, or where it passed without."""
    at, due = k.facts.corrected_at, k.facts.due_at
    on = None if at is None else day_of(at)
    values = {
        "corrected_on": None if on is None else on.isoformat(),
        "due_on": None if due is None else due.isoformat(),
        "ordered": k.facts.ordered,
    }
    if on is None:
        return (False if due is not None and k.day > due else None), values
    if due is not None:
        return on <= due, values
    return (None if k.facts.ordered else True), values


def _education(k: _Known) -> Found:
    return "education" in k.facts.papers, {}


_HOLDS: Mapping[str, Callable[[_Known], Found]] = {
    "first_offence": _first_offence,
    "area": _area,
    "no_basic_farmland": _no_basic_farmland,
    "no_substantial_construction": _no_construction,
    "no_harm": _no_harm,
    "corrected_in_time": _corrected,
    "education": _education,
}
"""A fact without a line here (no_fault) is the party's to prove: never computed."""
