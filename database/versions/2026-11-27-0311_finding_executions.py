"""finding executions

Revision ID: 7c2f4e90ab13
Revises: 8e42b7d9a6c3
"""

import sqlalchemy as sa
from alembic import op

revision = "7c2f4e90ab13"
down_revision = "8e42b7d9a6c3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "saved_views",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("query", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("saved_views_pkey")),
        sa.UniqueConstraint("owner", "name", name=op.f("saved_views_owner_name_key")),
    )
    op.create_index(
        "executions_by_reason",
        "executions",
        ["reason_code", "id"],
        unique=False,
        postgresql_where=sa.text("reason_code IS NOT NULL"),
    )
    op.create_index(
        "executions_by_words",
        "executions",
        [
            sa.literal_column(
                "to_tsvector('simple'::regconfig,"
                " (COALESCE(reason, ''::character varying)::text || ' '::text)"
                " || COALESCE(reason_code, ''::character varying)::text)"
            )
        ],
        unique=False,
        postgresql_using="gin",
    )


def downgrade() -> None:
    op.drop_index("executions_by_words", table_name="executions", postgresql_using="gin")
    op.drop_index(
        "executions_by_reason",
        table_name="executions",
        postgresql_where=sa.text("reason_code IS NOT NULL"),
    )
    op.drop_table("saved_views")
