"""What is flagged where nothing was built: ``python -m tests.benchmarks.false_alarms [DATA] [--only WORD]``.

First raw change: ours by its default (aligned first, as every inspection does) beside the usual ways, over real
pairs in which only crops, light and water changed, and over copies of one image that differ in nothing real. Printed
by group: share of the observed pixels in per cent (mean of the pairs, and the worst), patches a km², and how much was
observed.

Then what an inspection makes of the same places (``unbuilt_series``: all ground is farmland): flags a km² after a
first look, the mean of the pairs that an inspection chooses; cases a km² of the whole series, and how many of them are
highly sure by their flags alone; then, after every further scene was looked at, how many of them were withdrawn, and
of what is left how many a look agreed with, and how many are highly sure.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from geodata.rasterfile import open_pixels
from pipeline import align, changes, detect
from pipeline.cases.seen import confidence, looks
from pipeline.cases.table import Status
from pipeline.confirm import AGREES
from pipeline.detect.run import UNSEEN, Scored, scored
from pipeline.triage import HIGH
from tests.benchmarks.accuracy import peer
from tests.benchmarks.inspected import confirmed, inspected
from tests.benchmarks.labelled import DATA, OBJECT_PX
from tests.benchmarks.peers import PEERS
from tests.benchmarks.unbuilt import Unbuilt, copies, km2, real
from tests.benchmarks.unbuilt_series import Place, office, places


def ours(pair: Unbuilt, method: str | None) -> tuple[float, int, float, str]:
    """(share changed of what was observed, patches, share observed, the method's name)."""
    with open_pixels(pair.before) as one, open_pixels(pair.after) as own:
        with own.onto(one.geobox) as two:
            moved = align.measure(one, two)
        with own.onto(one.geobox, (moved.dx_m, moved.dy_m)) as two:
            model = detect.fit(one, two, method=method)
            count = [0, 0]
            strips = _counted(scored(one, two, model), count)
            traced = changes.trace(strips, model, one.geobox, before_id="before", after_id="after")
    total = sum(traced.tally.values())
    return count[0] / max(1, count[1]), len(traced.changes), count[1] / total, model.method


def _counted(strips: Iterator[Scored], count: list[int]) -> Iterator[Scored]:
    for strip in strips:
        count[0] += int((strip.change == 1).sum())
        count[1] += int((strip.change != UNSEEN).sum())
        yield strip


def peers(pair: Unbuilt) -> Iterator[tuple[str, float, int, float]]:
    with open_pixels(pair.before) as one, open_pixels(pair.after) as own:
        for name, way in PEERS.items():
            with own.onto(one.geobox) as two:
                _, change, seen, _ = peer(one, two, way)
            yield name, float(change[seen].mean()) if seen.any() else 0.0, _patches(change), float(seen.mean())


def _patches(change: NDArray[np.bool_]) -> int:
    _, _, stats, _ = cv2.connectedComponentsWithStats(change.astype(np.uint8), connectivity=4)
    return int((stats[1:, cv2.CC_STAT_AREA] >= OBJECT_PX).sum())


def flagged(place: Place, root: Path) -> str:
    """One line: a place through its whole series."""
    made, ground = office(place, root)
    first = [len(one.judged) / ground for one in inspected(made) if not one.refused]
    cases = made.ledger.cases()
    early = sum(confidence(case) >= HIGH for case in cases)
    left = [case for case in confirmed(made) if case.status is Status.SUSPECTED]
    late = sum(confidence(case) >= HIGH for case in left)
    agreed = sum(looks(case)[AGREES] > 0 for case in left)
    mean, worst = (float(f(first)) if first else float("nan") for f in (np.mean, np.max))
    return (
        f"{place.group:16} {ground:6.2f} {len(place.images):6} {len(first):5} {mean:9.2f} {worst:9.2f} "
        f"{len(cases) / ground:9.2f} {early / ground:9.2f} "
        f"{(len(cases) - len(left)) / ground:9.2f} {agreed / ground:9.2f} {late / ground:9.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--only", default="", help="a word of the group's name")
    parser.add_argument("--method", help="ours by this name instead of the default")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--stage", choices=("raw", "flags", "both"), default="both")
    asked = parser.parse_args()
    if asked.stage != "flags":
        raw(asked)
    if asked.stage != "raw":
        flags(asked)


def flags(asked: argparse.Namespace) -> None:
    print("\nflags a km2 after a first look (mean and worst pair); cases a km2 of the whole series")
    print(f"{'group':16} {'km2':>6} {'scenes':>6} {'pairs':>5} {'mean':>9} {'worst':>9} "
          f"{'all':>9} {'high':>9} {'withdrawn':>9} {'agreed':>9} {'high then':>9}")  # fmt: skip
    with tempfile.TemporaryDirectory() as held:
        for n, place in enumerate(places(asked.data, Path(held))):
            if place.images and asked.only in place.group:
                print(flagged(place, Path(held) / str(n)), flush=True)


def raw(asked: argparse.Namespace) -> None:
    found: dict[str, dict[str, list[tuple[float, float, float]]]] = {}
    with tempfile.TemporaryDirectory() as held:
        folder = Path(held)
        for pair in (*real(asked.data, folder), *copies(asked.data, folder)):
            if asked.only not in pair.group:
                continue
            ground = km2(pair)
            share, patches, observed, method = ours(pair, asked.method)
            ways = found.setdefault(pair.group, {})
            ways.setdefault(f"ours ({method})", []).append((share, patches / ground, observed))
            for name, share, patches, observed in () if asked.no_peers else peers(pair):
                ways.setdefault(name, []).append((share, patches / ground, observed))
    print(f"{'group':16} {'way':24} {'pairs':>5} {'mean %':>7} {'worst %':>8} {'patches/km2':>12} {'seen %':>7}")
    for group, by_way in found.items():
        for way, rows in by_way.items():
            shares, dense, observed = np.array(rows).T
            share = f"{100 * shares.mean():7.2f} {100 * shares.max():8.2f}"
            print(f"{group:16} {way:24} {len(rows):5} {share} {dense.mean():12.1f} {100 * observed.mean():7.1f}")


if __name__ == "__main__":
    main()
