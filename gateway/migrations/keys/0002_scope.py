"""What a wrapped key is: whole, or after an erasure what finds the person's entries."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Every key so far is whole."""
    op.add_column("subject_key", sa.Column("scope", sa.String(length=8), nullable=False, server_default="whole"))
