"""[io] ``gengxun layer``: the survey layers of a workspace."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import click

from flows import mappings, settings
from flows.cli import Group, emit, layerlook, layerwork, say
from flows.cli.data import JSON, day, worded
from flows.progress import step
from geodata.errors import InputError
from geodata.layers import Kind, Layer
from geodata.words import tr


@click.group(cls=Group, help=tr("Survey layers, by kind and edition."))
def layer() -> None:
    pass


def _kind(context: click.Context, parameter: click.Parameter, value: str) -> Kind:
    try:
        return Kind(value.upper())
    except ValueError:
        raise InputError("{value}: no kind of layer; known are {known}.", value=value, known=", ".join(Kind)) from None


def columns_option(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    pairs = [item.partition("=") for item in value]
    for item, (ours, equals, theirs) in zip(value, pairs, strict=True):
        if not (ours and equals and theirs):
            raise InputError("--column {item}: write OURS=THEIRS, as in DLBM=地类代码.", item=item)
    return {ours: theirs for ours, _, theirs in pairs}


@layer.command(
    "add",
    help=tr(
        "Take a survey layer in: SHP, GDB, GPKG, GeoJSON, GeoParquet, KML or KMZ, boundary points (TXT), XLSX or CSV"
        " with positions, or a zip of them. KIND is FARMLAND (DLTB), BASIC_FARMLAND, DISTRICT, APPROVED, FACILITY,"
        " REDLINE or BOUNDARY. Geometry is repaired with a report; personal columns are dropped."
    ),
)
@click.argument("kind", callback=_kind)
@click.argument("path", type=click.Path())
@click.option("--edition", required=True, help=tr("Name of the edition; YYYY means valid from 1 January of it."))
@click.option("--valid-from", callback=day, metavar="DATE", help=tr("First day of validity, YYYY-MM-DD."))
@click.option(
    "--crs", help=tr("Coordinate system where the file names none, as EPSG:4526; GCJ-02 takes that shift back.")
)
@click.option("--unshifted", is_flag=True, help=tr("It is right as it is, although it lies as if in GCJ-02."))
@click.option(
    "--code-system", type=click.Choice(["sandiao", "ydyh"]), help=tr("Meaning of DLBM where it is ambiguous.")
)
@click.option(
    "--column", "columns", multiple=True, callback=columns_option, metavar="OURS=THEIRS", help=tr("Name a column.")
)
@click.option("--layer", "layer_name", help=tr("Which layer of a GDB, GPKG, workbook or archive."))
@click.option("--mapping", metavar="NAME", help=tr("Columns and the rest as kept under this name."))
@click.option("--save-mapping", metavar="NAME", help=tr("Keep what is said here of columns, --crs, --layer and codes."))
@JSON
def layer_add(kind: Kind, path: str, edition: str, valid_from: date | None, crs: str | None, unshifted: bool,
              code_system: str | None, columns: dict[str, str], layer_name: str | None,
              mapping: str | None, save_mapping: str | None, as_json: bool) -> None:  # fmt: skip
    workspace = settings.find()
    editions = workspace.editions
    said = mappings.Taken(kind, columns, crs, layer_name, code_system)
    if mapping:
        said = said.over(mappings.read(workspace.root, mapping, kind))
    if save_mapping:
        mappings.check(save_mapping)
    with step(tr("reading {path}", path=path)) as progress:
        added = editions.add(
            kind,
            Path(path),
            edition=edition,
            valid_from=valid_from,
            crs=said.crs,
            unshifted=unshifted,
            code_system=said.code_system,
            columns=said.columns or None,
            layer_name=said.layer,
            progress=progress,
        )
    if save_mapping:
        mappings.write(workspace.root, save_mapping, said)
    if as_json:
        return emit(layer_row(added))
    click.echo(
        tr(
            "{kind} {edition}: {features} polygons, {ha} ha, valid from {day}",
            kind=added.kind,
            edition=added.edition,
            features=added.features,
            ha=f"{added.area_m2 / 10_000:,.2f}",
            day=added.valid_from,
        )
    )
    for reason, count in added.repaired.items():
        say(tr("repaired: {reason} × {count}", reason=tr(reason), count=count))
    if added.dropped_columns:
        say(tr("personal columns dropped: {names}", names=", ".join(added.dropped_columns)))
    for warning in added.warnings:
        say(worded(warning))
    layerwork.newer(editions, added)


def layer_row(held: Layer) -> dict[str, Any]:
    """One row of ``layer list``."""
    return {
        "kind": str(held.kind),
        "edition": held.edition,
        "valid_from": held.valid_from.isoformat(),
        "code_system": held.code_system,
        "crs": held.crs,
        "features": held.features,
        "area_m2": round(held.area_m2, 2),
        "repaired": dict(held.repaired),
        "warnings": [worded(w) for w in held.warnings],
        "zone": held.zone,
        "area_before_m2": round(held.area_before_m2, 2),
        "unknown_codes": dict(held.unknown_codes),
        "dropped_columns": list(held.dropped_columns),
        "source_sha256": held.source_sha256,
    }


@layer.command("list", help=tr("The layers held, a line each."))
@JSON
def layer_list(as_json: bool) -> None:
    held = settings.find().editions.layers()
    if as_json:
        return emit([layer_row(one) for one in held])
    for one in held:
        row = layer_row(one)
        click.echo(
            f"{row['kind']:<15} {row['edition']:<10} {row['valid_from']}  {row['code_system'] or '-':<8}"
            f" {row['crs']:<10} {row['features']:>9,}  {row['area_m2'] / 10_000:>14,.2f} ha"
        )


@layer.command("remove", help=tr("Remove an edition; refused while flags refer to it."))
@click.argument("kind", callback=_kind)
@click.argument("edition")
def layer_remove(kind: Kind, edition: str) -> None:
    workspace = settings.find()
    count = workspace.editions.remove(kind, edition, referenced=workspace.ledger.references)
    click.echo(tr("{kind} {edition}: removed ({count} files)", kind=kind, edition=edition, count=count))


for _command in (*layerwork.COMMANDS, layerlook.layer_inspect):
    layer.add_command(_command)
