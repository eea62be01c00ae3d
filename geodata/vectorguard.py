"""[io] A GeoPackage or a GeoJSON before GDAL sees it: nothing in it may be a view, a link, or half there.

Runs in the child that opens the file.
"""

from __future__ import annotations

import json
import mmap
import re
import sqlite3
from pathlib import Path

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
    except sqlite3.Error as error:
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
            except ValueError:
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
