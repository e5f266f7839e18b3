"""Since when the books of an account are kept, and who follows it.

Revision ID: a9c1d40e7b52
Revises: 4d1b7fa2c650
"""

import sqlalchemy as sa
from alembic import op

revision = "a9c1d40e7b52"
down_revision = "4d1b7fa2c650"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "account_books",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("opened_at", moment, nullable=True),
        sa.Column("read_at", moment, nullable=True),
        sa.Column("looked_at", moment, nullable=True),
        sa.Column("followed_by", sa.String(), nullable=True),
        sa.Column("stream_since", moment, nullable=True),
        sa.PrimaryKeyConstraint("account", name="account_books_pkey"),
    )


def downgrade() -> None:
    op.drop_table("account_books")
