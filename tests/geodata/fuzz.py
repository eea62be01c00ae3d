"""Small files of every kind that is read, and what becomes of them by chance: the same for the same seed."""

from __future__ import annotations

import io
import random
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import openpyxl
import rasterio
import shapely
from rasterio.transform import Affine

from geodata import imagefile, photofile, readers, tablefile
from geodata.errors import GengXunError, InputError
from tests.geodata.photos import at, heic, photo, xmp
from tests.geodata.photos import exif as exif_of

EAST, NORTH = 38_395_000, 3_080_000
MEMBERS = (".shp", ".shx", ".dbf", ".prj", ".cpg")


def made(folder: Path) -> list[Path]:
    """One good file of each kind, below ``folder``."""
    squares = [shapely.box(EAST + 200 * i, NORTH, EAST + 200 * i + 100, NORTH + 100) for i in range(12)]
    values = {"DLBM": ["0101"] * 12, "ZLDWMC": ["鹤岭镇石鼓村"] * 12, "KCXS": [0.1] * 12}
    frame = gpd.GeoDataFrame(values, geometry=squares, crs="EPSG:4526")
    frame.to_file(folder / "a.shp", encoding="GBK", engine="pyogrio")
    frame.to_file(folder / "a.gpkg", layer="DLTB", engine="pyogrio")
    frame.to_file(folder / "a.gdb", driver="OpenFileGDB", engine="pyogrio")
    frame.to_file(folder / "a.geojson", engine="pyogrio")
    frame.to_parquet(folder / "a.parquet")
    _kml(folder / "a.kml", frame.to_crs(4326))
    with zipfile.ZipFile(folder / "a.kmz", "w") as archive:
        archive.write(folder / "a.kml", "doc.kml")
    points = "".join(f"J{n},1,{NORTH + y},{EAST + x}\n" for n, (x, y) in enumerate([(0, 0), (9, 0), (9, 9), (0, 0)], 1))
    (folder / "a.txt").write_text("[属性描述]\n几度分带=3\n带号=38\n[地块坐标]\n4,0.1,1,甲,面,,,,@\n" + points)
    book = openpyxl.Workbook()
    for row in [["项目名称", "X坐标", "Y坐标"], ["甲", NORTH, EAST], ["", NORTH + 9, EAST], ["", NORTH, EAST + 9]]:
        book.active.append(row)
    book.save(folder / "a.xlsx")
    (folder / "a.csv").write_text('XMMC,WKT\n甲,"POLYGON ((112 27, 112.1 27, 112.1 27.1, 112 27))"\n')
    (folder / "b.json").write_text('[{"code": "430300", "coordinates": [[[[112, 27], [112.1, 27], [112, 27.1]]]]}]')
    _packed(folder)
    _images(folder)
    _photos(folder)
    return sorted(path for path in folder.iterdir() if path.suffix not in (".shx", ".dbf", ".prj", ".cpg"))


def _kml(path: Path, frame: gpd.GeoDataFrame) -> None:
    import pyarrow as pa

    from geodata import kmlwriter

    schema = pa.schema([("wkb", pa.binary()), ("DLBM", pa.string())])
    batch = pa.record_batch([pa.array(shapely.to_wkb(frame.geometry.values)), pa.array(frame["DLBM"])], schema=schema)
    kmlwriter.write(path, "DLTB", iter([batch]), schema)


