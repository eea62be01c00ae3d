"""[io] The pixels of a part and of the fields around it, from every scene held, in series that can be compared."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from shapely.geometry.base import BaseGeometry

from geodata import sensors
from geodata.catalog import Catalog
from geodata.crs import transform
from geodata.editions import LayersOnDay
from geodata.errors import WorkError
from geodata.landcodes import CONSTRUCTION, FARMLAND, land_class
from geodata.layers import Kind
from geodata.rasterfile import FilePixels, rasterize
from geodata.scene import ROI, Scene
from pipeline import align, neighbours, quality
from pipeline.compare import Series
from pipeline.neighbours import FINE_M, TEXTURE, TILE_M, Layout, View
from pipeline.pairing import GSD_FACTOR

DEGREES = "EPSG:4490"
AROUND_PX, AROUND_M = 150, (150.0, 4500.0)
"""How far around a part is looked, in pixels and (least, most) metres."""
INSIDE_PX = 0.75
"""A pixel whose centre is so far inside an outline lies wholly in it, whichever way the outline runs."""
ALIGNED_PX = 768
"""Side of the square in which scenes are laid on each other."""
LEAST_ALIKE = 30
"""Parcels of the part's own code (paddy, dry land) from which on only such are compared with."""
FEW_BUILT = 150
"""Pixels of built-up ground below which all ground that is no field stands for what stays as it is."""

Ground = NDArray[np.object_]
Shift = tuple[tuple[float, float], float | None]
"""((east, north) metres to move by, pixels that it lay off; None = not measurable, inf = too far)."""


@dataclass(frozen=True, eq=False)
class Place:
    """One part, and what is known around it. before_id, after_id: of the flag. others: ground of all
    cases, which is no neighbour; in EPSG:4490."""

    geometry: BaseGeometry
    before_id: str
    after_id: str
    others: Sequence[BaseGeometry] = ()


@dataclass(frozen=True, eq=False)
class Seen:
    """One scene on a grid: values (d, y, x), bands by name, quality bits (grown), and how far it lay off."""

    values: NDArray[np.float32]
    bits: NDArray[np.uint8]
    bands: tuple[str, ...]
    shift_px: float | None


@dataclass(frozen=True, eq=False)
class Marked:
    """(y, x) masks: pixels wholly inside the part; farmland; neighbouring parcels by number, pixels wholly inside
    them (0 = none); what is flagged, the part among it; ground that is no field."""

    part: NDArray[np.bool_]
    farmland: NDArray[np.bool_]
    parcels: NDArray[np.int32]
    taken: NDArray[np.bool_]
    inert: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Pair:
    """Two scenes on one grid around a part: values (d, y, x) of the common bands, clear on both dates (y, x)."""

    grid: GeoBox
    before: NDArray[np.float32]
    after: NDArray[np.float32]
    clear: NDArray[np.bool_]
    marked: Marked
    layers: LayersOnDay


