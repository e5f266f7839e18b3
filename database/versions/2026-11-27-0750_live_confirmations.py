"""live confirmations

Revision ID: 1f6c83d9b7e4
Revises: 7c3e19a0d4f8
"""

import sqlalchemy as sa
from alembic import op

revision = "1f6c83d9b7e4"
down_revision = "7c3e19a0d4f8"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "live_confirmations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by", sa.String(), nullable=False),
        sa.Column("typed", sa.String(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("live_confirmations_pkey")),
    )
    op.create_index(
        "live_confirmations_one_in_force",
        "live_confirmations",
        ["account"],
        unique=True,
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "live_confirmations_one_in_force",
        table_name="live_confirmations",
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.drop_table("live_confirmations")
