"""notifications

Revision ID: c41d7be20a95
Revises: 98ebcd33d852
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "c41d7be20a95"
down_revision = "98ebcd33d852"
branch_labels = None
depends_on = None

_EVENTS = (
    *("fill", "refusal", "approval", "drift", "halt", "loss_near_limit", "failure"),
    *("session_trouble", "order_trouble", "test"),
)
_STATES = ("waiting", "sending", "sent", "gave_up", "dropped")


def upgrade() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column(
            "event", sa.Enum(*_EVENTS, name="event", native_enum=False, length=32), nullable=False
        ),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("notifications_pkey")),
        sa.UniqueConstraint("key", name=op.f("notifications_key_key")),
    )
    op.create_index("notifications_by_time", "notifications", ["at"])
    op.create_table(
        "notification_channels",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("sealed", sa.String(), nullable=False),
        sa.Column("events", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("notification_channels_pkey")),
    )
    op.create_index(
        "notification_channels_name",
        "notification_channels",
        ["name"],
        unique=True,
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_table(
        "notification_deliveries",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("notification_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.Integer(), nullable=False),
        sa.Column(
            "state", sa.Enum(*_STATES, name="state", native_enum=False, length=32), nullable=False
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("batch", sa.String(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["notification_id"],
            ["notifications.id"],
            name=op.f("notification_deliveries_notification_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["channel_id"],
            ["notification_channels.id"],
            name=op.f("notification_deliveries_channel_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("notification_deliveries_pkey")),
    )
    op.create_index(
        "notification_deliveries_once",
        "notification_deliveries",
        ["notification_id", "channel_id"],
        unique=True,
    )
    op.create_index(
        "notification_deliveries_due",
        "notification_deliveries",
        ["channel_id", "next_at"],
        postgresql_where=sa.text("state IN ('waiting', 'sending')"),
    )
    op.create_index(
        "notification_deliveries_sent", "notification_deliveries", ["channel_id", "sent_at"]
    )


def downgrade() -> None:
    op.drop_table("notification_deliveries")
    op.drop_table("notification_channels")
    op.drop_table("notifications")
