"""[io] The topology report of a layer: what is wrong is counted and written as a GeoPackage; nothing is mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from flows.layerchange import ids, parts_of, zone_of
from geodata import crs as crs_
from geodata.editions import Editions
from geodata.layers import Kind
from geodata.reportfile import ReportFile
from geodata.words import Text, language
from pipeline.parcelchecks import attributes
from pipeline.pieces import Parts
from pipeline.topogaps import gaps
from pipeline.topology import Finding, Found, duplicates, overlaps, slivers

PROBLEMS = {
    "overlap": "overlaps",
    "gap": "gaps",
    "sliver": "slivers",
    "area": "areas that disagree with the shape",
    "kcxs": "KCXS out of range",
    "deduction": "KCMJ or TBDLMJ that does not follow",
    "duplicate": "duplicates",
    "code": "codes that do not exist",
}
"""Key (also the layer's name in the report) → msgid of its name."""
TILED = (Kind.FARMLAND, Kind.DISTRICT)
"""Kinds that cover ground without gaps; parcels of others stand apart."""
EXAMPLES, ROWS_AT_ONCE = 3, 2_000


@dataclass
class Checked:
    """counts, m2: by problem. examples: the first sentences of each. mended: what was repaired when it was added."""

    parcels: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PROBLEMS, 0))
    m2: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PROBLEMS, 0.0))
    examples: dict[str, list[Text]] = field(default_factory=dict)
    mended: dict[str, int] = field(default_factory=dict)
    warnings: list[Text] = field(default_factory=list)


def check(
    editions: Editions,
    kind: Kind,
    edition: str,
    out: Path | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Checked:
    """Raises: InputError where the edition is not held, or ``out`` (a .gpkg) cannot be written."""
    parts = parts_of(editions, kind, edition)
    districts: Parts = []
    if kind is not Kind.DISTRICT:
        districts = editions.on(parts[0][0].valid_from).parts.get(Kind.DISTRICT, [])
    done = looked(kind, parts, districts, out, progress)
    for layer, _ in parts:
        done.warnings += layer.warnings
        for reason, n in layer.repaired.items():
            done.mended[reason] = done.mended.get(reason, 0) + n
    return done


def looked(
    kind: Kind,
    parts: Parts,
    districts: Parts,
    out: Path | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Checked:
    done = Checked(sum(len(store) for _, store in parts))
    waiting: list[Finding] = []
    with ReportFile(out, zone_of(parts)) if out else nullcontext() as report:
        for finding in _found(kind, parts, districts, progress):
            done.counts[finding.problem] += 1
            done.m2[finding.problem] += finding.m2
            told = done.examples.setdefault(finding.problem, [])
            if len(told) < EXAMPLES:
                told.append(finding.says)
            if report is not None:
                waiting.append(finding)
            if report is not None and len(waiting) >= ROWS_AT_ONCE:
                _file(report, parts, waiting)
                waiting = []
        if report is not None:
            _file(report, parts, waiting)
    return done


def _found(kind: Kind, parts: Parts, districts: Parts, progress: Callable[[float], None]) -> Iterator[Finding]:
    steps: list[tuple[float, Found]] = [
        (0.05, duplicates(parts)),
        (0.15, chain(attributes(kind, parts), slivers(parts))),
        (0.6, overlaps(parts)),
    ]
    if kind in TILED:
        steps.append((1.0, gaps(parts, districts)))
    start = 0.0
    for end, found in steps:
        for finding, share in found:
            if finding is not None:
                yield finding
            progress(start + (end - start) * share)
        start = end
    progress(1.0)


def _file(report: ReportFile, parts: Parts, findings: list[Finding]) -> None:
    """Each problem into its own layer: ids of the parcels, area, and the sentence in the language in use."""
    for problem in dict.fromkeys(finding.problem for finding in findings):
        own = [finding for finding in findings if finding.problem == problem]
        ground = np.empty(len(own), object)
        for zone in {finding.zone for finding in own}:
            here = [n for n, finding in enumerate(own) if finding.zone == zone]
            shapes = np.empty(len(here), object)
            shapes[:] = [own[n].geometry for n in here]
            ground[here] = crs_.transform(shapes, zone, report.crs)
        columns: dict[str, Any] = {}
        if any(finding.parcel for finding in own):
            columns |= ids(parts, [finding.parcel for finding in own])
        if problem in ("overlap", "duplicate"):
            columns |= {f"{k}_2": v for k, v in ids(parts, [finding.other for finding in own]).items()}
        columns["M2"] = [round(finding.m2, 2) for finding in own]
        columns["SAYS"] = [finding.says[language()] for finding in own]
        report.add(problem, ground, columns)
