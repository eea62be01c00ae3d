"""Whether of flags said to be right to 0.6 about 0.6 are: ``python -m tests.benchmarks.calibration [--fit]``.

Computed townships, where right is a flag that touches ground on which something was built, dug or laid out by the day
of its later scene (``township.score``), and real ground on which nothing was built, where every flag is wrong. Both
weigh alike. What the scale was fitted to (``FIT_SEEDS``, and the western half of the NAIP tile) is in no table.

    --fit          fit the scale of ``pipeline.calibration`` anew and print it first
    --keep FOLDER  where the rows of each township and place are kept, so that each is inspected once

Printed: bins of what was said of first looks, how many, the share that was right with Wilson's 95 % interval, and the
expected calibration error (Naeini et al. 2015): the mean distance between said and right.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from geodata import township
from pipeline.calibration import first_look
from pipeline.precision import wilson
from pipeline.triage import HIGH, MEDIUM, evidence_of, said
from tests.benchmarks.inspected import Looked, inspected, town
from tests.benchmarks.labelled import DATA
from tests.benchmarks.unbuilt_series import Place, office, places

FIT_SEEDS, SEEDS = (11, 12), (21, 22)
BINS = (0.0, 0.15, 0.3, 0.4, MEDIUM, 0.6, 0.7, HIGH, 0.9, 1.0)


@dataclass(frozen=True)
class First:
    """One flag after its first look. west: in the western half of its ground."""

    source: str
    kind: str
    evidence: float
    right: bool
    west: bool

    @property
    def fitted(self) -> bool:
        return self.source in {f"township {seed}" for seed in FIT_SEEDS} or (self.source == "naip" and self.west)

    @property
    def said(self) -> float:
        return said(self.kind, self.evidence)


def of_town(seed: int, root: Path) -> Iterator[First]:
    workspace, made = town(root, seed)
    for looked in inspected(workspace):
        days = looked.pair.before.acquired_at, looked.pair.after.acquired_at
        shapes = [one.flag.occupied.geometry for one in looked.judged]
        score = township.score(made.truth, shapes, [days] * len(shapes), first_at=days[0], last_at=days[1])
        yield from _rows(looked, f"township {seed}", lambda n, wrong=frozenset(score.false): n not in wrong)


def of_place(place: Place, root: Path) -> Iterator[First]:
    workspace, _ = office(place, root)
    for looked in inspected(workspace):
        yield from _rows(looked, place.group, lambda _: False)


def _rows(looked: Looked, source: str, right: Callable[[int], bool]) -> Iterator[First]:
    box = looked.pair.after.geobox.geographic_extent.boundingbox
    middle = (box.left + box.right) / 2
    for n, one in enumerate(looked.judged):
        west = one.flag.occupied.geometry.centroid.x < middle
        yield First(source, one.facts.kind, round(evidence_of(one.facts), 4), right(n), west)


def kept(name: str, folder: Path | None, make: Callable[[Path], Iterator[First]]) -> list[First]:
    file = folder / f"{name}.json" if folder else None
    if file and file.is_file():
        return [First(**row) for row in json.loads(file.read_text())]
    with tempfile.TemporaryDirectory() as root:
        rows = list(make(Path(root)))
    if file:
        file.write_text(json.dumps([asdict(row) for row in rows]))
    return rows


def weights(rows: Sequence[First]) -> np.ndarray:
    """(n,) so that computed and real ground weigh one half each."""
    computed = np.array([row.source.startswith("township") for row in rows])
    sizes = np.where(computed, computed.sum(), (~computed).sum())
    return 0.5 / sizes


def fit(rows: Sequence[First]) -> tuple[float, float]:
    """(AT, SLOPE) of the greatest weighted likelihood."""
    columns = np.array([[1.0, row.evidence] for row in rows])
    sign = np.where([row.right for row in rows], 1.0, -1.0)
    heavy = weights(rows)

    def loss(of: np.ndarray) -> float:
        return float(heavy @ np.logaddexp(0, -sign * (columns @ of)))

    at, slope = minimize(loss, np.zeros(2)).x
    return round(float(at), 2), round(float(slope), 2)


def show(title: str, rows: Sequence[First], say: Callable[[First], float] = lambda row: row.said) -> None:
    told, right, heavy = np.array([say(r) for r in rows]), np.array([r.right for r in rows]), weights(rows)
    heavy = heavy / heavy.sum()
    print(f"\n{title}: {len(rows)} flags, {right.sum()} right")
    print(f"{'said':>11} {'n':>5} {'mean said':>9} {'right':>6} {'95 %':>11}")
    error = 0.0
    for low, high in pairwise(BINS):
        inside = (told >= low) & (told < high)
        if not inside.any():
            continue
        share = heavy[inside] / heavy[inside].sum()
        mean, hit = float(share @ told[inside]), float(share @ right[inside])
        error += float(heavy[inside].sum()) * abs(mean - hit)
        n = float(1 / (share**2).sum())  # as many flags of equal weight say as much
        interval = wilson(hit * n, n)
        print(f"{low:5.2f}–{high:4.2f} {inside.sum():6} {mean:9.2f} {hit:6.2f}  {interval[0]:.2f}–{interval[1]:.2f}")
    print(f"expected calibration error {error:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    rows: list[First] = []
    for seed in (*FIT_SEEDS, *SEEDS):
        rows += kept(f"township {seed}", asked.keep, lambda root, seed=seed: of_town(seed, root))
    with tempfile.TemporaryDirectory() as held:
        for place in places(asked.data, Path(held)):
            rows += kept(place.group, asked.keep, lambda root, place=place: of_place(place, root))
    if asked.fit:
        print("AT, SLOPE =", *fit([row for row in rows if row.fitted]))
    unseen = [row for row in rows if not row.fitted]
    show("computed and real ground, each one half: the scale itself", unseen, lambda row: first_look(row.evidence))
    show("computed and real ground, each one half: as it is said", unseen)
    show("computed townships", [row for row in unseen if row.source.startswith("township")])
    show("real ground, nothing built", [row for row in unseen if not row.source.startswith("township")])


if __name__ == "__main__":
    main()
