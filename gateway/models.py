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
