"""[io] Open cases laid over another edition of a layer; read only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flows.settings import Workspace
from geodata.crs import GEOGRAPHIC
from geodata.layers import Kind
from pipeline import overlay, rejudge


@dataclass
class Rejudged:
    """parts: open parts looked at; rows: of those that would be otherwise, as ``rejudge.difference``."""

    parts: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)


def run(
    office: Workspace, kind: Kind, edition: str, progress: Callable[[float], None] = lambda share: None
) -> Rejudged:
    """All other kinds stay as each part was judged. Raises: InputError where the edition is not held."""
    editions = office.editions
    editions.parts(kind, edition)
    with office.ledger as ledger:
        asked = [one for case in ledger.each_case() for one in rejudge.asked(case)]
    groups: dict[Any, list[rejudge.Asked]] = {}
    for one in asked:
        key = (one.day, tuple((k, tuple(v)) for k, v in sorted(one.layers.items()) if k != kind))
        groups.setdefault(key, []).append(one)
    done = Rejudged(len(asked))
    for n, ((day, others), group) in enumerate(sorted(groups.items(), key=lambda item: item[0])):
        chosen = {Kind(k): v for k, v in others} | {kind: (edition,)}
        layers = editions.named(chosen, day)
        found = overlay.overlay([one.geometry for one in group], GEOGRAPHIC, layers, day=day)
        for one, occupied in zip(group, found, strict=True):
            row = rejudge.difference(one, rejudge.before(one), rejudge.after(one, occupied))
            if row is not None:
                done.rows.append(row)
        progress((n + 1) / len(groups))
    done.rows.sort(key=lambda row: (row["case"], row["part"]))
    return done
