"""Tables of the authorization server. It stores no token, no private key, no name of a professional."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from gateway.naming import NAMES

metadata = sa.MetaData(naming_convention=NAMES)

partner = sa.Table(
    "oauth_partner",
    metadata,
    sa.Column("id", sa.String(41), primary_key=True),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("siret", sa.String(14), nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("jwks", sa.JSON, nullable=False),
    sa.Column("batch_jobs", sa.JSON, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("changed_at", sa.BigInteger, nullable=False),
    sa.Column("binding", sa.String(8), nullable=False),
    sa.Column("certificates", sa.JSON, nullable=False),
    sa.Column("jwks_uri", sa.Text, nullable=True),
    sa.Column("redirect_uris", sa.JSON, nullable=False),
    sa.CheckConstraint("status IN ('active', 'suspended')", name="status"),
    sa.CheckConstraint("binding IN ('dpop', 'mtls', 'bearer')", name="binding"),
)

used_jti = sa.Table(
    "oauth_used_jti",
    metadata,
    sa.Column("partner", sa.String(41), primary_key=True),
    sa.Column("jti", sa.LargeBinary(32), primary_key=True),  # SHA-256: a jti may be any text of any size
    sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
)

revoked = sa.Table(
    "oauth_revoked",
    metadata,
    sa.Column("what", sa.String(64), primary_key=True),  # a token's name, or `partner:` and an id
    sa.Column("until", sa.BigInteger, nullable=False, index=True),  # what was issued until then is over (ms)
    sa.Column("entry", sa.BigInteger, nullable=False, index=True),  # place in the journal: what is newer than what
)


# A request a partner pushed (RFC 9126), and what becomes of it until its code is exchanged. Neither the request's
# secret nor the code is kept: their digests are. `subject` is who signed in; whoever comes second is refused.
# `request` is of what the flow goes on with: the pushed address, then, since that works once, the session that came.
flow = sa.Table(
    "oauth_flow",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("request", sa.LargeBinary(32), nullable=False),
    sa.Column("partner", sa.String(41), nullable=False),
    sa.Column("redirect_uri", sa.Text, nullable=False),
    sa.Column("state", sa.LargeBinary, nullable=True),  # the partner's own word, sealed: it may say anything
    sa.Column("challenge", sa.String(43), nullable=False),
    sa.Column("jkt", sa.String(43), nullable=True),  # the DPoP key the code is bound to (RFC 9449 §10)
    sa.Column("purpose", sa.String(80), nullable=False),
    sa.Column("fields", sa.Text, nullable=False),  # blank-separated
    sa.Column("days", sa.Integer, nullable=True),
    sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("opened_at", sa.BigInteger, nullable=True),  # once
    sa.Column("subject", sa.String(32), nullable=True),
    sa.Column("authorisation", sa.String(32), nullable=True, index=True),
    sa.Column("signed_in_at", sa.BigInteger, nullable=True),  # at the provider, as it says
    sa.Column("acr", sa.String(128), nullable=True),
    sa.Column("code", sa.LargeBinary(32), nullable=True),
    sa.Column("code_until", sa.BigInteger, nullable=True),
    sa.Column("ended_at", sa.BigInteger, nullable=True),  # the code was exchanged, or the partner was told no
    sa.Column("token", sa.String(64), nullable=True),  # jti of what the code gave
    sa.Column("token_until", sa.BigInteger, nullable=True),
    sa.Index(None, "request", unique=True),
    sa.Index(None, "code", unique=True),
)


def insert_ignoring(dialect: str, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that leaves an existing row as it is: atomic, and the same clause on both engines."""
    if dialect == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()
