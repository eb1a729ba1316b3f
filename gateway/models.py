"""The gateway's own table: which Idempotency-Keys were used. No body, no answer, no identifier is kept."""

import sqlalchemy as sa

metadata = sa.MetaData()

idempotency = sa.Table(
    "gateway_idempotency",
    metadata,
    sa.Column("partner", sa.String(41), primary_key=True),
    sa.Column("key", sa.String(64), primary_key=True),  # SHA-256, hex
    sa.Column("body", sa.String(64), nullable=False),  # SHA-256, hex
    sa.Column("counted", sa.Text, nullable=False),  # what was counted under it: keyed digests, blank-separated
    sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
)

# The emergency stop: one row while it is on, none while it is off.
freeze = sa.Table(
    "gateway_freeze",
    metadata,
    sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("entry", sa.BigInteger, nullable=False),  # position of the entry that says so
)
