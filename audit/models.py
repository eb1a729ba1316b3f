"""Tables of the journal and the triggers that keep them append-only.

One row per shard (a calendar year) holds the tree head; what was written is never changed, and removed only below
the minimum its shard announces (C2SP tlog-tiles, pruning). The triggers are a guard-rail against slips and small
thefts, not the proof: whoever owns the database can drop them, and is then caught by the published checkpoints.
Sealed salts are the exception: erasing them is a right.
"""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, event

metadata = sa.MetaData(
    naming_convention={"ix": "%(table_name)s_%(column_0_N_name)s", "ck": "%(table_name)s_%(constraint_name)s"}
)

_NUMBER = sa.BigInteger()

audit_head = sa.Table(
    "audit_head",
    metadata,
    sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False, comment="shard: 1, 2, …"),
    sa.Column("origin", sa.String(256), nullable=False),
    sa.Column("first", _NUMBER, nullable=False, comment="position of its entry 0 over all shards"),
    sa.Column("size", _NUMBER, nullable=False),
    sa.Column("peaks", sa.LargeBinary, nullable=False, comment="compact range: roots of complete subtrees"),
    sa.Column("root", sa.LargeBinary(32), nullable=False),
    sa.Column("minimum", _NUMBER, nullable=False, comment="entries below are pruned; a multiple of 256"),
    sa.Column("closed_at", _NUMBER, comment="NULL: the shard that is appended to"),
    sa.UniqueConstraint("origin", name="audit_head_origin"),
    postgresql_with={"fillfactor": "10"},
)

audit_entry = sa.Table(
    "audit_entry",
    metadata,
    sa.Column("index", _NUMBER, primary_key=True, autoincrement=False),  # position over all shards
    sa.Column("at", _NUMBER, nullable=False, comment="journal's clock when the batch was written, ms UTC"),
    sa.Column("span", sa.SmallInteger, nullable=False, comment="index >> 20"),
    sa.Column("subject", sa.String(32), comment="tag; the person finds its lines by it"),
    sa.Column("hash", sa.LargeBinary(32), nullable=False),
    sa.Column("leaf", sa.LargeBinary, nullable=False, comment="canonical JSON, as hashed"),
)
_tagged = audit_entry.c.subject.is_not(None)
sa.Index(  # tags are random: span by span, the part that is written to stays small, however long the log
    "audit_entry_span_subject", audit_entry.c.span, audit_entry.c.subject,
    sqlite_where=_tagged, postgresql_where=_tagged,
)  # fmt: skip

SPAN_BITS = 20


def span_of(index: int) -> int:
    """The span of an entry, by its position over all shards."""
    return index >> SPAN_BITS


audit_pruning = sa.Table(
    "audit_pruning",
    metadata,
    sa.Column("index", _NUMBER, primary_key=True, autoincrement=False, comment="of an entry log.pruned"),
)

audit_seal = sa.Table(
    "audit_seal",
    metadata,
    sa.Column("index", _NUMBER, primary_key=True, autoincrement=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False, comment="salts of the entry's commitments, sealed; erasable"),
)

