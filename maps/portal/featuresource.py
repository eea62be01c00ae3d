"""[io] Cases, flags and survey layers as features: by box, time and stage, within the area of who asks.

Geometries are lon/lat in CGCS2000 (EPSG:4490). A box selects by the box around a feature.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import shapely
import sqlalchemy as sa
from shapely.geometry import box, mapping

from geodata.crs import transform
from geodata.layers import Layer
from maps.portal.access import NotThere, Person, areas_of
from maps.portal.office import Office
from pipeline.cases import tables
from pipeline.cases.database import reading
from pipeline.cases.rows import on_day

Box = tuple[float, float, float, float]
DROPPED = ("geometry", "parts", "flag_ids")
FLAG_KEPT = ("kind", "confidence", "urgency", "before_at", "after_at", "gsd_m")
GROUND_KEPT = (
    "patch_m2", "farmland_gross_m2", "farmland_net_m2", "district_code", "district_name", "township_code",
    "township_name", "village_name",
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """bounds: west, south, east, north; west > east goes over the date line. since, until: UTC, both included."""

    bounds: Box | None = None
    since: datetime | None = None
    until: datetime | None = None
    stage: str | None = None
    status: str | None = None
    kind: str | None = None
    limit: int = 100
    offset: int = 0


@dataclass(frozen=True)
class Item:
    id: str
    geometry: Mapping[str, Any]
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """One collection. layer: None for cases and flags; else (kind, edition)."""

    id: str
    title: str
    description: str
    layer: tuple[str, str] | None = None


CASES = Source("cases", "图斑 Cases", "Ground under suspicion, followed until closed; one feature a case.")
FLAGS = Source("flags", "疑似变化 Flags", "What inspections flagged, with its numbers; one feature a flag.")


def sources(office: Office, person: Person) -> list[Source]:
    """The collections for this person. Survey layers are for who may see layers of the whole bureau."""
    found = [CASES, FLAGS]
    if person.may("layers") and not person.districts:
        for kind, edition in sorted({(one.kind.value, one.edition) for one in office.editions.layers()}):
            about = f"Survey layer {kind}, edition {edition}."
            found.append(Source(f"layer:{kind}:{edition}", f"{kind} {edition}", about, (kind, edition)))
    return found


def source(office: Office, person: Person, id: str) -> Source:
    """Raises: NotThere."""
    for one in sources(office, person):
        if one.id == id:
            return one
    raise NotThere


def extent(office: Office, person: Person, of: Source) -> tuple[Box | None, tuple[str, str] | None]:
    """Bounds, first and last time of what the person sees; None where there is nothing."""
    if of.layer:
        boxes = np.array([one.bounds for one in _parts(office, of)])
        found = (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0))
        return tuple(float(v) for v in found), None  # type: ignore[return-value]
    c = tables.cases.c
    spans = [sa.func.min(c.min_lon), sa.func.min(c.min_lat), sa.func.max(c.max_lon), sa.func.max(c.max_lat)]
    with reading(office.ledger.engine) as connection:
        row = connection.execute(
            sa.select(*spans, sa.func.min(c.found_at), sa.func.max(c.found_at)).where(_area(person))
        ).one()
    if row[0] is None:
        return None, None
    return (row[0], row[1], row[2], row[3]), (row[4], row[5])


def items(office: Office, person: Person, of: Source, asked: Asked) -> tuple[int, list[Item]]:
    """How many match, and one page of them."""
    if of.layer:
        return _parcels(office, of, asked)
    which = _which(person, of, asked)
    c, f = tables.cases.c, tables.flags.c
    if of is CASES:
        counted = sa.select(sa.func.count()).select_from(tables.cases).where(which)
        page = sa.select(c.row).where(which).order_by(c.number)
    else:
        joined = tables.flags.join(tables.cases, f.case == c.number).join(tables.events, f.seq == tables.events.c.seq)
        counted = sa.select(sa.func.count()).select_from(joined).where(which)
        page = sa.select(f.case, tables.events.c.payload, c.status, c.stage).select_from(joined).where(which)
        page = page.order_by(f.id)
    with reading(office.ledger.engine) as connection:
        count = connection.execute(counted).scalar_one()
        rows = connection.execute(page.limit(asked.limit).offset(asked.offset)).all()
    return count, [_case(office, row) if of is CASES else _flag(row) for row in rows]


def item(office: Office, person: Person, of: Source, id: str) -> Item:
    """Raises: NotThere."""
    if of.layer:
        return _parcel(office, of, id)
    c, f = tables.cases.c, tables.flags.c
    joined = tables.flags.join(tables.cases, f.case == c.number).join(tables.events, f.seq == tables.events.c.seq)
    if of is CASES:
        one = sa.select(c.row).where(_area(person) & (c.number == id))
    else:
        one = sa.select(f.case, tables.events.c.payload, c.status, c.stage).select_from(joined)
        one = one.where(_area(person) & (f.id == id))
    with reading(office.ledger.engine) as connection:
        row = connection.execute(one).first()
    if row is None:
        raise NotThere
    return _case(office, row) if of is CASES else _flag(row)


def _area(person: Person) -> sa.ColumnElement[bool]:
    c = tables.cases.c
    which: sa.ColumnElement[bool] = sa.false()
    for code in areas_of(person):
        if code is None:
            return sa.true()
        which |= c.district_code.startswith(code) | c.township_code.startswith(code)
    return which


def _which(person: Person, of: Source, asked: Asked) -> sa.ColumnElement[bool]:
    c = tables.cases.c
    place = c if of is CASES else tables.flags.c
    which = _area(person)
    for column, value in ((c.stage, asked.stage), (c.status, asked.status), (c.kind, asked.kind)):
        if value is not None:
            which &= column == value
    if asked.bounds:
        west, south, east, north = asked.bounds
        across = (place.min_lon <= east) | (place.max_lon >= west)
        within = (place.min_lon <= east) & (place.max_lon >= west)
        which &= (within if west <= east else across) & (place.min_lat <= north) & (place.max_lat >= south)
    at = c.found_at if of is CASES else tables.events.c.at
    if asked.since:
        which &= at >= asked.since.isoformat()
    if asked.until:
        which &= at <= asked.until.isoformat()
    return which


def _case(office: Office, row: Any) -> Item:
    found = on_day(json.loads(row[0]), office.today)
    told = {key: _flat(value) for key, value in found.items() if key not in DROPPED}
    return Item(found["number"], found["geometry"], told)


def _flag(row: Any) -> Item:
    number, payload, status, stage = row
    payload = json.loads(payload)
    flag = payload["flag"]
    told = {
        "id": flag["id"], "case": number, "status": status, "stage": stage,
        **{key: flag.get(key) for key in FLAG_KEPT},
        **{key: flag["occupied"].get(key) for key in GROUND_KEPT},
        "reasons": _flat({lang: [r["text"][lang] for r in flag["reasons"]] for lang in ("zh", "en")}),
        "doubts": _flat({lang: [r["text"][lang] for r in flag["doubts"]] for lang in ("zh", "en")}),
        "inspection": payload.get("inspection"),
        "before_id": flag["change"]["before_id"], "after_id": flag["change"]["after_id"],
        "method": flag["change"]["method"], "score": flag["change"]["score"],
    }  # fmt: skip
    return Item(flag["id"], flag["occupied"]["geometry"], told)


def _flat(value: Any) -> Any:
    """A table of attributes has no lists: sentences in Chinese, lists joined."""
    if isinstance(value, dict) and "zh" in value:
        return _flat(value["zh"])
    if isinstance(value, list):
        return "；".join(str(_flat(one)) for one in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return value


def _parts(office: Office, of: Source) -> list[Layer]:
    found = [one for one in office.editions.layers() if (one.kind.value, one.edition) == of.layer]
    return sorted(found, key=lambda one: one.folder)


def _parcels(office: Office, of: Source, asked: Asked) -> tuple[int, list[Item]]:
    """A layer has no time but its edition: time, stage, status and kind do not narrow it."""
    count, found, left = 0, list[Item](), asked.limit
    for n, layer in enumerate(_parts(office, of)):
        store = office.editions.store(layer)
        rows = _rows(layer, store, asked.bounds)
        first = max(0, asked.offset - count)
        count += len(rows)
        chosen = rows[first : first + left] if left > 0 else rows[:0]
        left -= len(chosen)
        found += _read(n, layer, store, chosen)
    return count, found


def _rows(layer: Layer, store: Any, bounds: Box | None) -> Sequence[int] | np.ndarray:
    if bounds is None:
        return np.arange(len(store))
    west, south, east, north = bounds
    if west > east:
        return np.arange(0)
    held = layer.bounds
    clipped = (max(west, held[0]), max(south, held[1]), min(east, held[2]), min(north, held[3]))
    if clipped[0] > clipped[2] or clipped[1] > clipped[3]:
        return np.arange(0)
    edge = shapely.segmentize(box(*clipped), 0.01) if clipped[0] < clipped[2] and clipped[1] < clipped[3] else None
    shape = edge if edge is not None else shapely.buffer(shapely.Point(clipped[0], clipped[1]), 1e-7)
    inside = transform(np.array([shape], dtype=object), "EPSG:4490", layer.zone)
    _, rows = store.query(shapely.bounds(inside))
    return np.unique(rows)


def _read(n: int, layer: Layer, store: Any, rows: Any) -> Iterator[Item]:
    if not len(rows):
        return
    rows = np.asarray(rows, dtype=np.intp)
    shapes = transform(store.geometries(rows), layer.zone, "EPSG:4490")
    names = [name for name in store.columns if name not in ("wkb", "geometry")]
    attributes = store.attributes(rows, names)
    for k, row in enumerate(rows):
        told = {name: _value(attributes[name][k]) for name in names}
        yield Item(f"{n}.{int(row)}", mapping(shapes[k]), told)


def _parcel(office: Office, of: Source, id: str) -> Item:
    part, _, row = id.partition(".")
    parts = _parts(office, of)
    plain = part.isascii() and row.isascii() and part.isdigit() and row.isdigit() and len(id) < 20
    if not plain or int(part) >= len(parts):
        raise NotThere
    store = office.editions.store(parts[int(part)])
    if int(row) >= len(store):
        raise NotThere
    return next(_read(int(part), parts[int(part)], store, [int(row)]))


def _value(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value.item() if isinstance(value, np.generic) else value
