"""What detecting costs, how it grows, and what a province would take: ``python -m tests.benchmarks.scale [SIDE…]``.

Computed pairs of SIDE × SIDE × 4 uint16 (tiled, deflate) are written to a temporary folder, or to ``--dir``. Each way
runs in a process of its own and prints CPU seconds, wall-clock seconds (two threads: one reads ahead, both score) and
peak memory, both times against reading.

- reading the pair once, strip by strip, on one thread;
- IR-MAD alone; IR-MAD joined with slow features, with its floor (the default for several bands); high resolution
  (the default for three and four bands up to 5 m): sample, fit, score, decision, patches with outlines and spectra;
- peers on a smaller piece (``--peer``), against reading that: IR-MAD on whole numpy arrays, as scripts have it, and on
  dask arrays, whose every round reads both images again;
- ``--workers``: the smallest pair on two processes and on a Dask cluster of two workers, one of which is killed in
  the middle, with digests of all that was scored.

Growth is the log of the time over the log of the pixels from one side to the next. The estimate for a province
follows from it; its assumptions are printed with it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

import geodata  # noqa: F401  (guards GDAL before it is imported)
from geodata import words
from geodata.rasterfile import GridWriter, open_pixels
from geodata.scene import windows
from pipeline import changes, detect
from pipeline.detect.run import scored
from pipeline.detect.spread import strips
from pipeline.detect.workers import Workers

BANDS = ("blue", "green", "red", "nir")
STRIP = 512
PIXEL_M = 2
METHODS = ("irmad", "multispectral", "highres")
PROVINCE_KM2 = 211_800
"""Hunan."""
OVERLAP, SCENE, USE = 1.2, 10_000, 0.8
"""Of the province: share looked at where scenes overlap, their side in pixels, how far cores are kept busy."""


def make_pair(folder: Path, side: int) -> tuple[Path, Path]:
    """Fields of 37 × 53 pixels, noise, another season's gain, and about one changed block in 150."""
    grid = GeoBox((side, side), Affine(PIXEL_M, 0, 500_000, 0, -PIXEL_M, 3_100_000), "EPSG:4547")
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


