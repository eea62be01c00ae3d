"""[io] Rows of polygons with text, numbers and days out of hand: one GeoPackage, or one Shapefile with its parts."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from geodata.atomic import replacing
from geodata.errors import InputError

DBF_BYTES = 254
"""What a text of a .dbf may be long, in UTF-8."""
PARTS = (".shx", ".dbf", ".prj", ".cpg", ".shp")
"""Of a Shapefile, in the order in which they are put in place: the one that is opened comes last."""


@dataclass(frozen=True, eq=False)
class Column:
    """type: "text" | "number" | "day". values: str, float or date; None where there is none."""

    name: str
    type: str
    values: Sequence[Any]


def write(path: Path, layer: str, geometries: Sequence[Any], columns: Sequence[Column], crs: str) -> list[str]:
    """By suffix .gpkg or .shp; replaces ``path``. Returns the names of columns in which texts were cut (.shp).

    Raises: InputError for another suffix.
    """
    suffix = path.suffix.lower()
    if suffix not in (".gpkg", ".shp"):
        raise InputError("{path}: is written as .gpkg or .shp; name it so.", path=path)
    cut: list[str] = []
    if suffix == ".shp":
        columns = [_for_dbf(column, cut) for column in columns]
    with tempfile.TemporaryDirectory(prefix=".export-", dir=path.parent) as folder:
        file = Path(folder) / f"out{suffix}"
        _write(file, layer, geometries, columns, crs)
        for part in PARTS if suffix == ".shp" else (suffix,):
            made = file.with_suffix(part)
            if part == ".cpg" and not made.is_file():
                made.write_text("UTF-8", encoding="ascii")
            with replacing(path.with_suffix(part)) as temporary:
                os.replace(made, temporary)
    return cut


def _write(file: Path, layer: str, geometries: Sequence[Any], columns: Sequence[Column], crs: str) -> None:
    import pyogrio.raw

    shapes = np.array([_multi(geometry) for geometry in geometries], object)
    data, masks = [], []
    for column in columns:
        values, mask = _arrays(column)
        data.append(values)
        masks.append(mask)
    pyogrio.raw.write(
        file,
        geometry=shapely.to_wkb(shapes) if len(shapes) else np.empty(0, object),
        field_data=data,
        field_mask=masks,
        fields=[column.name for column in columns],
        layer=layer if file.suffix == ".gpkg" else None,
        driver="GPKG" if file.suffix == ".gpkg" else "ESRI Shapefile",
        geometry_type="MultiPolygon" if file.suffix == ".gpkg" else "Polygon",
        crs=crs,
        encoding="UTF-8",
    )


def _multi(geometry: Any) -> Any:
    return geometry if geometry.geom_type == "MultiPolygon" else shapely.MultiPolygon([geometry])


def _arrays(column: Column) -> tuple[np.ndarray, np.ndarray]:
    """(values, where there is none)."""
    missing = np.array([value is None or value == "" for value in column.values], bool)
    if column.type == "number":
        return np.array([0.0 if m else float(v) for v, m in zip(column.values, missing, strict=True)]), missing
    if column.type == "day":
        none = np.datetime64("1970-01-01")
        days = [none if m else np.datetime64(v) for v, m in zip(column.values, missing, strict=True)]
        return np.array(days, "datetime64[D]"), missing
    return np.array(["" if m else str(v) for v, m in zip(column.values, missing, strict=True)], object), missing


def _for_dbf(column: Column, cut: list[str]) -> Column:
    if column.type != "text":
        return column
    values = [None if value is None else _fitting(str(value)) for value in column.values]
    if any(a is not None and a != str(b) for a, b in zip(values, column.values, strict=True)):
        cut.append(column.name)
    return Column(column.name, column.type, values)


def _fitting(text: str) -> str:
    """At most ``DBF_BYTES`` bytes, never half a character."""
    return text.encode()[:DBF_BYTES].decode(errors="ignore")
