"""From a layer as delivered to a layer as held: batches in, batches out, and a report of all that was changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyproj
import shapely
from numpy.typing import NDArray

from geodata import attributes, crs, gcj02
from geodata.area import polygon_area_m2
from geodata.contracts import Kind, Taken
from geodata.landcodes import CLASSES, land_class
from geodata.layers import district_code, district_level
from geodata.repair import DROPPED, read_wkb, repair
from geodata.words import Text, both

KCXS_AS_DELIVERED = "KCXS_AS_DELIVERED"
CODED = (Kind.FARMLAND, Kind.BASIC_FARMLAND)
"""Kinds whose DLBM is interpreted."""


@dataclass
class First:
    """What one pass over the delivered records tells. bounds in the file's own CRS; personal: columns
    without a contract whose values are identity or telephone numbers. odd_kcxs: a KCXS lies outside [0, 1)."""

    records: int = 0
    bounds: tuple[float, float, float, float] = (np.inf, np.inf, -np.inf, -np.inf)
    codes: Counter[str] = field(default_factory=Counter)
    personal: set[str] = field(default_factory=set)
    odd_kcxs: bool = False


def look(batches: Iterable[pa.RecordBatch], code_column: str | None, free: Iterable[str] = ()) -> First:
    """Extent and land codes of the delivered records; ``free`` columns are looked at for persons."""
    first, free = First(), tuple(free)
    for batch in batches:
        first.records += batch.num_rows
        geometries, _ = read_wkb(batch.column("wkb").to_numpy(zero_copy_only=False))
        x0, y0, x1, y1 = shapely.total_bounds(geometries).tolist()
        if np.isfinite(x0):
            a, b, c, d = first.bounds
            first.bounds = (min(a, x0), min(b, y0), max(c, x1), max(d, y1))
        first.personal.update(name for name in free if attributes.is_about_persons(batch.column(name)))
        if "KCXS" in batch.schema.names and not first.odd_kcxs:
            first.odd_kcxs = bool(attributes.deduction(attributes.number(batch.column("KCXS"))[0], None)[1].any())
        if code_column is not None:
            counted = attributes.codes(batch.column(code_column)).fill_null("").value_counts()
            first.codes.update({row["values"]: row["counts"] for row in counted.to_pylist()})
    return first


class Intake:
    """Turns delivered batches into batches for ``parcels.write_store``; what it met stands in its fields afterwards."""

    def __init__(
        self,
        kind: Kind,
        taken: Iterable[Taken],
        system: str | None,
        src: pyproj.CRS,
        zone: str,
        shifted: bool = False,
        odd_kcxs: bool = False,
    ) -> None:
        """shifted: the coordinates are those of GCJ-02, in ``src``. odd_kcxs: KCXS as delivered is kept beside the one
        that is reckoned with."""
        self.odd_kcxs = odd_kcxs
        self.kind, self.taken, self.system = kind, tuple(taken), system
        self.src, self.zone, self.shifted = src, zone, shifted
        self.meridian = crs.central_meridian(zone)
        self.repaired: Counter[str] = Counter()
        self.class_m2: dict[str, float] = {}
        self.delivered = self.kept = self.unnamed = 0
        self.gained_m2 = 0.0  # by repair
        self._problems: Counter[tuple[str, str]] = Counter()
        self._examples: dict[tuple[str, str], str] = {}
        self._hashes: list[NDArray[np.int64]] = []

    def rows(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            geometries, kept = self._geometries(batch)
            columns = self._attributes(batch)
            self.delivered += batch.num_rows
            self.kept += int(kept.sum())
            wkb = shapely.to_wkb(geometries[kept])
            self._hashes.append(np.fromiter(map(hash, wkb), np.int64, len(wkb)))
            mask = pa.array(kept)
            arrays = [pa.array(wkb, pa.binary()), *(values.filter(mask) for values in columns.values())]
            out = pa.RecordBatch.from_arrays(arrays, ["wkb", *columns])
            if self.kind is Kind.FARMLAND:
                self._by_class(geometries[kept], out.column("DLBM"))
            yield out

    def _geometries(self, batch: pa.RecordBatch) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
        read, counts = read_wkb(batch.column("wkb").to_numpy(zero_copy_only=False))
        moved = crs.transform(*self._unshifted(read), self.zone)
        mended = repair(moved)
        self.repaired.update(counts)
        self.repaired.update({k: n for k, n in mended.counts.items() if k != "null_geometry"})
        lost = sum(n for reason, n in counts.items() if reason in DROPPED)  # these are null to ``repair``
        if mended.counts.get("null_geometry", 0) > lost:
            self.repaired["null_geometry"] += mended.counts["null_geometry"] - lost
        touched = mended.changed | (~mended.kept & ~shapely.is_missing(moved))
        if touched.any():
            before = polygon_area_m2(moved[touched], self.meridian)
            after = polygon_area_m2(mended.geometries[touched], self.meridian)
            self.gained_m2 += float(after.sum() - before[np.isfinite(before)].sum())
        return mended.geometries, mended.kept

    def _unshifted(self, read: NDArray[np.object_]) -> tuple[NDArray[np.object_], object]:
        """The shapes with the offset of GCJ-02 taken back where there is one, and the CRS they are in then."""
        if not self.shifted:
            return read, self.src
        degrees = crs.transform(read, self.src, crs.GEOGRAPHIC)
        return shapely.transform(degrees, gcj02.unshifted), crs.GEOGRAPHIC

    def _attributes(self, batch: pa.RecordBatch) -> dict[str, pa.Array]:
        columns: dict[str, pa.Array] = {}
        for taken in self.taken:
            values, bad = batch.column(taken.ours), 0
            if taken.type == "number":
                columns[taken.ours], bad = attributes.number(values)
            elif taken.type == "date":
                columns[taken.ours], bad = attributes.day(values)
            else:
                columns[taken.ours] = attributes.text(values)
            if bad:
                self._problems["no_number" if taken.type == "number" else "no_date", taken.ours] += bad
        if self.kind in CODED:
            self._parcel(columns)
        if self.kind is Kind.DISTRICT:
            self._unit(columns)
        return columns

    def _parcel(self, columns: dict[str, pa.Array]) -> None:
        farmland = None
        if "DLBM" in columns:
            columns["DLBM"] = attributes.codes(columns["DLBM"])
            if self.system is not None:
                coded = columns["DLBM"].dictionary_encode()
                is_farmland = [land_class(code, self.system) == "farmland" for code in coded.dictionary.to_pylist()]
                farmland = np.array([*is_farmland, False])[coded.indices.fill_null(-1).to_numpy()]
        if "KCXS" in columns:
            values, outside, off = attributes.deduction(columns["KCXS"], farmland)
            for problem, mask in (("kcxs_outside", outside), ("kcxs_off_farmland", off)):
                if mask.any():
                    self._problems[problem, "KCXS"] += int(mask.sum())
                    row = int(np.argmax(mask))
                    label = columns["TBBH"][row].as_py() if "TBBH" in columns else None
                    value = columns["KCXS"][row].as_py()
                    shown = f"{label or f'#{self.delivered + row + 1}'}: {value:g}"
                    self._examples.setdefault((problem, "KCXS"), shown)
            if self.odd_kcxs:
                columns[KCXS_AS_DELIVERED] = columns["KCXS"]
            columns["KCXS"] = pa.array(values)

    def _unit(self, columns: dict[str, pa.Array]) -> None:
        codes = [None if c is None else district_code(c) for c in columns["XZQDM"].to_pylist()]
        odd = [c for c in codes if c is None or district_level(c) is None]
        if odd:
            self._problems["odd_unit", "XZQDM"] += len(odd)
            self._examples.setdefault(("odd_unit", "XZQDM"), str(odd[0] or "–"))
        names = columns["XZQMC"].to_pylist() if "XZQMC" in columns else [None] * len(codes)
        self.unnamed += sum(name is None for name in names)
        columns["XZQDM"] = pa.array(codes, pa.string())
        columns["XZQMC"] = pa.array([n or c for n, c in zip(names, codes, strict=True)], pa.string())

    def _by_class(self, geometries: NDArray[np.object_], codes: pa.Array) -> None:
        coded = codes.dictionary_encode()
        classes = [land_class(code, self.system) or "unknown" for code in coded.dictionary.to_pylist()] + ["unknown"]
        index = coded.indices.fill_null(len(classes) - 1).to_numpy()
        area = polygon_area_m2(geometries, self.meridian)
        for land in (*CLASSES, "unknown"):
            which = np.array([c == land for c in classes])[index]
            if which.any():
                self.class_m2[land] = self.class_m2.get(land, 0.0) + float(area[which].sum())

    def duplicates(self) -> int:
        """Parcels whose shape is, vertex for vertex, that of one before."""
        hashes = np.concatenate(self._hashes) if self._hashes else np.empty(0, np.int64)
        return len(hashes) - len(np.unique(hashes))

    def warnings(self) -> list[Text]:
        """What a person should know of this layer."""
        said: list[Text] = []
        for (problem, column), n in sorted(self._problems.items()):
            example = self._examples.get((problem, column), "")
            said.append(both(_PROBLEMS[problem], n=n, column=column, example=example))
        names = {t.ours for t in self.taken}
        if self.kind in CODED and "KCXS" not in names:
            said.append(both("There is no column KCXS (扣除地类系数): net areas equal gross areas."))
        if self.unnamed:
            said.append(both("{n} units have no name and are shown by their code.", n=self.unnamed))
        if n := self.duplicates():
            said.append(both("{n} shapes lie exactly on another one; such ground is counted once.", n=n))
        return said


_PROBLEMS = {
    "no_number": "{column}: {n} values are no numbers and were left empty.",
    "no_date": "{column}: {n} values are no dates and were kept as they are.",
    "kcxs_outside": "KCXS is outside [0, 1) for {n} parcels ({example} …) and is taken as 0 there.",
    "kcxs_off_farmland": "KCXS stands on {n} parcels that are no farmland ({example} …) and is taken as 0 there.",
    "odd_unit": "{n} units have an XZQDM that is no code of 6, 9 or 12 digits ({example} …).",
}


def code_warnings(kind: Kind, codes: Counter[str], unknown: dict[str, int], system: str | None) -> list[Text]:
    """Sentences on the codes that ``system`` does not have, and on a DLTB without farmland."""
    said: list[Text] = []
    if unknown:
        shown = ", ".join(f"{code or '–'} × {n}" for code, n in sorted(unknown.items(), key=lambda u: -u[1])[:8])
        more = " …" if len(unknown) > 8 else ""
        said.append(both("Land codes that {system} does not have: {codes}.", system=system or "–", codes=shown + more))
    if kind is Kind.FARMLAND and not any(land_class(code, system) == "farmland" for code in codes):
        said.append(both("No record has a DLBM of 耕地 (0101, 0102, 0103)."))
    return said
