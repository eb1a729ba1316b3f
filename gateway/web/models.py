"""Table of sessions: which browser is signed in as whom; who it is stands sealed."""

import sqlalchemy as sa

from gateway.naming import NAMES

metadata = sa.MetaData(naming_convention=NAMES)

web_session = sa.Table(
    "web_session",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),  # SHA-256 of the cookie's secret, hex
    sa.Column("owner", sa.String(64), nullable=False, index=True),  # keyed: one human's sessions, nobody's name
    sa.Column("subject", sa.String(32), index=True),  # whose pages: ended when that person is erased
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("opened_at", sa.BigInteger, nullable=False),
    sa.Column("seen_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
)
