"""Tables of the authorization server. It stores no token, no private key, no name of a professional."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

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


def insert_ignoring(dialect: str, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that leaves an existing row as it is: atomic, and the same clause on both engines."""
    if dialect == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()
