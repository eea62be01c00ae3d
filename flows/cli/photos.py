"""[io] ``gengxun photo``: photos of drones taken in, with the ground that they show and the cases on it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from flows import settings
from flows.cli import Group, case_words, emit, say
from flows.cli.data import JSON
from flows.cli.sorties import lonlat
from flows.progress import step
from geodata.days import BEIJING
from geodata.errors import InputError
from geodata.words import language, tr
from pipeline.cases.closing import SHOT_NAMES

WORDS_SHOWN = 12
"""Different sentences about the photos of a flight that are printed; all stand in ``--json``."""
LOWEST_M, HIGHEST_M = 1.0, 5000.0


@click.group(cls=Group, help=tr("Photos of drones: add, list, and the flights that they make."))
def photo() -> None:
    pass


def _height(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    if value is not None and not LOWEST_M <= value <= HIGHEST_M:
        raise InputError(
            "--height-m {value}: no height of a drone; give metres above ground, {least} to {most}.",
            value=value,
            least=int(LOWEST_M),
            most=int(HIGHEST_M),
        )
    return value


@photo.command(
    "add",
    help=tr(
        "Take photos in, files or folders of them (JPEG, TIFF, PNG, HEIC). From EXIF and XMP come position, pose and"
        " the footprint on the ground; what is missing is said in words. Each photo is kept once, becomes evidence of"
        " the cases that its footprint lies on (or of --case), and those of one folder and day become a flight with its"
        " coverage. The same photos again add nothing."
    ),
    epilog=tr("Example: gengxun photo add DCIM/100MEDIA --as 李外业:field_inspector"),
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--as", "who", metavar="NAME:ROLE", help=tr("Who brings them; needed where they show cases."))
@click.option("--case", "cases", multiple=True, metavar="N", help=tr("Tie all of them to this case instead."))
@click.option("--shot", type=click.Choice(list(SHOT_NAMES)), default="other", help=tr("What kind of photo they are."))
@click.option("--height-m", type=float, callback=_height, metavar="M",
              help=tr("Height above ground, for photos that tell none."))  # fmt: skip
@click.option(
    "--takeoff", callback=lonlat, metavar="LON,LAT", help=tr("Where the drone took off, for a terrain model.")
)
@click.option("--dem", metavar="PATH", help=tr("Terrain model (GeoTIFF); left out: that of the settings."))
@JSON
@click.pass_context
def photo_add(context: click.Context, paths: tuple[Path, ...], who: str | None, cases: tuple[str, ...], shot: str,
              height_m: float | None, takeoff: tuple[float, float] | None, dem: str | None,
              as_json: bool) -> None:  # fmt: skip
    from flows import photos

    office = settings.find()
    by = case_words.actor(who) if who else None
    with step(tr("reading {count} paths of photos", count=len(paths))) as progress:
        added = photos.add(
            office, paths, by, cases=cases, shot=shot, height_m=height_m, takeoff=takeoff, dem=dem, progress=progress
        )
    found = photos.told(added)
    if as_json:
        emit(found)
    else:
        _say(found)
    for sentence in added.refused:
        say(sentence)
    if added.untied:
        say(tr("they show {cases}; say who brings them with --as NAME:ROLE, and they become evidence of it.",
               cases="、".join(sorted(set(added.untied)))))  # fmt: skip
    if added.refused or added.untied:
        context.exit(2)


def _say(found: Mapping[str, Any]) -> None:
    for flight in found["flights"]:
        click.echo(flight_line(flight))
        for one in flight["words"][:WORDS_SHOWN]:
            say(f"  {one['photos']} ×  {one['text'][language()]}")
        if len(flight["words"]) > WORDS_SHOWN:
            say("  " + tr("… and {count} more sentences; see --json", count=len(flight["words"]) - WORDS_SHOWN))
    for tie in found["cases"]:
        click.echo(_tie(tie) + "  " + tr("{new} new as evidence", new=tie["new"]))
    if found["photos"] and not found["cases"] and not found["untied"]:
        say(tr("no case lies on the ground that they show"))
    if found["passed_over"]:
        say(tr("{count} files of the folders are no photos and were passed over", count=found["passed_over"]))


def _tie(tie: Mapping[str, Any]) -> str:
    named = tie["case"] + (f"_{tie['part']}" if tie["part"] else "")
    return f"{named}  " + tr("{percent} % of it shown by {photos} photos", percent=f"{100 * tie['share']:.0f}",
                             photos=tie["photos"])  # fmt: skip


def flight_line(flight: Mapping[str, Any]) -> str:
    """20160623-529db58c  2016-06-23 16:32–16:33  6 photos, 6 with footprint  0.42 ha  1.7 cm  RTK fixed 0 %."""
    times = [
        datetime.fromisoformat(flight[name]).astimezone(BEIJING) for name in ("first_at", "last_at") if flight[name]
    ]
    when = f"{flight['day'] or tr('undated')} {'–'.join(dict.fromkeys(f'{at:%H:%M}' for at in times))}".strip()
    gsd = f"{100 * flight['gsd_m'][1]:.1f} cm" if flight["gsd_m"] else "–"
    counts = tr("{photos} photos, {ground} with footprint", photos=flight["photos"], ground=flight["with_footprint"])
    rtk = f"RTK {100 * flight['rtk_fixed_share']:.0f} %"
    return f"{flight['id']}  {when}  {counts}  {flight['area_m2'] / 10_000:,.2f} ha  {gsd}  {rtk}"


@photo.command("list", help=tr("The photos held of all flights, a line each."))
@JSON
def photo_list(as_json: bool) -> None:
    from flows import photos

    rows = photos.photos_of(settings.find())
    if as_json:
        return emit(rows)
    for row in rows:
        place = "–" if row["lon"] is None else f"{row['lon']:.6f} {row['lat']:.6f}"
        height = "–" if row["height_m"] is None else f"{row['height_m']:.0f} m"
        click.echo(f"{row['sha256'][:8]}  {row['flight']}  {row['name']:<24} {_when(row)}  {place}"
                   f"  {height}  {tr(KINDS[row['kind']])}")  # fmt: skip


def _when(row: Mapping[str, Any]) -> str:
    at = row["taken_at"]
    return f"{datetime.fromisoformat(at).astimezone(BEIJING):%Y-%m-%d %H:%M}" if at else f"{'–':<16}"


KINDS = {"frame": "footprint", "circle": "circle", "point": "position", "none": "no position"}


@photo.command("flights", help=tr("The flights, a line each, and the cases that they show."))
@JSON
def photo_flights(as_json: bool) -> None:
    from flows import photos
    from pipeline import flights

    office = settings.find()
    with office.ledger as ledger:
        cases = ledger.cases()
    rows = [{**flights.summary(one), "cases": photos.covered(one, cases)} for one in photos.held(office)]
    if as_json:
        return emit(rows)
    for row in rows:
        click.echo(flight_line(row))
        for tie in row["cases"]:
            click.echo("  " + _tie(tie))


@photo.command("map", help=tr("One flight as one HTML file that opens offline: what each photo shows, and the cases."))
@click.argument("flight", metavar="FLIGHT")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help=tr("The file to write."))
def photo_map(flight: str, out: Path) -> None:
    from flows import photos

    photos.write_map(settings.find(), flight, out, language())
    click.echo(str(out))
