"""Precision as it is lived: how often flags were right, by what the ground checks found. Pure.

A flag was right where the ground had really changed as it said, whatever the law says of it: a violation, and just as
well what turns out lawful, a recorded facility, a rural road. It was wrong where nothing had changed, where the base
map and not the ground was at fault, and where only a sliver of its outline lay on the parcel. Cases that no check on
the ground has judged count nowhere, those dismissed at the desk or by later imagery among them; so do clues from
outside, which no pair of scenes raised.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from geodata.words import Text, both

LEAST = 20
"""Verdicts below which no precision is given: of 20 alike the interval is still 16 points wide."""

Z = 1.959963984540054
"""Of the standard normal distribution, 95 % within."""

RIGHT = frozenset({"violation", "lawful", "facility", "rural_road", "other"})
WRONG = frozenset({"false_change", "basemap_wrong"})
SLIVER = ("other", "sliver")
SILENT = frozenset(("other", sub) for sub in ("military", "classified", "range_203", "enclave_elsewhere"))
"""They say whose ground it is, and not what became of it. A verdict that an office added itself is silent too."""

GROUPS: Mapping[str, tuple[str, str]] = {
    "district": ("district_code", "district_name"),
    "method": ("method", "method"),
    "kind": ("kind", "kind"),
}
"""What it is told by → (key, name) in a row."""

Row = Mapping[str, Any]


def wilson(right: float, n: float) -> tuple[float, float]:
    """The 95 % interval of a share, by the score of Wilson (1927); (0, 1) of nothing."""
    if n == 0:
        return 0.0, 1.0
    share, z2 = right / n, Z * Z / n
    middle = share + z2 / 2
    half = Z * math.sqrt(share * (1 - share) / n + z2 / (4 * n))
    return max(0.0, (middle - half) / (1 + z2)), min(1.0, (middle + half) / (1 + z2))


def right(row: Row) -> bool | None:
    """Whether the flag of a case was right; None where no verdict that stands says so.

    row: as ``rows.case_row``. Of a case that was split one part is enough; wrong takes all parts.
    """
    if not row.get("after_id"):
        return None
    said = [_said(piece.get("verdict"), piece.get("verdict_sub")) for piece in row.get("parts") or (row,)]
    if True in said:
        return True
    return False if all(one is False for one in said) else None


def _said(verdict: str | None, sub: str | None) -> bool | None:
    if (verdict, sub) in SILENT:
        return None
    if verdict in WRONG or (verdict, sub) == SLIVER:
        return False
    return True if verdict in RIGHT else None


class Verified:
    """Verdicts counted row by row."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, list[int]]] = {"total": {"": [0, 0]}, **{name: {} for name in GROUPS}}
        self._names: dict[tuple[str, str], str] = {}

    def add(self, row: Row, was_right: bool | None) -> None:
        if was_right is None:
            return
        self._counts["total"][""][was_right] += 1
        for group, (key, name) in GROUPS.items():
            value = str(row.get(key) or "")
            self._counts[group].setdefault(value, [0, 0])[was_right] += 1
            self._names.setdefault((group, value), str(row.get(name) or value))

    def told(self) -> dict[str, Any]:
        """JSON values: "total", and lists "by_district", "by_method", "by_kind" in the order of their keys.

        Each has "n" verdicts, "right" and "wrong" of them, "value" their share and "low", "high" of its 95 % interval;
        None below ``LEAST`` verdicts.
        """
        found: dict[str, Any] = {"least": LEAST, "total": _rate(*self._counts["total"][""])}
        for group in GROUPS:
            found[f"by_{group}"] = [
                {"key": key, "name": self._names[group, key], **_rate(*counts)}
                for key, counts in sorted(self._counts[group].items())
            ]
        return found


def _rate(wrong: int, right: int) -> dict[str, Any]:
    n = wrong + right
    low, high = wilson(right, n)
    value = (right / n, low, high) if n >= LEAST else (None, None, None)
    return {"n": n, "right": right, "wrong": wrong, **dict(zip(("value", "low", "high"), value, strict=True))}


def lived(rows: Iterable[Row], was_right: Callable[[Row], bool | None] = right) -> dict[str, Any]:
    """``Verified.told`` of all rows. was_right: of a row that is no whole ``rows.case_row``."""
    verified = Verified()
    for row in rows:
        verified.add(row, was_right(row))
    return verified.told()


def of(told: Mapping[str, Any], group: str, key: str) -> Mapping[str, Any]:
    """The rate of one district, method or kind; of one without a verdict all zeros."""
    return next((one for one in told[f"by_{group}"] if one["key"] == key), _rate(0, 0))


def shown(rate: Mapping[str, Any]) -> Text:
    """A rate as it is printed, with what it was made of."""
    if rate["value"] is None:
        return both("{n} verified, fewer than {least}: no precision is given yet", n=rate["n"], least=LEAST)
    share, low, high = _percents(rate)
    return both("{right} of {n} verified were right: {share}% (95% interval {low}–{high}%)",
                right=rate["right"], n=rate["n"], share=share, low=low, high=high)  # fmt: skip


def short(rate: Mapping[str, Any]) -> str:
    """The same where there is little room: "80% (58–92, 16/20)"; "—" below ``LEAST`` verdicts."""
    if rate["value"] is None:
        return "—"
    share, low, high = _percents(rate)
    return f"{share}% ({low}–{high}, {rate['right']}/{rate['n']})"


def _percents(rate: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(f"{100 * rate[key]:.0f}" for key in ("value", "low", "high"))
