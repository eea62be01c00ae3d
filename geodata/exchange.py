"""[io] Polygons with their attributes out of hand, streamed: Shapefile (GBK), file geodatabase, GeoPackage,
GeoJSON, GeoParquet, KML and KMZ, by the suffix of the name.

Rows come as Arrow batches: "wkb" (binary, polygons) and columns of text, numbers (float64) and days
(date32). Nothing takes the place of an old file before the new one is whole.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from geodata import crs as crs_
from geodata import kmlwriter, shapefile, vectorfile
from geodata.errors import InputError

SUFFIXES = (".shp", ".gdb", ".gpkg", ".geojson", ".parquet", ".kml", ".kmz")
DEGREES_ONLY = (".kml", ".kmz")
SHP_LIMIT = 2_000_000_000
"""Bytes of a .shp or .dbf, below the 2 GB that other programs read."""
DBF_BYTES, NAME_BYTES = 254, 10
"""What a text and a name of a .dbf may be long."""
PARTS = (".shx", ".dbf", ".prj", ".cpg", ".shp")
"""Of a Shapefile, in the order in which they are put in place: the one that is opened comes last."""
_GUESSED_WIDTH, _NUMBER_WIDTH = 80, 24  # of a .dbf's columns while it is being written
_LDID_GBK = 0x4D
MISSING = "〓"
"""Stands for a character that GBK has not, as it is the custom in print."""
_HELD = {".gdb": ("OBJECTID", "SHAPE"), ".gpkg": ("FID", "GEOM", "WKB")}
"""Names that the format keeps for itself."""


@dataclass
class Written:
    """files: several where a Shapefile would have grown beyond its limit. renamed: {column: its name there}.
    cut, replaced: {column: texts} that were too long for a .dbf, or had characters that GBK has not."""

    files: list[Path] = field(default_factory=list)
    rows: int = 0
    renamed: dict[str, str] = field(default_factory=dict)
    cut: Counter[str] = field(default_factory=Counter)
    replaced: Counter[str] = field(default_factory=Counter)


def write(
    path: Path, layer: str, rows: Iterable[pa.RecordBatch], schema: pa.Schema, crs: str, *, limit: int = SHP_LIMIT
) -> Written:
    """``rows`` in ``crs`` → ``path``, which is replaced.

    Raises: InputError as ``check``.
    """
    suffix = check(path, crs)
    done = Written()
    names = names_for(suffix, schema.names[1:])
    done.renamed = {old: new for old, new in zip(schema.names[1:], names, strict=True) if old != new}
    named = pa.schema([schema.field(0), *(f.with_name(n) for f, n in zip(list(schema)[1:], names, strict=True))])
    passing = _counted(rows, named, done)
    if suffix in DEGREES_ONLY:
        kmlwriter.write(path, layer, passing, named)
    elif suffix == ".parquet":
        vectorfile.write_geoparquet(path, passing, named, crs=crs)
    elif suffix == ".shp":
        with tempfile.TemporaryDirectory(prefix=".export-", dir=path.parent) as folder:
            made = _shapefiles(Path(folder), path.stem, passing, named, crs, done, limit)
            done.files = [put_shapefile(file, path.with_name(file.name)) for file in made]
    else:
        with tempfile.TemporaryDirectory(prefix=".export-", dir=path.parent) as folder:
            file = Path(folder) / f"out{suffix}"
            _stream(file, passing, named, crs, layer)
            put(file, path)
    done.files = done.files or [path]
    return done


def check(path: Path, crs: str = crs_.GEOGRAPHIC) -> str:
    """The suffix, if ``path`` can be written. Raises: InputError."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError("{path}: is written as {known}; name it so.", path=path, known=", ".join(SUFFIXES))
    if not path.parent.is_dir():
        raise InputError("{path}: its folder is not there; make it first.", path=path)
    if suffix in DEGREES_ONLY and not crs_.crs_(crs).is_geographic:
        raise InputError("{path}: KML is always in degrees; leave --crs out.", path=path)
    if suffix == ".gdb" and path.exists() and not any(path.glob("*.gdbtable")):
        raise InputError("{path}: is there, and is no file geodatabase; name another place.", path=path)
    if suffix != ".gdb" and path.is_dir():
        raise InputError("{path}: is a folder; name a file.", path=path)
    return suffix


