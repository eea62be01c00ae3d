"""Records: what the parcels that cut a patch say of themselves; whether they were in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from geodata.layers import Kind
from geodata.words import Text, both
from pipeline.pieces import Parts, Pieces

COLUMNS: Mapping[Kind, Mapping[str, tuple[str, ...]]] = {
    Kind.FARMLAND: {"code": ("DLBM",), "name": ("DLMC",), "label": ("TBBH", "BSM"), "unit": ("ZLDWMC",)},
    Kind.BASIC_FARMLAND: {
        "code": ("DLBM",),
        "name": ("DLMC",),
        "label": ("YJJBNTTBBH", "TBBH", "BSM"),
        "unit": ("ZLDWMC", "XZQMC"),
    },
    Kind.REDLINE: {"code": ("HXLX",), "name": ("HXMC",), "label": ("HXBM", "BSM"), "unit": ("XZQMC",)},
    Kind.APPROVED: {
        "code": ("YT",),
        "name": ("XMMC", "DKMC", "PZWJMC"),
        "label": ("PZWH", "DZJGH", "AJBH", "XMDM", "DKBH"),
        "unit": ("YDDW", "XZQMC"),
    },
    Kind.FACILITY: {"code": ("YT",), "name": ("XMMC",), "label": ("BAH",), "unit": ("JYZT", "XZQMC")},
    Kind.DISTRICT: {"code": ("XZQDM",), "name": ("XZQMC",), "label": (), "unit": ()},
}
"""What each field of a share is read from: the first of these columns that says something."""

CARRIED = {
    Kind.FARMLAND: ("ZLDWDM", "QSXZ", "QSDWMC", "GDLX", "GDPDJB", "TBXHDM", "ZZSXDM", "CZCSXM", "KCXS"),
    Kind.DISTRICT: (),
}
"""Columns a share carries as they are; of the kinds not named here, all that are held."""

IN_FORCE: Mapping[Kind, tuple[str, str, str]] = {
    Kind.APPROVED: ("Approval", "PZRQ", "YXQZ"),
    Kind.FACILITY: ("Facility record", "BARQ", "YXQZ"),
}
"""What it is called, and the columns of its first and last day."""


@dataclass(frozen=True, eq=False)
class Records:
    """One entry a piece. kcxs: 田坎系数, 0 where it has none; odd_kcxs: where it was not in [0, 1)."""

    code: list[str]
    name: list[str]
    label: list[str]
    unit: list[str]
    kcxs: NDArray[np.float64]
    odd_kcxs: NDArray[np.bool_]
    attributes: list[dict[str, str]]


def records(kind: Kind, pieces: Pieces, parts: Parts) -> Records:
    count = len(pieces)
    texts = {field: [""] * count for field in COLUMNS[kind]}
    kcxs = np.zeros(count)
    attributes: list[dict[str, str]] = [{}] * count
    for number, (_, store) in enumerate(parts):
        own = np.flatnonzero(pieces.part == number)
        if not len(own):
            continue
        carried = [name for name in CARRIED.get(kind, store.columns) if name in store.columns]
        asked = {"KCXS", *carried, *(name for names in COLUMNS[kind].values() for name in names)}
        held = store.attributes(pieces.row[own], sorted(asked))
        places = own.tolist()
        for field, names in COLUMNS[kind].items():
            _fill(texts[field], places, [held[name] for name in names if name in held])
        if "KCXS" in held:
            kcxs[own] = [_number(value) for value in held["KCXS"]]
        same: dict[tuple, dict[str, str]] = {}  # parcels of a village mostly say the same
        for place, values in zip(places, zip(*(held[name] for name in carried), strict=True), strict=bool(carried)):
            if values not in same:
                same[values] = {n: str(v) for n, v in zip(carried, values, strict=True) if v not in (None, "")}
            attributes[place] = same[values]
    odd = ~((kcxs >= 0) & (kcxs < 1))
    return Records(**texts, kcxs=np.where(odd, 0.0, kcxs), odd_kcxs=odd, attributes=attributes)


def _fill(texts: list[str], places: list[int], columns: list[list]) -> None:
    for values in reversed(columns):  # the first column has the last word
        for place, value in zip(places, values, strict=True):
            if value is not None and value != "":
                texts[place] = str(value)


def _number(value: object) -> float:
    """NaN where something is written that is no number."""
    if value is None or value == "":
        return 0.0
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return float("nan")


def in_force(kind: Kind, found: Records, day: date) -> tuple[NDArray[np.bool_], dict[int, Text]]:
    """Which records hold on ``day`` (no date: it holds), and what has to be said, by place.

    A date that cannot be read does not end a record: it holds, and a warning says so.
    """
    holds, said = np.ones(len(found.code), bool), dict[int, Text]()
    if kind not in IN_FORCE:
        return holds, said
    title, *columns = IN_FORCE[kind]
    for i, attributes in enumerate(found.attributes):
        first, last = (attributes.get(name, "") for name in columns)
        begin, end = _day(first), _day(last)
        unread = [text for text, value in ((first, begin), (last, end)) if text and value is None]
        if unread:
            said[i] = both(
                "The date “{text}” of {kind} {label} cannot be read; the record is taken as in force.",
                text=unread[0],
                kind=both(title),
                label=found.label[i] or found.name[i] or "–",
            )
        holds[i] = (begin is None or begin <= day) and (end is None or end >= day)
        if not holds[i]:
            said[i] = both(
                "{kind} {label} was not in force on {day} (from {first} to {last}).",
                kind=both(title),
                label=found.label[i] or found.name[i] or "–",
                day=day.isoformat(),
                first=first or "–",
                last=last or "–",
            )
    return holds, said


def _day(text: str) -> date | None:
    digits = "".join(c for c in text[:10] if c.isdigit())[:8]
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None
