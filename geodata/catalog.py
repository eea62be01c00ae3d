"""[io] Scenes at rest under one root: a STAC item and a cloud-optimised GeoTIFF each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path

from odc.geo.geobox import GeoBox

from geodata.rasterfile import FilePixels
from geodata.scene import Scene


class Catalog:
    """``root`` is the workspace's ``catalog`` folder; scenes lie under ``root/scenes/<id>/``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add_scene(
        self,
        path: Path,
        *,
        platform: str | None = None,
        acquired: str | date | datetime | None = None,
        bands: Sequence[str] | None = None,
        crs: str | None = None,
        quality: Path | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> tuple[Scene, bool]:
        raise NotImplementedError

    def scenes(self) -> list[Scene]:
        raise NotImplementedError

    def scene(self, id: str) -> Scene:
        raise NotImplementedError

    def remove_scene(self, id: str, referenced: Callable[[str], int]) -> None:
        raise NotImplementedError

    def edit_scene(
        self,
        id: str,
        *,
        platform: str | None = None,
        acquired: str | date | datetime | None = None,
        bands: Sequence[str] | None = None,
    ) -> Scene:
        raise NotImplementedError

    def pixels(self, scene: Scene, onto: GeoBox | None = None, shift_m: tuple[float, float] = (0.0, 0.0)) -> FilePixels:
        raise NotImplementedError

    def asset(self, scene: Scene, name: str) -> Path:
        raise NotImplementedError
