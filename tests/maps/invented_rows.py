"""Invented counties, townships and cases for the overview: any number, any status. Nothing is real."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import shapely

from maps.features import District
from pipeline.cases.case import STAGE_OF, Status
from pipeline.inspection import Inspection, Step

NOW = datetime(2026, 11, 20, 1, 12, tzinfo=UTC)  # 09:12 in Beijing
NASTY = "</script><img src=x onerror=alert(1)>`${alert(2)}`"
COUNTIES = {
    "430302": ("甲湖区", (112.90, 27.95)),
    "430304": ("乙塘区", (113.05, 27.88)),
    "430321": ("丙潭县", (112.78, 27.60)),
    "430381": ("丁乡市", (112.30, 27.72)),
    "430382": ("戊山市", (112.48, 27.98)),
}
_FIRST, _SECOND = "杨白金清银云龙石花青茶河梅谭中乌", "林田石溪塘湖洞潭鼓山恩口桥家沙竹"
_STATUS = (Status.SUSPECTED, Status.DISPATCHED, Status.RECTIFYING, Status.REPORTED, Status.CLOSED)
_KINDS = ("construction", "hardening", "earthwork", "road", "pond", "nursery", "greenhouse", "other")


@cache
def districts(per_county: int = 11, seed: int = 3) -> list[District]:
    """Five counties of ``per_county`` townships each, as a coverage without gaps."""
    rng = np.random.default_rng(seed)
    angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    radius = 1 + 0.05 * np.sin(3 * angles) + 0.03 * np.sin(9 * angles + 1) + 0.015 * np.sin(23 * angles)
    edge = shapely.Polygon(np.c_[112.62 + 0.52 * radius * np.cos(angles), 27.74 + 0.36 * radius * np.sin(angles)])
    points = rng.uniform((112.05, 27.35), (113.2, 28.15), (900, 2))
    points = points[shapely.contains_xy(edge, points)][: per_county * 5 * 4]
    cells = [
        c.intersection(edge)
        for c in shapely.get_parts(shapely.voronoi_polygons(shapely.MultiPoint(points), ordered=True))
    ]
    seats = np.array([seat for _, seat in COUNTIES.values()])
    owner = np.argmin(((points[:, None] - seats) ** 2).sum(2), axis=1)
    found = []
    for n, (code, (name, _)) in enumerate(COUNTIES.items()):
        mine = [i for i in range(len(points)) if owner[i] == n]
        found.append(District(code, name, "county", code[:4], shapely.union_all([cells[i] for i in mine])))
        centres = points[mine[:per_county]]
        group = np.argmin(((points[mine][:, None] - centres) ** 2).sum(2), axis=1)
        for k in range(min(per_county, len(mine))):
            part = shapely.union_all([cells[mine[i]] for i in range(len(mine)) if group[i] == k])
            label = _FIRST[(n * 5 + k) % 16] + _SECOND[(n * 3 + k * 5) % 16] + ("镇", "乡")[k % 2]
            found.append(District(f"{code}{101 + k}", label, "township", code, part))
    return found


def rows(n: int, seed: int = 5, *, statuses: tuple[Status, ...] = _STATUS, dates: bool = True) -> list[dict]:
    """``n`` cases inside the townships of ``districts()``."""
    rng = np.random.default_rng(seed)
    units = [unit for unit in districts() if unit.level == "township"]
    names = {code: name for code, (name, _) in COUNTIES.items()}
    found = []
    for i in range(n):
        unit = units[int(rng.integers(len(units)))]
        west, south, east, north = unit.geometry.bounds
        while True:
            lon, lat = rng.uniform(west, east), rng.uniform(south, north)
            if shapely.contains_xy(unit.geometry, lon, lat):
                break
        status = statuses[int(rng.choice(len(statuses)))]
        month = 1 + int(rng.integers(11))
        patch = round(float(rng.lognormal(6.8, 0.8)), 2)
        finished = status in (Status.CLOSED, Status.DISMISSED)
        due = (
            NOW + timedelta(days=int(rng.integers(-6, 30)))
            if dates and not finished and status != Status.SUSPECTED
            else None
        )
        found.append(
            {
                "number": f"{unit.parent}-2026-{i + 1:05d}",
                "status": str(status),
                "stage": str(STAGE_OF[status]),
                "kind": _KINDS[int(rng.integers(len(_KINDS)))],
                "confidence": 0.8,
                "worth": round(float(rng.uniform()), 2),
                "district_code": unit.parent,
                "district_name": names[unit.parent],
                "township_code": unit.code,
                "township_name": unit.name,
                "village_name": _FIRST[int(rng.integers(16))] + _SECOND[int(rng.integers(16))] + "村",
                "patch_m2": patch,
                "farmland_gross_m2": patch,
                "farmland_net_m2": patch,
                "basic_farmland_m2": round(patch * 0.6, 2) if rng.uniform() < 0.4 else 0.0,
                "lon": lon,
                "lat": lat,
                "found_at": datetime(2026, month, 1 + int(rng.integers(18)), 4, tzinfo=UTC).isoformat(),
                "relapses": int(rng.uniform() < 0.02),
                "due_at": due.isoformat() if due else None,
                "closed_at": datetime(2026, max(month, int(rng.integers(1, 12))), 19, tzinfo=UTC).isoformat()
                if finished
                else None,
                "chip": None,
            }
        )
    return found


def inspection(id_: str = "a1", run: str = "R1", changes: int = 0) -> Inspection:
    """1,000 ha of farmland: 916 seen, 61 under cloud, 23 in its shadow."""
    steps = (
        Step("changes", changes, 900.0 * changes),
        Step("too_small", changes, 900.0 * changes),
        Step("seen_again", 0, 0.0),
        Step("new", 0, 0.0),
    )
    return Inspection(
        id_, run, "before", "after", "irmad", "1", {}, {}, {}, {}, {}, 2e7, 1e7, 9.16e6,
        {"cloud": 6.1e5, "shadow": 2.3e5, "snow": 0.0}, steps, (), {}, (),
    )  # fmt: skip
