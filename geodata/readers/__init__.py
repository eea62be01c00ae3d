"""[io] What a delivered vector file is, told by its first bytes, and which reader of ours opens it. Runs in the child.

SHP, GDB, GPKG and GeoJSON go through GDAL (``vectorfile``); GeoParquet, KML, boundary points, tables and
bare JSON have readers of their own here. A zip or tar is unpacked into a folder that the parent gave and
will remove; what lies in it is read as if it stood beside.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from geodata import archive, vectorfile, vectorguard
from geodata.errors import GengXunError, UnreadableFile
from geodata.readers import barejson, geoparquet, pointlist, records
from geodata.words import Text, both

Progress = Callable[[float], None]
WARM = ("pyogrio", "pyogrio.raw", "geodata.readers.kml", "geodata.readers.sheet")
MAX_SOURCES = 200
_RECORDS = {"KML": "kml", "TXT": "pointlist", "XLSX": "sheet", "CSV": "sheet", "JSON": "barejson"}
_LAYERS = (".shp", ".gpkg", ".geojson", ".json", ".parquet", ".geoparquet", ".kml", ".txt", ".xlsx", ".csv")
_NAMED = {".shp", ".gpkg", ".gdb", ".parquet", ".geoparquet", ".geojson", ".kml"}
"""Suffixes that are layers for certain; the others count where none of these lies beside them."""


def driver_of(path: Path) -> str:
    """ "SHP" | "GDB" | "GPKG" | "GeoJSON" | "GeoParquet" | "KML" | "TXT" | "XLSX" | "CSV" | "JSON" | "ZIP".

    Raises: UnreadableFile that says what it is, for all that is not opened.
    """
    if path.is_dir():
        return vectorfile.driver_of(path)
    with path.open("rb") as stream:
        head = stream.read(65_536)
    suffix, text = path.suffix.lower(), head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if archived := archive.kind_of(path):
        return _archived(path, archived, suffix)
    if head.startswith(b"PAR1"):
        return "GeoParquet"
    if text.startswith(b"<"):
        return _markup(path, text[:4096])
    if text.startswith((b"{", b"[")) and suffix in (".json", ".geojson") and barejson.is_one(head):
        return "JSON"
    if suffix == ".txt" and pointlist.is_one(_decoded(head)):
        return "TXT"
    if suffix in (".csv", ".txt") and b"\0" not in head:
        return "CSV"
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableFile("{path}: is an old workbook (.xls) or document; save it as .xlsx.", path=path)
    return vectorfile.driver_of(path)


def _archived(path: Path, archived: str, suffix: str) -> str:
    if archived in ("rar", "7z"):
        raise UnreadableFile(
            "{path}: is a {kind} archive, which is not opened; pack it as zip, or unpack it.",
            path=path,
            kind=archived.upper(),
        )
    if archived == "zip" and suffix in (".xlsx", ".xlsm"):
        return "XLSX"
    return "ZIP"


def _markup(path: Path, head: bytes) -> str:
    if b"<kml" in head or b"opengis.net/kml" in head:
        return "KML"
    if b"opengis.net/gml" in head or b"opengis.net/wfs" in head:
        raise UnreadableFile(
            "{path}: is GML, which is not opened (it may point to other files); export it as GeoPackage.", path=path
        )
    raise UnreadableFile("{path}: is XML, but no KML; export it as GeoPackage or Shapefile.", path=path)


def _decoded(head: bytes) -> str:
    for codec in ("utf-8-sig", "gb18030"):
        try:
            return head[: head.rfind(b"\n") + 1 or None].decode(codec)
        except UnicodeDecodeError:
            continue
    return ""


def describe(path: str, folder: str | None = None) -> dict[str, Any]:
    """As the fields of ``vectorfile.Described``. folder: an empty one, for what an archive holds.

    Raises: UnreadableFile, CRSContradiction.
    """
    file = Path(path)
    driver = driver_of(file)
    if driver != "ZIP":
        told = _one(file, driver)
    elif folder is not None:
        told = _packed(file, Path(folder))
    else:
        with tempfile.TemporaryDirectory(prefix="gengxun-") as own:
            told = _packed(file, Path(own))
    vectorguard.check_told(file, told["layers"])
    return told


def _one(file: Path, driver: str) -> dict[str, Any]:
    if driver in _RECORDS:
        source = _source(file, driver)
        return {"driver": driver, "encoding": None, "layers": records.describe(source), "warnings": source.notes}
    if driver == "GeoParquet":
        return {"driver": driver, "encoding": None, "layers": [geoparquet.describe(file)], "warnings": []}
    return vectorfile.describe_gdal(file, driver)


def _source(file: Path, driver: str) -> records.Source:
    reader = importlib.import_module(f"geodata.readers.{_RECORDS[driver]}")
    found: records.Source = reader.opened(file)
    return found


def read(
    path: str,
    layer: dict[str, Any],
    columns: dict[str, str],
    target: str,
    folder: str,
    progress: Progress | None = None,
) -> int:
    """One layer (its fields in ``vectorfile.FileLayer``) into the Arrow file ``target``; how many records."""
    file, driver, table = Path(path), layer["driver"], layer["table"] or layer["name"]
    if layer["member"]:
        archive.unpack(file, Path(folder), lambda name: _belongs(name, layer["member"]))
        file = Path(folder) / layer["member"]
    rows = _written(file, driver, table, layer, columns, Path(target), progress)
    vectorguard.check_rows(file, Path(target))
    return rows


def _written(
    file: Path, driver: str, table: str, layer: dict[str, Any], columns: dict[str, str], target: Path,
    progress: Progress | None,
) -> int:  # fmt: skip
    if driver in _RECORDS:
        return records.write(_source(file, driver), table, columns, target, file)
    if driver == "GeoParquet":
        return geoparquet.write(file, columns, target, layer["features"], progress)
    return vectorfile.read_gdal(
        file, table, columns, str(target), driver=driver, encoding=layer["encoding"], expected=layer["features"],
        progress=progress,
    )  # fmt: skip


def _belongs(name: str, member: str) -> bool:
    """Is ``name`` the member, a file of its folder (a geodatabase), or one of a shapefile's parts?"""
    own, stem = name.casefold(), member.casefold()
    return own == stem or own.startswith(stem + "/") or own.rpartition(".")[0] == stem.rpartition(".")[0]


