"""marks of notifications

Revision ID: e0a6c2f4b718
Revises: a9c1d40e7b52
"""

import sqlalchemy as sa
from alembic import op

revision = "e0a6c2f4b718"
down_revision = "a9c1d40e7b52"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "notifications", sa.Column("mark", sa.String(), server_default="", nullable=False)
    )
    op.alter_column("notifications", "mark", server_default=None)


def downgrade() -> None:
    op.drop_column("notifications", "mark")
