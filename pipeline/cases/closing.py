"""What must be shown before 销号: one gate a demand, each with what was measured and what is missing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from geodata.words import Text
from pipeline.cases.rules import ClosingRule

if TYPE_CHECKING:
    from pipeline.cases.evidence import Judged
    from pipeline.recheck import Recheck


@dataclass(frozen=True)
class Gate:
    """``met``: None where this kind of rectification does not ask for it; ``value``: what was measured."""

    key: str
    name: Text
    met: bool | None
    value: Text
    missing: Text | None


def gates(
    rule: ClosingRule,
    *,
    reported_at: datetime | None,
    photos: Sequence[Judged],
    rechecks: Sequence[Recheck],
    documents: Collection[str],
    reporter: str | None,
    doers: Collection[str],
    by: str | None,
) -> tuple[Gate, ...]:
    raise NotImplementedError


def refusal(gates: Sequence[Gate]) -> Text | None:
    raise NotImplementedError
