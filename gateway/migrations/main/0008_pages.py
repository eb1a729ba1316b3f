"""What people report from their pages."""

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Create what the models describe."""
