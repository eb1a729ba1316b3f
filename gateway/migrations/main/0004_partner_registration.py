"""What a partner's tokens are bound to, where its keys are, where people come back to."""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create what the models describe."""
