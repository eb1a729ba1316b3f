"""What the DPO's search reads: the journal's entries by kind, person acting and day. Made from it, and no proof.

A *kind* is everything of an entry that comes from closed lists: there are a few thousand, however many entries. So a
search picks kinds first; counting is adding up `console_tally`. Nothing of a person is here, not even their tag.
"""

import sqlalchemy as sa

from gateway.naming import NAMES

metadata = sa.MetaData(naming_convention=NAMES)

kind = sa.Table(
    "console_kind",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.String(64), nullable=False),  # SHA-256 of the rest: a kind is written once
    sa.Column("type", sa.String(64), nullable=False),
    sa.Column("org", sa.String(41), nullable=False),  # empty: of no institution; the consortium's DPO sees it
    sa.Column("purpose", sa.String(128), nullable=False),
    sa.Column("decision", sa.String(8), nullable=False),
    sa.Column("job", sa.String(48), nullable=False),  # batch:<job>; a person acting stands in the line
    sa.Column("sources", sa.Text, nullable=False),  # blank-separated, sorted, as are the next two
    sa.Column("datasets", sa.Text, nullable=False),
    sa.Column("reasons", sa.Text, nullable=False),
    sa.Index(None, "digest", unique=True),
)

line = sa.Table(
    "console_line",
    metadata,
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),  # position over all shards
    sa.Column("at", sa.BigInteger, nullable=False),  # the entry's own time, ms UTC
    sa.Column("day", sa.Integer, nullable=False),  # days since 1970 in Paris
    sa.Column("kind", sa.Integer, nullable=False),
    sa.Column("actor", sa.String(32)),  # tag of the person acting
    sa.Column("ref", sa.String(32)),  # exchange: its decision and its release share it
    sa.Column("authorisation", sa.String(32)),
    sa.Index(None, "kind", "day", "index"),
    *(
        sa.Index(
            f"ix_console_line_{name}",
            name,
            "day",
            sqlite_where=sa.text(f"{name} IS NOT NULL"),
            postgresql_where=sa.text(f"{name} IS NOT NULL"),
        )
        for name in ("actor", "ref", "authorisation")
    ),
)

tally = sa.Table(
    "console_tally",
    metadata,
    sa.Column("kind", sa.Integer, primary_key=True, autoincrement=False),  # first: a period is read kind by kind
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("entries", sa.Integer, nullable=False),
)

field = sa.Table(
    "console_field",
    metadata,
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("org", sa.String(41), primary_key=True),
    sa.Column("purpose", sa.String(128), primary_key=True),
    sa.Column("field", sa.String(81), primary_key=True),
    sa.Column("releases", sa.Integer, nullable=False),  # how many releases held it
)

cursor = sa.Table(
    "console_cursor",
    metadata,
    sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("position", sa.BigInteger, nullable=False),  # entries below are here
)

person = sa.Table(
    "console_person",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),  # what stands in the address instead of the person
    sa.Column("actor", sa.String(40), nullable=False),  # who looked for them, and nobody else
    sa.Column("subject", sa.String(32), nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Index(None, "expires_at"),
)

export = sa.Table(
    "console_export",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("actor", sa.String(40), nullable=False),  # whose export it is
    sa.Column("made_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("entries", sa.Integer, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),  # SHA-256 of the file
    sa.Index(None, "expires_at"),
)
