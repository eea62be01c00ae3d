"""The case: the piece of ground, followed until closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from shapely.geometry.base import BaseGeometry


class Stage(StrEnum):
    FOUND = "FOUND"
    RECTIFY = "RECTIFY"
    CLOSED = "CLOSED"


class Status(StrEnum):
    SUSPECTED = "SUSPECTED"
    DISPATCHED = "DISPATCHED"
    RECTIFYING = "RECTIFYING"
    REPORTED = "REPORTED"
    CLOSED = "CLOSED"
    DISMISSED = "DISMISSED"


@dataclass(frozen=True, eq=False)
class Case:
    """State as replayed from the events. geometry: EPSG:4490. flags: payloads of FOUND and
    SEEN_AGAIN in order (``flags[0]`` is the one that founded it), as ``flags.to_json`` writes them."""

    number: str
    stage: Stage
    status: Status
    geometry: BaseGeometry
    flags: tuple[Mapping[str, Any], ...]
    found_at: datetime
    district_code: str
    district_name: str
    township_code: str
    township_name: str
    village_name: str
    relapses: int = 0
    version: int = 0
