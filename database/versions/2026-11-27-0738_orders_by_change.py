"""Pages that are open learn cheaply that some order has moved."""

from alembic import op

revision = "7c2e90ab41d3"
down_revision = "8e60b4c1a9f3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("orders_by_change", "orders", ["updated_at"])


def downgrade() -> None:
    op.drop_index("orders_by_change", table_name="orders")
