"""[io] Writes the satellite series and the drone's pair as GeoTIFF, in the state a bureau receives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio import features
from rasterio.transform import Affine
from shapely.geometry.base import BaseGeometry

from geodata import crs
from geodata.township import drone, land, paint, places, plan, seasons, sky
from geodata.township.places import Geometries
from geodata.township.world import Ground

UTM, EAST_ZONE = "EPSG:32649", "EPSG:4526"
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
FLIGHTS = (("2025-10-14T03:40:00", (0.0, 0.0)), ("2026-10-12T02:50:00", (0.34, -0.22)))
"""The drone's two flights (UTC), and by how much each mosaic is misplaced."""


@dataclass(frozen=True, eq=False)
class SceneFile:
    """One file for ``Catalog.add_scene(path)``; its own metadata says platform, time and bands.

    shift_m: by how much the image is misplaced (east, north).
    """

    path: Path
    platform: str
    acquired_at: datetime
    shift_m: tuple[float, float] = (0.0, 0.0)


# --- scenes ----------------------------------------------------------------------------------


def burn(shapes: Sequence[tuple[BaseGeometry, int]], ids: land.Ints, transform: Affine) -> None:
    """Write each value where its shape covers the middle of a cell; later shapes lie on top."""
    if shapes:
        features.rasterize(shapes, out=ids, transform=transform)


def objects(laid: places.Places, roundness: int = 2) -> tuple[list[str], Geometries]:
    """Materials and shapes of all that lies over the fields; the first is the grass of the ridges."""
    trees = shapely.buffer(shapely.points(laid.trees[:, :2]), laid.trees[:, 2], quad_segs=roundness)
    names = ["grass", *[f.material for f in laid.features], *["tree"] * len(trees), *laid.roofs]
    shapes = np.concatenate([[shapely.Polygon()], [f.geometry for f in laid.features], trees, laid.houses])
    return names, shapes


def write_series(folder: Path, seed: int, ground: Ground, report: Callable[[float], None]) -> list[SceneFile]:
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


# --- the drone -------------------------------------------------------------------------------


def write_flights(
    folder: Path,
    seed: int,
    ground: Ground,
    polygons: Geometries,
    index: land.Ints,
    more: Sequence[tuple[str, tuple[float, float]]] = (),
) -> list[SceneFile]:
    """The orthomosaics over the drone's window, in zone 38: the pair, and ``more`` flights."""
    centre = shapely.get_coordinates(crs.transform(np.array([ground.window.centroid]), UTM, EAST_ZONE))[0]
    west, north = np.rint(centre + plan.DRONE_SIDE_M / 2 * np.array([-1, 1]))
    size = int(plan.DRONE_SIDE_M / drone.GSD_M)

    def local(shapes: Geometries, shift_m: tuple[float, float]) -> Geometries:
        """From EPSG:32649 to metres from the mosaic's north-west corner, y down."""
        corner = np.array([west, north]) - shift_m
        return shapely.transform(crs.transform(shapes, UTM, EAST_ZONE), lambda xy: (xy - corner) * [1, -1])

    grown = seasons.crops(seed, ground.fields, ground.materials, ground.dlbm == "0101")
    files = []
    for flight, shift_m in sorted((*FLIGHTS, *more)):
        at = datetime.fromisoformat(flight).replace(tzinfo=UTC)
        moved = partial(local, shift_m=shift_m)
        close = _close(seed, ground, polygons, index, grown, at, moved, size)
        mask = np.zeros((size, size), np.uint8)
        shadows = drone.shadow_shapes(close, at)
        features.rasterize(((s, 1) for s in shadows), out=mask, transform=Affine.scale(drone.GSD_M))
        path = folder / f"drone_{flight[:10].replace('-', '')}.tif"
        _write_mosaic(path, at, drone.photograph(seed, close, at, mask), (west, north))
        files.append(SceneFile(Path(path.name), "drone", at, shift_m))
    return files


def _close(
    seed: int,
    ground: Ground,
    polygons: Geometries,
    index: land.Ints,
    grown: seasons.Crops,
    at: datetime,
    local: Callable[[Geometries], Geometries],
    size: int,
) -> drone.Close:
    """What lies in the window on a day, as the drone's painter wants it."""
    around = ground.window.buffer(45)
    near = shapely.intersects(polygons, around)
    shapes, kept = polygons[near], index[near]
    colours, names = [seasons.of_fields(seed, grown, at)[kept]], [ground.materials[kept]]
    laid_names, laid = objects(ground.laid, 5)
    pieces = [p for h in ground.happenings for p in h.pieces_on(at)]
    over = np.concatenate([laid, [p.geometry for p in pieces]]) if pieces else laid
    over_names = np.array([*laid_names, *[p.material for p in pieces]])
    tint = np.r_[paint.tints(seed, laid_names), np.ones(len(pieces))]
    trees = len(ground.laid.trees)
    first_tree = 1 + len(ground.laid.features)
    heights = np.zeros(len(over))
    heights[first_tree + trees : len(laid)] = ground.laid.heights_m
    heights[len(laid) :] = [p.height_m for p in pieces]
    seen = shapely.intersects(over, around)
    over, over_names, tint, heights = over[seen], over_names[seen], tint[seen], heights[seen]
    colours.append(seasons.of_materials(over_names, at) * tint[:, None])
    names.append(over_names)
    materials = np.concatenate(names)
    over = local(over)
    ids = np.zeros((size, size), np.int32)
    everything = np.concatenate([local(shapes), over])
    burn([(s, n) for n, s in enumerate(everything)], ids, Affine.scale(drone.GSD_M))
    axes = np.zeros((len(everything), 4))
    for n, (shape, name, height) in enumerate(zip(over, over_names, heights, strict=True), start=len(shapes)):
        if height > 0 and name in drone.ROOFS and name != "flat":
            axes[n] = drone.axis_of(shape)
    stems = shapely.get_coordinates(local(np.asarray(shapely.points(ground.laid.trees[:, :2]))))
    rows = drone.row_habits(seed, materials, len(shapes), grown.system[kept] == seasons.DRYLAND)
    solid = (heights > 0) & (over_names != "nursery")
    return drone.Close(
        ids,
        np.concatenate(colours)[:, [2, 1, 0]],
        materials,
        *rows,
        len(shapes),
        over[solid],
        heights[solid],
        axes,
        np.c_[stems, ground.laid.trees[:, 2]][shapely.intersects_xy(around, *ground.laid.trees[:, :2].T)],
    )


def _write_mosaic(path: Path, at: datetime, image: NDArray[np.uint8], corner: Sequence[float]) -> None:
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=image.shape[2],
        height=image.shape[1],
        count=4,
        dtype="uint8",
        crs=EAST_ZONE,
        transform=Affine(drone.GSD_M, 0, corner[0], 0, -drone.GSD_M, corner[1]),
        tiled=True,
        blockxsize=512,
        blockysize=512,
        compress="deflate",
        zlevel=2,
        predictor=2,
        photometric="RGB",
        alpha="unspecified",
    ) as target:
        target.write(image)
        target.descriptions = ("red", "green", "blue", "alpha")
        target.update_tags(
            PLATFORM="drone",
            ACQUISITION_DATETIME=at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            IMAGEDESCRIPTION="computed township, not an image of any real place",
        )
