"""[io] What the pages show beside the ledger: pictures, parcels around a case, districts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime
from functools import cached_property
from typing import Protocol

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geodata import sensors
from geodata.catalog import Catalog
from geodata.chips import HIDDEN, Bounds, Chip, crop, crop_pair
from geodata.crs import transform
from geodata.editions import Editions
from geodata.filepixels import FilePixels
from geodata.layers import Kind
from geodata.scene import Scene
from maps import chips as pictures
from maps.features import District, district
from maps.publish import Picture, Surroundings
from pipeline.cases.case import Case
from pipeline.cases.events import Event
from pipeline.cases.ledger import Ledger

DEGREES = "EPSG:4490"
CHIP_PX, LEAST_CHIP_PX, THUMB_PX = 512, 192, 320
ENLARGED = 4
"""Pixels of a picture a pixel of the scene: more shows nothing more."""
DATES_A_CASE = 8
"""Dates shown in the strip of a case: the pairs that saw it, then the newest others."""
MOST_OPEN = 48
"""Scenes open at once: a case shows few, neighbouring cases mostly the same."""
SHOWN = {
    Kind.FARMLAND: ("DLBM", "DLMC"),
    Kind.BASIC_FARMLAND: ("YJJBNTTBBH",),
    Kind.APPROVED: ("PZWH",),
    Kind.FACILITY: ("BAH",),
    Kind.REDLINE: ("HXMC",),
}


class Holder(Protocol):
    """Who holds catalogue, layers and ledger: a workspace, or the portal's office."""

    @property
    def catalog(self) -> Catalog: ...
    @property
    def editions(self) -> Editions: ...
    @property
    def ledger(self) -> Ledger: ...


class OpenScenes:
    """The pixels of scenes, each opened once and kept open until ``close()``; no more than ``most``
    at a time, the least recently used goes first."""

    def __init__(self, catalog: Catalog, most: int = MOST_OPEN) -> None:
        self.catalog, self.most = catalog, most
        self._open: dict[str, FilePixels] = {}

    def __getitem__(self, scene: Scene) -> FilePixels:
        pixels = self._open.pop(scene.id, None) or self.catalog.pixels(scene)
        self._open[scene.id] = pixels  # the newest stand last
        while len(self._open) > self.most:
            self._open.pop(next(iter(self._open))).close()
        return pixels

    def __len__(self) -> int:
        return len(self._open)

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()


