"""Attribute values of delivered layers, made uniform: text, numbers, days, 田坎 coefficients.

Arrow arrays in, Arrow arrays out. Nothing is corrected silently: each function also says which
values it could not take.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def text(values: pa.Array) -> pa.Array:
    """Trimmed text, empty text as null; whole numbers without ".0"."""
    if pa.types.is_floating(values.type):
        return pa.array([None if v is None or np.isnan(v) else _shown(v) for v in values.to_pylist()], pa.string())
    return _by_value(values.cast(pa.string()), lambda v: v.strip(" \t\r\n\0\u3000") or None)


def _shown(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _by_value(values: pa.Array, change: Callable[[str], str | None]) -> pa.Array:
    """``change`` of each value, called once for each value that occurs."""
    coded = values.dictionary_encode()
    changed = [None if v is None else change(v) for v in coded.dictionary.to_pylist()]
    return pa.array(changed, pa.string()).take(coded.indices)


def number(values: pa.Array) -> tuple[pa.Array, int]:
    """(float64 with nulls, how many texts are no numbers)."""
    if not pa.types.is_string(values.type):
        return values.cast(pa.float64(), safe=False), 0
    coded = values.dictionary_encode()
    parsed = pa.array([_number(v) for v in coded.dictionary.to_pylist()], pa.float64()).take(coded.indices)
    return parsed, int(pc.sum(pc.and_(pc.is_null(parsed), pc.is_valid(text(values)))).as_py() or 0)


def _number(value: str | None) -> float | None:
    try:
        found = float(unicodedata.normalize("NFKC", value or "").replace(",", ""))
    except ValueError:
        return None
    return found if np.isfinite(found) else None


_DAY = re.compile(r"(\d{4})\s*[-/.年]?\s*(\d{1,2})\s*[-/.月]?\s*(\d{1,2})\s*日?(?:[T ].*)?")


def day(values: pa.Array) -> tuple[pa.Array, int]:
    """(days as text YYYY-MM-DD, how many texts are no days; those stay as they are).

    Takes YYYYMMDD, YYYY-M-D, YYYY/M/D, YYYY年M月D日, each with a time after it, and numbers YYYYMMDD.
    """
    bad: list[str] = []

    def parse(value: str) -> str:
        found = _DAY.fullmatch(unicodedata.normalize("NFKC", value))
        try:
            if found:
                return date(int(found[1]), int(found[2]), int(found[3])).isoformat()
        except ValueError:
            pass
        bad.append(value)
        return value

    days = _by_value(text(values), parse)
    wrong = int(pc.sum(pc.is_in(days, pa.array(bad, pa.string()))).as_py() or 0) if bad else 0
    return days, wrong


_IDENTITY = re.compile(r"\d{6}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]")
_MOBILE = re.compile(r"(?:\+?86)?1[3-9]\d{9}")


def is_about_persons(values: pa.Array) -> bool:
    """Are most of these texts identity numbers (with their check digit, GB 11643) or mobile numbers?"""
    texts = [v.strip() for v in values.to_pylist() if v and v.strip()] if pa.types.is_string(values.type) else []
    told = sum(bool(_MOBILE.fullmatch(v)) or (bool(_IDENTITY.fullmatch(v)) and _checks(v)) for v in texts)
    return bool(texts) and told * 2 > len(texts)


def _checks(identity: str) -> bool:
    total = sum(int(digit) * (2 ** (17 - i) % 11) for i, digit in enumerate(identity[:17]))
    return "10X98765432"[total % 11] == identity[17].upper()


def codes(values: pa.Array) -> pa.Array:
    """Land codes in half width and upper case, without blanks."""
    return _by_value(text(values), lambda v: re.sub(r"\s", "", unicodedata.normalize("NFKC", v)).upper() or None)


def deduction(
    values: pa.Array, farmland: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """KCXS as to be reckoned with: (n,) float64, 0 where there is none, where it is outside [0, 1)
    and where the ground is no farmland; then the masks of those two. farmland None: not known."""
    found = values.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64, copy=True)
    found[np.isnan(found)] = 0.0
    outside = (found < 0) | (found >= 1)
    off = (found > 0) & ~outside & ~farmland if farmland is not None else np.zeros(len(found), bool)
    found[outside | off] = 0.0
    return found, outside, off
