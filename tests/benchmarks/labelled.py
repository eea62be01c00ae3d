"""Labelled pairs of public data, and how an answer is scored. Labels are read here only, never by a method."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import geodata  # noqa: F401  (guards GDAL before it is imported)
from geodata.rasterfile import open_pixels

HOME = Path(__file__).resolve().parents[2]
DATA = HOME.parent / "shared" / "data"
"""Where the labelled sets lie: beside the repository."""
OBJECT_PX = 4
"""Smaller pieces of a label or an answer are no objects."""
FOUND_SHARE, FALSE_SHARE = 0.25, 0.10
"""A labelled object is found where so much of it is said to be changed; a said one is false below so much of truth."""

Marks = NDArray[np.int8]
"""(y, x): 1 change, 0 none, -1 not labelled."""


@dataclass(frozen=True)
class Pair:
    """label: a file; change, none: its values, all others are not labelled (None: change is above 127)."""

    group: str
    name: str
    before: Path
    after: Path
    label: Path
    change: int | None
    none: int | None

    def marks(self) -> Marks:
        label = picture(self.label)
        if self.change is None:
            return (label > 127).astype(np.int8)
        return np.select([label == self.change, label == self.none], [1, 0], -1).astype(np.int8)


def picture(path: Path) -> NDArray[np.float32]:
    with open_pixels(path, bands=None, nodata=None) as pixels:
        rows, columns = pixels.geobox.shape
        return pixels.read((slice(0, rows), slice(0, columns))).values[0]


def pairs(data: Path = DATA) -> Iterator[Pair]:
    taizhou = data / "taizhou_landsat"
    dates = "20000317_L7ETM_dn.tif", "20030206_L7ETM_dn.tif"
    yield Pair("taizhou", "taizhou", taizhou / dates[0], taizhou / dates[1], taizhou / "label.tif", 2, 1)
    sets = {
        "szada": "sztaki_szada_aerial",
        "levir": "levir_cd_samples",
        "dsifn": "dsifn_samples",
        "sar": "sar_pairs_png",
    }
    for group, folder in sets.items():
        for file in sorted((data / folder / "label").glob("*.png")):
            yield Pair(group, file.stem, data / folder / "A" / file.name, data / folder / "B" / file.name, file, 255, 0)
    for mask in sorted((data / "ombria_flood_s1s2").glob("*/*/MASK/*.png")):
        number = mask.stem.split("_")[-1]
        found = [sorted(mask.parent.parent.glob(f"{when}/*_{number}.png")) for when in ("BEFORE", "AFTER")]
        if all(found):
            yield Pair(f"flood {mask.parent.parent.name}", mask.stem, found[0][0], found[1][0], mask, None, None)


@dataclass
class Score:
    """Of the pairs of one set by one way, added up. table: tp, fp, fn, tn in pixels."""

    table: NDArray[np.int64]
    curves: list[float]
    objects: int = 0
    found: int = 0
    said: int = 0
    false: int = 0
    images: int = 0

    @classmethod
    def empty(cls) -> Score:
        return cls(np.zeros(4, np.int64), [])

    def add(
        self, marks: Marks, change: NDArray[np.bool_], score: NDArray[np.floating], seen: NDArray[np.bool_]
    ) -> None:
        used = (marks >= 0) & seen
        truth, said = marks[used] == 1, change[used]
        self.table += np.array(
            [(truth & said).sum(), (~truth & said).sum(), (truth & ~said).sum(), (~truth & ~said).sum()]
        )
        self.curves.append(auc(score[used], truth))
        self.images += 1
        for size, overlap in _objects((marks == 1) & seen, change):
            self.objects += 1
            self.found += overlap >= FOUND_SHARE * size
        for size, overlap in _objects(change & used, marks == 1):
            self.said += 1
            self.false += overlap < FALSE_SHARE * size

    @property
    def f1(self) -> float:
        tp, fp, fn, _ = (int(v) for v in self.table)
        return 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else float("nan")

    @property
    def kappa(self) -> float:
        tp, fp, fn, tn = (int(v) for v in self.table)
        total = tp + fp + fn + tn
        chance = ((tp + fp) * (tp + fn) + (fn + tn) * (fp + tn)) / total**2
        return ((tp + tn) / total - chance) / (1 - chance)

    @property
    def area_under(self) -> float:
        """Mean of the images that have both classes."""
        return float(np.nanmean(self.curves))

    def row(self) -> str:
        recall = self.found / self.objects if self.objects else float("nan")
        return f"{self.f1:6.3f} {self.kappa:6.3f} {self.area_under:6.3f} {recall:7.2f} {self.false / self.images:8.1f}"


HEAD = f"{'F1':>6} {'kappa':>6} {'AUC':>6} {'objects':>7} {'false/im':>8}"


def _objects(mask: NDArray[np.bool_], other: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """(pixels, pixels that ``other`` has too) of each connected piece of at least ``OBJECT_PX``."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    sizes = np.bincount(labels.ravel(), minlength=count)
    shared = np.bincount(labels[other & mask], minlength=count)
    for n in range(1, count):
        if sizes[n] >= OBJECT_PX:
            yield int(sizes[n]), int(shared[n])


def auc(score: NDArray[np.floating], truth: NDArray[np.bool_]) -> float:
    from scipy.stats import rankdata

    positive = int(truth.sum())
    if positive in (0, len(truth)):
        return float("nan")
    return float((rankdata(score)[truth].sum() - positive * (positive + 1) / 2) / (positive * (len(truth) - positive)))
