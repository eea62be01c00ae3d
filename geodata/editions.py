"""[io] Editions of layers at rest: one folder a delivered table, its facts as JSON beside the parcels.

    <uuid>/layer.json     the facts (``layers.Layer``)
    <uuid>/parcels/       the shapes and attributes (``parcels``)

The folder's name follows from kind, edition, file hash and table: the same file again is the same
folder, and a run that was killed leaves nothing that a later one would read.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyproj
import shapely

from geodata import crs as crs_
from geodata import displaced, exchange, gcj02, intake, layerexport, vectorfile
from geodata.atomic import replacing_folder
from geodata.errors import EmptyData, GengXunError, InputError, InUse
from geodata.layers import (
    CONTRACTS,
    Kind,
    Layer,
    Taken,
    choose_table,
    detect_code_system,
    first_day,
    kind_,
    plan,
    unknown_codes,
)
from geodata.parcels import ParcelStore, StoreSummary, write_store
from geodata.words import Text, both

_NAMESPACE = uuid.UUID("6f1d0d9a-3b0e-5c55-9d0c-3a4d6e1f7b21")
_STALE_S = 24 * 3600
_AROUND_DEG, _COMPARED = 0.01, 8
_NUMERIC = ("Real", "Integer")  # of columns without a contract; 64-bit integers are identifiers: text
Progress = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class _Where:
    """In what coordinates a delivery is. shifted: by GCJ-02; unshifted: the user says that it is not, whatever
    it looks like; hints: what in its names speaks of GCJ-02."""

    source: pyproj.CRS
    shifted: bool
    unshifted: bool
    hints: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class LayersOnDay:
    """The layers that hold on one day. parts: every file of the chosen edition of each kind."""

    day: date
    parts: Mapping[Kind, list[tuple[Layer, ParcelStore]]]
    editions: Mapping[Kind, str]
    warnings: list[Text]


class Editions:
    """The layers under ``root`` (workspace/catalog/layers)."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def add(
        self,
        kind: Kind | str,
        path: str | Path,
        *,
        edition: str,
        valid_from: date | str | None = None,
        crs: str | None = None,
        code_system: str | None = None,
        columns: Mapping[str, str] | None = None,
        layer_name: str | None = None,
        unshifted: bool = False,
        described: vectorfile.Described | None = None,
        progress: Progress | None = None,
    ) -> Layer:
        """Take in one table of a delivered file. The same file again for the same kind and edition
        changes nothing; another one is a further part of the edition.

        crs: "GCJ-02" takes that shift back. columns: {OURS: THEIRS}. unshifted: the layer is right as it
        is, although it lies as if in GCJ-02. described: where it was looked at just before.
        Raises: InputError of every kind, with the workspace unchanged.
        """
        kind, edition = kind_(kind), edition.strip()
        day = self._first_day(kind, edition, valid_from)
        described = described or vectorfile.describe(path)
        table = _table(kind, path, described, layer_name)
        sha256 = vectorfile.sha256_of(path)
        key = str(uuid.uuid5(_NAMESPACE, f"{kind}\0{edition}\0{sha256}\0{table.name}"))
        if (held := self._held(key)) is not None:
            return held
        chosen = plan(kind, list(table.columns), columns or {}, path)
        taken = tuple(replace(t, type=t.type or _free_type(table.columns[t.theirs])) for t in chosen.taken)
        said = table.crs if table.crs_said or crs is None else None
        shifted = gcj02.is_meant(crs)
        own = said or table.crs or crs_.GEOGRAPHIC if shifted else said
        source = crs_.declared(own, None if shifted else crs, path, table.bounds)
        layer = Layer(
            kind, edition, day, code_system, gcj02.NAME if shifted else crs_.name_of(source), "",
            sha256, key, 0, 0.0, 0.0,
            dropped_columns=chosen.dropped,
            warnings=(*described.warnings, *_notes(table, said)),
            source_name=Path(path).name, source_layer=table.name,
        )  # fmt: skip
        self.root.mkdir(parents=True, exist_ok=True)
        self._sweep()
        with tempfile.TemporaryDirectory(prefix=".incoming-", dir=self.root) as folder:
            names = {t.theirs: t.ours for t in taken}
            share = _part_of(progress, 0.0, 0.4)
            arrow = vectorfile.read(path, described, table, names, Path(folder), share)
            hints = displaced.hints([Path(path).name, table.name], list(table.columns), described.driver)
            where = _Where(source, shifted, unshifted, tuple(hints))
            return self._keep(layer, where, taken, arrow, path, _part_of(progress, 0.4, 1.0))

    def _keep(
        self, layer: Layer, where: _Where, taken: tuple[Taken, ...], arrow: Path, path: str | Path, progress: Progress
    ) -> Layer:
        source = where.source
        coded = "DLBM" if layer.kind in intake.CODED and any(t.ours == "DLBM" for t in taken) else None
        with vectorfile.batches(arrow) as delivered:
            free = [t.ours for t in taken if t.ours not in CONTRACTS[layer.kind]]
            first = intake.look(_all(delivered, _part_of(progress, 0.0, 0.2)), coded, free)
            if first.bounds[0] > first.bounds[2]:
                raise _no_shape(path, first.records)
            said = crs_.check(source, first.bounds, path)
            system = detect_code_system(_named(first.codes), layer.code_system, path) if coded else None
            unknown = unknown_codes(first.codes, system) if coded else {}
            said += intake.code_warnings(layer.kind, first.codes, unknown, system)
            zone = crs_.gk3(crs_.own_zone(source, first.bounds))
            layer = replace(layer, code_system=system, zone=zone, unknown_codes=unknown)
            dropped = (*layer.dropped_columns, *(t.theirs for t in taken if t.ours in first.personal))
            layer = replace(layer, warnings=(*layer.warnings, *said), dropped_columns=dropped)
            taken = tuple(t for t in taken if t.ours not in first.personal)
            work = intake.Intake(layer.kind, taken, system, source, zone, where.shifted, first.odd_kcxs)
            with replacing_folder(self.root / layer.folder) as folder:
                try:
                    rows = work.rows(_all(delivered, _part_of(progress, 0.2, 0.9)))
                    summary = write_store(folder / "parcels", rows, zone=zone)
                except EmptyData:
                    raise _no_shape(path, first.records) from None
                layer = self._described(layer, work, summary)
                own = ParcelStore.open(folder / "parcels")
                said = displaced.judge(layer, own, self._beside(layer), where.hints, where.unshifted, path)
                layer = replace(layer, warnings=(*layer.warnings, *said))
                (folder / "layer.json").write_text(_to_json(layer), encoding="utf-8")
        progress(1.0)
        return layer

    def _described(self, layer: Layer, work: intake.Intake, summary: StoreSummary) -> Layer:
        layer = replace(
            layer,
            features=summary.rows,
            delivered=work.delivered,
            area_m2=summary.area_m2,
            area_before_m2=summary.area_m2 - work.gained_m2,
            class_m2=work.class_m2,
            repaired=dict(sorted(work.repaired.items())),
            columns=summary.columns,
            bounds=crs_.lonlat_bounds(layer.zone, summary.bounds),
        )
        return replace(layer, warnings=(*layer.warnings, *work.warnings(), *self._apart(layer)))

    def _beside(self, layer: Layer) -> Iterator[tuple[Layer, ParcelStore]]:
        """Layers held that lie on the same ground, those of its kind first, the newest first."""
        box = shapely.box(*layer.bounds)
        near = [other for other in self.layers() if other.folder != layer.folder]
        near = [other for other in near if box.intersects(shapely.box(*other.bounds).buffer(_AROUND_DEG))]
        near.sort(key=lambda other: (other.kind is not layer.kind, -other.valid_from.toordinal()))
        for other in near[:_COMPARED]:
            yield other, self.store(other)

    def _first_day(self, kind: Kind, edition: str, valid_from: date | str | None) -> date:
        if not edition:
            raise InputError("--edition is empty; name the edition, for example 2025.")
        same = [layer for layer in self.layers() if (layer.kind, layer.edition) == (kind, edition)]
        if same and valid_from is None:
            return same[0].valid_from
        day = first_day(edition, valid_from)
        if same and same[0].valid_from != day:
            raise InputError(
                "--valid-from {day}: the edition {edition} of {kind} is held as valid from {held}; leave the option"
                " out, or give another edition.",
                day=day.isoformat(),
                edition=edition,
                kind=str(kind),
                held=same[0].valid_from.isoformat(),
            )
        return day

    def _apart(self, layer: Layer) -> list[Text]:
        """A layer far from all others held has perhaps the wrong zone."""
        others = [other.bounds for other in self.layers() if other.folder != layer.folder]
        box = shapely.box(*layer.bounds)
        away = min((box.distance(shapely.box(*bounds)) for bounds in others), default=0.0)
        if away < 0.5:
            return []
        return [both("It lies {degrees:.1f}° away from all layers held; check its coordinate system.", degrees=away)]

    def layers(self) -> list[Layer]:
        """All layers held, by kind, day and edition."""
        found = [_from_json(p) for p in sorted(self.root.glob("*/layer.json")) if not p.parent.name.startswith(".")]
        order = list(Kind)
        return sorted(
            found, key=lambda la: (order.index(la.kind), la.valid_from, la.edition, la.source_name, la.folder)
        )

    def remove(self, kind: Kind | str, edition: str, *, referenced: Callable[[Kind, str], int]) -> int:
        """Remove all parts of an edition; how many. ``referenced`` says how many flags refer to it.

        Raises: InUse while there are any; InputError where it is not held.
        """
        kind = kind_(kind)
        parts = self.parts(kind, edition)
        if uses := referenced(kind, edition):
            raise InUse(
                "{kind} {edition}: {n} flags refer to this edition; it stays, so that they can be explained.",
                kind=str(kind),
                edition=edition,
                n=uses,
            )
        for layer in parts:
            gone = self.root / f".removed-{uuid.uuid4().hex}"
            (self.root / layer.folder).rename(gone)
            shutil.rmtree(gone, ignore_errors=True)
        return len(parts)

    def on(self, day: date) -> LayersOnDay:
        """The newest edition of each kind valid on ``day``, else the oldest held, with a warning."""
        parts: dict[Kind, list[tuple[Layer, ParcelStore]]] = {}
        editions: dict[Kind, str] = {}
        warnings: list[Text] = []
        held = self.layers()
        for kind in Kind:
            of_kind = [layer for layer in held if layer.kind is kind]
            if not of_kind:
                continue
            valid = [layer for layer in of_kind if layer.valid_from <= day]
            chosen = valid[-1] if valid else of_kind[0]
            if not valid:
                warnings.append(
                    both(
                        "{kind}: no edition was valid on {day}; the oldest held ({edition}, from {since}) is used.",
                        kind=str(kind),
                        day=day.isoformat(),
                        edition=chosen.edition,
                        since=chosen.valid_from.isoformat(),
                    )
                )
            editions[kind] = chosen.edition
            parts[kind] = [(layer, self.store(layer)) for layer in of_kind if layer.edition == chosen.edition]
        return LayersOnDay(day, parts, editions, warnings)

    def store(self, layer: Layer) -> ParcelStore:
        """The parcels of a layer held."""
        return ParcelStore.open(self.root / layer.folder / "parcels")

    def export(
        self,
        kind: Kind | str,
        edition: str,
        path: str | Path,
        *,
        crs: str | None = None,
        progress: Progress | None = None,
    ) -> exchange.Written:
        """All parts of an edition as one file, as ``layerexport``. Raises: InputError, also where it is not held."""
        kind = kind_(kind)
        parts = [(layer, self.store(layer)) for layer in self.parts(kind, edition)]
        return layerexport.export(parts, Path(path), crs, progress)

    def named(self, chosen: Mapping[Kind, Iterable[str]], day: date) -> LayersOnDay:
        """These editions of these kinds, and no other layers, as what holds on ``day``."""
        parts: dict[Kind, list[tuple[Layer, ParcelStore]]] = {}
        editions: dict[Kind, str] = {}
        for kind, names in chosen.items():
            wanted = set(names)
            found = [layer for layer in self.layers() if layer.kind is kind and layer.edition in wanted]
            if found:
                parts[kind] = [(layer, self.store(layer)) for layer in found]
                editions[kind] = ", ".join(sorted(wanted))
        return LayersOnDay(day, parts, editions, [])

    def before(self, layer: Layer) -> str | None:
        """The edition of the same kind that ``layer``'s follows, None where it is the oldest."""
        older = [one for one in self.layers() if one.kind is layer.kind and one.valid_from < layer.valid_from]
        return older[-1].edition if older else None

    def parts(self, kind: Kind, edition: str) -> list[Layer]:
        """Its files. Raises: InputError where it is not held."""
        parts = [layer for layer in self.layers() if (layer.kind, layer.edition) == (kind, edition)]
        if not parts:
            held = sorted({layer.edition for layer in self.layers() if layer.kind is kind})
            raise InputError(
                "{kind}: there is no edition {edition}; held are {held}.",
                kind=str(kind),
                edition=edition,
                held=", ".join(held) or "–",
            )
        return parts

    def _held(self, key: str) -> Layer | None:
        try:
            layer = _from_json(self.root / key / "layer.json")
            self.store(layer)
        except (OSError, GengXunError):
            return None
        return layer

    def _sweep(self) -> None:
        """Clear what killed runs left behind more than a day ago."""
        for left in self.root.glob(".*"):
            if left.is_dir() and time.time() - left.stat().st_mtime > _STALE_S:
                shutil.rmtree(left, ignore_errors=True)


