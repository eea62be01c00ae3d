"""How ground looks by season: surface reflectance of six bands by material, crop and day.

Shapes: (n, 6) for n pieces of ground, bands in the order of ``BANDS``, values 0 to 1. The calendar is
that of double rice in central Hunan; the spectra are rounded, typical values, made up for this ground.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from geodata.township.land import Array, Fields, generator

BANDS = ("blue", "green", "red", "nir", "swir1", "swir2")

SPECTRA: dict[str, tuple[float, ...]] = {
    "canopy": (0.028, 0.070, 0.036, 0.420, 0.190, 0.085),
    "ripe": (0.058, 0.118, 0.112, 0.310, 0.245, 0.150),
    "straw": (0.085, 0.122, 0.150, 0.250, 0.290, 0.205),
    "wet_soil": (0.070, 0.092, 0.112, 0.160, 0.165, 0.115),
    "soil": (0.082, 0.112, 0.148, 0.220, 0.285, 0.225),
    "red_soil": (0.075, 0.112, 0.180, 0.255, 0.335, 0.265),
    "flooded": (0.066, 0.088, 0.084, 0.060, 0.024, 0.014),
    "rape": (0.030, 0.074, 0.038, 0.430, 0.195, 0.085),
    "bloom": (0.045, 0.150, 0.140, 0.430, 0.210, 0.100),
    "weeds": (0.046, 0.078, 0.068, 0.260, 0.215, 0.125),
    "grass": (0.040, 0.074, 0.052, 0.290, 0.200, 0.105),
    "dry_grass": (0.066, 0.098, 0.112, 0.230, 0.260, 0.170),
    "pine": (0.024, 0.042, 0.027, 0.245, 0.115, 0.052),
    "broadleaf": (0.024, 0.050, 0.028, 0.335, 0.155, 0.065),
    "bamboo": (0.028, 0.063, 0.034, 0.370, 0.170, 0.074),
    "shrub": (0.034, 0.060, 0.044, 0.275, 0.180, 0.090),
    "orchard": (0.034, 0.062, 0.044, 0.310, 0.185, 0.092),
    "tea": (0.030, 0.060, 0.036, 0.330, 0.180, 0.085),
    "tree": (0.025, 0.052, 0.030, 0.320, 0.150, 0.065),
    "nursery": (0.032, 0.060, 0.044, 0.330, 0.175, 0.090),
    "river": (0.052, 0.074, 0.058, 0.032, 0.014, 0.009),
    "pond": (0.042, 0.064, 0.044, 0.024, 0.011, 0.007),
    "dug_pond": (0.072, 0.098, 0.096, 0.046, 0.018, 0.011),
    "ditch": (0.052, 0.076, 0.070, 0.150, 0.110, 0.065),
    "asphalt": (0.088, 0.098, 0.106, 0.130, 0.150, 0.140),
    "road": (0.165, 0.192, 0.212, 0.248, 0.270, 0.245),
    "dirt": (0.110, 0.145, 0.186, 0.250, 0.310, 0.265),
    "yard": (0.150, 0.172, 0.188, 0.225, 0.245, 0.222),
    "concrete": (0.235, 0.272, 0.298, 0.335, 0.355, 0.325),
    "gravel": (0.185, 0.212, 0.236, 0.285, 0.330, 0.300),
    "earthwork": (0.098, 0.150, 0.245, 0.330, 0.430, 0.365),
    "rubble": (0.150, 0.172, 0.195, 0.235, 0.270, 0.245),
    "restored": (0.088, 0.120, 0.162, 0.225, 0.295, 0.240),
    "grey_tile": (0.088, 0.094, 0.100, 0.128, 0.160, 0.150),
    "red_tile": (0.070, 0.098, 0.190, 0.245, 0.280, 0.240),
    "flat": (0.175, 0.195, 0.212, 0.240, 0.262, 0.240),
    "white": (0.330, 0.345, 0.350, 0.360, 0.340, 0.310),
    "blue_steel": (0.255, 0.185, 0.098, 0.225, 0.290, 0.260),
    "greenhouse": (0.205, 0.228, 0.232, 0.360, 0.270, 0.190),
    "green_net": (0.052, 0.118, 0.066, 0.310, 0.280, 0.215),
    "thin_soil": (0.090, 0.122, 0.160, 0.228, 0.290, 0.235),
    "weedy_soil": (0.056, 0.088, 0.090, 0.250, 0.235, 0.150),
    "sown_soil": (0.044, 0.080, 0.060, 0.300, 0.210, 0.112),
}
"""material: reflectance in BANDS."""

TEXTURE = {"pine": 0.20, "broadleaf": 0.22, "bamboo": 0.16, "shrub": 0.20, "orchard": 0.22, "tea": 0.12, "tree": 0.2}
"""material: relative contrast at 2 m; 0.05 for all others."""

DECIDUOUS = {"broadleaf": 0.45, "shrub": 0.35, "orchard": 0.15, "grass": 1.0, "weedy_soil": 0.9, "sown_soil": 0.6}
"""material: share that is dry in deep winter."""

DOUBLE, SINGLE, DRYLAND, OTHER = range(4)


@dataclass(frozen=True, eq=False)
class Crops:
    """What grows on each field: system (DOUBLE, SINGLE, DRYLAND or OTHER), material (of OTHER), and the
    field's own ways: late_days, vigour and soil (factors), rhythm (radians, of dry land), group."""

    system: NDArray[np.uint8]
    material: NDArray[np.str_]
    late_days: Array
    vigour: Array
    soil: Array
    rhythm: Array
    group: NDArray[np.int32]


