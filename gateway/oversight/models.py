"""What DPOs noted: stages of requests under GDPR 15 to 21, and what they made of alerts. No value, no name."""

import sqlalchemy as sa

from gateway.naming import NAMES

metadata = sa.MetaData(naming_convention=NAMES)

stage = sa.Table(
    "oversight_stage",
    metadata,
    sa.Column("request", sa.String(32), primary_key=True),
    sa.Column("stage", sa.String(24), primary_key=True),  # identity_checked | collected
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("org", sa.String(41), nullable=False),
    sa.Column("actor", sa.String(64), nullable=False),  # tag
    sa.Column("entry", sa.BigInteger, nullable=False),
)

# Of the rows an institution may see, its own and the consortium's, the newest is what holds for it.
judgement = sa.Table(
    "oversight_judgement",
    metadata,
    sa.Column("entry", sa.BigInteger, primary_key=True, autoincrement=False),  # position in the journal
    sa.Column("alert", sa.String(32), nullable=False, index=True),
    sa.Column("verdict", sa.String(16), nullable=False),  # seen | normal | incident
    sa.Column("org", sa.String(41), nullable=False),
    sa.Column("consortium", sa.Boolean, nullable=False),
    sa.Column("actor", sa.String(64), nullable=False),  # tag
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("note", sa.LargeBinary, nullable=True),  # sealed
)
