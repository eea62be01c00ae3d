"""[io] A layer at rest as one file of ``exchange``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import shapely

from geodata import crs as crs_
from geodata import exchange
from geodata.errors import InputError
from geodata.layers import Layer
from geodata.parcels import ParcelStore

Progress = Callable[[float], None]
IN_DEGREES = (".geojson", *exchange.DEGREES_ONLY)
"""What is written in degrees unless something else is asked for: GeoJSON by custom, KML always."""


def export(
    parts: list[tuple[Layer, ParcelStore]], path: Path, crs: str | None = None, progress: Progress | None = None
) -> exchange.Written:
    """All ``parts`` of an edition: in ``crs``; else in their own zone, in EPSG:4490 where they are in several.

    Raises: InputError as ``exchange.check``, and where the layer has no place in ``crs``.
    """
    zones = {layer.zone for layer, _ in parts}
    into = crs_.name_of(crs_.crs_(crs, "--crs")) if crs else zones.pop() if len(zones) == 1 else crs_.GEOGRAPHIC
    if crs is None and path.suffix.lower() in IN_DEGREES:
        into = crs_.GEOGRAPHIC
    exchange.check(path, into)
    schema = _common_schema(store for _, store in parts)
    rows = _rows(parts, schema, into, progress)
    return exchange.write(path, str(parts[0][0].kind), rows, schema, into)


def _common_schema(stores: Iterable[ParcelStore]) -> pa.Schema:
    types: dict[str, pa.DataType] = {}
    for store in stores:
        for name in store.columns:
            type_ = pa.float64() if pa.types.is_floating(store.column(name, 0, 1).type) else pa.string()
            types[name] = type_ if types.get(name, type_) == type_ else pa.string()
    return pa.schema([pa.field("wkb", pa.binary()), *(pa.field(name, type_) for name, type_ in types.items())])


def _rows(
    parts: list[tuple[Layer, ParcelStore]], schema: pa.Schema, crs: str, progress: Progress | None
) -> Iterator[pa.RecordBatch]:
    done, whole = 0, sum(len(store) for _, store in parts)
    for layer, store in parts:
        for geometries, values in store.batches():
            moved = crs_.transform(geometries, layer.zone, crs)
            if not np.isfinite(shapely.total_bounds(moved)).all():
                raise InputError("{crs}: not all of the layer has a place in it; name another --crs.", crs=crs)
            single = shapely.get_type_id(moved) == shapely.GeometryType.POLYGON
            moved[single] = shapely.multipolygons(moved[single], indices=np.arange(single.sum()))
            arrays = [pa.array(shapely.to_wkb(moved), pa.binary())]
            for field in schema.names[1:]:
                column = values.get(field, [None] * len(moved))
                if schema.field(field).type == pa.string():
                    column = [v if v is None or isinstance(v, str) else f"{v:g}" for v in column]
                arrays.append(pa.array(column, schema.field(field).type))
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)
            done += len(moved)
            if progress:
                progress(done / whole)
