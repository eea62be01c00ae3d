"""[io] Features in and out: SHP, GDB, GPKG, GeoJSON in (other formats: ``readers``); GPKG and GeoParquet out.

What a file is, is told by its first bytes, never by GDAL's guess. It is looked at and read in a
child process (``readers``, and the functions for GDAL below), which leaves an Arrow file of ours:
column "wkb" and the attributes asked for, by batches, so that memory stays flat.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from geodata import shapefile, vectorguard
from geodata.atomic import replacing
from geodata.errors import EmptyData, GengXunError, UnreadableFile
from geodata.safe import Limits, in_child, local_file
from geodata.words import Text, both

Progress = Callable[[float], None]
ROWS_A_BATCH = 16_384
DRIVERS = {"SHP": "ESRI Shapefile", "GDB": "OpenFileGDB", "GPKG": "GPKG", "GeoJSON": "GeoJSON"}
LOOK = Limits(cpu_s=600, wall_s=900)
_READABLE = ("OFTString", "OFTReal", "OFTInteger", "OFTInteger64", "OFTDate", "OFTDateTime", "OFTTime")


@dataclass(frozen=True)
class FileLayer:
    """One layer of a vector file as delivered. geometry: as GDAL names it, "" for a plain table.
    columns: {name: type}; skipped: columns of kinds that are not read (binary, lists).
    bounds: x min, y min, x max, y max in its own CRS. crs: None where the file does not say one;
    crs_said False where only the standard of the format does (a GeoJSON or KML is WGS 84).
    Of one in an archive: member, the path there; table, its name there; driver, encoding as of ``Described``."""

    name: str
    geometry: str
    features: int
    crs: str | None
    columns: Mapping[str, str]
    skipped: tuple[str, ...]
    bounds: tuple[float, float, float, float] | None
    crs_said: bool = True
    member: str = ""
    table: str = ""
    driver: str = ""
    encoding: str | None = None

    @property
    def is_polygon(self) -> bool:
        return bool(self.geometry) and bool(
            re.search("Polygon|Surface|Collection|Unknown|^Geometry", self.geometry, re.IGNORECASE)
        )


@dataclass(frozen=True)
class Described:
    """What a vector file holds. driver: as ``readers.driver_of``, each layer of a "ZIP" its own;
    encoding: of a DBF's text."""

    driver: str
    encoding: str | None
    layers: tuple[FileLayer, ...]
    warnings: tuple[Text, ...] = ()

    @property
    def polygon_layers(self) -> tuple[FileLayer, ...]:
        return tuple(layer for layer in self.layers if layer.is_polygon)


def describe(path: str | os.PathLike[str]) -> Described:
    """Raises: UnreadableFile; CRSContradiction for a CRS that is a link."""
    file = local_file(path)
    with _by_its_name(file, path), tempfile.TemporaryDirectory(prefix="gengxun-") as folder:
        told = in_child("geodata.readers:describe", str(file), folder, about=path, limits=LOOK)
    layers = tuple(FileLayer(**layer) for layer in told["layers"])
    return Described(told["driver"], told["encoding"], layers, tuple(told["warnings"]))


def read(
    path: str | os.PathLike[str],
    described: Described,
    layer: FileLayer,
    columns: Mapping[str, str],
    folder: Path,
    progress: Progress | None = None,
) -> Path:
    """One layer into an Arrow file in ``folder``: "wkb" and ``columns`` {theirs: ours}, ``ROWS_A_BATCH`` at a time.

    Raises: UnreadableFile where fewer records come than the file counts.
    """
    target, file = folder / "delivered.arrow", local_file(path)
    own = {} if layer.member else {"driver": described.driver, "encoding": described.encoding}
    with _by_its_name(file, path), tempfile.TemporaryDirectory(prefix="unpacked-", dir=folder) as unpacked:
        in_child(
            "geodata.readers:read",
            str(file),
            asdict(layer) | own,
            dict(columns),
            str(target),
            unpacked,
            about=path,
            progress=progress,
        )
    return target


@contextmanager
def _by_its_name(file: Path, path: object) -> Iterator[None]:
    """Errors name the file as the user named it."""
    try:
        yield
    except GengXunError as error:
        if str(said := error.fields.get("path", "")).startswith(str(file)):
            error.fields["path"] = f"{path}{str(said)[len(str(file)) :]}"
        raise


