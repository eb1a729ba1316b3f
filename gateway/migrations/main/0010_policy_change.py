"""Drafts of the catalogue, their signatures, alerts."""

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Create what the models describe."""
