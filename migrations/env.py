"""Run by Alembic inside `planner db upgrade`, on the connection and in the transaction that the planner opened."""

from __future__ import annotations

from alembic import context

from planner.store.tables import VERSION_TABLE, Base

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("Run `planner db upgrade`: it finds the database in the configuration and takes the lock.")

context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    # SQLite can't alter a column in place.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
