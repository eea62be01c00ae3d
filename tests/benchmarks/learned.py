"""How well a trained head does on images, and on whole sets, that it has not seen (``accuracy --learned``).

By image: five folds of images (parts of one image together), each found by a head trained on the others. By set: each
set found by a head trained on the other sets. Thresholds come from folds inside the training. Last row of a set: an
image against itself moved by one pixel, per cent said to be changed (all of it false).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from geodata.rasterfile import open_pixels
from geodata.scene import ArrayPixels
from pipeline import detect
from pipeline.detect.run import UNSEEN, scored
from pipeline.learn import pairs as listed
from pipeline.learn.files import train_files
from pipeline.learn.training import Place, folds_of
from tests.benchmarks.labelled import HEAD, Pair, Score, pairs

SETS = ("szada", "levir", "dsifn")


def group(pair: Pair) -> str:
    """Tiles cut from one image are named after it."""
    return "_".join(pair.name.split("_")[:2]) if pair.group == "levir" else pair.name


def model(shown: Sequence[Pair], folder: Path) -> detect.Brought:
    rows = [(str(p.before), str(p.after), str(p.label), p.group, group(p)) for p in shown]
    out = str(folder / "head.gxm")
    train_files(rows, out, change=listed.Values().change, unchanged=listed.Values().unchanged, made_at="")
    return detect.brought(out)


def found(pair: Pair, own: detect.Brought, score: Score) -> None:
    with open_pixels(pair.before) as one, open_pixels(pair.after) as two:
        strips = list(scored(one, two, detect.fit(one, two, own=own)))
    change = np.concatenate([s.change for s in strips])
    score.add(pair.marks(), change == 1, np.concatenate([s.score for s in strips]), change != UNSEEN)


def moved(pair: Pair, own: detect.Brought) -> float:
    """Per cent changed of BEFORE against itself, moved by one pixel down and right."""
    with open_pixels(pair.before) as one:
        rows, columns = one.geobox.shape
        raster = one.read((slice(0, rows), slice(0, columns)))
    grid = raster.geobox[1:, 1:]
    first, second = (ArrayPixels(v, grid, raster.bands) for v in (raster.values[:, 1:, 1:], raster.values[:, :-1, :-1]))
    strips = scored(first, second, detect.fit(first, second, own=own))
    return 100 * float(np.mean(np.concatenate([s.change for s in strips]) == 1))


def measure(data: Path) -> None:
    known = [pair for pair in pairs(data) if pair.group in SETS]
    places = [Place(p.name, p.group, group(p), lambda: iter(())) for p in known]
    ways = {"by image": folds_of(places), "by set": np.array([SETS.index(p.group) for p in known])}
    print(f"{'held':10} {'set':8} {'images':>6} {HEAD} {'moved %':>8}")
    for way, folds in ways.items():
        scores = {name: Score.empty() for name in SETS}
        shares: dict[str, list[float]] = {name: [] for name in SETS}
        began = time.process_time()
        for fold in np.unique(folds):
            with tempfile.TemporaryDirectory() as folder:
                own = model([p for p, f in zip(known, folds, strict=True) if f != fold], Path(folder))
            for pair in (p for p, f in zip(known, folds, strict=True) if f == fold):
                found(pair, own, scores[pair.group])
                shares[pair.group].append(moved(pair, own))
        for name, score in scores.items():
            print(f"{way:10} {name:8} {score.images:6} {score.row()} {np.mean(shares[name]):8.2f}")
        print(f"{way:10} {time.process_time() - began:.0f} s of CPU")