@contextmanager
def batches(path: Path) -> Iterator[pa.RecordBatchFileReader]:
    """An Arrow file of ours, memory-mapped."""
    with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
        yield reader


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Of a file; of a shapefile or folder: over the names and hashes of its parts."""
    file = Path(path)
    if file.is_dir():
        members = {p.relative_to(file).as_posix(): p for p in file.rglob("*") if p.is_file() and p.suffix != ".lock"}
    elif file.suffix.lower() == ".shp":
        members = shapefile.parts(file)
    else:
        return _sha256(file)
    whole = hashlib.sha256()
    for name in sorted(members):
        whole.update(f"{name}\0{_sha256(members[name])}\n".encode())
    return whole.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


# --- in the child ---------------------------------------------------------------------------------


def driver_of(path: Path) -> str:
    """Raises: UnreadableFile for all that is not opened."""
    if path.is_dir():
        if any(path.glob("*.gdbtable")):
            return "GDB"
        raise UnreadableFile("{path}: is a folder, but no file geodatabase (.gdb); name the file itself.", path=path)
    with path.open("rb") as stream:
        head = stream.read(512)
    suffix = path.suffix.lower()
    if suffix in (".dbf", ".shx", ".prj", ".cpg"):
        raise UnreadableFile(
            "{path}: is a part of a shapefile; name its .shp, with .shx and .dbf beside it.", path=path
        )
    if suffix == ".shp":
        return "SHP"
    if head.startswith(b"SQLite format 3\0"):
        return "GPKG"
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{") and suffix in (".json", ".geojson"):
        return "GeoJSON"
    raise UnreadableFile("{path}: is no SHP, GDB, GPKG or GeoJSON; export it as one of them.", path=path)


def describe_gdal(file: Path, driver: str) -> dict[str, Any]:
    """As the fields of ``Described``, of what GDAL opens."""
    notes: list[Text] = []
    codec, deleted, own_crs, said = None, 0, None, True
    names: list[str] | None = None
    if driver == "SHP":
        deleted = shapefile.check(file).deleted
        codec, notes = shapefile.encoding(file)
    elif driver == "GPKG":
        names = vectorguard.gpkg_tables(file)
    elif driver == "GeoJSON":
        vectorguard.check_json(file)
        own_crs, said = vectorguard.geojson_crs(file)
    with _gdal(file) as pyogrio:
        found = [str(name) for name in pyogrio.list_layers(file)[:, 0]] if names is None else names
        layers = [_layer(pyogrio, file, name, driver, codec) for name in found]
    for layer in layers:
        if driver == "SHP":
            layer["crs"] = layer["crs"] or shapefile.projection(file)
            layer["features"] -= deleted
        if driver == "GeoJSON":
            layer["crs"] = own_crs
        layer["crs_said"] = said
    if deleted:
        notes.append(both("{n} records are marked as deleted in the .dbf and were left out.", n=deleted))
    return {"driver": driver, "encoding": codec, "layers": layers, "warnings": notes}


@contextmanager
def _gdal(path: Path) -> Iterator[Any]:
    """pyogrio, its errors as ours and its warnings kept off the terminal."""
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError

    theirs = (DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError, pa.ArrowException)
    # ValueError: text in another encoding than prescribed; KeyError: a column that was announced and is not
    # there; the last: pyogrio's own at a damaged CRS
    known = (*theirs, OSError, ValueError, KeyError, UnboundLocalError)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield pyogrio
    except GengXunError:
        raise
    except known as e:
        raise UnreadableFile(
            "{path}: cannot be read ({error}); get a whole copy, or export it again.",
            path=path,
            error=" ".join(str(e).split())[:200],
        ) from None


def _layer(pyogrio: Any, path: Path, name: str, driver: str, codec: str | None) -> dict[str, Any]:
    raw = {"encoding": shapefile.RAW} if codec else {}
    info = pyogrio.read_info(path, layer=name, force_feature_count=True, **raw)
    if info["driver"] != DRIVERS[driver]:
        raise UnreadableFile("{path}: is no SHP, GDB, GPKG or GeoJSON; export it as one of them.", path=path)
    columns, skipped = {}, []
    for field, type_ in zip(info["fields"], info["ogr_types"], strict=True):
        shown = shapefile.recode(str(field), codec) if codec else str(field)
        if type_ in _READABLE:
            columns[shown] = type_.removeprefix("OFT")
        else:
            skipped.append(shown)
    bounds = info["total_bounds"]
    return {
        "name": name,
        "geometry": info["geometry_type"] or "",
        "features": int(info["features"]),
        "crs": info["crs"],
        "columns": columns,
        "skipped": tuple(skipped),
        "bounds": None if bounds is None else tuple(float(v) for v in bounds),
    }


def read_gdal(
    file: Path,
    layer: str,
    columns: dict[str, str],
    target: str,
    *,
    driver: str,
    encoding: str | None,
    expected: int,
    progress: Progress | None = None,
) -> int:
    """One layer into the Arrow file ``target``; how many records."""
    rows = 0
    with _gdal(file) as pyogrio:
        raw = {"encoding": shapefile.RAW} if encoding else {}
        info = pyogrio.read_info(file, layer=layer, **raw)
        asked = {}
        for field in map(str, info["fields"]):
            shown = shapefile.recode(field, encoding) if encoding else field
            if shown in columns:
                asked[field] = columns[shown]
        opened = pyogrio.raw.open_arrow(
            file, layer=layer, columns=list(asked), batch_size=ROWS_A_BATCH, use_pyarrow=True, **raw
        )
        with opened as (meta, reader):
            geometry = meta["geometry_name"] or "wkb_geometry"
            fields = [pa.field("wkb", pa.binary())]
            fields += [pa.field(ours, _kept(reader.schema.field(theirs).type)) for theirs, ours in asked.items()]
            schema = pa.schema(fields)
            with pa.OSFile(target, "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
                for batch in reader:
                    shapes = batch.column(geometry).cast(pa.binary())
                    if any(map(_is_curve, shapes.to_pylist())):
                        shapes = _straight(pyogrio, file, layer, rows, batch.num_rows)
                    if driver == "GPKG":  # handed through as it stands there
                        shapes = vectorguard.check_shapes(file, shapes)
                    arrays = [shapes]
                    arrays += [_tidied(batch.column(t), schema.field(o).type, encoding) for t, o in asked.items()]
                    writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
                    rows += batch.num_rows
                    if progress and expected:
                        progress(min(rows / expected, 1.0))
    if rows < expected:
        raise UnreadableFile(
            "{path}: reading broke off at record {n} of {expected}; get a whole copy.",
            path=file,
            n=rows,
            expected=expected,
        )
    if not rows:
        raise EmptyData("{path}: the layer {name} holds no features; give one that does.", path=file, name=layer)
    return rows


_CURVES = frozenset(range(8, 13))  # WKB types: CIRCULARSTRING … MULTISURFACE


def _is_curve(wkb: bytes | None) -> bool:
    if not wkb or len(wkb) < 5:
        return False
    type_ = int.from_bytes(wkb[1:5], "little" if wkb[0] else "big") & 0x0FFFFFFF
    return type_ % 1000 in _CURVES


def _straight(pyogrio: Any, path: Path, layer: str, first: int, n: int) -> pa.Array:
    """Shapes of ``n`` records from ``first`` on, arcs as short straight lines (GEOS knows no others)."""
    _, _, shapes, _ = pyogrio.raw.read(path, layer=layer, columns=[], skip_features=first, max_features=n)
    return pa.array(shapes, pa.binary())


def _kept(type_: pa.DataType) -> pa.DataType:
    if pa.types.is_floating(type_):
        return pa.float64()
    if pa.types.is_integer(type_):
        return pa.int64()
    if pa.types.is_boolean(type_):
        return pa.int64()
    return pa.string()


def _tidied(values: pa.Array, kept: pa.DataType, encoding: str | None) -> pa.Array:
    """Numbers as they are, dates as ISO text, text in its true encoding."""
    if pa.types.is_timestamp(values.type):
        return pc.strftime(values.cast(pa.timestamp("s", values.type.tz), safe=False), "%Y-%m-%dT%H:%M:%S")
    if kept != pa.string() or not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return values.cast(kept)
    if not encoding:
        return values.cast(kept)
    coded = values.dictionary_encode()
    texts = [None if v is None else shapefile.recode(v, encoding) for v in coded.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(coded.indices)


# --- out ------------------------------------------------------------------------------------------


def write_gpkg(path: Path, rows: Iterable[pa.RecordBatch], schema: pa.Schema, *, crs: str, layer: str) -> None:
    """``rows`` (column "wkb" and attributes) as a GeoPackage, streamed; replaces ``path``."""
    import pyogrio.raw

    fields = [f.with_metadata({"ARROW:extension:name": "geoarrow.wkb"}) if f.name == "wkb" else f for f in schema]
    marked = pa.schema(fields)
    reader = pa.RecordBatchReader.from_batches(
        marked, (pa.RecordBatch.from_arrays(batch.columns, schema=marked) for batch in rows)
    )
    with replacing(path) as temporary, tempfile.TemporaryDirectory(prefix=".gpkg-", dir=path.parent) as folder:
        file = Path(folder) / "out.gpkg"  # GDAL wants the name to end so
        pyogrio.raw.write_arrow(
            reader, file, layer=layer, driver="GPKG", geometry_name="wkb", geometry_type="MultiPolygon", crs=crs
        )
        os.replace(file, temporary)


def write_geoparquet(path: Path, rows: Iterable[pa.RecordBatch], schema: pa.Schema, *, crs: str) -> None:
    """``rows`` (column "wkb" and attributes) as GeoParquet 1.1, streamed; replaces ``path``."""
    import pyarrow.parquet as pq
    from pyproj import CRS

    column = {"encoding": "WKB", "geometry_types": [], "crs": json.loads(CRS.from_user_input(crs).to_json())}
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    names = ["geometry" if name == "wkb" else name for name in schema.names]
    fields = [pa.field(name, field.type) for name, field in zip(names, schema, strict=True)]
    marked = pa.schema(fields, metadata={"geo": json.dumps(geo)})
    with replacing(path) as temporary, pq.ParquetWriter(temporary, marked, compression="zstd") as writer:
        for batch in rows:
            writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=marked))
