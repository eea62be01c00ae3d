"""Counts, areas, ages and rates over rows of cases: what the monthly and the year report print. Pure.

Areas and money are summed as whole hundredths, so that groups add up to their total exactly. A dismissed case
(不成立) is counted as found and enters no rate. A case that was split counts as a violation where a part is one,
with the areas of those parts.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from geodata.area import M2_PER_MU
from geodata.days import BEIJING
from geodata.words import Text, both
from pipeline import precision
from pipeline.statistic_words import LABELS

LARGE_M2 = 100 * M2_PER_MU
"""Patches from 100 mu are counted apart."""

LIMIT_PERCENT = 15
"""违反土地管理规定行为处分办法 (第15号令) art 3(1): share of illegal farmland from which leaders answer for it."""

RECTIFIED = ("rectified", "formalities_completed", "confiscated")
"""整改到位: the illegal state is ended, or the formalities are complete; handed over or listed is not."""

NOT_SENT = ("TEAM", "REPORTED", "REFUSED", "APPROVED")
"""States of a transfer that has not left the office."""

AGES = (30, 90, 180, 365)
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Ratio:
    """A share with what it was made of; value is None where there is nothing to divide by, or it is not known."""

    numerator: float
    denominator: float | None

    @property
    def value(self) -> float | None:
        return self.numerator / self.denominator if self.denominator else None

    def to_json(self) -> dict[str, float | None]:
        return {"numerator": self.numerator, "denominator": self.denominator, "value": self.value}


def shown(ratio: Mapping[str, Any] | None) -> str:
    """A rate as it is printed: "62.5%", or "—" where there is nothing to divide by."""
    value = None if ratio is None else ratio["value"]
    return "—" if value is None else f"{100 * value:.1f}%"


def label(key: str) -> Text:
    """The name of a column, a rate or a table."""
    return both(LABELS[key])


def statistics(
    rows: Iterable[Row],
    *,
    today: date,
    since: date | None = None,
    until: date | None = None,
    construction_m2: Mapping[tuple[str, int], float] | None = None,
) -> dict[str, Any]:
    """rows: plain case rows; a key that is missing counts as None. since, until: days of finding, both included.

    construction_m2: (district_code, year) → m² of farmland lawfully taken by new construction, as the office counts
    it. JSON values: "total" and lists "by_district", "by_township", "by_kind", "by_status", "by_verdict", "by_month",
    each a partition of the total; "farmland_ratio" by district and whole year, of the years that the period touches;
    "precision" as of ``precision.lived``.
    A rate is {"numerator", "denominator", "value"}.
    """
    table, illegal, verified = _Table(today), _Illegal(), precision.Verified()
    for row in rows:  # once: they may come from a ledger that is larger than the memory
        illegal.add(row)
        if _within(_day(row.get("found_at")), since, until):
            table.add(row)
            verified.add(row, precision.right(row))
    found: dict[str, Any] = {
        "today": today.isoformat(),
        "since": since.isoformat() if since else None,
        "until": until.isoformat() if until else None,
        "total": table.group(np.arange(len(table))),
    }
    for name in GROUPS:
        found[f"by_{name}"] = table.by(name)
    found["farmland_ratio"] = [
        ratio
        for ratio in illegal.ratios(construction_m2 or {})
        if (since is None or ratio["year"] >= since.year) and (until is None or ratio["year"] <= until.year)
    ]
    found["precision"] = verified.told()
    return found


def farmland_ratio(rows: Iterable[Row], construction_m2: Mapping[tuple[str, int], float]) -> list[dict[str, Any]]:
    """By district and year of finding: illegal farmland ÷ (lawful + illegal) farmland taken by new construction.

    illegal_m2: net farmland of violations, whatever was put right since; unrectified_m2: what of it was not.
    Where the lawful area of a district and year is not given the ratio is None: it would be 100 % by itself.
    """
    illegal = _Illegal()
    for row in rows:
        illegal.add(row)
    return illegal.ratios(construction_m2)


class _Illegal:
    """Illegal farmland by district and year, row by row."""

    def __init__(self) -> None:
        self.sums: dict[tuple[str, int], list[int]] = {}
        self.names: dict[str, str] = {}

    def add(self, row: Row) -> None:
        pieces = _illegal(row)
        day, code = _day(row.get("found_at")) if pieces else None, str(row.get("district_code") or "")
        if day is None:
            return
        illegal = _sum(pieces, "farmland_net_m2")
        self.names[code] = row.get("district_name") or code
        pair = self.sums.setdefault((code, day.year), [0, 0])
        pair[0] += illegal
        pair[1] += 0 if _rectified(row, pieces) else illegal

    def ratios(self, construction_m2: Mapping[tuple[str, int], float]) -> list[dict[str, Any]]:
        found = []
        for code, year in sorted({*self.sums, *construction_m2}):
            illegal, left = self.sums.get((code, year), [0, 0])
            lawful = construction_m2.get((code, year))
            ratio = Ratio(illegal / 100, None if lawful is None else round(lawful + illegal / 100, 2))
            reached = None
            if ratio.denominator:
                reached = 100 * illegal >= LIMIT_PERCENT * round(100 * ratio.denominator)
            found.append(
                {
                    "district_code": code,
                    "district_name": self.names.get(code, code),
                    "year": year,
                    "illegal_m2": illegal / 100,
                    "unrectified_m2": left / 100,
                    "lawful_m2": lawful,
                    **ratio.to_json(),
                    "limit": LIMIT_PERCENT / 100,
                    "reached": reached,
                }
            )
        return found


# what a row counts as


COUNTS = (
    "found", "suspected", "dispatched", "rectifying", "reported", "closed", "dismissed", "active", "checked",
    "with_photos", "violation", "ordered", "filed", "proceedings_closed", "handled", "rectified", "overridden",
    "overdue", "relapsed", "relapses", "large", "to_police", "to_agriculture", "to_discipline",
)  # fmt: skip
SUMS = (
    "patch_m2", "farmland_gross_m2", "farmland_net_m2", "basic_farmland_m2", "violation_patch_m2",
    "violation_farmland_net_m2", "violation_basic_farmland_m2", "large_patch_m2", "restored_m2", "demolished_m2",
    "fine_yuan",
)  # fmt: skip
"""Hundredths. Basic farmland is an overlay of farmland, no further term of a sum."""

HIDDEN = ("photos_known", "orders_known")
"""Denominators of rates whose numerator some rows do not know."""

_STATUS = ("SUSPECTED", "DISPATCHED", "RECTIFYING", "REPORTED", "CLOSED", "DISMISSED")


def measures(row: Row) -> dict[str, int]:
    """How much of each of COUNTS, SUMS and HIDDEN one row is."""
    status, illegal, proceeding = row.get("status"), _illegal(row), row.get("proceeding")
    active, closed, violation = status != "DISMISSED", status == "CLOSED", bool(illegal)
    checked = active and bool(row.get("checked_at"))
    filed = violation and bool(proceeding)
    sent = [_sent(row, to) for to in ("police", "agriculture", "discipline")] if row.get("transfers") else [0, 0, 0]
    patch = _hundredths(row.get("patch_m2"))
    large = (row.get("patch_m2") or 0.0) >= LARGE_M2
    return {
        "found": 1,
        **{name.lower(): status == name for name in _STATUS},
        "active": active,
        "checked": checked,
        "with_photos": checked and bool(row.get("photos")),
        "photos_known": checked and row.get("photos") is not None,
        "violation": violation,
        "ordered": violation and bool(row.get("ordered_at")),
        "orders_known": violation and "ordered_at" in row,
        "filed": filed,
        "proceedings_closed": filed and proceeding is not None and proceeding.get("status") == "CLOSED",
        "handled": violation and (filed or any(sent) or closed),
        "rectified": _rectified(row, illegal),
        "overridden": closed and bool(row.get("overridden")),
        "overdue": active and not closed and bool(row.get("overdue")),
        "relapsed": (row.get("relapses") or 0) > 0,
        "relapses": row.get("relapses") or 0,
        "large": large,
        "to_police": sent[0],
        "to_agriculture": sent[1],
        "to_discipline": sent[2],
        "patch_m2": patch,
        "farmland_gross_m2": _hundredths(row.get("farmland_gross_m2")),
        "farmland_net_m2": _hundredths(row.get("farmland_net_m2")),
        "basic_farmland_m2": _hundredths(row.get("basic_farmland_m2")),
        "violation_patch_m2": _sum(illegal, "patch_m2"),
        "violation_farmland_net_m2": _sum(illegal, "farmland_net_m2"),
        "violation_basic_farmland_m2": _sum(illegal, "basic_farmland_m2"),
        "large_patch_m2": patch if large else 0,
        "restored_m2": _hundredths(row.get("restored_m2")),
        "demolished_m2": _hundredths(row.get("demolished_m2")),
        "fine_yuan": _hundredths(row.get("fine_yuan")),
    }


def _pieces(row: Row) -> Sequence[Row]:
    return row.get("parts") or (row,)


def _illegal(row: Row) -> list[Row]:
    """The pieces of a row that are violations."""
    return [piece for piece in _pieces(row) if piece.get("verdict") == "violation"]


def _sum(pieces: Sequence[Row], key: str) -> int:
    return sum(_hundredths(piece.get(key)) for piece in pieces)


def _rectified(row: Row, illegal: Sequence[Row]) -> bool:
    """Closed, and every piece that was a violation was put right."""
    return row.get("status") == "CLOSED" and bool(illegal) and all(p.get("outcome") in RECTIFIED for p in illegal)


def _sent(row: Row, to: str) -> int:
    """Transfers to ``to`` that left the office; one is "to:STATE" or {"to", "state"}."""
    found = [t.split(":", 1) if isinstance(t, str) else (t["to"], t["state"]) for t in row.get("transfers") or ()]
    return sum(receiver == to and state not in NOT_SENT for receiver, state in found)


RATES: Mapping[str, tuple[str, str]] = {
    "check_rate": ("checked", "active"),
    "photo_rate": ("with_photos", "photos_known"),
    "stop_rate": ("ordered", "orders_known"),
    "filing_rate": ("filed", "violation"),
    "proceeding_close_rate": ("proceedings_closed", "filed"),
    "handling_rate": ("handled", "violation"),
    "rectification_rate": ("rectified", "violation"),
    "close_rate": ("closed", "active"),
    "override_rate": ("overridden", "closed"),
}
"""Rate → (numerator, denominator): 核查率, 举证率, 制止率, 立案率, 结案率, 查处率, 整改率, 销号率, 强制销号占比."""


def _verdict(row: Row) -> str | None:
    found = {piece.get("verdict") for piece in _pieces(row)}
    return found.pop() if len(found) == 1 else "mixed"


def _month(row: Row) -> str | None:
    day = _day(row.get("found_at"))
    return None if day is None else f"{day:%Y-%m}"


GROUPS: Mapping[str, Callable[[Row], str | None]] = {
    "district": lambda row: row.get("district_code"),
    "township": lambda row: row.get("township_code"),
    "kind": lambda row: row.get("kind"),
    "status": lambda row: row.get("status"),
    "verdict": _verdict,
    "month": _month,
}
NAMES = {"district": "district_name", "township": "township_name"}


class _Table:
    """Rows as numbers, taken one by one: of each its measures, three spans of days (NaN: none) and its groups."""

    NAMES = (*COUNTS, *SUMS, *HIDDEN)

    def __init__(self, today: date) -> None:
        self.today = today
        self._values, self._spans = array("q"), array("d")
        self.keys: dict[str, list[str | None]] = {name: [] for name in GROUPS}
        self.called: dict[tuple[str, str | None], Any] = {}
        self._known: dict[str | None, str | None] = {}  # one text for equal keys

    def add(self, row: Row) -> None:
        told = measures(row)
        self._values.extend(int(told[name]) for name in self.NAMES)
        status, found = row.get("status"), _day(row.get("found_at"))
        open_now = self.today if status not in ("CLOSED", "DISMISSED") else None
        closed = _day(row.get("closed_at")) if status == "CLOSED" else None
        self._spans.extend(_span(found, to) for to in (open_now, _day(row.get("checked_at")), closed))
        for name, key in GROUPS.items():
            value = key(row) or None
            self.keys[name].append(self._known.setdefault(value, value))
            self.called.setdefault((name, value), row.get(NAMES[name]) if name in NAMES else value)

    def __len__(self) -> int:
        return len(self._spans) // 3

    @cached_property
    def values(self) -> np.ndarray:
        """(n, k) whole numbers."""
        return np.array(self._values, np.int64).reshape(len(self), len(self.NAMES))

    @cached_property
    def spans(self) -> np.ndarray:
        """(3, n): since finding of what is open, to the check, to the closing."""
        return np.array(self._spans, np.float64).reshape(len(self), 3).T

    def by(self, name: str) -> list[dict[str, Any]]:
        """One group a value of its key, in its order; rows without one come last under None."""
        members: dict[str | None, list[int]] = {}
        for i, value in enumerate(self.keys[name]):
            members.setdefault(value, []).append(i)
        if name == "month":
            members |= {month: [] for month in _between([m for m in members if m]) if month not in members}
        found = []
        for value in sorted(members, key=lambda v: (v is None, v or "")):
            named = self.called.get((name, value), value)
            found.append({"key": value, "name": named or value, **self.group(np.array(members[value], np.int64))})
        return found

    def group(self, of: np.ndarray) -> dict[str, Any]:
        """of: (n,) numbers of rows."""
        sums = dict(zip(self.NAMES, self.values[of].sum(axis=0).tolist(), strict=True))
        counts = {key: sums[key] for key in COUNTS}
        areas = {key: sums[key] / 100 for key in SUMS}
        rates = {key: Ratio(sums[a], sums[b]).to_json() for key, (a, b) in RATES.items()}
        return {**counts, **areas, **rates, "ages": self._ages(of)}

    def _ages(self, of: np.ndarray) -> dict[str, Any]:
        """Days since finding of what is open; medians of the way to the check and to the closing."""
        age, check, close = (days[of][~np.isnan(days[of])] for days in self.spans)
        edges = (-1, *AGES, np.inf)
        return {
            "open": int(age.size),
            "median_days": _median(age),
            "max_days": int(age.max()) if age.size else None,
            "up_to": [
                {"days": None if high == np.inf else int(high), "count": int(((age > low) & (age <= high)).sum())}
                for low, high in pairwise(edges)
            ],
            "check_median_days": _median(check),
            "close_median_days": _median(close),
        }


def _span(start: date | None, end: date | None) -> float:
    """Whole days between, never negative; NaN where either is missing."""
    return float(max(0, (end - start).days)) if start and end else math.nan


def _median(values: np.ndarray) -> float | None:
    return float(np.median(values)) if values.size else None


def _hundredths(value: float | None) -> int:
    return round(100 * value) if value else 0


def _day(value: str | datetime | date | None) -> date | None:
    """The day in Beijing of an ISO text or a time; a text without zone is a day already."""
    if not value:
        return None
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    if isinstance(at, datetime):
        return (at.astimezone(BEIJING) if at.tzinfo else at).date()
    return at


def _within(day: date | None, since: date | None, until: date | None) -> bool:
    if day is None:
        return since is None and until is None
    return (since is None or day >= since) and (until is None or day <= until)


def _between(months: Sequence[str]) -> list[str]:
    """All months from the first to the last, so that one without cases is seen as zero."""
    if not months:
        return []
    first, last = ([int(n) for n in month.split("-")] for month in (min(months), max(months)))
    numbers = range(12 * first[0] + first[1] - 1, 12 * last[0] + last[1])
    return [f"{n // 12:04d}-{n % 12 + 1:02d}" for n in numbers]
