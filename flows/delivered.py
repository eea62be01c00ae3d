"""[io] A delivered file of polygons or points, read in a child process: shapes in EPSG:4490 and its columns."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geodata import attributes, crs, vectorfile
from geodata.contracts import is_personal
from geodata.errors import InputError, MissingOption
from geodata.repair import read_wkb, repair
from geodata.words import Text, both


@dataclass(frozen=True, eq=False)
class Delivered:
    """geometries: (n,) in EPSG:4490, None where a record has no usable shape. columns: {name: n texts or None};
    those about persons are not among them."""

    geometries: NDArray[np.object_]
    columns: Mapping[str, list[str | None]]
    crs: str
    warnings: tuple[Text, ...] = ()


def polygons(path: str | Path, *, crs_given: str | None = None, layer: str | None = None) -> Delivered:
    """The polygons of one layer of a SHP, GDB, GPKG or GeoJSON, repaired.

    Raises: InputError for what cannot be read, CRSMissing, CRSContradiction; MissingOption where it holds several
    layers.
    """
    described = vectorfile.describe(path)
    table = _table(path, described, layer)
    said = table.crs if table.crs_said or crs_given is None else None
    source = crs.declared(said, crs_given, path, table.bounds)
    names = {name: name for name in table.columns if name.casefold() != "wkb" and not is_personal(name)}
    shapes: list[NDArray[np.object_]] = []
    columns: dict[str, list[str | None]] = {name: [] for name in names}
    lost = 0
    with tempfile.TemporaryDirectory(prefix="gengxun-") as folder:
        arrow = vectorfile.read(path, described, table, names, Path(folder))
        with vectorfile.batches(arrow) as reader:
            for i in range(reader.num_record_batches):
                batch = reader.get_batch(i)
                read, _ = read_wkb(batch.column("wkb").to_numpy(zero_copy_only=False))
                in_zone, zone = crs.to_gk3(read, source)
                mended = repair(np.asarray(in_zone, object))
                kept = np.asarray(crs.transform(mended.geometries, zone, crs.GEOGRAPHIC), object).copy()
                kept[~mended.kept] = None
                lost += int((~mended.kept).sum())
                shapes.append(kept)
                for name in names:
                    columns[name] += attributes.text(batch.column(name)).to_pylist()
    notes: list[Text] = list(described.warnings)
    if lost:
        notes.append(both("{n} records have no shape that can be used.", n=lost))
    whole = np.concatenate(shapes) if shapes else np.empty(0, object)
    if bool(np.all(shapely.is_missing(whole))):
        raise InputError("{path}: no record has a polygon; give a layer that has.", path=path)
    return Delivered(whole, columns, crs.name_of(source), tuple(notes))


def _table(path: str | Path, described: vectorfile.Described, name: str | None) -> vectorfile.FileLayer:
    known: dict[str, Any] = {layer.name: layer for layer in described.polygon_layers}
    if not known:
        raise InputError(
            "{path}: holds no polygons ({types}); give a layer of polygons.",
            path=path,
            types=", ".join(sorted({layer.geometry or "–" for layer in described.layers})) or "–",
        )
    if name is None and len(known) > 1:
        raise MissingOption(
            "{path}: holds several layers ({names}); name one with --layer.", path=path, names=", ".join(known)
        )
    if name is not None and name not in known:
        raise InputError(
            "{path}: has no layer “{asked}”; its polygon layers are {names}.",
            path=path,
            asked=name,
            names=", ".join(known),
        )
    found: vectorfile.FileLayer = known[name] if name is not None else next(iter(known.values()))
    return found
