"""The place of a case or part for whoever reads its series: its ground, the pair of its flag, what is no neighbour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from flows.ground import Place, Reader
from flows.settings import Workspace
from pipeline.cases.case import Case

NEAR_DEG = 0.05
"""Ground of other cases so near is no neighbour to compare with."""


def reader(office: Workspace) -> Reader:
    """One for many parts: what was measured between two scenes is kept."""
    return Reader(office.catalog, office.editions.on, max_shift_px=office.settings.inspect.max_shift_px)


def place_of(case: Case, part: str, cases: Iterable[Case]) -> Place:
    """The part's ground, the pair that raised its (newest) flag, and what is no neighbour."""
    ground = _ground(case, part)
    return _place(case, ground, flag_of(case, ground), cases)


def suspected(case: Case, cases: Iterable[Case]) -> Place:
    """The ground of a suspected case, and the pair of the flag that opened its present round."""
    return _place(case, case.geometry, case.flags[case.opened_by], cases)


def _place(case: Case, ground: BaseGeometry, flag: Mapping[str, Any], cases: Iterable[Case]) -> Place:
    near = ground.buffer(NEAR_DEG)
    others = [one.geometry for one in cases if one.number != case.number and near.intersects(one.geometry)]
    return Place(ground, flag["change"]["before_id"], flag["change"]["after_id"], [*others, case.geometry])


def _ground(case: Case, part: str) -> BaseGeometry:
    if not part and len(case.parts) > 1:
        return case.geometry
    return case.part(part).geometry if part else case.parts[0].geometry


def flag_of(case: Case, ground: BaseGeometry) -> Mapping[str, Any]:
    """The flag that founded the case, or that said a relapse: the latest one whose BEFORE is later than the AFTER of
    the one before it."""
    found = case.flags[0]
    for flag in case.flags[1:]:
        if str(flag.get("before_at") or "") > str(found.get("after_at") or "~"):
            shape = shapely.geometry.shape(flag["occupied"]["geometry"])
            found = flag if shape.intersects(ground) else found
    return found
