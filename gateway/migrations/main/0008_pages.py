"""What people report from their pages."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Create what the models describe."""
    op.create_table(
        "access_report",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("access", sa.BigInteger(), nullable=False),
        sa.Column("org", sa.String(length=41), nullable=False),
        sa.Column("reason", sa.String(length=24), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("reported_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_report")),
    )
    op.create_index(op.f("ix_access_report_subject_access"), "access_report", ["subject", "access"], unique=True)
    op.create_index(
        "ix_access_report_open",
        "access_report",
        ["org", "reported_at"],
        unique=False,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
