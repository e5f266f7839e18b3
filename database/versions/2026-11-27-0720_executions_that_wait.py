"""executions that wait

Revision ID: 4d1b7fa2c650
Revises: 5d1f0c7be921
"""

import sqlalchemy as sa
from alembic import op

revision = "4d1b7fa2c650"
down_revision = "5d1f0c7be921"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("executions", sa.Column("wake_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("executions", "wake_at")
