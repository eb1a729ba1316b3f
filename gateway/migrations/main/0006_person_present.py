"""Pushed requests and codes of the person-present flow; the words of an objection."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create what the models describe."""
    op.create_table(
        "oauth_flow",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("request", sa.LargeBinary(length=32), nullable=False),
        sa.Column("partner", sa.String(length=41), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=True),
        sa.Column("challenge", sa.String(length=43), nullable=False),
        sa.Column("jkt", sa.String(length=43), nullable=True),
        sa.Column("purpose", sa.String(length=80), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=True),
        sa.Column("subject", sa.String(length=32), nullable=True),
        sa.Column("authorisation", sa.String(length=32), nullable=True),
        sa.Column("signed_in_at", sa.BigInteger(), nullable=True),
        sa.Column("acr", sa.String(length=128), nullable=True),
        sa.Column("code", sa.LargeBinary(length=32), nullable=True),
        sa.Column("code_until", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("token", sa.String(length=64), nullable=True),
        sa.Column("token_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_flow")),
    )
    with op.batch_alter_table("oauth_flow", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_oauth_flow_authorisation"), ["authorisation"], unique=False)
        batch_op.create_index(batch_op.f("ix_oauth_flow_code"), ["code"], unique=True)
        batch_op.create_index(batch_op.f("ix_oauth_flow_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_oauth_flow_request"), ["request"], unique=True)

    op.create_table(
        "consent_words",
        sa.Column("authorisation", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("authorisation", name=op.f("pk_consent_words")),
    )
    with op.batch_alter_table("consent_words", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_consent_words_subject"), ["subject"], unique=False)
