"""[io] Formats that are read record by record (KML, point lists, tables): what they share.

Each reader hands over a ``Source``; here it becomes the description of a file and an Arrow file.
Shapes are shapely geometries in x, y of the source's own CRS, all attributes are text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from shapely.errors import GEOSException
from shapely.geometry.base import BaseGeometry

from geodata.errors import EmptyData
from geodata.words import Text

ROWS_A_BATCH = 4096
MAX_COLUMNS = 400
_POLYGONS = ("Polygon", "MultiPolygon", "GeometryCollection")


@dataclass(frozen=True)
class Record:
    """geometry: None where the record has no shape that can be used."""

    layer: str
    geometry: BaseGeometry | None
    values: Mapping[str, str]


@dataclass(frozen=True)
class Source:
    """records: makes a fresh pass over the file. crs, crs_said: as in ``vectorfile.FileLayer``."""

    records: Callable[[], Iterator[Record]]
    crs: Callable[[Any], str | None] = lambda bounds: None
    crs_said: bool = True
    notes: list[Text] = field(default_factory=list)


@dataclass
class _Layer:
    features: int = 0
    types: set[str] = field(default_factory=set)
    columns: dict[str, str] = field(default_factory=dict)
    bounds: list[float] = field(default_factory=lambda: [np.inf, np.inf, -np.inf, -np.inf])

    def meet(self, record: Record) -> None:
        self.features += 1
        for name in record.values:
            if len(self.columns) < MAX_COLUMNS:
                self.columns.setdefault(name, "String")
        if record.geometry is not None:
            self.types.add(record.geometry.geom_type)
            a, b, c, d = record.geometry.bounds
            x0, y0, x1, y1 = self.bounds
            self.bounds = [min(a, x0), min(b, y0), max(c, x1), max(d, y1)]

    @property
    def geometry(self) -> str:
        """As GDAL would name it: of polygons where there is one at all."""
        if self.types & set(_POLYGONS):
            return "MultiPolygon"
        return "/".join(sorted(self.types))


def describe(source: Source) -> list[dict[str, Any]]:
    """The layers of ``source``, as the fields of ``vectorfile.FileLayer``."""
    layers: dict[str, _Layer] = {}
    for record in source.records():
        layers.setdefault(record.layer, _Layer()).meet(record)
    told = []
    for name, layer in layers.items():
        bounds = tuple(layer.bounds) if np.isfinite(layer.bounds).all() else None
        told.append(
            {
                "name": name,
                "geometry": layer.geometry,
                "features": layer.features,
                "crs": source.crs(bounds),
                "columns": layer.columns,
                "skipped": (),
                "bounds": bounds,
                "crs_said": source.crs_said,
            }
        )
    return told


def write(source: Source, layer: str, columns: Mapping[str, str], target: Path, path: Path) -> int:
    """One layer as an Arrow file: "wkb" and ``columns`` {theirs: ours}; how many records.

    Raises: EmptyData where there is none.
    """
    schema = pa.schema([pa.field("wkb", pa.binary()), *(pa.field(ours, pa.string()) for ours in columns.values())])
    rows = 0
    with pa.OSFile(str(target), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for some in _some(record for record in source.records() if record.layer == layer):
            shapes = pa.array([None if r.geometry is None else shapely.to_wkb(r.geometry) for r in some], pa.binary())
            texts = [pa.array([r.values.get(theirs) for r in some], pa.string()) for theirs in columns]
            writer.write_batch(pa.RecordBatch.from_arrays([shapes, *texts], schema=schema))
            rows += len(some)
    if not rows:
        raise EmptyData("{path}: the layer {name} holds no features; give one that does.", path=path, name=layer)
    return rows


def _some(records: Iterator[Record]) -> Iterator[list[Record]]:
    some: list[Record] = []
    for record in records:
        some.append(record)
        if len(some) == ROWS_A_BATCH:
            yield some
            some = []
    if some:
        yield some


def polygon(rings: list[np.ndarray]) -> shapely.Polygon | None:
    """A polygon of its outer ring and its holes, (n, 2) each, closed or not; None where there is none."""
    try:
        usable = [ring for ring in rings if len(ring) >= 3 and np.isfinite(ring).all()]
        if not usable or len(rings[0]) < 3 or usable[0] is not rings[0]:
            return None
        return shapely.Polygon(usable[0], usable[1:])
    except (GEOSException, ValueError):
        return None


def polygon_of_rings(rings: list[np.ndarray]) -> BaseGeometry | None:
    """A (multi)polygon of rings of which nobody says which is a hole: one that lies in another is."""
    shells = [shape for ring in rings if (shape := polygon([ring])) is not None]
    if len(shells) < len(rings) or not shells:
        return None
    shells.sort(key=lambda shape: -shape.area)
    inside = [[n for n in range(k) if shells[n].covers(shells[k].representative_point())] for k in range(len(shells))]
    parts = []
    for k, shell in enumerate(shells):
        if len(inside[k]) % 2 == 0:
            holes = [shells[n].exterior for n in range(len(shells)) if len(inside[n]) % 2 and inside[n][-1:] == [k]]
            parts.append(shapely.Polygon(shell.exterior, holes))
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
