"""What detecting costs: ``python -m tests.benchmarks.speed [SIDE…] [--whole SIDE] [--dir DIR]``.

A computed pair of SIDE × SIDE × 4 uint16 (default 10,000; tiled, deflate) is written to a temporary
folder, or to DIR. Each way runs in a process of its own and prints CPU seconds, wall-clock seconds (two
threads: one reads ahead, one scores) and peak memory, both times against reading. With several sides the
growth of each way from one to the next is told: log of the time over log of the pixels.

- reading the pair once, strip by strip, on one thread;
- IR-MAD alone, and the default (IR-MAD joined with slow features, with its floor): sample, fit to
  convergence, score, decision, patches with outlines and spectra;
- a whole-array numpy IR-MAD on a smaller piece (``--whole``, default 3,000), scaled by its pixels.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

import geodata  # noqa: F401  (guards GDAL before it is imported)
from geodata.rasterfile import GridWriter, open_pixels
from pipeline import changes, detect
from pipeline.detect.run import scored

BANDS = ("blue", "green", "red", "nir")
STRIP = 512


def make_pair(folder: Path, side: int) -> tuple[Path, Path]:
    """Fields of 37 × 53 pixels, noise, another season's gain, and about one changed block in 150."""
    grid = GeoBox((side, side), Affine(10, 0, 500_000, 0, -10, 3_100_000), "EPSG:4547")
    paths = folder / "before.tif", folder / "after.tif"
    with (
        GridWriter(paths[0], grid, "uint16", 4, descriptions=BANDS) as before,
        GridWriter(paths[1], grid, "uint16", 4, descriptions=BANDS) as after,
    ):
        for top in range(0, side, STRIP):
            roi = (slice(top, min(top + STRIP, side)), slice(0, side))
            first, second = _strip(roi[0], side)
            before.write(roi, first)
            after.write(roi, second)
    return paths