class Reader:
    """Reads series from one workspace's catalogue; how scenes lie to each other is measured once a neighbourhood.

    layers_on: the layers that held on a day (``Editions.on``).
    """

    def __init__(
        self, catalog: Catalog, layers_on: Callable[[date], LayersOnDay], *, max_shift_px: float = 3.0
    ) -> None:
        self.catalog, self.max_shift_px = catalog, max_shift_px
        self.scenes = catalog.scenes()
        self._layers_on = cache(layers_on)
        self._shifts: dict[tuple[str, str, int, int], Shift] = {}

    def series(self, place: Place, since: datetime, only: Collection[str] | None = None) -> list[Series]:
        """All scenes over the part (of the ids ``only``) as series, one a kind of sensor and set of bands."""
        over = [scene for scene in self.over(place.geometry) if only is None or scene.id in only]
        layers = self._layers_on(_day(self.scenes, place, since))
        return [self._read(layers, place, group, since) for group in _groups(over)]

    def over(self, geometry: BaseGeometry) -> list[Scene]:
        """Scenes over the part, oldest first."""
        return _over(self.scenes, geometry)

    def pair(self, place: Place) -> Pair | None:
        """The flag's two scenes around the part; None where one of them is no longer held."""
        held = {s.id: s for s in self.scenes}
        if place.before_id not in held or place.after_id not in held:
            return None
        before, after = held[place.before_id], held[place.after_id]
        layers = self._layers_on(after.acquired_at.date())
        grid = window(before, place.geometry)
        one, two = (self._raster(before, scene, grid, self.max_shift_px) for scene in (before, after))
        common = [band for band in one.bands if band in two.bands]
        values = [r.values[[r.bands.index(band) for band in common]] for r in (one, two)]
        ground = marked(grid, layers, place)
        return Pair(grid, values[0], values[1], quality.clear(one.bits | two.bits), ground, layers)

    def _read(self, layers: LayersOnDay, place: Place, group: list[Scene], since: datetime) -> Series:
        before, after = self._pair(place, group, since)
        known = {s.id: s for s in group}
        reference = known.get(place.before_id) or known.get(place.after_id) or group[-1]
        grid = window(reference, place.geometry)
        side = max(1, round(TILE_M / reference.gsd_m)) if _fine(reference) else 1
        where = layout(grid if side == 1 else _tiles(grid, side), layers, place)
        views = [self._view(reference, scene, grid, side, where) for scene in group]
        return Series(views, before, after, since, frozenset({before, after} - {place.before_id, place.after_id, ""}))

    def _pair(self, place: Place, group: list[Scene], since: datetime) -> tuple[str, str]:
        """The flag's own pair where this sensor took it, else the scenes of this one that show the same states."""
        known = {s.id for s in group}
        when = {s.id: s.acquired_at for s in self.scenes if s.id in (place.before_id, place.after_id)}
        before, after = (id if id in known else "" for id in (place.before_id, place.after_id))
        if not before and place.before_id in when:
            before = next((s.id for s in reversed(group) if s.acquired_at <= when[place.before_id]), "")
        if not after and place.after_id in when:
            after = next((s.id for s in reversed(group) if when[place.after_id] <= s.acquired_at <= since), "")
        return before, after

    def _shift(self, reference: Scene, scene: Scene, grid: GeoBox, limit_px: float) -> Shift:
        """By how much ``scene`` has to be moved to lie on ``reference`` around ``grid``."""
        if scene.id == reference.id:
            return (0.0, 0.0), 0.0
        rows, columns = _neighbourhood(reference.geobox, grid)
        key = (reference.id, scene.id, rows.start, columns.start)
        if key not in self._shifts:
            wide = reference.geobox[rows, columns]
            with self._pixels(reference, wide) as one, self._pixels(scene, wide) as other:
                try:
                    measured = align.measure(one, other, limit_px=limit_px)
                    told = None if measured.state == "not_measurable" else measured.before_px
                    self._shifts[key] = ((measured.dx_m, measured.dy_m), told)
                except WorkError:
                    self._shifts[key] = ((0.0, 0.0), float("inf"))
        return self._shifts[key]

    def _pixels(self, scene: Scene, grid: GeoBox, shift_m: tuple[float, float] = (0.0, 0.0)) -> FilePixels:
        with self.catalog.pixels(scene) as pixels:
            return pixels.onto(grid, shift_m)

    def _raster(self, reference: Scene, scene: Scene, grid: GeoBox, limit_px: float) -> Seen:
        shift, shift_px = self._shift(reference, scene, grid, limit_px)
        with self._pixels(scene, grid, shift) as pixels:
            raster = pixels.read((slice(0, grid.height), slice(0, grid.width)))
            codes = sensors.QUALITY[scene.quality_codes] if scene.quality_codes else None
            bits = quality.grown(quality.bits(raster, codes, pixels.saturation))
        order = np.argsort(raster.bands)
        return Seen(raster.values[order], bits, tuple(raster.bands[n] for n in order), shift_px)

    def _view(self, reference: Scene, scene: Scene, grid: GeoBox, side: int, where: Layout) -> View:
        seen = self._raster(reference, scene, grid, max(self.max_shift_px, side))  # half a tile is no matter
        values, bits, bands = seen.values, seen.bits, seen.bands
        if side > 1:
            values, bits = neighbours.tiled(values, bits, side)
            bands = (*bands, *TEXTURE)
        return neighbours.view(
            values,
            bits,
            where,
            scene_id=scene.id,
            at=scene.acquired_at,
            gsd_m=scene.gsd_m * side,
            flight=side > 1,
            bands=bands,
            quality_known=scene.quality_codes is not None,
            shift_px=seen.shift_px,
        )


