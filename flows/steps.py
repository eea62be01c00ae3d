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
from numpy.typing import NDArray

from flows.settings import Workspace
from geodata.area import area_m2
from geodata.editions import LayersOnDay
from pipeline import align, changes, detect, overlay, triage
from pipeline.align import Alignment
from pipeline.changes import Traced
from pipeline.detect.protocol import Model
from pipeline.detect.run import Scored, scored
from pipeline.flags import Flag
from pipeline.pairing import Pair

Progress = Callable[[float], None]
CELLS = 2500
"""The grid on which it is counted how much farmland was seen has at most so many cells a side."""


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
class Seen:
    """What comparing gave. quality: (y, x) uint8 bits of both dates, every ``stride``-th pixel."""

    model: Model
    traced: Traced
    quality: NDArray[np.uint8]
    stride: int
    compared_m2: float


def measure(office: Workspace, pair: Pair, limit_px: float, progress: Progress) -> Alignment:
    catalog = office.catalog
    with catalog.pixels(pair.before) as before, catalog.pixels(pair.after, onto=pair.before.geobox) as after:
        return align.measure(before, after, limit_px=limit_px, progress=progress)


def compare(
    office: Workspace, pair: Pair, method: str, alignment: Alignment, min_area_m2: float, progress: Progress
) -> Seen:
    """Fit, score window by window, trace; each pixel is read once after the sample."""
    catalog, grid = office.catalog, pair.before.geobox
    shift = (alignment.dx_m, alignment.dy_m)
    with catalog.pixels(pair.before) as before, catalog.pixels(pair.after, onto=grid, shift_m=shift) as after:
        model = detect.fit(before, after, method=method, progress=lambda share: progress(share * 0.3))
        thinner = Thinner(grid.shape.yx)
        strips = scored(before, after, model, progress=lambda share: progress(0.3 + share * 0.7))
        traced = changes.trace(
            thinner.passing(strips),
            model,
            grid,
            before_id=pair.before.id,
            after_id=pair.after.id,
            min_area=min_area_m2 or None,
        )
    cell_m2 = float(area_m2(np.array([grid.extent.geom], dtype=object), str(grid.crs))[0]) / (grid.width * grid.height)
    return Seen(model, traced, thinner.quality, thinner.stride, round(traced.tally["clear"] * cell_m2, 2))


class Thinner:
    """Keeps every n-th pixel of the quality bits as the strips pass by."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.stride = max(1, -(-max(shape) // CELLS))
        rows, columns = (-(-side // self.stride) for side in shape)
        self.quality = np.zeros((rows, columns), np.uint8)

    def passing(self, strips: Iterator[Scored]) -> Iterator[Scored]:
        n = self.stride
        for strip in strips:
            top = strip.roi[0].start
            first = -(-top // n)
            kept = strip.quality[first * n - top :: n, ::n]
            self.quality[first : first + len(kept), : kept.shape[1]] = kept
            yield strip


@dataclass(frozen=True, eq=False)
class Laid:
    """One ``Occupied`` a change, in order; how much farmland was seen."""

    occupied: list[overlay.Occupied]
    farmland: Any


def lay_over(seen: Seen, pair: Pair, layers: LayersOnDay, progress: Progress) -> Laid:
    found = seen.traced.changes
    grid = pair.before.geobox
    occupied = overlay.overlay([c.geometry for c in found], str(grid.crs), layers, progress=progress)
    return Laid(occupied, overlay.farmland_seen(grid, seen.quality, seen.stride, layers))


def judge(
    seen: Seen, laid: Laid, pair: Pair, layers: LayersOnDay, settings_digest: str
) -> tuple[list[Flag], list[dict[str, Any]]]:
    """Flags, and the rows of what was explained."""
    flags: list[Flag] = []
    outcomes: list[dict[str, Any]] = []
    known = pair.before.quality_codes is not None and pair.after.quality_codes is not None
    for change, occupied in zip(seen.traced.changes, laid.occupied, strict=True):
        verdict = triage.triage(
            change,
            occupied,
            seen.traced.statistics,
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
