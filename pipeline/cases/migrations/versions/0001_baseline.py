"""The ledger's first tables: events that only grow, projections of them, leases."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from pipeline.cases.tables import Geometry

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = {
    "sqlite": (
        "CREATE TRIGGER events_no_update BEFORE UPDATE ON events "
        "BEGIN SELECT RAISE(ABORT, 'events are append-only'); END",
        "CREATE TRIGGER events_no_delete BEFORE DELETE ON events "
        "BEGIN SELECT RAISE(ABORT, 'events are append-only'); END",
        # also refuses INSERT OR REPLACE, which would delete without asking the trigger above
        "CREATE TRIGGER events_in_order BEFORE INSERT ON events "
        "WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM events) "
        "BEGIN SELECT RAISE(ABORT, 'events follow one another without a gap'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION events_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'events are append-only'; END $$",
        "CREATE TRIGGER events_no_change BEFORE UPDATE OR DELETE ON events "
        "FOR EACH ROW EXECUTE FUNCTION events_append_only()",
        "CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events "
        "FOR EACH STATEMENT EXECUTE FUNCTION events_append_only()",
        "CREATE FUNCTION events_in_order() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM events) THEN "
        "RAISE EXCEPTION 'events follow one another without a gap'; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER events_in_order BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION events_in_order()",
    ),
}


def text(name: str, **options: Any) -> sa.Column:
    return sa.Column(name, sa.Text, nullable=options.pop("nullable", False), **options)


def place() -> list[sa.Column]:
    box = [sa.Column(name, sa.Float, nullable=False) for name in ("min_lon", "min_lat", "max_lon", "max_lat")]
    return [sa.Column("geometry", Geometry, nullable=False), *box]


def seq() -> sa.Column:
    return sa.Column("seq", sa.Integer, sa.ForeignKey("events.seq"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        text("case", nullable=True),
        *map(text, ("kind", "at", "by", "role", "payload", "evidence")),
        sa.Column("schema_version", sa.Integer, nullable=False),
        text("software_version"),
        text("previous_hash", unique=True),
        text("hash", unique=True),
    )
    op.create_index("ix_events_case", "events", ["case"])
    op.create_table(
        "inspections",
        text("id", primary_key=True),
        seq(),
        *map(text, ("before_id", "after_id", "method", "method_version")),
    )
    op.create_index("ix_inspections_after_id", "inspections", ["after_id"])
    op.create_table(
        "cases",
        text("number", primary_key=True),
        seq(),
        sa.Column("version", sa.Integer, nullable=False),
        *map(text, ("stage", "status", "kind")),
        *(sa.Column(name, sa.Float, nullable=False) for name in ("confidence", "urgency")),
        *map(text, ("district_code", "township_code")),
        *(
            sa.Column(name, sa.Float, nullable=False)
            for name in ("patch_m2", "farmland_gross_m2", "farmland_net_m2", "basic_farmland_m2")
        ),
        text("found_at"),
        *place(),
    )
    op.create_index("ix_cases_status", "cases", ["status"])
    op.create_index("ix_cases_district_code", "cases", ["district_code"])
    op.create_table(
        "flags",
        text("id", primary_key=True),
        sa.Column("case", sa.Text, sa.ForeignKey("cases.number"), nullable=False),
        seq(),
        sa.Column("inspection", sa.Text, sa.ForeignKey("inspections.id"), nullable=False),
        *map(text, ("before_id", "after_id")),
        *place(),
    )
    for name in ("case", "before_id", "after_id"):
        op.create_index(f"ix_flags_{name}", "flags", [name])
    op.create_index("flags_place", "flags", ["min_lon", "max_lon", "min_lat", "max_lat"])
    op.create_table(
        "flag_layers",
        sa.Column("flag", sa.Text, sa.ForeignKey("flags.id"), primary_key=True),
        text("kind", primary_key=True),
        text("edition", primary_key=True),
    )
    op.create_index("flag_layers_edition", "flag_layers", ["kind", "edition"])
    op.create_table(
        "leases",
        text("name", primary_key=True),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("held", sa.Boolean, nullable=False),
        *map(text, ("host", "machine", "boot_id", "pid_namespace")),
        sa.Column("pid", sa.Integer, nullable=False),
        *map(text, ("started", "taken_at", "beat_at")),
    )
    for statement in APPEND_ONLY.get(op.get_bind().dialect.name, ()):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("a ledger only grows; restore a backup instead")
