"""[io] ``gengxun case``: what is known of each piece of ground."""

from __future__ import annotations

import click

from flows import settings
from flows.cli import Group, emit
from flows.cli.case_do import case_do
from flows.cli.data import JSON
from geodata.area import mu
from geodata.words import language, tr
from pipeline.cases.case import Status
from pipeline.cases.rows import case_row


@click.group(cls=Group, help=tr("Cases: the ground, followed until closed."))
def case() -> None:
    pass


case.add_command(case_do)


@case.command("list", help=tr("Cases, the most urgent first."))
@click.option("--status", type=click.Choice([s.value for s in Status]), help=tr("Only this status."))
@click.option("--district", metavar="CODE", help=tr("Only this district or township, by the beginning of its code."))
@JSON
def case_list(status: str | None, district: str | None, as_json: bool) -> None:
    rows = settings.find().ledger.rows(status=status, district=district)
    if as_json:
        return emit(rows)
    for row in rows:
        click.echo(
            f"{row['number']}  {tr(row['status'])}  {tr(row['kind'])}  {mu(row['farmland_gross_m2']):>8.2f} 亩"
            f"  {row['confidence']:.2f}  {row['district_name']}  {row['lon']:.5f},{row['lat']:.5f}"
        )


@case.command("show", help=tr("One case, with its reasons and its events."))
@click.argument("number")
@JSON
def case_show(number: str, as_json: bool) -> None:
    ledger = settings.find().ledger
    found = ledger.case(number)
    events = [
        {"seq": e.seq, "kind": e.kind, "at": e.at.isoformat(), "by": e.by, "role": e.role, "hash": e.hash}
        for e in ledger.events(number)
    ]
    row = {**case_row(found), "events": events, "flags": list(found.flags)}
    if as_json:
        return emit(row)
    click.echo(f"{row['number']}  {tr(row['status'])}  {tr(row['kind'])}")
    click.echo(f"{row['district_name']}  {row['lon']:.6f}, {row['lat']:.6f}")
    click.echo(tr("patch {patch} m², farmland {farmland} m² ({mu} mu)", patch=f"{row['patch_m2']:,.2f}",
                  farmland=f"{row['farmland_gross_m2']:,.2f}", mu=f"{mu(row['farmland_gross_m2']):.2f}"))  # fmt: skip
    for reason in row["reasons"][language()]:
        click.echo(f"- {reason}")
    for event in events:
        click.echo(f"{event['seq']:>6}  {event['at']}  {event['kind']}  {event['by']}:{event['role']}")
