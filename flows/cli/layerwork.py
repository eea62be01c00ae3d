"""[io] ``gengxun layer export``: layers out of hand."""

from __future__ import annotations

from pathlib import Path

import click

from flows import settings
from flows.cli import Command, emit, say
from flows.cli.data import JSON
from flows.cli.told import shapefile_notes
from flows.progress import step
from geodata.layers import Kind, kind_
from geodata.words import tr

KIND = click.argument("kind", callback=lambda context, parameter, value: kind_(value))
EDITION = click.argument("edition")


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


COMMANDS = (layer_export,)
