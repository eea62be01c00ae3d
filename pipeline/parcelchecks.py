"""Where the attributes of a layer disagree with its shapes, with each other, or with the lists of codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geodata.contracts import Kind
from geodata.intake import KCXS_AS_DELIVERED
from geodata.landcodes import entry
from geodata.layers import district_level
from geodata.words import Text, both
from pipeline.pieces import Parts
from pipeline.topology import Finding, Found, blocks

AREA_COLUMNS = {Kind.FARMLAND: ("TBMJ", "KCMJ", "TBDLMJ"), Kind.BASIC_FARMLAND: ("YJJBNTTBMJ", "KCMJ", "YJJBNTMJ")}
"""Whole area, what is taken off it for ridges, and what is left."""
AREA_M2, AREA_SHARE = 0.05, 1e-6
"""Areas are adjusted to the village's total by some cents (domain: 调平), and 0.01 m² a hectare is rounding."""
CENT = 0.011
"""Two decimals of three numbers, each rounded."""

Checks = Iterator[tuple[str, NDArray[np.intp], Callable[[int], Text]]]
"""(problem, rows of the block that have it, what to say of one)."""


def attributes(kind: Kind, parts: Parts) -> Found:
    """area, kcxs, deduction and code problems, parcel by parcel."""
    for number, (layer, store), rows, shapes in blocks(parts):
        for problem, odd, says in _checks(kind, layer, store, rows):
            for n in odd.tolist():
                place = (number, int(rows[n]))
                yield Finding(problem, shapes[n], store.zone, float(store.areas[rows[n]]), says(n), place), 0.0


def _checks(kind: Kind, layer: Any, store: Any, rows: NDArray[np.intp]) -> Checks:
    first, last = int(rows[0]), int(rows[-1]) + 1

    def number(name: str) -> NDArray[np.float64] | None:
        if name not in store.columns:
            return None
        values = store.column(name, first, last)
        return np.array([np.nan if v is None else _float(v) for v in values.to_pylist()])

    if kind in AREA_COLUMNS:
        yield from _areas(kind, number, np.asarray(store.areas[first:last]))
        codes = store.column("DLBM", first, last).to_pylist() if "DLBM" in store.columns else []
        odd = {code for code in set(codes) if entry(code or "", layer.code_system) is None}
        yield "code", np.flatnonzero([code in odd for code in codes]), lambda n: both(
            "DLBM {code} does not exist in {system}.", code=codes[n] or "–", system=layer.code_system or "–"
        )  # fmt: skip
    if kind is Kind.DISTRICT:
        units = store.column("XZQDM", first, last).to_pylist()
        odd_units = np.flatnonzero([district_level(code or "") is None for code in units])
        yield "code", odd_units, lambda n: both("XZQDM {code} is no code of 6, 9 or 12 digits.", code=units[n] or "–")


def _areas(kind: Kind, number: Callable[[str], NDArray[np.float64] | None], area: NDArray[np.float64]) -> Checks:
    whole_name, off_name, left_name = AREA_COLUMNS[kind]
    whole, off, left, kcxs = number(whole_name), number(off_name), number(left_name), number("KCXS")
    delivered = number(KCXS_AS_DELIVERED)
    if delivered is not None:
        bad = np.flatnonzero((delivered < 0) | (delivered >= 1))
        yield "kcxs", bad, lambda n: both("KCXS is {value}; it must be 0 or more and below 1.",
                                          value=f"{delivered[n]:g}")  # fmt: skip
    if whole is None:
        return
    far = np.abs(whole - area) > AREA_M2 + AREA_SHARE * area
    yield "area", np.flatnonzero(far), lambda n: both(
        "{column} is {said} m², the shape has {m2} m²: {off} m² apart.", column=whole_name, said=f"{whole[n]:,.2f}",
        m2=f"{area[n]:,.2f}", off=f"{whole[n] - area[n]:+,.2f}"
    )  # fmt: skip
    if off is None:
        return
    taken = np.nan_to_num(off)
    if kcxs is not None:
        factor = kcxs if delivered is None else np.where(np.isnan(delivered), kcxs, delivered)
        due = np.rint(whole * np.nan_to_num(factor) * 100) / 100
        yield "deduction", np.flatnonzero(np.abs(taken - due) > CENT), lambda n: both(
            "{column} is {said} m², but {whole} × KCXS is {due} m².", column=off_name, said=f"{taken[n]:,.2f}",
            whole=whole_name, due=f"{due[n]:,.2f}"
        )  # fmt: skip
    if left is not None:
        yield "deduction", np.flatnonzero(np.abs(left - (whole - taken)) > CENT), lambda n: both(
            "{column} is {said} m², but {whole} − {off} is {due} m².", column=left_name, said=f"{left[n]:,.2f}",
            whole=whole_name, off=off_name, due=f"{whole[n] - taken[n]:,.2f}"
        )  # fmt: skip


def _float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
