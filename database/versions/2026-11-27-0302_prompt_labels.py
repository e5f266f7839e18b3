"""prompt labels

What ran until now was each prompt's newest version: it becomes the one in production.

Revision ID: 7d1f0a52c3e9
Revises: 5d1c0a7e31b4
"""

import sqlalchemy as sa
from alembic import op

revision = "7d1f0a52c3e9"
down_revision = "5d1c0a7e31b4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "prompt_labels",
        sa.Column("prompt_id", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(length=16), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["prompt_id"], ["prompts.id"], name=op.f("prompt_labels_prompt_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["prompt_versions.id"], name=op.f("prompt_labels_version_id_fkey")
        ),
        sa.PrimaryKeyConstraint("prompt_id", "label", name=op.f("prompt_labels_pkey")),
    )
    op.execute("""
        INSERT INTO prompt_labels (prompt_id, label, version_id, moved_at, moved_by)
        SELECT DISTINCT ON (prompt_id) prompt_id, 'production', id, now(), 'glassbox'
        FROM prompt_versions ORDER BY prompt_id, number DESC
    """)


def downgrade() -> None:
    op.drop_table("prompt_labels")
