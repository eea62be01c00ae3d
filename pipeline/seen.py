"""How much 耕地 lies under an image, how much of it was jointly clear, and why the rest was not.

Not observed is not unchanged: every count of changes comes with this. The image's quality is kept
at every f-th pixel (at most 2,500 × 2,500 cells), so shares are to about a cell's width along
clouds; areas are the parcels' own ellipsoidal ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geodata.area import rings
from geodata.crs import transform
from geodata.landcodes import FARMLAND, land_class
from geodata.layers import Kind, Layer
from geodata.parcels import BLOCK, ParcelStore
from geodata.scene import ROI
from pipeline.quality import REASONS, UNCLEAR
from pipeline.tiling import sum_by

if TYPE_CHECKING:
    from geodata.editions import LayersOnDay

CELLS = 2_500
_OUTSIDE = 255
_ROWS_AT_ONCE = BLOCK * 256
_FINE = 32  # a parcel is drawn at least this many sub-cells wide
_NAMES = ("clear", *(str(bit.name).lower() for bit in REASONS))


@dataclass(frozen=True)
class Seen:
    """farmland_m2 = observed_m2 + the sum of unseen_m2 ({reason: m²}, only reasons that occur).
    Doubly covered ground counts twice here; a parcel at the image's edge counts with its part inside."""

    farmland_m2: float
    observed_m2: float
    unseen_m2: Mapping[str, float]


