"""[io] GeoParquet: geometry as WKB, its coordinate system in the file's metadata; read by batches of rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from geodata import vectorguard
from geodata.errors import EmptyData, UnreadableFile
from geodata.repair import read_wkb

ROWS_A_BATCH = 16_384
Progress = Callable[[float], None]


def describe(path: Path) -> dict[str, Any]:
    """The one layer of a GeoParquet, as the fields of ``vectorfile.FileLayer``. Raises: UnreadableFile."""
    with _opened(path) as file:
        geo, name = _geo(file, path)
        columns, skipped = _columns(file, name)
        types, bounds, rows = set(), np.array([np.inf, np.inf, -np.inf, -np.inf]), 0
        for batch in file.iter_batches(ROWS_A_BATCH, columns=[name]):
            shapes, _ = read_wkb(_wkb(batch.column(0)))
            rows += len(shapes)
            types |= {shape.geom_type for shape in shapes if shape is not None}
            x0, y0, x1, y1 = shapely.total_bounds(shapes)
            if np.isfinite(x0):
                bounds = np.array([*np.minimum(bounds[:2], (x0, y0)), *np.maximum(bounds[2:], (x1, y1))])
    polygons = types & {"Polygon", "MultiPolygon", "GeometryCollection"}
    return {
        "name": path.stem,
        "geometry": "MultiPolygon" if polygons else "/".join(sorted(types)),
        "features": rows,
        "crs": _crs(geo, name),
        "columns": columns,
        "skipped": tuple(skipped),
        "bounds": tuple(bounds.tolist()) if np.isfinite(bounds).all() else None,
        "crs_said": "crs" in geo["columns"][name],
    }


def write(path: Path, columns: Mapping[str, str], target: Path, expected: int, progress: Progress | None = None) -> int:
    """ "wkb" and ``columns`` {theirs: ours} as an Arrow file; how many records."""
    rows = 0
    with _opened(path) as file:
        _, name = _geo(file, path)
        kept = {theirs: _kept(file.schema_arrow.field(theirs).type) for theirs in columns}
        schema = pa.schema(
            [pa.field("wkb", pa.binary()), *(pa.field(columns[theirs], type_) for theirs, type_ in kept.items())]
        )
        with pa.OSFile(str(target), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
            for batch in file.iter_batches(ROWS_A_BATCH, columns=[name, *columns]):
                arrays = [vectorguard.check_shapes(path, pa.array(_wkb(batch.column(name)), pa.binary()))]
                arrays += [_tidied(batch.column(theirs), type_) for theirs, type_ in kept.items()]
                writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
                rows += batch.num_rows
                if progress and expected:
                    progress(min(rows / expected, 1.0))
    if not rows:
        raise EmptyData("{path}: the layer {name} holds no features; give one that does.", path=path, name=path.stem)
    return rows


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(path, memory_map=True, pre_buffer=False) as file:
            yield file
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise UnreadableFile(
            "{path}: cannot be read ({error}); get a whole copy, or export it again.",
            path=path,
            error=" ".join(str(error).split())[:200],
        ) from None


def _geo(file: pq.ParquetFile, path: Path) -> tuple[dict[str, Any], str]:
    """The metadata of the standard, and the name of the column with the geometry."""
    raw = (file.schema_arrow.metadata or {}).get(b"geo")
    geo = json.loads(raw) if raw else None
    column = geo.get("columns", {}).get(geo.get("primary_column")) if isinstance(geo, dict) else None
    if not isinstance(geo, dict) or not isinstance(column, dict):
        raise UnreadableFile("{path}: is a Parquet table without geometry; export it as GeoParquet.", path=path)
    if column.get("encoding") != "WKB":
        raise UnreadableFile(
            "{path}: its geometry is encoded as {encoding}; export it as GeoParquet with WKB.",
            path=path,
            encoding=str(column.get("encoding"))[:40],
        )
    return geo, str(geo["primary_column"])


def _crs(geo: Mapping[str, Any], name: str) -> str | None:
    """As WKT or authority code: the standard's WGS 84 where nothing is said, None where it says null."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    column = geo["columns"][name]
    if "crs" not in column:
        return "EPSG:4326"
    if column["crs"] is None:
        return None
    try:
        said = column["crs"]
        return str((CRS.from_json_dict(said) if isinstance(said, dict) else CRS.from_user_input(said)).to_wkt())
    except CRSError:
        return str(column["crs"])[:80]


def _columns(file: pq.ParquetFile, geometry: str) -> tuple[dict[str, str], list[str]]:
    columns, skipped = {}, []
    for field in file.schema_arrow:
        if field.name == geometry:
            continue
        if pa.types.is_nested(field.type) or pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
            skipped.append(field.name)
        else:
            columns[field.name] = _named(field.type)
    return columns, skipped


def _named(type_: pa.DataType) -> str:
    """As GDAL names it."""
    if pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        return "Real"
    if pa.types.is_integer(type_):
        return "Integer64" if type_.bit_width == 64 else "Integer"
    if pa.types.is_date(type_):
        return "Date"
    return "DateTime" if pa.types.is_timestamp(type_) else "String"


def _kept(type_: pa.DataType) -> pa.DataType:
    if pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        return pa.float64()
    return pa.int64() if pa.types.is_integer(type_) or pa.types.is_boolean(type_) else pa.string()


def _tidied(values: pa.Array, kept: pa.DataType) -> pa.Array:
    plain = values.dictionary_decode() if isinstance(values, pa.DictionaryArray) else values
    return plain.cast(kept, safe=False)


def _wkb(values: pa.Array) -> np.ndarray:
    storage = values.storage if isinstance(values, pa.ExtensionArray) else values
    return np.array(storage.to_pylist(), object)
