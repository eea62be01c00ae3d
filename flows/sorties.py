"""[io] Sorties for what imagery cannot settle: targets from the ledger, no-fly ground by file, waypoint files out."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from flows.delivered import polygons
from flows.settings import Workspace
from geodata import atomic, crs, waypoints
from geodata.errors import InputError
from geodata.waypoints import DRONES, Route, Waypoint
from geodata.words import LANGUAGES, both, language, tr
from pipeline import sorties
from pipeline.cases.order import order_key
from pipeline.cases.rows import case_row
from pipeline.sorties import Limits, Plan, Sortie, Target
from pipeline.ways import Ways

DEGREES = crs.GEOGRAPHIC
NEAR_M = 20_000.0
"""No-fly ground farther than this from every target and the take-off point is left out of the search for ways."""
OURS = re.compile(r"sortie-\d{2,}\.kmz")


def plan(
    office: Workspace,
    out: Path,
    limits: Limits,
    *,
    no_fly: Path | None = None,
    clearance_m: float = 30.0,
    home: tuple[float, float] | None = None,
    drone: str = "m3e",
    only: Sequence[str] = (),
) -> dict[str, Any]:
    """Write ``sortie-NN.kmz``, ``sorties.json`` and ``sorties.txt`` into ``out``; returns what the JSON holds.

    home: (lon, lat) of the take-off point; None = beside the first target of each. only: numbers of cases, whether or
    not imagery settles them. Files of an earlier plan in ``out`` are replaced or removed, others are left alone.
    Raises: InputError.
    """
    with office.ledger as ledger:
        cases = [ledger.case(number) for number in only] or ledger.cases()
    wanted = _chosen(cases, bool(only))
    zone = crs.gk3(crs.zone_of(_middle(wanted, home)))
    closed = _closed(no_fly, wanted, home, zone)
    ways = Ways(closed, clearance_m)
    base = _home(home, zone, ways)
    shapes = crs.transform(np.array([t.geometry for t in wanted], object), DEGREES, zone)
    stops = [sorties.stop(t, shape, limits.spacing_m) for t, shape in zip(wanted, shapes, strict=True)]
    made = sorties.plan(stops, base, ways, limits)
    return _written(out, made, limits, zone, home, drone, no_fly, clearance_m)


def _chosen(cases: Sequence[Any], named: bool) -> list[Target]:
    """In the order in which cases want attention."""
    ordered = sorted(cases, key=lambda case: order_key(case_row(case)))
    if not named:
        return sorties.targets(ordered)
    return [Target(c.number, p.id, p.geometry, both("named")) for c in ordered for p in c.parts]


def _middle(wanted: Sequence[Target], home: tuple[float, float] | None) -> float:
    lons = [t.geometry.centroid.x for t in wanted] or ([home[0]] if home else [0.0])
    return float(np.median(lons))


def _home(home: tuple[float, float] | None, zone: str, ways: Ways) -> Any:
    if home is None:
        return None
    point = crs.transform(np.array([shapely.Point(*home)], object), DEGREES, zone)[0]
    base = np.array([point.x, point.y])
    if not ways.free(base):
        raise InputError(
            "--home {lon},{lat}: lies in no-fly ground or its clearance; choose another place.",
            lon=home[0],
            lat=home[1],
        )
    return base


def _closed(path: Path | None, wanted: Sequence[Target], home: tuple[float, float] | None, zone: str) -> BaseGeometry:
    """The no-fly polygons near what is flown to, in ``zone``. A record without shape is a reason to stop: it may be the
    one that matters."""
    if path is None:
        return shapely.Polygon()
    found = polygons(path)
    missing = int(shapely.is_missing(found.geometries).sum())
    if missing:
        raise InputError(
            "{path}: {count} of its records have no shape that can be used; mend them, or give a file without them.",
            path=path,
            count=missing,
        )
    here = [t.geometry.centroid for t in wanted] + ([shapely.Point(*home)] if home else [])
    if not here:
        return shapely.Polygon()
    near = shapely.MultiPoint(crs.transform(np.array(here, object), DEGREES, zone)).convex_hull.buffer(NEAR_M)
    shapes = crs.transform(found.geometries, DEGREES, zone)
    return shapely.union_all(shapes[shapely.intersects(shapes, near)])


# -- what is written


def _written(out: Path, made: Plan, limits: Limits, zone: str, home: tuple[float, float] | None, drone: str,
             no_fly: Path | None, clearance_m: float) -> dict[str, Any]:  # fmt: skip
    now = datetime.now(UTC)
    rows, files = [], {}
    for n, one in enumerate(made.sorties, 1):
        name = f"sortie-{n:02d}.kmz"
        places = _degrees(one.path, zone)
        files[name] = waypoints.kmz(_route(one, places, limits, drone), now)
        rows.append(_row(n, name, one, places))
    document = {
        "made_at": now.isoformat(),
        "drone": drone,
        "limits": {**vars(limits), "usable_minutes": round(limits.usable_s / 60, 2), "clearance_m": clearance_m},
        "no_fly": no_fly.name if no_fly else None,
        "home": list(home) if home else None,
        "sorties": rows,
        "left": [{"case": t.number, "part": t.part, "why": dict(why)} for t, why in made.left],
        "notes": [dict(note) for note in _notes(limits, home is not None, no_fly is not None)],
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for old in out.iterdir():
            if OURS.fullmatch(old.name) and old.name not in files:
                old.unlink()
        for name, data in files.items():
            atomic.write_bytes(out / name, data)
        atomic.write_bytes(out / "sorties.json", json.dumps(document, ensure_ascii=False, indent=1).encode())
        atomic.write_bytes(out / "sorties.txt", ("\n".join(lines(document)) + "\n").encode())
    except OSError as error:
        raise InputError("--out {path}: cannot be written to ({why}); name another folder.", path=out,
                         why=error.strerror) from None  # fmt: skip
    return document


def _degrees(path: Any, zone: str) -> Any:
    return shapely.get_coordinates(crs.transform(shapely.points(path), zone, DEGREES))


def _route(one: Sortie, places: Any, limits: Limits, drone: str) -> Route:
    names = [one.stops[of].target.name if of >= 0 else "" for of in one.photo]
    points = [Waypoint(float(lon), float(lat), name) for (lon, lat), name in zip(places, names, strict=True)]
    return Route(points, limits.height_m, limits.speed_mps, one.metres, one.seconds, DRONES[drone])


def _row(n: int, name: str, one: Sortie, places: Any) -> dict[str, Any]:
    return {
        "sortie": n,
        "file": name,
        "minutes": round(one.seconds / 60, 2),
        "km": round(one.metres / 1000, 3),
        "photos": sum(len(stop.points) for stop in one.stops),
        "waypoints": len(one.path),
        "cases": [
            {"case": s.target.number, "part": s.target.part, "photos": len(s.points), "why": dict(s.target.why)}
            for s in one.stops
        ],
        "geometry": mapping(shapely.LineString(np.round(places, 8))),
    }


def _notes(limits: Limits, home: bool, no_fly: bool) -> list[Any]:
    notes = [
        both(
            "Heights are above take-off: where ground lies more than {metres} m below it, the true height is above the"
            " {most} m up to which small drones need no flight application.",
            metres=f"{sorties.LEGAL_HEIGHT_M - limits.height_m:g}",
            most=f"{sorties.LEGAL_HEIGHT_M:g}",
        ),
        both(
            "Time is way by speed, {stop} s a photo, climb and descent at {climb} m/s; wind is not reckoned with.",
            stop=f"{limits.stop_s:g}",
            climb=f"{limits.climb_mps:g}",
        ),
        both("Where the signal is lost the aircraft goes on along its route."),
    ]
    if not home:
        notes.append(both("No --home is given: each sortie takes off beside its first case; check the place."))
    if not no_fly:
        notes.append(both("No --no-fly is given: controlled airspace is not kept off; check it before each flight."))
    return notes


def lines(document: dict[str, Any]) -> list[str]:
    """The summary as people read it, in the language in use."""
    lang = language()
    assert lang in LANGUAGES
    found = []
    for row in document["sorties"]:
        found.append(tr("sortie {n}: {file}  {cases} cases, {photos} photos, {minutes} min, {km} km", n=row["sortie"],
                        file=row["file"], cases=len({c["case"] for c in row["cases"]}), photos=row["photos"],
                        minutes=f"{row['minutes']:.1f}", km=f"{row['km']:.2f}"))  # fmt: skip
        found += [f"  {_name(one)}  {one['why'][lang]}" for one in row["cases"]]
    if document["left"]:
        found.append(tr("left out: {count}", count=len(document["left"])))
        found += [f"  {_name(one)}  {one['why'][lang]}" for one in document["left"]]
    if not document["sorties"] and not document["left"]:
        found.append(tr("nothing to fly to: imagery settles every case"))
    notes = document["notes"] if document["sorties"] else []
    return found + ["! " + note[lang] for note in notes]


def _name(one: dict[str, Any]) -> str:
    return one["case"] + (f"_{one['part']}" if one["part"] else "")
