"""Cases by method, what later scenes said, what a visit is worth, the order of lists: made anew from the events."""

from alembic import op

from pipeline.cases.projecting import make_anew

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    make_anew(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("a ledger only grows; restore a backup instead")
