"""[io] Writes the township as the files that a bureau would deliver."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import geopandas
import numpy as np
import pyogrio
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio import features
from rasterio.transform import Affine

from geodata import crs
from geodata.area import cents, polygon_area_m2
from geodata.atomic import replacing_folder
from geodata.layers import Kind
from geodata.township import land, paint, places, plan, records, seasons, sky, survey
from geodata.township.events import TruthEvent
from geodata.township.places import Geometries

SEED = 430381
UTM = "EPSG:32649"
WEST_ZONE, EAST_ZONE = "EPSG:4525", "EPSG:4526"
LONLAT = "EPSG:4490"
EDITION = "2024"

SCENES = (
    ("2024-10-17", sky.Weather(0.02, 0.010, (1.5, -2.0))),
    ("2024-12-21", sky.Weather(0.00, 0.018, (-2.5, 1.0))),
    ("2025-04-30", sky.Weather(0.20, 0.014, (3.0, 2.5))),
    ("2025-08-05", sky.Weather(0.10, 0.012, (-1.0, 3.5), 0.05)),
    ("2025-10-16", sky.Weather(0.03, 0.016, (-2.0, 1.5))),
    ("2025-12-24", sky.Weather(0.01, 0.024, (2.0, -3.0))),
    ("2026-04-27", sky.Weather(0.08, 0.016, (-3.5, -1.0))),
    ("2026-08-08", sky.Weather(0.05, 0.010, (1.0, -1.5))),
    ("2026-10-18", sky.Weather(0.03, 0.012, (-1.5, -2.5))),
)
"""Days and weather of the satellite's passes."""


@dataclass(frozen=True, eq=False)
class LayerFile:
    """One file for ``Editions.add(kind, path, edition=edition, **options)``."""

    kind: Kind
    path: Path
    edition: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class SceneFile:
    """One file for ``Catalog.add_scene(path)``; its own metadata says platform, time and bands.

    shift_m: by how much the image is misplaced (east, north).
    """

    path: Path
    platform: str
    acquired_at: datetime
    shift_m: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Township:
    """layers and scenes in the order in which they are added (scenes by time; drone pair last)."""

    layers: tuple[LayerFile, ...]
    scenes: tuple[SceneFile, ...]
    truth: tuple[TruthEvent, ...]


@dataclass(frozen=True, eq=False)
class Ground:
    """Everything computed once, before the seasons."""

    relief: land.Relief
    fields: land.Fields
    laid: places.Places
    dlbm: NDArray[np.str_]
    village: land.Ints
    basic: NDArray[np.bool_]
    materials: NDArray[np.str_]
    happenings: tuple[plan.Happening, ...]
    window: shapely.Polygon


def build(folder: Path, seed: int = SEED, progress: Callable[[float], None] | None = None) -> Township:
    """Compute the township and write its files below ``folder``; the same seed gives the same bytes.

    ``folder/layers`` and ``folder/scenes`` are replaced. ``progress`` gets shares from 0 to 1.
    """
    report = progress or (lambda share: None)
    ground = compute(seed)
    report(0.3)
    polygons, index = trace(ground.fields.label)
    report(0.45)
    folder.mkdir(parents=True, exist_ok=True)
    with replacing_folder(folder / "layers") as temporary:
        layers = _write_layers(temporary, ground, polygons, index)
    report(0.6)
    with replacing_folder(folder / "scenes") as temporary:
        scenes = _write_scenes(temporary, seed, ground, lambda share: report(0.6 + 0.25 * share))
    report(1.0)
    return Township(
        tuple(LayerFile(f.kind, folder / "layers" / f.path, f.edition, f.options) for f in layers),
        tuple(SceneFile(folder / "scenes" / s.path, s.platform, s.acquired_at, s.shift_m) for s in scenes),
        truth(ground.happenings),
    )


def compute(seed: int) -> Ground:
    relief = land.relief(seed)
    fields = land.fields(seed, relief)
    laid = places.places(seed, relief)
    dlbm = survey.classes(seed, fields)
    village = survey.village_of(seed, fields)
    basic = survey.basic_farmland(seed, fields, dlbm, laid.hamlets)
    happenings, window = plan.happenings(seed, plan.Sites(relief, fields, laid, dlbm, village, basic))
    materials = survey.materials(seed, fields, dlbm, laid.hamlets)
    return Ground(relief, fields, laid, dlbm, village, basic, materials, happenings, window)


