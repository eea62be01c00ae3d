"""[io] The steps of one inspection, as plain functions: pixels and parcels in, nouns out.

``inspect`` wraps them into tasks; tests and benchmarks call them without an engine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from flows.settings import Workspace
from geodata.area import area_m2
from geodata.editions import LayersOnDay
from pipeline import align, changes, detect, heights, overlay, seen, triage
from pipeline.align import Alignment
from pipeline.changes import Traced
from pipeline.detect.protocol import Model
from pipeline.detect.run import Scored
from pipeline.detect.spread import strips
from pipeline.detect.workers import Workers
from pipeline.flags import Flag
from pipeline.pairing import Pair
from pipeline.seen import QualityGrid

Progress = Callable[[float], None]


class Timings:
    """{step: wall-clock seconds}."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - started, 2)


@dataclass(frozen=True, eq=False)
class Compared:
    """What comparing gave. quality: of both dates joined, thinned out. compared_m2: jointly clear."""

    model: Model
    traced: Traced
    quality: QualityGrid
    compared_m2: float


def measure(office: Workspace, pair: Pair, limit_px: float, progress: Progress) -> Alignment:
    catalog = office.catalog
    with catalog.pixels(pair.before) as before, catalog.pixels(pair.after, onto=pair.before.geobox) as after:
        return align.measure(before, after, limit_px=limit_px, progress=progress)


def compare(
    office: Workspace,
    pair: Pair,
    method: str | detect.Brought,
    alignment: Alignment,
    min_area_m2: float,
    progress: Progress,
) -> Compared:
    """Fit, score window by window, trace; each pixel is read once after the sample. method: its name, or the
    user's own."""
    workers = Workers(office.settings.inspect.workers, office.settings.inspect.dask)
    catalog, grid = office.catalog, pair.before.geobox
    shift = (alignment.dx_m, alignment.dy_m)
    with catalog.pixels(pair.before) as before, catalog.pixels(pair.after, onto=grid, shift_m=shift) as after:
        way = {"method": method} if isinstance(method, str) else {"own": method}
        model = detect.fit(before, after, **way, progress=lambda share: progress(share * 0.3))
        quality = QualityGrid(grid)
        scored = strips(before, after, model, workers, lambda share: progress(0.3 + share * 0.7), whole=False)
        traced = changes.trace(
            _noting(scored, quality),
            model,
            grid,
            before_id=pair.before.id,
            after_id=pair.after.id,
            min_area=min_area_m2 or None,
        )
        traced = heights.told(traced, before, after, model)
    cell_m2 = float(area_m2(np.array([grid.extent.geom], dtype=object), str(grid.crs))[0]) / (grid.width * grid.height)
    return Compared(model, traced, quality, round(traced.tally["clear"] * cell_m2, 2))


def _noting(scored: Iterator[Scored], quality: QualityGrid) -> Iterator[Scored]:
    """The strips as they are; their quality is kept on the way."""
    for strip in scored:
        quality.add(strip.roi, strip.quality)
        yield strip


@dataclass(frozen=True, eq=False)
class Laid:
    """One ``Occupied`` a change, in order; how much farmland was seen."""

    occupied: list[overlay.Occupied]
    farmland: seen.Seen


def lay_over(compared: Compared, pair: Pair, layers: LayersOnDay, progress: Progress) -> Laid:
    found = compared.traced.changes
    grid = pair.before.geobox
    occupied = overlay.overlay([c.geometry for c in found], str(grid.crs), layers, progress=progress)
    return Laid(occupied, seen.seen(compared.quality, layers))


def judge(
    compared: Compared, laid: Laid, pair: Pair, layers: LayersOnDay, settings_digest: str
) -> tuple[list[Flag], list[dict[str, Any]]]:
    """Flags, and the rows of what was explained."""
    flags: list[Flag] = []
    outcomes: list[dict[str, Any]] = []
    known = pair.before.quality_codes is not None and pair.after.quality_codes is not None
    for change, occupied in zip(compared.traced.changes, laid.occupied, strict=True):
        verdict = triage.triage(
            change,
            occupied,
            compared.traced.statistics,
            gsd_m=max(pair.before.gsd_m, pair.after.gsd_m),
            before=pair.before,
            after=pair.after,
            layers=[layer for parts in layers.parts.values() for layer, _ in parts],
            quality_known=known,
            settings_digest=settings_digest,
        )
        if isinstance(verdict, Flag):
            flags.append(verdict)
        else:
            outcomes.append(verdict.to_json())
    return flags, outcomes
