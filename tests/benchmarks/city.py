"""A city's size through the public doors: two scenes of N × N × 4 and a million parcels; peak memory and time.

    python -m tests.benchmarks.city [--size 10000] [--parcels 1000000] [--folder DIR]

Prints, for each command, wall and CPU seconds and the peak of its whole process tree (sum of the
proportional set sizes; and the largest single process by private memory). Asserts nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

import geodata  # noqa: F401 (closes drivers before rasterio is imported)

EAST, NORTH, GSD = 640_000.0, 3_120_000.0, 10.0
ROWS = 500
CLASSES = np.array(["0101", "0103", "0301", "1006", "0702", "1104", "1107", "05H1"])


def write_scene(path: Path, size: int, day: str, changed: bool) -> None:
    """Fields of a few hundred metres with their own level, noise on top; AFTER with 2,000 bright pads."""
    import rasterio

    levels = np.random.default_rng(1)
    fields = levels.integers(300, 2200, (4, size // 20 + 1, size // 20 + 1)).astype(np.uint16)
    pads = np.random.default_rng(2).integers(0, size - 12, (2000, 2))
    noise = np.random.default_rng(3 if changed else 4)
    profile = {
        "driver": "GTiff",
        "width": size,
        "height": size,
        "count": 4,
        "dtype": "uint16",
        "crs": "EPSG:32649",
        "transform": rasterio.Affine(GSD, 0, EAST, 0, -GSD, NORTH),
        "nodata": 0,
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "compress": "deflate",
        "zlevel": 1,
        "predictor": 2,
        "BIGTIFF": "IF_SAFER",
    }
    with rasterio.open(path, "w", **profile) as file:
        for top in range(0, size, ROWS):
            rows = np.arange(top, min(top + ROWS, size))
            values = fields[:, rows // 20][:, :, np.arange(size) // 20].astype(np.float32)
            values += noise.normal(0, 20, values.shape).astype(np.float32)
            if changed:
                values = values * 1.08 + 40
                for y, x in pads[(pads[:, 0] >= top - 12) & (pads[:, 0] < top + ROWS)]:
                    values[:, max(y - top, 0) : max(y - top + 10, 0), x : x + 12] = [
                        [[3500]],
                        [[3400]],
                        [[3300]],
                        [[3200]],
                    ]
            block = np.clip(values, 1, 65535).astype(np.uint16)
            file.write(block, window=((int(rows[0]), int(rows[-1]) + 1), (0, size)))
        file.descriptions = ("blue", "green", "red", "nir")
        file.update_tags(PLATFORM="sentinel-2a", ACQUIRED=f"{day}T03:00:00Z")


def write_parcels(path: Path, count: int, size: int) -> None:
    """Quadrilaterals that tile the scene's ground, DLTB fields, EPSG:4547; written in batches."""
    import geopandas as gpd
    import shapely
    from pyproj import Transformer

    side = int(np.ceil(np.sqrt(count)))
    to_gk = Transformer.from_crs("EPSG:32649", "EPSG:4547", always_xy=True)
    for first in range(0, side, 100):
        lines = np.arange(first, min(first + 100, side) + 1)
        u, v = np.meshgrid(np.arange(side + 1) / side, lines / side)
        wobble = np.sin(u * 977) * np.cos(v * 761) * 0.25 / side
        x, y = to_gk.transform(EAST + (u + wobble) * size * GSD, NORTH - (v - wobble) * size * GSD)
        corners = np.stack([x, y], axis=-1)
        rings = np.stack([corners[:-1, :-1], corners[:-1, 1:], corners[1:, 1:], corners[1:, :-1]], axis=2)
        polygons = shapely.polygons(rings.reshape(-1, 4, 2))
        n = np.arange(first * side, first * side + len(polygons))
        frame = gpd.GeoDataFrame(
            {
                "BSM": np.char.add("430321", np.char.zfill(n.astype(str), 12)),
                "TBBH": np.char.zfill((n % 10**8).astype(str), 8),
                "DLBM": CLASSES[(n * 7919) % 11 % 8],
                "DLMC": "水田",
                "ZLDWDM": "4303211010010000000",
                "ZLDWMC": "示意村",
                "KCXS": 0.05 * (n % 2),
                "TBMJ": np.round(shapely.area(polygons), 2),
            },
            geometry=polygons,
            crs="EPSG:4547",
        )
        frame.to_file(path, layer="DLTB", driver="GPKG", mode="a" if first else "w")


def descendants(pid: int) -> list[int]:
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        try:
            for task in Path(f"/proc/{one}/task").iterdir():
                todo += [int(c) for c in (task / "children").read_text().split()]
        except OSError:
            continue
    return found


def memory(pid: int) -> tuple[float, float]:
    """(PSS, private) in bytes."""
    try:
        rows = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    except OSError:
        return 0.0, 0.0
    kb = {name: float(value.split()[0]) for name, value in rows.items()}
    return kb["Pss"] * 1024, (kb["Private_Clean"] + kb["Private_Dirty"]) * 1024


def measured(arguments: list[str], folder: Path) -> str:
    """Run ``gengxun`` and print what it took; returns its standard output."""
    before = os.times()
    started = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *arguments], cwd=folder, stdout=subprocess.PIPE, env=ENV
    )
    peak = {"tree": 0.0, "private": 0.0}
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            each = [memory(pid) for pid in descendants(child.pid)]
            peak["tree"] = max(peak["tree"], sum(pss for pss, _ in each))
            peak["private"] = max(peak["private"], max((private for _, private in each), default=0.0))

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, _ = child.communicate()
    done.set()
    watcher.join()
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    took = f"wall {time.monotonic() - started:7.1f} s  CPU {cpu:7.1f} s"
    most = f"peak: tree {peak['tree'] / 1e9:5.2f} GB, one process {peak['private'] / 1e9:5.2f} GB"
    print(f"{' '.join(arguments[:3]):<36} exit {child.returncode}  {took}  {most}", flush=True)
    return out.decode()


ENV = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "GENGXUN_LANG": "en"}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--size", type=int, default=10_000)
    options.add_argument("--parcels", type=int, default=1_000_000)
    options.add_argument("--folder", type=Path)
    chosen = options.parse_args()
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="gengxun-city-"))
    folder.mkdir(parents=True, exist_ok=True)
    workspace = folder / "ws"
    shutil.rmtree(workspace, ignore_errors=True)
    files = {"before": "2025-09-20", "after": "2026-09-22"}
    for name, day in files.items():
        if not (folder / f"{name}.tif").exists():
            write_scene(folder / f"{name}.tif", chosen.size, day, changed=name == "after")
    if not (folder / "dltb.gpkg").exists():
        write_parcels(folder / "dltb.gpkg", chosen.parcels, chosen.size)
    print(f"{chosen.size} × {chosen.size} × 4, {chosen.parcels} parcels", flush=True)
    measured(["init", str(workspace)], folder)
    measured(["layer", "add", "FARMLAND", str(folder / "dltb.gpkg"), "--edition", "2025"], workspace)
    measured(["scene", "add", *(str(folder / f"{name}.tif") for name in files)], workspace)
    found = json.loads(measured(["inspect", "--json"], workspace))
    print("funnel:", {line["reason"]: line["count"] for line in found["funnel"]})
    again = json.loads(measured(["inspect", "--json"], workspace))
    print("again: new", len(again["cases_new"]), "notes", [note["en"] for note in again["notes"]])
    if not chosen.folder:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
