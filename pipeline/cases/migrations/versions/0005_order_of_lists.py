"""The order of lists as a column of the cases, with the indexes that serve its first ones."""

import sqlalchemy as sa
from alembic import op

from pipeline.cases.order import order_key
from pipeline.cases.tables import cases

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    if "order_key" in {column["name"] for column in sa.inspect(connection).get_columns("cases")}:
        return  # tables made anew on the way here are those of now
    op.add_column("cases", sa.Column("order_key", cases.c.order_key.type))
    asked = sa.select(cases.c.number, cases.c.status, cases.c.due_at, cases.c.worth)
    keys = [{"its": row.number, "order_key": order_key(row._asdict())} for row in connection.execute(asked)]
    if keys:
        connection.execute(cases.update().where(cases.c.number == sa.bindparam("its")), keys)
    op.drop_index("cases_worth", "cases", if_exists=True)
    for index in cases.indexes:
        if "order_key" in index.columns:
            op.drop_index(str(index.name), "cases")
            index.create(connection)


def downgrade() -> None:
    raise NotImplementedError("a ledger only grows; restore a backup instead")
