"""The township's ground, computed once, before the seasons pass over it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.township import land, places, plan, rectify, survey


@dataclass(frozen=True, eq=False)
class Ground:
    """Everything computed once, before the seasons."""

    relief: land.Relief
    fields: land.Fields
    laid: places.Places
    dlbm: NDArray[np.str_]
    village: land.Ints
    basic: NDArray[np.bool_]
    materials: NDArray[np.str_]
    happenings: tuple[plan.Happening, ...]
    window: shapely.Polygon


def compute(seed: int, rectified: bool = False) -> Ground:
    """The same ground for the same seed, bit by bit. rectified: with the events of ``rectify`` beside the others."""
    relief = land.relief(seed)
    fields = land.fields(seed, relief)
    laid = places.places(seed, relief)
    dlbm = survey.classes(seed, fields)
    village = survey.village_of(seed, fields)
    basic = survey.basic_farmland(seed, fields, dlbm, laid.hamlets)
    sites = plan.Sites(relief, fields, laid, dlbm, village, basic)
    happenings, window = plan.happenings(seed, sites, rectify.WISHES if rectified else (), rectify.told)
    materials = survey.materials(seed, fields, dlbm, laid.hamlets)
    return Ground(relief, fields, laid, dlbm, village, basic, materials, happenings, window)
