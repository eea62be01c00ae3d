"""[io] Batches from outside: issued layers and lists become clues, each with its districts and layers of that day."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import shapely
from shapely.errors import GEOSException
from shapely.geometry.base import BaseGeometry

from flows.delivered import polygons
from flows.settings import Workspace
from geodata import crs, tablefile
from geodata.contracts import is_personal
from geodata.days import day_of
from geodata.editions import LayersOnDay
from geodata.errors import GengXunError, InputError
from geodata.repair import repair
from geodata.words import Text, both
from pipeline import clues, overlay
from pipeline.cases.events import Actor
from pipeline.cases.ledger import Received
from pipeline.clues import Clue, Read
from pipeline.flags import Flag
from pipeline.overlay import Occupied

Progress = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class Added:
    """read: what the file gave; received: what the ledger made of it. off_farmland: clues without farmland under them;
    undated: those laid over the layers of today, for they say no day."""

    read: Read
    received: Received
    points: int
    off_farmland: int
    undated: int
    radius_m: float
    warnings: tuple[Text, ...] = ()


def add(
    office: Workspace,
    path: str | Path,
    *,
    source: str,
    batch: str,
    by: Actor,
    columns: Mapping[str, str] | None = None,
    crs_given: str | None = None,
    layer: str | None = None,
    sheet: str | None = None,
    progress: Progress = lambda share: None,
) -> Added:
    """Every record a clue; the same file again adds nothing. columns: {OURS: THEIRS}, names of ``clues.COLUMNS``.

    Raises: InputError of every kind, with the ledger unchanged.
    """
    if source not in clues.SOURCES:
        raise InputError("--source {source}: is not known; known are {known}.", source=source,
                         known=", ".join(clues.SOURCES))  # fmt: skip
    if not batch.strip():
        raise InputError("--batch: give the batch a name, as 2026Q4.")
    radius = office.settings.case.point_radius_m
    warnings: tuple[Text, ...] = ()
    if Path(path).suffix.lower() in tablefile.SUFFIXES:
        read = from_list(path, columns or {}, crs_given, sheet, radius)
    else:
        if sheet is not None:
            raise InputError("{path}: is no workbook, so that --sheet means nothing; leave it out.", path=path)
        read, warnings = from_layer(path, columns or {}, crs_given, layer)
    today = day_of(datetime.now(UTC))
    flags = list(_flags(office, read.clues, source, batch.strip(), today, radius, progress))
    about = [
        (flag, {"source": source, "batch": batch.strip(), "clue_id": one.id, "fields": dict(one.fields),
                "file": Path(path).name})
        for one, flag in flags
    ]  # fmt: skip
    with office.ledger as ledger:
        received = ledger.receive(about, by)
    return Added(
        read=read,
        received=received,
        points=sum(one.point for one, _ in flags),
        off_farmland=sum(flag.occupied.farmland_gross_m2 == 0 for _, flag in flags),
        undated=sum(one.after is None for one, _ in flags),
        radius_m=radius,
        warnings=warnings,
    )


def from_layer(
    path: str | Path, given: Mapping[str, str], crs_given: str | None, layer: str | None
) -> tuple[Read, tuple[Text, ...]]:
    """The polygons of an issued layer."""
    delivered = polygons(path, crs_given=crs_given, layer=layer)
    names = list(delivered.columns)
    at = _columns(path, names, given)
    found, unusable = [], []
    for n, geometry in enumerate(delivered.geometries):
        if geometry is None or shapely.is_empty(geometry):
            unusable.append((n + 1, both("no polygon that can be used")))
            continue
        values = {ours: delivered.columns[names[column]][n] or "" for ours, column in at.items()}
        found.append(clues.clue_of(n + 1, values, geometry, point=False))
    return clues.settled(found, unusable), delivered.warnings


def from_list(
    path: str | Path, given: Mapping[str, str], crs_given: str | None, sheet: str | None, radius_m: float
) -> Read:
    """Rows with WKT, or with longitude and latitude. Coordinates are EPSG:4490 unless ``crs_given`` says otherwise."""
    rows = tablefile.read(path, sheet)
    first = clues.header_row(rows, given)
    names = [name if not is_personal(name) else "" for name in rows[first]]
    at = _columns(path, names, given)
    if "WKT" not in at and not {"LON", "LAT"} <= set(at):
        raise InputError(
            "{path}: has neither WKT nor longitude and latitude; it has {columns}; say which they are with"
            " --column LON=… --column LAT=….",
            path=path,
            columns=", ".join(name for name in names if name) or "–",
        )
    src = crs.crs_(crs_given) if crs_given else crs.crs_(crs.GEOGRAPHIC)
    found: list[Clue] = []
    unusable: list[tuple[int, Text]] = []
    for n, row in enumerate(rows[first + 1 :], 1):
        values = {ours: row[column] if column < len(row) else "" for ours, column in at.items()}
        if not any(values.values()):
            continue  # an empty line is no record
        try:
            geometry, point = _shape(values, src, radius_m)
        except (_NoShape, GengXunError) as error:
            unusable.append((n, error.text if isinstance(error, _NoShape) else both(error.msgid, **error.fields)))
            continue
        found.append(clues.clue_of(n, values, geometry, point=point))
    return clues.settled(found, unusable)


class _NoShape(Exception):
    def __init__(self, text: Text) -> None:
        super().__init__(text["en"])
        self.text = text


def _shape(values: Mapping[str, str], src: object, radius_m: float) -> tuple[BaseGeometry, bool]:
    """The record's ground in EPSG:4490, and whether it was a mere point."""
    geometry = _delivered_shape(values)
    if geometry.geom_type not in ("Point", "Polygon", "MultiPolygon"):
        raise _NoShape(both("{type} is neither point nor polygon", type=geometry.geom_type))
    x0, y0, x1, y1 = geometry.bounds
    if not all(map(np.isfinite, (x0, y0, x1, y1))):
        raise _NoShape(both("its coordinates are no numbers"))
    odd = crs.check(crs.crs_(src), (x0, y0, x1, y1), both("record"))
    if odd:
        raise _NoShape(odd[0])
    in_zone, zone = crs.to_gk3(np.array([shapely.force_2d(geometry)], object), src)
    shape: BaseGeometry = in_zone[0]
    point = geometry.geom_type == "Point"
    if point:
        shape = shape.buffer(radius_m, quad_segs=8)
    else:
        mended = repair(np.array([shape], object))
        if not mended.kept[0]:
            raise _NoShape(both("no polygon that can be used"))
        shape = mended.geometries[0]
    lonlat: BaseGeometry = crs.transform(np.array([shape], object), zone, crs.GEOGRAPHIC)[0]
    return lonlat, point


