"""What the statistics sheet shows, as values. ``stats_page`` makes and draws them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from geodata.words import Text


@dataclass(frozen=True)
class Line:
    """One unit. Counts add up: found + rectify + closed = count."""

    name: Text
    count: int
    found: int
    rectify: int
    closed: int
    overdue: int
    farmland_mu: float
    basic_mu: float
    restored_mu: float


@dataclass(frozen=True)
class Late:
    number: str
    place: str
    days: int


@dataclass(frozen=True)
class Month:
    """month: "2026-11"; running: it has not ended."""

    month: str
    found: int
    closed: int
    running: bool


@dataclass(frozen=True)
class Verdicts:
    name: Text
    count: int
    share: float


@dataclass(frozen=True)
class Lived:
    """How often flags of one sort were right (``precision.short``)."""

    name: Text
    said: str


@dataclass(frozen=True)
class Share:
    """illegal ÷ (illegal + lawful) farmland taken by construction. lawful_mu, ratio: None = not given."""

    name: str
    year: int
    illegal_mu: float
    lawful_mu: float | None
    ratio: float | None
    near: bool
    reached: bool


@dataclass(frozen=True, eq=False)
class StatsPage:
    """scope: whose. mark: of the signed or last head. intact: None = not checked. lines, total and what is drawn by
    month or verdict: of the patches found in the period, without ``dismissed`` ones. in_hand, ages, overdue, late: of
    all that is open today, whenever found, older_open of it before the period. seen: (observed, farmland) m² of the
    runs in the period. by: of ``stats_page.BY``. months_before: patches found before the months drawn. lived: of all
    flags and of each kind, method and district with enough verdicts. too_few: how many of those have not enough."""

    scope: Text | str
    since: date
    until: date
    today: date
    as_of: datetime | None
    made_at: datetime
    mark: str
    intact: bool | None
    by: str
    lines: tuple[Line, ...]
    total: Line
    suspected: int
    dispatched: int
    rectifying: int
    reported: int
    dismissed: int
    in_hand: int
    older_open: int
    overdue: int
    ages: tuple[tuple[Text, int, bool], ...]
    late: tuple[Late, ...]
    months: tuple[Month, ...]
    months_before: int
    verdicts: tuple[Verdicts, ...]
    checked: int
    shares: tuple[Share, ...]
    seen: tuple[float, float]
    runs: int
    lived: tuple[Lived, ...]
    too_few: int