def truth(happenings: Sequence[plan.Happening]) -> tuple[TruthEvent, ...]:
    """The happenings as they are told to the outside: lon, lat and the survey's areas."""
    shapes = np.array([h.footprint for h in happenings])
    lonlat = crs.transform(shapes, UTM, LONLAT)
    area = _area(shapes)
    return tuple(
        TruthEvent(h.name, h.kind, g, h.appears_at, h.removed_at, h.expected, float(a), h.seen_by)
        for h, g, a in zip(happenings, lonlat, area, strict=True)
    )


def _area(shapes: Geometries, zone: int = 38) -> NDArray[np.float64]:
    return cents(polygon_area_m2(crs.transform(shapes, UTM, crs.gk3(zone)), 3.0 * zone))


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
            _parcels(folder / "DLTB_430381.shp", Kind.FARMLAND, parcels, west, WEST_ZONE, records.dltb),
            _parcels(folder / "DLTB_430382.gpkg", Kind.FARMLAND, parcels, ~west, EAST_ZONE, records.dltb),
            _parcels(folder / "YJJBNTTB_430381.gpkg", Kind.BASIC_FARMLAND, parcels, west & basic, WEST_ZONE, records.basic_farmland),
            _parcels(folder / "YJJBNTTB_430382.shp", Kind.BASIC_FARMLAND, parcels, ~west & basic, EAST_ZONE, records.basic_farmland),
            _districts(folder / "XZQ.geojson", outlines),
            *_permits(folder, ground.happenings),
            _redline(folder / "STBHHX.gpkg", parcels),
        ]
    return files


def _basic(parcels: survey.Parcels, ground: Ground) -> NDArray[np.bool_]:
    """Which parcels are basic farmland: those whose inside is marked."""
    inner = shapely.get_coordinates(shapely.point_on_surface(parcels.geometry))
    return (parcels.dlbm == "0101") & places.at(inner, ground.basic[ground.fields.label])


def _parcels(
    path: Path,
    kind: Kind,
    parcels: survey.Parcels,
    mine: NDArray[np.bool_],
    zone: str,
    table: Callable[[survey.Parcels, NDArray[np.float64]], records.Columns],
) -> LayerFile:
    part = survey.Parcels(
        parcels.geometry[mine], parcels.dlbm[mine], parcels.village[mine], parcels.slope_deg[mine], parcels.width_m[mine]
    )
    area = _area(part.geometry, 37 if zone == WEST_ZONE else 38)
    _write(path, table(part, area), crs.transform(part.geometry, UTM, zone), zone, path.stem.split("_")[0])
    return LayerFile(kind, Path(path.name), EDITION)


def _write(path: Path, columns: records.Columns, shapes: Geometries, system: str, layer: str) -> None:
    frame = geopandas.GeoDataFrame(columns, geometry=shapely.transform(shapes, lambda xy: np.round(xy, 10)), crs=system)
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
        shapes = np.array([h.footprint.buffer(4, join_style="mitre") for h in chosen])
        moved = crs.transform(shapes, UTM, EAST_ZONE)
        _write(folder / name, table(chosen, _area(shapes)), moved, EAST_ZONE, name.split(".")[0])
        files.append(LayerFile(kind, Path(name), "2025"))
    return files


def _redline(path: Path, parcels: survey.Parcels) -> LayerFile:
    """The woods in the hills of the west."""
    place = shapely.Point(land.WEST + 900, land.NORTH - 1450)
    wood = np.char.startswith(parcels.dlbm, "03") & (shapely.distance(parcels.geometry, place) < 650)
    shapes = np.array([shapely.union_all(parcels.geometry[wood]).buffer(15).buffer(-25).simplify(3)])
    _write(path, records.redline(_area(shapes, 37)), crs.transform(shapes, UTM, LONLAT), LONLAT, "STBHHX")
    return LayerFile(Kind.REDLINE, Path(path.name), EDITION)


# --- scenes ----------------------------------------------------------------------------------


