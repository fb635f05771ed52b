"""Plans, attempts, adoptions and stored history.

There is no way back down: an audit is not thrown away. Restore a backup instead.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """From an empty database."""
    _plans()
    _attempts()
    _adoptions()
    _history()


def _plans() -> None:
    op.create_table(
        "plans",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("function", sa.Text(), nullable=False),
        sa.Column("qualifier", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("safe", sa.Boolean(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_plans"),
        sa.UniqueConstraint("digest", name="uq_plans_digest"),
        # An id names a plan for ever: SQLite would give the largest one again after a deletion.
        sqlite_autoincrement=True,
    )
    op.create_index("ix_plans_function_qualifier_id", "plans", ["function", "qualifier", "id"])


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("plan_id", sa.Integer(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("began_at", INSTANT, nullable=False),
        sa.Column("forced", sa.Boolean(), nullable=False),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("live_before", sa.Text(), nullable=False),
        sa.Column("live_after", sa.Text(), nullable=False),
        sa.Column("arrival", sa.Text(), nullable=False),
        sa.Column("wanted_instances", sa.Integer(), nullable=False),
        sa.Column("target", sa.Integer(), nullable=False),
        sa.Column("current", sa.Integer(), nullable=False),
        sa.Column("current_error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name="fk_attempts_plan_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_attempts_plan_id", "attempts", ["plan_id"])


def _adoptions() -> None:
    op.create_table(
        "adoptions",
        sa.Column("function", sa.Text(), nullable=False),
        sa.Column("qualifier", sa.Text(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("adopted_at", INSTANT, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("function", "qualifier", name="pk_adoptions"),
    )


def _history() -> None:
    op.create_table(
        "series",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("function", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_series"),
        sa.UniqueConstraint("function", "source", name="uq_series_function_source"),
    )
    op.create_table(
        "points",
        sa.Column("series_id", sa.Integer(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("step_seconds", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("series_id", "at", name="pk_points"),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name="fk_points_series_id"),
        # The key is the row: half the size of a table with a separate index.
        sqlite_with_rowid=False,
    )
