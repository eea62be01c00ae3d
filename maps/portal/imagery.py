"""[io] Imagery for pages: tiles and small pictures of the catalogue's scenes, and whose ground they show.

Scenes are named by their id alone; no address, path or size that a client gives reaches a file.
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image
from shapely.geometry.base import BaseGeometry

from geodata import tiles
from geodata.atomic import write_bytes
from geodata.chips import crop, crop_pair
from geodata.errors import InputError
from geodata.scene import Scene
from maps import chips
from maps.gather import DEGREES, Gathered, OpenScenes
from maps.portal.access import NotThere, Person
from maps.portal.office import Office

QUALITY = 78
HELD_BYTES = 48 * 1024 * 1024
"""Tiles kept in memory by one worker."""
CARD_PX, CARD_BYTES = (128, 96), 2_200
SCENE_PX = 320


class Imagery:
    """The open scenes of one workspace in one worker."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self._open = OpenScenes(office.catalog)
        self._lock = threading.Lock()
        self._stretches: dict[str, NDArray[np.float64]] = {}
        self._tiles: OrderedDict[tuple[str, int, int, int], bytes] = OrderedDict()
        self._size = 0

    def scene(self, id: str) -> Scene:
        """Raises: NotThere; only a whole id names a scene here."""
        return _scene(self.office, id)

    def tile(self, scene: Scene, z: int, x: int, y: int) -> bytes:
        """A WEBP; wholly transparent where the scene shows nothing."""
        key = scene.id, z, x, y
        with self._lock:
            if key in self._tiles:
                self._tiles.move_to_end(key)
                return self._tiles[key]
        made = self._made(scene, z, x, y)
        with self._lock:
            if key not in self._tiles:
                self._tiles[key] = made
                self._size += len(made)
            while self._size > HELD_BYTES:
                self._size -= len(self._tiles.popitem(last=False)[1])
        return made

    def _made(self, scene: Scene, z: int, x: int, y: int) -> bytes:
        if not footprint(scene).intersects(shapely.box(*tiles.bounds(z, x, y))):
            return nothing()
        with self._lock:
            pixels = self._open[scene]
        if scene.id not in self._stretches:
            self._stretches[scene.id] = tiles.look(pixels, footprint(scene).bounds)
        rgba = tiles.tile(pixels, z, x, y, self._stretches[scene.id])
        return nothing() if rgba is None else _webp(Image.fromarray(rgba))

    def pair(self, before: Scene, after: Scene, place: BaseGeometry, gsd_m: float) -> tuple[bytes, bytes]:
        """Two cards of a place, stretched alike; kept on disk."""
        bounds = chips.frame(place, gsd_m=gsd_m)
        key = f"{before.id} {after.id} {bounds}"

        def make() -> list[bytes]:
            with self._lock:
                first, second = self._open[before], self._open[after]
            made = crop_pair(first, second, bounds, CARD_PX[0] * 2)
            return [chips.thumbnail(chips.over_paper(c.rgb, c.valid), CARD_PX, CARD_BYTES) for c in made]

        first, second = self._kept(key, 2, make)
        return first, second

    def whole(self, scene: Scene) -> bytes:
        """A small picture of the whole scene."""

        def make() -> list[bytes]:
            with self._lock:
                pixels = self._open[scene]
            chip = crop(pixels, footprint(scene).bounds, SCENE_PX)
            return [chips.thumbnail(chips.over_paper(chip.rgb, chip.valid))]

        return self._kept(f"whole {scene.id}", 1, make)[0]

    def _kept(self, key: str, count: int, make: Callable[[], list[bytes]]) -> list[bytes]:
        folder = self.office.root / "cache" / "pictures"
        name = hashlib.sha256(key.encode()).hexdigest()
        paths = [folder / f"{name}.{n}.webp" for n in range(count)]
        try:
            return [path.read_bytes() for path in paths]
        except FileNotFoundError:
            made = make()
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in zip(paths, made, strict=True):
            write_bytes(path, content)
        return made


@lru_cache(maxsize=8)
def imagery_of(office: Office) -> Imagery:
    return Imagery(office)


@lru_cache(maxsize=512)
def _known(office: Office, id: str, stamp: int) -> Scene:
    return office.catalog.scene(id)


def _scene(office: Office, id: str) -> Scene:
    path = office.catalog.root / "scenes" / id / "item.json" if _is_id(id) else None
    try:
        if path is not None:
            return _known(office, id, path.stat().st_mtime_ns)
    except (FileNotFoundError, InputError):
        pass
    raise NotThere


def _is_id(id: str) -> bool:
    return len(id) == 36 and all(c in "0123456789abcdef-" for c in id)


@lru_cache(maxsize=512)
def _footprint(id: str, geobox: object) -> BaseGeometry:
    found: BaseGeometry = geobox.extent.to_crs(DEGREES).geom  # type: ignore[attr-defined]
    return found


def footprint(scene: Scene) -> BaseGeometry:
    """In degrees."""
    return _footprint(scene.id, scene.geobox)


def area_of(office: Office, person: Person) -> BaseGeometry | None:
    """The ground that a person may see, in degrees; None: all of it."""
    return _area(office, person.districts, office.today) if person.districts else None


@lru_cache(maxsize=64)
def _area(office: Office, districts: tuple[str, ...], today: date) -> BaseGeometry:
    with Gathered(office, today) as gathered:
        mine = [unit.geometry for unit in gathered.districts() if unit.code.startswith(districts)]
    found = shapely.union_all(mine)
    shapely.prepare(found)
    return found


def visible(office: Office, person: Person, id: str, ground: BaseGeometry | None = None) -> Scene:
    """The scene, where the person may see it (and of it ``ground``, in degrees). Raises: NotThere."""
    scene, area = _scene(office, id), area_of(office, person)
    if area is not None:
        shown = footprint(scene)
        if not area.intersects(shown) or (ground is not None and not area.intersects(ground)):
            raise NotThere
    return scene


def around(office: Office, person: Person, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """For the map of a case: where the tiles of these scenes lie (degrees) and to which zoom they are worth
    asking for. What the person may not see, or the catalogue no longer holds, is left out."""
    found = {}
    for id in ids:
        try:
            scene = visible(office, person, id)
        except NotThere:
            continue
        west, south, east, north = (round(value, 6) for value in footprint(scene).bounds)
        deepest = tiles.deepest(scene.gsd_m, (south + north) / 2)
        found[id] = {"bounds": [west, south, east, north], "deepest": deepest}
    return found


def _webp(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "WEBP", quality=QUALITY, method=2)
    return out.getvalue()


@lru_cache(maxsize=1)
def nothing() -> bytes:
    """A tile where nothing was seen."""
    return _webp(Image.new("RGBA", (tiles.TILE_PX, tiles.TILE_PX), (0, 0, 0, 0)))
