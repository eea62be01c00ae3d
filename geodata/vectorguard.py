"""[io] A GeoPackage or a GeoJSON before GDAL sees it: nothing in it may be a view, a link, or half there;
and what came of any vector file, before the parent sees it.

Runs in the child that opens the file.
"""

from __future__ import annotations

import json
import mmap
import re
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from geodata import limits, repair
from geodata.errors import CRSContradiction, UnreadableFile


def gpkg_tables(path: Path) -> list[str]:
    """Names of the feature tables; views are refused (one may never end), and so is a file cut short."""
    with path.open("rb") as stream:
        head = stream.read(100)
    page, pages = int.from_bytes(head[16:18], "big"), int.from_bytes(head[28:32], "big")
    page = 65536 if page == 1 else page
    wal = path.with_name(path.name + "-wal")
    if wal.exists() and wal.stat().st_size:
        raise UnreadableFile(
            "{path}: is open in another program or was not closed; close it there and try again.", path=path
        )
    if head[24:28] == head[92:96] and path.stat().st_size < page * pages:
        raise UnreadableFile(
            "{path}: is damaged: its header says {said}, the file has {there}; get a whole copy.",
            path=path,
            said=f"{page * pages} B",
            there=f"{path.stat().st_size} B",
        )
    try:
        base = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            base.execute("PRAGMA trusted_schema=OFF")
            views = {row[0].lower() for row in base.execute("SELECT name FROM sqlite_master WHERE type='view'")}
            if any(name.startswith(("gpkg_", "rtree_")) for name in views):
                raise UnreadableFile("{path}: its own tables are views; export it again.", path=path)
            rows = base.execute("SELECT table_name FROM gpkg_contents WHERE data_type='features' LIMIT 1000").fetchall()
            tables = {row[0] for row in base.execute("SELECT name FROM sqlite_master WHERE type='table'")}
        finally:
            base.close()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise UnreadableFile(
            "{path}: cannot be read ({error}); get a whole copy, or export it again.", path=path, error=str(error)
        ) from None
    names = [str(row[0]) for row in rows]
    seen = [name for name in names if name.lower() in views]
    if seen:
        raise UnreadableFile(
            "{path}: the layer {name} is a view, not a table; export it as a table.", path=path, name=", ".join(seen)
        )
    return [name for name in names if name in tables]


# A key "crs" at any depth, in any spelling that JSON allows.
_CRS_KEY = re.compile(rb'"(?:c|\\u00[46]3)(?:r|\\u00[57]2)(?:s|\\u00[57]3)"\s*:\s*', re.IGNORECASE)
_KEY = re.compile(rb'"([^"\\]{1,200})"\s*:')
_SCANNED, _BLOCK = 4 << 20, 16 << 20
_MARKS = np.zeros(256, np.int8)
_MARKS[[ord("{"), ord("[")]], _MARKS[[ord("}"), ord("]")]], _MARKS[ord('"')] = 1, -1, 2


def check_json(path: Path) -> None:
    """Raises: UnreadableFile where brackets are nested deeper, or more names are used, than the limits allow.

    Before a parser sees it: one does not come back from 10⁵ brackets, another takes a minute for 10⁶ names.
    """
    with path.open("rb") as stream:
        names = set(_KEY.findall(stream.read(_SCANNED)))
        limits.at_most(path, "columns", len(names), limits.current().columns)
        stream.seek(0)
        depth, inside, rest = 0, False, b""
        while block := stream.read(_BLOCK):
            whole = (rest + block).rstrip(b"\\")  # an escape is not cut in two
            rest = (rest + block)[len(whole) :]
            steps, inside = _steps(whole, inside)
            if len(steps):
                levels = depth + np.cumsum(steps, dtype=np.int64)
                limits.at_most(path, "nesting", int(levels.max()), limits.current().nesting)
                depth = int(levels[-1])


def _steps(block: bytes, inside: bool) -> tuple[np.ndarray, bool]:
    """+1 and -1 for the brackets of a stretch of JSON that stand in no string; does a string go on after it?"""
    if b"\\" in block:
        block = re.sub(rb"\\.", b"  ", block, flags=re.DOTALL)
    marks = _MARKS[np.frombuffer(block, np.uint8)]
    marks = marks[marks != 0]
    quotes = np.cumsum(marks == 2) + int(inside)
    return marks[(marks != 2) & (quotes % 2 == 0)], bool(quotes[-1] % 2) if len(quotes) else inside


