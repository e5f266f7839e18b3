"""fetches of bars

A series that a person had fetched, and decisions by contract for its chart.

Revision ID: 6047045e594d
Revises: 9c41e07ab3d5
"""

import sqlalchemy as sa
from alembic import op

revision = "6047045e594d"
down_revision = "9c41e07ab3d5"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bar_fetches",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("conid", sa.BigInteger(), nullable=False),
        sa.Column(
            "timeframe",
            sa.Enum(
                "1min",
                "2min",
                "3min",
                "5min",
                "10min",
                "15min",
                "30min",
                "1h",
                "2h",
                "3h",
                "4h",
                "8h",
                "1d",
                "1w",
                "1m",
                name="timeframe",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("is_anew", sa.Boolean(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("bars", sa.Integer(), nullable=True),
        sa.Column("problem", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["conid"], ["contracts.conid"], name=op.f("bar_fetches_conid_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("bar_fetches_pkey")),
    )
    op.create_index(
        "bar_fetches_by_series", "bar_fetches", ["conid", "timeframe", "id"], unique=False
    )
    op.create_index(
        "bar_fetches_unfinished",
        "bar_fetches",
        ["conid", "timeframe"],
        unique=True,
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_index(
        "decisions_by_contract", "decisions", ["conid", "as_of", "execution_id"], unique=False
    )


def downgrade() -> None:
    op.drop_index("decisions_by_contract", table_name="decisions")
    op.drop_index(
        "bar_fetches_unfinished",
        table_name="bar_fetches",
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.drop_index("bar_fetches_by_series", table_name="bar_fetches")
    op.drop_table("bar_fetches")
