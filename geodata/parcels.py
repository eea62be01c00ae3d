"""[io] Layers at rest: one folder a part, parcels in Hilbert order, memory-mapped.

    parcels.arrow   Arrow IPC file, batches of 8,192 rows: "wkb" and the attribute columns
    boxes.npy       (n, 4) float64, bounds of each parcel
    blocks.npy      (⌈n/64⌉, 4) float64, bounds of each run of 64 parcels
    areas.npy       (n,) float64, ellipsoidal m²
    store.json      zone, rows, columns, area, format version

A query walks an R-tree of the blocks, then the boxes of the blocks it hit; geometry and attributes
are read for the rows that remain. Pages that are not asked for are never touched, and those that
are belong to the file: the process itself stays small whatever the layer's size.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from geodata.area import polygon_area_m2
from geodata.crs import central_meridian
from geodata.errors import EmptyData, UnreadableFile

FORMAT = 1
BLOCK = 64
ROWS_A_BATCH = BLOCK * 128
_SPILL_ROWS, _SPILL_BYTES = 65_536, 32 << 20
_PAIRS_AT_ONCE = 8_192  # (patch, block) pairs expanded to rows together


@dataclass(frozen=True)
class StoreSummary:
    """What was written. bounds: (xmin, ymin, xmax, ymax) in ``zone``; area_m2: sum of all parcels, ellipsoidal."""

    rows: int
    zone: str
    bounds: tuple[float, float, float, float]
    area_m2: float
    columns: tuple[str, ...]


def write_store(folder: Path, batches: Iterable[pa.RecordBatch], *, zone: str) -> StoreSummary:
    """Fill ``folder`` (made if need be) with the parcels of ``batches``; the caller makes it atomic.

    batches: column "wkb" (binary; valid polygons in ``zone``, a 3° zone without prefix as
    ``crs.gk3`` names it) and attribute columns, the same in every batch: numbers stay
    numbers, all else becomes text. An external sort: batches are spilled to a temporary folder
    inside ``folder``, then gathered in Hilbert order, so memory grows only by the keys of the sort.
    Raises EmptyData when there is no parcel.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".spill-", dir=folder) as spill:
        rows = _spill(batches, Path(spill), central_meridian(zone))
        if not rows:
            raise EmptyData("{path}: there is no parcel in it; give a layer with polygons.", path=str(folder))
        order, bounds, area_m2 = _measure(Path(spill), rows, folder)
        schema = _gather(Path(spill) / "unsorted.arrow", order, folder / "parcels.arrow")
    columns = tuple(name for name in schema.names if name != "wkb")
    summary = StoreSummary(rows, zone, bounds, area_m2, columns)
    described = {"format": FORMAT, "rows": rows, "zone": zone, "area_m2": area_m2, "columns": columns}
    (folder / "store.json").write_text(json.dumps(described, ensure_ascii=False), encoding="utf-8")
    return summary


