"""Tokens that were taken back."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create what the models describe (rendered by Alembic)."""
    op.create_table(
        "oauth_revoked",
        sa.Column("what", sa.String(length=64), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("what", name=op.f("pk_oauth_revoked")),
    )
    with op.batch_alter_table("oauth_revoked", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_oauth_revoked_entry"), ["entry"], unique=False)
        batch_op.create_index(batch_op.f("ix_oauth_revoked_until"), ["until"], unique=False)