def put(made: Path, path: Path) -> None:
    """A finished file or folder in the place of ``path``."""
    if not path.is_dir():
        os.replace(made, path)
        return
    old = path.with_name(f".{path.name}.{uuid.uuid4().hex}.old")
    os.replace(path, old)
    os.replace(made, path)
    shutil.rmtree(old, ignore_errors=True)


def put_shapefile(made: Path, path: Path) -> Path:
    for part in PARTS:
        os.replace(made.with_suffix(part), path.with_suffix(part))
    return path


def names_for(suffix: str, names: Sequence[str]) -> list[str]:
    """The columns' names as the format takes them: each once, whatever the case of its letters."""
    longest = NAME_BYTES if suffix == ".shp" else 64
    taken = {name.casefold() for name in _HELD.get(suffix, ())}
    found = []
    for given in names:
        plain = given if suffix in (".parquet", ".kml", ".kmz", ".geojson") else _plain(given)
        name, n = _bytes(plain, longest), 0
        while name.casefold() in taken:
            n += 1
            name = f"{_bytes(plain, longest - len(f'_{n}'))}_{n}"
        taken.add(name.casefold())
        found.append(name)
    return found


def _plain(name: str) -> str:
    """Letters (Chinese ones too), digits and underscores."""
    plain = re.sub(r"\W", "_", name)
    return f"F{plain}" if plain[:1].isdigit() else plain or "F"


def _bytes(text: str, longest: int) -> str:
    """At most so many bytes of GBK, never half a character."""
    return text.encode("gbk", "replace")[:longest].decode("gbk", "ignore")


def _counted(rows: Iterable[pa.RecordBatch], schema: pa.Schema, done: Written) -> Iterator[pa.RecordBatch]:
    for batch in rows:
        done.rows += batch.num_rows
        yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)


def _stream(file: Path, rows: Iterable[pa.RecordBatch], schema: pa.Schema, crs: str, layer: str) -> None:
    import pyogrio.raw

    suffix = file.suffix
    driver = {".gdb": "OpenFileGDB", ".gpkg": "GPKG", ".geojson": "GeoJSON", ".shp": "ESRI Shapefile"}[suffix]
    digits = 9 if crs_.crs_(crs).is_geographic else 4  # 0.1 mm
    options = {
        ".gdb": {"TARGET_ARCGIS_VERSION": "ARCGIS_PRO_3_2_OR_LATER"},
        ".geojson": {"COORDINATE_PRECISION": str(digits), "RFC7946": "NO"},
        ".shp": {"RESIZE": "YES"},
    }
    fields = [f.with_metadata({"ARROW:extension:name": "geoarrow.wkb"}) if f.name == "wkb" else f for f in schema]
    marked = pa.schema(fields)
    reader = pa.RecordBatchReader.from_batches(
        marked, (pa.RecordBatch.from_arrays(batch.columns, schema=marked) for batch in rows)
    )
    pyogrio.raw.write_arrow(
        reader,
        file,
        layer=file.stem if suffix == ".shp" else layer,
        driver=driver,
        geometry_name="wkb",
        geometry_type="Polygon" if suffix == ".shp" else "MultiPolygon",
        crs=crs,
        encoding=shapefile.RAW if suffix == ".shp" else None,
        layer_options=options.get(suffix),
    )


# --- Shapefile --------------------------------------------------------------------------------------


