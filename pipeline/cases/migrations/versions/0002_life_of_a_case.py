"""The whole life of a case: projections with due days, evidence, clues and acts, made anew from the events."""

from alembic import op

from pipeline.cases.projecting import make_anew

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute('ALTER TABLE events ALTER COLUMN "case" TYPE text COLLATE "C"')
    make_anew(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("a ledger only grows; restore a backup instead")