def crops(seed: int, fields: Fields, material: NDArray[np.str_], wet: NDArray[np.bool_]) -> Crops:
    """Fields of one parcel go together, each a little by itself. ``wet``: paddy (0101)."""
    rng = generator(seed, 10)
    count, groups = len(fields.x), int(fields.group.max()) + 1
    late = rng.normal(0, 2.4, groups)[fields.group] + rng.normal(0, 1.8, count)
    single = (rng.random(groups) < np.array([0.1, 0.3, 0.8, 0.8])[_group_zone(fields, groups)])[fields.group]
    system = np.full(count, OTHER, np.uint8)
    system[material == "dryland"] = DRYLAND
    system[wet] = np.where(single, SINGLE, DOUBLE)[wet]
    vigour = np.clip(1 + rng.normal(0, 0.05, groups)[fields.group] + rng.normal(0, 0.05, count), 0.8, 1.2)
    soil = np.clip(1 + rng.normal(0, 0.07, groups)[fields.group] + rng.normal(0, 0.06, count), 0.75, 1.3)
    return Crops(system, material, late, vigour, soil, rng.uniform(0, 2 * np.pi, count), fields.group)


def _group_zone(fields: Fields, groups: int) -> NDArray[np.uint8]:
    zone = np.zeros(groups, np.uint8)
    zone[fields.group] = fields.zone
    return zone


def of_materials(names: NDArray[np.str_] | list[str], at: datetime) -> Array:
    """Reflectance of ground that is no crop: (n, 6)."""
    winter = _winter(at)
    kinds, index = np.unique(np.asarray(names, dtype=str), return_inverse=True)
    table = np.array([SPECTRA[str(k)] for k in kinds]).reshape(-1, len(BANDS))
    dry = np.array(SPECTRA["dry_grass"]) * 0.9
    share = np.array([DECIDUOUS.get(str(k), 0.0) for k in kinds])[:, None] * winter
    return (table * (1 - share) + dry * share)[index]


def of_fields(seed: int, grown: Crops, at: datetime) -> Array:
    """Reflectance of every field on a day: (n, 6)."""
    result = np.zeros((len(grown.system), len(BANDS)))
    other = grown.system == OTHER
    result[other] = of_materials(grown.material[other], at) * (0.5 + 0.5 * grown.vigour[other, None])
    rng = generator(seed, 1000 + at.year)
    groups = int(grown.group.max()) + 1
    day = at.timetuple().tm_yday - grown.late_days - rng.normal(0, 1.5, groups)[grown.group]
    winter = _winter_cover(seed, grown, at)
    for system, year in ((DOUBLE, _double), (SINGLE, _single)):
        mine = grown.system == system
        shares = year(day[mine])
        shares["weeds"] = shares.pop("winter") * (1 - winter["rape"][mine] - winter["bare"][mine])
        open_share = _winter_share(day[mine], system)
        shares["rape"] = open_share * winter["rape"][mine]
        shares["soil"] = shares.get("soil", 0) + open_share * winter["bare"][mine]
        result[mine] = _mixed(shares, grown, mine)
    dry = grown.system == DRYLAND
    season = 0.46 + 0.28 * np.sin(2 * np.pi * (day[dry] - 110) / 365 + 0.35 * np.sin(grown.rhythm[dry]))
    green = np.clip(season + 0.16 * np.sin(grown.rhythm[dry]), 0.08, 0.9)
    result[dry] = _mixed({"canopy": green, "red_soil": 1 - green}, grown, dry)
    return result


