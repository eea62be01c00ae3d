"""[io] ``gengxun remind``, ``stats``, ``export``, ``law``: what an office reads, prints and sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from flows import settings
from flows.cli import Command, Group, emit, say
from flows.cli.casework import district_code, today
from flows.cli.data import JSON, day
from flows.cli.told import shapefile_notes
from flows.progress import step
from flows.reminding import run as reminded
from flows.reminding import sent
from geodata.area import mu
from geodata.errors import InputError
from geodata.words import language, tr
from pipeline import precision
from pipeline.cases.case import Stage, Status
from pipeline.cases.rows import on_day
from pipeline.construction import construction as read
from pipeline.construction import kept
from pipeline.statistics import RATES, label, shown, statistics
from pipeline.triage import KINDS, kind_name

TOTAL = ("found", "checked", "violation", "ordered", "filed", "rectified", "closed", "dismissed", "overdue", "relapses",
         "overridden", "to_police", "to_agriculture", "to_discipline")  # fmt: skip
AREAS = ("patch_m2", "farmland_gross_m2", "basic_farmland_m2", "violation_farmland_net_m2", "restored_m2")
BY = ("district", "township", "kind", "status", "verdict", "month")


@click.command(cls=Command, help=tr("What is overdue, or due soon, by district and person: numbers and days only."))
@click.option("--days", type=click.IntRange(0, 3650), help=tr("Look so many days ahead; left out: as in gengxun.toml."))
@click.option("--send", is_flag=True, help=tr("Send it by the channels that [notify] names: numbers and days."))
@JSON
def remind(days: int | None, send: bool, as_json: bool) -> None:
    office = settings.find()
    if send and not office.settings.notify.urls:
        raise InputError("{path}: [notify] names no channel; write one there, or leave --send out.",
                         path=office.root / settings.FILE)  # fmt: skip
    found = reminded(office, within_days=days)
    if send:
        sent(office, found)
    if as_json:
        return emit(found)
    for (district, person), rows in groupby(found["reminders"], lambda r: (r["district_name"], r["person"])):
        click.echo(f"{district or '–'} · {person or tr('not assigned')}")
        for row in rows:
            click.echo("  " + _reminder(row))
    click.echo(tr("{overdue} overdue, {due} due within {days} days", overdue=found["overdue"], due=found["due"],
                  days=found["within_days"]))  # fmt: skip
    if found["overdue"]:
        click.echo(tr("of these: cases overdue in the loop {cases} (as case list --overdue and stats count), limits of"
                      " proceedings and transfers {beside}, checks put off {again}", cases=found["overdue_cases"],
                      beside=found["overdue_beside"], again=found["overdue_again"]))  # fmt: skip
    for one in found["recounted"]:
        say(tr("{number}: {what} counted again, {was} becomes {on}", number=one["case"], what=one["what"],
               was=one["was"], on=one["on"]))  # fmt: skip
    for one in found["refused"]:
        say(f"{one['case']}: {one['error']}")


def _reminder(row: Mapping[str, Any]) -> str:
    number = row["number"] + (f"_{row['part']}" if row["part"] else "")
    left = row["days_left"]
    said = tr("{n} days overdue", n=-left) if left < 0 else tr("{n} days left", n=left)
    provisional = tr(" (provisional)") if row["provisional"] else ""
    return f"{number}  {row['name'][language()]}  {row['on']}{provisional}  {said}"


@click.command(cls=Command, help=tr("Counts, areas, ages and rates; the 15 % ratio with numerator and denominator."))
@click.option("--from", "since", callback=day, metavar="DATE", help=tr("Found from this day on."))
@click.option("--to", "until", callback=day, metavar="DATE", help=tr("Found up to this day."))
@click.option("--by", type=click.Choice(BY), default="district", show_default=True, help=tr("One line for each."))
@click.option("--construction", type=click.Path(path_type=Path), metavar="FILE",
              help=tr("CSV or XLSX: farmland lawfully taken by construction, by district and year."))  # fmt: skip
@JSON
def stats(since: date | None, until: date | None, by: str, construction: Path | None, as_json: bool) -> None:
    office, now = settings.find(), today()
    lawful = kept(office.root / "law") if construction is None else read(construction)
    with office.ledger as ledger:
        rows = (on_day(row, now) for row in ledger.each_row())
        found = statistics(rows, today=now, since=since, until=until, construction_m2=lawful)
    if as_json:
        return emit(found)
    _total(found["total"])
    click.echo(label(f"by_{by}")[language()])
    for group in found[f"by_{by}"]:
        click.echo("  " + _group(group, by))
    _precision(found["precision"])
    _ratio(found["farmland_ratio"])


def _total(total: Mapping[str, Any]) -> None:
    click.echo("  ".join(f"{label(key)[language()]} {total[key]}" for key in TOTAL))
    click.echo("  ".join(f"{label(key)[language()]} {total[key]:,.2f}" for key in AREAS))
    said = []
    for key in RATES:
        ratio = total[key]
        said.append(f"{label(key)[language()]} {shown(ratio)} ({ratio['numerator']}/{ratio['denominator']})")
    click.echo("  ".join(said))
    ages = total["ages"]
    if ages["open"]:
        click.echo(
            f"{label('ages')[language()]}: {label('median_days')[language()]} {ages['median_days']:g}, "
            f"{label('max_days')[language()]} {ages['max_days']}"
        )


def _group(group: Mapping[str, Any], by: str) -> str:
    name = group["name"]
    if by == "kind" and name in KINDS:
        name = kind_name(name)[language()]
    elif by == "status":
        name = tr(name)
    key = f"{group['key']} " if by in ("district", "township") and group["key"] != name else ""
    counts = "  ".join(f"{label(k)[language()]} {group[k]}" for k in ("found", "violation", "closed", "overdue"))
    rates = f"{label('close_rate')[language()]} {shown(group['close_rate'])}"
    return f"{key}{name or '–'}  {counts}  {mu(group['farmland_gross_m2']):,.2f} 亩  {rates}"


def _precision(told: Mapping[str, Any]) -> None:
    """Of all flags, then by district, method and kind; nothing where nothing was verified."""
    if not told["total"]["n"]:
        return
    click.echo(f"{label('precision')[language()]}: {precision.shown(told['total'])[language()]}")
    for group in precision.GROUPS:
        click.echo(label(f"by_{group}")[language()])
        for one in told[f"by_{group}"]:
            name = kind_name(one["name"])[language()] if one["name"] in KINDS else one["name"]
            click.echo(f"  {name or '–'}  {precision.shown(one)[language()]}")


def _ratio(ratios: Sequence[Mapping[str, Any]]) -> None:
    if ratios:
        click.echo(label("farmland_ratio")[language()])
    for one in ratios:
        lawful = "–" if one["denominator"] is None else f"{one['denominator']:,.2f}"
        reached = "  " + tr("reaches {limit} %", limit=f"{100 * one['limit']:g}") if one["reached"] else ""
        click.echo(
            f"  {one['district_name']} {one['year']}  {one['illegal_m2']:,.2f} / {lawful} m²  {shown(one)}{reached}"
        )


@click.command(
    "export",
    cls=Command,
    help=tr(
        "The register of all cases, by the name of PATH: a workbook (.xlsx), or features: .gpkg, .shp (GBK), .gdb,"
        " .geojson, .parquet, .kml, .kmz."
    ),
)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--stage", type=click.Choice([s.value for s in Stage], case_sensitive=False), help=tr("Only this stage."))
@click.option(
    "--status", type=click.Choice([s.value for s in Status], case_sensitive=False), help=tr("Only this status.")
)
@click.option("--district", metavar="CODE", callback=district_code,
              help=tr("Only this district or township, by the beginning of its code."))  # fmt: skip
@click.option("--batch", metavar="NAME", help=tr("Only with a clue of this batch."))
@click.option("--crs", metavar="CRS", help=tr("Coordinate system to write in, as EPSG:4526; left out: EPSG:4490."))
@JSON
def export(path: Path, stage: str | None, status: str | None, district: str | None, batch: str | None,
           crs: str | None, as_json: bool) -> None:  # fmt: skip
    from flows.office_export import export as run

    office = settings.find()
    with step(tr("writing {path}", path=path)) as progress:
        done = run(office, path.absolute(), stage=stage, status=status, district=district, batch=batch,
                   crs=crs, progress=progress)  # fmt: skip
    for note in done.notes:
        say(note[language()])
    if as_json:
        return emit({"path": str(done.path), "rows": done.rows, "files": [str(file) for file in done.files],
                     "cut": list(done.cut), "replaced": list(done.replaced), "head": done.head})  # fmt: skip
    click.echo(tr("{path}: {rows} rows, ledger {head}", path=path, rows=done.rows, head=done.head))
    for text in shapefile_notes(done):
        say(text)


@click.group(cls=Group, help=tr("The office's own standards: verdicts, closings, deadlines, days off."))
def law() -> None:
    pass


@law.command("template", help=tr("Write law/NAME.toml to edit: what holds now, commented out."))
@click.argument("name", default="closing", type=click.Choice(["verdicts", "closing", "deadlines", "workdays"]))
def law_template(name: str) -> None:
    from pipeline.cases.standards import write_template

    click.echo(str(write_template(settings.find().root / "law", name)))
