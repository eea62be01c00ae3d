"""How long a newer edition is compared, and a layer checked: prints figures, asserts nothing.

    python -m tests.benchmarks.editions [PARCELS]

The net of parcels of ``tests.benchmarks.overlay`` (default 100,000), and a second edition of it: 2 of 100 built
on, 1 gone, 1 drawn in by 5 m. Each run in a process of its own: CPU seconds, and how far its anonymous memory rose.
    diff      the two editions against each other
    check     the topology report, its figures only (areas in the net are all wrong: each parcel is a finding)
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import shapely

import geodata  # noqa: F401 (settles the environment before GDAL is imported)
from tests.benchmarks.overlay import ROOT, ZONE, Watched, parcels

BUILT, DRAWN_IN, KEPT = 0.02, 0.98, 0.99


def newer(count: int) -> Iterator[pa.RecordBatch]:
    rng = np.random.default_rng(1)
    for batch in parcels(count):
        chance = rng.random(batch.num_rows)
        codes = np.where(chance < BUILT, "0702", np.array(batch.column("DLBM").to_pylist()))
        shapes = shapely.from_wkb(batch.column("wkb").to_pylist())
        less = (chance > DRAWN_IN) & (chance < KEPT)
        shapes[less] = shapely.buffer(shapes[less], -5)
        columns = {name: batch.column(name) for name in batch.schema.names}
        columns |= {"wkb": pa.array(shapely.to_wkb(shapes), pa.binary()), "DLBM": pa.array(codes.tolist())}
        yield pa.record_batch(columns).filter(pa.array(chance < KEPT))


def part(folder: Path):
    from geodata.layers import Kind, Layer
    from geodata.parcels import ParcelStore

    store, day = ParcelStore.open(folder), date(2025, 1, 1)
    return [(Layer(Kind.FARMLAND, "2025", day, "sandiao", ZONE, ZONE, "0" * 64, "", len(store), 0.0, 0.0), store)]


def diff(folder: Path) -> dict[str, float]:
    from geodata.layers import Kind
    from pipeline.layerchange import compare

    with Watched() as watched:
        told = compare(Kind.FARMLAND, part(folder / "old"), part(folder / "new"))
    return {"lost_m2": told.lost_m2, "unbalanced_m2": told.unbalanced_m2} | watched.figures()


def check(folder: Path) -> dict[str, float]:
    from flows.layercheck import looked
    from geodata.layers import Kind

    with Watched() as watched:
        told = looked(Kind.FARMLAND, part(folder / "old"), [])
    return {key: n for key, n in told.counts.items() if n} | watched.figures()


RUNS = {"diff": diff, "check": check}


def main() -> None:
    from geodata.parcels import write_store

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parcels", nargs="?", type=int, default=100_000)
    parser.add_argument("--only", choices=RUNS, help="one of the runs, its figures as JSON")
    parser.add_argument("--folder", type=Path, help="where the editions lie")
    asked = parser.parse_args()
    if asked.only:
        print(json.dumps(RUNS[asked.only](asked.folder)))
        return
    with tempfile.TemporaryDirectory() as name:
        write_store(Path(name) / "old", parcels(asked.parcels), zone=ZONE)
        write_store(Path(name) / "new", newer(asked.parcels), zone=ZONE)
        for what in RUNS:
            command = [sys.executable, "-m", "tests.benchmarks.editions", "--only", what, "--folder", name]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
            told = ", ".join(f"{key} {value:,.2f}" for key, value in json.loads(done.stdout).items())
            print(f"{what}: {told}", flush=True)


if __name__ == "__main__":
    main()