def geojson_crs(path: Path) -> tuple[str | None, bool]:
    """(CRS, whether the file says it): the standard's WGS 84 where there is no ``crs`` member, None where it is null.

    Raises: CRSContradiction for a link (nothing is fetched) and for two that differ; UnreadableFile.
    """
    found: set[str | None] = set()
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        features = data.find(b'"features"')
        if data[-64:].rstrip()[-1:] != b"}":
            raise UnreadableFile("{path}: ends in the middle; get a whole copy.", path=path)
        for match in _CRS_KEY.finditer(data):
            text = data[match.end() : match.end() + 65_536].decode("utf-8", errors="replace")
            try:
                value, _ = json.JSONDecoder().raw_decode(text)
            except (ValueError, RecursionError):
                continue
            last = len(data) - match.end() < 65_536 and _closes_file(text)
            if value is None and (match.start() < features or last):
                found.add(None)
            elif isinstance(value, dict) and str(value.get("type", "")).lower() == "link":
                raise CRSContradiction(
                    "{path}: its coordinate system is a link, which is never followed; write its name into the file.",
                    path=path,
                )
            elif isinstance(value, dict) and isinstance(value.get("properties"), dict):
                properties = value["properties"]
                found.add(str(properties.get("name") or f"EPSG:{properties.get('code', '?')}"))
    if len(found) > 1:
        raise CRSContradiction(
            "{path}: names several coordinate systems ({names}); leave one.",
            path=path,
            names=", ".join(sorted(str(name) for name in found)),
        )
    return (found.pop(), True) if found else ("EPSG:4326", False)


def _closes_file(tail: str) -> bool:
    """Does this end of a JSON text close one brace in all, so that what stands before it is on the top level?"""
    bare = re.sub(r'"(?:\\.|[^"\\])*"', "", tail)
    return sum(bare.count(c) for c in "}]") - sum(bare.count(c) for c in "{[") == 1


_MULTI = frozenset(range(4, 8))  # WKB types: MULTIPOINT … GEOMETRYCOLLECTION
_UNREADABLE = b"\0"


def check_shapes(path: Path, shapes: pa.Array) -> pa.Array:
    """WKB as a file gave it, fit to be read in the parent.

    A collection in a collection, 10⁵ deep, ends the process that parses it: shapes of several parts are
    parsed here, and what holds collections comes out flat. What cannot be parsed stays unreadable.

    Raises: UnreadableFile for a shape beyond the limits.
    """
    texts = shapes.to_pylist()
    several = [n for n, w in enumerate(texts) if w and _type_of(w) in _MULTI]
    if not several:
        return shapes
    found = repair.from_wkb(np.array([texts[n] for n in several], object))
    for n, shape in zip(several, found, strict=True):
        if shape is None:
            texts[n] = _UNREADABLE
        elif shape.geom_type == "GeometryCollection":
            texts[n] = shapely.to_wkb(_flat(path, shape))
    return pa.array(texts, pa.binary())


def _type_of(wkb: bytes) -> int:
    return (int.from_bytes(wkb[1:5], "little" if wkb[0] else "big") & 0x0FFFFFFF) % 1000


def _flat(path: Path, shape: shapely.GeometryCollection) -> shapely.GeometryCollection:
    parts = shapely.get_parts(shape)
    for level in range(2, 10**9):
        if not (shapely.get_type_id(parts) == shapely.GeometryType.GEOMETRYCOLLECTION).any():
            return shapely.GeometryCollection(list(parts))
        limits.at_most(path, "nesting", level, limits.current().nesting)
        parts = shapely.get_parts(parts)
    raise AssertionError


def check_told(path: Path, layers: Sequence[Mapping[str, Any]]) -> None:
    """What a file tells of its layers (fields of ``vectorfile.FileLayer``). Raises: UnreadableFile."""
    most = limits.current()
    limits.at_most(path, "layers", len(layers), most.layers)
    for layer in layers:
        limits.at_most(path, "features", layer["features"], most.features)
        limits.at_most(path, "columns", len(layer["columns"]) + len(layer["skipped"]), most.columns)


def check_rows(path: Path, arrow: Path) -> None:
    """What was read of ``path`` into an Arrow file of ours. Raises: UnreadableFile beyond the limits."""
    most, vertices = limits.current(), 0
    with pa.memory_map(str(arrow)) as source, pa.ipc.open_file(source) as reader:
        for n in range(reader.num_record_batches):
            batch = reader.get_batch(n)
            for values in batch.columns[1:]:
                if pa.types.is_string(values.type):
                    longest = pc.max(pc.binary_length(values)).as_py() or 0
                    limits.at_most(path, "text_kb", longest // 1024, most.text_kb)
            sizes = pc.binary_length(batch.column(0))
            limits.at_most(path, "vertices_each", (pc.max(sizes).as_py() or 0) // 16, most.vertices_each)
            vertices += (pc.sum(sizes).as_py() or 0) // 16
    limits.at_most(path, "vertices", vertices, most.vertices)
