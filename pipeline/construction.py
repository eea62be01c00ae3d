"""[io] Farmland that construction takes lawfully, as the office counts it: the other term of the 15 % ratio."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from geodata import tablefile
from geodata.area import M2_PER_MU
from geodata.errors import InputError

NAMES = ("construction.csv", "construction.xlsx")
"""Under which the office keeps it in ``<workspace>/law/``, so that every sheet shows the ratio."""

_DISTRICT = ("DISTRICT_CODE", "XZQDM", "行政区代码", "县区代码", "县区")
_YEAR = ("YEAR", "年份", "年度", "ND")
_UNITS: Mapping[str, float] = {
    "m2": 1.0, "m²": 1.0, "㎡": 1.0, "平方米": 1.0, "亩": M2_PER_MU, "mu": M2_PER_MU, "公顷": 10_000.0, "ha": 10_000.0,
}  # fmt: skip


def construction(path: Path) -> dict[tuple[str, int], float]:
    """(district, year) → m² of a CSV or XLSX: columns XZQDM, 年份, and an area whose heading says its unit.

    Raises: InputError naming the record.
    """
    rows = tablefile.read(path)
    head = [unicodedata.normalize("NFKC", name).strip() for name in rows[0]]
    code, year = (_column(head, names) for names in (_DISTRICT, _YEAR))
    areas = [(n, unit) for n, name in enumerate(head) if n not in (code, year) and (unit := _unit(name)) is not None]
    if code is None or year is None or len(areas) != 1:
        raise InputError(
            "{path}: needs the columns XZQDM, year and one area with its unit, as 面积(亩); it has {columns}.",
            path=path,
            columns=", ".join(name for name in head if name) or "–",
        )
    (at, unit), found = areas[0], dict[tuple[str, int], float]()
    for n, row in enumerate(rows[1:], 1):
        if not any(row):
            continue
        try:
            key = (row[code].removesuffix(".0"), int(float(row[year])))
            value = float(row[at].replace(",", "")) * unit
        except (ValueError, IndexError, OverflowError):
            key, value = ("", 0), -1.0
        if not key[0].isdigit() or not 0 <= value < 1e12:
            raise InputError(
                "{path}: record {n} has no district, year or area that can be read; mend it.", path=path, n=n
            )
        found[key] = round(found.get(key, 0.0) + value, 2)
    return found


def _column(head: Sequence[str], names: Sequence[str]) -> int | None:
    return next((n for n, name in enumerate(head) if name.upper() in names), None)


def _unit(name: str) -> float | None:
    said: Any = re.search(r"(m2|m²|㎡|平方米|亩|mu|公顷|ha)\W*$", name, re.IGNORECASE)
    return _UNITS[said[1].lower()] if said else None


def kept(law: Path) -> dict[tuple[str, int], float]:
    """What the office keeps in its ``law/``; {} where there is no such file. Raises: as ``construction``."""
    found = next((law / name for name in NAMES if (law / name).is_file()), None)
    return {} if found is None else construction(found)
