"""What a visit is worth, and what later scenes said: projections made anew from the events."""

from alembic import op

from pipeline.cases.projecting import make_anew

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    make_anew(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("a ledger only grows; restore a backup instead")
