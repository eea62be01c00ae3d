"""[io] A small GeoPackage of polygons, written at once; also without a coordinate system, also empty."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from geodata.atomic import replacing


def write_gpkg(
    path: Path, layer: str, geometries: Sequence[Any], columns: Mapping[str, np.ndarray], crs: str | None
) -> None:
    """One row a polygon; ``columns``: {name: array of the same length}, NaN written as null. Replaces ``path``."""
    import pyogrio.raw

    wkb = shapely.to_wkb(np.asarray(list(geometries), dtype=object))
    with replacing(path) as temporary, tempfile.TemporaryDirectory(prefix=".gpkg-", dir=path.parent) as folder:
        file = Path(folder) / "out.gpkg"  # GDAL wants the name to end so
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*crs.*")  # none is known, and none is written
            pyogrio.raw.write(
                file,
                geometry=wkb,
                field_data=list(columns.values()),
                field_mask=[np.isnan(values) if values.dtype.kind == "f" else None for values in columns.values()],
                fields=list(columns),
                layer=layer,
                driver="GPKG",
                geometry_type="Polygon",
                crs=crs,
            )
        os.replace(file, temporary)
