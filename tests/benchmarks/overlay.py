"""How fast patches are split over a layer at rest: prints figures, asserts nothing.

    python -m tests.benchmarks.overlay [PARCELS] [PATCHES]

Builds its own parcels in a temporary folder (default 1,000,000, and 5,000 patches): a jittered net
of quadrangles that share their edges. In one run, each in a process of its own, CPU seconds of
    build     parcels → layer at rest
    ours      layer at rest → areas
    theirs    the same parcels as a GeoPackage: load all, geopandas.overlay
    kernels   the intersections alone, and the survey's area formula on what they gave
and how far the private memory of a process rose above what its imports take.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import shapely

import geodata  # noqa: F401 (settles the environment before GDAL is imported)

ROOT = Path(__file__).parents[2]
ZONE = "EPSG:4547"
ORIGIN = (400_000.0, 3_060_000.0)
SPACING_M = 60.0
NODES = 3  # corners on each side of a parcel
CODES = ("0101", "0101", "0103", "0201", "0301", "1006", "1104", "1107", "0702", "1202")


def parcels(count: int, seed: int = 7, rows_at_once: int = 20) -> Iterator[pa.RecordBatch]:
    """About ``count`` parcels with DLTB columns, row of the net by row: a square of ⌈√count⌉ parcels."""
    side = int(np.ceil(np.sqrt(count)))
    for first in range(0, side, rows_at_once):
        rows = np.arange(first, min(first + rows_at_once, side))
        shapes = _net(rows, side, seed)
        number = np.repeat(rows, side) * side + np.tile(np.arange(side), len(rows))
        village = [f"430321{101 + n // 250_000:03d}{200 + n // 5_000 % 50:03d}0000000" for n in number.tolist()]
        codes = [CODES[n * 7919 % 104_729 % len(CODES)] for n in number.tolist()]
        yield pa.record_batch(
            {
                "wkb": pa.array(shapely.to_wkb(shapes), pa.binary()),
                "BSM": [f"4303212001{n:08d}" for n in number.tolist()],
                "TBBH": [f"{n:08d}" for n in number.tolist()],
                "DLBM": codes,
                "DLMC": ["水田" if code == "0101" else "其他" for code in codes],
                "QSXZ": ["30"] * len(number),
                "ZLDWDM": village,
                "ZLDWMC": ["某某村"] * len(number),
                "KCXS": np.where(np.char.startswith(codes, "01"), 0.0832, 0.0),
                "TBMJ": SPACING_M**2 + np.zeros(len(number)),
            }
        )


def _net(rows: np.ndarray, side: int, seed: int) -> np.ndarray:
    nodes = np.arange(side * NODES + 1)
    lines = np.arange(rows[0] * NODES, (rows[-1] + 1) * NODES + 1)
    jitter = np.stack([np.random.default_rng((seed, int(line))).uniform(-6, 6, (len(nodes), 2)) for line in lines])
    x = ORIGIN[0] + nodes * SPACING_M / NODES + jitter[:, :, 0]
    y = ORIGIN[1] + lines[:, None] * SPACING_M / NODES + jitter[:, :, 1]
    k, zero = np.arange(NODES), np.zeros(NODES, int)
    dy = np.concatenate([zero, k, zero + NODES, NODES - k, [0]])
    dx = np.concatenate([k, zero + NODES, NODES - k, zero, [0]])
    i = np.repeat((rows - rows[0]) * NODES, side)[:, None] + dy
    j = np.tile(np.arange(side) * NODES, len(rows))[:, None] + dx
    return shapely.polygons(np.stack([x[i, j], y[i, j]], axis=-1))


def patches(count: int, parcels_: int, seed: int = 11) -> np.ndarray:
    """Scattered round-cornered patches of 0.1 to 1 ha."""
    width = np.ceil(np.sqrt(parcels_)) * SPACING_M
    rng = np.random.default_rng(seed)
    centres = rng.uniform(min(200, width / 4), width - min(200, width / 4), (count, 2)) + ORIGIN
    return shapely.buffer(shapely.points(centres), rng.uniform(18, 56, count), quad_segs=4)


def layers(folder: Path):
    from geodata.editions import LayersOnDay
    from geodata.layers import Kind, Layer
    from geodata.parcels import ParcelStore

    store = ParcelStore.open(folder)
    day = date(2026, 1, 1)
    layer = Layer(Kind.FARMLAND, "2025", day, "sandiao", ZONE, ZONE, "0" * 64, "", len(store), store.area_m2, 0.0)
    return LayersOnDay(day, {Kind.FARMLAND: [(layer, store)]}, {Kind.FARMLAND: "2025"}, [])


class Watched:
    """CPU seconds of a block, and the most private memory above that at its start: anonymous pages,
    sampled. (Pages of mapped files belong to the page cache and go when others need the room.)"""

    def __enter__(self) -> Watched:
        self.base = self.peak_mb = anonymous_mb()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._sample, daemon=True)
        self.thread.start()
        self.started = time.process_time()
        return self

    def _sample(self) -> None:
        while not self.over.wait(0.02):
            self.peak_mb = max(self.peak_mb, anonymous_mb())

    def __exit__(self, *_: object) -> None:
        self.cpu_s = time.process_time() - self.started
        self.over.set()
        self.thread.join()
        self.private_mb = max(self.peak_mb, anonymous_mb()) - self.base

    def figures(self) -> dict[str, float]:
        return {"cpu_s": self.cpu_s, "private_mb": self.private_mb}


def anonymous_mb() -> float:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return float("nan")  # told on Linux only
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1024


def build(folder: Path, count: int, _: int) -> dict[str, float]:
    from geodata.parcels import write_store

    with Watched() as watched:
        summary = write_store(folder, parcels(count), zone=ZONE)
    return {"rows": summary.rows, "area_m2": summary.area_m2} | watched.figures()


def ours(folder: Path, count: int, asked: int) -> dict[str, float]:
    from pipeline.overlay import overlay

    shapes, held = list(patches(asked, count)), layers(folder)
    with Watched() as watched:
        found = overlay(shapes, ZONE, held)
    sums = {
        "farmland_m2": sum(one.farmland_gross_m2 for one in found),
        "patch_m2": sum(one.patch_m2 for one in found),
        "uncovered_m2": sum(one.uncovered_m2 for one in found),
        "shares": sum(len(one.shares) for one in found),
    }
    return sums | watched.figures()


def theirs(folder: Path, count: int, asked: int) -> dict[str, float]:
    import geopandas
    import pyogrio

    path, shapes = folder / "dltb.gpkg", patches(asked, count)
    for number, batch in enumerate(parcels(count, rows_at_once=100)):
        pyogrio.write_arrow(
            batch,
            path,
            layer="dltb",
            driver="GPKG",
            geometry_name="wkb",
            geometry_type="Polygon",
            crs=ZONE,
            append=number > 0,
        )
    with Watched() as watched:
        held = geopandas.read_file(path)
        mine = geopandas.GeoDataFrame({"patch": range(len(shapes))}, geometry=shapes, crs=ZONE)
        both = geopandas.overlay(mine, held, how="intersection", keep_geom_type=True)
        area = both.area
    return {"farmland_m2": float(area[both.DLBM.str.startswith("01")].sum()), "shares": len(both)} | watched.figures()


def kernels(folder: Path, count: int, asked: int) -> dict[str, float]:
    from geodata.area import polygon_area_m2
    from geodata.parcels import ParcelStore

    store, shapes = ParcelStore.open(folder), patches(asked, count)
    patch, row = store.query(shapely.bounds(shapes))
    candidates = store.geometries(row)
    started = time.process_time()
    pieces = shapely.intersection(candidates, shapes[patch])
    middle = time.process_time()
    polygon_area_m2(pieces, 114.0)
    end = time.process_time()
    return {"intersection_us": (middle - started) / len(pieces) * 1e6, "area_us": (end - middle) / len(pieces) * 1e6}


RUNS = {"build": build, "ours": ours, "kernels": kernels, "theirs": theirs}


def child(what: str, folder: Path, count: int, asked: int) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.overlay", str(count), str(asked)]
    command += ["--only", what, "--folder", str(folder)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parcels", nargs="?", type=int, default=1_000_000)
    parser.add_argument("patches", nargs="?", type=int, default=5_000)
    parser.add_argument("--only", choices=RUNS, help="one of the runs, its figures as JSON")
    parser.add_argument("--folder", type=Path, help="where the layer lies or shall lie (kept)")
    asked = parser.parse_args()
    if asked.only:
        print(json.dumps(RUNS[asked.only](asked.folder, asked.parcels, asked.patches)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = asked.folder or Path(name)
        run = {what: child(what, folder, asked.parcels, asked.patches) for what in RUNS}
    made, mine, cost, other = (run[what] for what in RUNS)
    print(
        f"build    {made['rows']:,.0f} parcels: {made['cpu_s']:.1f} s CPU, +{made['private_mb']:.0f} MB\n"
        f"ours     {asked.patches:,} patches: {mine['cpu_s']:.2f} s CPU, +{mine['private_mb']:.0f} MB;"
        f" 耕地 {mine['farmland_m2']:,.2f} m² ellipsoidal\n"
        f"theirs   load all, geopandas.overlay: {other['cpu_s']:.2f} s CPU, +{other['private_mb']:.0f} MB;"
        f" 耕地 {other['farmland_m2']:,.2f} m² planar\n"
        f"ours ÷ theirs                {mine['cpu_s'] / other['cpu_s']:.3f}   (goal 0.10)\n"
        f"area ÷ intersection, a piece {cost['area_us'] / cost['intersection_us']:.3f}   (goal 0.20;"
        f" {cost['area_us']:.2f} µs of {cost['intersection_us']:.1f} µs)"
    )


if __name__ == "__main__":
    main()
