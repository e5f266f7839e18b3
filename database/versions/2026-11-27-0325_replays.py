"""replays

What keeps executions apart from each other does not see replays.

Revision ID: 9c41e07ab3d5
Revises: 02d57f81a291
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "9c41e07ab3d5"
down_revision = "02d57f81a291"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("executions", sa.Column("replay_of", sa.BigInteger(), nullable=True))
    op.add_column("executions", sa.Column("replay_from", sa.String(), nullable=True))
    op.add_column(
        "executions",
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    )
    op.create_foreign_key(
        op.f("executions_replay_of_fkey"), "executions", "executions", ["replay_of"], ["id"]
    )
    op.create_check_constraint(
        op.f("executions_replay_has_source_check"),
        "executions",
        "(trigger = 'replay') = (replay_of IS NOT NULL)",
    )
    op.create_index(
        "executions_once",
        "executions",
        ["strategy_id", "symbol", "due_at"],
        unique=True,
        postgresql_where=sa.text("replay_of IS NULL"),
    )
    op.create_index(
        "executions_replays",
        "executions",
        ["replay_of", "id"],
        unique=False,
        postgresql_where=sa.text("replay_of IS NOT NULL"),
    )
    op.drop_constraint("executions_strategy_id_symbol_due_at_key", "executions", type_="unique")
    op.drop_index("executions_one_unfinished", table_name="executions")
    op.create_index(
        "executions_one_unfinished",
        "executions",
        ["strategy_id", "symbol"],
        unique=True,
        postgresql_where=sa.text("status <> 'finished' AND replay_of IS NULL"),
    )
    op.drop_index("executions_by_outcome", table_name="executions")
    op.create_index(
        "executions_by_outcome",
        "executions",
        ["outcome", "id"],
        unique=False,
        postgresql_where=sa.text("replay_of IS NULL"),
    )
    # Of a new column the planner supposes that hardly any row is null, and reads the whole table.
    op.execute("ANALYZE executions")


def downgrade() -> None:
    op.execute(
        "DELETE FROM workflow_lineage WHERE execution_id IN"
        " (SELECT id FROM executions WHERE replay_of IS NOT NULL)"
    )
    op.execute("DELETE FROM executions WHERE replay_of IS NOT NULL")
    op.drop_index("executions_one_unfinished", table_name="executions")
    op.create_index(
        "executions_one_unfinished",
        "executions",
        ["strategy_id", "symbol"],
        unique=True,
        postgresql_where=sa.text("status <> 'finished'"),
    )
    op.create_unique_constraint(
        "executions_strategy_id_symbol_due_at_key",
        "executions",
        ["strategy_id", "symbol", "due_at"],
    )
    op.drop_index("executions_by_outcome", table_name="executions")
    op.create_index("executions_by_outcome", "executions", ["outcome", "id"], unique=False)
    op.drop_index("executions_replays", table_name="executions")
    op.drop_index("executions_once", table_name="executions")
    op.drop_constraint(op.f("executions_replay_has_source_check"), "executions", type_="check")
    op.drop_constraint(op.f("executions_replay_of_fkey"), "executions", type_="foreignkey")
    for column in ("changes", "replay_from", "replay_of"):
        op.drop_column("executions", column)
