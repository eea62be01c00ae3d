"""[io] What a newer edition changed, told and written as a GeoPackage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from geodata import crs as crs_
from geodata.editions import Editions
from geodata.layers import Kind
from geodata.reportfile import ReportFile
from pipeline.layerchange import Changed, Piece, Sink, compare
from pipeline.pieces import Parts

IDS = ("BSM", "TBBH", "YJJBNTTBBH", "ZLDWDM", "ZLDWMC", "XZQDM", "XZQMC", "BAH", "DLBM", "DLMC")
"""Columns that say which parcel it is, as far as a layer has them."""
PIECES_AT_ONCE = 2_000


def diff(
    editions: Editions,
    kind: Kind,
    before: str,
    after: str,
    out: Path | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Changed:
    """Edition ``before`` against ``after``; out: a .gpkg with layers lost and gained (ground), gone, new and changed
    (parcels). Raises: InputError where one is not held, or ``out`` cannot be written."""
    return filed(kind, parts_of(editions, kind, before), parts_of(editions, kind, after), out, progress)


def filed(
    kind: Kind, old: Parts, new: Parts, out: Path | None = None, progress: Callable[[float], None] = lambda share: None
) -> Changed:
    """``layerchange.compare``, with its findings in ``out``."""
    if out is None:
        return compare(kind, old, new, progress=progress)
    with _Filed(ReportFile(out, zone_of(old + new)), old, new) as sink:
        return compare(kind, old, new, sink, progress)


def parts_of(editions: Editions, kind: Kind, edition: str) -> Parts:
    return [(layer, editions.store(layer)) for layer in editions.parts(kind, edition)]


def zone_of(parts: Parts) -> str:
    """The zone of all parts, EPSG:4490 where they are in several."""
    zones = {store.zone for _, store in parts}
    return zones.pop() if len(zones) == 1 else crs_.GEOGRAPHIC


def ids(parts: Parts, places: Sequence[tuple[int, int] | None]) -> dict[str, list[str]]:
    """{column: value of each (part, row)}, "" where there is none."""
    names = [name for name in IDS if any(name in store.columns for _, store in parts)]
    found = {name: [""] * len(places) for name in names}
    for number, (_, store) in enumerate(parts):
        here = [n for n, place in enumerate(places) if place is not None and place[0] == number]
        rows = np.array([places[n][1] for n in here], np.intp)  # type: ignore[index]
        for name, values in store.attributes(rows, names).items() if here else ():
            for n, value in zip(here, values, strict=True):
                found[name][n] = str(value or "")
    return found


def shapes(parts: Parts, places: Sequence[tuple[int, int]], crs: str) -> np.ndarray:
    """Of each (part, row), in ``crs``."""
    found = np.empty(len(places), object)
    for number, (_, store) in enumerate(parts):
        here = [n for n, place in enumerate(places) if place[0] == number]
        if here:
            rows = np.array([places[n][1] for n in here], np.intp)
            found[here] = crs_.transform(store.geometries(rows), store.zone, crs)
    return found


class _Filed(Sink):
    """Findings into the layers of a report."""

    def __init__(self, report: ReportFile, before: Parts, after: Parts) -> None:
        self.report = report
        self.sides = {"lost": (before, after), "gained": (after, before)}
        self.waiting: dict[str, list[Piece]] = {"lost": [], "gained": []}

    def __enter__(self) -> _Filed:
        self.report.__enter__()
        return self

    def __exit__(self, *told: Any) -> None:
        if told[0] is None:
            for what in self.waiting:
                self._flush(what)
        self.report.__exit__(*told)

    def piece(self, what: str, piece: Piece) -> None:
        self.waiting[what].append(piece)
        if len(self.waiting[what]) >= PIECES_AT_ONCE:
            self._flush(what)

    def parcel(self, what: str, parts: Parts, places: Sequence[tuple[int, int]]) -> None:
        self.report.add(what, shapes(parts, places, self.report.crs), ids(parts, places))

    def _flush(self, what: str) -> None:
        pieces, self.waiting[what] = self.waiting[what], []
        if not pieces:
            return
        own, other = self.sides[what]
        ground = np.empty(len(pieces), object)
        for zone in {piece.zone for piece in pieces}:
            here = [n for n, piece in enumerate(pieces) if piece.zone == zone]
            moved = np.empty(len(here), object)
            moved[:] = [pieces[n].geometry for n in here]
            ground[here] = crs_.transform(moved, zone, self.report.crs)
        columns: dict[str, Sequence[Any]] = dict(ids(own, [piece.parcel for piece in pieces]))
        columns |= {f"{name}_2": values for name, values in ids(other, [piece.other for piece in pieces]).items()}
        columns["M2"] = [round(piece.m2, 2) for piece in pieces]
        self.report.add(what, ground, columns)
