"""[io] A delivered layer looked over before it is taken in: what it is, where it lies, what would become of it.

Nothing of the workspace is changed: the layer goes through the whole intake into a temporary folder,
so that what is said of repairs, codes and coordinates is what ``layer add`` will say.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from geodata import attributes, vectorfile
from geodata import crs as crs_
from geodata.contracts import CONTRACTS, Kind, is_personal, matched
from geodata.editions import Editions
from geodata.errors import GengXunError, InputError, UnknownCodes
from geodata.kindguess import ISSUED, Guess, guess
from geodata.landcodes import CODE_SYSTEMS
from geodata.layers import Layer, code_evidence
from geodata.parcels import ParcelStore
from geodata.repair import read_wkb
from geodata.words import Text, both

DETAILED = 5
"""Layers of one file that are looked over; of more, only the one named."""
_DISTINCT, _EXAMPLES, _SHOWN = 2_000, 3, 40
_SAMPLE = 400
Progress = Callable[[float], None]


@dataclass(frozen=True)
class ColumnSeen:
    """ours: what it would be taken for: its own name where no contract knows it, "" where it is dropped.
    filled: share of the records. examples: none of a column about persons."""

    theirs: str
    type: str
    ours: str
    filled: float
    examples: tuple[str, ...]
    personal: bool


@dataclass(frozen=True)
class Place:
    """Where the layer lies against the units held: of (kind and edition), inside | overlaps | outside, share inside."""

    of: str
    relation: str
    share: float


@dataclass(frozen=True, eq=False)
class LayerSeen:
    """One layer looked over. crs_how: "file", "format" (only its standard says it), "fits" (the coordinates
    alone: to be confirmed), "given", "" (not known). lines: what ``layer add`` needs after KIND, PATH and
    the edition; several where only a person can choose. codes: as ``layers.code_evidence``. trial: as it
    would be held; refused: why it would not."""

    name: str
    geometry: str
    features: int
    crs: str | None
    crs_how: str
    bounds: tuple[float, float, float, float] | None
    lonlat: tuple[float, float, float, float] | None
    place: Place | None
    guess: Guess
    columns: tuple[ColumnSeen, ...]
    codes: Mapping[str, Mapping[str, int]]
    edition: str
    lines: tuple[tuple[str, ...], ...]
    trial: Layer | None
    refused: Text | None


@dataclass(frozen=True, eq=False)
class FileSeen:
    """layers: every layer, looked over or not. seen: those looked over."""

    format: str
    encoding: str | None
    layers: tuple[vectorfile.FileLayer, ...]
    seen: tuple[LayerSeen, ...]
    warnings: tuple[Text, ...]


def look_over(
    path: str | Path,
    *,
    held: Editions | None = None,
    layer: str | None = None,
    crs: str | None = None,
    beside: str | Path | None = None,
    today: date,
    progress: Progress = lambda share: None,
) -> FileSeen:
    """held: the layers of the workspace, for where it lies and whether it is shifted; beside: another file in
    their place. crs: as of ``layer add``.

    Raises: InputError for what cannot be read, and a layer that is not there.
    """
    if beside is not None:
        with tempfile.TemporaryDirectory(prefix="gengxun-") as folder:
            other = Editions(Path(folder))
            other.add(Kind.BOUNDARY, beside, edition=Path(beside).name, valid_from=today, unshifted=True)
            return look_over(path, held=other, layer=layer, crs=crs, today=today, progress=progress)
    described = vectorfile.describe(path)
    if layer is not None and layer not in [one.name for one in described.layers]:
        raise InputError(
            "{path}: has no layer “{asked}”; its layers are {names}.",
            path=path,
            asked=layer,
            names=", ".join(one.name for one in described.layers) or "–",
        )
    chosen = [one for one in described.polygon_layers if layer in (None, one.name) and one.features]
    if len(chosen) > DETAILED:
        chosen = []
    seen = []
    for number, table in enumerate(chosen):
        part = _part(progress, number / len(chosen), (number + 1) / len(chosen))
        several = len(described.polygon_layers) > 1
        seen.append(_looked_over(Path(path), described, table, held, crs, today, several, part))
    return FileSeen(described.driver, described.encoding, described.layers, tuple(seen), described.warnings)


def _part(progress: Progress, first: float, last: float) -> Progress:
    return lambda share: progress(first + (last - first) * share)


@dataclass
class _Pass:
    """One pass over the records: values, filled cells, a sample of places."""

    records: int = 0
    filled: Counter[str] = field(default_factory=Counter)
    values: dict[str, Counter[str]] = field(default_factory=dict)
    persons: set[str] = field(default_factory=set)
    points: list[Any] = field(default_factory=list)

    def meet(self, batch: pa.RecordBatch) -> None:
        self.records += batch.num_rows
        shapes, _ = read_wkb(batch.column("wkb").to_numpy(zero_copy_only=False))
        some = shapes[~shapely.is_missing(shapes) & ~shapely.is_empty(shapes)]
        self.points += list(shapely.point_on_surface(some[:: max(1, len(some) // 40)]))
        for name in batch.schema.names[1:]:
            texts = attributes.text(batch.column(name))
            self.filled[name] += len(texts) - texts.null_count
            if attributes.is_about_persons(texts):
                self.persons.add(name)
            values = self.values.setdefault(name, Counter())
            if len(values) < _DISTINCT:
                counted = pc.value_counts(texts.drop_null()).to_pylist()
                values.update({row["values"]: row["counts"] for row in counted[:_DISTINCT]})


def _looked_over(
    path: Path,
    described: vectorfile.Described,
    table: vectorfile.FileLayer,
    held: Editions | None,
    crs: str | None,
    today: date,
    several: bool,
    progress: Progress,
) -> LayerSeen:
    one = _Pass()
    with tempfile.TemporaryDirectory(prefix="gengxun-") as folder:
        names = {name: name for name in table.columns if name.casefold() != "wkb"}
        arrow = vectorfile.read(path, described, table, names, Path(folder), _part(progress, 0.0, 0.3))
        with vectorfile.batches(arrow) as reader:
            for i in range(reader.num_record_batches):
                one.meet(reader.get_batch(i))
    dropped = {name for name in names if is_personal(name)} | one.persons
    told = guess([table.name, path.name.partition(".")[0]], {c: v for c, v in one.values.items() if c not in dropped})
    kind = Kind(told.kind) if told.kind in list(Kind) else Kind.BOUNDARY
    system, how = _system(table, crs, held)
    lonlat = _lonlat(system, table.bounds)
    edition = _edition(path, one.values, today)
    given = dict(told.columns)
    need = crs or (system if how == "fits" else None)
    rest = [part for ours, theirs in given.items() for part in ("--column", f"{ours}={theirs}")]
    rest = [*(["--layer", table.name] if several else []), *rest]
    trial, refused, lines = None, None, [_crs_option(need)]
    with tempfile.TemporaryDirectory(prefix="gengxun-") as folder:
        try:
            trial = _Trial(Path(folder), held).add(
                kind, path, edition="trial", valid_from=today, crs=need, columns=given,
                layer_name=table.name, described=described, progress=_part(progress, 0.3, 1.0),
            )  # fmt: skip
        except GengXunError as error:
            if error.exit_code != 2:
                raise
            refused = both(error.msgid, **error.fields)
            lines = _choices(error, need)
    columns = {**matched(kind, list(table.columns)), **given} if told.kind != ISSUED else {}
    return LayerSeen(
        table.name, table.geometry, table.features, system, how, table.bounds, lonlat,
        _place(one.points, system, held, today), told, tuple(_columns(table, one, columns, dropped)),
        _codes(one, columns, kind), edition, tuple((*line, *rest) for line in lines), trial, refused,
    )  # fmt: skip


def _crs_option(crs: str | None) -> list[str]:
    return ["--crs", crs] if crs else []


def _choices(error: GengXunError, crs: str | None) -> list[list[str]]:
    """The options with which what was refused could go in, where they can be told."""
    if isinstance(error, UnknownCodes) and "--column" not in error.msgid:
        return [[*_crs_option(crs), "--code-system", system] for system in CODE_SYSTEMS]
    if "instead" in error.fields:
        return [_crs_option(str(error.fields["instead"])), [*_crs_option(crs), "--unshifted"]]
    return []


class _Trial(Editions):
    """Takes layers into a folder of its own, beside those held."""

    def __init__(self, root: Path, held: Editions | None) -> None:
        super().__init__(root)
        self._beside_it = held

    def layers(self) -> list[Layer]:
        return self._beside_it.layers() if self._beside_it else []

    def store(self, layer: Layer) -> ParcelStore:
        assert self._beside_it
        return self._beside_it.store(layer)


def _columns(
    table: vectorfile.FileLayer, one: _Pass, columns: Mapping[str, str], dropped: Iterable[str]
) -> Iterable[ColumnSeen]:
    ours = {theirs: name for name, theirs in columns.items()}
    for theirs, type_ in table.columns.items():
        personal = theirs in dropped
        common = [value for value, _ in one.values.get(theirs, Counter()).most_common(_EXAMPLES * 4)]
        shown = [value[:_SHOWN] for value in common if not attributes.is_about_persons(pa.array([value]))]
        yield ColumnSeen(
            theirs,
            type_,
            "" if personal else ours.get(theirs, theirs),
            one.filled[theirs] / one.records if one.records else 0.0,
            () if personal else tuple(shown[:_EXAMPLES]),
            personal,
        )


def _codes(one: _Pass, columns: Mapping[str, str], kind: Kind) -> dict[str, dict[str, int]]:
    if "DLBM" not in columns or "DLBM" not in CONTRACTS[kind]:
        return {}
    return code_evidence(one.values.get(columns["DLBM"], Counter()))


# --- where it lies --------------------------------------------------------------------------------


def _system(table: vectorfile.FileLayer, given: str | None, held: Editions | None) -> tuple[str | None, str]:
    """(coordinate system, how it is known)."""
    if given is not None:
        return given, "given"
    if table.crs is not None:
        try:
            return crs_.name_of(crs_.crs_(table.crs)), "file" if table.crs_said else "format"
        except GengXunError:
            return table.crs, "file"
    if table.bounds is None:
        return None, ""
    fits = crs_.guess(table.bounds) or _by_ground(table.bounds, held)
    return (fits, "fits") if fits else (None, "")


def _by_ground(bounds: crs_.Bounds, held: Editions | None) -> str | None:
    """Degrees in China; else the one 3° zone without a number in front in which it lies on ground that is held."""
    x0, y0, x1, y1 = bounds
    if crs_.CHINA[0] <= x0 and x1 <= crs_.CHINA[2] and crs_.CHINA[1] <= y0 and y1 <= crs_.CHINA[3]:
        return crs_.GEOGRAPHIC
    boxes = [shapely.box(*layer.bounds) for layer in held.layers()] if held else []
    if not boxes or not (1e5 < x0 <= x1 < 1e6 and 1.5e6 < y0 <= y1 < 6.3e6):
        return None
    zones = [crs_.gk3(zone) for zone in crs_.ZONES]
    fits = [z for z in zones if any(box.intersects(shapely.box(*crs_.lonlat_bounds(z, bounds))) for box in boxes)]
    return fits[0] if len(fits) == 1 else None


def _lonlat(system: str | None, bounds: crs_.Bounds | None) -> crs_.Bounds | None:
    if system is None or bounds is None:
        return None
    try:
        found = crs_.lonlat_bounds(crs_.crs_(system), bounds)
    except GengXunError:
        return None
    return found if np.isfinite(found).all() else None


def _place(points: list[Any], system: str | None, held: Editions | None, today: date) -> Place | None:
    """By points of the layer's shapes in the units held."""
    parts = held.on(today).parts.get(Kind.DISTRICT, []) if held else []
    if not parts or not points or system is None:
        return None
    chosen = np.array(points[:: max(1, len(points) // _SAMPLE)], object)
    inside = np.zeros(len(chosen), bool)
    for _, store in parts:
        try:
            there = crs_.transform(chosen, system, store.zone)
        except GengXunError:
            return None
        point, row = store.query(shapely.bounds(there))
        inside[point[shapely.intersects(there[point], store.geometries(row))]] = True
    share = float(inside.mean())
    relation = "inside" if share == 1 else "outside" if share == 0 else "overlaps"
    return Place(f"{parts[0][0].kind} {parts[0][0].edition}", relation, share)


def _edition(path: Path, values: Mapping[str, Mapping[str, int]], today: date) -> str:
    """The year in the column SJNF, in the file's name, else this year's."""
    for year in (value.strip() for value in values.get("SJNF", ())):
        if re.fullmatch(r"20\d\d", year):
            return year
    named = re.search(r"(?<!\d)20[0-4]\d(?!\d)", path.name)
    return named[0] if named else str(today.year)
