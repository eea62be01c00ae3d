"""What a newer edition of a layer changed: areas by class, parcels by their identity, ground by where it lies.

Both editions are walked block by block; of every parcel only a few numbers are kept. Parcels whose shape
is byte for byte the same in both are told by a hash and not cut.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.contracts import Kind
from geodata.crs import transform
from geodata.landcodes import FARMLAND, land_class, land_name
from pipeline.pieces import Geometries, Parts, cut
from pipeline.tiling import sum_by

ROWS_AT_ONCE, PATCHES_AT_ONCE = 65_536, 512
KEYS = (("BSM",), ("ZLDWDM", "TBBH"), ("YJJBNTTBBH",), ("XZQDM",), ("BAH",))
"""Columns that can name a parcel in both editions; the pair that finds most parcels unchanged is taken."""
KEYED = 0.95
"""Share of parcels that must have a key of their own."""
SAME_M = 1e-3
"""Vertices that moved less have not moved."""
LISTED_M2 = 0.01
NO_PARCEL = ""
"""In place of a land code: ground under no parcel."""

Progress = Callable[[float], None]
Hashes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Piece:
    """Ground that became (or ceased to be) what the layer is about. parcel, other: (part, row) of the edition that
    has it and of the one that has not, None where it lies under no parcel there."""

    geometry: Any
    zone: str
    m2: float
    parcel: tuple[int, int]
    other: tuple[int, int] | None
    code: str
    other_code: str


@dataclass
class Parcels:
    """By identity. key: the columns; () where none serves. unkeyed: parcels before and after without a key of
    their own, which are not compared. changed: those of another class, another shape or both."""

    key: tuple[str, ...] = ()
    before: int = 0
    after: int = 0
    gone: int = 0
    new: int = 0
    unchanged: int = 0
    changed: int = 0
    class_changed: int = 0
    shape_changed: int = 0
    unkeyed: tuple[int, int] = (0, 0)


@dataclass
class Changed:
    """classes: {DLBM: [parcels before, after, m² before, after]}. Of 耕地 in a FARMLAND layer, of all ground in any
    other: before_m2 − lost_m2 + gained_m2 + unbalanced_m2 = after_m2, where the last is rounding, and ground that
    an edition has under two parcels. lost_to, gained_from: {DLBM in the other edition: m²}."""

    kind: Kind
    before_m2: float = 0.0
    after_m2: float = 0.0
    lost_m2: float = 0.0
    gained_m2: float = 0.0
    lost_to: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    gained_from: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    classes: dict[str, list[float]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    parcels: Parcels = field(default_factory=Parcels)

    @property
    def unbalanced_m2(self) -> float:
        return self.after_m2 - (self.before_m2 - self.lost_m2 + self.gained_m2)

    def to_json(self) -> dict[str, Any]:
        cents = {name: round(getattr(self, name), 2) for name in ("before_m2", "after_m2", "lost_m2", "gained_m2")}
        classes = [
            {"code": code, "name": self.names.get(code, ""), "parcels_before": int(n0), "parcels_after": int(n1),
             "before_m2": round(m0, 2), "after_m2": round(m1, 2)}
            for code, (n0, n1, m0, m1) in sorted(self.classes.items())
        ]  # fmt: skip
        flows = {name: {code: round(m2, 2) for code, m2 in sorted(getattr(self, name).items())}
                 for name in ("lost_to", "gained_from")}  # fmt: skip
        ground = {**cents, "unbalanced_m2": round(self.unbalanced_m2, 2), **flows}
        told = self.parcels
        parcels = {**vars(told), "key": list(told.key), "unkeyed": list(told.unkeyed)}
        return {"kind": str(self.kind), "classes": classes, "ground": ground, "parcels": parcels}


class Sink:
    """Where single findings go; this one lets them go. ``what``: "gone", "new", "changed"."""

    def piece(self, what: str, piece: Piece) -> None:
        """what: "lost" or "gained"."""

    def parcel(self, what: str, parts: Parts, places: Sequence[tuple[int, int]]) -> None:
        """places: (part, row) of parcels of ``parts``."""


def compare(
    kind: Kind, before: Parts, after: Parts, sink: Sink | None = None, progress: Progress = lambda share: None
) -> Changed:
    """Edition ``before`` against edition ``after`` of one kind."""
    sink = sink or Sink()
    done = Changed(kind)
    old, new = _Walked(kind, before), _Walked(kind, after)
    progress(0.2)
    for side, walked in enumerate((old, new)):
        for code, (count, m2) in walked.classes.items():
            row = done.classes.setdefault(code, [0, 0, 0.0, 0.0])
            row[side], row[2 + side] = float(count), m2
            done.names.setdefault(code, walked.names[code])
    done.before_m2, done.after_m2 = old.member_m2, new.member_m2
    done.parcels = _parcels(old, new, sink)
    progress(0.4)
    for what, one, other, first in (("lost", old, new, 0.4), ("gained", new, old, 0.7)):
        flows = done.lost_to if what == "lost" else done.gained_from
        for piece, share in _moved(one, other):
            if piece is not None:
                flows[piece.other_code] += piece.m2
                if piece.m2 >= LISTED_M2:
                    sink.piece(what, piece)
            progress(first + 0.3 * share)
    done.lost_m2, done.gained_m2 = sum(done.lost_to.values()), sum(done.gained_from.values())
    return done


class _Walked:
    """One edition walked once. Arrays over all parcels of all parts: shapes, codes (hashes), member (is it what the
    layer is about), keys {columns: hashes, 0 where empty}. starts: number of the first parcel of each part."""

    def __init__(self, kind: Kind, parts: Parts) -> None:
        self.kind, self.parts = kind, parts
        sizes = [len(store) for _, store in parts]
        self.starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)
        count = int(self.starts[-1])
        self.shapes, self.codes = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self.member = np.zeros(count, bool)
        held = [key for key in KEYS if all(set(key) <= set(store.columns) for _, store in parts)]
        self.keys = {key: np.zeros(count, np.int64) for key in held}
        self.classes: dict[str, list[float]] = {}
        self.names: dict[str, str] = {}
        self.member_m2 = 0.0
        for number in range(len(parts)):
            self._walk(number)

    def place(self, parcel: int) -> tuple[int, int]:
        part = int(np.searchsorted(self.starts, parcel, "right")) - 1
        return part, int(parcel - self.starts[part])

    def _walk(self, number: int) -> None:
        layer, store = self.parts[number]
        for first in range(0, len(store), ROWS_AT_ONCE):
            last = min(first + ROWS_AT_ONCE, len(store))
            here = slice(self.starts[number] + first, self.starts[number] + last)
            self.shapes[here] = _hashes(store.column("wkb", first, last).to_pylist())
            codes = codes_of(store, first, last)
            self.codes[here] = _hashes(codes)
            areas = np.asarray(store.areas[first:last])
            member = np.ones(last - first, bool)
            if self.kind is Kind.FARMLAND:
                farmland = {code: land_class(code, layer.code_system) == FARMLAND for code in set(codes)}
                member = np.array([farmland[code] for code in codes], bool)
            self.member[here] = member
            self.member_m2 += float(areas[member].sum())
            self._count(codes, areas, layer.code_system)
            for key, hashes in self.keys.items():
                columns = [store.column(name, first, last).to_pylist() for name in key]
                values = [None if None in row or "" in row else row for row in zip(*columns, strict=True)]
                hashes[here] = _hashes(values)

    def _count(self, codes: list[str], areas: NDArray[np.float64], system: str | None) -> None:
        known, number = np.unique(codes, return_inverse=True)
        for code, count, m2 in zip(known.tolist(), np.bincount(number), sum_by(number, areas, len(known)), strict=True):
            row = self.classes.setdefault(code, [0, 0.0])
            row[0] += float(count)
            row[1] += float(m2)
            self.names[code] = (land_name(code, system) or "") if code else ""


def codes_of(store: Any, first: int, last: int) -> list[str]:
    """DLBM of these rows, "" where there is none."""
    if "DLBM" not in store.columns:
        return [""] * (last - first)
    return [code or "" for code in store.column("DLBM", first, last).to_pylist()]


def _hashes(values: Sequence[Any]) -> Hashes:
    """Of this process; 0 for None."""
    return np.fromiter((0 if value is None else hash(value) for value in values), np.int64, len(values))


# --- by identity ----------------------------------------------------------------------------------


def _parcels(old: _Walked, new: _Walked, sink: Sink) -> Parcels:
    told = Parcels(before=len(old.shapes), after=len(new.shapes))
    best: tuple[int, tuple[str, ...], Any] | None = None
    for key in (key for key in KEYS if key in old.keys and key in new.keys):
        (one, unkeyed_one), (other, unkeyed_other) = _own(old.keys[key]), _own(new.keys[key])
        if max(unkeyed_one / max(told.before, 1), unkeyed_other / max(told.after, 1)) > 1 - KEYED:
            continue
        _, i, j = np.intersect1d(old.keys[key][one], new.keys[key][other], return_indices=True)
        pairs = one[i], other[j]
        same = int((old.shapes[pairs[0]] == new.shapes[pairs[1]]).sum())
        if best is None or same > best[0]:
            best = same, key, (one, other, pairs, (unkeyed_one, unkeyed_other))
    if best is None:
        return told
    _, told.key, (one, other, (i, j), told.unkeyed) = best
    gone, fresh = np.setdiff1d(one, i), np.setdiff1d(other, j)
    told.gone, told.new = len(gone), len(fresh)
    recoded = old.codes[i] != new.codes[j]
    reshaped = _reshaped(old, new, i, j)
    told.class_changed, told.shape_changed = int(recoded.sum()), int(reshaped.sum())
    told.changed, told.unchanged = int((recoded | reshaped).sum()), int((~recoded & ~reshaped).sum())
    for what, walked, which in (("gone", old, gone), ("new", new, fresh), ("changed", new, j[recoded | reshaped])):
        for first in range(0, len(which), PATCHES_AT_ONCE):
            places = [walked.place(parcel) for parcel in which[first : first + PATCHES_AT_ONCE]]
            sink.parcel(what, walked.parts, places)
    return told


def _own(keys: Hashes) -> tuple[NDArray[np.intp], int]:
    """(numbers of the parcels whose key no other has, how many have none of their own)."""
    values, first, counts = np.unique(keys, return_index=True, return_counts=True)
    own = first[(counts == 1) & (values != 0)]
    return np.sort(own), len(keys) - len(own)


def _reshaped(old: _Walked, new: _Walked, i: NDArray[np.intp], j: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which pairs differ in shape by more than ``SAME_M``."""
    found = old.shapes[i] != new.shapes[j]
    unlike = np.flatnonzero(found)
    for first in range(0, len(unlike), PATCHES_AT_ONCE):
        pairs = unlike[first : first + PATCHES_AT_ONCE]
        one, zones = _taken(old, i[pairs])
        other, own = _taken(new, j[pairs])
        for n in range(len(pairs)):
            if zones[n] != own[n]:
                other[n : n + 1] = transform(other[n : n + 1], own[n], zones[n])
        found[pairs] = ~shapely.equals_exact(shapely.normalize(one), shapely.normalize(other), SAME_M)
    return found


