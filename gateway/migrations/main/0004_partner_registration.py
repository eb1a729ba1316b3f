"""What a partner's tokens are bound to, where its keys are, where people come back to."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_STATUS = ("ck_oauth_partner_status", "status IN ('active', 'suspended')")
_BINDING = ("ck_oauth_partner_binding", "binding IN ('dpop', 'mtls', 'bearer')")
_FILLED = {"binding": "bearer", "certificates": "[]", "redirect_uris": "[]"}


def upgrade() -> None:
    """Add the columns. Who is registered already was registered for bearer tokens, and stays so until changed."""
    with op.batch_alter_table("oauth_partner", table_args=_checks(_STATUS)) as batch_op:
        batch_op.add_column(sa.Column("binding", sa.String(8), nullable=False, server_default=_FILLED["binding"]))
        batch_op.add_column(
            sa.Column("certificates", sa.JSON(), nullable=False, server_default=_FILLED["certificates"])
        )
        batch_op.add_column(sa.Column("jwks_uri", sa.Text(), nullable=True))
        batch_op.add_column(
            sa.Column("redirect_uris", sa.JSON(), nullable=False, server_default=_FILLED["redirect_uris"])
        )
        batch_op.create_check_constraint(op.f(_BINDING[0]), _BINDING[1])
    with op.batch_alter_table("oauth_partner", table_args=_checks(_STATUS, _BINDING)) as batch_op:
        for name in sorted(_FILLED):  # a default would fill in for who forgets: from here on each row says it
            batch_op.alter_column(name, server_default=None)


def _checks(*checks: tuple[str, str]) -> tuple[sa.CheckConstraint, ...]:
    """Those that SQLite's copy of the table keeps."""
    return tuple(sa.CheckConstraint(rule, name=op.f(name)) for name, rule in checks)
