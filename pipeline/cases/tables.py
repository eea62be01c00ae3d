"""[io] The tables of the ledger, for SQLite and PostGIS alike.

``events`` is the record. All other tables but ``leases`` are read from it (projections), for
questions by place and by name; ``verify`` rebuilds and compares them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import shapely
import sqlalchemy as sa
from shapely.geometry.base import BaseGeometry
from sqlalchemy.types import LargeBinary, TypeDecorator, UserDefinedType

from pipeline.cases.case import Case
from pipeline.cases.events import Event, Kind, canonical_json
from pipeline.cases.order import order_key
from pipeline.cases.rows import case_row

SRID = 4490


class _PostGIS(UserDefinedType[str]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return f"geometry(GEOMETRY,{SRID})"


class Geometry(TypeDecorator[BaseGeometry]):
    """Lon/lat geometry in EPSG:4490: WKB in SQLite, hex EWKB into PostGIS."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        return dialect.type_descriptor(_PostGIS() if dialect.name == "postgresql" else LargeBinary())

    def process_bind_param(self, value: BaseGeometry | None, dialect: sa.Dialect) -> Any:
        if value is None:
            return None
        if dialect.name == "postgresql":
            return shapely.to_wkb(shapely.set_srid(value, SRID), hex=True, include_srid=True)
        return shapely.to_wkb(value, byte_order=1)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> BaseGeometry | None:
        return None if value is None else shapely.set_srid(shapely.from_wkb(value), 0)


metadata = sa.MetaData()

BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Text in the order in which Python has it, whatever the server's language: indexes serve ranges of codes."""

