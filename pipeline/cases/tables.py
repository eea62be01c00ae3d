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

from pipeline.cases.case import Case, case_row
from pipeline.cases.events import Event, Kind

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

events = sa.Table(
    "events",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("case", sa.Text, index=True),
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
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("seq", sa.Integer, sa.ForeignKey("events.seq"), nullable=False),
    sa.Column("before_id", sa.Text, nullable=False),
    sa.Column("after_id", sa.Text, nullable=False, index=True),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("method_version", sa.Text, nullable=False),
)

cases = sa.Table(
    "cases",
    metadata,
    sa.Column("number", sa.Text, primary_key=True),
    sa.Column("seq", sa.Integer, sa.ForeignKey("events.seq"), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False, index=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("urgency", sa.Float, nullable=False),
    sa.Column("district_code", sa.Text, nullable=False, index=True),
    sa.Column("township_code", sa.Text, nullable=False),
    sa.Column("patch_m2", sa.Float, nullable=False),
    sa.Column("farmland_gross_m2", sa.Float, nullable=False),
    sa.Column("farmland_net_m2", sa.Float, nullable=False),
    sa.Column("basic_farmland_m2", sa.Float, nullable=False),
    sa.Column("found_at", sa.Text, nullable=False),
    *_place(),
)

flags = sa.Table(
    "flags",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("case", sa.Text, sa.ForeignKey("cases.number"), nullable=False, index=True),
    sa.Column("seq", sa.Integer, sa.ForeignKey("events.seq"), nullable=False),
    sa.Column("inspection", sa.Text, sa.ForeignKey("inspections.id"), nullable=False),
    sa.Column("before_id", sa.Text, nullable=False, index=True),
    sa.Column("after_id", sa.Text, nullable=False, index=True),
    *_place(),
    sa.Index("flags_place", "min_lon", "max_lon", "min_lat", "max_lat"),
)

flag_layers = sa.Table(
    "flag_layers",
    metadata,
    sa.Column("flag", sa.Text, sa.ForeignKey("flags.id"), primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("edition", sa.Text, primary_key=True),
    sa.Index("flag_layers_edition", "kind", "edition"),
)

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

PROJECTIONS = (inspections, cases, flags, flag_layers)
Rows = dict[sa.Table, list[dict[str, Any]]]


def _box(geometry: BaseGeometry) -> dict[str, float]:
    return dict(zip(("min_lon", "min_lat", "max_lon", "max_lat"), map(float, geometry.bounds), strict=True))


def case_values(case: Case, seq: int) -> dict[str, Any]:
    """The row of ``cases``; seq: of the latest event of the case."""
    row = case_row(case)
    own = {c.name for c in cases.columns}
    values = {k: v for k, v in row.items() if k in own and k != "geometry"}
    return {**values, "seq": seq, "geometry": case.geometry, **_box(case.geometry)}


def event_values(event: Event) -> Rows:
    """The rows that one event adds, those of ``cases`` left out: they follow from all events of a case."""
    payload = event.payload
    if event.kind == Kind.INSPECTED:
        names = ("id", "before_id", "after_id", "method", "method_version")
        return {inspections: [{"seq": event.seq, **{n: payload[n] for n in names}}]}
    flag = payload["flag"]
    geometry = shapely.geometry.shape(flag["occupied"]["geometry"])
    row = {"id": flag["id"], "case": event.case, "seq": event.seq, "inspection": payload["inspection"]}
    scenes = {n: flag["change"][n] for n in ("before_id", "after_id")}
    layers: Mapping[str, Sequence[str]] = flag["layers"]
    return {
        flags: [{**row, **scenes, "geometry": geometry, **_box(geometry)}],
        flag_layers: [
            {"flag": flag["id"], "kind": kind, "edition": edition}
            for kind, editions in layers.items()
            for edition in dict.fromkeys(editions)
        ],
    }
