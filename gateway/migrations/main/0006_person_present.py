"""Pushed requests and codes of the person-present flow."""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create what the models describe."""
