"""[io] KML: Placemarks with polygons and their data. No entity, no link and no style is ever followed."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import shapely
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, iterparse
from shapely.geometry.base import BaseGeometry

from geodata import limits
from geodata.errors import UnreadableFile
from geodata.readers.records import MAX_COLUMNS, Record, Source, polygon

MAX_TEXT = 4000
_RECODED = 200 << 20  # bytes of a file in GBK, which is decoded as a whole
_GBK = re.compile(rb"""^\s*<\?xml[^>]*encoding\s*=\s*["'](gb[k\d_-]+)["'][^>]*\?>""", re.IGNORECASE)
_SHAPES = ("Point", "LineString", "LinearRing", "Polygon", "MultiGeometry")


def opened(path: Path) -> Source:
    """WGS 84 by the standard of the format."""
    return Source(lambda: _records(path), lambda bounds: "EPSG:4326", crs_said=False)


def _records(path: Path) -> Iterator[Record]:
    """Raises: UnreadableFile."""
    try:
        with path.open("rb") as stream:
            yield from _placemarks(_as_utf8(stream), path)
    except DefusedXmlException:
        raise UnreadableFile(
            "{path}: declares entities or a document type, which are never resolved; export it again.", path=path
        ) from None
    except (ParseError, ValueError, LookupError) as error:
        raise UnreadableFile(
            "{path}: cannot be read ({error}); get a whole copy, or export it again.", path=path, error=str(error)[:120]
        ) from None


def _as_utf8(stream: IO[bytes]) -> IO[bytes]:
    """The parser knows no multibyte encoding but UTF-8 and UTF-16."""
    head = stream.read(200)
    stream.seek(0)
    if not (declared := _GBK.match(head)):
        return stream
    text = stream.read(_RECODED).decode("gb18030", errors="replace")
    return io.BytesIO(text[len(declared[0].decode("ascii")) :].encode())


def _placemarks(stream: IO[bytes], path: Path) -> Iterator[Record]:
    open_: list[Any] = []
    inside = 0
    for event, element in iterparse(stream, events=("start", "end"), forbid_dtd=True):
        tag = _local(element)
        if event == "start":
            open_.append(element)
            inside += tag == "Placemark"
            limits.at_most(path, "nesting", len(open_), limits.current().nesting)
            continue
        open_.pop()
        inside -= tag == "Placemark"
        if tag == "Placemark":
            yield Record(path.stem, _shape_of(element), _values(element))
        if not inside and open_:  # read; it need not stay
            open_[-1].remove(element)


def _local(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _shape_of(placemark: Any) -> BaseGeometry | None:
    found = [shape for child in placemark if _local(child) in _SHAPES for shape in _shapes(child)]
    if not found:
        return None
    polygons = [shape for shape in found if isinstance(shape, shapely.Polygon)]
    if polygons:
        return polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)
    return found[0]


def _shapes(element: Any) -> Iterator[BaseGeometry]:
    tag = _local(element)
    if tag == "MultiGeometry":
        for child in element:
            yield from _shapes(child)
    elif tag == "Polygon":
        outer = [_ring(e) for e in element.iter() if _local(e) == "outerBoundaryIs"]
        inner = [_ring(e) for e in element.iter() if _local(e) == "innerBoundaryIs"]
        shape = polygon([*outer[:1], *inner])
        if shape is not None:
            yield shape
    elif tag in _SHAPES:
        line = _ring(element)
        if len(line) and np.isfinite(line).all():
            yield shapely.Point(line[0]) if tag == "Point" or len(line) < 2 else shapely.LineString(line)


def _ring(element: Any) -> np.ndarray:
    """(n, 2) longitude and latitude of the first coordinates below; NaN for what is no number."""
    text = next((e.text or "" for e in element.iter() if _local(e) == "coordinates"), "")
    points = [point.split(",")[:2] for point in re.sub(r"\s*,\s*", ",", text.strip()).split()]
    return np.array([[_number(p[0]), _number(p[1] if len(p) > 1 else "")] for p in points], float).reshape(-1, 2)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _values(placemark: Any) -> dict[str, str]:
    """Its name, and its data: <Data name=…><value> and <SimpleData name=…>. A description is free text
    that may tell about persons: it is not taken."""
    values: dict[str, str] = {}
    for element in placemark.iter():
        tag, name = _local(element), element.get("name")
        if tag == "SimpleData" and name:
            values[name] = _text(element)
        elif tag == "Data" and name:
            values[name] = next((_text(child) for child in element if _local(child) == "value"), "")
        if len(values) >= MAX_COLUMNS:
            break
    title = next((_text(child) for child in placemark if _local(child) == "name"), "")
    if title and not any(name.casefold() == "name" for name in values):
        values["name"] = title
    return values


def _text(element: Any) -> str:
    return (element.text or "").strip()[:MAX_TEXT]
