"""How fast patches are split over a layer at rest: prints figures, asserts nothing.

    python tests/benchmarks/overlay.py [PARCELS] [PATCHES]

Builds its own parcels in a temporary folder (default 1,000,000, and 5,000 patches): a jittered net
of quadrangles that share their edges. In one run, in child processes, CPU seconds of
    ours          store at rest → areas
    geopandas     the same layer as GeoPackage: load all, geopandas.overlay
then the private memory of ours, and the survey's area formula ÷ the intersections alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import shapely

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


def private_mb() -> float:
    """Private_Dirty + Private_Clean of anonymous memory and of files, as the kernel counts it."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Dirty", "Private_Hugetlb"))) / 1024


def ours(folder: Path, shapes: np.ndarray) -> dict[str, float]:
    from pipeline.overlay import overlay

    before = private_mb()
    peak = before

    def watch(_: float) -> None:
        nonlocal peak
        peak = max(peak, private_mb())

    started = time.process_time()
    found = overlay(list(shapes), ZONE, layers(folder), progress=watch)
    return {
        "cpu_s": time.process_time() - started,
        "private_mb": peak - before,
        "farmland_m2": sum(one.farmland_gross_m2 for one in found),
        "patch_m2": sum(one.patch_m2 for one in found),
        "shares": sum(len(one.shares) for one in found),
    }


def theirs(folder: Path, shapes: np.ndarray) -> dict[str, float]:
    import geopandas

    started = time.process_time()
    held = geopandas.read_file(folder / "dltb.gpkg")
    mine = geopandas.GeoDataFrame({"patch": range(len(shapes))}, geometry=shapes, crs=ZONE)
    both = geopandas.overlay(mine, held, how="intersection", keep_geom_type=True)
    area = both.area
    cpu = time.process_time() - started
    return {"cpu_s": cpu, "farmland_m2": float(area[both.DLBM.str.startswith("01")].sum()), "shares": len(both)}


def kernels(folder: Path, shapes: np.ndarray) -> dict[str, float]:
    """The intersections alone, and the area formula on what they gave."""
    from geodata.area import polygon_area_m2
    from geodata.parcels import ParcelStore

    store = ParcelStore.open(folder)
    patch, row = store.query(shapely.bounds(shapes))
    candidates = store.geometries(row)
    started = time.process_time()
    pieces = shapely.intersection(candidates, shapes[patch])
    middle = time.process_time()
    polygon_area_m2(pieces, 114.0)
    end = time.process_time()
    return {"intersection_us": (middle - started) / len(pieces) * 1e6, "area_us": (end - middle) / len(pieces) * 1e6}


def build(folder: Path, count: int) -> None:
    """The store, and the same parcels as a GeoPackage."""
    import pyogrio

    from geodata.parcels import write_store

    started, base = time.process_time(), private_mb()
    summary = write_store(folder, parcels(count), zone=ZONE)
    took = time.process_time() - started
    print(
        f"write_store: {summary.rows:,} parcels, {took:.1f} s CPU, private {private_mb() - base:.0f} MB after",
        flush=True,
    )
    path = folder / "dltb.gpkg"
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


def child(what: str, folder: Path, count: int, asked: int) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.overlay", str(count), str(asked), "--only", what, "--folder", str(folder)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parcels", nargs="?", type=int, default=1_000_000)
    parser.add_argument("patches", nargs="?", type=int, default=5_000)
    parser.add_argument("--only", choices=("ours", "theirs", "kernels"))
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--skip-geopandas", action="store_true")
    asked = parser.parse_args()
    if asked.only:
        run = {"ours": ours, "theirs": theirs, "kernels": kernels}[asked.only]
        print(json.dumps(run(asked.folder, patches(asked.patches, asked.parcels))))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = asked.folder or Path(name)
        if not (folder / "store.json").exists():
            build(folder, asked.parcels)
        mine = child("ours", folder, asked.parcels, asked.patches)
        print(f"ours: {mine['cpu_s']:.2f} s CPU, {mine['shares']:,.0f} shares, private +{mine['private_mb']:.0f} MB")
        cost = child("kernels", folder, asked.parcels, asked.patches)
        ratio = cost["area_us"] / cost["intersection_us"]
        print(
            f"a piece: intersection {cost['intersection_us']:.1f} µs, area {cost['area_us']:.2f} µs, ratio {ratio:.3f}"
        )
        if not asked.skip_geopandas:
            other = child("theirs", folder, asked.parcels, asked.patches)
            print(
                f"load all + geopandas.overlay: {other['cpu_s']:.2f} s CPU; 耕地 {other['farmland_m2']:,.0f} m² planar"
            )
            print(f"耕地 {mine['farmland_m2']:,.2f} m² ellipsoidal; ratio of CPU {mine['cpu_s'] / other['cpu_s']:.3f}")


if __name__ == "__main__":
    main()
