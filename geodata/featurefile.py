"""[io] Rows of polygons with text, numbers and days out of hand: one GeoPackage, or one Shapefile with its parts."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
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


def write(
    path: Path, layer: str, geometries: Sequence[Any], columns: Sequence[Column], crs: str, *, style: str = ""
) -> list[str]:
    """By suffix .gpkg or .shp; replaces ``path``. Returns the names of columns in which texts were cut (.shp).

    style: a .qml of QGIS, which lies in the GeoPackage as its default, or beside the Shapefile.

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
        if style and suffix == ".gpkg":
            _keep_style(file, layer, style)
        elif style:
            file.with_suffix(".qml").write_text(style, encoding="utf-8")
        beside = (".qml",) if style else ()
        for part in (*beside, *PARTS) if suffix == ".shp" else (suffix,):
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


STYLES = """CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256),
f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT,
styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')))"""
"""The table that QGIS makes and looks for; it applies the default style when it opens the layer."""


def _keep_style(file: Path, layer: str, style: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        column = connection.execute(
            "SELECT column_name FROM gpkg_geometry_columns WHERE table_name = ?", (layer,)
        ).fetchone()[0]
        connection.execute(STYLES)
        connection.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description) "
            "VALUES ('layer_styles', 'attributes', 'layer_styles', '')"
        )
        connection.execute(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, "
            "styleQML, styleSLD, useAsDefault, description, owner) VALUES ('', '', ?, ?, 'gengxun', ?, '', 1, '', '')",
            (layer, column, style),
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
