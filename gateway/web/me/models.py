"""Table of what people report of the accesses they see; their words are sealed under their own key."""

import sqlalchemy as sa

from gateway.naming import NAMES

metadata = sa.MetaData(naming_convention=NAMES)

access_report = sa.Table(
    "access_report",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("subject", sa.String(32), nullable=False),
    sa.Column("access", sa.BigInteger, nullable=False),  # index of the journal entry it is about
    sa.Column("org", sa.String(41), nullable=False),  # whose access it was: its DPO answers
    sa.Column("reason", sa.String(24), nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),  # the person's words
    sa.Column("reported_at", sa.BigInteger, nullable=False),
    sa.Column("closed_at", sa.BigInteger, nullable=True),
    sa.Column("entry", sa.BigInteger, nullable=False),  # index of the journal entry that says so
    sa.Index(None, "subject", "access", unique=True),  # sending the form twice makes one report
    sa.Index(
        "ix_access_report_open",
        "org",
        "reported_at",
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    ),
)