class Gathered:
    """One look at a workspace; everything is read once. A context manager: the scenes' files stay
    open until it ends."""

    def __init__(self, office: Holder, day: date) -> None:
        self.office = office
        self.open = OpenScenes(office.catalog)
        self.layers = office.editions.on(day)
        self.scenes: Mapping[str, Scene] = {scene.id: scene for scene in office.catalog.scenes()}
        self._strips: dict[str, list[Scene]] = {}

    def __enter__(self) -> Gathered:
        return self

    def __exit__(self, *exc: object) -> None:
        self.open.close()

    @cached_property
    def cases(self) -> list[Case]:
        return self.office.ledger.cases()

    @cached_property
    def events(self) -> list[Event]:
        return self.office.ledger.events()

    @cached_property
    def events_by_case(self) -> dict[str, list[Event]]:
        found: dict[str, list[Event]] = defaultdict(list)
        for event in self.events:
            if event.case is not None:
                found[event.case].append(event)
        return found

    @cached_property
    def inspected_at(self) -> dict[str, datetime]:
        return {e.payload["id"]: e.at for e in self.events if e.kind == "INSPECTED"}

    @cached_property
    def _footprints(self) -> dict[str, BaseGeometry]:
        """{scene id: footprint in degrees}."""
        return {id: scene.geobox.extent.to_crs(DEGREES).geom for id, scene in self.scenes.items()}

    def frame(self, case: Case) -> Bounds:
        """The ground that a case's pictures show."""
        flag = case.flags[0]
        return pictures.frame(case.geometry, gsd_m=flag["gsd_m"] or 0.0)

    def _size_px(self, case: Case, bounds: Bounds) -> int:
        """Side of a case's pictures: no finer than the scene has something to show."""
        gsd_m = case.flags[0]["gsd_m"] or 0.0
        ground_m = (bounds[3] - bounds[1]) * 111_000
        return CHIP_PX if not gsd_m else round(min(CHIP_PX, max(LEAST_CHIP_PX, ENLARGED * ground_m / gsd_m)))

    def _dates(self, case: Case) -> list[Scene]:
        """The scenes of a case's strip, oldest first: those that flagged it, and others of a similar GSD over it."""
        if case.number not in self._strips:
            self._strips[case.number] = self._chosen(case)
        return self._strips[case.number]

    def _chosen(self, case: Case) -> list[Scene]:
        needed = [flag["change"][side] for flag in case.flags for side in ("before_id", "after_id")]
        gsd_m = min((self.scenes[id].gsd_m for id in needed if id in self.scenes), default=0.0)
        near = [
            scene
            for scene in self.scenes.values()
            if scene.id in needed
            or (scene.gsd_m <= 3 * gsd_m and shapely.covers(self._footprints[scene.id], case.geometry.centroid))
        ]
        near.sort(key=lambda scene: (scene.id not in needed, -scene.acquired_at.timestamp()))
        return sorted(near[: max(DATES_A_CASE, len(set(needed)))], key=lambda scene: scene.acquired_at)

    def chips(self, case: Case) -> dict[str, Picture]:
        """Pictures of the place on each date; the pair that founded the case shares one stretch."""
        bounds = self.frame(case)
        size_px = self._size_px(case, bounds)
        founding = [case.flags[0]["change"][side] for side in ("before_id", "after_id")]
        found: dict[str, Picture] = {}
        stretch = None
        if all(id in self.scenes for id in founding):
            before, after = (self.open[self.scenes[id]] for id in founding)
            for id, chip in zip(founding, crop_pair(before, after, bounds, size_px), strict=True):
                found[id] = _picture(chip)
                stretch = chip.stretch
        for scene in self._dates(case):
            if scene.id not in found:
                same = stretch if self._alike(scene, founding) else None
                chip = crop(self.open[scene], bounds, size_px, stretch=same)
                found[scene.id] = _picture(chip)
        return found

    def _alike(self, scene: Scene, ids: list[str]) -> bool:
        return all(id in self.scenes and self.scenes[id].platform == scene.platform for id in ids)

    def thumbs(self) -> dict[str, Picture]:
        """One small picture of each scene that was inspected."""
        ids = {id for i in self.office.ledger.inspections() for id in (i.before_id, i.after_id)}
        found = {}
        for id in sorted(ids & set(self.scenes)):
            bounds: Bounds = self._footprints[id].bounds
            chip = crop(self.open[self.scenes[id]], bounds, THUMB_PX)
            found[id] = _picture(chip)
        return found

    def surroundings(self, case: Case) -> Surroundings:
        scenes = self._dates(case)
        clouds = {scene.id: cloud for scene in scenes if (cloud := self._cloud(scene, case.geometry)) is not None}
        return Surroundings(scenes, self._around(case), clouds)

    def _around(self, case: Case) -> list[tuple[BaseGeometry, str, str]]:
        """Parcels within the picture, cut to it: (geometry in degrees, label, kind)."""
        frame = shapely.box(*self.frame(case))
        found = []
        for kind, names in SHOWN.items():
            for _, store in self.layers.parts.get(kind, []):
                box = transform(np.array([frame], dtype=object), DEGREES, store.zone)[0]
                _, rows = store.query(np.array([box.bounds]))
                held = store.attributes(rows, [name for name in names if name in store.columns])
                shapes = transform(store.geometries(rows), store.zone, DEGREES)
                for n, cut in enumerate(shapely.intersection(shapes, frame)):
                    label = " ".join(str(values[n]) for values in held.values() if values[n])
                    if not cut.is_empty and cut.area > 0:
                        found.append((cut, label, str(kind)))
        return found

    def _cloud(self, scene: Scene, patch: BaseGeometry) -> float | None:
        """Per cent of the patch's box under cloud or shadow; None where the quality is unknown."""
        if scene.quality_codes is None:
            return None
        inside = transform(np.array([patch], dtype=object), DEGREES, str(scene.geobox.crs))[0]
        west, south, east, north = inside.bounds
        columns, rows = zip(*(~scene.geobox.affine * xy for xy in ((west, north), (east, south))), strict=True)
        roi = _within(rows, scene.geobox.height), _within(columns, scene.geobox.width)
        codes = self.open[scene].codes(roi)
        if codes is None or codes.size == 0:
            return None
        return round(100 * float(sensors.has_condition(codes, scene.quality_codes, HIDDEN).mean()), 1)

    def districts(self) -> list[District]:
        """The units held, and their counties and townships where only deeper units are."""
        shapes: dict[str, list[BaseGeometry]] = defaultdict(list)
        names: dict[str, str] = {}
        for _, store in self.layers.parts.get(Kind.DISTRICT, []):
            for geometries, held in store.batches():
                degrees = transform(geometries, store.zone, DEGREES)
                for n, code in enumerate(held["XZQDM"]):
                    unit = district(str(code), str(held.get("XZQMC", [""] * len(degrees))[n] or ""), degrees[n])
                    shapes[unit.code].append(unit.geometry)
                    names.setdefault(unit.code, unit.name)
        for length in (9, 6):
            above: dict[str, list[BaseGeometry]] = defaultdict(list)
            for code, parts in shapes.items():
                if len(code) > length and code[:length] not in shapes:
                    above[code[:length]] += parts
            shapes |= above
        return [
            district(code, names.get(code, ""), shapely.union_all(parts) if len(parts) > 1 else parts[0])
            for code, parts in sorted(shapes.items())
        ]


def _picture(chip: Chip) -> Picture:
    return Picture(pictures.over_paper(chip.rgb, chip.valid), chip.bounds_lonlat)


def _within(edges: tuple[float, ...], size: int) -> slice:
    first, last = int(np.floor(min(edges))), int(np.ceil(max(edges)))
    return slice(max(0, min(first, size)), max(0, min(last, size)))