# --- archives -------------------------------------------------------------------------------------


def _packed(file: Path, folder: Path) -> dict[str, Any]:
    names = [member.name for member in archive.members(file)]
    found = _sources(names)
    if not found:
        suffixes = sorted({Path(name).suffix.lower() or "–" for name in names})
        raise UnreadableFile(
            "{path}: holds no layer that is read ({kinds}); pack a SHP, GDB, GPKG, GeoJSON, GeoParquet or KML.",
            path=file,
            kinds=", ".join(suffixes[:8]) or "–",
        )
    if len(found) > MAX_SOURCES:
        raise UnreadableFile("{path}: holds more than {limit} layers; pack fewer.", path=file, limit=MAX_SOURCES)
    archive.unpack(file, folder, lambda name: any(_belongs(name, member) for member in found))
    layers, notes = [], []
    for member in found:
        try:
            told = _one(folder / member, driver_of(folder / member))
        except GengXunError as error:
            if len(found) == 1:
                raise _inside(error, file, member) from None
            notes.append(_left_out(error, member))
            continue
        notes += told["warnings"]
        layers += [_within(layer, member, told) for layer in told["layers"]]
    if not layers:
        raise UnreadableFile("{path}: none of its {n} layers can be read; get a whole copy.", path=file, n=len(found))
    return {"driver": "ZIP", "encoding": None, "layers": _named_apart(layers), "warnings": notes}


def _sources(names: list[str]) -> list[str]:
    """The members that are layers: geodatabases as their folders, shapefiles as their .shp."""
    bases = {
        name.rpartition(".gdb/")[0] + ".gdb" for name in names if ".gdb/" in name.lower() and name.endswith(".gdbtable")
    }
    loose = [name for name in names if not any(name.startswith(base + "/") for base in bases)]
    found = [*sorted(bases), *sorted(name for name in loose if Path(name).suffix.lower() in _LAYERS)]
    sure = [name for name in found if Path(name).suffix.lower() in _NAMED]
    return sure or found


def _within(layer: dict[str, Any], member: str, told: dict[str, Any]) -> dict[str, Any]:
    return {**layer, "member": member, "table": layer["name"], "driver": told["driver"], "encoding": told["encoding"]}


def _named_apart(layers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Layers of one name in several members get the member's path in front."""
    names = [layer["name"] for layer in layers]
    return [
        {**layer, "name": f"{layer['member'].rpartition('.')[0]}/{layer['name']}"}
        if names.count(layer["name"]) > 1
        else layer
        for layer in layers
    ]


def _inside(error: GengXunError, file: Path, member: str) -> GengXunError:
    error.fields["path"] = f"{file} ({member})"
    return error


def _left_out(error: GengXunError, member: str) -> Text:
    error.fields["path"] = member
    return both("{error} It was left out.", error=both(error.msgid, **error.fields))