audit_tile = sa.Table(
    "audit_tile",
    metadata,
    sa.Column("shard", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("level", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("index", _NUMBER, primary_key=True, autoincrement=False),
    sa.Column("root", sa.LargeBinary(32), nullable=False),
    sa.Column("hashes", sa.LargeBinary(8192), nullable=False, comment="256 hashes; partial tiles are computed"),
)

audit_checkpoint = sa.Table(
    "audit_checkpoint",
    metadata,
    sa.Column("shard", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("size", _NUMBER, primary_key=True, autoincrement=False),
    sa.Column("at", _NUMBER, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
)

audit_cosignature = sa.Table(
    "audit_cosignature",
    metadata,
    sa.Column("shard", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("size", _NUMBER, primary_key=True, autoincrement=False),
    sa.Column("witness", sa.String(512), primary_key=True, comment="public key text"),
    sa.Column("time", _NUMBER, primary_key=True, autoincrement=False, comment="the witness's, seconds UTC"),
    sa.Column("line", sa.Text, nullable=False, comment="signature line of the note"),
)

audit_attested = sa.Table(
    "audit_attested",
    metadata,
    sa.Column("shard", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("size", _NUMBER, nullable=False, comment="newest checkpoint whose cosignatures met the quorum"),
    sa.Column("at", _NUMBER, nullable=False),
)

audit_witnessed = sa.Table(
    "audit_witnessed",
    metadata,
    sa.Column("log", sa.String(64), primary_key=True, comment="hex SHA-256 of the origin of a log of others"),
    sa.Column("size", _NUMBER, nullable=False),
    sa.Column("root", sa.LargeBinary(32), nullable=False),
    sa.Column("note", sa.Text, nullable=False, comment="its checkpoint, signed by the log and by us"),
)

audit_timestamp = sa.Table(
    "audit_timestamp",
    metadata,
    sa.Column("shard", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("size", _NUMBER, primary_key=True, autoincrement=False),
    sa.Column("authority", sa.String(256), primary_key=True),
    sa.Column("at", _NUMBER, primary_key=True, autoincrement=False, comment="the authority's, ms UTC"),
    sa.Column("token", sa.LargeBinary, nullable=False, comment="RFC 3161 answer"),
)

audit_key = sa.Table(
    "audit_key",
    metadata,
    sa.Column("key", sa.String(512), primary_key=True, comment="public key text"),
    sa.Column("use", sa.String(16), nullable=False),
    sa.Column("since", _NUMBER, comment="NULL: from the beginning"),
    sa.Column("until", _NUMBER, comment="NULL: in force"),
    sa.Column("note", sa.Text, comment="the succession, signed by the key before and by this one"),
)

_KEPT = ("audit_entry", "audit_tile", "audit_checkpoint", "audit_cosignature", "audit_timestamp")

_ANNOUNCED = """
SELECT 1 FROM audit_head WHERE {row}."index" >= audit_head.first
AND {row}."index" < audit_head.first + audit_head.minimum AND {row}."index" < audit_head.first + audit_head.size
"""
_WHOLE = "SELECT 1 FROM audit_head WHERE id = {row}.shard AND closed_at IS NOT NULL AND minimum >= size"
_REMOVABLE = {
    "audit_entry": _ANNOUNCED,
    "audit_tile": _WHOLE,
    "audit_checkpoint": f"{_WHOLE} AND {{row}}.size < audit_head.size",
    "audit_cosignature": f"{_WHOLE} AND {{row}}.size < audit_head.size",
}
"""What may be removed: entries that were announced as pruned; of a shard wholly pruned all but the final checkpoint."""

_HEAD_CHANGES = (
    "NEW.id <> OLD.id OR NEW.origin <> OLD.origin OR NEW.first <> OLD.first OR NEW.size < OLD.size "
    "OR NEW.minimum < OLD.minimum OR (OLD.closed_at IS NOT NULL AND "
    "(NEW.closed_at IS NULL OR NEW.closed_at <> OLD.closed_at OR NEW.size <> OLD.size OR NEW.root <> OLD.root))"
)
_WITNESSED_CHANGES = "NEW.log <> OLD.log OR NEW.size < OLD.size OR (NEW.size = OLD.size AND NEW.root <> OLD.root)"
_KEY_CHANGES = "OLD.until IS NOT NULL OR NEW.key <> OLD.key OR NEW.use <> OLD.use OR NEW.until IS NULL"
_GROWING = {
    "audit_head": _HEAD_CHANGES,
    "audit_key": _KEY_CHANGES,
    "audit_attested": "NEW.shard <> OLD.shard OR NEW.size < OLD.size",
    "audit_witnessed": _WITNESSED_CHANGES,
}


def _sqlite() -> Iterator[tuple[str, str]]:
    """Give (name, rest) of each trigger."""
    for table in _KEPT:
        refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        removable = f"WHEN NOT EXISTS ({_REMOVABLE[table].format(row='OLD')}) " if table in _REMOVABLE else ""
        yield f"{table}_update", f"BEFORE UPDATE ON {table} {refuse}"
        yield f"{table}_delete", f"BEFORE DELETE ON {table} {removable}{refuse}"
    # INSERT OR REPLACE would overwrite without firing the delete trigger (sqlite.org/lang_conflict.html)
    present = 'EXISTS (SELECT 1 FROM audit_entry WHERE "index" = NEW."index")'
    refuse = "BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only'); END"
    yield "audit_entry_insert", f"BEFORE INSERT ON audit_entry WHEN {present} {refuse}"
    for table, changes in _GROWING.items():
        refuse = f"BEGIN SELECT RAISE(ABORT, '{table} only grows'); END"
        yield f"{table}_update", f"BEFORE UPDATE ON {table} WHEN {changes} {refuse}"
        yield f"{table}_delete", f"BEFORE DELETE ON {table} {refuse}"


def _postgresql() -> Iterator[str]:
    """Give each statement; a removal is judged as a whole, from the rows that went (transition table)."""
    refuse = "RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';"
    yield f"CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {refuse} END $$"
    for table in (*_KEPT, *_GROWING):
        if table in _REMOVABLE:
            lost = f"SELECT 1 FROM gone WHERE NOT EXISTS ({_REMOVABLE[table].format(row='gone')})"
            yield (
                f"CREATE OR REPLACE FUNCTION {table}_removal() RETURNS trigger LANGUAGE plpgsql AS $$ "
                f"BEGIN IF EXISTS ({lost}) THEN {refuse} END IF; RETURN NULL; END $$"
            )
            yield (
                f"CREATE OR REPLACE TRIGGER {table}_delete AFTER DELETE ON {table} REFERENCING OLD TABLE AS gone "
                f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_removal()"
            )
        changes = _GROWING.get(table)
        for verb in ("update", "delete", "truncate"):
            if verb == "delete" and table in _REMOVABLE:
                continue
            each = f"ROW WHEN ({changes})" if verb == "update" and changes else "STATEMENT"
            yield (
                f"CREATE OR REPLACE TRIGGER {table}_{verb} BEFORE {verb} ON {table} "
                f"FOR EACH {each} EXECUTE FUNCTION audit_refuse()"
            )


def install_guards(connection: Connection) -> None:
    """Create the triggers, in place of older ones; create_all does it by itself, a migration calls it at its end."""
    if connection.dialect.name == "sqlite":
        for name, rest in _sqlite():
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
            connection.exec_driver_sql(f"CREATE TRIGGER {name} {rest}")
        return
    for statement in _postgresql():
        connection.exec_driver_sql(statement)


@event.listens_for(metadata, "after_create")
def _after_create(_: sa.MetaData, connection: Connection, **__: Any) -> None:
    install_guards(connection)
