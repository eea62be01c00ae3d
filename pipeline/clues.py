"""Clues from outside: fields of issued patches and lists, what their codes mean, the flag made of each. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from geodata.days import BEIJING
from geodata.layers import Kind
from geodata.words import Text, both
from pipeline.changes import Change, Spectra
from pipeline.flags import Flag, Reason, flag_id
from pipeline.overlay import Occupied
from pipeline.plain import rounded
from pipeline.triage import GRAVITY

SOURCES: Mapping[str, str] = {
    "issued": "issued by the superior office",
    "survey": "change survey",
    "tower": "tower camera",
    "report": "reported by people",
    "media": "media",
    "department": "handed over by a department",
    "patrol": "patrol on the ground",
    "selfcheck": "self-check",
    "other": "other source",
}
"""Where a batch can come from, and its name (a msgid)."""

CONFIDENCE = 0.5
"""Of a clue: nobody here has measured it."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "JCBH": ("图斑编号", "JCTBBH", "监测图斑编号", "YGTBZJ", "TBBH", "线索编号", "编号", "BH", "XSBH", "告警编号",
             "ID"),
    "TBLX": ("图斑类型", "类型", "线索类型"),
    "TZ": ("图斑特征", "特征"),
    "QSX": ("前时相", "JCSDQ", "QSJ"),
    "HSX": ("后时相", "JCSDH", "HSJ", "发现日期", "发现时间", "告警时间", "举报日期", "举报时间", "上报日期", "日期",
            "时间"),
    "XZQDM": ("行政区代码", "县区代码"),
    "XMC": ("县名", "县区", "XZQMC", "行政区名称"),
    "DLBM": ("地类编码", "地类代码", "BGQDL"),
    "SFYN": ("是否涉及永久基本农田", "是否永农"),
    "SFHX": ("是否涉及生态保护红线",),
    "MJ": ("面积", "JCMJ", "监测面积"),
    "BZ": ("备注", "说明", "内容", "线索内容"),
    "LON": ("经度", "LNG", "LONGITUDE"),
    "LAT": ("纬度", "LATITUDE"),
    "WKT": ("图形", "坐标串", "GEOMETRY"),
}  # fmt: skip
"""Ours → other names; X and Y are not among them, for in surveying X points north.
The first as in the issued layer of 2026; the date of a list counts as 后时相."""

FREE = ("BZ", "TZ")
"""Free text: what reads as a telephone or identity number in it is not kept."""
PERSONAL = re.compile(r"(?<!\d)(?:\d{17}[\dXx]|(?:\+?86)?1[3-9]\d{9})(?!\d)")

_BUILT = "construction"
TBLX: Mapping[str, tuple[str, str, str]] = {
    "01": ("other", "耕地", "farmland"), "02": ("nursery", "园地", "orchard"), "03": ("nursery", "林地", "forest"),
    "04": ("nursery", "草地", "grassland"), "20": (_BUILT, "建/构筑物", "building or structure"),
    "YH": ("hardening", "硬化", "hardened"), "DT": ("earthwork", "动土", "earth moved"),
    "TD": ("earthwork", "推堆土", "earth heaped"), "TP": ("earthwork", "推平", "levelled"),
    "WL": ("earthwork", "瓦砾", "rubble"), "DL1": ("road", "建成道路", "road built"),
    "DL2": ("road", "在建道路", "road under construction"), "DL3": ("road", "路网", "road network"),
    "TL": ("road", "铁路", "railway"), "ND": ("road", "农村道路", "rural road"),
    "SJ": (_BUILT, "水工建筑", "hydraulic structure"), "CK": (_BUILT, "采矿", "mining"),
    "GF": (_BUILT, "光伏", "photovoltaics"), "LD": (_BUILT, "公园绿地", "park"),
    "GEF": (_BUILT, "高尔夫", "golf"), "ZQC": (_BUILT, "足球场", "football field"), "JC": (_BUILT, "机场", "airport"),
    "KT": ("pond", "坑塘", "pond"), "SM": ("pond", "水面", "water"), "SK": ("pond", "水库", "reservoir"),
    "HL": ("other", "河流", "river"), "GQ": ("other", "沟渠", "ditch"), "YT": ("other", "盐田", "salt pan"),
    "LT": ("other", "裸土地", "bare soil"), "LY": ("other", "裸岩石砾地", "bare rock"),
    "WH": ("other", "围海", "enclosed sea"), "TH": ("other", "填海", "filled sea"), "QT": ("other", "其他", "other"),
}  # fmt: skip
"""Codes of 2026 (state after the change) → (kind of ``triage``, Chinese, English)."""


