"""[io] ``gengxun sortie``: flights planned for what imagery cannot settle."""

from __future__ import annotations

from pathlib import Path

import click

from flows import settings
from flows.cli import Group, emit
from flows.cli.data import JSON
from geodata.errors import InputError
from geodata.waypoints import DRONES
from geodata.words import tr
from pipeline.sorties import LEGAL_HEIGHT_M, Limits

DEFAULT = Limits()


@click.group(cls=Group, help=tr("Drone flights for what satellites cannot settle: plan."))
def sortie() -> None:
    pass


def _positive(context: click.Context, parameter: click.Parameter, value: float) -> float:
    name = parameter.opts[0]
    if not 0 < value < 1e6:
        raise InputError("{option} {value}: give a number above 0.", option=name, value=value)
    if name == "--height-m" and value > LEGAL_HEIGHT_M:
        raise InputError(
            "--height-m {value}: above {most} m true height every flight needs an application; give {most} or less.",
            value=f"{value:g}",
            most=f"{LEGAL_HEIGHT_M:g}",
        )
    return value


def lonlat(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[float, float] | None:
    if value is None:
        return None
    try:
        lon, lat = (float(part) for part in value.replace("，", ",").split(","))
    except ValueError:
        raise InputError(
            "{option} {value}: write LON,LAT in degrees, as in 112.94,27.83.", option=parameter.opts[0], value=value
        ) from None
    if not (-180 <= lon <= 180 and -90 < lat < 90):
        raise InputError(
            "{option} {value}: write LON,LAT in degrees, as in 112.94,27.83.", option=parameter.opts[0], value=value
        )
    return lon, lat


def _reserve(context: click.Context, parameter: click.Parameter, value: float) -> float:
    if not 0 <= value < 100:
        raise InputError("--reserve {value}: give percent of the battery, 0 or more and below 100.", value=value)
    return value / 100


@sortie.command(
    "plan",
    help=tr(
        "Group the cases that imagery cannot settle into sorties and write them to --out: a KMZ of waypoints (DJI WPML)"
        " each, sorties.json and sorties.txt. Looked at are suspected cases that further scenes leave unclear or that"
        " are below high, and ground under rectification or before acceptance whose re-checks cannot tell. Each patch"
        " is covered by photos taken straight down. A sortie keeps to time, battery and distance, goes round no-fly"
        " polygons, and ends where it began; what cannot be flown is named with its reason."
    ),
    epilog=tr("Example: gengxun sortie plan --out flights-1124 --home 112.94,27.83 --no-fly airspace.gpkg"),
)
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help=tr("Folder to write to."))
@click.option("--minutes", type=float, default=DEFAULT.minutes, show_default=True, callback=_positive,
              help=tr("How long a battery flies."))  # fmt: skip
@click.option("--reserve", type=float, default=100 * DEFAULT.reserve, show_default=True, callback=_reserve,
              help=tr("Percent of it that is kept."))  # fmt: skip
@click.option("--max-km", type=float, default=DEFAULT.max_km, show_default=True, callback=_positive,
              help=tr("Longest way of a sortie."))  # fmt: skip
@click.option("--height-m", type=float, default=DEFAULT.height_m, show_default=True, callback=_positive,
              help=tr("Height above take-off, 120 at most."))  # fmt: skip
@click.option("--speed-mps", type=float, default=DEFAULT.speed_mps, show_default=True, callback=_positive,
              help=tr("Speed between photos, m/s."))  # fmt: skip
@click.option("--camera-mm", type=float, default=DEFAULT.camera_mm, show_default=True, callback=_positive,
              help=tr("Focal length of the lens as of a 35 mm camera."))  # fmt: skip
@click.option("--no-fly", type=click.Path(path_type=Path), help=tr("A file of polygons that are kept off."))
@click.option("--clearance-m", type=float, default=30.0, show_default=True, callback=_positive,
              help=tr("How far they are kept off."))  # fmt: skip
@click.option("--home", callback=lonlat, metavar="LON,LAT", help=tr("Where all sorties take off and land."))
@click.option("--drone", type=click.Choice(list(DRONES)), default="m3e", show_default=True,
              help=tr("Which aircraft of DJI the files are for."))  # fmt: skip
@click.option(
    "--case", "cases", multiple=True, metavar="N", help=tr("Fly to this case, settled or not; may be given again.")
)
@JSON
def sortie_plan(out: Path, minutes: float, reserve: float, max_km: float, height_m: float, speed_mps: float,
                camera_mm: float, no_fly: Path | None, clearance_m: float, home: tuple[float, float] | None, drone: str,
                cases: tuple[str, ...], as_json: bool) -> None:  # fmt: skip
    from flows import sorties

    limits = Limits(minutes, reserve, max_km, height_m, speed_mps, camera_mm)
    made = sorties.plan(settings.find(), out, limits, no_fly=no_fly, clearance_m=clearance_m, home=home, drone=drone,
                        only=cases)  # fmt: skip
    if as_json:
        return emit(made)
    for line in sorties.lines(made):
        click.echo(line)