def _taken(walked: _Walked, which: NDArray[np.intp]) -> tuple[Geometries, list[str]]:
    """Shapes of these parcels, and the zone of each."""
    shapes = np.empty(len(which), object)
    zones = [""] * len(which)
    part = np.searchsorted(walked.starts, which, "right") - 1
    for number in np.unique(part):
        here = np.flatnonzero(part == number)
        store = walked.parts[number][1]
        shapes[here] = store.geometries(which[here] - walked.starts[number])
        for n in here:
            zones[n] = store.zone
    return shapes, zones


# --- by ground ------------------------------------------------------------------------------------


def _moved(of: _Walked, against: _Walked) -> Iterator[tuple[Piece | None, float]]:
    """Ground of the members of one edition that is no member's in the other, piece by piece; (piece, share done)."""
    same = np.unique(against.shapes[against.member])
    todo = np.flatnonzero(of.member & ~np.isin(of.shapes, same))
    for first in range(0, len(todo), PATCHES_AT_ONCE):
        chosen = todo[first : first + PATCHES_AT_ONCE]
        part = np.searchsorted(of.starts, chosen, "right") - 1
        for number in np.unique(part):
            rows = chosen[part == number] - of.starts[number]
            for piece in _of_part(of, against, int(number), rows):
                yield piece, first / len(todo)
    yield None, 1.0