class ParcelStore:
    """One part of a layer, as written by ``write_store``; opening it reads nothing but its description.

    Picklable: the other process opens the same folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        try:
            described = json.loads((self.folder / "store.json").read_text(encoding="utf-8"))
            self._rows, self.zone = int(described["rows"]), str(described["zone"])
            self.area_m2, self.columns = float(described["area_m2"]), tuple(described["columns"])
            fits = described["format"] == FORMAT
        except (OSError, ValueError, KeyError, TypeError):
            fits = False
        if not fits:
            raise _damaged(self.folder / "store.json")

    @classmethod
    def open(cls, folder: Path) -> ParcelStore:
        """Raises UnreadableFile when there is no store, or one of another format."""
        return cls(folder)

    def __reduce__(self):
        return ParcelStore, (self.folder,)

    def __len__(self) -> int:
        return self._rows

    def __repr__(self) -> str:
        return f"ParcelStore({str(self.folder)!r}, {self._rows} parcels in {self.zone})"

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(xmin, ymin, xmax, ymax) in ``zone``."""
        return _union(self.blocks)

    @cached_property
    def boxes(self) -> NDArray[np.float64]:
        """(n, 4) bounds of each parcel, memory-mapped."""
        return self._mapped("boxes", (self._rows, 4))

    @cached_property
    def blocks(self) -> NDArray[np.float64]:
        """(⌈n/64⌉, 4) bounds of each run of 64 parcels, memory-mapped."""
        return self._mapped("blocks", (-(-self._rows // BLOCK), 4))

    @cached_property
    def areas(self) -> NDArray[np.float64]:
        """(n,) ellipsoidal m² of each parcel, memory-mapped."""
        return self._mapped("areas", (self._rows,))

    def query(self, bounds: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """(patch index, row) of every parcel whose box meets a patch's, ordered by patch, then row.

        bounds: (n, 4) in ``zone``; boxes that only touch count; NaN bounds meet nothing.
        """
        bounds = np.asarray(bounds, np.float64).reshape(-1, 4)
        known = np.flatnonzero(~np.isnan(bounds).any(axis=1))
        patch, block = self._tree.query(shapely.box(*bounds[known].T))
        patch = known[patch]
        found: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
        for first in range(0, len(patch), _PAIRS_AT_ONCE):
            patches, blocks = (pairs[first : first + _PAIRS_AT_ONCE] for pairs in (patch, block))
            low_x, low_y, high_x, high_y = np.moveaxis(self._boxes_of(blocks), 2, 0)
            west, south, east, north = bounds[patches].T[:, :, None]
            meets = (low_x <= east) & (high_x >= west) & (low_y <= north) & (high_y >= south)
            pair, place = np.nonzero(meets)
            found.append((patches[pair], blocks[pair] * BLOCK + place))
        if not found:
            return np.empty(0, np.intp), np.empty(0, np.intp)
        patch, row = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        order = np.lexsort((row, patch))
        return patch[order], row[order]

    def _boxes_of(self, blocks: NDArray[np.intp]) -> NDArray[np.float64]:
        """(k, 64, 4) boxes of whole blocks; NaN, which meets nothing, behind the last row."""
        whole = self._rows // BLOCK
        boxes = np.full((len(blocks), BLOCK, 4), np.nan)
        full = blocks < whole
        boxes[full] = self.boxes[: whole * BLOCK].reshape(whole, BLOCK, 4)[blocks[full]]
        boxes[~full, : self._rows - whole * BLOCK] = self.boxes[whole * BLOCK :]
        return boxes

    def geometries(self, rows: NDArray[np.integer]) -> NDArray[np.object_]:
        """Polygons of these rows, in their order, in ``zone``."""
        return shapely.from_wkb(self._take(["wkb"], rows).column("wkb").to_pylist())

    def attributes(self, rows: NDArray[np.integer], names: Sequence[str]) -> dict[str, list]:
        """{name: value of each row}; a column that is not held is not in the answer, no value is None."""
        held = [name for name in names if name in self.columns]
        taken = self._take(held, rows)
        return {name: taken.column(name).to_pylist() for name in held}

    def column(self, name: str, first: int = 0, last: int | None = None) -> pa.Array:
        """Values of rows ``first`` … ``last`` - 1 as Arrow: for work over a whole layer, slice by slice."""
        rows = np.arange(first, self._rows if last is None else min(last, self._rows))
        return self._take([name], rows).column(name)

    def batches(self, size: int = ROWS_A_BATCH) -> Iterator[tuple[NDArray[np.object_], dict[str, list]]]:
        """(geometries, attributes) of all rows in order, ``size`` at a time, for exports."""
        for first in range(0, self._rows, size):
            rows = np.arange(first, min(first + size, self._rows))
            yield self.geometries(rows), self.attributes(rows, self.columns)

    @cached_property
    def _tree(self) -> shapely.STRtree:
        boxes = np.empty(len(self.blocks), object)
        boxes[:] = shapely.box(*self.blocks.T)
        return shapely.STRtree(boxes)

    @cached_property
    def _file(self) -> pa.RecordBatchFileReader:
        path = self.folder / "parcels.arrow"
        try:
            return pa.ipc.open_file(pa.memory_map(str(path)))
        except (OSError, pa.ArrowException):
            raise _damaged(path) from None

    def _mapped(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
        path = self.folder / f"{name}.npy"
        try:
            values = np.load(path, mmap_mode="r")
        except (OSError, ValueError):
            values = np.empty(0)
        if values.shape != shape:
            raise _damaged(path)
        return values

    def _take(self, names: list[str], rows: NDArray[np.integer]) -> pa.RecordBatch:
        rows = np.asarray(rows, np.intp)
        batch_of_row = rows // ROWS_A_BATCH
        order = np.argsort(batch_of_row, kind="stable")
        batches, first = np.unique(batch_of_row[order], return_index=True)
        if not len(batches):
            return self._file.get_batch(0).select(names).slice(0, 0)
        pieces = [
            self._file.get_batch(int(batch)).select(names).take(_indices(rows[part] - batch * ROWS_A_BATCH))
            for batch, part in zip(batches, np.split(order, first[1:]), strict=True)
        ]
        if len(pieces) == 1:
            return pieces[0]
        back = np.empty(len(order), np.intp)
        back[order] = np.arange(len(order))
        return pa.concat_batches(pieces).take(_indices(back))


def _damaged(path: Path) -> UnreadableFile:
    return UnreadableFile(
        "{path}: this layer at rest is damaged or of another version; remove the layer and add it again.",
        path=str(path),
    )


def _indices(rows: NDArray[np.integer]) -> pa.Array:
    """As Arrow, without ``pa.array``, which would import pandas for the asking."""
    values = np.ascontiguousarray(rows, np.int64)
    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(values)])


def _union(boxes: NDArray[np.float64]) -> tuple[float, float, float, float]:
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _spill(batches: Iterable[pa.RecordBatch], folder: Path, central_meridian_deg: float) -> int:
    """Write the batches as they come, joined to larger ones, to ``unsorted.arrow``, and beside it
    ``measures.f8``: box and area of each row. Returns the number of rows."""
    writer: pa.RecordBatchFileWriter | None = None
    schema: pa.Schema | None = None
    waiting: list[pa.RecordBatch] = []
    rows = 0

    def flush() -> None:
        if waiting and writer is not None:
            writer.write_table(pa.Table.from_batches(waiting).combine_chunks())
            waiting.clear()

    try:
        with (folder / "measures.f8").open("wb") as measures:
            for batch in batches:
                if not batch.num_rows:
                    continue
                if schema is None or writer is None:
                    schema = pa.schema([(field.name, _kept_type(field)) for field in batch.schema])
                    writer = pa.ipc.new_file(str(folder / "unsorted.arrow"), schema)
                columns = [_cast(batch.column(name), schema.field(name).type) for name in schema.names]
                waiting.append(pa.RecordBatch.from_arrays(columns, schema=schema))
                geometries = shapely.from_wkb(waiting[-1].column("wkb").to_pylist())
                area = polygon_area_m2(geometries, central_meridian_deg)
                measures.write(np.column_stack([shapely.bounds(geometries), area]).astype("<f8").tobytes())
                rows += batch.num_rows
                if sum(b.num_rows for b in waiting) >= _SPILL_ROWS or sum(b.nbytes for b in waiting) >= _SPILL_BYTES:
                    flush()
            flush()
    finally:
        if writer is not None:
            writer.close()
    return rows


def _measure(spill: Path, rows: int, folder: Path) -> tuple[NDArray[np.intp], tuple[float, float, float, float], float]:
    """Write boxes, blocks and areas in Hilbert order; that order, the bounds and the area of all."""
    measures = np.memmap(spill / "measures.f8", "<f8", "r", shape=(rows, 5))
    order = hilbert_order(measures[:, :4])
    made = np.lib.format.open_memmap
    boxes = made(folder / "boxes.npy", "w+", np.float64, (rows, 4))
    areas = made(folder / "areas.npy", "w+", np.float64, (rows,))
    blocks = []
    for first in range(0, rows, _SPILL_ROWS):  # whole blocks
        part = measures[order[first : first + _SPILL_ROWS]]
        boxes[first : first + len(part)], areas[first : first + len(part)] = part[:, :4], part[:, 4]
        starts = np.arange(0, len(part), BLOCK)
        low, high = np.minimum.reduceat(part[:, :2], starts), np.maximum.reduceat(part[:, 2:4], starts)
        blocks.append(np.hstack([low, high]))
    joined = np.concatenate(blocks)
    np.save(folder / "blocks.npy", joined)
    boxes.flush()
    areas.flush()
    return order, _union(joined), float(areas.sum())


def _kept_type(field: pa.Field) -> pa.DataType:
    if field.name == "wkb":
        return pa.large_binary()  # no 2 GB limit where parcels are large
    if pa.types.is_floating(field.type) or pa.types.is_integer(field.type):
        return pa.float64()
    return pa.large_string()


def _cast(values: pa.Array, kept: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return pc.cast(values, kept)


def hilbert_order(boxes: NDArray[np.float64]) -> NDArray[np.intp]:
    """Order in which (n, 4) boxes, none of them NaN, follow the Hilbert curve: neighbours come together."""
    return np.argsort(_hilbert_keys(boxes), kind="stable")


def _hilbert_keys(boxes: NDArray[np.float64], order: int = 16) -> NDArray[np.uint32]:
    """Place of each box's centre along the Hilbert curve of 2^order × 2^order cells over all of them."""
    low_x, low_y, high_x, high_y = _union(boxes)
    cells = (1 << order) - 1
    keys = np.empty(len(boxes), np.uint32)
    for first in range(0, len(boxes), _SPILL_ROWS):
        box = boxes[first : first + _SPILL_ROWS]
        x = ((box[:, 0] + box[:, 2]) / 2 - low_x) / max(high_x - low_x, 1e-9) * cells
        y = ((box[:, 1] + box[:, 3]) / 2 - low_y) / max(high_y - low_y, 1e-9) * cells
        keys[first : first + _SPILL_ROWS] = _hilbert(x.astype(np.int64), y.astype(np.int64), order)
    return keys


def _hilbert(x: NDArray[np.int64], y: NDArray[np.int64], order: int) -> NDArray[np.int64]:
    key = np.zeros_like(x)
    for level in range(order - 1, -1, -1):
        side = 1 << level
        right, upper = (x & side) > 0, (y & side) > 0
        key += side * side * ((3 * right) ^ upper)
        # Turn the quadrant so that the curve enters and leaves it at the same corners.
        flip = right & ~upper
        x, y = np.where(flip, side - 1 - (x & (side - 1)), x), np.where(flip, side - 1 - (y & (side - 1)), y)
        x, y = np.where(upper, x, y), np.where(upper, y, x)
    return key


def _gather(spill: Path, order: NDArray[np.intp], target: Path) -> pa.Schema:
    """Rows of ``spill`` in ``order`` → ``target``, one batch at a time."""
    with pa.memory_map(str(spill)) as source:
        reader = pa.ipc.open_file(source)
        batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
        starts = np.cumsum([0] + [batch.num_rows for batch in batches])
        with pa.ipc.new_file(str(target), reader.schema) as writer:
            for first in range(0, len(order), ROWS_A_BATCH):
                rows = order[first : first + ROWS_A_BATCH]
                writer.write_batch(_rows_of(batches, starts, rows))
        return reader.schema


def _rows_of(batches: list[pa.RecordBatch], starts: NDArray[np.integer], rows: NDArray[np.intp]) -> pa.RecordBatch:
    by_place = np.argsort(rows)
    ascending = rows[by_place]
    splits = np.searchsorted(ascending, starts)
    pieces = [
        batch.take(_indices(ascending[first:last] - start))
        for batch, start, first, last in zip(batches, starts, splits, splits[1:], strict=False)
        if last > first
    ]
    back = np.empty(len(rows), np.intp)
    back[by_place] = np.arange(len(rows))
    return pa.concat_batches(pieces).take(_indices(back))
