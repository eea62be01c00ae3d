"""What flags of computed townships are worth: ``python -m tests.benchmarks.township [--seeds N …] [--visits 10]``.

Each township is inspected as an office would, all its scenes one after another under their clouds and crops, then
looked at by the scenes beyond each flag's own pair. Before and after that: cases by level, with the share that is
right; precision and recall of the cases called high; the confidence said beside the share that is right; what a
week's visits find, by worth and by urgency. Right is a case of which a flag touches an occupation; recall is of the
occupations that the satellites can show and no layer explains. The seeds are none that a rule was chosen on.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import shapely

import geodata  # noqa: F401  (guards GDAL before it is imported)
from flows import recheck, settings
from geodata import township
from geodata.township import events
from pipeline.cases.case import Case
from pipeline.cases.rows import case_row
from pipeline.cases.table import Status
from pipeline.precision import wilson

FINE_M = 1.0
BINS = (0.0, 0.35, 0.50, 0.65, 0.75, 0.85, 0.95, 1.01)


@dataclass(frozen=True, eq=False)
class Judged:
    """A case that satellites found. found: the occupations that its flags show. stands: one of them at the end."""

    level: str
    confidence: float
    status: str
    worth: float
    urgency: float
    right: bool
    found: frozenset[int]
    stands: bool
    withdrawn: str


@dataclass(frozen=True, eq=False)
class Town:
    """due: occupations that the satellites can show and that no layer explains."""

    due: int
    before: list[Judged]
    after: list[Judged]


def town(folder: Path, seed: int) -> Town:
    made = township.build(folder / "files", seed)
    office, _ = settings.init(folder / "ws")
    for layer in made.layers:
        office.editions.add(layer.kind, layer.path, edition=layer.edition, **layer.options)
    for scene in made.scenes:
        office.catalog.add_scene(scene.path)
    subprocess.run(
        [sys.executable, "-m", "flows.cli", "inspect", "--json"], cwd=office.root, check=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    days = sorted(scene.acquired_at for scene in office.catalog.scenes() if scene.gsd_m > FINE_M)
    due = [event for event in events.due(made.truth, days) if event.expected == "flag"]
    before = judged(office.ledger.cases(), made.truth, due, days)
    recheck.run(office)
    return Town(len(due), before, judged(office.ledger.cases(), made.truth, due, days))


def judged(
    cases: Sequence[Case], truth: Sequence[township.TruthEvent], due: Sequence[township.TruthEvent],
    days: Sequence[datetime],
) -> list[Judged]:  # fmt: skip
    numbers = {id(event): n for n, event in enumerate(due)}
    told = []
    for case in cases:
        if case.flags[0]["gsd_m"] <= FINE_M:
            continue
        shapes = [shapely.geometry.shape(flag["occupied"]["geometry"]) for flag in case.flags]
        dates = [(_at(flag["before_at"]), _at(flag["after_at"])) for flag in case.flags]
        score = township.score(truth, shapes, dates, first_at=days[0], last_at=days[-1], scenes_at=days)
        shown = {id(event): event for _, event in score.matches}
        row = case_row(case)
        told.append(
            Judged(
                row["level"], row["confidence"], row["status"], row["worth"], row["urgency"],
                right=len(score.false) < len(shapes),
                found=frozenset(numbers[one] for one in shown if one in numbers),
                stands=any(event.stands(days[-1]) for event in shown.values()),
                withdrawn=row["withdrawn"]["verdict"] if row["withdrawn"] else "",
            )
        )  # fmt: skip
    return told


def _at(said: str) -> datetime:
    return datetime.fromisoformat(said)


def share(right: int, of: int) -> str:
    low, high = wilson(right, of)
    return f"{right:4} of {of:4} = {right / of:5.3f} ({low:.2f}-{high:.2f})" if of else f"{right:4} of {of:4}"


def show(title: str, towns: Sequence[list[Judged]], due: int) -> None:
    print(f"\n{title}")
    whole = [one for cases in towns for one in cases]
    suspected = [one for one in whole if one.status == Status.SUSPECTED]
    for level in ("high", "medium", "low"):
        some = [one for one in suspected if one.level == level]
        print(f"  {level:8} right {share(sum(one.right for one in some), len(some))}")
    gone = [one for one in whole if one.withdrawn]
    told = [one for one in gone if one.right]
    print(
        f"  withdrawn {len(gone)} (seasonal {sum(one.withdrawn == 'seasonal' for one in gone)}): wrong flags"
        f" {len(gone) - len(told)}, occupations gone by themselves {sum(not one.stands for one in told)}, standing"
        f" {sum(one.stands for one in told)}"
    )
    for name, some in (("high", [o for o in suspected if o.level == "high"]), ("all", suspected)):
        found = sum(len(_shown(cases, some)) for cases in towns)
        print(f"  recall, {name:4}: {share(found, due)}")
    print("  confidence        cases   said  right")
    for low, high in itertools.pairwise(BINS):
        some = [one for one in suspected if low <= one.confidence < high]
        if some:
            said = sum(one.confidence for one in some) / len(some)
            right = sum(one.right for one in some)
            print(f"  {low:.2f} to {min(high, 1.0):.2f}   {len(some):8}  {said:.3f}  {share(right, len(some))}")


def _shown(cases: Sequence[Judged], among: Sequence[Judged]) -> set[int]:
    chosen = {id(one) for one in among}
    return {event for one in cases if id(one) in chosen for event in one.found}


def budget(towns: Sequence[list[Judged]], visits: int) -> None:
    for name in ("worth", "urgency"):
        first = []
        for cases in towns:
            suspected = [one for one in cases if one.status == Status.SUSPECTED]
            first += sorted(suspected, key=lambda one: -getattr(one, name))[:visits]
        print(f"  first {visits} a township by {name:8}: right {share(sum(one.right for one in first), len(first))}")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--seeds", type=int, nargs="+", default=[31, 32, 33])
    asked.add_argument("--visits", type=int, default=10)
    given = asked.parse_args()
    towns = []
    for seed in given.seeds:
        with tempfile.TemporaryDirectory() as folder:
            towns.append(town(Path(folder), seed))
        print(f"seed {seed} done", file=sys.stderr, flush=True)
    due = sum(one.due for one in towns)
    for title, some in (("before", [t.before for t in towns]), ("after", [t.after for t in towns])):
        show(f"{title} confirmation", some, due)
        budget(some, given.visits)


if __name__ == "__main__":
    main()
