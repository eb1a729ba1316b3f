"""Tables of the signals: who wants them, what is still to be told. No value of a person, no pseudonym, no reason."""

import sqlalchemy as sa

from gateway.naming import NAMES

metadata = sa.MetaData(naming_convention=NAMES)

REMOVED = "removed"
"""Reason of an endpoint its partner has deleted, of which only the notices of erasures are kept."""

endpoint = sa.Table(
    "signal_endpoint",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("partner", sa.String(41), nullable=False, index=True),
    sa.Column("url", sa.String(500), nullable=False),
    sa.Column("types", sa.Text, nullable=False),  # blank-separated
    sa.Column("signature", sa.String(24), nullable=False),
    sa.Column("secret", sa.LargeBinary, nullable=True),  # sealed
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("not_before", sa.BigInteger, nullable=False),  # it said Retry-After
    sa.Column("disabled_at", sa.BigInteger, nullable=True),
    sa.Column("reason", sa.String(24), nullable=True),  # why it was disabled
)

# One row per event and endpoint, written in the transaction of the event itself, so `seq` has the journal's order.
delivery = sa.Table(
    "signal_delivery",
    metadata,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(32), nullable=False),  # of the event, the same for each endpoint of one partner
    sa.Column("endpoint", sa.String(32), nullable=False),
    sa.Column("subject", sa.String(32), nullable=False),
    sa.Column("type", sa.String(48), nullable=False),
    sa.Column("authorisation", sa.String(32), nullable=True),
    sa.Column("purpose", sa.String(80), nullable=True),
    sa.Column("entry", sa.BigInteger, nullable=True),
    sa.Column("at", sa.BigInteger, nullable=False, index=True),
    sa.Column("state", sa.String(9), nullable=False),  # pending, delivered, dropped
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("tried_at", sa.BigInteger, nullable=True),  # for the first time
    sa.Column("due_at", sa.BigInteger, nullable=False),
    sa.Column("claim", sa.String(32), nullable=True),  # whose attempt is under way …
    sa.Column("lease_until", sa.BigInteger, nullable=False),  # … and until when nobody else may begin one
    sa.Column("status", sa.Integer, nullable=True),  # of the last answer
    sa.Column("outcome", sa.String(24), nullable=True),
    sa.Column("settled_at", sa.BigInteger, nullable=True),
    sa.Index(None, "endpoint", "id", unique=True),
    sa.Index("ix_signal_delivery_subject", "subject"),
    sa.Index(
        "ix_signal_delivery_pending",
        "endpoint",
        "subject",
        "seq",
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    ),
    sa.Index(
        "ix_signal_delivery_due",
        "endpoint",
        "due_at",
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    ),
    sa.Index("ix_signal_delivery_listed", "endpoint", "seq"),
)