class QualityGrid:
    """The joint quality of a pair at every ``step``-th pixel: filled window by window, kept small.

    codes: (rows, columns) uint8, 0 clear, i the i-th of ``quality.REASONS``. Windows that never
    came are nodata.
    """

    def __init__(self, geobox: GeoBox) -> None:
        self.geobox = geobox
        rows, columns = geobox.shape
        self.step = max(1, -(-max(rows, columns) // CELLS))
        self.codes = np.full((-(-rows // self.step), -(-columns // self.step)), 1, np.uint8)

    def add(self, roi: ROI, quality: NDArray[np.uint8]) -> None:
        """quality: (y, x) bits of both dates joined, of the window ``roi`` of the image."""
        first = [-(-part.start // self.step) for part in roi]
        skip = [cell * self.step - part.start for cell, part in zip(first, roi, strict=True)]
        cells = _CODE[quality[skip[0] :: self.step, skip[1] :: self.step]]
        self.codes[first[0] : first[0] + cells.shape[0], first[1] : first[1] + cells.shape[1]] = cells

    def cells(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, 2) coordinates in the image's CRS → (column, row) in cells; whole numbers are sampled pixels' corners."""
        inverse = ~self.geobox.affine
        column = (inverse.a * xy[:, 0] + inverse.b * xy[:, 1] + inverse.c) / self.step
        row = (inverse.d * xy[:, 0] + inverse.e * xy[:, 1] + inverse.f) / self.step
        return np.stack([column, row], axis=1)


def _code_table() -> NDArray[np.uint8]:
    table = np.zeros(256, np.uint8)
    for value in range(256):
        bit = next((i for i, bit in enumerate(REASONS, 1) if value & bit), 0)
        table[value] = bit if value & UNCLEAR else 0
    return table


_CODE = _code_table()


def farmland_seen(geobox: GeoBox, windows: Iterable[tuple[ROI, NDArray[np.uint8]]], layers: LayersOnDay) -> Seen:
    """windows: (roi, quality bits of both dates joined), as ``detect.run.Scored`` has them."""
    grid = QualityGrid(geobox)
    for roi, quality in windows:
        grid.add(roi, quality)
    return seen(grid, layers)


def seen(grid: QualityGrid, layers: LayersOnDay) -> Seen:
    """m² of 耕地 under ``grid`` by reason. Runs of 64 neighbouring parcels under one and the same
    quality are added as they are; only parcels along a border between two are drawn."""
    codes = np.pad(grid.codes, 1, constant_values=_OUTSIDE)
    changes = _changes(codes)
    m2 = np.zeros(256)
    for layer, store in layers.parts.get(Kind.FARMLAND, []):
        for first in range(0, len(store), _ROWS_AT_ONCE):
            m2 += _of_rows(grid, codes, changes, layer, store, np.arange(first, min(first + _ROWS_AT_ONCE, len(store))))
    by_reason = {name: float(m2[i]) for i, name in enumerate(_NAMES) if i and m2[i] > 0}
    return Seen(float(m2[0]) + sum(by_reason.values()), float(m2[0]), by_reason)


def _changes(codes: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Integral image of the cells whose right or lower neighbour is of another code."""
    differs = np.zeros(codes.shape, np.uint8)
    differs[:, :-1] |= codes[:, 1:] != codes[:, :-1]
    differs[:-1] |= codes[1:] != codes[:-1]
    return cv2.integral(differs, sdepth=cv2.CV_32S).astype(np.int32, copy=False)


def _of_rows(
    grid: QualityGrid,
    codes: NDArray[np.uint8],
    changes: NDArray[np.int32],
    layer: Layer,
    store: ParcelStore,
    rows: NDArray[np.intp],
) -> NDArray[np.float64]:
    """(256,) m² of 耕地 by code, of these rows (whole blocks of the store)."""
    m2 = np.where(_arable(layer, store, rows), store.areas[rows], 0.0)
    starts = np.arange(0, len(rows), BLOCK)
    first_block = rows[0] // BLOCK
    code = _uniform(grid, codes, changes, store.blocks[first_block : first_block + len(starts)], store.zone)
    total = sum_by(code[code >= 0], np.add.reduceat(m2, starts)[code >= 0], 256)
    left = np.flatnonzero(np.repeat(code < 0, BLOCK)[: len(rows)] & (m2 > 0))
    if len(left):
        code = _uniform(grid, codes, changes, store.boxes[rows[left]], store.zone)
        total += sum_by(code[code >= 0], m2[left][code >= 0], 256)
        left = left[code < 0]
    if len(left):
        total += _drawn(grid, store.geometries(rows[left]), store.zone, m2[left])
    return total


def _arable(layer: Layer, store: ParcelStore, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    encoded = pc.dictionary_encode(pc.fill_null(store.column("DLBM", int(rows[0]), int(rows[-1]) + 1), ""))
    arable = [land_class(code, layer.code_system) == FARMLAND for code in encoded.dictionary.to_pylist()]
    return np.array(arable, bool)[encoded.indices.to_numpy()]


def _uniform(
    grid: QualityGrid, codes: NDArray[np.uint8], changes: NDArray[np.int32], boxes: NDArray[np.float64], zone: str
) -> NDArray[np.int64]:
    """The one code under each box (n, 4) in ``zone``, -1 where there are several."""
    corners = boxes[:, [[0, 1], [0, 3], [2, 1], [2, 3]]].reshape(-1, 2)
    moved = transform(np.array(shapely.points(corners), object), zone, str(grid.geobox.crs))
    cells = grid.cells(shapely.get_coordinates(moved)).reshape(-1, 4, 2)
    limit = np.array(codes.shape[::-1]) - 1
    low = np.clip(np.floor(cells.min(axis=1) - 0.02) + 1, 0, limit).astype(np.intp)  # + 1: the frame outside
    high = np.clip(np.floor(cells.max(axis=1) + 0.02) + 1, 0, limit).astype(np.intp)
    x0, y0, x1, y1 = low[:, 0], low[:, 1], high[:, 0] + 1, high[:, 1] + 1
    count = changes[y1, x1] - changes[y0, x1] - changes[y1, x0] + changes[y0, x0]
    return np.where(count == 0, codes[y0, x0].astype(np.int64), -1)


def _drawn(grid: QualityGrid, parcels: NDArray[np.object_], zone: str, m2: NDArray[np.float64]) -> NDArray[np.float64]:
    """(256,) m² by code of parcels under several codes, each drawn on the cells."""
    shapes = shapely.transform(transform(parcels, zone, str(grid.geobox.crs)), grid.cells)
    rows, columns = grid.codes.shape
    x0, y0, x1, y1 = shapely.bounds(shapes).T
    whole = shapely.area(shapes)
    beyond = (x0 < 0) | (y0 < 0) | (x1 > columns) | (y1 > rows)
    shapes[beyond] = shapely.intersection(shapely.make_valid(shapes[beyond]), shapely.box(0, 0, columns, rows))
    m2 = m2 * np.divide(shapely.area(shapes), whole, out=np.zeros(len(whole)), where=whole > 0)
    total = np.zeros(256)
    for xy, starts, _, owner in rings(shapes):
        of_ring = np.split(xy, starts[1:])
        firsts = np.flatnonzero(np.diff(owner, prepend=-1))
        for first, last in zip(firsts, [*firsts[1:], len(owner)], strict=True):
            weights, codes = _coverage(of_ring[first:last], grid.codes)
            if (sum_ := weights.sum()) > 0:
                total += sum_by(codes.ravel(), weights.ravel() * (m2[owner[first]] / sum_), 256)
    return total


def _coverage(
    contours: list[NDArray[np.float64]], codes: NDArray[np.uint8]
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """(h, w) how much of each cell a polygon with its holes covers, and the cells' codes."""
    low = np.floor(np.min([c.min(axis=0) for c in contours], axis=0)).astype(int)
    high = np.ceil(np.max([c.max(axis=0) for c in contours], axis=0)).astype(int)
    high = np.minimum(np.maximum(high, low + 1), codes.shape[::-1])
    low = np.minimum(low, high - 1)
    width, height = high - low
    fine = max(1, -(-_FINE // int(min(width, height)))) if max(width, height) < 4 * _FINE else 1
    mask = np.zeros((height * fine, width * fine), np.uint8)
    # OpenCV counts from pixel centres; four bits behind the point.
    points = [np.rint(((c - low) * fine - 0.5) * 16).astype(np.int32) for c in contours]
    cv2.fillPoly(mask, points, 1, shift=4)
    weights = mask.reshape(height, fine, width, fine).sum(axis=(1, 3), dtype=np.float64)
    return weights, codes[low[1] : high[1], low[0] : high[0]]
