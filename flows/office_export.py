"""[io] The register out of hand: a workbook, or features in any format of ``exchange``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.settings import Workspace
from geodata import atomic, exchange, featurefile
from geodata import crs as crs_
from geodata.days import day_of
from geodata.errors import GengXunError, InputError, WorkError
from geodata.words import Text, both, language, tr
from maps.qml import register_qml
from pipeline import register, workbook
from pipeline.cases import heads
from pipeline.cases.case import Case
from pipeline.cases.keys import NothingToSign, sign_now
from pipeline.cases.ledger import Ledger
from pipeline.cases.listing import Filters

SUFFIXES = (".xlsx", *exchange.SUFFIXES)


@dataclass(frozen=True)
class Written:
    """rows: parts of cases. files: those written. cut, replaced: columns in which texts were too long for the format,
    or had characters that it has not. head: as in the footer."""

    path: Path
    rows: int
    files: tuple[Path, ...]
    cut: tuple[str, ...]
    replaced: tuple[str, ...]
    head: str
    notes: tuple[Text, ...]


def export(
    office: Workspace, path: Path, *, stage: str | None = None, status: str | None = None, district: str | None = None,
    batch: str | None = None, crs: str | None = None, progress: Callable[[float], None] = lambda share: None,
) -> Written:  # fmt: skip
    """By suffix; an existing file is replaced. crs: to be written in, EPSG:4490 if not said.

    Raises: InputError for another suffix, a folder that is not there, a CRS that the format has not.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError("{path}: is written as {known}; name it so.", path=path, known=", ".join(SUFFIXES))
    if not path.parent.is_dir():
        raise InputError("{path}: its folder is not there; make it first.", path=path)
    if crs and suffix == ".xlsx":
        raise InputError("{path}: a workbook has no coordinate system; leave --crs out.", path=path)
    into = crs_.name_of(crs_.crs_(crs, "--crs")) if crs else crs_.GEOGRAPHIC
    if suffix != ".xlsx":
        exchange.check(path, into)
    today = day_of(datetime.now(UTC))
    with office.ledger as ledger:
        head, notes = _head(office, ledger)
        filters: Filters = {"stage": stage, "status": status, "district": district, "batch": batch}
        found = _Counted(register.rows(_cases(ledger, filters, progress), office.rules(today), language()))
        made = _saved(office, path, found, head, into)
    return Written(path, found.count, tuple(made.files), tuple(made.cut), tuple(made.replaced), head, notes)


class _Counted:
    """Rows on their way to a file, one at a time; count: how many have passed."""

    def __init__(self, rows: Iterator[tuple[Mapping[str, Any], Any]]) -> None:
        self.rows, self.count = rows, 0

    def __iter__(self) -> Iterator[tuple[Mapping[str, Any], Any]]:
        for row in self.rows:
            self.count += 1
            yield row


def _saved(office: Workspace, path: Path, found: _Counted, head: str, crs: str) -> exchange.Written:
    try:
        return _write(office, path, register.fields(), found, head, crs)
    except OSError as error:
        raise WorkError(
            "{path}: cannot be written ({why}); close it where it is open, or name another place.",
            path=path,
            why=error.strerror or str(error),
        ) from error


def _write(
    office: Workspace, path: Path, fields: Sequence[workbook.Field], found: _Counted, head: str, crs: str
) -> exchange.Written:
    if path.suffix.lower() == ".xlsx":
        scope = office.settings.bureau.name or tr("All districts")
        made = register.book((row for row, _ in found), scope=scope, now=datetime.now(UTC), head=head)
        atomic.write_bytes(path, made)
        return exchange.Written([path])
    told: list[list[Any]] = [[] for _ in fields]
    shapes = []
    for row, shape in found:
        shapes.append(shape)
        for field, column in zip(fields, told, strict=True):
            column.append(row.get(field.name))
    columns = [featurefile.Column(field.name, field.type, some) for field, some in zip(fields, told, strict=True)]
    return featurefile.write(path, "register", shapes, columns, crs, style=register_qml(language()))


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
