"""From an Inspection to a RunPage: numbers that add up, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from geodata.scene import Scene
from maps.chips import Chip
from maps.run_parts import RunPage
from pipeline.flags import Flag
from pipeline.inspection import Inspection


def run_page(
    inspection: Inspection,
    scenes: Mapping[str, Scene],
    flags: Sequence[Flag],
    numbers: Mapping[str, str],
    chips: Mapping[str, tuple[Chip, Chip]],
    *,
    as_of: datetime,
    place: str = "",
    started_at: datetime | None = None,
    thumbs: Mapping[str, str] | None = None,
    version: str = "",
    seen_again: frozenset[str] = frozenset(),
    root: str = "../",
) -> RunPage:
    """The report of ``inspection``.

    scenes: {id: Scene} of before and after. flags: those it raised. numbers: {flag id: case number}.
    chips: {case number: (before, after)}. thumbs: {scene id: href} of whole scenes.
    seen_again: ids of flags that joined a case that was there.
    """
    raise NotImplementedError


def _unused(_: Any) -> None:
    return None
