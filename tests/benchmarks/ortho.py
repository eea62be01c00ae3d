"""An image with RPC laid on the ground: how far off before and after tying, how fast, in how much memory.

The computed scene of ``tests/geodata/l1a`` with its ground repeated: hills of 100 m, looked at 25° askew, RPC wrong by
15 m east and 9 m south; reference of another tone and season. Places of known marks are held against the truth.

    python -m tests.benchmarks.ortho [--size 6000] [--bands 4] [--reference-m 10] [--noise 0.1] [--sharpened]
    python -m tests.benchmarks.ortho --pairs ../shared/data

``--pairs``: the same scanner over real ground, pictures of one place years apart (SZTAKI Szada, DSIFN, LEVIR-CD): the
earlier is the ground that it sees, the later the reference. How far the tied camera is from the true one holds what
the two pictures are apart themselves.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import Resampling

from geodata import safe
from geodata.errors import InputError
from geodata.ortho import Dem, lay
from geodata.ortho.camera import Camera
from geodata.ortho.laid import to_ground
from tests.geodata import l1a

TILE = l1a.World(size=800)
SIDE_M = TILE.size * TILE.gsd
STRIP = 256


@dataclass(frozen=True)
class Wide(l1a.World):
    """The ground of ``TILE`` over and over."""

    def ground(self, east: l1a.F64, north: l1a.F64) -> l1a.F64:
        return TILE.ground(l1a.WEST + (east - l1a.WEST) % SIDE_M, l1a.TOP - (l1a.TOP - north) % SIDE_M)

    def marks(self) -> l1a.F64:
        count = int(self.size * self.gsd // SIDE_M)
        tiles = [np.array([SIDE_M * x, -SIDE_M * y]) for y in range(count) for x in range(count)]
        return np.concatenate([TILE.marks() + tile for tile in tiles])


def delivered(world: Wide, path: Path, bands: int) -> Path:
    """The image in strips, as it is too large to be held."""
    profile: dict[str, Any] = {"driver": "GTiff", "dtype": "uint16", "count": bands, "height": world.size}
    with rasterio.open(path, "w", **profile, width=world.size) as dataset:
        for y in range(0, world.size, STRIP):
            rows = np.arange(y, min(y + STRIP, world.size)) + 0.5
            level, north = np.meshgrid(l1a.WEST + (np.arange(world.size) + 0.5) * world.gsd, l1a.TOP - rows * world.gsd)
            east = l1a.down_the_ray(world, level, north)
            one = 100 + 800 * world.ground(east, north)
            values = np.stack([one * (1 - 0.1 * n) for n in range(bands)]).round().astype(np.uint16)
            dataset.write(values, window=((y, y + len(rows)), (0, world.size)))
    return path


def coarser(image: Path, path: Path) -> Path:
    """Four bands with pixels of 4 × 4 of an image's."""
    with rasterio.open(image) as source:
        shape = (source.height // 4, source.width // 4)
        low = source.read(1, out_shape=shape, resampling=Resampling.average)
    profile: dict[str, Any] = {"driver": "GTiff", "dtype": "uint16", "count": 4}
    with rasterio.open(path, "w", **profile, height=shape[0], width=shape[1]) as dataset:
        dataset.write(np.stack([low * (1 - 0.1 * n) for n in range(4)]).astype(np.uint16))
    return path


def reference(world: Wide, path: Path, gsd: float, noise: float) -> Path:
    chance = np.random.default_rng(7)
    count = round(world.size * world.gsd / gsd)
    profile: dict[str, Any] = {"driver": "GTiff", "dtype": "uint8", "count": 1, "height": count, "width": count}
    profile |= {"crs": l1a.CRS, "transform": Affine(gsd, 0, l1a.WEST, 0, -gsd, l1a.TOP), "nodata": 0, "tiled": True}
    with rasterio.open(path, "w", **profile, compress="deflate") as dataset:
        for y in range(0, count, STRIP):
            rows = np.arange(y, min(y + STRIP, count)) + 0.5
            east, north = np.meshgrid(l1a.WEST + (np.arange(count) + 0.5) * gsd, l1a.TOP - rows * gsd)
            toned = 0.85 + 0.15 * np.sign(np.sin(east / 97) * np.sin(north / 83))
            values = (1 - 0.7 * world.ground(east, north)) * toned + chance.normal(0, noise, east.shape)
            dataset.write(
                (255 * values).clip(1, 255).astype(np.uint8)[np.newaxis], window=((y, y + len(rows)), (0, count))
            )
    return path


def measured(told: dict[str, Any], target: str, answer: Any) -> None:
    """In a process of its own: what ``lay`` tells, its CPU seconds and peak memory (MB)."""
    start = time.process_time()
    found = lay.lay(told, target)
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    answer.put((found, time.process_time() - start, int(peak[1]) / 1024 if peak else float("nan")))


def laid(job: lay.Job, target: Path, world: l1a.World) -> None:
    """One line: residuals, marks, seconds, pixels a second, memory."""
    start = time.perf_counter()
    spawn = multiprocessing.get_context("spawn")
    answer = spawn.Queue()
    process = spawn.Process(target=measured, args=(lay.plain(job), str(target), answer))
    process.start()
    told, cpu, peak = answer.get()
    process.join()
    wall = time.perf_counter() - start
    with rasterio.open(target) as dataset:
        off = l1a.found_marks(dataset.read(1), dataset.transform, world)
    rows, columns = told["shape"]
    rms = float(np.sqrt((off**2).sum(axis=1).mean()))
    print(f"{'tied' if told['ties'] else 'untied':<7} {rows} × {columns} × {job.image.bands}: marks off {rms:.2f} m"
          f" ({rms / world.gsd:.2f} px); wall {wall:.1f} s, CPU {cpu:.1f} s,"
          f" {rows * columns / cpu / 1e6:.2f} Mpx per CPU second, peak {peak:.0f} MB")  # fmt: skip
    for tie in told["ties"]:
        for part in ("before", "used", "checked"):
            print(f"        {tie['model']} {part}: {tie[part]}")


@dataclass(frozen=True)
class Pictured(l1a.World):
    """The ground of a picture (y, x), mirrored beyond its edges."""

    picture: Any = None

    def ground(self, east: l1a.F64, north: l1a.F64) -> l1a.F64:
        x, y = ((at / self.gsd - 0.5).astype(np.float32) for at in (east - l1a.WEST, l1a.TOP - north))
        return cv2.remap(self.picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT).astype(float)

    def __hash__(self) -> int:
        return id(self)


def on_pictures(before: Path, after: Path, gsd: float, folder: Path) -> str:
    """What tying gives, and how far the camera then is from the true one, RMS in pixels."""
    one, two = (cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255 for path in (before, after))
    size = min(one.shape)
    world = Pictured(size=size, gsd=gsd, hills_m=60, picture=one)
    image = l1a.delivered(world, folder / "image.tiff", how="none")
    other = l1a.reference(Pictured(size=size, gsd=gsd, hills_m=60, picture=two), folder / "reference.tif", gsd)
    dem = Dem(l1a.dem(world, folder / "dem.tif"), "orthometric", l1a.GEOID_M)
    rpc = l1a.rpc(world)
    picture = lay.Picture(str(image), image.name, rpc, 1, 0)
    job = lay.Job(picture, None, dem, {"path": str(other)}, None, "uint16", 0, 99.0)
    try:
        told = safe.in_child("geodata.ortho.lay:lay", lay.plain(job), str(folder / "laid.tif"), about=image.name)
    except InputError as error:
        return f"refused: {str(error).partition(': ')[2]}"
    tie = told["ties"][0]
    east, north = (part.ravel() for part in np.meshgrid(*(np.linspace(0.1, 0.9, 9) * size * gsd,) * 2))
    east, north = l1a.WEST + east, l1a.TOP - north
    height = world.height(east, north)
    lon, lat = to_ground(l1a.CRS).transform(east, north)
    seen = Camera(rpc, image.name, np.array(tie["correction"])).seen(lon, lat, height)
    apart = np.hypot(*(a - b for a, b in zip(seen, world.seen(east, north, height), strict=True)))
    used, checked = tie["used"], tie["checked"]
    return (
        f"lay {tie['before']['rmse_px']:.1f} px off; {tie['model']}, {used['points']} points {used['rmse_px']:.2f} px,"
        f" {checked['points']} left out of the fit {checked['rmse_px']:.2f} px,"
        f" {used['left_out']} + {checked['left_out']} outliers; the truth is {np.sqrt((apart**2).mean()):.2f} px away"
    )


def on_real_ground(data: Path) -> None:
    for name, gsd in (("sztaki_szada_aerial", 1.5), ("dsifn_samples", 2.0), ("levir_cd_samples", 0.5)):
        for before in sorted((data / name / "A").iterdir()):
            [after] = (data / name / "B").glob(before.stem + ".*")
            with tempfile.TemporaryDirectory() as folder:
                print(f"{name} {before.stem}: {on_pictures(before, after, gsd, Path(folder))}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=6000)
    parser.add_argument("--bands", type=int, default=1)
    parser.add_argument("--sharpened", action="store_true", help="four bands of 8 m by the image of 2 m")
    parser.add_argument("--reference-m", type=float, default=2.0, help="pixel size of the reference")
    parser.add_argument("--noise", type=float, default=0.0, help="of the reference, as a share of its range")
    parser.add_argument("--pairs", type=Path, help="folder with the public pairs")
    said = parser.parse_args()
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # as the children of ``safe`` have it
    if said.pairs:
        return on_real_ground(said.pairs)
    world = Wide(size=said.size)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = delivered(world, folder / "image.tiff", said.bands)
        dem = Dem(l1a.dem(world, folder / "dem.tif"), "orthometric", l1a.GEOID_M)
        opens = {"path": str(reference(world, folder / "reference.tif", said.reference_m, said.noise))}
        picture = lay.Picture(str(image), image.name, l1a.rpc(world), said.bands, 0)
        if said.sharpened:
            bands = lay.Picture(str(coarser(image, folder / "bands.tiff")), "bands", l1a.rpc(world, 8.0), 4, 0)
            return laid(lay.Job(bands, picture, dem, opens, None, "uint16", 0, 1.5), folder / "laid.tif", world)
        for tied_to in (None, opens):
            job = lay.Job(picture, None, dem, tied_to, None, "uint16", 0, 1.5)
            laid(job, folder / "laid.tif", world)


if __name__ == "__main__":
    main()
