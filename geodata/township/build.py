"""[io] Writes the township as the files that a bureau would deliver."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from rasterio import features
from rasterio.transform import Affine

from geodata import crs
from geodata.area import cents, polygon_area_m2
from geodata.atomic import replacing_folder
from geodata.layers import Kind
from geodata.township import land, places, plan, records, rectify, survey
from geodata.township.events import TruthEvent
from geodata.township.images import EAST_ZONE, UTM, SceneFile, write_flights, write_series
from geodata.township.places import Geometries
from geodata.township.world import Ground, compute

SEED = 430381
WEST_ZONE = "EPSG:4525"
LONLAT = "EPSG:4490"
EDITION = "2024"


@dataclass(frozen=True, eq=False)
class LayerFile:
    """One file for ``Editions.add(kind, path, edition=edition, **options)``."""

    kind: Kind
    path: Path
    edition: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Township:
    """layers and scenes in the order in which they are added (scenes by time; drone pair last)."""

    layers: tuple[LayerFile, ...]
    scenes: tuple[SceneFile, ...]
    truth: tuple[TruthEvent, ...]


def build(
    folder: Path, seed: int = SEED, progress: Callable[[float], None] | None = None, *, rectified: bool = False
) -> Township:
    """Compute the township and write its files below ``folder``; the same seed gives the same bytes.

    rectified: with more occupations, some of which are put right later and some for show only (``rectify``), and
    one more flight.

    ``folder/layers`` and ``folder/scenes`` are replaced. ``progress`` gets shares from 0 to 1.
    """
    report = progress or (lambda share: None)
    ground = compute(seed, rectified)
    report(0.3)
    polygons, index = trace(_traced(ground))
    report(0.45)
    folder.mkdir(parents=True, exist_ok=True)
    with replacing_folder(folder / "layers") as temporary:
        layers = _write_layers(temporary, ground, polygons, index)
    report(0.6)
    with replacing_folder(folder / "scenes") as temporary:
        scenes = write_series(temporary, seed, ground, lambda share: report(0.6 + 0.25 * share))
        scenes += write_flights(temporary, seed, ground, polygons, index, [rectify.FLIGHT] if rectified else [])
    report(1.0)
    return Township(
        tuple(LayerFile(f.kind, folder / "layers" / f.path, f.edition, f.options) for f in layers),
        tuple(SceneFile(folder / "scenes" / s.path, s.platform, s.acquired_at, s.shift_m) for s in scenes),
        truth(ground.happenings),
    )


def truth(happenings: Sequence[plan.Happening]) -> tuple[TruthEvent, ...]:
    """The happenings as they are told to the outside: lon, lat and the survey's areas."""
    shapes = np.array([h.footprint for h in happenings])
    lonlat = crs.transform(shapes, UTM, LONLAT)
    area = _area(shapes)
    return tuple(
        TruthEvent(h.name, h.kind, g, h.appears_at, h.removed_at, h.expected, float(a), h.seen_by, h.outcome)
        for h, g, a in zip(happenings, lonlat, area, strict=True)
    )


def _area(shapes: Geometries, zone: int = 38) -> NDArray[np.float64]:
    return cents(polygon_area_m2(crs.transform(shapes, UTM, crs.gk3(zone)), 3.0 * zone))


def _traced(ground: Ground) -> land.Ints:
    """Labels to trace: fields where the drone flies, else one field standing for its whole parcel."""
    first = np.full(int(ground.fields.group.max()) + 1, -1, np.int32)
    present = np.unique(ground.fields.label)[::-1]
    first[ground.fields.group[present]] = present
    label = first[ground.fields.group][ground.fields.label]
    west, south, east, north = ground.window.buffer(60).bounds
    rows = slice(int((land.NORTH - north) / land.CELL), int((land.NORTH - south) / land.CELL))
    columns = slice(int((west - land.WEST) / land.CELL), int((east - land.WEST) / land.CELL))
    label[rows, columns] = ground.fields.label[rows, columns]
    return label


def trace(label: land.Ints) -> tuple[Geometries, land.Ints]:
    """Smooth outlines of the fields, a coverage without gaps, and the field of each polygon."""
    transform = Affine(land.CELL, 0, land.WEST, 0, -land.CELL, land.NORTH)
    found = list(features.shapes(label, connectivity=4, transform=transform))
    rings = [shape["coordinates"] for shape, _ in found]
    raw = np.array([shapely.Polygon(r[0], r[1:]) for r in rings])
    noded = shapely.segmentize(raw, land.CELL)  # a vertex at every corner of a neighbour
    return shapely.coverage_simplify(noded, 4.5), np.array([int(v) for _, v in found], np.int32)


# --- layers ----------------------------------------------------------------------------------


