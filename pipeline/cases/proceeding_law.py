"""[io] The law of proceeding, transfer and leniency as dated data: ``law/*.toml`` of these names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from geodata.words import Text
from pipeline.cases.law import _in_force, _read


@dataclass(frozen=True)
class Period:
    """A time limit: ``n`` of ``unit`` (workdays, days, months, hours)."""

    key: str
    n: int
    unit: str
    roll: bool
    source: str
    name: Text


@dataclass(frozen=True)
class Cause:
    """An act by its article. The fine lies between low and high times ``of`` (a field, or patch_m2); None: no scale."""

    key: str
    name: Text
    article: Text
    low: float | None
    high: float | None
    of: str


@dataclass(frozen=True)
class Penalty:
    """hearing: "always", "large" (from the sums of ``ProceedingLaw.large_yuan``) or "never"."""

    key: str
    name: Text
    hearing: str


@dataclass(frozen=True)
class Ground:
    """A ground of closing: from which states, with what (served, performed, applied)."""

    key: str
    name: Text
    states: tuple[str, ...]
    needs: tuple[str, ...]


@dataclass(frozen=True)
class NoPenalty:
    """A ground of 不予处罚. corrected: the act must be put right; education: the record of it must be there."""

    key: str
    name: Text
    article: Text
    corrected: bool
    education: bool


@dataclass(frozen=True)
class ProceedingLaw:
    """What is in force on one day. large_yuan: kind of party → the sum from which a fine is large."""

    periods: Mapping[str, Period]
    causes: Mapping[str, Cause]
    penalties: Mapping[str, Penalty]
    grounds: Mapping[str, Ground]
    no_penalty: Mapping[str, NoPenalty]
    large_yuan: Mapping[str, float]
    review_when: tuple[str, ...]
    discussion_when: tuple[str, ...]
    surcharge_a_day: float
    apply_after: tuple[str, ...]


@dataclass(frozen=True)
class Words:
    """Names of what the tables name by keys; a key without one is its own name."""

    steps: Mapping[str, Text]
    states: Mapping[str, Text]
    fields: Mapping[str, Text]
    papers: Mapping[str, Text]
    roles: Mapping[str, Text]
    articles: Mapping[str, Text]

    def of(self, kind: str, key: str) -> Text:
        return getattr(self, kind).get(key) or {"zh": key, "en": key}

    def listed(self, kind: str, keys: Iterable[str]) -> Text:
        names = [self.of(kind, key) for key in keys]
        return {"zh": "、".join(n["zh"] for n in names), "en": ", ".join(n["en"] for n in names)}


@cache
def proceeding_law(day: date) -> ProceedingLaw:
    """The law on ``day``; before the first entry of a key, that entry."""
    read = _read("proceeding")
    large = _in_force(read["large"], day)
    return ProceedingLaw(
        periods=_periods(read, day),
        causes={k: _cause(k, e) for k, e in _by_key(read["cause"], day).items()},
        penalties={k: Penalty(k, e["name"], e["hearing"]) for k, e in _by_key(read["penalty"], day).items()},
        grounds={
            k: Ground(k, e["name"], tuple(e["states"]), tuple(e.get("needs", ())))
            for k, e in _by_key(read["ground"], day).items()
        },
        no_penalty={
            k: NoPenalty(k, e["name"], e["article"], e.get("corrected", False), e.get("education", False))
            for k, e in _by_key(read["no_penalty"], day).items()
        },
        large_yuan={"person": large["person"], "organisation": large["organisation"]},
        review_when=tuple(read["review"]["when"]),
        discussion_when=tuple(read["discussion"]["when"]),
        surcharge_a_day=read["surcharge"]["a_day"],
        apply_after=tuple(read["apply"]["after"]),
    )


@cache
def words(name: str) -> Words:
    """Names that ``law/{name}.toml`` gives, those of proceeding.toml behind them."""
    own, common = _read(name), _read("proceeding")
    return Words(**{
        kind: {**common[kind], **own.get(kind, {})}
        for kind in ("steps", "states", "fields", "papers", "roles", "articles")
    })  # fmt: skip


@cache
def entries(name: str, table: str, day: date) -> Mapping[str, Mapping[str, Any]]:
    """The entries of one table of ``law/{name}.toml`` that are in force on ``day``, by key."""
    return _by_key(_read(name)[table], day)


def criminal() -> tuple[Text, int]:
    """Article of the thresholds of criminal law, and the months over which acts are added up."""
    read = _read("transfer")["criminal"]
    return read["article"], read["accumulate_months"]


def _periods(read: Mapping[str, Any], day: date) -> dict[str, Period]:
    return {
        k: Period(k, e["n"], e["unit"], e.get("roll", False), e["source"], e["name"])
        for k, e in _by_key(read.get("deadline", []), day).items()
    }


def _cause(key: str, entry: Mapping[str, Any]) -> Cause:
    fine = entry.get("fine", {})
    return Cause(key, entry["name"], entry["article"], fine.get("low"), fine.get("high"), fine.get("of", ""))


def _by_key(found: list[Mapping[str, Any]], day: date) -> dict[str, Mapping[str, Any]]:
    """Entries in their order, one a key: the one in force. An entry without a day was always in force."""
    by_key: dict[str, list[Mapping[str, Any]]] = {}
    for entry in found:
        by_key.setdefault(entry["key"], []).append({"valid_from": date.min, **entry})
    return {key: _in_force(dated, day) for key, dated in by_key.items()}
