"""[io] Thresholds as dated data, never as code: ``law/*.toml`` beside this file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from geodata.area import M2_PER_MU


@dataclass(frozen=True)
class Rules:
    """What triage decides by on one day; shares 0 to 1. Each group is documented in its TOML file."""

    criminal_basic_farmland_m2: float
    criminal_farmland_m2: float
    mapping_construction_m2: float
    mapping_agricultural_m2: float
    mapping_other_m2: float
    unseen: float
    off_m2: float
    off_share: float
    off_edge_share: float
    explained_share: float
    explained_edge_share: float
    partial_m2: float
    far_days: int
    flooded_months: tuple[int, ...]
    stale_days: int

    def criminal_ratio(self, basic_farmland_m2: float, farmland_m2: float) -> float:
        """永农 / 5 亩 + other 耕地 / 10 亩; from 1 a matter for legal review (法制研判).

        Basic farmland is an overlay: what of it lies inside 耕地 is not known here, so that the
        other farmland counts as the excess over it, at least 0.
        """
        other = max(0.0, farmland_m2 - basic_farmland_m2)
        return basic_farmland_m2 / self.criminal_basic_farmland_m2 + other / self.criminal_farmland_m2


@cache
def rules(day: date) -> Rules:
    """The rules in force on ``day``; before the first entry of a group, that entry."""
    law, triage = _read("thresholds"), _read("triage")
    criminal, mapping = _in_force(law["criminal"], day), _in_force(law["mapping"], day)
    return Rules(
        criminal_basic_farmland_m2=criminal["basic_farmland_mu"] * M2_PER_MU,
        criminal_farmland_m2=criminal["farmland_mu"] * M2_PER_MU,
        mapping_construction_m2=mapping["construction_m2"],
        mapping_agricultural_m2=mapping["agricultural_m2"],
        mapping_other_m2=mapping["other_m2"],
        unseen=triage["cloud_edge"]["unseen"],
        off_m2=triage["off_farmland"]["m2"],
        off_share=triage["off_farmland"]["share"],
        off_edge_share=triage["off_farmland"]["edge_share"],
        explained_share=triage["explained"]["share"],
        explained_edge_share=triage["explained"]["edge_share"],
        partial_m2=triage["explained"]["partial_m2"],
        far_days=triage["season"]["far_days"],
        flooded_months=tuple(triage["season"]["flooded_months"]),
        stale_days=triage["season"]["stale_days"],
    )


@dataclass(frozen=True)
class LawText:
    """One version of a law. articles: those that speak of farmland or of its penalties. certainty: as in the file."""

    law: str
    version: str
    valid_from: date
    valid_until: date | None
    articles: tuple[str, ...]
    certainty: str


def texts(first: date, last: date) -> tuple[LawText, ...]:
    """The texts valid on any day from ``first`` to ``last``, in the order of the file.

    An occupation goes on until the ground is put right, so that a text that came later may hold for it
    too: which one applies, people decide.
    """
    return tuple(one for one in _texts() if one.valid_from <= last and (one.valid_until or last) >= first)


@cache
def _texts() -> tuple[LawText, ...]:
    return tuple(
        LawText(
            law=row["law"],
            version=row["version"],
            valid_from=row["valid_from"],
            valid_until=row.get("valid_until"),
            articles=tuple(row["articles"]),
            certainty=row["certainty"],
        )
        for row in _read("texts")["text"]
    )


def _in_force(entries: list[Mapping[str, Any]], day: date) -> Mapping[str, Any]:
    dated = sorted(entries, key=lambda e: e["valid_from"])
    return next((e for e in reversed(dated) if e["valid_from"] <= day), dated[0])


@cache
def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "law" / f"{name}.toml").read_text("utf-8"))
