"""[io] Editions of layers at rest: one folder a delivered file, its facts as JSON beside the parcels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from geodata.layers import Kind, Layer
from geodata.words import Text

if TYPE_CHECKING:
    from geodata.parcels import ParcelStore


@dataclass(frozen=True, eq=False)
class LayersOnDay:
    """The layers that hold on one day. parts: every file of the chosen edition of each kind."""

    day: date
    parts: Mapping[Kind, list[tuple[Layer, ParcelStore]]]
    editions: Mapping[Kind, str]
    warnings: list[Text]


class Editions:
    """The layers under ``root`` (workspace/catalog/layers)."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def add(
        self,
        kind: Kind | str,
        path: str | Path,
        *,
        edition: str,
        valid_from: date | str | None = None,
        crs: str | None = None,
        code_system: str | None = None,
        columns: Mapping[str, str] | None = None,
        layer_name: str | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Layer:
        raise NotImplementedError

    def layers(self) -> list[Layer]:
        raise NotImplementedError

    def remove(self, kind: Kind | str, edition: str, *, referenced: Callable[[Kind, str], int]) -> int:
        raise NotImplementedError

    def on(self, day: date) -> LayersOnDay:
        raise NotImplementedError

    def store(self, layer: Layer) -> ParcelStore:
        raise NotImplementedError

    def export(self, kind: Kind | str, edition: str, path: str | Path) -> None:
        raise NotImplementedError
