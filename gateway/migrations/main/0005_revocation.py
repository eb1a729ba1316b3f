"""Tokens that were taken back."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create what the models describe."""