@contextmanager
def _steady_files() -> Iterator[None]:
    """No file carries the day on which it was written."""
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2025-01-01T00:00:00.000Z"})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def _write_layers(folder: Path, ground: Ground, polygons: Geometries, index: land.Ints) -> list[LayerFile]:
    parcels, outlines = survey.parcels(
        polygons, index, ground.fields, ground.dlbm, ground.village, ground.laid, ground.relief
    )
    west = np.char.startswith(records.county_of(parcels.village), "430381")
    basic = _basic(parcels, ground)
    with _steady_files():
        files = [
            _parcels(folder / "DLTB_430381.shp", Kind.FARMLAND, parcels, west),
            _parcels(folder / "DLTB_430382.gpkg", Kind.FARMLAND, parcels, ~west),
            _parcels(folder / "YJJBNTTB_430381.gpkg", Kind.BASIC_FARMLAND, parcels, west & basic),
            _parcels(folder / "YJJBNTTB_430382.shp", Kind.BASIC_FARMLAND, parcels, ~west & basic),
            _districts(folder / "XZQ.geojson", outlines),
            *_permits(folder, ground.happenings),
            _redline(folder / "STBHHX.gpkg", parcels),
        ]
    return files


def _basic(parcels: survey.Parcels, ground: Ground) -> NDArray[np.bool_]:
    """Which parcels are basic farmland: those whose inside is marked."""
    inner = shapely.get_coordinates(shapely.point_on_surface(parcels.geometry))
    return (parcels.dlbm == "0101") & places.at(inner, ground.basic[ground.fields.label])


def _parcels(path: Path, kind: Kind, parcels: survey.Parcels, mine: NDArray[np.bool_]) -> LayerFile:
    """The parcels of one county, in its own zone."""
    part = survey.Parcels(
        parcels.geometry[mine],
        parcels.dlbm[mine],
        parcels.village[mine],
        parcels.slope_deg[mine],
        parcels.width_m[mine],
    )
    table, county = path.stem.split("_")
    number, zone = (37, WEST_ZONE) if county == "430381" else (38, EAST_ZONE)
    area = _area(part.geometry, number)
    columns = records.dltb(part, area) if kind is Kind.FARMLAND else records.basic_farmland(part, area)
    _write(path, columns, crs.transform(part.geometry, UTM, zone), zone, table)
    return LayerFile(kind, Path(path.name), EDITION)


def _write(path: Path, columns: records.Columns, shapes: Geometries, system: str, layer: str) -> None:
    decimals = 9 if system == LONLAT else 4
    rounded = shapely.transform(shapes, lambda xy: np.round(xy, decimals))
    frame = geopandas.GeoDataFrame(columns, geometry=rounded, crs=system)
    options: dict[str, Any] = {}
    if path.suffix == ".shp":
        options = {"encoding": "GBK", "DBF_DATE_LAST_UPDATE": "2025-01-01"}
    elif path.suffix == ".geojson":
        options = {"RFC7946": "NO", "COORDINATE_PRECISION": "9"}
    else:
        options = {"layer": layer, "promote_to_multi": True}
    pyogrio.write_dataframe(frame, path, **options)


def _districts(path: Path, outlines: Geometries) -> LayerFile:
    columns, shapes = records.districts(outlines)
    _write(path, columns, crs.transform(shapes, UTM, LONLAT), LONLAT, "XZQ")
    return LayerFile(Kind.DISTRICT, Path(path.name), EDITION)


def _permits(folder: Path, happenings: Sequence[plan.Happening]) -> list[LayerFile]:
    """Approvals and facility records: a little wider than what was built."""
    files = []
    for kind, name, expected, table in (
        (Kind.APPROVED, "ZZ_NYDZYFW.gpkg", "approved", records.approvals),
        (Kind.FACILITY, "SSNYD.shp", "facility", records.facilities),
    ):
        chosen = [h for h in happenings if h.expected == expected]
        if not chosen:  # this ground had no spot for one
            continue
        shapes = np.array([h.footprint.buffer(4, join_style="mitre") for h in chosen])
        moved = crs.transform(shapes, UTM, EAST_ZONE)
        _write(folder / name, table(chosen, _area(shapes)), moved, EAST_ZONE, name.split(".")[0])
        files.append(LayerFile(kind, Path(name), "2025"))
    return files


def _redline(path: Path, parcels: survey.Parcels) -> LayerFile:
    """The woods in the hills of the west."""
    place = shapely.Point(land.WEST + 900, land.NORTH - 1450)
    wood = np.char.startswith(parcels.dlbm, "03") & (shapely.distance(parcels.geometry, place) < 650)
    woods = np.array([shapely.union_all(parcels.geometry[wood])])
    shapes = shapely.simplify(shapely.buffer(shapely.buffer(woods, 15), -25), 3)
    _write(path, records.redline(_area(shapes, 37)), crs.transform(shapes, UTM, LONLAT), LONLAT, "STBHHX")
    return LayerFile(Kind.REDLINE, Path(path.name), EDITION)
