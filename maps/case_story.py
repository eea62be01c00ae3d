"""From the ledger's values to a CasePage: what to say, in which order, with which numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from shapely.geometry.base import BaseGeometry

from geodata.scene import Scene
from maps.case_parts import CasePage
from maps.chips import Chip
from pipeline.cases.case import Case
from pipeline.cases.events import Event
from pipeline.inspection import Inspection


def case_page(
    case: Case,
    events: Iterable[Event],
    inspections: Iterable[Inspection],
    scenes: Iterable[Scene],
    context: Sequence[tuple[BaseGeometry, str, str]],
    chips: Mapping[str, Chip],
    *,
    as_of: datetime,
    clouds: Mapping[str, float] | None = None,
    verified: Any = None,
    runs: Mapping[str, str] | None = None,
    root: str = "../",
) -> CasePage:
    """The page of ``case``.

    events: of this case, any order. inspections: those its events name. scenes: all that cover the
    place. context: what lies around, (geometry EPSG:4490, label, kind) with kind a
    ``geodata.layers.Kind``: FARMLAND parcels ("0101 水田" as label), BASIC_FARMLAND, others.
    chips: {scene id: Chip}; a scene without one is shown greyed. clouds: {scene id: per cent of
    the patch under cloud}. verified: ``ledger.Verified``. runs: {inspection id: href of its page}.
    """
    raise NotImplementedError
