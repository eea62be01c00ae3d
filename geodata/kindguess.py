"""What kind of layer a table looks like, by its name, its columns and their values. Nothing is decided by it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from geodata.contracts import CONTRACTS, Kind, is_named_as, matched
from geodata.landcodes import CODE_SYSTEMS, entry, land_class
from geodata.words import Text, both

ISSUED = "ISSUED"
"""Not a kind of layer: patches issued from above, which come in as a batch."""
_ISSUED = {
    "JCBH",
    "JCTBBH",
    "监测图斑编号",
    "TBLX",
    "QSX",
    "HSX",
    "前时相",
    "后时相",
    "JCMJ",
    "YGTBZJ",
    "BGQDL",
    "BGHDL",
}
_PLANNING = {
    "CZKFBJ|城镇开发边界": "城镇开发边界",
    "GDBHMB|耕地保护目标": "耕地保护目标",
}
_UNIT = re.compile(r"(1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|81|82)\d{4}(\d{3}(\d{3}(\d{7})?)?)?")
_NAME = re.compile("NAME|NAME_CHN|MC|名称|地名|行政区|单位名称", re.IGNORECASE)


@dataclass(frozen=True)
class Guess:
    """kind: of ``Kind``, ``ISSUED`` or "" where nothing tells. columns: {OURS: THEIRS} that must be said.
    evidence: sentences, the weightiest first."""

    kind: str
    columns: Mapping[str, str]
    evidence: tuple[Text, ...]


def guess(names: Sequence[str], values: Mapping[str, Mapping[str, int]]) -> Guess:
    """names: of the table and its file. values: {column: {value: records}}, of each column the commonest values."""
    columns = list(values)
    issued = [c for c in columns if c.upper() in _ISSUED]
    if len(issued) >= 2:
        return Guess(ISSUED, {}, (both("Columns of issued patches: {columns}.", columns=", ".join(issued)),))
    for pattern, title in _PLANNING.items():
        if any(re.search(pattern, name, re.IGNORECASE) for name in names):
            said = both("{name} has no kind of its own; BOUNDARY holds it, without a part in any verdict.", name=title)
            return Guess(Kind.BOUNDARY, {}, (said,))
    scores = {kind: _score(kind, names, columns) for kind in Kind}
    kind = max(scores, key=lambda k: scores[k])
    if scores[kind] < 1:
        return _by_values(values)
    return Guess(kind, _to_say(kind, values), _why(kind, names, columns))


def _score(kind: Kind, names: Sequence[str], columns: Sequence[str]) -> float:
    """3 for the name; each column of the contract 1, shared among the kinds that have it."""
    shared = (sum(name in contract for contract in CONTRACTS.values()) for name in matched(kind, columns))
    return 3.0 * any(is_named_as(kind, name) for name in names) + sum(1 / n for n in shared)


def _why(kind: Kind, names: Sequence[str], columns: Sequence[str]) -> tuple[Text, ...]:
    told: list[Text] = []
    if named := [name for name in names if is_named_as(kind, name)]:
        told.append(both("It is named as {kind} is delivered: {name}.", kind=str(kind), name=named[0]))
    if held := matched(kind, columns):
        shown = ", ".join(list(held.values())[:8]) + (" …" if len(held) > 8 else "")
        told.append(both("Columns of {kind}: {columns}.", kind=str(kind), columns=shown))
    return tuple(told)


def _to_say(kind: Kind, values: Mapping[str, Mapping[str, int]]) -> dict[str, str]:
    """The column that the contract needs and no name tells, by its values."""
    held = matched(kind, list(values))
    free = {c: v for c, v in values.items() if c not in held.values()}
    wanted, found = "", []
    if kind is Kind.FARMLAND:
        wanted, found = "DLBM", _land_columns(free)
    elif kind is Kind.DISTRICT:
        wanted, found = "XZQDM", _unit_columns(free)
    return {wanted: found[0]} if found and wanted not in held else {}


def _by_values(values: Mapping[str, Mapping[str, int]]) -> Guess:
    units, names = _unit_columns(values), [c for c, held in values.items() if _share(held, _is_chinese) >= 0.5]
    if units and names:  # numbers that only look like codes have no Chinese names beside them
        found = {"XZQDM": units[0]}
        named = [column for column in names if _NAME.fullmatch(column)]
        if named and "XZQMC" not in matched(Kind.DISTRICT, list(values)):
            found["XZQMC"] = named[0]
        return Guess(Kind.DISTRICT, found, (both("{column} holds codes of administrative units.", column=units[0]),))
    if lands := _land_columns(values):
        return Guess(Kind.FARMLAND, {"DLBM": lands[0]}, (both("{column} holds land codes.", column=lands[0]),))
    return Guess("", {}, (both("Neither name nor columns nor values tell what kind of layer it is."),))


def _is_chinese(text: str) -> bool:
    return any("\u4e00" <= char <= "\u9fff" for char in text)


def _unit_columns(values: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Columns of codes of units, all of one province: numbers of other things begin in many ways."""
    return [
        column
        for column, held in values.items()
        if held
        and _share(held, lambda value: bool(_UNIT.fullmatch(value))) >= 0.9
        and len({value.strip()[:2] for value in held}) == 1
    ]


def _land_columns(values: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Columns most of whose values are land codes, farmland among them."""
    found = []
    for column, held in values.items():
        known = max(_share(held, lambda value, s=system: entry(value, s) is not None) for system in CODE_SYSTEMS)
        farmland = any(land_class(value, system) == "farmland" for value in held for system in CODE_SYSTEMS)
        if known >= 0.8 and farmland and len(held) > 1:
            found.append(column)
    return found


def _share(values: Mapping[str, int], fits) -> float:
    total = sum(values.values())
    return sum(n for value, n in values.items() if fits(value.strip())) / total if total else 0.0
