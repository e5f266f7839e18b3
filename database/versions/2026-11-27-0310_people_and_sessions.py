"""people, their sessions and sign-in links; keys that expire and say when they were used

Make it safe to run while the previous release still serves: add before use, drop after use.

Revision ID: 8e42b7d9a6c3
Revises: 7d1f0a52c3e9
"""

import sqlalchemy as sa
from alembic import op

revision = "8e42b7d9a6c3"
down_revision = "7d1f0a52c3e9"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("people_pkey")),
        sa.UniqueConstraint("name", name=op.f("people_name_key")),
    )
    op.create_table(
        "browser_sessions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("previous_hash", sa.String(), nullable=True),
        sa.Column("previous_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("browser_sessions_person_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("browser_sessions_pkey")),
        sa.UniqueConstraint("hash", name=op.f("browser_sessions_hash_key")),
        sa.UniqueConstraint("previous_hash", name=op.f("browser_sessions_previous_hash_key")),
    )
    op.create_index(
        op.f("ix_browser_sessions_person_id"), "browser_sessions", ["person_id"], unique=False
    )
    op.create_table(
        "sign_in_tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("sign_in_tokens_person_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("sign_in_tokens_pkey")),
        sa.UniqueConstraint("hash", name=op.f("sign_in_tokens_hash_key")),
    )
    op.add_column("api_keys", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_keys", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("api_keys", "last_used_at")
    op.drop_column("api_keys", "expires_at")
    op.drop_table("sign_in_tokens")
    op.drop_index(op.f("ix_browser_sessions_person_id"), table_name="browser_sessions")
    op.drop_table("browser_sessions")
    op.drop_table("people")
