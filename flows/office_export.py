"""[io] The register out of hand: a workbook, a GeoPackage or a Shapefile; what statistics need from a file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.settings import Workspace
from geodata import atomic, featurefile, tablefile
from geodata.area import M2_PER_MU
from geodata.days import BEIJING, day_of
from geodata.errors import GengXunError, InputError, WorkError
from geodata.words import Text, both, language, tr
from maps.qml import register_qml
from pipeline import register, workbook
from pipeline.cases import heads
from pipeline.cases.case import Case
from pipeline.cases.keys import NothingToSign, sign_now
from pipeline.cases.ledger import Ledger
from pipeline.cases.listing import Filters

SUFFIXES = (".xlsx", ".gpkg", ".shp")


@dataclass(frozen=True)
class Written:
    """rows: parts of cases. cut: columns in which texts were too long for the format. head: as in the footer."""

    path: Path
    rows: int
    cut: tuple[str, ...]
    head: str
    notes: tuple[Text, ...]


def export(
    office: Workspace, path: Path, *, stage: str | None = None, status: str | None = None, district: str | None = None,
    batch: str | None = None, progress: Callable[[float], None] = lambda share: None,
) -> Written:  # fmt: skip
    """By suffix; an existing file is replaced. Raises: InputError for another suffix, or a folder that is not there."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError("{path}: is written as {known}; name it so.", path=path, known=", ".join(SUFFIXES))
    if not path.parent.is_dir():
        raise InputError("{path}: its folder is not there; make it first.", path=path)
    today = day_of(datetime.now(UTC))
    with office.ledger as ledger:
        head, notes = _head(office, ledger)
        filters: Filters = {"stage": stage, "status": status, "district": district, "batch": batch}
        found = _Counted(register.rows(_cases(ledger, filters, progress), office.rules(today), language()))
        cut = _saved(office, path, found, head)
    return Written(path, found.count, tuple(cut), head, notes)


class _Counted:
    """Rows on their way to a file, one at a time; count: how many have passed."""

    def __init__(self, rows: Iterator[tuple[Mapping[str, Any], Any]]) -> None:
        self.rows, self.count = rows, 0

    def __iter__(self) -> Iterator[tuple[Mapping[str, Any], Any]]:
        for row in self.rows:
            self.count += 1
            yield row


def _saved(office: Workspace, path: Path, found: _Counted, head: str) -> list[str]:
    try:
        return _write(office, path, register.fields(), found, head)
    except OSError as error:
        raise WorkError(
            "{path}: cannot be written ({why}); close it where it is open, or name another place.",
            path=path,
            why=error.strerror or str(error),
        ) from error


def _write(office: Workspace, path: Path, fields: Sequence[workbook.Field], found: _Counted, head: str) -> list[str]:
    """By suffix; the names of columns in which texts were cut."""
    if path.suffix.lower() == ".xlsx":
        now = datetime.now(UTC).astimezone(BEIJING)
        scope = office.settings.bureau.name or tr("All districts")
        title = tr("Register of farmland patches · {scope} · {day}", scope=scope, day=now.date().isoformat())
        footer = [
            tr("Ledger: {head}; written {at} (Beijing time).", head=head, at=f"{now:%Y-%m-%d %H:%M}"),
            tr("Areas are in mu unless said; seen from above is a clue until the ground was checked."),
        ]
        values = ([row.get(field.name) for field in fields] for row, _ in found)
        atomic.write_bytes(path, workbook.workbook(tr("register"), title, fields, values, footer))
        return []
    values: list[list[Any]] = [[] for _ in fields]
    shapes = []
    for row, shape in found:
        shapes.append(shape)
        for field, column in zip(fields, values, strict=True):
            column.append(row.get(field.name))
    columns = [featurefile.Column(field.name, field.type, some) for field, some in zip(fields, values, strict=True)]
    return featurefile.write(path, "register", shapes, columns, "EPSG:4490", style=register_qml(language()))


def _cases(ledger: Ledger, filters: Filters, progress: Callable[[float], None]) -> Iterator[Case]:
    """By number, one at a time."""
    whole = sum(ledger.counts("status", **filters).values())
    for n, case in enumerate(ledger.each_case(**filters), 1):
        yield case
        progress(n / whole)


def _head(office: Workspace, ledger: Ledger) -> tuple[str, tuple[Text, ...]]:
    """The short text of the head that is signed now, and what to say where none can be."""
    try:
        return heads.mark(sign_now(ledger, office.root).head), ()
    except NothingToSign:
        return "–", ()
    except GengXunError as error:
        why = {lang: tr(error.msgid, lang, **error.fields) for lang in ("zh", "en")}
        return tr("not signed"), (both("written without a signed head: {why}", why=why),)


# farmland that construction takes lawfully, for the 15 % ratio


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
