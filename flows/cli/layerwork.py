"""[io] ``gengxun layer export``, ``diff``, ``check``, ``rejudge``: what leaves, and what an edition changes."""

from __future__ import annotations

from pathlib import Path

import click

from flows import settings
from flows.cli import Command, emit, say
from flows.cli.data import JSON, worded
from flows.cli.told import shapefile_notes
from flows.progress import step
from geodata.editions import Editions
from geodata.errors import GengXunError
from geodata.layers import Kind, Layer, kind_
from geodata.words import language, tr
from pipeline.layerchange import Changed

KIND = click.argument("kind", callback=lambda context, parameter, value: kind_(value))
EDITION = click.argument("edition")
OUT = click.option("--out", type=click.Path(path_type=Path), metavar="FILE.gpkg",
                   help=tr("Write each finding with its ground there, a layer a kind."))  # fmt: skip
UNBALANCED_M2 = 0.05
"""What rounding of many parcels can leave is not told."""


@click.command(
    "export",
    cls=Command,
    help=tr(
        "Write an edition to PATH, by its name: .shp (GBK, names of ten characters, one every 2 GB), .gdb, .gpkg,"
        " .geojson, .parquet, .kml, .kmz. Left alone, it stays in its own zone; GeoJSON and KML are in degrees."
    ),
)
@KIND
@EDITION
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--crs", metavar="CRS", help=tr("Another coordinate system, as EPSG:4526 (zone 38 in front) or 4490."))
@JSON
def layer_export(kind: Kind, edition: str, path: Path, crs: str | None, as_json: bool) -> None:
    with step(tr("writing {path}", path=path)) as progress:
        done = settings.find().editions.export(kind, edition, path.absolute(), crs=crs, progress=progress)
    if as_json:
        return emit({"files": [str(file) for file in done.files], "rows": done.rows, "renamed": done.renamed,
                     "cut": dict(done.cut), "replaced": dict(done.replaced)})  # fmt: skip
    click.echo(tr("{path}: {rows} polygons", path=path, rows=done.rows))
    if done.renamed:
        said = ", ".join(f"{old} → {new}" for old, new in done.renamed.items())
        say(tr("columns are called otherwise there: {names}", names=said))
    for text in shapefile_notes(done):
        say(text)


@click.command(
    "diff",
    cls=Command,
    help=tr(
        "What EDITION_B changed against EDITION_A: areas by class; parcels gone, new and changed by their identity"
        " (BSM, or ZLDWDM and TBBH); ground that became or ceased to be farmland. Nothing is changed."
    ),
)
@KIND
@click.argument("before", metavar="EDITION_A")
@click.argument("after", metavar="EDITION_B")
@OUT
@JSON
def layer_diff(kind: Kind, before: str, after: str, out: Path | None, as_json: bool) -> None:
    from flows.layerchange import diff

    with step(tr("comparing {a} with {b}", a=before, b=after)) as progress:
        told = diff(settings.find().editions, kind, before, after, out and out.absolute(), progress)
    if as_json:
        return emit({"before": before, "after": after, **told.to_json()})
    for row in told.to_json()["classes"]:
        change = row["after_m2"] - row["before_m2"]
        click.echo(
            f"{row['code'] or '–':<6} {ha(row['before_m2']):>14} → {ha(row['after_m2']):>14} ha {ha(change, '+'):>13}"
            f"  {row['parcels_before']:>8,} → {row['parcels_after']:>8,}  {row['name']}"
        )
    for line in summary(told, before, after):
        click.echo(line)
    if out:
        click.echo(str(out))


def ha(m2: float, sign: str = "") -> str:
    return f"{m2 / 10_000:{sign},.4f}"


def summary(told: Changed, before: str, after: str) -> list[str]:
    """Of what a newer edition changed: the ground in a line, the parcels in another."""
    what = tr("farmland") if told.kind is Kind.FARMLAND else str(told.kind)
    said = [
        tr("{a} → {b}: {what} {before} → {after} ha; {lost} ha no longer, {gained} ha newly", a=before, b=after,
           what=what, before=ha(told.before_m2), after=ha(told.after_m2), lost=ha(told.lost_m2),
           gained=ha(told.gained_m2)),
    ]  # fmt: skip
    if abs(told.unbalanced_m2) >= UNBALANCED_M2:
        said.append(tr("{m2} m² do not add up: ground that an edition has under two parcels; see gengxun layer check",
                       m2=f"{told.unbalanced_m2:,.2f}"))  # fmt: skip
    parcels = told.parcels
    if not parcels.key:
        return [*said, tr("parcels cannot be told by identity: neither BSM nor ZLDWDM with TBBH serves")]
    said.append(
        tr("parcels by {key}: {gone} gone, {new} new, {changed} changed ({class_changed} in class, {shape_changed} in"
           " shape), {unchanged} as they were", key="+".join(parcels.key), gone=f"{parcels.gone:,}",
           new=f"{parcels.new:,}", changed=f"{parcels.changed:,}", class_changed=f"{parcels.class_changed:,}",
           shape_changed=f"{parcels.shape_changed:,}", unchanged=f"{parcels.unchanged:,}")
    )  # fmt: skip
    if any(parcels.unkeyed):
        said.append(tr("{a} and {b} parcels have no such number of their own and are left out of that",
                       a=parcels.unkeyed[0], b=parcels.unkeyed[1]))  # fmt: skip
    return said


