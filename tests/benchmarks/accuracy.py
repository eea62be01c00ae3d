"""How well change is found on labelled pairs: ``python -m tests.benchmarks.accuracy [DATA] [--only SET]``.

Ours by its default (or by ``--method``), beside the usual ways, on every labelled pair; labels are read only to
score, nothing is tuned to them. F1 and kappa of all pixels of a set together, AUC as the mean of its images,
objects: share of the labelled objects found, false/im: objects an image that are none.
DATA: folder of the labelled sets (default: ``../shared/data`` beside the repository).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geodata.rasterfile import FilePixels, open_pixels
from pipeline import detect
from pipeline.detect.run import UNSEEN, scored
from tests.benchmarks import learned
from tests.benchmarks.labelled import DATA, HEAD, Pair, Score, pairs
from tests.benchmarks.peers import PEERS

Answer = tuple[NDArray[np.floating], NDArray[np.bool_], NDArray[np.bool_], str]
"""score, change, seen, the method's name."""


def ours(one: FilePixels, two: FilePixels, method: str | None) -> Answer:
    model = detect.fit(one, two, method=method)
    strips = list(scored(one, two, model))
    change = np.concatenate([s.change for s in strips])
    return np.concatenate([s.score for s in strips]), change == 1, change != UNSEEN, model.method


def peer(one: FilePixels, two: FilePixels, way: Callable) -> Answer:
    rows, columns = one.geobox.shape
    first, second = (side.read((slice(0, rows), slice(0, columns))) for side in (one, two))
    before, after = first.values.astype(np.float64), second.values.astype(np.float64)
    count = min(len(before), len(after))
    seen = np.isfinite(before).all(axis=0) & np.isfinite(after).all(axis=0)
    score, change = way(before[:count], after[:count], seen)
    return score, change, seen, ""


def answers(pair: Pair, method: str | None, with_peers: bool) -> dict[str, Answer]:
    with open_pixels(pair.before) as one, open_pixels(pair.after, onto=_grid(pair)) as two:
        found = {"ours": ours(one, two, method)}
        for name, way in PEERS.items() if with_peers else ():
            found[name] = peer(one, two, way)
    return found


def _grid(pair: Pair) -> GeoBox | None:
    with open_pixels(pair.before) as one:
        return None if one.geobox.crs is None else one.geobox


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--only", default="", help="a word of the set's name")
    parser.add_argument("--method", help="ours by this name instead of the default")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--learned", action="store_true", help="trained heads, on images and sets kept apart")
    asked = parser.parse_args()
    if asked.learned:
        return learned.measure(asked.data)
    scores: dict[str, dict[str, Score]] = {}
    methods: dict[str, str] = {}
    for pair in pairs(asked.data):
        if asked.only not in pair.group:
            continue
        marks = pair.marks()
        for way, (score, change, seen, method) in answers(pair, asked.method, not asked.no_peers).items():
            scores.setdefault(pair.group, {}).setdefault(way, Score.empty()).add(marks, change, score, seen)
            methods[pair.group] = method or methods[pair.group]
    print(f"{'set':12} {'way':26} {'pairs':>5} {HEAD}")
    for group, ways in scores.items():
        for way, score in ways.items():
            name = f"ours ({methods[group]})" if way == "ours" else way
            print(f"{group:12} {name:26} {score.images:5} {score.row()}")


if __name__ == "__main__":
    main()
