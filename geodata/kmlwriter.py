"""[io] Polygons as KML, or zipped as KMZ, by the XML writer of the standard library; streamed.

Coordinates are longitude and latitude to 0.1 mm, outer rings counter-clockwise; attributes stand as
ExtendedData under their own names.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any
from xml.sax.saxutils import XMLGenerator

import pyarrow as pa
import shapely

from geodata.atomic import replacing

NAMESPACE = "http://www.opengis.net/kml/2.2"
LABELS = ("JCBH", "TBBH", "YJJBNTTBBH", "XZQMC", "PZWH", "BAH", "HXMC", "BSM")
"""Columns that name a feature, the first that there is."""
_LINE, _FILL = "ff2b39c0", "402b39c0"  # opacity, blue, green, red
_NOT_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(path: Path, layer: str, rows: Iterable[pa.RecordBatch], schema: pa.Schema) -> None:
    """``rows``: column "wkb" in degrees, then the attributes. Replaces ``path`` (.kml or .kmz)."""
    with replacing(path) as temporary:
        if path.suffix.lower() == ".kmz":
            archive = zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED)
            with archive, archive.open("doc.kml", "w", force_zip64=True) as stream:
                _document(stream, layer, rows, schema)
        else:
            with temporary.open("wb") as stream:
                _document(stream, layer, rows, schema)


def _document(stream: IO[bytes], layer: str, rows: Iterable[pa.RecordBatch], schema: pa.Schema) -> None:
    xml = _Writer(stream)
    label = next((name for name in LABELS if name in schema.names), None)
    xml.startDocument()
    with xml.element("kml", xmlns=NAMESPACE), xml.element("Document"):
        xml.text("name", layer)
        with xml.element("Style", id="patch"):
            with xml.element("LineStyle"):
                xml.text("color", _LINE)
                xml.text("width", "2")
            with xml.element("PolyStyle"):
                xml.text("color", _FILL)
        for batch in rows:
            shapes = shapely.orient_polygons(shapely.from_wkb(batch.column("wkb").to_pylist()))
            columns = {name: batch.column(name).to_pylist() for name in schema.names[1:]}
            for n, shape in enumerate(shapes):
                values = {name: column[n] for name, column in columns.items()}
                _placemark(xml, shape, values, label)
    xml.endDocument()


class _Writer(XMLGenerator):
    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(stream, "utf-8", short_empty_elements=True)

    def element(self, name: str, /, **attributes: str) -> _Element:
        return _Element(self, name, attributes)

    def text(self, name: str, value: str) -> None:
        with self.element(name):
            self.characters(_NOT_XML.sub("", value))


class _Element:
    def __init__(self, xml: XMLGenerator, name: str, attributes: dict[str, str]) -> None:
        self.xml, self.name, self.attributes = xml, name, attributes

    def __enter__(self) -> None:
        self.xml.startElement(self.name, self.attributes)  # type: ignore[arg-type]

    def __exit__(self, *_: object) -> None:
        self.xml.endElement(self.name)


def _placemark(xml: _Writer, shape: Any, values: dict[str, Any], label: str | None) -> None:
    with xml.element("Placemark"):
        if label and values[label] not in (None, ""):
            xml.text("name", _shown(values[label]))
        xml.text("styleUrl", "#patch")
        with xml.element("ExtendedData"):
            for name, value in values.items():
                if value is not None and value != "":
                    with xml.element("Data", name=_NOT_XML.sub("", name)):
                        xml.text("value", _shown(value))
        parts = shapely.get_parts(shape)
        if len(parts) == 1:
            return _polygon(xml, parts[0])
        with xml.element("MultiGeometry"):
            for part in parts:
                _polygon(xml, part)


def _shown(value: Any) -> str:
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def _polygon(xml: _Writer, polygon: Any) -> None:
    with xml.element("Polygon"):
        for name, rings in (("outerBoundaryIs", [polygon.exterior]), ("innerBoundaryIs", polygon.interiors)):
            for ring in rings:
                with xml.element(name), xml.element("LinearRing"):
                    places = shapely.get_coordinates(ring).tolist()
                    xml.text("coordinates", " ".join(f"{x:.9f},{y:.9f}" for x, y in places))
