"""What the broker told of each account last is kept for pages."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "b1f4c7d20e96"
down_revision = "7c2e90ab41d3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account_looks",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("account_looks_pkey")),
    )


def downgrade() -> None:
    op.drop_table("account_looks")
