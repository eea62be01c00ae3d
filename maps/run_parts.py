"""What the report of one inspection shows, as values. ``run_story`` makes them, ``run_page`` draws them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from geodata.words import Text


@dataclass(frozen=True)
class RunScene:
    """One side of the pair. name: of the file handed in. cloud_pct: of the scene, None = quality
    unknown. thumb: href from the site's root, or None. day, gsd_m: None where the scene was removed."""

    id: str
    platform: str
    name: str
    day: date | None
    gsd_m: float | None
    cloud_pct: float | None
    thumb: str | None


@dataclass(frozen=True)
class Tie:
    """A tie point: where (0 to 1 of the image, y down), and how far off before and after, in px."""

    x: float
    y: float
    before: tuple[float, float]
    after: tuple[float, float]


@dataclass(frozen=True)
class Alignment:
    """state: as ``pipeline.align.Alignment`` has it. before, after: median length of the tie points'
    shifts before and after the move. used of tried tie points; ties: a sample of them to draw."""

    state: str
    before_px: float
    after_px: float
    before_m: float
    after_m: float
    ties: tuple[Tie, ...]
    used: int
    tried: int


@dataclass(frozen=True)
class FunnelRow:
    """key: "changes", a reason of ``pipeline.inspection.REASONS``, "seen_again" or "new"."""

    key: str
    name: Text
    count: int
    area_m2: float
    note: Text


@dataclass(frozen=True)
class TownshipRow:
    """sure: flags of medium confidence and more; high takes a second scene."""

    name: str
    count: int
    patch_m2: float
    basic_m2: float
    sure: int


@dataclass(frozen=True)
class FlagCard:
    """One flag of the contact sheet. href: its case page, from the language's root;
    before, after: thumbs, from the site's root. mark: one character for its kind.
    relapsed: it opened a closed case again."""

    number: str
    href: str
    before: str | None
    after: str | None
    kind: Text
    mark: Text
    confidence: float
    patch_m2: float
    fresh: bool = True
    relapsed: bool = False


@dataclass(frozen=True)
class Explained:
    """A change that layers explain: approved or facility ground. It is its own outcome, not silence."""

    reason: Text
    text: Text
    area_m2: float
    lon: float
    lat: float


@dataclass(frozen=True)
class ComparedFigure:
    """One figure of the run before and of this one, as text."""

    name: Text
    was: str
    now: str


@dataclass(frozen=True)
class Compared:
    """This run beside the one before it on the same ground: run, at, href of that one. new, again, gone: numbers of
    the cases flagged now only, in both, and then only."""

    run: str
    at: datetime
    href: str
    figures: tuple[ComparedFigure, ...]
    new: tuple[str, ...]
    again: tuple[str, ...]
    gone: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class RunPage:
    """All that the report of one inspection shows.

    json_href: the same content as JSON, a file beside the page. finished_at: None = not told.
    season: (agrees, sentence). unseen_m2: farmland not jointly seen, by reason, with its name.
    funnel: changes first, new last; what is between adds up to the difference.
    compared: None where no earlier run on this ground is known.
    """

    id: str
    run: str
    json_href: str
    place: str
    finished_at: datetime | None
    duration_s: float
    method: str
    version: str
    before: RunScene
    after: RunScene
    season: tuple[bool, Text]
    alignment: Alignment | None
    compared_m2: float
    farmland_m2: float
    observed_m2: float
    unseen_m2: tuple[tuple[Text, float], ...]
    funnel: tuple[FunnelRow, ...]
    townships: tuple[TownshipRow, ...]
    flags: tuple[FlagCard, ...]
    explained: tuple[Explained, ...]
    timings_s: tuple[tuple[Text, float], ...]
    notes: tuple[Text, ...]
    layers: tuple[tuple[Text, str], ...]
    as_of: datetime
    why_none: tuple[Text, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    compared: Compared | None = None
    method_reason: Text | None = None

    @property
    def adds_up(self) -> bool:
        """The first step equals the sum of all others, in count and to the cent in area."""
        first, rest = self.funnel[0], self.funnel[1:]
        return first.count == sum(row.count for row in rest) and (
            abs(first.area_m2 - sum(row.area_m2 for row in rest)) < 0.005 * (1 + len(rest))
        )
