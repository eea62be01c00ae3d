"""[io] Verdicts on the patches of an issued batch, in the form in which they go back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.settings import Workspace
from geodata import atomic, exchange, featurefile
from geodata import crs as crs_
from geodata.days import day_of
from geodata.errors import EmptyData, GengXunError, InputError
from pipeline import returning
from pipeline.cases.events import Kind
from pipeline.cases.ledger import Ledger
from pipeline.workbook import workbook


@dataclass
class Returned:
    """rows: of the table; patches: as issued. photos: copied; lost: those that are not held (a copy of the ledger
    without its evidence). told: what went otherwise."""

    written: exchange.Written
    patches: int
    rows: int
    photos: int
    lost: int
    told: returning.Told


def run(
    office: Workspace,
    batch: str,
    path: Path,
    *,
    source: str = "issued",
    crs: str | None = None,
    photos: Path | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Returned:
    """The batch as .xlsx, or as features in a format of ``exchange``. photos: a folder for copies of the photos, by
    the names that stand in the table. Raises: InputError where nothing is known of the batch, or ``path`` is none."""
    table = path.suffix.lower() == ".xlsx"
    into = crs_.name_of(crs_.crs_(crs, "--crs")) if crs else crs_.GEOGRAPHIC
    if table and crs:
        raise InputError("{path}: a workbook has no coordinate system; leave --crs out.", path=path)
    if not table:
        exchange.check(path, into)
    elif not path.parent.is_dir():
        raise InputError("{path}: its folder is not there; make it first.", path=path)
    rules, told = office.rules(day_of(datetime.now(UTC))), returning.Told()
    found: list[returning.Row] = []
    with office.ledger as ledger:
        whole = sum(ledger.counts("status", batch=batch).values())
        patches = 0
        for n, case in enumerate(ledger.each_case(batch=batch), 1):
            for clue, flag in _clues(ledger, case.number, source, batch):
                patches += 1
                found += returning.rows(case, clue, flag, rules, told)
            progress(n / whole)
    if not found:
        raise EmptyData("{batch}: no patch of this batch is known from the source {source}; see gengxun batch list.",
                        batch=batch, source=source)  # fmt: skip
    found.sort(key=lambda row: (row.values["FJCBH"], row.values["JCBH"]))
    told.empty = [f.heading for f in returning.fields() if all(_none(row.values.get(f.name)) for row in found)]
    written = _write(path, batch, found, into)
    copied, lost = _copy(office, photos, found) if photos else (0, 0)
    return Returned(written, patches, len(found), copied, lost, told)


def _clues(ledger: Ledger, number: str, source: str, batch: str) -> list[tuple[Any, Any]]:
    """(what the clue said, the flag made of it) of each patch of the batch on one case."""
    told = [event.payload for event in ledger.events(number) if event.kind == Kind.CLUE]
    return [(one, one["flag"]) for one in told if (one["source"], one["batch"]) == (source, batch)]


def _none(value: Any) -> bool:
    return value is None or value == ""


def _write(path: Path, batch: str, found: list[returning.Row], crs: str) -> exchange.Written:
    fields = returning.fields()
    if path.suffix.lower() == ".xlsx":
        values = ([row.values.get(field.name) for field in fields] for row in found)
        atomic.write_bytes(path, workbook("图斑", "", fields, values, ()))
        return exchange.Written([path], len(found))
    columns = [featurefile.Column(f.name, f.type, [row.values.get(f.name) for row in found]) for f in fields]
    return featurefile.write(path, batch, [row.geometry for row in found], columns, crs)


def _copy(office: Workspace, folder: Path, found: list[returning.Row]) -> tuple[int, int]:
    """(copied, not held)."""
    folder.mkdir(parents=True, exist_ok=True)
    count = lost = 0
    for name, sha256 in (photo for row in found for photo in row.photos):
        try:
            atomic.write_bytes(folder / name, office.evidence.read(sha256))
            count += 1
        except GengXunError:
            lost += 1
    return count, lost
