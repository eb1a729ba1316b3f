"""Catalogues as they were offered, who signed them, and which one decides since when. Nothing about persons."""

import sqlalchemy as sa

from gateway.naming import NAMES

metadata = sa.MetaData(naming_convention=NAMES)

bundle = sa.Table(
    "catalogue_bundle",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("content", sa.Text, nullable=False),  # canonical JSON of all files; its digest is checked at each reading
    sa.Column("stored_at", sa.BigInteger, nullable=False),
)

# The newest row is the catalogue that decides. Written with its entry `catalogue.activated`, never changed.
active = sa.Table(
    "catalogue_active",
    metadata,
    sa.Column("entry", sa.BigInteger, primary_key=True, autoincrement=False),  # position in the journal
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("previous", sa.String(64), nullable=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("widening", sa.Boolean, nullable=False),
)

# A signature holds for one step: from the catalogue that decided to the one signed.
approval = sa.Table(
    "catalogue_approval",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("previous", sa.String(64), primary_key=True),
    sa.Column("signer", sa.String(64), primary_key=True),  # thumbprint of an officer's key, or tag of a signed-in DPO
    sa.Column("human", sa.String(64), nullable=False),  # keyed, of the name: one human under two tags counts once
    sa.Column("kind", sa.String(8), nullable=False),  # officer | session
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("entry", sa.BigInteger, nullable=False),
)