def _canonical(covariance: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    sxx, sxy, syy = covariance[:4, :4], covariance[:4, 4:], covariance[4:, 4:]
    root_x, root_y = np.linalg.cholesky(np.linalg.inv(sxx)), np.linalg.cholesky(np.linalg.inv(syy))
    u, rho, vt = np.linalg.svd(root_x.T @ sxy @ root_y)
    return root_x @ u, rho, root_y @ vt.T


def _unchanged(variates: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy import stats

    return stats.chi2.sf((variates**2).sum(axis=0), 4)


def whole_array(before: Path, after: Path) -> dict[str, Any]:
    """IR-MAD as a script does it: both images in memory, all pixels in every round."""
    with open_pixels(before) as one, open_pixels(after) as two:
        rows, columns = one.geobox.shape
        everything = (slice(0, rows), slice(0, columns))
        x = one.read(everything).values.reshape(4, -1).astype(np.float64)
        y = two.read(everything).values.reshape(4, -1).astype(np.float64)
    weight, previous = np.ones(x.shape[1]), np.zeros(4)
    for rounds in range(1, 51):  # noqa: B007
        a, rho, b = _canonical(np.cov(np.concatenate([x, y]), aweights=weight))
        centre_x, centre_y = np.average(x, axis=1, weights=weight), np.average(y, axis=1, weights=weight)
        variates = a.T @ (x - centre_x[:, None]) - b.T @ (y - centre_y[:, None])
        weight = _unchanged(variates / np.sqrt(2 * (1 - rho))[:, None])
        if np.abs(rho - previous).max() < 1e-5:
            break
        previous = rho
    return {"iterations": rounds}


def dask_arrays(before: Path, after: Path) -> dict[str, Any]:
    """The same by blocks of 1,024 × 1,024 pixels on dask's threads: every round reads everything."""
    import dask

    def moments(one: Any, two: Any, roi: Any, forms: Any) -> NDArray[np.float64]:
        values = [pixels.read(roi).values.reshape(4, -1).astype(np.float64) for pixels in (one, two)]
        joint = np.concatenate([*values, np.ones((1, values[0].shape[1]))])
        weight = np.ones(joint.shape[1]) if forms is None else _unchanged(forms @ joint)
        return (joint * weight) @ joint.T

    with open_pixels(before) as one, open_pixels(after) as two:
        rois = list(windows(one.geobox.shape))
        forms, previous = None, np.zeros(4)
        for rounds in range(1, 51):  # noqa: B007
            found = dask.compute(*(dask.delayed(moments)(one, two, roi, forms) for roi in rois), scheduler="threads")
            total = sum(found)
            total /= total[-1, -1]
            centre = total[:-1, -1]
            a, rho, b = _canonical(total[:-1, :-1] - np.outer(centre, centre))
            forms = np.concatenate([a.T, -b.T], axis=1) / np.sqrt(2 * (1 - rho))[:, None]
            forms = np.column_stack([forms, -forms @ centre])
            if np.abs(rho - previous).max() < 1e-5:
                break
            previous = rho
    return {"iterations": rounds}


def spread(before: Path, after: Path, workers: str) -> dict[str, Any]:
    """The default by threads, processes or a cluster; a digest of all that is told of every pixel."""
    with open_pixels(before) as one, open_pixels(after) as two:
        model = detect.fit(one, two, method="multispectral")
        if workers == "cluster":
            return _on_cluster(one, two, model)
        return {"digest": digest(strips(one, two, model, Workers(int(workers))))}


def digest(scored: Iterable[Any]) -> str:
    found = hashlib.sha256()
    for strip in scored:
        for part in (strip.score, strip.change, strip.quality):
            found.update(np.ascontiguousarray(part))
    return found.hexdigest()[:16]


def _on_cluster(one: Any, two: Any, model: Any) -> dict[str, Any]:
    """Scheduler and two workers are processes of their own; one worker is killed when the first window is back."""
    from distributed import Client

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    local = ("--no-dashboard", "--host", "127.0.0.1")
    started = [_dask("scheduler", "--port", address.rsplit(":", 1)[1], *local)]
    try:
        started += [_dask("worker", address, "--nthreads", "1", "--no-nanny", *local) for _ in range(2)]
        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=120)
        told = {"killed": 0}

        def watched() -> Iterable[Any]:
            for strip in strips(one, two, model, Workers(dask=address)):
                if not told["killed"]:
                    told["killed"] = started[1].pid
                    started[1].kill()
                yield strip

        return {"digest": digest(watched())} | told
    finally:
        for process in started:
            process.kill()
            process.wait()


def _dask(*args: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "dask", *args], stderr=subprocess.DEVNULL)


WAYS: dict[str, Callable[[Path, Path], dict[str, Any]]] = {
    "read": read_once,
    **{method: partial(detect_once, method=method) for method in METHODS},
    "numpy": whole_array,
    "dask arrays": dask_arrays,
    "2 threads": partial(spread, workers="0"),
    "2 processes": partial(spread, workers="2"),
    "cluster": partial(spread, workers="cluster"),
}


def run(way: str, pair: tuple[Path, Path]) -> dict[str, Any]:
    """One way in a process of its own."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    out = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.scale", "--way", way, *map(str, pair)],
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    return dict(json.loads(out.splitlines()[-1]))


def child(way: str, before: Path, after: Path) -> None:
    """Workers' processor time counts as well; their memory is told as that of the largest. Starting the program
    (imports, the sentences of both languages) does not."""
    words.catalogue()
    cpu, wall = time.process_time(), time.monotonic()
    told = WAYS[way](before, after)
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    workers = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu += workers.ru_utime + workers.ru_stime
    peak = max(_peak_mb(), workers.ru_maxrss / 1024)
    print(json.dumps({"cpu_s": round(cpu, 2), "wall_s": round(wall, 2), "peak_mb": round(peak)} | told))


def _peak_mb() -> float:
    """Of this process alone: what getrusage says begins with what its parent had."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


Found = dict[str, dict[str, Any]]


