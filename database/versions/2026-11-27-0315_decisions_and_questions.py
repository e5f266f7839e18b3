"""decisions and questions

Narrow rows made out of lineage records: lists and summaries read these.

Revision ID: 02d57f81a291
Revises: 7c2f4e90ab13
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "02d57f81a291"
down_revision = "7c2f4e90ab13"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "decisions",
        sa.Column("execution_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("strategy_id", sa.Integer(), nullable=False),
        sa.Column("strategy_version_id", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("conid", sa.BigInteger(), nullable=False),
        sa.Column("contract", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
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
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_bar_time", sa.BigInteger(), nullable=False),
        sa.Column("last_close", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column(
            "action",
            sa.Enum("BUY", "SELL", "HOLD", name="action", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("reason_code", sa.String(), nullable=False),
        sa.Column("sentence", sa.String(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("entry", sa.Numeric(precision=20, scale=8), nullable=True),
        sa.Column("stop", sa.Numeric(precision=20, scale=8), nullable=True),
        sa.Column("targets", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reward_to_risk", sa.Numeric(precision=20, scale=8), nullable=True),
        sa.Column("analyst", sa.String(), nullable=True),
        sa.Column("is_rule_based", sa.Boolean(), nullable=False),
        sa.Column("claims", sa.Integer(), nullable=False),
        sa.Column("claims_wrong", sa.Integer(), nullable=False),
        sa.Column("chart_sha256", sa.String(length=64), nullable=True),
        sa.Column("closes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("is_simulated", sa.Boolean(), nullable=False),
        sa.Column("has_plan", sa.Boolean(), nullable=False),
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
        sa.Column("next_look_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("bars_after", sa.Integer(), nullable=False),
        sa.Column("after_1", sa.Double(), nullable=True),
        sa.Column("after_5", sa.Double(), nullable=True),
        sa.Column("after_20", sa.Double(), nullable=True),
        sa.Column(
            "touched",
            sa.Enum("stop", "target", name="touched", native_enum=False, length=32),
            nullable=True,
        ),
        sa.Column("touched_bar", sa.Integer(), nullable=True),
        sa.Column("touch_is_ambiguous", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["executions.id"], name=op.f("decisions_execution_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["strategy_id"], ["strategies.id"], name=op.f("decisions_strategy_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["strategy_version_id"],
            ["strategy_versions.id"],
            name=op.f("decisions_strategy_version_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("execution_id", name=op.f("decisions_pkey")),
    )
    op.create_index(
        "decisions_by_action", "decisions", ["action", "as_of", "execution_id"], unique=False
    )
    op.create_index("decisions_by_moment", "decisions", ["as_of", "execution_id"], unique=False)
    op.create_index(
        "decisions_by_outcome", "decisions", ["outcome", "as_of", "execution_id"], unique=False
    )
    op.create_index("decisions_by_record", "decisions", ["recorded_at"], unique=False)
    op.create_index(
        "decisions_by_strategy", "decisions", ["strategy_id", "as_of", "execution_id"], unique=False
    )
    op.create_index(
        "decisions_by_symbol", "decisions", ["symbol", "as_of", "execution_id"], unique=False
    )
    op.create_index(
        "decisions_summed_up",
        "decisions",
        [
            "as_of",
            "strategy_id",
            "symbol",
            "action",
            "outcome",
            "confidence",
            "after_5",
            "has_plan",
        ],
        unique=False,
    )
    op.create_index(
        "decisions_to_look_at",
        "decisions",
        ["next_look_at"],
        unique=False,
        postgresql_where=sa.text("next_look_at IS NOT NULL"),
    )
    op.create_index(
        "decisions_without_outcome",
        "decisions",
        ["execution_id"],
        unique=False,
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.create_table(
        "questions",
        sa.Column("execution_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("prompt_version_id", sa.Integer(), nullable=False),
        sa.Column("system_version_id", sa.Integer(), nullable=False),
        sa.Column("analyst", sa.String(), nullable=False),
        sa.Column("is_rule_based", sa.Boolean(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("cost_usd", sa.Numeric(precision=20, scale=8), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason_code", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["execution_id"], ["executions.id"], name=op.f("questions_execution_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["prompt_version_id"],
            ["prompt_versions.id"],
            name=op.f("questions_prompt_version_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["system_version_id"],
            ["prompt_versions.id"],
            name=op.f("questions_system_version_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("execution_id", "name", name=op.f("questions_pkey")),
    )
    op.create_index(
        "questions_by_prompt", "questions", ["prompt_version_id", "execution_id"], unique=False
    )
    op.create_index("questions_by_record", "questions", ["recorded_at"], unique=False)
    op.create_index(
        "questions_by_system_prompt",
        "questions",
        ["system_version_id", "execution_id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index("questions_by_system_prompt", table_name="questions")
    op.drop_index("questions_by_record", table_name="questions")
    op.drop_index("questions_by_prompt", table_name="questions")
    op.drop_table("questions")
    op.drop_index(
        "decisions_without_outcome",
        table_name="decisions",
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.drop_index(
        "decisions_to_look_at",
        table_name="decisions",
        postgresql_where=sa.text("next_look_at IS NOT NULL"),
    )
    op.drop_index("decisions_summed_up", table_name="decisions")
    op.drop_index("decisions_by_symbol", table_name="decisions")
    op.drop_index("decisions_by_strategy", table_name="decisions")
    op.drop_index("decisions_by_record", table_name="decisions")
    op.drop_index("decisions_by_outcome", table_name="decisions")
    op.drop_index("decisions_by_moment", table_name="decisions")
    op.drop_index("decisions_by_action", table_name="decisions")
    op.drop_table("decisions")
