"""closings whose quantity is in doubt

Revision ID: 8e60b4c1a9f3
Revises: e0a6c2f4b718
"""

import sqlalchemy as sa
from alembic import op

revision = "8e60b4c1a9f3"
down_revision = "e0a6c2f4b718"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("closings", sa.Column("seen_quantity", sa.Numeric(20, 8), nullable=True))
    op.add_column("closings", sa.Column("seen_since", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("closings", "seen_since")
    op.drop_column("closings", "seen_quantity")
