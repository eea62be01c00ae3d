"""[io] ``gengxun case``: what is known of each piece of ground, in lists, in a screenful, with proof."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from flows import settings
from flows.cli import Group, emit, say
from flows.cli.case_do import case_do
from flows.cli.case_show import lines
from flows.cli.data import JSON
from geodata.area import mu
from geodata.days import day_of
from geodata.errors import InputError
from geodata.words import language, tr
from pipeline.cases.case import Stage, Status
from pipeline.cases.rows import on_day
from pipeline.cases.story import document
from pipeline.clues import source_name
from pipeline.triage import KINDS, kind_name


@click.group(cls=Group, help=tr("Cases: the ground, followed until closed."))
def case() -> None:
    pass


case.add_command(case_do)


def today() -> date:
    return day_of(datetime.now(UTC))


def district_code(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value and not (value.isascii() and value.isdigit()):
        raise InputError("--district {value}: write the beginning of a code, as 430321.", value=value)
    return value or None


@case.command("list", help=tr("Cases, in the order in which they want attention."))
@click.option("--stage", type=click.Choice([s.value for s in Stage], case_sensitive=False), help=tr("Only this stage."))
@click.option(
    "--status", type=click.Choice([s.value for s in Status], case_sensitive=False), help=tr("Only this status.")
)
@click.option("--district", metavar="CODE", callback=district_code,
              help=tr("Only this district or township, by the beginning of its code."))  # fmt: skip
@click.option("--kind", type=click.Choice(list(KINDS)), help=tr("Only this kind."))
@click.option(
    "--overdue",
    is_flag=True,
    help=tr("Only where a last day of the loop has passed; limits of proceedings and transfers: gengxun remind."),
)
@click.option("--batch", metavar="NAME", help=tr("Only with a clue of this batch."))
@click.option("--party", metavar="NAME", help=tr("Only of this party."))
@click.option("--assignee", metavar="NAME", help=tr("Only assigned to this person."))
@click.option("--limit", type=click.IntRange(min=1), help=tr("At most so many."))
@click.option(
    "--budget",
    is_flag=True,
    help=tr("Suspected cases by what a visit is worth (probability × farmland × basic farmland × urgency), with a line"
            " after those that a week can check."),
)  # fmt: skip
@JSON
def case_list(stage: str | None, status: str | None, district: str | None, kind: str | None, overdue: bool,
              batch: str | None, party: str | None, assignee: str | None, limit: int | None, budget: bool,
              as_json: bool) -> None:  # fmt: skip
    now, office = today(), settings.find()
    visits = _visits(office, status) if budget else 0
    with office.ledger as ledger:
        found = ledger.rows(
            stage=stage,
            status=Status.SUSPECTED.value if budget else status,
            district=district,
            kind=kind,
            batch=batch,
            party=party,
            assignee=assignee,
            due_before=now if overdue else None,
            limit=limit,
        )
    rows = [on_day(row, now) for row in found]
    if budget:
        rows = [{**row, "rank": n, "within_budget": n <= visits} for n, row in enumerate(rows, start=1)]
    if as_json:
        return emit(rows)
    if not rows:
        return say(tr("no case fits"))
    if budget:
        click.echo(tr("rank  worth  number  status  kind  area (farmland)  confidence  district  longitude,latitude"))
    else:
        click.echo(
            tr(
                "number  status  kind  area (farmland)  confidence  district  longitude,latitude  due  assigned to"
                "  sources (overdue and due first, then to dispatch, the others, closed, dismissed)"
            )
        )
    for row in rows:
        click.echo(f"{row['rank']:>4}  {row['worth']:>7.2f}  {_line(row)}" if budget else _line(row))
        if budget and row["rank"] == visits:
            click.echo(tr("---- the {n} checks of this week end here; what follows waits ----", n=visits))


def _visits(office: settings.Workspace, status: str | None) -> int:
    """Ground checks of a week, for suspected cases. Raises: InputError where none are said, or others are asked for."""
    if status not in (None, Status.SUSPECTED.value):
        raise InputError("--budget: is of suspected cases; leave --status {status} out.", status=status)
    visits = office.settings.case.visits_week
    if visits < 1:
        raise InputError(
            "{path}: [case] visits_week is not said; write how many ground checks a week can make, visits_week = 10.",
            path=office.root / settings.FILE,
        )
    return visits


def _line(row: dict[str, Any]) -> str:
    return "  ".join(
        part
        for part in (
            row["number"],
            tr(row["status"]),
            kind_name(row["kind"])[language()],
            tr(
                "{patch} mu (farmland {farmland})",
                patch=f"{mu(row['patch_m2']):>8.2f}",
                farmland=f"{mu(row['farmland_gross_m2']):.2f}",
            ),
            f"{row['confidence']:.2f}",
            row["district_name"],
            f"{row['lon']:.5f},{row['lat']:.5f}",
            due_words(row),
            row["assignee"],
            sources_words(row),
        )
        if part
    )


def sources_words(row: dict[str, Any]) -> str:
    """Who told of it, imagery among them; "" where only imagery did."""
    told = dict.fromkeys(source_name(one["source"])[language()] for one in row["sources"])
    seen = [tr("imagery")] if row["after_id"] and told else []
    return " + ".join((*seen, *told))


def due_words(row: dict[str, Any]) -> str:
    """How long is left of what is due next; "" where nothing runs."""
    if row["days_left"] is None:
        return ""
    said = tr("{n} days overdue", n=-row["days_left"]) if row["overdue"] else tr("{n} days left", n=row["days_left"])
    return said + (tr(" (provisional)") if row["due_provisional"] else "")


@case.command("show", help=tr("One case: its parts, what was found, what is due, what runs beside, and its events."))
@click.argument("number")
@JSON
def case_show(number: str, as_json: bool) -> None:
    office = settings.find()
    with office.ledger as ledger:
        found = document(ledger, number, today())
    if as_json:
        return emit(found)
    for line in lines(found, office.rules(today())):
        click.echo(line)


@case.command("export", help=tr("One case with its evidence and the proof that it is in the signed ledger."))
@click.argument("number")
@click.option("--out", "path", required=True, type=click.Path(path_type=Path), metavar="PATH",
              help=tr("A new folder, or a file ending in .zip."))  # fmt: skip
@JSON
def case_export(number: str, path: Path, as_json: bool) -> None:
    from pipeline.cases.heads import to_json
    from pipeline.cases.proof import export_case

    office = settings.find()
    with office.ledger as ledger:
        done = export_case(ledger, office.root, number, path)
    if as_json:
        return emit({"path": str(done.path), "events": done.events, "evidence": done.evidence,
                     "head": to_json(done.head)})  # fmt: skip
    click.echo(tr("{path}: {events} events, {evidence} files of evidence; check it with the verifier.py in it",
                  path=done.path, events=done.events, evidence=done.evidence))  # fmt: skip
