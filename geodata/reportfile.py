"""[io] A GeoPackage of several layers that grows while the work goes on, and stands there only when it is whole."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import shapely

from geodata import exchange
from geodata.errors import InputError

ROWS_AT_ONCE = 20_000
Geometries = Sequence[Any] | np.ndarray
Columns = Mapping[str, Sequence[Any] | np.ndarray]


class ReportFile:
    """Used as a context: rows are added to layers by name; at its end, if nothing failed, the file takes the place
    of ``path``; without any rows there is none, an old one neither. crs: of all geometries. A layer has the columns
    of its first rows. rows: {layer: how many}.

    Raises: InputError for a name that is not .gpkg, or a folder that is not there.
    """

    def __init__(self, path: Path, crs: str) -> None:
        if path.suffix.lower() != ".gpkg":
            raise InputError("{path}: is written as {known}; name it so.", path=path, known=".gpkg")
        exchange.check(path, crs)
        self.path, self.crs = path, crs
        self.rows: dict[str, int] = {}
        self._waiting: dict[str, list[tuple[Geometries, Columns]]] = {}

    def __enter__(self) -> ReportFile:
        self._folder = tempfile.TemporaryDirectory(prefix=".export-", dir=self.path.parent)
        self._file = Path(self._folder.name) / "out.gpkg"
        return self

    def add(self, layer: str, geometries: Geometries, columns: Columns) -> None:
        """columns: {name: n texts or floats}."""
        if not len(geometries):
            return
        self._waiting.setdefault(layer, []).append((geometries, columns))
        self.rows[layer] = self.rows.get(layer, 0) + len(geometries)
        if sum(len(shapes) for shapes, _ in self._waiting[layer]) >= ROWS_AT_ONCE:
            self._flush(layer)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                for layer in list(self._waiting):
                    self._flush(layer)
                if self._file.exists():
                    os.replace(self._file, self.path)
                else:
                    self.path.unlink(missing_ok=True)
        finally:
            self._folder.cleanup()

    def _flush(self, layer: str) -> None:
        import pyogrio.raw

        waiting = self._waiting.pop(layer)
        shapes = np.concatenate([np.asarray(shapes, object) for shapes, _ in waiting])
        names = list(waiting[0][1])
        columns = [_array([value for _, told in waiting for value in told[name]]) for name in names]
        known = self._file.exists() and layer in {str(name) for name in pyogrio.list_layers(self._file)[:, 0]}
        pyogrio.raw.write(
            self._file,
            geometry=shapely.to_wkb(_multi(shapes)),
            field_data=columns,
            fields=names,
            layer=layer,
            driver="GPKG",
            geometry_type="MultiPolygon",
            crs=self.crs,
            append=known,
        )


def _array(values: list[Any]) -> np.ndarray:
    if all(isinstance(value, float | int) for value in values):
        return np.array(values, float)
    return np.array(["" if value is None else str(value) for value in values], object)


def _multi(shapes: np.ndarray) -> np.ndarray:
    """As multipolygons; of collections only what is ground."""
    found = []
    for shape in shapes:
        parts = [part for part in shapely.get_parts(shape) if part.geom_type in ("Polygon", "MultiPolygon")]
        flat = [one for part in parts for one in shapely.get_parts(part)]
        found.append(shapely.MultiPolygon([one for one in flat if not one.is_empty]))
    return np.array(found, object)
