"""A square of rice fields beside a village, seen at five stages of the crop; one plot in it is built on."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from pipeline import neighbours
from pipeline.compare import Series

BANDS = ("blue", "green", "red", "nir")
SIDE, FIELD = 120, 12
STAGES = {
    "flooded": (660, 880, 840, 600),
    "canopy": (280, 700, 360, 4200),
    "ripe": (580, 1180, 1120, 3100),
    "straw": (850, 1220, 1500, 2500),
    "bare": (820, 1120, 1480, 2200),
}
CONCRETE, NET, SOIL = (2350, 2720, 2980, 3350), (520, 1180, 660, 3100), (820, 1120, 1480, 2200)
YEAR = (
    ("2025-05-01", "flooded"), ("2025-08-05", "canopy"), ("2025-10-16", "ripe"), ("2025-12-20", "bare"),
    ("2026-05-02", "flooded"), ("2026-08-06", "canopy"), ("2026-10-15", "ripe"),
)  # fmt: skip
PLOT = (slice(50, 58), slice(50, 58))


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def masks():
    """(part, parcels, inert): pixels wholly inside; the plot's own field is no neighbour."""
    y, x = np.indices((SIDE, SIDE))
    parcels = y // FIELD * 100 + x // FIELD + 1
    parcels[(y % FIELD == 0) | (x % FIELD == 0)] = 0
    inert = x >= SIDE - 24
    parcels[inert] = 0
    part = np.zeros((SIDE, SIDE), bool)
    part[PLOT] = True
    parcels[parcels == parcels[54, 54]] = 0
    return part, parcels.astype(np.int32), inert


def image(number: int, stage: str, plot: tuple[int, ...] | None, seed: int = 0):
    """(4, y, x). plot: what lies on it (None = its own crop)."""
    own = np.random.default_rng(seed)  # what a field or a roof is like stays from date to date
    vigour = own.normal(1, 0.06, (SIDE // FIELD, SIDE // FIELD)).repeat(FIELD, 0).repeat(FIELD, 1)
    village = own.uniform(0.4, 1.2, (SIDE, SIDE))
    rng = np.random.default_rng(1000 * seed + number)
    of_day = rng.normal(1, 0.03, vigour.shape[0] // FIELD * vigour.shape[1] // FIELD)
    vigour = vigour * of_day.reshape(SIDE // FIELD, -1).repeat(FIELD, 0).repeat(FIELD, 1)
    values = np.array(STAGES[stage], float)[:, None, None] * vigour
    built = np.array(CONCRETE, float)[:, None, None] * village
    x = np.indices((SIDE, SIDE))[1]
    values = np.where(x >= SIDE - 24, built, values)
    if plot is not None:
        values[(slice(None), *PLOT)] = np.array(plot, float)[:, None, None]
    light = 1 + 0.04 * np.sin(number)  # haze and sun differ a little
    return (values * light + 10 * number + rng.normal(0, 15, values.shape)).astype(np.float32)


def series(plots, *, since="2025-10-01", cloud=(), flight=False, seed=0) -> Series:
    """plots: what lies on the plot on each day of ``YEAR``. The first raised the flag with the second. cloud: numbers
    of the days on which the plot cannot be seen."""
    where = neighbours.layout(*masks())
    views = []
    for number, ((text, stage), plot) in enumerate(zip(YEAR, plots, strict=True)):
        bits = np.zeros((SIDE, SIDE), np.uint8)
        if number in cloud:
            bits[PLOT] = 2
        views.append(
            neighbours.view(
                image(number, stage, plot, seed),
                bits,
                where,
                scene_id=text,
                at=day(text),
                gsd_m=10.0,
                flight=flight,
                bands=BANDS,
            )
        )
    return Series(views, YEAR[0][0], YEAR[1][0], day(since))
