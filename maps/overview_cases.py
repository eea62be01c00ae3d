"""Cases by columns, in the order of the list, and the sums over them that the overview draws. Pure.

The browser does the same sums over the same columns where all cases are in the page
(``overview_cases.js``); above that number it asks here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geodata.area import mu
from maps import features, style
from maps.features import Park
from pipeline.cases.case import Stage, Status
from pipeline.cases.order import order_key

INLINE = 5_000
"""Cases that a page carries whole."""
MOST = 400
"""Single cases drawn at once."""
FEW = 60
"""Up to so many are drawn one by one at every zoom."""
MONTHS = 12
STAGES = (Stage.FOUND, Stage.RECTIFY, Stage.CLOSED)
_STATUS = {str(status): n for n, status in enumerate(style.STATUSES)}
_STAGE = {
    str(status): STAGES.index(stage) if (stage := style.stage_of(status)) else len(STAGES) for status in style.STATUSES
}
_NONE = 1 << 30


@dataclass(frozen=True)
class Filters:
    """What the address says, as text: district, stage or status, kind, month found, 1 = overdue only,
    1 = relapsed only, 1/0 = on basic farmland or not, words."""

    d: str = ""
    s: str = ""
    k: str = ""
    m: str = ""
    od: str = ""
    rl: str = ""
    pbf: str = ""
    q: str = ""

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Filters:
        return cls(**{f.name: given.get(f.name, "")[:200] for f in fields(cls)})

    def but(self, *names: str) -> Filters:
        """These filters without some."""
        return replace(self, **dict.fromkeys(names, ""))


@dataclass(frozen=True)
class Keys:
    """What the whole numbers in the columns stand for."""

    kinds: tuple[str, ...]
    counties: tuple[str, ...]
    townships: tuple[str, ...]
    months: tuple[str, ...]
    parks: tuple[Park, ...] = ()


class Columns:
    """Cases in the order of every list. Areas in hundredths of a 亩, places in 1e-5 degree."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], as_of: datetime | None, keys: Keys) -> None:
        self.rows = sorted(rows, key=order_key)
        self.keys, self.as_of = keys, as_of
        left_days = [_left(row, as_of) for row in self.rows]
        kind, county, township, month = (
            {key: n for n, key in enumerate(names)}
            for names in (keys.kinds, keys.counties, keys.townships, keys.months)
        )
        rows = self.rows
        self.number = [row["number"] for row in rows]
        self.status = _ints(_STATUS[str(row["status"])] for row in rows)
        self.stage = _ints(_STAGE[str(row["status"])] for row in rows)
        self.kind = _ints(kind[row["kind"]] for row in rows)
        self.county = _ints(county[row["district_code"][:6]] for row in rows)
        self.township = _ints(township.get(row["township_code"], -1) for row in rows)
        self.lon = _ints(round(row["lon"] * 1e5) for row in rows)
        self.lat = _ints(round(row["lat"] * 1e5) for row in rows)
        self.area = _ints(hundredths(row["patch_m2"]) for row in rows)
        self.basic = _ints(hundredths(row["basic_farmland_m2"]) for row in rows)
        self.restored = _ints(hundredths(row.get("restored_m2", 0.0)) for row in rows)
        self.month = _ints(month[features.month_of(row["found_at"]) or ""] for row in rows)
        self.closed = [features.month_of(row.get("closed_at")) or "" for row in rows]
        self.left = _ints(_NONE if days is None else days for days in left_days)
        self.relapses = _ints(row.get("relapses", 0) for row in rows)
        self.place = {number: n for n, number in enumerate(self.number)}

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def park(self) -> NDArray[np.int64]:
        """Which park a case lies in, by its township; -1 = none."""
        of = [
            next((n for n, park in enumerate(self.keys.parks) if park.holds(code)), -1) for code in self.keys.townships
        ]
        return np.array([*of, -1], dtype=np.int64)[self.township]

    @cached_property
    def words(self) -> list[str]:
        """What is searched."""
        names = ("district_name", "township_name", "village_name")
        return [f"{row['number']} {' '.join(filter(None, (row.get(n) for n in names)))}".lower() for row in self.rows]

    def which(self, given: Filters, *, any_stage: bool = False) -> NDArray[np.bool_]:
        """Those that pass. Dismissed cases are in no stage and come only when asked for, or with ``any_stage``."""
        keys, good = self.keys, np.ones(len(self), dtype=bool)
        if given.s in ("FOUND", "RECTIFY", "CLOSED"):
            good &= self.stage == [str(stage) for stage in STAGES].index(given.s)
        elif given.s:
            good &= self.status == _STATUS.get(given.s, -1)
        elif not any_stage:
            good &= self.stage < len(STAGES)
        if given.d:
            good &= self._in_district(given.d)
        if given.k:
            good &= self.kind == _index(keys.kinds, given.k)
        if given.m:
            first = window(self.keys.months, self.as_of)[:1]
            early = [n for n, month in enumerate(keys.months) if first and month < first[0]]
            good &= np.isin(self.month, early) if given.m == "earlier" else self.month == _index(keys.months, given.m)
        if given.od:
            good &= self.left < 0
        if given.rl:
            good &= self.relapses > 0
        if given.pbf:
            good &= (self.basic > 0) == (given.pbf == "1")
        if asked := given.q.strip().lower():
            good &= np.fromiter((asked in words for words in self.words), bool, len(self))
        return good

    def _in_district(self, code: str) -> NDArray[np.bool_]:
        keys = self.keys
        park = _index([park.code for park in keys.parks], code)
        found = (self.county == _index(keys.counties, code)) | (self.township == _index(keys.townships, code))
        return found | (self.park == park) if park >= 0 else found

    def sums(self, given: Filters) -> dict[str, Any]:
        """All that is drawn beside list and single cases. A count on a control is that of what pressing it
        would show, so each leaves its own filter out; the same keys in ``overview_cases.js``."""
        visible = self.which(given)
        staged = self.which(given.but("s"))
        every = self.which(given.but("s"), any_stage=True)
        months, late, again = (self.which(given.but(key)) for key in ("m", "od", "rl"))
        late &= self.left < 0
        month = features.month_of(self.as_of) or ""
        fresh = months & (self.month == _index(self.keys.months, month)) if month else months & False
        done = months & np.array([bool(month) and closed == month for closed in self.closed], dtype=bool)
        units = self.which(given.but("s", "d"))
        return {
            "count": int(visible.sum()),
            "area": int(self.area[visible].sum()),
            "stages": [int((self.stage[staged] == n).sum()) for n in range(3)],
            "status": [int((self.status[every] == n).sum()) for n in range(len(_STATUS))],
            "late": int(late.sum()),
            "longest": int(-self.left[late].min()) if late.any() else 0,
            "again": int((again & (self.relapses > 0)).sum()),
            "dismissed": int((self.stage == len(STAGES)).sum()),
            "dates": bool((self.left < _NONE).any()),
            "months": self._groups(self.month, months),
            "month": [
                *(int(fresh.sum()), int(self.basic[fresh].sum())),
                *(int(done.sum()), int(self.restored[done].sum())),
            ],
            "units": {key: self._groups(getattr(self, key), units) for key in ("county", "township", "park")},
            "rings": {key: self._rings(getattr(self, key), visible) for key in ("county", "township")},
        }

    def _groups(self, column: NDArray[np.int64], which: NDArray[np.bool_]) -> list[list[int]]:
        """[unit, cases, found, rectify, closed, overdue] of each unit that has any."""
        units, stage, late = column[which], self.stage[which], self.left[which] < 0
        found = []
        for unit in np.unique(units):
            here = units == unit
            of_stage = [int((stage[here] == n).sum()) for n in range(3)]
            found.append([int(unit), int(here.sum()), *of_stage, int(late[here].sum())])
        return found

    def _rings(self, column: NDArray[np.int64], which: NDArray[np.bool_]) -> list[list[int]]:
        """The same with the mean of their places: lat, lon."""
        found = self._groups(column, which)
        for group in found:
            here = which & (column == group[0])
            group += [int(values[here].sum()) // group[1] for values in (self.lat, self.lon)]
        return found

    def inside(self, which: NDArray[np.bool_], bounds: tuple[float, float, float, float]) -> NDArray[np.bool_]:
        """bounds: (west, south, east, north) in degrees."""
        west, south, east, north = (round(value * 1e5) for value in bounds)
        return which & (self.lon >= west) & (self.lon <= east) & (self.lat >= south) & (self.lat <= north)

    def to_json(self, which: Sequence[int] | NDArray[Any] | None = None) -> dict[str, list[Any]]:
        """The columns that the scripts draw from, of some cases or all."""
        at: list[int] = list(range(len(self))) if which is None else [int(n) for n in which]
        numbers = {
            name: getattr(self, name)[at].tolist() if len(self) else []
            for name in ("status", "kind", "county", "township", "lon", "lat", "area", "basic", "restored", "month")
        }
        left = self.left[at].tolist() if len(self) else []
        return {
            "number": [self.number[n] for n in at],
            **numbers,
            "village": [self.rows[n].get("village_name", "") for n in at],
            "left": [None if days == _NONE else days for days in left],
            "relapses": self.relapses[at].tolist() if len(self) else [],
            "closed": [self.closed[n] for n in at],
            "chip": [self.rows[n].get("chip") or "" for n in at],
        }


def window(months: Sequence[str], as_of: datetime | None) -> list[str]:
    """The last twelve months up to the running one, no earlier than the first that has cases (but six)."""
    last = max([*months[-1:], *filter(None, [features.month_of(as_of)])], default="")
    if not last:
        return []
    first = months[0] if months else last
    found: list[str] = []
    year, month = int(last[:4]), int(last[5:])
    for n in range(MONTHS):
        found.insert(0, f"{year}-{month:02d}")
        if found[0] <= first and n >= 5:
            break
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    return found


def hundredths(m2: float) -> int:
    """Of a 亩, rounded as every page prints it."""
    return round(round(mu(m2), 2) * 100)


def _left(row: Mapping[str, Any], as_of: datetime | None) -> int | None:
    if str(row["status"]) in (Status.CLOSED, Status.DISMISSED):
        return None
    return features.days_left(row.get("due_at"), as_of)


def _index(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else -2


def _ints(values: Any) -> NDArray[np.int64]:
    return np.fromiter(values, dtype=np.int64)
