"""kill switch with a meaning, and closings

Revision ID: 5d1f0c7be921
Revises: c41d7be20a95
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "5d1f0c7be921"
down_revision = "c41d7be20a95"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    # Every switch that was pulled so far stopped what was new, and nothing else.
    op.add_column("halts", sa.Column("meaning", sa.String(16), server_default="stop"))
    op.alter_column("halts", "meaning", nullable=False, server_default=None)
    op.add_column("halts", sa.Column("file_mark", sa.String(), nullable=True))
    op.create_table(
        "halt_progress",
        sa.Column("halt_id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("looked_at", _MOMENT, nullable=False),
        sa.Column("verified_at", _MOMENT, nullable=True),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["halt_id"], ["halts.id"], name=op.f("halt_progress_halt_id_fkey")),
        sa.PrimaryKeyConstraint("halt_id", "account", name=op.f("halt_progress_pkey")),
    )
    _create_closings()


def _create_closings() -> None:
    op.create_table(
        "closings",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("conid", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("round_trip_id", sa.BigInteger(), nullable=True),
        sa.Column("halt_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("asked_at", _MOMENT, nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("looked_at", _MOMENT, nullable=True),
        sa.Column("done_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("closings_order_id_fkey")),
        sa.ForeignKeyConstraint(
            ["round_trip_id"], ["round_trips.id"], name=op.f("closings_round_trip_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("closings_pkey")),
    )
    op.create_index(
        "closings_open_of_round_trip",
        "closings",
        ["round_trip_id"],
        unique=True,
        postgresql_where=sa.text("done_at IS NULL AND round_trip_id IS NOT NULL"),
    )
    op.create_index(
        "closings_open_of_position",
        "closings",
        ["account", "conid"],
        unique=True,
        postgresql_where=sa.text("done_at IS NULL AND round_trip_id IS NULL"),
    )
    op.create_index("closings_of_halt", "closings", ["halt_id"], unique=False)


def downgrade() -> None:
    op.drop_table("closings")
    op.drop_table("halt_progress")
    op.drop_column("halts", "file_mark")
    op.drop_column("halts", "meaning")
