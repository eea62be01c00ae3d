"""[io] ``gengxun batch``: clues from outside, taken in, listed, and returned with their verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from flows import settings
from flows.cli import Group, case_words, emit, say
from flows.cli.casework import today
from flows.cli.data import JSON
from flows.cli.layers import columns_option
from flows.cli.told import shapefile_notes
from flows.progress import step
from geodata.words import language, tr
from pipeline import clues
from pipeline.cases.events import SYSTEM
from pipeline.cases.rows import on_day

SHOWN = 20
"""Of records that cannot be used, so many are told one by one; all stand in ``--json``."""


@click.group(cls=Group, help=tr("Batches of clues from outside: add, list, return."))
def batch() -> None:
    pass


@batch.command(
    "add",
    help=tr(
        "Take clues in: an issued layer (SHP, GDB, GPKG, GeoJSON), or a list (CSV, XLSX) with longitude and latitude"
        " or WKT. Ground that is known is the same case; the same file again adds nothing."
    ),
)
@click.argument("path", type=click.Path())
@click.option("--source", required=True, type=click.Choice(list(clues.SOURCES)), help=tr("Who says so."))
@click.option("--batch", "name", required=True, metavar="NAME", help=tr("Name of the batch, as 2026Q4."))
@click.option(
    "--column", "columns", multiple=True, callback=columns_option, metavar="OURS=THEIRS", help=tr("Name a column.")
)
@click.option("--crs", help=tr("Coordinate system where the file names none, as EPSG:4526."))
@click.option("--layer", help=tr("Which layer of a GDB, GPKG, workbook or archive."))
@click.option("--sheet", metavar="NAME", help=tr("Which sheet of a workbook."))
@click.option("--as", "who", metavar="NAME:ROLE", help=tr("Who takes it in; left out: the system."))
@JSON
def batch_add(path: str, source: str, name: str, columns: dict[str, str], crs: str | None, layer: str | None,
              sheet: str | None, who: str | None, as_json: bool) -> None:  # fmt: skip
    from flows.batch import add

    office = settings.find()
    by = case_words.actor(who) if who else SYSTEM
    with step(tr("reading {path}", path=path)) as progress:
        done = add(office, path, source=source, batch=name, by=by, columns=columns, crs_given=crs, layer=layer,
                   sheet=sheet, progress=progress)  # fmt: skip
    read, received = done.read, done.received
    found: dict[str, Any] = {
        "source": source,
        "batch": name,
        "clues": len(read.clues),
        "new": received.new,
        "matched": received.matched,
        "already": received.already,
        "doubled": read.doubled,
        "renamed": list(read.renamed),
        "points": done.points,
        "point_radius_m": done.radius_m,
        "off_farmland": done.off_farmland,
        "undated": done.undated,
        "unknown_codes": dict(read.unknown_codes),
        "unusable": [{"record": record, "why": why} for record, why in read.unusable],
        "warnings": list(done.warnings),
    }
    return emit(found) if as_json else _report(found)


def _report(found: Mapping[str, Any]) -> None:
    click.echo(tr("{clues} clues: {new} new cases, {matched} known cases; {already} clues were known already",
                  clues=found["clues"], new=len(found["new"]), matched=len(found["matched"]),
                  already=found["already"]))  # fmt: skip
    for text in found["warnings"]:
        say(text[language()])
    if found["points"]:
        say(tr("{n} are mere positions; a circle of {m} m stands for each", n=found["points"],
               m=f"{found['point_radius_m']:g}"))  # fmt: skip
    if found["off_farmland"]:
        say(tr("{n} lie on no farmland of the layer held; kept all the same", n=found["off_farmland"]))
    if found["undated"]:
        say(tr("{n} say no day; they were laid over the layers of today", n=found["undated"]))
    if found["doubled"]:
        say(tr("{n} records are given twice alike; each counts once", n=found["doubled"]))
    if found["renamed"]:
        say(tr("the same number on other ground; called {ids}", ids=", ".join(found["renamed"][:SHOWN])))
    for code, n in found["unknown_codes"].items():
        say(tr("TBLX {code} is not known ({n}); taken as other", code=code, n=n))
    for one in found["unusable"][:SHOWN]:
        say(tr("record {n}: {why}; left out", n=one["record"], why=one["why"][language()].rstrip("。.")))
    if len(found["unusable"]) > SHOWN:
        say(tr("… and {n} more that cannot be used; see --json", n=len(found["unusable"]) - SHOWN))


@batch.command("list", help=tr("Batches that the cases know, with what has become of them."))
@JSON
def batch_list(as_json: bool) -> None:
    now = today()
    with settings.find().ledger as ledger:
        rows = clues.batches(on_day(row, now) for row in ledger.rows())
    if as_json:
        return emit(rows)
    for row in rows:
        said = tr(
            "{clues} clues, {cases} cases: open {open} (overdue {overdue}), closed {closed}, dismissed {dismissed}",
            **{k: row[k] for k in ("clues", "cases", "open", "overdue", "closed", "dismissed")},
        )
        click.echo(f"{row['batch']}  {clues.source_name(row['source'])[language()]}  {said}")


@batch.command(
    "return",
    help=tr(
        "Verdicts on the patches of an issued batch, as they go back: the issued columns and those of the form of 2026"
        " (核实认定意见, areas in mu …), the same patch numbers, parts of a split case as _1, _2 …; .xlsx, .shp (GBK)"
        " or another format of layer export. Telephone and identity numbers, and parties that may be persons, stay out."
    ),
)
@click.argument("name", metavar="BATCH")
@click.option("--out", "path", required=True, type=click.Path(path_type=Path), help=tr("File to write."))
@click.option("--source", default="issued", type=click.Choice(list(clues.SOURCES)), help=tr("Who says so."))
@click.option("--crs", metavar="CRS", help=tr("Coordinate system to write in, as EPSG:4526; left out: EPSG:4490."))
@click.option("--photos", metavar="DIR", type=click.Path(path_type=Path),
              help=tr("Copy the photos there, named XZQDM_JCBH_CL_1.jpg, as the table names them."))  # fmt: skip
@JSON
def batch_return(name: str, path: Path, source: str, crs: str | None, photos: Path | None, as_json: bool) -> None:
    from flows.batch_return import run

    with step(tr("writing {path}", path=path)) as progress:
        done = run(settings.find(), name, path.absolute(), source=source, crs=crs, photos=photos, progress=progress)
    told = done.told
    if as_json:
        return emit({"path": str(path), "patches": done.patches, "rows": done.rows, "photos": done.photos,
                     "photos_lost": done.lost, "empty": told.empty, "withheld": told.withheld,
                     "own_verdicts": told.own_verdicts, "short": told.short})  # fmt: skip
    click.echo(tr("{path}: {rows} rows of {patches} patches", path=path, rows=done.rows, patches=done.patches))
    if done.photos:
        say(tr("{n} photos copied to {folder}", n=done.photos, folder=photos))
    if done.lost:
        say(tr("{n} photos are not held here and were not copied", n=done.lost))
    if told.empty:
        say(tr("not known here, left empty: {columns}", columns=", ".join(told.empty)))
    for numbers, text in (
        (told.withheld, tr("the party may be a person and was left out: {ids}", ids=_some(told.withheld))),
        (told.own_verdicts,
         tr("a verdict that the form does not have, left empty: {ids}", ids=_some(told.own_verdicts))),
        (told.short,
         tr("areas do not add up, for part of the ground lies under no parcel: {ids}", ids=_some(told.short))),
    ):  # fmt: skip
        if numbers:
            say(text)
    for text in shapefile_notes(done.written):
        say(text)


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:SHOWN]) + (" …" if len(ids) > SHOWN else "")