events = sa.Table(
    "events",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("case", BYTEWISE, index=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("evidence", sa.Text, nullable=False),
    sa.Column("schema_version", sa.Integer, nullable=False),
    sa.Column("software_version", sa.Text, nullable=False),
    sa.Column("previous_hash", sa.Text, nullable=False, unique=True),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
)


def _place() -> list[sa.Column[Any]]:
    """Geometry and the box around it: portable, so that a query by place needs no extension."""
    box = [sa.Column(name, sa.Float, nullable=False) for name in ("min_lon", "min_lat", "max_lon", "max_lat")]
    return [sa.Column("geometry", Geometry, nullable=False), *box]


inspections = sa.Table(
    "inspections",
    metadata,
    sa.Column("id", BYTEWISE, primary_key=True),
    sa.Column("seq", sa.Integer, sa.ForeignKey("events.seq"), nullable=False),
    sa.Column("before_id", BYTEWISE, nullable=False),
    sa.Column("after_id", BYTEWISE, nullable=False, index=True),
    sa.Column("method", BYTEWISE, nullable=False),
    sa.Column("method_version", BYTEWISE, nullable=False),
)

cases = sa.Table(
    "cases",
    metadata,
    sa.Column("number", BYTEWISE, primary_key=True),
    sa.Column("seq", sa.Integer, sa.ForeignKey("events.seq"), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("stage", BYTEWISE, nullable=False),
    sa.Column("status", BYTEWISE, nullable=False),
    sa.Column("kind", BYTEWISE, nullable=False),
    sa.Column("urgency", sa.Float, nullable=False),
    sa.Column("worth", sa.Float, nullable=False),
    sa.Column("district_code", BYTEWISE, nullable=False, index=True),
    sa.Column("township_code", BYTEWISE, nullable=False, index=True),
    sa.Column("assignee", BYTEWISE, nullable=False),
    sa.Column("party", BYTEWISE, index=True),
    sa.Column("due_at", BYTEWISE),
    sa.Column("relapses", sa.Integer, nullable=False),
    sa.Column("found_at", BYTEWISE, nullable=False),
    sa.Column("row", BYTEWISE, nullable=False),
    *_place(),
    sa.Column("order_key", BYTEWISE, nullable=False),
    *(sa.Index(f"cases_{name}", name, "order_key") for name in ("stage", "status", "kind", "assignee", "due_at")),
    sa.Index("cases_order", "order_key"),
)
"""``row``: ``rows.case_row`` as canonical JSON; the columns beside it are for filters, ``order.order_key`` for the
order, the indexes for the first ones in it."""

flags = sa.Table(
    "flags",
    metadata,
    sa.Column("id", BYTEWISE, primary_key=True),
    sa.Column("case", BYTEWISE, sa.ForeignKey("cases.number"), nullable=False, index=True),
    sa.Column("seq", sa.Integer, sa.ForeignKey("events.seq"), nullable=False),
    sa.Column("inspection", BYTEWISE, sa.ForeignKey("inspections.id")),
    sa.Column("before_id", BYTEWISE, nullable=False, index=True),
    sa.Column("after_id", BYTEWISE, nullable=False, index=True),
    *_place(),
    sa.Index("flags_place", "min_lon", "max_lon", "min_lat", "max_lat"),
)

flag_layers = sa.Table(
    "flag_layers",
    metadata,
    sa.Column("flag", BYTEWISE, sa.ForeignKey("flags.id"), primary_key=True),
    sa.Column("kind", BYTEWISE, primary_key=True),
    sa.Column("edition", BYTEWISE, primary_key=True),
    sa.Index("flag_layers_edition", "kind", "edition"),
)

evidence = sa.Table(
    "evidence",
    metadata,
    sa.Column("case", BYTEWISE, sa.ForeignKey("cases.number"), primary_key=True),
    sa.Column("part", BYTEWISE, primary_key=True),
    sa.Column("sha256", BYTEWISE, primary_key=True, index=True),
    sa.Column("seq", sa.Integer, sa.ForeignKey("events.seq"), nullable=False),
)

clues = sa.Table(
    "clues",
    metadata,
    sa.Column("source", BYTEWISE, primary_key=True),
    sa.Column("batch", BYTEWISE, primary_key=True),
    sa.Column("clue_id", BYTEWISE, primary_key=True),
    sa.Column("case", BYTEWISE, sa.ForeignKey("cases.number"), nullable=False, index=True),
    sa.Column("seq", sa.Integer, sa.ForeignKey("events.seq"), nullable=False),
)

acts = sa.Table(
    "acts",
    metadata,
    sa.Column("seq", sa.Integer, sa.ForeignKey("events.seq"), primary_key=True, autoincrement=False),
    sa.Column("case", BYTEWISE, sa.ForeignKey("cases.number"), nullable=False, index=True),
    sa.Column("part", BYTEWISE, nullable=False),
    sa.Column("verdict", BYTEWISE, nullable=False),
    sa.Column("party", BYTEWISE, index=True),
    sa.Column("at", BYTEWISE, nullable=False),
    sa.Column("farmland_gross_m2", sa.Float, nullable=False),
    sa.Column("basic_farmland_m2", sa.Float, nullable=False),
)
"""Every verdict, the latest of a part counts: first offence of a party or not, and what adds up within a year."""

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("fence", sa.Integer, nullable=False),
    sa.Column("held", sa.Boolean, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("machine", sa.Text, nullable=False),
    sa.Column("boot_id", sa.Text, nullable=False),
    sa.Column("pid_namespace", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started", sa.Text, nullable=False),
    sa.Column("taken_at", sa.Text, nullable=False),
    sa.Column("beat_at", sa.Text, nullable=False),
)

PROJECTIONS = (inspections, cases, flags, flag_layers, evidence, clues, acts)
"""In an order in which rows may be put in; all of it can be made anew from the events."""
Rows = dict[sa.Table, list[dict[str, Any]]]


def case_column(table: sa.Table) -> sa.Column[str]:
    """The column that names the case of a row; of ``flag_layers`` that of its flag."""
    if table is cases:
        return cases.c.number
    return (flags if table is flag_layers else table).c.case


def _box(geometry: BaseGeometry) -> dict[str, float]:
    return dict(zip(("min_lon", "min_lat", "max_lon", "max_lat"), map(float, geometry.bounds), strict=True))


def case_values(case: Case, seq: int) -> dict[str, Any]:
    """The row of ``cases``; seq: of the latest event of the case."""
    row = case_row(case)
    values = {c.name: row[c.name] for c in cases.columns if c.name in row}
    geometry = case.geometry
    return {
        **values,
        "seq": seq,
        "order_key": order_key(row),
        "row": canonical_json(row),
        "geometry": geometry,
        **_box(geometry),
    }


def event_values(event: Event, geometry: BaseGeometry | None = None) -> Rows:
    """The rows that one event adds, those of ``cases`` left out: they follow from all events of a case.

    geometry: of its flag, where it is known already."""
    payload = event.payload
    if event.kind == Kind.INSPECTED:
        names = ("id", "before_id", "after_id", "method", "method_version")
        return {inspections: [{"seq": event.seq, **{n: payload[n] for n in names}}]}
    here = {"case": event.case, "seq": event.seq}
    rows: Rows = {}
    if "flag" in payload and event.kind in (Kind.FOUND, Kind.CLUE, Kind.SEEN_AGAIN, Kind.RELAPSED):
        rows = _flag_values(here, payload, geometry)
    if event.kind == Kind.CLUE:
        rows[clues] = [{**here, **{n: payload[n] for n in ("source", "batch", "clue_id")}}]
    elif event.kind == Kind.EVIDENCE:
        rows[evidence] = [{**here, "part": payload["part"], "sha256": payload["sha256"]}]
    elif event.kind == Kind.VERDICT:
        said = {n: payload[n] for n in ("part", "verdict", "farmland_gross_m2", "basic_farmland_m2")}
        rows[acts] = [{**here, "at": event.at.isoformat(), "party": payload.get("party"), **said}]
    return rows


def _flag_values(here: Mapping[str, Any], payload: Mapping[str, Any], geometry: BaseGeometry | None) -> Rows:
    flag = payload["flag"]
    if geometry is None:
        geometry = shapely.geometry.shape(flag["occupied"]["geometry"])
    scenes = {n: flag["change"][n] for n in ("before_id", "after_id")}
    layers: Mapping[str, Sequence[str]] = flag["layers"]
    row = {**here, "id": flag["id"], "inspection": payload.get("inspection"), **scenes}
    return {
        flags: [{**row, "geometry": geometry, **_box(geometry)}],
        flag_layers: [
            {"flag": flag["id"], "kind": kind, "edition": edition}
            for kind, editions in layers.items()
            for edition in dict.fromkeys(editions)
        ],
    }