def _neighbourhood(whole: GeoBox, grid: GeoBox) -> ROI:
    """Rows and columns of the square of ``ALIGNED_PX`` that the middle of ``grid`` lies in."""
    x, y = ~whole.affine @ (grid.affine @ (grid.width / 2, grid.height / 2))
    found = []
    for place, size in ((y, whole.height), (x, whole.width)):
        stop = min((int(place) // ALIGNED_PX + 1) * ALIGNED_PX, size)
        found.append(slice(max(0, stop - ALIGNED_PX), stop))
    return found[0], found[1]


def _day(scenes: Sequence[Scene], place: Place, since: datetime) -> date:
    """The layers of the flag's own day: later editions may show the occupation as what it is."""
    after = next((s for s in scenes if s.id == place.after_id), None)
    return (after.acquired_at if after else since).date()


def _over(scenes: Sequence[Scene], geometry: BaseGeometry) -> list[Scene]:
    found = []
    for scene in scenes:
        if scene.geobox.crs is None:
            continue
        here = transform(np.array([geometry], object), DEGREES, str(scene.geobox.crs))[0]
        if scene.geobox.extent.geom.intersects(here):
            found.append(scene)
    return sorted(found, key=lambda s: (s.acquired_at, s.id))


def _groups(scenes: Sequence[Scene]) -> list[list[Scene]]:
    """Scenes of the same bands, pixels within a factor of three of the group's first."""
    groups: list[list[Scene]] = []
    for scene in scenes:
        for group in groups:
            if alike(scene, group[0]):
                group.append(scene)
                break
        else:
            groups.append([scene])
    return groups


def alike(one: Scene, other: Scene) -> bool:
    """Whether two scenes can stand in one series."""
    like = 1 / GSD_FACTOR <= one.gsd_m / other.gsd_m <= GSD_FACTOR
    return like and set(one.bands) == set(other.bands) and _fine(one) == _fine(other)


def _fine(scene: Scene) -> bool:
    return scene.gsd_m < FINE_M


def window(reference: Scene, geometry: BaseGeometry) -> GeoBox:
    """The part of the scene's own grid around the part."""
    geobox = reference.geobox
    here = transform(np.array([geometry], object), DEGREES, str(geobox.crs))[0]
    pixels = shapely.transform(here, lambda xy: np.column_stack(~geobox.affine @ (xy[:, 0], xy[:, 1])))
    west, north, east, south = pixels.bounds
    low, high = (round(metres / reference.gsd_m) for metres in AROUND_M)
    reach = min(max(AROUND_PX, low), high)
    rows = slice(max(0, int(north) - reach), min(geobox.height, int(south) + reach + 1))
    columns = slice(max(0, int(west) - reach), min(geobox.width, int(east) + reach + 1))
    return geobox[rows, columns]


def _tiles(grid: GeoBox, side: int) -> GeoBox:
    rows, columns = (n // side for n in grid.shape)
    return GeoBox((rows, columns), grid.affine @ grid.affine.scale(side), grid.crs)


def layout(grid: GeoBox, layers: LayersOnDay, place: Place) -> Layout:
    """Which pixels of ``grid`` are asked for; the parcels that the part itself lies on are no neighbours."""
    ground = marked(grid, layers, place)
    return neighbours.layout(ground.part, ground.parcels, ground.inert)


def marked(grid: GeoBox, layers: LayersOnDay, place: Place) -> Marked:
    crs = str(grid.crs)
    shape, *others = _pixels(np.array([place.geometry, *place.others], object), DEGREES, grid)
    part = rasterize([shape.buffer(-INSIDE_PX)], _unit(grid))
    taken = rasterize([g.buffer(1.0) for g in (shape, *others)], _unit(grid), all_touched=True)
    farmland, codes, built = _parcels(layers, grid, crs)
    own = shapely.intersects(farmland, shape) if len(farmland) else np.zeros(0, bool)
    alike = ~own & np.isin(codes, codes[own])
    chosen = alike if alike.sum() >= LEAST_ALIKE else ~own
    inner = rasterize(shapely.buffer(farmland[chosen], -INSIDE_PX), _unit(grid)) & ~taken
    # parcels drawn in by 0.75 pixel lie more than a pixel apart: what is connected is one parcel
    _, parcels = cv2.connectedComponents(inner.astype(np.uint8), connectivity=4)
    inert = rasterize(built, _unit(grid)) & ~taken
    if inert.sum() < FEW_BUILT:
        inert = ~rasterize(farmland, _unit(grid), all_touched=True) & ~taken
    return Marked(part, rasterize(farmland, _unit(grid)), np.asarray(parcels, np.int32), taken, inert)


def _unit(grid: GeoBox) -> GeoBox:
    """The same pixels with a side of 1."""
    return GeoBox(grid.shape, grid.affine.identity(), None)


def _pixels(shapes: Ground, crs: str, grid: GeoBox) -> Ground:
    """In pixels of ``grid`` (column, row)."""
    moved = transform(shapes, crs, str(grid.crs)) if len(shapes) else shapes
    return shapely.transform(moved, lambda xy: np.column_stack(~grid.affine @ (xy[:, 0], xy[:, 1])))


def _parcels(layers: LayersOnDay, grid: GeoBox, crs: str) -> tuple[Ground, NDArray[np.str_], Ground]:
    """Farmland (01*), its codes, and built-up parcels on the grid, in its pixels."""
    frame = grid.extent.geom
    farmland: list[BaseGeometry] = []
    built: list[BaseGeometry] = []
    kinds: list[str] = []
    for layer, store in layers.parts.get(Kind.FARMLAND, []):
        box = transform(np.array([frame], object), crs, store.zone)[0]
        _, rows = store.query(np.array([box.bounds]))
        shapes = _pixels(store.geometries(rows), store.zone, grid)
        codes = store.attributes(rows, ["DLBM"]).get("DLBM", [""] * len(rows))
        for shape, code in zip(shapes, codes, strict=True):
            found = land_class(code or "", layer.code_system)
            if found == FARMLAND:
                farmland.append(shape)
                kinds.append(code)
            elif found == CONSTRUCTION:
                built.append(shape)
    return np.array(farmland, object), np.array(kinds, str), np.array(built, object)
