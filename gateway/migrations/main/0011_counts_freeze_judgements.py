"""What an idempotency key counted, not only whether it did; the emergency stop; for whom a judgement counts.

Keys live a day: those of before are forgotten, and their repeats count once more. A judgement of before counts for the
institution of who made it alone.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Change the column of an emptied table, add a table and a column."""
    op.execute("DELETE FROM gateway_idempotency")
    with op.batch_alter_table("gateway_idempotency") as table:
        table.drop_column("counted")
        table.add_column(sa.Column("counted", sa.Text(), nullable=False))
    op.create_table(
        "gateway_freeze",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateway_freeze")),
    )
    with op.batch_alter_table("oversight_judgement") as table:
        table.add_column(sa.Column("consortium", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("oversight_judgement") as table:
        table.alter_column("consortium", server_default=None)
