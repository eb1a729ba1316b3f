"""What the DPO's search reads."""

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Create what the models describe."""
