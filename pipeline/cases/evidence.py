"""Evidence: a photo or document of a case, and what can be said of it against the ground."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shapely.geometry.base import BaseGeometry

from geodata.words import Text
from pipeline.plain import from_plain, to_plain


@dataclass(frozen=True)
class Evidence:
    """kind: "photo", "document", "video", "other". shot: "overview", "close", "corner", "inside",
    "after", "other", "". Times UTC. lon, lat: EPSG:4490. heading_deg: clockwise from true north.
    position_source: "exif", "phone", "manual", "none". title: of a document, the key of its type.

    declination_deg: what was added to a magnetic heading to make it true; None if it was true.
    fov_deg: horizontal field of view. pitch_deg: −90 looks straight down; height_m: above
    take-off. clock_gap_s: the camera's clock minus the time of GPS. edited_with: a program that
    wrote the file anew. metadata: see ``geodata.photometa.Photo``.
    """

    sha256: str
    kind: str
    shot: str
    media_type: str
    size_bytes: int
    taken_at: datetime | None
    received_at: datetime
    lon: float | None = None
    lat: float | None = None
    accuracy_m: float | None = None
    heading_deg: float | None = None
    position_source: str = "none"
    rtk: str | None = None
    mock: bool | None = None
    camera: str | None = None
    title: str = ""
    time_source: str = ""
    heading_source: str = ""
    heading_north: str = ""
    declination_deg: float | None = None
    fov_deg: float | None = None
    pitch_deg: float | None = None
    height_m: float | None = None
    clock_gap_s: float | None = None
    edited_with: str | None = None
    metadata: str = ""


def to_json(evidence: Evidence) -> dict[str, Any]:
    return to_plain(evidence)


def from_json(value: Mapping[str, Any]) -> Evidence:
    return from_plain(Evidence, value)


@dataclass(frozen=True)
class Finding:
    key: str
    text: Text


@dataclass(frozen=True)
class Judged:
    evidence: Evidence
    findings: tuple[Finding, ...]

    @property
    def in_place(self) -> bool:
        """Taken inside the part (within the accuracy of its position) or facing it."""
        return bool({f.key for f in self.findings} & {"inside", "near", "facing"})


def judge(
    evidence: Evidence, geometry: BaseGeometry, *, change_after: datetime | None, used_in: Sequence[str]
) -> Judged:
    """geometry: of the part, EPSG:4490. change_after: the last time at which the ground was seen
    unchanged. used_in: the other cases that hold the same bytes."""
    raise NotImplementedError
