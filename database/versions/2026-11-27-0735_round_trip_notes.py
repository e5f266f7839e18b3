"""notes beside round trips

Revision ID: 7c3e19a0d4f8
Revises: b1f4c7d20e96
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "7c3e19a0d4f8"
down_revision = "b1f4c7d20e96"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "round_trip_notes",
        sa.Column("round_trip_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("tags", postgresql.JSONB(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("written_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["round_trip_id"],
            ["round_trips.id"],
            name=op.f("round_trip_notes_round_trip_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("round_trip_id", name=op.f("round_trip_notes_pkey")),
    )
    op.create_index("round_trip_notes_by_tag", "round_trip_notes", ["tags"], postgresql_using="gin")


def downgrade() -> None:
    op.drop_table("round_trip_notes")
