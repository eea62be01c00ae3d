"""What the page of one case shows, as values. ``case_story`` makes them, ``case_map`` draws them.

Texts are in both languages, so that one CasePage renders in either.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from shapely.geometry.base import BaseGeometry

from geodata.area import mu
from geodata.words import Text
from maps.chips import Chip
from pipeline.cases.case import Status
from pipeline.flags import Reason


@dataclass(frozen=True, eq=False)
class SceneView:
    """One date over the place. chip: None where no picture is held. unusable: why it cannot be
    compared here (cloud over the patch, too coarse, no picture); None = it can.
    cloud_pct: over the patch, 0 to 100, None = unknown."""

    id: str
    platform: str
    day: date
    gsd_m: float
    cloud_pct: float | None
    chip: Chip | None
    unusable: Text | None = None


@dataclass(frozen=True, eq=False)
class Ground:
    """One piece of the layers around the patch, EPSG:4490. kind: "parcel" (with DLBM and name as
    its label), "basic_farmland", or "other" (approved, facility, redline)."""

    geometry: BaseGeometry
    label: str
    kind: str


@dataclass(frozen=True)
class AreaRow:
    """One line of the area table, m². net_m2 None = it has no net of its own (no 田坎 in it).
    codes: the DLBM found in it, "0101 0103"."""

    key: str
    name: Text
    codes: str
    gross_m2: float
    net_m2: float | None


@dataclass(frozen=True)
class Area:
    """rows: the terms of the sum, in the table's order; overlays: what lies over it and is no term
    (basic farmland, redline). difference_m2: patch − Σ rows."""

    rows: tuple[AreaRow, ...]
    patch_m2: float
    overlays: tuple[AreaRow, ...]
    doubly_covered_m2: float = 0.0
    notes: tuple[Text, ...] = ()

    @property
    def difference_m2(self) -> float:
        return self.patch_m2 - sum(row.gross_m2 for row in self.rows)

    @property
    def agrees(self) -> bool:
        """The survey's own identity: to 0.01 亩 (domain.md 3.4)."""
        return mu(abs(self.difference_m2)) <= 0.01


@dataclass(frozen=True)
class StageStep:
    """One of the four steps at the top. state: "done", "current" or "future"."""

    status: Status
    title: Text
    note: Text
    state: str


@dataclass(frozen=True)
class NextStep:
    """What happens next. rows: (label, text): who, due, after that. overdue: its last day has passed."""

    title: Text
    rows: tuple[tuple[Text, Text], ...]
    open: bool = True
    overdue: bool = False


@dataclass(frozen=True)
class Happening:
    """One line of 经过. href: the page of the run that saw it, relative to the language's root; None = no
    link. kind: of the event. icon: "" = none. count: events in this line. struck: corrected by a later one.
    files: (sha256, "photo" or "document" …, name) of the evidence that came."""

    seq: int
    at: datetime
    title: Text
    text: Text
    href: str | None = None
    machine: bool = True
    icon: str = ""
    kind: str = ""
    count: int = 1
    struck: bool = False
    files: tuple[tuple[str, str, Text], ...] = ()


@dataclass(frozen=True)
class VerdictLine:
    """What was found on the ground, when, by which role; who: by name, inside the office, else the role.
    unlawful: the one place where 违法 may stand."""

    name: Text
    day: date
    role: Text
    who: Text
    unlawful: bool
    text: Text | None = None


@dataclass(frozen=True)
class GateLine:
    """One gate of 销号: met None = not asked for by this kind of closing."""

    key: str
    name: Text
    met: bool | None
    value: Text
    missing: Text | None


@dataclass(frozen=True)
class RecheckLine:
    """What one later scene says of a part. counts: it stands for or against the closing."""

    at: datetime
    scene: Text
    verdict: str
    word: Text
    text: Text
    figures: tuple[Text, ...]
    counts: bool
    pixels: int
    flight: bool


@dataclass(frozen=True, eq=False)
class PartView:
    """A part of the ground: the whole case (id "") until it is split. gates_of: the kind of closing that
    ``gates`` belong to. beside: 并行事项, (label, text). overridden: why it was closed against the gates."""

    id: str
    number: str
    status: Status
    geometry: BaseGeometry
    patch_m2: float
    farmland_m2: float
    basic_m2: float
    verdict: VerdictLine | None
    next: NextStep
    gates: tuple[GateLine, ...]
    gates_of: Text | None
    rechecks: tuple[RecheckLine, ...]
    beside: tuple[tuple[Text, Text], ...]
    outcome: Text | None = None
    overridden: Text | None = None
    overdue: bool = False


@dataclass(frozen=True)
class Seal:
    """What checking every hash of the ledger gave, and when. first_bad: the first event that does not fit."""

    ok: bool
    events: int
    first_bad: int | None
    head: str
    at: datetime


@dataclass(frozen=True, eq=False)
class CasePage:
    """All that the page of one case shows.

    place: county, township, village; empty names left out. batch: the inspection's name.
    geometry: EPSG:4490. before_id, after_id: the pair that raised the flag, ids in ``scenes``.
    marks: where 中 and 高 begin on the confidence bar, and confidence_word where it lies.
    layers: (kind, editions) that the flag was computed with. confirmed: how often it was seen again.
    parts: one, or those of a split case. began: between which dates it began. clues: from outside.
    precision: of flags like this one, as verified on the ground; more than the kind's only where it is given.
    settled: doubts that hold no longer, and what ended them. looked: what further scenes said, in lines.
    """

    number: str
    status: Status
    kind: Text
    place: tuple[str, ...]
    batch: str
    geometry: BaseGeometry
    ground: tuple[Ground, ...]
    scenes: tuple[SceneView, ...]
    before_id: str
    after_id: str
    confidence: float
    confidence_word: Text
    marks: tuple[float, float]
    reasons: tuple[Reason, ...]
    doubts: tuple[Reason, ...]
    precision: tuple[Text, ...]
    area: Area
    stages: tuple[StageStep, ...]
    next: NextStep
    happenings: tuple[Happening, ...]
    seal: Seal | None
    layers: tuple[tuple[Text, str], ...]
    as_of: datetime
    relapses: int = 0
    confirmed: int = 0
    parts: tuple[PartView, ...] = ()
    began: Text | None = None
    clues: tuple[Text, ...] = ()
    settled: tuple[Text, ...] = ()
    looked: tuple[Text, ...] = ()

    @property
    def entries(self) -> int:
        """Events told; photos that came together are one line of several."""
        return sum(one.count for one in self.happenings)

    @property
    def unchecked(self) -> int:
        """Of ``entries``, those that came after the last check of the ledger."""
        checked = self.seal.events if self.seal else 0
        return sum(one.count for one in self.happenings if one.seq > checked)

    @property
    def overdue(self) -> bool:
        return any(part.overdue for part in self.parts)
