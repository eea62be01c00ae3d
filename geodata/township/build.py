"""[io] Writes the township as the files that a bureau would deliver."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from geodata.layers import Kind
from geodata.township.events import TruthEvent

SEED = 430381


@dataclass(frozen=True, eq=False)
class LayerFile:
    """One file for ``Editions.add(kind, path, edition=edition, **options)``."""

    kind: Kind
    path: Path
    edition: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class SceneFile:
    """One file for ``Catalog.add_scene(path)``; its own metadata says platform, time and bands."""

    path: Path
    platform: str
    acquired_at: datetime


@dataclass(frozen=True, eq=False)
class Township:
    """layers and scenes in the order in which they are added (scenes by time; drone pair last)."""

    layers: tuple[LayerFile, ...]
    scenes: tuple[SceneFile, ...]
    truth: tuple[TruthEvent, ...]


def build(folder: Path, seed: int = SEED, progress: Callable[[float], None] | None = None) -> Township:
    """Compute the township and write its files below ``folder``; the same seed gives the same bytes."""
    raise NotImplementedError