def _mixed(shares: dict[str, Array], grown: Crops, mine: NDArray[np.bool_]) -> Array:
    """Shares of pure materials → reflectance; plants scaled by vigour, ground by the soil's brightness."""
    total = np.zeros((int(mine.sum()), len(BANDS)))
    for name, share in shares.items():
        earth = name in ("soil", "red_soil", "wet_soil", "straw", "flooded")
        own = grown.soil[mine] if earth else grown.vigour[mine]
        total += np.array(SPECTRA[name])[None, :] * (share * own)[:, None]
    return total


def _step(day: Array, middle: float, width: float) -> Array:
    return 1 / (1 + np.exp(-(day - middle) / width))


def _winter_share(day: Array, system: int) -> Array:
    """1 while the paddy lies open between the last harvest and the first flooding."""
    start, end = (106, 326) if system == DOUBLE else (128, 312)
    return (1 - _step(day, start, 1.5)) + _step(day, end, 7)


def _double(day: Array) -> dict[str, Array]:
    """Early rice: flooded mid April, harvested mid July; late rice: to the end of October."""
    winter = _winter_share(day, DOUBLE)
    early = _step(day, 106, 1.5) * (1 - _step(day, 197, 1.2))
    late = _step(day, 197, 1.2) * (1 - _step(day, 303, 1.2))
    stubble = np.clip(1 - winter - early - late, 0, 1)
    leaf = early * _step(day, 139, 6) + late * _step(day, 219, 5)
    ripe = early * _step(day, 190, 3.5) + late * _step(day, 290, 6)
    water = np.clip(early + late - leaf, 0, 1)
    return _shares(winter, leaf, ripe, water, stubble)


def _single(day: Array) -> dict[str, Array]:
    """Middle rice: flooded in May, harvested at the end of September."""
    winter = _winter_share(day, SINGLE)
    crop = _step(day, 128, 1.5) * (1 - _step(day, 270, 1.5))
    stubble = np.clip(1 - winter - crop, 0, 1)
    leaf = crop * _step(day, 172, 7)
    return _shares(winter, leaf, crop * _step(day, 255, 5), np.clip(crop - leaf, 0, 1), stubble)


def _shares(winter: Array, leaf: Array, ripe: Array, water: Array, stubble: Array) -> dict[str, Array]:
    ripe = np.minimum(ripe, leaf)
    return {
        "winter": winter,
        "canopy": leaf - ripe,
        "ripe": ripe,
        "flooded": water * 0.72,
        "wet_soil": water * 0.28 + stubble * 0.2,
        "straw": stubble * 0.55,
        "soil": stubble * 0.1,
        "grass": stubble * 0.15,
    }


def _winter_cover(seed: int, grown: Crops, at: datetime) -> dict[str, Array]:
    """Share of rapeseed and of bare soil on each paddy in the winter of ``at``; the rest is weeds."""
    year = at.year if at.month > 7 else at.year - 1
    steady, yearly = generator(seed, 11), generator(seed, 2000 + year)
    groups = int(grown.group.max()) + 1
    rape = (steady.random(groups) < 0.17) ^ (yearly.random(groups) < 0.04)
    day = at.timetuple().tm_yday
    size = 0.75 if day < 120 or day > 365 else float(np.interp(day, [300, 335, 365], [0.15, 0.45, 0.62]))
    bare = np.clip(steady.normal(0.38, 0.12, groups) + yearly.normal(0, 0.05, groups), 0.1, 0.8)
    return {"rape": (rape * size)[grown.group], "bare": np.where(rape, 1 - size, bare)[grown.group]}


def _winter(at: datetime) -> float:
    """0 in summer, 1 in January."""
    day = at.timetuple().tm_yday
    return float(np.clip(0.5 + 0.75 * np.cos(2 * np.pi * (day - 20) / 365), 0, 1))
