"""[io] ``gengxun init``, ``scene``: a workspace and the images that go into it."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from flows import clouds, settings
from flows.cli import Command, Group, emit, say
from flows.progress import step
from geodata.days import day_of
from geodata.errors import GengXunError, InputError
from geodata.ortho import HEIGHTS, report
from geodata.scene import Scene
from geodata.words import language, tr

JSON = click.option("--json", "as_json", is_flag=True, help=tr("One JSON document on standard output."))


def day(context: click.Context, parameter: click.Parameter, value: str | None) -> date | None:
    """For an option that takes a day. Raises: InputError."""
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        name = parameter.opts[0].lstrip("-")
        raise InputError("--{name} {value}: not a day; write YYYY-MM-DD.", name=name, value=value) from None


def worded(said: Any) -> str:
    return str(said[language()]) if isinstance(said, dict) else str(said)


@click.command(cls=Command, help=tr("A new workspace in DIR: settings, catalogue, inbox, ledger."))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--name", default="", help=tr("Name of the jurisdiction, shown on every page."))
def init(folder: Path, name: str) -> None:
    workspace, new = settings.init(folder, name)
    if new:
        click.echo(tr("{path}: workspace made; next: gengxun layer add FARMLAND …", path=workspace.root))
    else:
        click.echo(tr("{path}: is a workspace already; left unchanged", path=workspace.root))


# --- scenes ------------------------------------------------------------------------------------


@click.group(cls=Group, help=tr("Scenes: satellite images and drone orthomosaics."))
def scene() -> None:
    pass


def _moment(context: click.Context, parameter: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise InputError(
            "--acquired {value}: not a day or time; write YYYY-MM-DD or YYYY-MM-DDTHH:MM+08:00.", value=value
        ) from None


def _bands(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if value else None


ACQUIRED = click.option(
    "--acquired", callback=_moment, metavar="DATE", help=tr("When it was taken, YYYY-MM-DD[Thh:mm±hh:mm].")
)
PLATFORM = click.option("--platform", help=tr("What took it, as sentinel-2a, gf-2, drone."))
BANDS = click.option(
    "--bands",
    callback=_bands,
    metavar="NAMES",
    help=tr("Bands in the file's order, or those wanted of a delivery: blue,green,red,nir"),
)


@scene.command(
    "add",
    help=tr(
        "Take scenes in. PATH is a GeoTIFF, COG or orthomosaic of any band count, or a delivery as its folder, its"
        " archive (.tar.gz .tgz .tar .zip) or one of its files: GF-1/2/6/7, ZY3, ZY1-02D, SuperView, 吉林一号,"
        " Sentinel-2 (SAFE), Landsat 4-9 Collection 2, PlanetScope; Sentinel-1 as a GeoTIFF on a map. The"
        " same twice is one scene."
    ),
)
@click.argument("paths", nargs=-1, required=True, type=click.Path())
@PLATFORM
@ACQUIRED
@BANDS
@click.option("--crs", help=tr("Coordinate system where the file names none, as EPSG:32649; of the map for L1A."))
@click.option(
    "--offset",
    type=float,
    metavar="NUMBER",
    help=tr("Of Sentinel-2, where its metadata do not tell: -1000 from baseline 04.00, 0 where a mirror took it out."),
)
@click.option(
    "--quality",
    type=click.Path(path_type=Path),
    help=tr("A file with the quality band (SCL, QA_PIXEL …); without one clouds are told as [imagery] clouds says."),
)
@click.option("--dem", metavar="PATH", help=tr("Elevation model (GeoTIFF) on which an image with RPC (L1A) is laid."))
@click.option("--dem-heights", type=click.Choice(HEIGHTS), help=tr("What the elevation model's heights are above."))
@click.option("--geoid", "geoid_m", type=float, metavar="M",
              help=tr("Metres of the geoid above the ellipsoid there, for orthometric heights."))  # fmt: skip
@click.option("--reference", metavar="PATH|SCENE-ID",
              help=tr("Orthomosaic or scene that an image with RPC is tied to; none: take it untied."))  # fmt: skip
@click.option("--pansharpen", is_flag=True, help=tr("Sharpen the bands by the panchromatic image of the delivery."))
@JSON
@click.pass_context
def scene_add(context: click.Context, paths: tuple[str, ...], platform: str | None, acquired: datetime | None,
              bands: tuple[str, ...] | None, crs: str | None, offset: float | None, quality: Path | None,
              pansharpen: bool, as_json: bool, **ground: Any) -> None:  # fmt: skip
    workspace = settings.find()
    catalog = workspace.catalog
    rows, bad = [], []
    for path in paths:
        try:
            with step(tr("reading {path}", path=path)) as progress:
                added, new = catalog.add_scene(
                    Path(path),
                    platform=platform,
                    acquired=acquired,
                    bands=bands,
                    crs=crs,
                    offset=offset,
                    quality=quality,
                    ground=workspace.ground(pansharpen, **ground),
                    progress=progress,
                )
                added = clouds.masked(workspace, added)
        except GengXunError as error:
            if error.exit_code != 2:
                raise
            bad.append(str(error))
            continue
        rows.append({**scene_row(added), "new": new})
        if not as_json:
            click.echo(scene_line(added) + ("" if new else "  " + tr("(held already)")))
            for text in (*report.lines(added.ortho), *added.warnings):
                say(worded(text))
    if as_json:
        emit(rows)
    for sentence in bad:
        say(sentence)
    if bad:
        context.exit(2)


def scene_row(held: Scene) -> dict[str, Any]:
    """One row of ``scene list``."""
    return {
        "id": held.id,
        "platform": held.platform,
        "acquired_at": held.acquired_at.isoformat(),
        "bands": list(held.bands),
        "gsd_m": round(held.gsd_m, 4),
        "crs": f"EPSG:{held.geobox.crs.to_epsg()}"
        if held.geobox.crs and held.geobox.crs.to_epsg()
        else str(held.geobox.crs),
        "width": held.geobox.width,
        "height": held.geobox.height,
        "cloud_cover": held.cloud_cover,
        "sha256": held.sha256,
        "warnings": [worded(w) for w in held.warnings],
        **({"ortho": dict(held.ortho)} if held.ortho else {}),
    }


def scene_line(held: Scene) -> str:
    row = scene_row(held)
    cloud = "-" if row["cloud_cover"] is None else f"{row['cloud_cover']:.0f}%"
    size = f"{row['gsd_m']:>7g} m  {row['width']}×{row['height']}  {row['crs']}"
    return (
        f"{row['id'][:8]}  {day_of(held.acquired_at)}  {row['platform']:<14} {size}"
        f"  {tr('cloud')} {cloud}  {','.join(row['bands'])}"
    )


@scene.command("list", help=tr("The scenes held, a line each, oldest first."))
@JSON
def scene_list(as_json: bool) -> None:
    held = settings.find().catalog.scenes()
    if as_json:
        return emit([scene_row(one) for one in held])
    for one in held:
        click.echo(scene_line(one))


@scene.command("edit", help=tr("Correct what is said about a scene."))
@click.argument("scene_id", metavar="ID")
@PLATFORM
@ACQUIRED
@BANDS
def scene_edit(scene_id: str, platform: str | None, acquired: datetime | None, bands: tuple[str, ...] | None) -> None:
    workspace = settings.find()
    edited = workspace.catalog.edit_scene(scene_id, platform=platform, acquired=acquired, bands=bands)
    click.echo(scene_line(edited))


@scene.command("remove", help=tr("Remove a scene; refused while flags refer to it."))
@click.argument("scene_id", metavar="ID")
def scene_remove(scene_id: str) -> None:
    workspace = settings.find()
    workspace.catalog.remove_scene(scene_id, referenced=workspace.ledger.references_scene)
    click.echo(tr("{id}: removed", id=scene_id))
