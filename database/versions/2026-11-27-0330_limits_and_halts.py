"""limits and halts

Revision ID: 3b8e6c1f07d2
Revises: 6047045e594d
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "3b8e6c1f07d2"
down_revision = "6047045e594d"
branch_labels = None
depends_on = None

_MONEY = ("cash", "equity", "buying_power")
_MONEY_IF_KNOWN = (
    *("day_pnl", "realized_pnl", "gross_exposure", "net_exposure"),
    *("largest_position", "largest_three"),
)


def upgrade() -> None:
    op.create_table(
        "risk_limits",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("account", "number", name=op.f("risk_limits_pkey")),
    )
    op.create_table(
        "halts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("halts_pkey")),
    )
    op.create_index(
        "halts_one_in_force",
        "halts",
        ["scope", "target"],
        unique=True,
        postgresql_where=sa.text("released_at IS NULL"),
    )
    op.create_table(
        "equity_snapshots",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("is_paper", sa.Boolean(), nullable=False),
        sa.Column("is_simulated", sa.Boolean(), nullable=False),
        *(sa.Column(name, sa.Numeric(20, 8), nullable=False) for name in _MONEY),
        *(sa.Column(name, sa.Numeric(20, 8), nullable=True) for name in _MONEY_IF_KNOWN),
        sa.Column("open_positions", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("equity_snapshots_pkey")),
    )
    op.create_index("equity_snapshots_by_time", "equity_snapshots", ["account", "at"], unique=False)
    op.create_index(
        "equity_snapshots_by_equity", "equity_snapshots", ["account", "equity"], unique=False
    )
    op.create_index(
        "executions_that_ordered",
        "executions",
        ["finished_at"],
        unique=False,
        postgresql_where=sa.text("outcome IN ('ordered', 'observed')"),
    )


def downgrade() -> None:
    op.drop_index(
        "executions_that_ordered",
        table_name="executions",
        postgresql_where=sa.text("outcome IN ('ordered', 'observed')"),
    )
    op.drop_index("equity_snapshots_by_equity", table_name="equity_snapshots")
    op.drop_index("equity_snapshots_by_time", table_name="equity_snapshots")
    op.drop_table("equity_snapshots")
    op.drop_index(
        "halts_one_in_force", table_name="halts", postgresql_where=sa.text("released_at IS NULL")
    )
    op.drop_table("halts")
    op.drop_table("risk_limits")
