"""orders and books

Revision ID: 98ebcd33d852
Revises: 3b8e6c1f07d2
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "98ebcd33d852"
down_revision = "3b8e6c1f07d2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "approvals",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("execution_id", sa.BigInteger(), nullable=False),
        sa.Column("strategy_id", sa.Integer(), nullable=False),
        sa.Column("strategy_name", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "approved",
                "rejected",
                "expired",
                "withdrawn",
                name="approvalstate",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("comment", sa.String(), nullable=False),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("approvals_pkey")),
    )
    op.create_index("approvals_of_execution", "approvals", ["execution_id"], unique=True)
    op.create_index(
        "approvals_waiting",
        "approvals",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "drifts",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("conid", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("ours", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("brokers", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("explained_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("explained_by", sa.String(), nullable=True),
        sa.Column("explanation", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("drifts_pkey")),
    )
    op.create_index(
        "drifts_one_open",
        "drifts",
        ["account", "conid"],
        unique=True,
        postgresql_where=sa.text("explained_at IS NULL"),
    )
    op.create_table(
        "position_adjustments",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("conid", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("position_adjustments_pkey")),
    )
    op.create_index(
        "position_adjustments_of_instrument",
        "position_adjustments",
        ["account", "conid"],
        unique=False,
    )
    op.create_table(
        "round_trips",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("strategy_id", sa.Integer(), nullable=False),
        sa.Column("strategy_version", sa.Integer(), nullable=False),
        sa.Column("strategy_name", sa.String(), nullable=False),
        sa.Column("execution_id", sa.BigInteger(), nullable=False),
        sa.Column("is_paper", sa.Boolean(), nullable=False),
        sa.Column("is_simulated", sa.Boolean(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("conid", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("decision_price", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("stop", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("entry_reason", sa.String(), nullable=False),
        sa.Column("exit_reason", sa.String(), nullable=True),
        sa.Column("entered", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("entry_price", sa.Numeric(precision=20, scale=8), nullable=True),
        sa.Column("left", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("exit_price", sa.Numeric(precision=20, scale=8), nullable=True),
        sa.Column("commission", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("gross_pnl", sa.Numeric(precision=20, scale=8), nullable=True),
        sa.Column("best_price", sa.Numeric(precision=20, scale=8), nullable=True),
        sa.Column("worst_price", sa.Numeric(precision=20, scale=8), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("round_trips_pkey")),
    )
    op.create_index("round_trips_of_account", "round_trips", ["account", "opened_at"], unique=False)
    op.create_index("round_trips_of_execution", "round_trips", ["execution_id"], unique=True)
    op.create_index(
        "round_trips_one_open",
        "round_trips",
        ["strategy_id", "account", "conid"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("client_order_id", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("broker_order_id", sa.String(), nullable=True),
        sa.Column("round_trip_id", sa.BigInteger(), nullable=True),
        sa.Column("strategy_id", sa.Integer(), nullable=True),
        sa.Column("execution_id", sa.BigInteger(), nullable=True),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "role",
            sa.Enum(
                "entry",
                "stop",
                "target",
                "exit",
                "flatten",
                name="role",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("conid", sa.Integer(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("order_type", sa.String(), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("limit_price", sa.Numeric(precision=20, scale=8), nullable=True),
        sa.Column("stop_price", sa.Numeric(precision=20, scale=8), nullable=True),
        sa.Column("trail", sa.Numeric(precision=20, scale=8), nullable=True),
        sa.Column("tif", sa.String(), nullable=False),
        sa.Column("outside_rth", sa.Boolean(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "planned",
                "sending",
                "unknown",
                "lost",
                "pending",
                "held",
                "working",
                "cancelling",
                "filled",
                "cancelled",
                "refused",
                "withdrawn",
                name="orderstate",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("filled", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("average_price", sa.Numeric(precision=20, scale=8), nullable=True),
        sa.Column("commission", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["parent_id"], ["orders.id"], name=op.f("orders_parent_id_fkey")),
        sa.ForeignKeyConstraint(
            ["round_trip_id"], ["round_trips.id"], name=op.f("orders_round_trip_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("orders_pkey")),
    )
    op.create_index("orders_by_broker_id", "orders", ["account", "broker_order_id"], unique=False)
    op.create_index("orders_by_client_id", "orders", ["client_order_id"], unique=True)
    op.create_index("orders_by_time", "orders", ["created_at"], unique=False)
    op.create_index("orders_of_round_trip", "orders", ["round_trip_id"], unique=False)
    op.create_index(
        "orders_open",
        "orders",
        ["account", "id"],
        unique=False,
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "fills",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("broker_order_id", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("conid", sa.Integer(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("price", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("commission", sa.Numeric(precision=20, scale=8), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fills_order_id_fkey")),
        sa.PrimaryKeyConstraint("id", "account", name=op.f("fills_pkey")),
    )
    op.create_index("fills_by_time", "fills", ["at"], unique=False)
    op.create_index("fills_of_instrument", "fills", ["account", "conid", "at"], unique=False)
    op.create_index("fills_of_order", "fills", ["order_id"], unique=False)
    op.create_table(
        "order_questions",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reply_id", sa.String(), nullable=False),
        sa.Column("message_ids", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_by", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("order_questions_order_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("order_questions_pkey")),
    )
    op.create_index("order_questions_of_order", "order_questions", ["order_id"], unique=False)
    op.create_table(
        "order_transitions",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "before",
            sa.Enum(
                "planned",
                "sending",
                "unknown",
                "lost",
                "pending",
                "held",
                "working",
                "cancelling",
                "filled",
                "cancelled",
                "refused",
                "withdrawn",
                name="orderstate",
                native_enum=False,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column(
            "after",
            sa.Enum(
                "planned",
                "sending",
                "unknown",
                "lost",
                "pending",
                "held",
                "working",
                "cancelling",
                "filled",
                "cancelled",
                "refused",
                "withdrawn",
                name="orderstate",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("sentence", sa.String(), nullable=False),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("order_transitions_order_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("order_transitions_pkey")),
    )
    op.create_index(
        "order_transitions_of_order", "order_transitions", ["order_id", "id"], unique=False
    )


def downgrade() -> None:
    op.drop_index("order_transitions_of_order", table_name="order_transitions")
    op.drop_table("order_transitions")
    op.drop_index("order_questions_of_order", table_name="order_questions")
    op.drop_table("order_questions")
    op.drop_index("fills_of_order", table_name="fills")
    op.drop_index("fills_of_instrument", table_name="fills")
    op.drop_index("fills_by_time", table_name="fills")
    op.drop_table("fills")
    op.drop_index("orders_open", table_name="orders", postgresql_where=sa.text("done_at IS NULL"))
    op.drop_index("orders_of_round_trip", table_name="orders")
    op.drop_index("orders_by_time", table_name="orders")
    op.drop_index("orders_by_client_id", table_name="orders")
    op.drop_index("orders_by_broker_id", table_name="orders")
    op.drop_table("orders")
    op.drop_index(
        "round_trips_one_open",
        table_name="round_trips",
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.drop_index("round_trips_of_execution", table_name="round_trips")
    op.drop_index("round_trips_of_account", table_name="round_trips")
    op.drop_table("round_trips")
    op.drop_index("position_adjustments_of_instrument", table_name="position_adjustments")
    op.drop_table("position_adjustments")
    op.drop_index(
        "drifts_one_open", table_name="drifts", postgresql_where=sa.text("explained_at IS NULL")
    )
    op.drop_table("drifts")
    op.drop_index(
        "approvals_waiting", table_name="approvals", postgresql_where=sa.text("state = 'waiting'")
    )
    op.drop_index("approvals_of_execution", table_name="approvals")
    op.drop_table("approvals")