def _shapefiles(
    folder: Path, stem: str, rows: Iterable[pa.RecordBatch], schema: pa.Schema, crs: str, done: Written, limit: int
) -> list[Path]:
    """NAME.shp, and NAME_2.shp, NAME_3.shp … where one would grow beyond ``limit``."""
    coded = pa.schema([schema.field(0), *(f.with_name(_raw(f.name)) for f in list(schema)[1:])])
    back = {new: old for old, new in done.renamed.items()}
    waiting = _Pieces((_for_dbf(batch, coded, back, done) for batch in rows), limit)
    made: list[Path] = []
    while waiting.more or not made:
        file = folder / (f"{stem}.shp" if not made else f"{stem}_{len(made) + 1}.shp")
        _stream(file, waiting.piece(), coded, crs, stem)
        file.with_suffix(".cpg").write_text("GBK", encoding="ascii")
        with file.with_suffix(".dbf").open("r+b") as table:  # the code page for those who read no .cpg
            table.seek(29)
            table.write(bytes([_LDID_GBK]))
        made.append(file)
    return made


def _raw(text: str) -> str:
    """GBK, byte by byte, in a text that the writer passes on as Latin-1."""
    return text.encode("gbk").decode(shapefile.RAW)


def _for_dbf(batch: pa.RecordBatch, schema: pa.Schema, back: dict[str, str], done: Written) -> pa.RecordBatch:
    arrays = []
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
            arrays.append(values)
            continue
        coded = pc.dictionary_encode(values)
        texts = []
        for n, text in enumerate(coded.dictionary.to_pylist()):
            raw, cut, replaced = _dbf_text(text)
            texts.append(raw)
            if cut or replaced:
                times = int(pc.sum(pc.equal(coded.indices, n)).as_py() or 0)
                done.cut[back.get(name, name)] += times * cut
                done.replaced[back.get(name, name)] += times * replaced
        arrays.append(pa.array(texts, pa.string()).take(coded.indices))
    done.cut, done.replaced = +done.cut, +done.replaced
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _dbf_text(text: str) -> tuple[str, bool, bool]:
    """(as ``_raw``, was it cut, were characters replaced)."""
    replaced = False
    try:
        coded = text.encode("gbk")
    except UnicodeEncodeError:
        replaced = True
        coded = b"".join(_char(char) for char in text)
    cut = len(coded) > DBF_BYTES
    if cut:
        coded = coded[:DBF_BYTES].decode("gbk", "ignore").encode("gbk")
    return coded.decode(shapefile.RAW), cut, replaced


def _char(char: str) -> bytes:
    try:
        return char.encode("gbk")
    except UnicodeEncodeError:
        return MISSING.encode("gbk")


class _Pieces:
    """Batches dealt out in pieces whose .shp and .dbf stay below ``limit`` bytes each."""

    def __init__(self, rows: Iterable[pa.RecordBatch], limit: int) -> None:
        self._rows, self._limit = iter(rows), limit
        self._next: pa.RecordBatch | None = None
        self._pull()

    @property
    def more(self) -> bool:
        return self._next is not None

    def _pull(self) -> None:
        self._next = next((batch for batch in self._rows if batch.num_rows), None)

    def piece(self) -> Iterator[pa.RecordBatch]:
        shp, count = 100.0, 0
        widths: np.ndarray | None = None
        while (batch := self._next) is not None:
            sizes = pc.binary_length(batch.column(0)).to_numpy(zero_copy_only=False) + 60.0
            widest = np.array([_widest(values) for values in batch.columns[1:]], float)
            widths = widest if widths is None else np.maximum(widths, widest)
            # at last each column is as wide as its longest text, but while it is written the table is wider
            row, wide = 1 + widths.sum(), 1 + np.maximum(widths, _GUESSED_WIDTH).sum()
            left = min(self._limit / row, 2 * self._limit / wide) - count
            fits = min(int(np.searchsorted(np.cumsum(sizes) + shp, self._limit, "right")), int(left), len(sizes))
            if not count:
                fits = max(fits, 1)  # a single shape beyond the limit is the reader's matter
            if fits < len(sizes):
                self._next = batch.slice(max(fits, 0))
                if fits > 0:
                    yield batch.slice(0, fits)
                return
            shp, count = shp + float(sizes.sum()), count + len(sizes)
            self._pull()
            yield batch


def _widest(values: pa.Array) -> float:
    if pa.types.is_string(values.type):
        return float(pc.max(pc.utf8_length(values)).as_py() or 1)  # a letter stands for a byte here
    return float(_NUMBER_WIDTH)
