"""The township as a satellite sees it: ground at 2 m, averaged to 10 m through the sensor's blur.

A surface is an array of ids at 2 m; ids below the number of fields are fields, the others objects with
one material each. Colour is a table by id, so a day costs one look-up a band.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from geodata.township.land import CELLS, WOOD, Array, Fields, Floats, Ints, generator, noise
from geodata.township.seasons import TEXTURE

FINE_M = 2.0
PIXEL_M = 10.0
PSF_M = 3.2
"""Standard deviation of the sensor's blur."""
FINE = int(CELLS * 4 / FINE_M)
PIXELS = int(FINE * FINE_M / PIXEL_M)


@dataclass(frozen=True, eq=False)
class Surface:
    """ids: (FINE, FINE). materials: of the objects, whose ids begin at ``fields``; tint: their brightness."""

    ids: Ints
    fields: int
    materials: tuple[str, ...]
    tint: Array


def field_ids(fields: Fields, grass: int) -> Ints:
    """Fields at 2 m; every second fine pixel along their edges is the grass of a ridge."""
    ids = np.asarray(cv2.resize(fields.label, (FINE, FINE), interpolation=cv2.INTER_NEAREST), np.int32)
    edge = np.zeros(ids.shape, bool)
    edge[1:] |= ids[1:] != ids[:-1]
    edge[:, 1:] |= ids[:, 1:] != ids[:, :-1]
    rows, columns = np.ogrid[0:FINE, 0:FINE]
    wood = cv2.resize(fields.zone[fields.label], (FINE, FINE), interpolation=cv2.INTER_NEAREST) == WOOD
    ids[edge & ~wood & ((rows + columns) % 2 == 0)] = grass
    return ids


def texture(seed: int, surface: Surface, field_materials: NDArray[np.str_]) -> Floats:
    """Relative brightness at 2 m: crowns in the woods, a mottle everywhere."""
    rng = generator(seed, 40)
    names = np.concatenate([field_materials, np.array(surface.materials)])
    kinds, index = np.unique(names, return_inverse=True)
    contrast = np.array([TEXTURE.get(str(k), 0.045) for k in kinds], np.float32)[index]
    crowns = cv2.GaussianBlur(rng.standard_normal((FINE, FINE), dtype=np.float32), (0, 0), 1.3)
    crowns = crowns / crowns.std()
    stands = cv2.resize(noise(rng, FINE // 4, 22, 3), (FINE, FINE), interpolation=cv2.INTER_LINEAR)
    return np.clip(1 + contrast[surface.ids] * (0.75 * crowns + 0.55 * stands), 0.35, 1.8)


def ground_seen(surface: Surface, colours: Array, relative: Floats, shift_m: tuple[float, float]) -> Floats:
    """(band, y, x) reflectance at 10 m of the surface, displaced by ``shift_m`` (east, north).

    colours: (ids, bands). relative: texture times light, (FINE, FINE).
    """
    east, north = shift_m
    move = np.array([[1, 0, east / FINE_M], [0, 1, -north / FINE_M]])
    result = np.empty((colours.shape[1], PIXELS, PIXELS), np.float32)
    table = np.ascontiguousarray(colours.T.astype(np.float32))
    for band, column in enumerate(table):
        fine = column[surface.ids]
        fine *= relative
        fine = cv2.GaussianBlur(fine, (9, 9), PSF_M / FINE_M, borderType=cv2.BORDER_REPLICATE)
        fine = cv2.warpAffine(fine, move, (FINE, FINE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        result[band] = cv2.resize(fine, (PIXELS, PIXELS), interpolation=cv2.INTER_AREA)
    return result


def digital(seen: Floats, outside: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """Reflectance × 10000, 0 where there is no data."""
    numbers = np.clip(np.rint(seen * 10000), 1, 15000).astype(np.uint16)
    numbers[:, outside] = 0
    return numbers


def tints(seed: int, materials: Sequence[str]) -> Array:
    """Brightness of every object: roofs differ from each other, water hardly does."""
    rng = generator(seed, 41)
    spread = np.array([0.03 if m in ("river", "pond", "asphalt", "ditch") else 0.13 for m in materials])
    return np.clip(1 + spread * rng.standard_normal(len(materials)), 0.65, 1.4)