@dataclass(frozen=True, eq=False)
class Clue:
    """One record as delivered. geometry: in EPSG:4490. record: its number in the file, from 1. point: it was one.

    before, after: days of 前时相 and 后时相, None where not said. fields: what was given, ours → text.
    """

    id: str
    record: int
    geometry: BaseGeometry
    point: bool
    kind: str
    code: str
    before: date | None
    after: date | None
    fields: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Read:
    """What a file gave. unusable: (record, why). unknown_codes: {TBLX: count}. doubled: records given twice alike."""

    clues: tuple[Clue, ...]
    unusable: tuple[tuple[int, Text], ...] = ()
    unknown_codes: Mapping[str, int] = field(default_factory=dict)
    doubled: int = 0
    renamed: tuple[str, ...] = ()


def source_name(source: str) -> Text:
    return both(SOURCES[source]) if source in SOURCES else {"zh": source, "en": source}


def plain(name: str) -> str:
    """A column's name without width, case, blanks and a unit in brackets."""
    return re.sub(r"\s|\(.*?\)", "", unicodedata.normalize("NFKC", name)).upper()


def columns_of(names: Sequence[str], given: Mapping[str, str]) -> dict[str, int]:
    """{ours: number of the column}; ``given`` {OURS: THEIRS} goes first. A name of ours that is not known, or one of
    theirs that is not there, is left out: ``wrong_columns`` says it."""
    at = {plain(name): n for n, name in reversed(list(enumerate(names)))}
    found: dict[str, int] = {}
    for ours, theirs in given.items():
        if plain(ours) in COLUMNS and plain(theirs) in at:
            found[plain(ours)] = at[plain(theirs)]
    for ours, aliases in COLUMNS.items():
        for name in (ours, *aliases):
            n = at.get(plain(name))
            if ours not in found and n is not None and n not in found.values():
                found[ours] = n
    return found


def wrong_columns(names: Sequence[str], given: Mapping[str, str]) -> str | None:
    """The first of ``given`` that names no column of ours or theirs, as OURS=THEIRS."""
    there = {plain(name) for name in names}
    for ours, theirs in given.items():
        if plain(ours) not in COLUMNS or plain(theirs) not in there:
            return f"{ours}={theirs}"
    return None


def header_row(rows: Sequence[Sequence[str]], given: Mapping[str, str]) -> int:
    """Which of the first rows names the columns: the one with most names that are known (a title may stand above)."""
    scores = [len(columns_of(row, given)) for row in rows[:10]]
    return scores.index(max(scores)) if scores and max(scores) > 0 else 0


def code_of(said: str) -> str:
    code = re.sub(r"\s", "", unicodedata.normalize("NFKC", said)).upper()
    return f"0{code}" if code in ("1", "2", "3", "4") else code


_DAY = re.compile(r"(\d{4})\D?(\d{1,2})\D?(\d{1,2})(?:\D.*)?")


def day_of(said: str) -> date | None:
    """YYYYMMDD, YYYY-M-D and the like; None for no day."""
    found = _DAY.fullmatch(unicodedata.normalize("NFKC", said).strip().removesuffix(".0"))
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def clue_of(record: int, values: Mapping[str, str], geometry: BaseGeometry, *, point: bool) -> Clue:
    """values: {ours: text}. The id is the delivered one, else the place."""
    code = code_of(values.get("TBLX", ""))
    given = {k: v.strip() for k, v in values.items() if v and v.strip() and k not in ("LON", "LAT", "WKT")}
    given |= {k: PERSONAL.sub("***", given[k]) for k in FREE if k in given}
    middle = shapely.centroid(geometry)
    return Clue(
        id=given.get("JCBH") or f"@{middle.x:.5f},{middle.y:.5f}",
        record=record,
        geometry=geometry,
        point=point,
        kind=TBLX[code][0] if code in TBLX else "other",
        code=code,
        before=day_of(given.get("QSX", "")),
        after=day_of(given.get("HSX", "")),
        fields=given,
    )


def settled(clues: Iterable[Clue], unusable: Iterable[tuple[int, Text]] = ()) -> Read:
    """Ids made unique in the batch: a record given twice alike is one; another shape under a known id gets _2, _3 …"""
    kept: list[Clue] = []
    seen: dict[str, list[bytes]] = {}
    renamed, doubled = [], 0
    codes: Counter[str] = Counter()
    for clue in sorted(clues, key=lambda c: (c.id, shapely.to_wkb(shapely.normalize(rounded(c.geometry))))):
        shape = shapely.to_wkb(shapely.normalize(rounded(clue.geometry)))
        others = seen.setdefault(clue.id, [])
        if shape in others:
            doubled += 1
            continue
        others.append(shape)
        if clue.code and clue.code not in TBLX:
            codes[clue.code] += 1
        if len(others) > 1:
            id = f"{clue.id}_{len(others)}"
            renamed.append(id)
            kept.append(replace(clue, id=id))
            continue
        kept.append(clue)
    kept.sort(key=lambda c: c.record)
    return Read(tuple(kept), tuple(unusable), dict(codes.most_common()), doubled, tuple(renamed))


