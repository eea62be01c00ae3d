"""[io] Features in and out: what a vector file is, its damage, its encoding, its layers; reading by
batches in a child process; GPKG and GeoParquet out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

Progress = Callable[[float], None]


@dataclass(frozen=True)
class FileLayer:
    """One layer of a vector file as delivered. columns: {name: Arrow type}. bounds in its own CRS."""

    name: str
    geometry: str
    features: int
    crs: str | None
    columns: Mapping[str, str]
    bounds: tuple[float, float, float, float] | None


@dataclass(frozen=True)
class Described:
    driver: str
    encoding: str | None
    layers: tuple[FileLayer, ...]


def describe(path: Path) -> Described:
    raise NotImplementedError


def write_gpkg(path: Path, batches: Iterable[pa.RecordBatch], schema: pa.Schema, *, crs: str, layer: str) -> None:
    """``batches`` with a column "wkb" and attributes, streamed."""
    raise NotImplementedError


def write_geoparquet(path: Path, batches: Iterable[pa.RecordBatch], schema: pa.Schema, *, crs: str) -> None:
    """``batches`` with a column "wkb" and attributes, streamed; GeoParquet 1.1."""
    raise NotImplementedError


def sha256_of(path: Path) -> str:
    raise NotImplementedError


def tables(names: Sequence[str]) -> None: ...
