"""Real places over time in which nothing was built, as workspaces that can be inspected.

Each is moved, unchanged, to where the survey's zones hold (its pixels keep their size and how they lie to each
other), and its ground is taken as farmland: by its own field boundaries where the set has them (Washington), else in
squares of ``SQUARE_M``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import geopandas
import numpy as np
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

import geodata  # noqa: F401  (guards GDAL before it is imported)
from flows import settings
from flows.settings import Workspace
from geodata.rasterfile import GridWriter, open_pixels
from tests.benchmarks.unbuilt import BELGIUM, clear, split

CRS, EAST_M, NORTH_M = "EPSG:32649", 700_000.0, 3_080_000.0
"""Where the north-west corner of every place comes to lie."""
SQUARE_M = 150.0

S2 = ("blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "swir1", "swir2")
CHILANGA = ("blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "nir2", "swir1", "swir2")


@dataclass(frozen=True)
class Place:
    """images: (file, day). read: which bands of the files, from 0; bands: their names. fields: file of
    the boundaries, None where there are none."""

    group: str
    images: tuple[tuple[Path, date], ...]
    read: Sequence[int]
    bands: tuple[str, ...]
    platform: str
    fields: Path | None = None


def places(data: Path, folder: Path) -> Iterator[Place]:
    """Those of ``unbuilt.real``. folder: where files with the bands of one date are written."""
    four = range(4)
    naip = _dated(sorted((data / "naip_prairie_5m").glob("*.tif")), lambda stem: _day(stem[-8:], "%Y%m%d"))
    yield Place("naip", naip, four, ("red", "green", "blue", "nir"), "naip")
    austria = data / "s2_ftw_austria_2windows" / "inference-img.tif"
    if austria.exists():  # the set says which seasons, not which days
        halves = zip(split(austria, folder), (date(2021, 4, 15), date(2021, 8, 15)), strict=True)
        yield Place("austria", tuple(halves), four, ("red", "green", "blue", "nir"), "sentinel-2")
    home = data / "s2_cultionet_fields_wa"
    washington = _dated(sorted(home.glob("time_series_vars/*/evi2/*.tif")), lambda stem: _day(stem, "%Y%j"))
    fields = home / "user_train" / "000064_poly_2021.gpkg"
    yield Place("washington", washington, range(1), ("evi2",), "sentinel-2", fields)
    for group, where in zip(("belgium", "belgium, small"), BELGIUM, strict=True):
        files = [p for p in sorted((data / where / "tif").glob("S2_*.tif")) if clear(p)]
        dates = _dated(files, lambda stem: _day(stem[-6:] + "15", "%Y%m%d"))
        yield Place(group, dates, range(9), S2, "sentinel-2")
    files = [p for p in sorted((data / "s2_chilanga_field").glob("*.tif")) if clear(p)]
    read = (*range(1, 9), 10, 11)  # without aerosol and water vapour
    yield Place("chilanga", _dated(files, lambda stem: _day(stem[:8], "%Y%m%d")), read, CHILANGA, "sentinel-2")


def _dated(files: Sequence[Path], day: Callable[[str], date]) -> tuple[tuple[Path, date], ...]:
    return tuple((file, day(file.stem)) for file in files)


def _day(text: str, form: str) -> date:
    return datetime.strptime(text, form).date()


def office(place: Place, root: Path) -> tuple[Workspace, float]:
    """(a workspace that holds its images and its fields, its ground in km²)."""
    made, _ = settings.init(root)
    with open_pixels(place.images[0][0]) as first:
        west, north = first.geobox.boundingbox.left, first.geobox.boundingbox.top
        box = first.geobox.boundingbox
    move = (EAST_M - west, NORTH_M - north)
    for n, (file, day) in enumerate(place.images):
        path = root / "inbox" / f"{n}.tif"
        _moved(file, place, move, path)
        made.catalog.add_scene(path, platform=place.platform, acquired=day.isoformat(), bands=place.bands)
    ground = shapely.affinity.translate(shapely.box(*box.bbox), *move)
    parcels = root / "inbox" / "DLTB.gpkg"
    shapes = _squares(ground) if place.fields is None else _fields(place.fields, str(first.geobox.crs), move)
    geopandas.GeoDataFrame({"DLBM": ["0103"] * len(shapes)}, geometry=shapes, crs=CRS).to_file(parcels, layer="DLTB")
    made.editions.add("FARMLAND", parcels, edition="2000", code_system="sandiao")
    return made, ground.area / 1e6


def _moved(file: Path, place: Place, move: tuple[float, float], path: Path) -> None:
    with open_pixels(file) as pixels:
        rows, columns = pixels.geobox.shape
        raster = pixels.read((slice(0, rows), slice(0, columns)))
        grid = GeoBox((rows, columns), Affine.translation(*move) @ pixels.geobox.affine, CRS)
    values = np.where(raster.valid, raster.values[list(place.read)], np.nan).astype(np.float32)
    with GridWriter(path, grid, "float32", len(values), nodata=float("nan"), descriptions=place.bands) as out:
        for y in range(0, rows, 512):
            roi = (slice(y, min(y + 512, rows)), slice(0, columns))
            out.write(roi, values[:, roi[0]])


def _squares(ground: shapely.Polygon) -> list[shapely.Polygon]:
    west, south, east, north = ground.bounds
    return [
        shapely.box(x, y, min(x + SQUARE_M, east), min(y + SQUARE_M, north))
        for x in np.arange(west, east - 1, SQUARE_M)
        for y in np.arange(south, north - 1, SQUARE_M)
    ]


def _fields(file: Path, crs: str, move: tuple[float, float]) -> list[shapely.Polygon]:
    return list(geopandas.read_file(file).to_crs(crs).geometry.translate(*move))