def flag_of(
    clue: Clue, occupied: Occupied, source: str, batch: str, layers: Mapping[str, list[str]], radius_m: float
) -> Flag:
    """A flag that no pair of scenes raised: its change names no scene, and its reason is who says so."""
    nothing: dict[str, float] = {}
    change = Change(
        geometry=clue.geometry,
        crs="EPSG:4490",
        before_id="",
        after_id="",
        method=source,
        method_version="1",
        score=0.0,
        area_px=0,
        area_m2=occupied.patch_m2,
        edge_unseen=0.0,
        spectra=Spectra(nothing, nothing, nothing, nothing, nothing, nothing),
    )
    return Flag(
        id=flag_id(change, f"{source}\n{batch}\n{clue.id}"),
        change=change,
        occupied=occupied,
        kind=clue.kind,
        confidence=CONFIDENCE,
        urgency=_urgency(clue.kind, occupied),
        reasons=tuple(_reasons(clue, source, batch)),
        doubts=tuple(_doubts(clue, occupied, radius_m)),
        before_at=_moment(clue.before),
        after_at=_moment(clue.after),
        gsd_m=None,
        layers=layers,
    )


def _moment(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), BEIJING)


def _urgency(kind: str, occupied: Occupied) -> float:
    """As in ``triage``, without the areas of criminal law: those are for what is confirmed."""
    basic = occupied.overlays.get(Kind.BASIC_FARMLAND, (0.0, 0.0))[0]
    return urgency_of(kind, occupied.farmland_gross_m2, basic)


def urgency_of(kind: str, farmland_m2: float, basic_m2: float) -> float:
    """Both gross."""
    touched = min(1.0, basic_m2 / max(1.0, farmland_m2))
    return round(0.10 + 0.30 * touched + 0.25 * GRAVITY.get(kind, 0.3), 3)


def _reasons(clue: Clue, source: str, batch: str) -> list[Reason]:
    said = [
        Reason(
            both("Clue from outside"),
            both("{source}, batch {batch}, no. {id}.", source=source_name(source), batch=batch, id=clue.id),
        )
    ]
    if clue.code in TBLX:
        _, zh, en = TBLX[clue.code]
        name = {"zh": zh, "en": en}
        said.append(Reason(both("Type as told"), both("{code}: {name}.", code=clue.code, name=name)))
    if clue.before or clue.after:
        days = {"before": clue.before or "–", "after": clue.after or "–"}
        said.append(Reason(both("Dates as told"), both("from {before} to {after}.", **days)))
    return said


def _doubts(clue: Clue, occupied: Occupied, radius_m: float) -> list[Reason]:
    said = []
    if clue.point:
        said.append(
            Reason(
                both("Only a position"),
                both("A circle of {m} m stands for the ground; its areas are those of the circle.", m=f"{radius_m:g}"),
            )
        )
    if clue.code and clue.code not in TBLX:
        said.append(Reason(both("Type not known"), both("{code} is no code of the list of 2026.", code=clue.code)))
    if occupied.farmland_gross_m2 == 0:
        said.append(Reason(both("Not on farmland"), both("By the layer held, no farmland lies under it.")))
    return said


def batches(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row a (source, batch) that cases know: clues, cases, of these open, closed, dismissed, overdue."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        for key in dict.fromkeys((s["source"], s["batch"]) for s in row["sources"]):
            one = found.setdefault(
                key, {"source": key[0], "batch": key[1], "clues": 0, "cases": 0, "open": 0, "closed": 0,
                      "dismissed": 0, "overdue": 0, "farmland_gross_m2": 0.0}
            )  # fmt: skip
            one["clues"] += sum((s["source"], s["batch"]) == key for s in row["sources"])
            one["cases"] += 1
            state = {"CLOSED": "closed", "DISMISSED": "dismissed"}.get(row["status"], "open")
            one[state] += 1
            one["overdue"] += bool(row.get("overdue"))
            one["farmland_gross_m2"] = round(one["farmland_gross_m2"] + row["farmland_gross_m2"], 2)
    return [found[key] for key in sorted(found)]