def newer(editions: Editions, added: Layer) -> None:
    """After ``layer add``: what it changed against the edition before, once all its files seem to be there."""
    before = editions.before(added)
    if before is None:
        return
    held, older = (len(editions.parts(added.kind, edition)) for edition in (added.edition, before))
    if held < older:
        said = {"edition": added.edition, "before": before, "held": held, "older": older, "kind": str(added.kind)}
        say(tr("{edition} has {held} files so far, {before} has {older}; what changed: gengxun layer diff {kind}"
               " {before} {edition}", **said))  # fmt: skip
        return
    from flows.layerchange import diff

    try:
        with step(tr("comparing {a} with {b}", a=before, b=added.edition)) as progress:
            told = diff(editions, added.kind, before, added.edition, progress=progress)
    except GengXunError as error:  # the layer is in; what is wrong with the older one is another matter
        return say(str(error))
    for line in summary(told, before, added.edition):
        click.echo(line)


@click.command(
    "check",
    cls=Command,
    help=tr(
        "Topology and attributes of an edition: overlaps, gaps (inside the layer and against the DISTRICT layer),"
        " slivers, areas that disagree with TBMJ, KCXS out of range, KCMJ and TBDLMJ that do not follow, duplicates,"
        " codes that do not exist. Counted, written to --out, and nothing is mended."
    ),
)
@KIND
@EDITION
@OUT
@JSON
def layer_check(kind: Kind, edition: str, out: Path | None, as_json: bool) -> None:
    from flows.layercheck import PROBLEMS, check

    with step(tr("checking {kind} {edition}", kind=str(kind), edition=edition)) as progress:
        done = check(settings.find().editions, kind, edition, out and out.absolute(), progress)
    if as_json:
        return emit({
            "kind": str(kind),
            "edition": edition,
            "parcels": done.parcels,
            "problems": {key: {"count": done.counts[key], "m2": round(done.m2[key], 2),
                               "examples": done.examples.get(key, [])} for key in PROBLEMS},
            "mended_at_intake": done.mended,
        })  # fmt: skip
    click.echo(tr("{kind} {edition}: {n} polygons looked at", kind=str(kind), edition=edition, n=f"{done.parcels:,}"))
    for key, name in PROBLEMS.items():
        click.echo(f"{tr(name):<40} {done.counts[key]:>9,} {done.m2[key]:>16,.2f} m²")
        for text in done.examples.get(key, ()):
            say(f"  {text[language()]}")
    for reason, count in done.mended.items():
        say(tr("mended when it was added: {reason} × {count}", reason=tr(reason), count=count))
    for text in done.warnings:
        say(worded(text))
    if out and out.exists():
        click.echo(str(out))


@click.command(
    "rejudge",
    cls=Command,
    help=tr(
        "What every open case would be under EDITION: farmland and basic farmland before and after, whether it would"
        " still be a flag, and whether it would pass the criminal threshold. Read only: a flag keeps the edition by"
        " which it was judged."
    ),
)
@KIND
@EDITION
@JSON
def layer_rejudge(kind: Kind, edition: str, as_json: bool) -> None:
    from flows.rejudge import run

    with step(tr("laying open cases over {kind} {edition}", kind=str(kind), edition=edition)) as progress:
        done = run(settings.find(), kind, edition, progress)
    if as_json:
        return emit({"kind": str(kind), "edition": edition, "parts": done.parts, "rows": done.rows})
    gone = sum(not row["still_a_flag"] for row in done.rows)
    click.echo(
        tr("{parts} open cases or parts looked at, {n} would be otherwise; {gone} would be no flag, {crossing} would"
           " cross the criminal threshold", parts=done.parts, n=len(done.rows), gone=gone,
           crossing=sum(row["criminal_changes"] for row in done.rows))
    )  # fmt: skip
    for row in done.rows:
        was, would = row["before"], row["after"]
        marks = [] if row["still_a_flag"] else [OUTCOMES[would["outcome"]]]
        if row["criminal_changes"]:
            marks.append("criminal threshold")
        click.echo(
            f"{row['case']}{'_' + row['part'] if row['part'] else ''}  "
            + tr("farmland {a} → {b} m², basic farmland {c} → {d} m², urgency {e} → {f}",
                 a=f"{was['farmland_gross_m2']:,.2f}", b=f"{would['farmland_gross_m2']:,.2f}",
                 c=f"{was['basic_gross_m2']:,.2f}", d=f"{would['basic_gross_m2']:,.2f}",
                 e=f"{was['urgency']:.3f}", f=f"{would['urgency']:.3f}")
            + "".join(f"  [{tr(mark)}]" for mark in marks)
        )  # fmt: skip


OUTCOMES = {
    "off_farmland": "would be off farmland",
    "approved": "would be covered by an approval",
    "facility": "would be covered by a record of facility farmland",
}
COMMANDS = (layer_export, layer_diff, layer_check, layer_rejudge)