def _strip(rows: slice, side: int) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    rng = np.random.default_rng(rows.start + 1)
    y, x = np.arange(rows.start, rows.stop)[:, None], np.arange(side)[None, :]
    field = ((y // 37) * 7919 + (x // 53) * 104_729) % 251
    yard = (((y // 11) * 31 + (x // 13) * 17) % 151 == 0).astype(np.float32)
    first = np.empty((4, rows.stop - rows.start, side), np.float32)
    second = np.empty_like(first)
    for band, (level, spread) in enumerate(((600, 0.6), (800, 0.9), (900, 1.4), (2600, 3.0))):
        land = level + spread * field.astype(np.float32)
        first[band] = land + rng.normal(0, 25, land.shape)
        second[band] = 1.15 * land + 90 + rng.normal(0, 25, land.shape) + (900 if band < 3 else -700) * yard
    return np.clip(first, 1, 65535).astype(np.uint16), np.clip(second, 1, 65535).astype(np.uint16)


def read_once(before: Path, after: Path) -> dict[str, Any]:
    with open_pixels(before) as one, open_pixels(after) as two:
        rows, columns = one.geobox.shape
        for top in range(0, rows, STRIP):
            roi = (slice(top, min(top + STRIP, rows)), slice(0, columns))
            one.read(roi)
            two.read(roi)
    return {}


def detect_once(before: Path, after: Path, method: str) -> dict[str, Any]:
    with open_pixels(before) as one, open_pixels(after) as two:
        start = time.process_time()
        model = detect.fit(one, two, method=method)
        fitted = time.process_time()
        traced = changes.trace(scored(one, two, model), model, one.geobox, before_id="before", after_id="after")
        return {
            "fit_s": round(fitted - start, 2),
            "score_and_trace_s": round(time.process_time() - fitted, 2),
            "patches": len(traced.changes),
            "iterations": model.report["iterations"],
        }


def whole_array(before: Path, after: Path) -> dict[str, Any]:
    """IR-MAD as a script does it: both images in memory, all pixels in every round."""
    from scipy import stats

    with open_pixels(before) as one, open_pixels(after) as two:
        rows, columns = one.geobox.shape
        everything = (slice(0, rows), slice(0, columns))
        x = one.read(everything).values.reshape(4, -1).astype(np.float64)
        y = two.read(everything).values.reshape(4, -1).astype(np.float64)
    weight, previous = np.ones(x.shape[1]), np.zeros(4)
    for rounds in range(1, 51):  # noqa: B007
        covariance = np.cov(np.concatenate([x, y]), aweights=weight)
        sxx, sxy, syy = covariance[:4, :4], covariance[:4, 4:], covariance[4:, 4:]
        root_x, root_y = np.linalg.cholesky(np.linalg.inv(sxx)), np.linalg.cholesky(np.linalg.inv(syy))
        u, rho, vt = np.linalg.svd(root_x.T @ sxy @ root_y)
        a, b = root_x @ u, root_y @ vt.T
        centre_x, centre_y = np.average(x, axis=1, weights=weight), np.average(y, axis=1, weights=weight)
        variates = a.T @ (x - centre_x[:, None]) - b.T @ (y - centre_y[:, None])
        weight = stats.chi2.sf((variates**2 / (2 * (1 - rho))[:, None]).sum(axis=0), 4)
        if np.abs(rho - previous).max() < 1e-5:
            break
        previous = rho
    return {"iterations": rounds}


WAYS: dict[str, Callable[[Path, Path], dict[str, Any]]] = {
    "read": read_once,
    "irmad": partial(detect_once, method="irmad"),
    "multispectral": partial(detect_once, method="multispectral"),
    "whole": whole_array,
}


def run(way: str, before: Path, after: Path) -> dict[str, Any]:
    """One way in a process of its own."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    out = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.speed", "--way", way, str(before), str(after)],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return json.loads(out.splitlines()[-1])


def child(way: str, before: Path, after: Path) -> None:
    cpu, wall = time.process_time(), time.monotonic()
    told = WAYS[way](before, after)
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu_s": round(cpu, 2), "wall_s": round(wall, 2), "peak_mb": round(peak)} | told))


def of_side(folder: Path, side: int) -> dict[str, dict[str, Any]]:
    pair = make_pair(folder, side)
    size = sum(path.stat().st_size for path in pair) / 1e6
    print(f"pair {side} × {side} × 4 uint16, {size:.0f} MB on disk", flush=True)
    found: dict[str, dict[str, Any]] = {}
    for way in ("read", "irmad", "multispectral"):
        found[way] = run(way, *pair)
        cpu, wall = (found[way][key] / found["read"][key] for key in ("cpu_s", "wall_s"))
        rest = {key: value for key, value in found[way].items() if key not in ("cpu_s", "wall_s", "peak_mb")}
        print(
            f"  {way:14} {found[way]['cpu_s']:8.2f} s CPU ({cpu:4.2f} × reading)  {found[way]['wall_s']:8.2f} s wall"
            f" ({wall:4.2f} ×)  {found[way]['peak_mb']:6} MB peak  {rest}",
            flush=True,
        )
    for path in pair:
        path.unlink()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sides", nargs="*", type=int, default=[10_000])
    parser.add_argument("--whole", type=int, default=3_000, help="side for the whole-array way; 0: leave it out")
    parser.add_argument("--dir", help="where the pairs are written")
    parser.add_argument("--way", nargs=3, metavar=("WAY", "BEFORE", "AFTER"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.way:
        child(asked.way[0], Path(asked.way[1]), Path(asked.way[2]))
        return
    with tempfile.TemporaryDirectory(prefix="gengxun-speed-", dir=asked.dir) as name:
        found = [of_side(Path(name), side) for side in asked.sides]
        for (side, one), (other, two) in pairwise(zip(asked.sides, found, strict=True)):
            pixels = 2 * math.log(other / side)
            growth = {way: math.log(two[way]["cpu_s"] / one[way]["cpu_s"]) / pixels for way in one}
            print(f"growth {side} → {other}: " + ", ".join(f"{way} {power:.2f}" for way, power in growth.items()))
        if not asked.whole:
            return
        told = run("whole", *make_pair(Path(name), asked.whole))
        scaled = told["cpu_s"] * (asked.sides[-1] / asked.whole) ** 2
        print(
            f"  whole   {told['cpu_s']:8.2f} s CPU at {asked.whole} × {asked.whole}, {told['peak_mb']} MB,"
            f" {told['iterations']} rounds; at {asked.sides[-1]}: {scaled:.0f} s;"
            f" multispectral ÷ whole array = {found[-1]['multispectral']['cpu_s'] / scaled:.3f}"
        )


if __name__ == "__main__":
    main()