def _delivered_shape(values: Mapping[str, str]) -> BaseGeometry:
    wkt = values.get("WKT", "").strip()
    if wkt:
        try:
            found: BaseGeometry = shapely.from_wkt(wkt.partition(";")[2] if wkt.upper().startswith("SRID") else wkt)
        except GEOSException:
            raise _NoShape(both("{value} is no WKT", value=wkt[:40])) from None
        if shapely.is_empty(found):
            raise _NoShape(both("{value} is no WKT", value=wkt[:40]))
        return found
    try:
        lon, lat = float(values.get("LON", "")), float(values.get("LAT", ""))
    except ValueError:
        said = f"{values.get('LON') or '–'}, {values.get('LAT') or '–'}"
        raise _NoShape(both("{value} is no position", value=said)) from None
    return shapely.Point(lon, lat)


def _columns(path: str | Path, names: Sequence[str], given: Mapping[str, str]) -> dict[str, int]:
    wrong = clues.wrong_columns(names, given)
    if wrong is not None:
        raise InputError(
            "--column {item}: write OURS=THEIRS; ours are {ours}, and {path} has {theirs}.",
            item=wrong,
            ours=", ".join(clues.COLUMNS),
            path=path,
            theirs=", ".join(name for name in names if name) or "–",
        )
    return clues.columns_of(names, given)


def _flags(
    office: Workspace,
    found: Sequence[Clue],
    source: str,
    batch: str,
    today: date,
    radius_m: float,
    progress: Progress,
) -> Iterator[tuple[Clue, Flag]]:
    """Each clue over the layers valid on its 后时相, in the order of the file."""
    days: dict[date, list[int]] = {}
    for n, one in enumerate(found):
        days.setdefault(one.after or today, []).append(n)
    made: dict[int, Flag] = {}
    for number, (day, which) in enumerate(sorted(days.items())):
        layers = office.editions.on(day)
        editions = _held(layers)
        occupied = overlay.overlay([found[n].geometry for n in which], crs.GEOGRAPHIC, layers, day=day)
        for n, ground in zip(which, occupied, strict=True):
            made[n] = clues.flag_of(found[n], _placed(ground, found[n]), source, batch, editions, radius_m)
        progress((number + 1) / len(days))
    for n, one in enumerate(found):
        yield one, made[n]


def _held(layers: LayersOnDay) -> dict[str, list[str]]:
    return {str(kind): [edition] for kind, edition in layers.editions.items()}


def _placed(ground: Occupied, clue: Clue) -> Occupied:
    """Where no layer of districts says whose ground it is, the clue's own words count."""
    code = clue.fields.get("XZQDM", "")[:6]
    if ground.district_code or not (len(code) == 6 and code.isdigit()):
        return ground
    return replace(ground, district_code=code, district_name=clue.fields.get("XMC", code))
