"""[io] JSON of boundaries as map services of the web hand them out: units with "coordinates", but no GeoJSON.

    {"code": "430300", "name": "湘潭市", "center": [...], "coordinates": [[[[112.0, 27.9], …]]]}

One unit, or a list of them. They name no coordinate system, and GeoJSON's own does not hold for them:
such boundaries are mostly in the shifted GCJ-02.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from shapely.geometry.base import BaseGeometry

from geodata import vectorguard
from geodata.errors import UnreadableFile
from geodata.readers.records import Record, Source, polygon_of_rings
from geodata.words import both

MAX_BYTES = 200 << 20


def is_one(head: bytes) -> bool:
    """Does a JSON begin so that it is no GeoJSON, but holds coordinates?"""
    return b'"coordinates"' in head and b'"type"' not in head


def opened(path: Path) -> Source:
    """Raises: UnreadableFile."""
    if path.stat().st_size > MAX_BYTES:
        raise UnreadableFile("{path}: is larger than {mb} MB; cut it up.", path=path, mb=MAX_BYTES >> 20)
    vectorguard.check_json(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(
            "{path}: cannot be read ({error}); get a whole copy, or export it again.", path=path, error=str(error)[:120]
        ) from None
    units = [one for one in (document if isinstance(document, list) else [document]) if isinstance(one, dict)]
    units = [one for one in units if "coordinates" in one]
    if not units or any("type" in one for one in units):
        raise UnreadableFile("{path}: is no SHP, GDB, GPKG or GeoJSON; export it as one of them.", path=path)
    note = both("It is no GeoJSON (no “type”), but a list of units with coordinates; it names no coordinate system.")
    return Source(lambda: _records(path, units), notes=[note])


def _records(path: Path, units: list[dict[str, Any]]) -> Iterator[Record]:
    for unit in units:
        values = {str(key): str(value) for key, value in unit.items() if isinstance(value, str | int | float)}
        yield Record(path.stem, _shape(unit["coordinates"]), values)


def _shape(coordinates: Any) -> BaseGeometry | None:
    rings = list(_rings(coordinates, 0))
    return polygon_of_rings(rings) if rings else None


def _rings(node: Any, depth: int) -> Iterator[np.ndarray]:
    """Every list of points, however deep it lies."""
    if not isinstance(node, list) or depth > 6:
        return
    if node and all(isinstance(p, list) and len(p) >= 2 and isinstance(p[0], int | float) for p in node):
        try:
            yield np.array([p[:2] for p in node], float)
        except (ValueError, TypeError):
            return
        return
    for child in node:
        yield from _rings(child, depth + 1)
