"""How well change is found on labelled pairs: ``python tests/benchmarks/accuracy.py [DATA]``.

Prints F1, kappa and AUC of each set by the default method; labels are read only to score, nothing is
tuned to them. DATA: folder of the labelled sets (default: ``../shared/data`` beside the repository).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import geodata  # noqa: F401  (guards GDAL before it is imported)
from geodata.rasterfile import open_pixels
from pipeline import detect
from pipeline.detect.run import scored

Labels = NDArray[np.int8]
"""(y, x): 1 change, 0 none, -1 not labelled."""


def compare(before: Path, after: Path) -> tuple[NDArray[np.float32], NDArray[np.uint8], str]:
    with open_pixels(before) as one, open_pixels(after, onto=None if one.geobox.crs is None else one.geobox) as two:
        model = detect.fit(one, two)
        strips = list(scored(one, two, model))
    return np.concatenate([s.score for s in strips]), np.concatenate([s.change for s in strips]), model.method


def picture(path: Path) -> NDArray[np.float32]:
    with open_pixels(path, bands=None, nodata=None) as pixels:
        rows, columns = pixels.geobox.shape
        return pixels.read((slice(0, rows), slice(0, columns))).values[0]


def pairs(data: Path) -> Iterator[tuple[str, Path, Path, Labels]]:
    taizhou = data / "taizhou_landsat"
    label = picture(taizhou / "label.tif")
    marks = np.select([label == 2, label == 1], [1, 0], -1).astype(np.int8)
    yield "taizhou", taizhou / "20000317_L7ETM_dn.tif", taizhou / "20030206_L7ETM_dn.tif", marks
    for name in ("sar_pairs_png", "sztaki_szada_aerial", "dsifn_samples", "levir_cd_samples"):
        for file in sorted((data / name / "label").glob("*.png")):
            label = picture(file)
            marks = np.select([label == 255, label == 0], [1, 0], -1).astype(np.int8)
            set_name = f"sar {file.stem}" if name.startswith("sar") else name
            yield set_name, data / name / "A" / file.name, data / name / "B" / file.name, marks
    for mask in sorted((data / "ombria_flood_s1s2").glob("*/*/MASK/*.png")):
        number = mask.stem.split("_")[-1]
        found = [sorted(mask.parent.parent.glob(f"{when}/*_{number}.png")) for when in ("BEFORE", "AFTER")]
        if all(found):
            yield f"ombria {mask.parent.parent.name}", found[0][0], found[1][0], (picture(mask) > 127).astype(np.int8)


def auc(score: NDArray[np.float32], truth: NDArray[np.bool_]) -> float:
    from scipy.stats import rankdata

    positive = int(truth.sum())
    if positive in (0, len(truth)):
        return float("nan")
    return float((rankdata(score)[truth].sum() - positive * (positive + 1) / 2) / (positive * (len(truth) - positive)))


def main(data: Path) -> None:
    counts: dict[str, list[NDArray[np.int64]]] = {}
    curves: dict[str, list[float]] = {}
    methods: dict[str, str] = {}
    for name, before, after, marks in pairs(data):
        score, change, methods[name] = compare(before, after)
        used = (marks >= 0) & (change != 255)
        truth, said = marks[used] == 1, change[used] == 1
        table = np.array([(truth & said).sum(), (~truth & said).sum(), (truth & ~said).sum(), (~truth & ~said).sum()])
        counts.setdefault(name, []).append(table)
        curves.setdefault(name, []).append(auc(score[used], truth))
    print(f"{'set':24} {'method':9} pairs    F1  kappa    AUC")
    for name, tables in counts.items():
        tp, fp, fn, tn = (int(v) for v in np.sum(tables, axis=0))
        total = tp + fp + fn + tn
        chance = ((tp + fp) * (tp + fn) + (fn + tn) * (fp + tn)) / total**2
        kappa = ((tp + tn) / total - chance) / (1 - chance)
        area = float(np.nanmean(curves[name]))
        print(
            f"{name:24} {methods[name]:9} {len(tables):5} {2 * tp / (2 * tp + fp + fn):5.3f} {kappa:6.3f} {area:6.3f}"
        )


if __name__ == "__main__":
    home = Path(__file__).resolve().parents[2]
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else home.parent / "shared" / "data")
