"""How long layers and scenes take to come in, against plain tools, and what memory a million parcels need.

    python -m tests.benchmarks.intake [--parcels N] [--layers N] [--side PX]

Everything is computed. CPU seconds of this process and its children: a ratio of 3 says that the intake
(hash, a child with limits, guards, codes, repair, survey areas; or mask, overviews, compression) costs three
times what only reading and writing the same file does.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyogrio
import rasterio
import rasterio.shutil
import shapely
from rasterio.transform import Affine

from geodata import exchange, nursery
from geodata.catalog import Catalog
from geodata.editions import Editions

EAST, NORTH, SIDE_M, ROW = 38_395_000, 3_080_000, 20, 1000
A_BATCH = 50_000
SCHEMA = pa.schema([("wkb", pa.binary()), ("DLBM", pa.string()), ("TBBH", pa.string()), ("TBMJ", pa.float64())])


def batches(count: int) -> Iterator[pa.RecordBatch]:
    """Squares of 20 m side by side, five vertices each."""
    for first in range(0, count, A_BATCH):
        n = np.arange(first, min(first + A_BATCH, count))
        x, y = EAST + n % ROW * SIDE_M, NORTH + n // ROW * SIDE_M
        shapes = shapely.to_wkb(shapely.multipolygons(shapely.box(x, y, x + SIDE_M, y + SIDE_M)[:, None]))
        columns = [pa.array(shapes, pa.binary()), pa.array(["0101"] * len(n)), pa.array([str(i) for i in n])]
        yield pa.record_batch([*columns, pa.array(np.full(len(n), 400.0))], schema=SCHEMA)


def gdb(path: Path, count: int) -> Path:
    exchange.write(path, "DLTB", batches(count), SCHEMA, "EPSG:4526")
    return path


def scene(path: Path, side: int) -> Path:
    place = {"crs": "EPSG:32649", "transform": Affine(10, 0, 700_000, 0, -10, 3_080_000), "photometric": "minisblack"}
    options = {"driver": "GTiff", "count": 4, "dtype": "uint16", "tiled": True, "nodata": 0, **place}
    noise = np.random.default_rng(side)
    with rasterio.open(path, "w", width=side, height=side, **options) as out:
        out.descriptions = ("blue", "green", "red", "nir")
        for row in range(0, side, 512):
            rows = min(512, side - row)
            out.write(noise.integers(1, 4000, (4, rows, side), np.uint16), window=((row, row + rows), (0, side)))
    return path


# --- each way, in a process of its own ----------------------------------------------------------


def plain_layer(source: Path, target: Path) -> None:
    pyogrio.write_dataframe(pyogrio.read_dataframe(source, use_arrow=True), target / "a.gpkg", layer="DLTB")


def our_layer(source: Path, target: Path) -> None:
    Editions(target / "layers").add("FARMLAND", source, edition="2025")


def plain_scene(source: Path, target: Path) -> None:
    rasterio.shutil.copy(source, target / "a.tif", driver="COG", compress="ZSTD", level=1, predictor="yes")


def our_scene(source: Path, target: Path) -> None:
    Catalog(target / "catalog").add_scene(source, platform="gf-2", acquired="2026-05-01T03:00:00Z")


WAYS = {way.__name__: way for way in (plain_layer, our_layer, plain_scene, our_scene)}


def child(way: str, target: Path, sources: list[Path]) -> None:
    start, wall = time.process_time(), time.monotonic()
    for n, source in enumerate(sources):
        (target / str(n)).mkdir()
        WAYS[way](source, target / str(n))
    nursery.rest()
    own, theirs = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = time.process_time() - start + theirs.ru_utime + theirs.ru_stime
    told = {"cpu_s": cpu, "wall_s": time.monotonic() - wall, "peak_mb": own.ru_maxrss / 1024}
    print(json.dumps(told | {"child_mb": theirs.ru_maxrss / 1024}))


def measured(way: str, sources: list[Path]) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="intake-") as target:
        command = [sys.executable, "-m", "tests.benchmarks.intake", "--way", way, "--into", target, *map(str, sources)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def compared(name: str, plain: str, ours: str, sources: list[Path]) -> None:
    one, other = measured(plain, sources), measured(ours, sources)
    print(
        f"{name}: {len(sources) / other['cpu_s']:.2f} a CPU second, ÷ plain {other['cpu_s'] / one['cpu_s']:.2f}"
        f" ({other['cpu_s']:.1f} and {one['cpu_s']:.1f} s; wall {other['wall_s']:.1f} and {one['wall_s']:.1f} s);"
        f" peak {other['peak_mb']:.0f} MB, its largest child {other['child_mb']:.0f} MB; plain {one['peak_mb']:.0f} MB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parcels", type=int, default=1_000_000)
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--way")
    parser.add_argument("--into", type=Path)
    parser.add_argument("sources", type=Path, nargs="*")
    asked = parser.parse_args()
    if asked.way:
        return child(asked.way, asked.into, asked.sources)
    with tempfile.TemporaryDirectory(prefix="intake-") as folder:
        here = Path(folder)
        small = [gdb(here / f"{n}.gdb", 10_000 + n) for n in range(asked.layers)]
        compared("layers of 10,000 parcels", "plain_layer", "our_layer", small)
        scenes = [scene(here / f"{n}.tif", asked.side - n) for n in range(asked.layers)]
        compared(f"scenes of {asked.side} × {asked.side} × 4", "plain_scene", "our_scene", scenes)
        for count in (asked.parcels // 10, asked.parcels):
            compared(f"a GDB of {count:,} parcels", "plain_layer", "our_layer", [gdb(here / f"m{count}.gdb", count)])


if __name__ == "__main__":
    main()
