"""The map grid on which an image with RPC is laid: its system, pixel size and extent."""

from __future__ import annotations

import math

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj.enums import TransformDirection

from geodata import crs as crss
from geodata import limits
from geodata.errors import InputError, NoOverlap
from geodata.ortho.camera import F64, Camera
from geodata.ortho.laid import to_ground
from geodata.ortho.terrain import Terrain

ALONG = 21
"""Places along each edge of the image at which its outline is looked at."""
GSD_M = (0.05, 500.0)
"""Pixel sizes of satellites; others tell that the RPC belong to no image."""


def grid(camera: Camera, terrain: Terrain, shape: tuple[int, int], crs: str | None) -> GeoBox:
    """The grid of an image of ``shape`` (rows, columns), in ``crs`` or the 3° zone of its centre (outside China
    its UTM zone), with square pixels of the image's own size, two digits of it, on whole multiples of it.

    Raises: UnreadableFile where the RPC see no such image; NoOverlap where the terrain is not known; InputError
    for a system that is not in metres.
    """
    level = camera.rpc.height_off
    edge = _edge(shape)
    lon, lat = camera.ground(*edge, level)
    system = _system(crs, float(lon.mean()), float(lat.mean()), camera.path)
    low, high = _heights(camera, terrain, system, lon, lat)
    outlines = [_on_map(system, *camera.ground(*edge, height)) for height in (low, high)]
    x, y = (np.concatenate([outline[n] for outline in outlines]) for n in (0, 1))
    gsd = _gsd(camera, system, shape, (low + high) / 2)
    return _snapped(camera, (float(x.min()), float(y.min()), float(x.max()), float(y.max())), gsd, system)


def _on_map(system: str, lon: F64, lat: F64) -> tuple[F64, F64]:
    x, y = to_ground(system).transform(lon, lat, direction=TransformDirection.INVERSE)
    return x, y


def _edge(shape: tuple[int, int]) -> tuple[F64, F64]:
    """(x, y) of places along the outline of an image, and of its middle."""
    rows, columns = shape
    along = np.linspace(0, 1, ALONG)
    x = np.concatenate([along, along, np.zeros(ALONG), np.ones(ALONG), [0.5]]) * columns
    y = np.concatenate([np.zeros(ALONG), np.ones(ALONG), along, along, [0.5]]) * rows
    return x, y


def _system(said: str | None, lon: float, lat: float, path: object) -> str:
    if said is None:
        west, south, east, north = crss.CHINA
        if west <= lon <= east and south <= lat <= north and crss.zone_of(lon) in crss.ZONES:
            return crss.gk3(crss.zone_of(lon))
        return f"EPSG:{(32600 if lat >= 0 else 32700) + min(60, math.floor((lon + 180) / 6) + 1)}"
    found = crss.crs_(said, path)
    if not found.is_projected or (found.axis_info[0].unit_conversion_factor or 1.0) != 1.0:
        raise InputError(
            "{path}: --crs {crs} is not in metres; name a projected system, for example EPSG:4547.", path=path, crs=said
        )
    return crss.name_of(found)


def _heights(camera: Camera, terrain: Terrain, system: str, lon: F64, lat: F64) -> tuple[float, float]:
    """The lowest and highest ground of the image."""
    x, y = _on_map(system, lon, lat)
    box = (float(x.min()), float(y.min()), float(x.max()), float(y.max()))
    if not all(map(math.isfinite, box)) or min(box[2] - box[0], box[3] - box[1]) <= 0:
        raise camera.wrong()
    area = GeoBox.from_bbox(box, system, shape=(256, 256))
    found = terrain.range(area)
    if found is None:
        raise NoOverlap(
            "{path}: the elevation model {dem} does not reach it (it lies near {lon:.3f}° E {lat:.3f}° N); name one"
            " that does with --dem.",
            path=camera.path,
            dem=terrain.path.name,
            lon=float(lon.mean()),
            lat=float(lat.mean()),
        )
    return found


def _gsd(camera: Camera, system: str, shape: tuple[int, int], height: float) -> float:
    """Ground size of a pixel in the middle, the mean of both ways."""
    x, y = shape[1] / 2, shape[0] / 2
    east, north = _on_map(system, *camera.ground(np.array([x, x + 1, x]), np.array([y, y, y + 1]), height))
    sides = np.hypot(east[1:] - east[0], north[1:] - north[0])
    gsd = float(np.sqrt(sides.prod()))
    if not GSD_M[0] <= gsd <= GSD_M[1]:
        raise camera.wrong()
    return float(f"{gsd:.2g}")


def _snapped(camera: Camera, box: tuple[float, float, float, float], gsd: float, system: str) -> GeoBox:
    x0, y0, x1, y1 = (math.floor(v / gsd) if n < 2 else math.ceil(v / gsd) for n, v in enumerate(box))
    if (x1 - x0) * (y1 - y0) > limits.current().pixels:
        raise camera.wrong()
    return GeoBox((y1 - y0, x1 - x0), Affine(gsd, 0.0, x0 * gsd, 0.0, -gsd, y1 * gsd), system)
