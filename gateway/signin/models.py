"""Tables of sign-in: what is under way, and who has which role. No name and no address of mail in clear."""

import sqlalchemy as sa

from gateway.naming import NAMES

metadata = sa.MetaData(naming_convention=NAMES)

# What a browser began and must come back with: a sign-in, a choice of role, a sign-out. Found by the digest of a value
# that only the browser's address holds, and only together with the digest of its cookie.
pending = sa.Table(
    "signin_pending",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),  # SHA-256 of `state`, hex
    sa.Column("kind", sa.String(8), nullable=False),  # signin, choice, signout
    sa.Column("browser", sa.String(64), nullable=False),  # SHA-256 of the cookie, hex
    sa.Column("sealed", sa.LargeBinary, nullable=False),  # JSON
    sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
)

# Who may act as what. `account` is a keyed digest of (issuer, sub); until the first sign-in a line made from SIRET and
# address of mail has `mail`, a keyed digest, instead.
role = sa.Table(
    "signin_role",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("organisation", sa.String(41), nullable=False),
    sa.Column("consortium", sa.Boolean, nullable=False),
    sa.Column("provider", sa.String(41), nullable=False),
    sa.Column("siret", sa.String(14), nullable=True),
    sa.Column("mail", sa.String(64), nullable=True),
    sa.Column("account", sa.String(64), nullable=True, index=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),  # JSON: how the line was named, for the operator's list
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("bound_at", sa.BigInteger, nullable=True),
    sa.Column("ended_at", sa.BigInteger, nullable=True),
    sa.Column("entry", sa.BigInteger, nullable=False),  # index of the last journal entry about this line
    sa.CheckConstraint("role IN ('professional', 'dpo', 'operator')", name="role"),
    sa.Index(None, "mail", "siret"),
)
