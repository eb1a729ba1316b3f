"""What was counted under an idempotency key, instead of whether anything was.

Keys live a day: those of before are forgotten, and their repeats count once more.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the column of an emptied table."""
    op.execute("DELETE FROM gateway_idempotency")
    with op.batch_alter_table("gateway_idempotency") as table:
        table.drop_column("counted")
        table.add_column(sa.Column("counted", sa.Text(), nullable=False))


def downgrade() -> None:
    """Change it back."""
    op.execute("DELETE FROM gateway_idempotency")
    with op.batch_alter_table("gateway_idempotency") as table:
        table.drop_column("counted")
        table.add_column(sa.Column("counted", sa.Boolean(), nullable=False))
