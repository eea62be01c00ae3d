"""[io] Rows of polygons with text, numbers and days out of hand, with a style for QGIS where the format takes one."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely

from geodata import atomic, exchange
from geodata import crs as crs_

TYPES = {"text": pa.string(), "number": pa.float64(), "day": pa.date32()}
SOURCE = "EPSG:4490"


@dataclass(frozen=True, eq=False)
class Column:
    """type: "text" | "number" | "day". values: str, float or date; None where there is none."""

    name: str
    type: str
    values: Sequence[Any]


def write(
    path: Path, layer: str, geometries: Sequence[Any], columns: Sequence[Column], crs: str, *, style: str = ""
) -> exchange.Written:
    """By suffix, as ``exchange.write``; replaces ``path``. geometries: polygons in EPSG:4490; crs: to be written in.

    style: a .qml of QGIS, which lies in the GeoPackage as its default, or beside the Shapefile.
    """
    exchange.check(path, crs)
    shapes = np.array([_multi(geometry) for geometry in geometries], object)
    moved = crs_.transform(shapes, SOURCE, crs) if len(shapes) else shapes
    fields = [pa.field(column.name, TYPES[column.type]) for column in columns]
    schema = pa.schema([pa.field("wkb", pa.binary()), *fields])
    arrays = [pa.array(list(shapely.to_wkb(moved)), pa.binary()) if len(moved) else pa.array([], pa.binary())]
    arrays += [pa.array([_value(column, v) for v in column.values], TYPES[column.type]) for column in columns]
    done = exchange.write(path, layer, [pa.RecordBatch.from_arrays(arrays, schema=schema)], schema, crs)
    if style and path.suffix.lower() == ".gpkg":
        _keep_style(path, layer, style)
    elif style and path.suffix.lower() == ".shp":
        for file in done.files:
            atomic.write_bytes(file.with_suffix(".qml"), style.encode())
    return done


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


def _value(column: Column, value: Any) -> Any:
    if value is None or value == "":
        return None
    if column.type == "number":
        return float(value)
    if column.type == "day":
        return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])
    return str(value)