def burn(shapes: Sequence[tuple[shapely.Geometry, int]], ids: land.Ints, transform: Affine) -> None:
    """Write each value where its shape covers the middle of a cell; later shapes lie on top."""
    if shapes:
        features.rasterize(shapes, out=ids, transform=transform)


def objects(laid: places.Places) -> tuple[list[str], Geometries]:
    """Materials and shapes of all that lies over the fields; the first is the grass of the ridges."""
    trees = shapely.buffer(shapely.points(laid.trees[:, :2]), laid.trees[:, 2], quad_segs=2)
    names = ["grass", *[f.material for f in laid.features], *["tree"] * len(trees), *laid.roofs]
    shapes = np.concatenate([[shapely.Polygon()], [f.geometry for f in laid.features], trees, laid.houses])
    return names, shapes


def _write_scenes(folder: Path, seed: int, ground: Ground, report: Callable[[float], None]) -> list[SceneFile]:
    grown = seasons.crops(seed, ground.fields, ground.materials, ground.dlbm == "0101")
    names, shapes = objects(ground.laid)
    fields = len(ground.fields.x)
    ids = paint.field_ids(ground.fields, fields)
    transform = Affine(paint.FINE_M, 0, land.WEST, 0, -paint.FINE_M, land.NORTH)
    burn([(s, fields + n) for n, s in enumerate(shapes) if n], ids, transform)
    base = paint.Surface(ids, fields, tuple(names), paint.tints(seed, names))
    relative = paint.texture(seed, base, ground.materials)
    files = []
    for number, (day, weather) in enumerate(SCENES):
        at = datetime.fromisoformat(day).replace(hour=3, minute=5, tzinfo=UTC)
        surface = with_pieces(base, [p for h in ground.happenings for p in h.pieces_on(at)], transform)
        plain = seasons.of_materials(list(surface.materials), at) * surface.tint[:, None]
        colours = np.concatenate([seasons.of_fields(seed, grown, at), plain])
        light = cv2.resize(sky.shade(ground.relief, at), (paint.FINE, paint.FINE), interpolation=cv2.INTER_LINEAR)
        below = paint.ground_seen(surface, colours, relative * light, weather.shift_m)
        opacity, shadow = sky.clouds(seed, at, weather, paint.PIXELS, paint.PIXEL_M)
        seen = sky.seen_through(seed, at, weather, below, opacity, shadow)
        outside = sky.outside_swath(weather, paint.PIXELS)
        path = folder / f"township_{day.replace('-', '')}.tif"
        _write_satellite(path, at, paint.digital(seen, outside), sky.quality(seen, opacity, shadow, outside))
        files.append(SceneFile(Path(path.name), "sentinel-2", at, weather.shift_m))
        report((number + 1) / len(SCENES))
    return files


def with_pieces(base: paint.Surface, pieces: Sequence[plan.Piece], transform: Affine) -> paint.Surface:
    """The surface with what happened on it."""
    ids = base.ids.copy()
    first = base.fields + len(base.materials)
    burn([(p.geometry, first + n) for n, p in enumerate(pieces)], ids, transform)
    return paint.Surface(
        ids, base.fields, (*base.materials, *[p.material for p in pieces]), np.r_[base.tint, np.ones(len(pieces))]
    )


def _write_satellite(path: Path, at: datetime, numbers: NDArray[np.uint16], quality: NDArray[np.uint16]) -> None:
    bands = len(numbers)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=numbers.shape[2],
        height=numbers.shape[1],
        count=bands + 1,
        dtype="uint16",
        crs=UTM,
        transform=Affine(paint.PIXEL_M, 0, land.WEST, 0, -paint.PIXEL_M, land.NORTH),
        nodata=0,
        tiled=True,
        blockxsize=256,
        blockysize=256,
        compress="deflate",
        predictor=2,
        interleave="band",
    ) as target:
        target.write(numbers, list(range(1, bands + 1)))
        target.write(quality, bands + 1)
        target.descriptions = (*seasons.BANDS, "SCL")
        target.scales = (*[0.0001] * bands, 1.0)
        target.offsets = (0.0,) * (bands + 1)
        target.update_tags(
            PLATFORM="Sentinel-2 (computed)",
            ACQUISITION_DATETIME=at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            IMAGEDESCRIPTION="computed township, not an image of any real place",
        )