def measured(folder: Path, side: int, ways: Iterable[str]) -> Found:
    pair = make_pair(folder, side)
    size = sum(path.stat().st_size for path in pair)
    print(f"pair {side} × {side} × 4 uint16, {size / 1e6:.0f} MB on disk", flush=True)
    found: Found = {}
    for way in ("read", *ways):
        one = found[way] = run(way, pair)
        cpu, wall = (one[key] / found["read"][key] for key in ("cpu_s", "wall_s"))
        rest = {key: value for key, value in one.items() if key not in ("cpu_s", "wall_s", "peak_mb")}
        print(
            f"  {way:14} {one['cpu_s']:8.2f} s CPU ({cpu:5.2f} × reading)  {one['wall_s']:8.2f} s wall"
            f" ({wall:5.2f} ×)  {one['peak_mb']:6} MB peak  {rest}",
            flush=True,
        )
    for path in pair:
        path.unlink()
    found["pair"] = {"bytes": size}
    return found


def growth(sides: list[int], found: list[Found]) -> None:
    steps = list(pairwise(zip(sides, found, strict=True)))
    if len(sides) > 2:
        steps.append(((sides[0], found[0]), (sides[-1], found[-1])))
    for (side, one), (other, two) in steps:
        told = {
            way: math.log(two[way]["cpu_s"] / one[way]["cpu_s"]) / (2 * math.log(other / side))
            for way in ("read", *METHODS)
        }
        print(f"growth {side} → {other}: " + ", ".join(f"{way} {power:.2f}" for way, power in told.items()))


def province(sides: list[int], found: list[Found]) -> None:
    """CPU seconds are taken as a constant (the fit) and a slope a pixel, from the smallest and the largest side."""
    pixels, first, last = [side * side for side in sides], found[0], found[-1]
    apiece = last["pair"]["bytes"] / pixels[-1]
    print(f"{PROVINCE_KM2:,} km², one pair of dates, in scenes of {SCENE:,} × {SCENE:,} pixels (estimated):")
    for gsd_m in (2.0, 0.8):
        total = PROVINCE_KM2 * 1e6 / gsd_m**2 * OVERLAP
        scenes = math.ceil(total / SCENE**2)
        print(f"  {gsd_m:g} m: {total / 1e9:.0f} Gpx, {scenes} pairs, {total * apiece / 1e12:.1f} TB on disk")
        for method in METHODS[1:]:
            slope = (last[method]["cpu_s"] - first[method]["cpu_s"]) / (pixels[-1] - pixels[0])
            constant = max(0.0, first[method]["cpu_s"] - slope * pixels[0])
            hours = (scenes * constant + slope * total) / 3600
            rate = 8 * USE * apiece / slope / 1e6
            told = ", ".join(f"{hours / cores / USE:.1f} h on {cores} cores" for cores in (2, 8, 32))
            print(f"    {method:14} {hours:6.1f} core hours: {told}; 8 cores read {rate:.0f} MB/s")
    print(
        f"  assumed: cores like this one's, kept busy {USE:.0%}; 4 bands uint16 that deflate to {apiece:.1f} bytes a"
        f" pixel of both dates; scenes overlap by {OVERLAP - 1:.0%}; both dates on one grid (laying one on the other"
        " is not counted), one clear pair of every place (clouds make it two or three); overlay with layers and"
        " pages not counted."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sides", nargs="*", type=int, default=[2_500, 5_000, 10_000])
    parser.add_argument("--peer", type=int, default=2_500, help="side for the peers; 0: leave them out")
    parser.add_argument("--workers", action="store_true", help="also on processes and on a cluster")
    parser.add_argument("--dir", help="where the pairs are written")
    parser.add_argument("--way", nargs=3, metavar=("WAY", "BEFORE", "AFTER"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.way:
        child(asked.way[0], Path(asked.way[1]), Path(asked.way[2]))
        return
    with tempfile.TemporaryDirectory(prefix="gengxun-scale-", dir=asked.dir) as name:
        folder = Path(name)
        found = [measured(folder, side, METHODS) for side in asked.sides]
        if asked.peer:
            measured(folder, asked.peer, ("irmad", "numpy", "dask arrays"))
        if asked.workers:
            measured(folder, asked.sides[0], ("2 threads", "2 processes", "cluster"))
    if len(found) > 1:
        growth(asked.sides, found)
        province(asked.sides, found)


if __name__ == "__main__":
    main()
