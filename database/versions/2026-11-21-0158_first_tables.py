"""first tables

Make it safe to run while the previous release still serves: add before use, drop after use.

Revision ID: c0e86378bc67
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "c0e86378bc67"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ai_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_usd", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("ai_days_pkey")),
    )
    op.create_table(
        "answers",
        sa.Column("request_hash", sa.String(), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("request_hash", name=op.f("answers_pkey")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("scopes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("api_keys_pkey")),
        sa.UniqueConstraint("hash", name=op.f("api_keys_hash_key")),
        sa.UniqueConstraint("name", name=op.f("api_keys_name_key")),
    )
    op.create_table(
        "artifacts",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("artifacts_pkey")),
    )
    op.create_table(
        "bar_coverage",
        sa.Column("conid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "timeframe",
            sa.Enum(
                "1min",
                "2min",
                "3min",
                "5min",
                "10min",
                "15min",
                "30min",
                "1h",
                "2h",
                "3h",
                "4h",
                "8h",
                "1d",
                "1w",
                "1m",
                name="timeframe",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("to_ms", sa.BigInteger(), nullable=False),
        sa.Column("is_delayed", sa.Boolean(), nullable=False),
        sa.Column("quality", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("conid", "timeframe", name=op.f("bar_coverage_pkey")),
    )
    op.create_table(
        "bars",
        sa.Column("conid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "timeframe",
            sa.Enum(
                "1min",
                "2min",
                "3min",
                "5min",
                "10min",
                "15min",
                "30min",
                "1h",
                "2h",
                "3h",
                "4h",
                "8h",
                "1d",
                "1w",
                "1m",
                name="timeframe",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("time", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("open", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("high", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("low", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("close", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("volume", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("conid", "timeframe", "time", name=op.f("bars_pkey")),
    )
    op.create_table(
        "contract_searches",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("query", sa.String(length=128), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind in ('search', 'stocks')", name=op.f("contract_searches_kind_check")
        ),
        sa.PrimaryKeyConstraint("kind", "query", name=op.f("contract_searches_pkey")),
    )
    op.create_table(
        "contracts",
        sa.Column("conid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("symbol", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("exchange", sa.String(length=32), nullable=False),
        sa.Column("currency", sa.String(length=8), nullable=False),
        sa.Column("security_type", sa.String(length=16), nullable=False),
        sa.Column("tick", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("lot", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("calendar", sa.String(length=16), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("conid", name=op.f("contracts_pkey")),
    )
    op.create_index("ix_contracts_symbol", "contracts", ["symbol"], unique=False)
    op.create_table(
        "prompts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("prompts_pkey")),
        sa.UniqueConstraint("name", name=op.f("prompts_name_key")),
    )
    op.create_table(
        "strategies",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version_number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("strategies_pkey")),
    )
    op.create_index(
        "strategies_due",
        "strategies",
        ["next_due_at"],
        unique=False,
        postgresql_where=sa.text("is_enabled AND archived_at IS NULL AND next_due_at IS NOT NULL"),
    )
    op.create_index(
        "strategies_one_name",
        "strategies",
        ["name"],
        unique=True,
        postgresql_where=sa.text("archived_at IS NULL"),
    )
    op.create_table(
        "workflow_lineage",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("execution_id", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "finished",
                "ended",
                "skipped",
                "parked",
                "failed",
                "interrupted",
                name="recordstatus",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "outcome",
            sa.Enum(
                "ordered",
                "observed",
                "held",
                "blocked",
                "rejected",
                "expired",
                "skipped",
                "failed",
                name="outcome",
                native_enum=False,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("reason_code", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("input", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("output", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("artifacts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("notes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("cost_usd", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("code_version", sa.String(), nullable=False),
        sa.Column("previous_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", "recorded_at", name=op.f("workflow_lineage_pkey")),
        postgresql_partition_by="RANGE (recorded_at)",
    )
    # Catches records of any month that nobody made a partition for; see executions.partitions.
    op.execute("CREATE TABLE workflow_lineage_default PARTITION OF workflow_lineage DEFAULT")
    op.create_index(
        "workflow_lineage_by_execution",
        "workflow_lineage",
        ["execution_id", "sequence"],
        unique=False,
    )
    op.create_index(
        "workflow_lineage_by_output",
        "workflow_lineage",
        ["output"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"output": "jsonb_path_ops"},
        postgresql_where=sa.text("step IN ('form_view', 'generate_signal')"),
    )
    op.create_index(
        "workflow_lineage_by_reason",
        "workflow_lineage",
        ["reason_code", "recorded_at"],
        unique=False,
        postgresql_where=sa.text("reason_code IS NOT NULL"),
    )
    op.create_index(
        "workflow_lineage_by_step",
        "workflow_lineage",
        ["step", "status", "recorded_at"],
        unique=False,
    )
    op.create_table(
        "ai_reservations",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("cost_usd", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.ForeignKeyConstraint(["day"], ["ai_days.day"], name=op.f("ai_reservations_day_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("ai_reservations_pkey")),
    )
    op.create_table(
        "prompt_versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("prompt_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["prompt_id"], ["prompts.id"], name=op.f("prompt_versions_prompt_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("prompt_versions_pkey")),
        sa.UniqueConstraint(
            "prompt_id", "number", name=op.f("prompt_versions_prompt_id_number_key")
        ),
    )
    op.create_table(
        "strategy_versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("strategy_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["strategy_id"], ["strategies.id"], name=op.f("strategy_versions_strategy_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("strategy_versions_pkey")),
        sa.UniqueConstraint(
            "strategy_id", "number", name=op.f("strategy_versions_strategy_id_number_key")
        ),
    )
    op.create_table(
        "executions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("strategy_id", sa.Integer(), nullable=False),
        sa.Column("strategy_version_id", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "trigger",
            sa.Enum("cron", "play", "api", "cli", name="trigger", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("prompt_versions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "queued",
                "running",
                "parked",
                "finished",
                name="status",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "outcome",
            sa.Enum(
                "ordered",
                "observed",
                "held",
                "blocked",
                "rejected",
                "expired",
                "skipped",
                "failed",
                name="outcome",
                native_enum=False,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("reason_code", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.String(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("current_step", sa.String(), nullable=True),
        sa.Column("current_attempt", sa.Integer(), nullable=True),
        sa.Column("current_step_started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("record_count", sa.Integer(), nullable=False),
        sa.Column("chain_head", sa.String(), nullable=False),
        sa.Column("signal_action", sa.String(), nullable=True),
        sa.Column("is_simulated", sa.Boolean(), nullable=True),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("cost_usd", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.ForeignKeyConstraint(
            ["strategy_id"], ["strategies.id"], name=op.f("executions_strategy_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["strategy_version_id"],
            ["strategy_versions.id"],
            name=op.f("executions_strategy_version_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("executions_pkey")),
        sa.UniqueConstraint(
            "strategy_id", "symbol", "due_at", name=op.f("executions_strategy_id_symbol_due_at_key")
        ),
    )
    op.create_index("executions_by_creation", "executions", ["created_at"], unique=False)
    op.create_index("executions_by_outcome", "executions", ["outcome", "id"], unique=False)
    op.create_index("executions_by_strategy", "executions", ["strategy_id", "id"], unique=False)
    op.create_index("executions_by_symbol", "executions", ["symbol", "id"], unique=False)
    op.create_index(
        "executions_one_unfinished",
        "executions",
        ["strategy_id", "symbol"],
        unique=True,
        postgresql_where=sa.text("status <> 'finished'"),
    )
    op.create_index(
        "executions_unfinished",
        "executions",
        ["status", "lease_until"],
        unique=False,
        postgresql_where=sa.text("status <> 'finished'"),
    )


def downgrade() -> None:
    op.drop_index(
        "executions_unfinished",
        table_name="executions",
        postgresql_where=sa.text("status <> 'finished'"),
    )
    op.drop_index(
        "executions_one_unfinished",
        table_name="executions",
        postgresql_where=sa.text("status <> 'finished'"),
    )
    op.drop_index("executions_by_symbol", table_name="executions")
    op.drop_index("executions_by_strategy", table_name="executions")
    op.drop_index("executions_by_outcome", table_name="executions")
    op.drop_index("executions_by_creation", table_name="executions")
    op.drop_table("executions")
    op.drop_table("strategy_versions")
    op.drop_table("prompt_versions")
    op.drop_table("ai_reservations")
    op.drop_index("workflow_lineage_by_step", table_name="workflow_lineage")
    op.drop_index(
        "workflow_lineage_by_reason",
        table_name="workflow_lineage",
        postgresql_where=sa.text("reason_code IS NOT NULL"),
    )
    op.drop_index(
        "workflow_lineage_by_output",
        table_name="workflow_lineage",
        postgresql_using="gin",
        postgresql_ops={"output": "jsonb_path_ops"},
        postgresql_where=sa.text("step IN ('form_view', 'generate_signal')"),
    )
    op.drop_index("workflow_lineage_by_execution", table_name="workflow_lineage")
    op.drop_table("workflow_lineage")
    op.drop_index(
        "strategies_one_name",
        table_name="strategies",
        postgresql_where=sa.text("archived_at IS NULL"),
    )
    op.drop_index(
        "strategies_due",
        table_name="strategies",
        postgresql_where=sa.text("is_enabled AND archived_at IS NULL AND next_due_at IS NOT NULL"),
    )
    op.drop_table("strategies")
    op.drop_table("prompts")
    op.drop_index("ix_contracts_symbol", table_name="contracts")
    op.drop_table("contracts")
    op.drop_table("contract_searches")
    op.drop_table("bars")
    op.drop_table("bar_coverage")
    op.drop_table("artifacts")
    op.drop_table("api_keys")
    op.drop_table("answers")
    op.drop_table("ai_days")