def _packed(folder: Path) -> None:
    with zipfile.ZipFile(folder / "shp.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for suffix in MEMBERS:
            archive.write(folder / f"a{suffix}", f"县/a{suffix}")
    with tarfile.open(folder / "gdb.tar.gz", "w:gz") as archive:
        archive.add(folder / "a.gdb", "a.gdb")


def _images(folder: Path) -> None:
    pixels = np.random.default_rng(0).integers(1, 3000, (4, 48, 48)).astype(np.uint16)
    place: dict[str, Any] = {"crs": "EPSG:32649", "transform": Affine(10, 0, 700_000, 0, -10, 3_080_000)}
    for name, options in {
        "a.tif": {"driver": "GTiff", "tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate", **place},
        "b.tif": {"driver": "GTiff", "bigtiff": "yes", "compress": "lzw", "interleave": "band", **place},
        "a.jp2": {"driver": "JP2OpenJPEG", **place},
        "a.png": {"driver": "PNG"},
    }.items():
        with rasterio.open(folder / name, "w", width=48, height=48, count=4, dtype="uint16", **options) as out:
            out.write(pixels)
            out.update_tags(TIFFTAG_DATETIME="2026:05:01 02:30:00")


def _photos(folder: Path) -> None:
    fields = {**at(112.9, 27.8), "DateTimeOriginal": "2026:11:24 10:30:00"}
    packet = xmp('GimbalYawDegree="-90.0"', 'RtkFlag="50"')
    (folder / "photo.jpg").write_bytes(photo(xmp=packet, **fields))
    (folder / "photo.webp").write_bytes(photo("WEBP", xmp=packet, **fields))
    (folder / "photo.heic").write_bytes(heic((400, 300), exif_of(**fields).tobytes()))


# --- mutations ------------------------------------------------------------------------------------


def mutated(data: bytes, chance: random.Random) -> bytes:
    """One to four changes of the bytes."""
    for _ in range(chance.randint(1, 4)):
        data = chance.choice(CHANGES)(bytearray(data or b"\0"), chance)
    return data


def _bits(data: bytearray, chance: random.Random) -> bytes:
    for _ in range(chance.choice((1, 1, 4, 32))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def _header(data: bytearray, chance: random.Random) -> bytes:
    """A number near the beginning becomes one at the edge of what it can be."""
    number, size = chance.choice((0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)), chance.choice((1, 2, 4))
    place = chance.randrange(min(len(data), 512))
    data[place : place + size] = (number % 256**size).to_bytes(size, chance.choice(("little", "big")))
    return bytes(data)


def _cut(data: bytearray, chance: random.Random) -> bytes:
    return bytes(data[: chance.randrange(len(data) + 1)])


def _splice(data: bytearray, chance: random.Random) -> bytes:
    one, two = sorted(chance.randrange(len(data)) for _ in range(2))
    return bytes(data[:one] + data[two:])


def _twice(data: bytearray, chance: random.Random) -> bytes:
    one, two = sorted(chance.randrange(len(data)) for _ in range(2))
    return bytes(data[:two] + data[one:two] * chance.choice((1, 1, 50)) + data[two:])


def _swapped(data: bytearray, chance: random.Random) -> bytes:
    """A mark of JSON, XML, CSV or a header becomes another."""
    places = [n for n, byte in enumerate(data[:20_000]) if byte in b'{}[]<>/",:=()']
    if places:
        data[chance.choice(places)] = chance.choice(b'{}[]<>/",:=()\0\xff')
    return bytes(data)


def _nonsense(data: bytearray, chance: random.Random) -> bytes:
    place = chance.randrange(len(data))
    what = chance.choice(
        (b"\0" * 64, b"\xff" * 64, b"[" * 300, b"<a>" * 300, b"1e999", b"NaN", b"-1", "石".encode("gbk"))
    )
    return bytes(data[:place] + what + data[place + chance.choice((0, len(what))) :])


CHANGES: tuple[Callable[[bytearray, random.Random], bytes], ...] = (
    _bits, _bits, _header, _header, _cut, _splice, _twice, _swapped, _swapped, _nonsense,
)  # fmt: skip


def hurt(good: Path, folder: Path, chance: random.Random) -> Path:
    """A copy of ``good`` in ``folder`` with one of its files, or of its members, changed."""
    target = folder / good.name
    if good.is_dir():
        shutil.copytree(good, target)
        victim = chance.choice(sorted(p for p in target.rglob("*") if p.is_file()))
    elif good.suffix == ".shp":
        for suffix in MEMBERS:
            shutil.copy(good.with_suffix(suffix), folder)
        victim = target.with_suffix(chance.choice(MEMBERS))
    else:
        victim = target
        shutil.copy(good, victim)
    data = victim.read_bytes()
    inside = data.startswith(b"PK") and chance.random() < 0.5
    victim.write_bytes(_repacked(data, chance) if inside else mutated(data, chance))
    return target


def _repacked(data: bytes, chance: random.Random) -> bytes:
    """A zip that is sound in itself, with a member changed, doubled, renamed or gone."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        names = old.namelist()
        victim = chance.choice(names)
        for name in names:
            body, kind = old.read(name), chance.randrange(5) if name == victim else 5
            if kind in (0, 1):
                body = mutated(body, chance)
            if kind == 2:
                new.writestr(name.upper(), body)
            if kind == 3:
                name = chance.choice(("../", "/", "a/../../", "\\", "")) + name + chance.choice(("", ".shp", "\n"))  # noqa: PLW2901
            if kind != 4:
                new.writestr(name, body)
    return out.getvalue()


# --- runs -----------------------------------------------------------------------------------------


def read_one(path: Path, work: Path) -> None:
    """Through every reader that could be asked for it. Raises: InputError."""
    if path.name.startswith("photo"):
        photofile.read_here(str(path), 8.0)
    elif path.suffix in (".tif", ".jp2", ".png"):
        imagefile.describe_here(str(path), True)
        with imagefile.opened(path) as dataset, imagefile.reading(path):
            if dataset.width * dataset.height < 1_000_000:
                imagefile.read_window(dataset, [1], (0, dataset.height, 0, dataset.width))
    else:
        if path.suffix in (".csv", ".xlsx"):
            tablefile._read(str(path), None, str(path))
        told = readers.describe(str(path), str(work / "a"))
        for layer in told["layers"][:3]:
            names = {name: f"C{n}" for n, name in enumerate(list(layer["columns"])[:8])}
            given = {"member": "", "table": "", "driver": told["driver"], "encoding": told["encoding"]} | layer
            readers.read(str(path), given, names, str(work / "rows.arrow"), str(work / "b"))


def run(folder: str, first: int, count: int, progress: Callable[[float], None]) -> list[tuple[int, str]]:
    """Runs ``first`` to ``first + count`` with the good files in ``folder``: (seed, what was wrong with it).

    For the child. progress: told how many are done (not a share).
    """
    goods = sorted(p for p in Path(folder).iterdir() if p.suffix not in (".shx", ".dbf", ".prj", ".cpg"))
    found: list[tuple[int, str]] = []
    for seed in range(first, first + count):
        wrong = _outcome(goods, seed)
        if wrong:
            found.append((seed, wrong))
        progress(seed + 1 - first)
    return found


def _outcome(goods: Sequence[Path], seed: int) -> str:
    chance = random.Random(seed)
    good = goods[seed % len(goods)]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        home = Path(folder)
        for name in ("in", "a", "b"):
            (home / name).mkdir()
        path = hurt(good, home / "in", chance)
        try:
            read_one(path, home)
        except InputError as error:
            return "" if str(error).strip() and "\n" not in str(error) else f"{good.name}: {error!r}"
        except GengXunError as error:
            return f"{good.name}: {error!r}"
        except Exception as error:
            at_ = error.__traceback__
            while at_ and at_.tb_next:
                at_ = at_.tb_next
            where = f"{at_.tb_frame.f_code.co_filename.rpartition('/')[2]}:{at_.tb_lineno}" if at_ else ""
            return f"{good.name}: {type(error).__name__}: {str(error)[:120]} ({where})"
        left = {p.name for p in home.iterdir()} - {"in", "a", "b", "rows.arrow"}
        return f"{good.name}: wrote {left}" if left else ""


def runs(folder: Path, count: int, first: int = 0) -> Iterator[tuple[int, str]]:
    """All that went wrong in ``count`` runs, through one child that lives on; another follows where one was ended."""
    from geodata import safe
    from geodata.errors import UnreadableFile

    limits = safe.Limits(cpu_s=3600, wall_s=3600, memory_bytes=3 * 1024**3)
    seed = first
    while seed < first + count:
        done = [0.0]
        try:
            left = min(first + count - seed, 2000)
            yield from safe.in_child(
                "tests.geodata.fuzz:run", str(folder), seed, left, about="fuzz", limits=limits,
                progress=lambda n, done=done: done.__setitem__(0, n),
            )  # fmt: skip
            seed += left
        except UnreadableFile:  # the child was ended by the run after the last one told; a reader's sentence says so
            seed += int(done[0]) + 1
            ENDED.append(seed - 1)


ENDED: list[int] = []
"""Seeds that ended their child: for the user one sentence, as for any file."""
