"""Sessions of those who sign in."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create what the models describe (rendered by Alembic)."""
    op.create_table(
        "web_session",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_session")),
        sa.UniqueConstraint("digest", name=op.f("uq_web_session_digest")),
    )
    with op.batch_alter_table("web_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_web_session_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_web_session_owner"), ["owner"], unique=False)
        batch_op.create_index(batch_op.f("ix_web_session_subject"), ["subject"], unique=False)
    op.create_table(
        "signin_pending",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("browser", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signin_pending")),
    )
    op.create_index(op.f("ix_signin_pending_expires_at"), "signin_pending", ["expires_at"])
    op.create_table(
        "signin_role",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("organisation", sa.String(length=41), nullable=False),
        sa.Column("consortium", sa.Boolean(), nullable=False),
        sa.Column("provider", sa.String(length=41), nullable=False),
        sa.Column("siret", sa.String(length=14), nullable=True),
        sa.Column("mail", sa.String(length=64), nullable=True),
        sa.Column("account", sa.String(length=64), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("bound_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("role IN ('professional', 'dpo', 'operator')", name=op.f("ck_signin_role_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signin_role")),
    )
    op.create_index(op.f("ix_signin_role_account"), "signin_role", ["account"])
    op.create_index(op.f("ix_signin_role_mail_siret"), "signin_role", ["mail", "siret"])
    op.create_table(
        "consent_account",
        sa.Column("blind", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("blind", name=op.f("pk_consent_account")),
    )
    op.create_index(op.f("ix_consent_account_subject"), "consent_account", ["subject"])
