"""how the gateway stood

Revision ID: 5d1c0a7e31b4
Revises: 5b1de0a7c2f1
"""

import sqlalchemy as sa
from alembic import op

revision = "5d1c0a7e31b4"
down_revision = "5b1de0a7c2f1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gateway_states",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "ready",
                "logged_out",
                "connecting",
                "competing",
                "unreachable",
                name="sessionstatus",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=True),
        sa.Column("is_paper", sa.Boolean(), nullable=True),
        sa.Column("is_simulated", sa.Boolean(), nullable=False),
        sa.Column("login_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("gateway_states_pkey")),
    )
    op.create_index("gateway_states_by_time", "gateway_states", ["at"], unique=False)


def downgrade() -> None:
    op.drop_table("gateway_states")
