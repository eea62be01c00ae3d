"""How Alembic runs here: on the connection that it is given, inside its transaction."""

from alembic import context

from pipeline.cases.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