def _table(kind: Kind, path: str | Path, described: vectorfile.Described, name: str | None) -> vectorfile.FileLayer:
    by_name = {layer.name: layer for layer in described.polygon_layers}
    if not by_name:
        raise InputError(
            "{path}: holds no polygons ({types}); give a layer of polygons.",
            path=path,
            types=", ".join(sorted({layer.geometry or "–" for layer in described.layers})) or "–",
        )
    table = by_name[choose_table(kind, list(by_name), name, path)]
    if not table.features:
        raise EmptyData("{path}: the layer {name} holds no features; give one that does.", path=path, name=table.name)
    return table


def _no_shape(path: str | Path, n: int) -> EmptyData:
    return EmptyData("{path}: none of its {n} records has a shape; give a layer with polygons.", path=path, n=n)


def _free_type(type_: str) -> str:
    return "number" if type_ in _NUMERIC else "text"


def _notes(table: vectorfile.FileLayer, crs: str | None) -> list[Text]:
    notes: list[Text] = []
    if crs is not None and not table.crs_said:
        notes.append(both("The file names no coordinate system; by the standard of its format that is WGS 84."))
    if table.skipped:
        notes.append(
            both("Columns of binary or list type were not taken: {columns}.", columns=", ".join(table.skipped))
        )
    return notes


def _named(codes: Mapping[str, int]) -> dict[str, int]:
    return {code: n for code, n in codes.items() if code}


def _part_of(progress: Progress | None, first: float, last: float) -> Progress:
    """A progress of its own, 0 to 1, that fills first … last of ``progress``."""
    return lambda share: progress(first + (last - first) * share) if progress else None


def _all(reader: pa.RecordBatchFileReader, progress: Progress) -> Iterator[pa.RecordBatch]:
    for i in range(reader.num_record_batches):
        yield reader.get_batch(i)
        progress((i + 1) / reader.num_record_batches)


def _to_json(layer: Layer) -> str:
    facts = asdict(layer) | {"valid_from": layer.valid_from.isoformat()}
    return json.dumps(facts, ensure_ascii=False, indent=1)


def _from_json(path: Path) -> Layer:
    facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    facts |= {"kind": Kind(facts["kind"]), "valid_from": date.fromisoformat(facts["valid_from"])}
    known = {field.name for field in fields(Layer)}
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in facts.items() if k in known}
    return Layer(**values)