def _of_part(of: _Walked, against: _Walked, number: int, rows: NDArray[np.intp]) -> Iterator[Piece]:
    _, store = of.parts[number]
    zone, patches = store.zone, store.geometries(rows)
    exact = np.asarray(store.areas[rows])
    pieces = cut(patches, zone, against.parts).once(patches, zone)
    member = against.member[against.starts[pieces.part] + pieces.row]
    own_codes = _codes_at(of.parts, np.full(len(rows), number), rows)
    other_codes = _codes_at(against.parts, pieces.part, pieces.row)
    covered = sum_by(pieces.patch, pieces.m2, len(patches))
    outline = shapely.length(patches) + sum_by(pieces.patch, shapely.length(pieces.geometry), len(patches))
    gap = exact - covered
    gap[gap <= 0.005 + 1e-3 * np.sqrt(outline)] = 0  # as in ``overlay``: what rounding of coordinates can miss
    for n in np.flatnonzero(~member & (pieces.m2 > 0)).tolist():
        patch = int(pieces.patch[n])
        yield Piece(pieces.geometry[n], zone, float(pieces.m2[n]), (number, int(rows[patch])),
                    (int(pieces.part[n]), int(pieces.row[n])), own_codes[patch], other_codes[n])  # fmt: skip
    for patch in np.flatnonzero(gap).tolist():
        rest = shapely.difference(patches[patch], shapely.union_all(pieces.geometry[pieces.patch == patch]))
        yield Piece(rest, zone, float(gap[patch]), (number, int(rows[patch])), None, own_codes[patch], NO_PARCEL)


def _codes_at(parts: Parts, part: NDArray[np.integer], row: NDArray[np.integer]) -> list[str]:
    found = [""] * len(row)
    for number in np.unique(part):
        here = np.flatnonzero(part == number)
        values = parts[number][1].attributes(row[here], ["DLBM"]).get("DLBM", [""] * len(here))
        for n, value in zip(here, values, strict=True):
            found[n] = value or ""
    return found
