"""The same ground seen again → the existing case."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipeline.cases.case import Case
from pipeline.flags import Flag

SAME_GROUND = 0.3
"""Intersection over the smaller of two patches, at and above which they are the same ground."""


def match(flags: Sequence[Flag], cases: Iterable[Case]) -> dict[str, str | None]:
    """{flag id: number of the case it lies on, None where there is none}."""
    raise NotImplementedError
