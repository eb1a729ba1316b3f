"""Tables of the journal and the triggers that keep them append-only.

One row per log holds the tree head; entries, tiles and checkpoints are never changed or removed once written.
The triggers are a guard-rail against slips and small thefts, not the proof: whoever owns the database can drop
them, and is then caught by the published checkpoints. Sealed salts are the exception: erasing them is a right.
"""

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
    sa.Column(
        "id", sa.SmallInteger, sa.CheckConstraint("id = 1", name="single"), primary_key=True, autoincrement=False
    ),
    sa.Column("origin", sa.String(256), nullable=False),
    sa.Column("size", _NUMBER, nullable=False),
    sa.Column("peaks", sa.LargeBinary, nullable=False, comment="compact range: roots of complete subtrees"),
    sa.Column("root", sa.LargeBinary(32), nullable=False),
    postgresql_with={"fillfactor": "10"},
)

audit_entry = sa.Table(
    "audit_entry",
    metadata,
    sa.Column("index", _NUMBER, primary_key=True, autoincrement=False),
    sa.Column("at", _NUMBER, nullable=False, comment="journal's clock when the batch was written, ms UTC"),
    sa.Column("subject", sa.String(32), index=True, comment="tag; the person finds its lines by it"),
    sa.Column("hash", sa.LargeBinary(32), nullable=False),
    sa.Column("leaf", sa.LargeBinary, nullable=False, comment="canonical JSON, as hashed"),
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
    sa.Column("level", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("index", _NUMBER, primary_key=True, autoincrement=False),
    sa.Column("root", sa.LargeBinary(32), nullable=False),
    sa.Column("hashes", sa.LargeBinary(8192), nullable=False, comment="256 hashes; partial tiles are computed"),
)

audit_checkpoint = sa.Table(
    "audit_checkpoint",
    metadata,
    sa.Column("size", _NUMBER, primary_key=True, autoincrement=False),
    sa.Column("at", _NUMBER, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
)

_KEPT = ("audit_entry", "audit_tile", "audit_checkpoint")

_SQLITE = (
    *(
        f"CREATE TRIGGER IF NOT EXISTS {table}_{verb} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for table in _KEPT
        for verb in ("update", "delete")
    ),
    # INSERT OR REPLACE would overwrite without firing the delete trigger (sqlite.org/lang_conflict.html)
    (
        "CREATE TRIGGER IF NOT EXISTS audit_entry_insert BEFORE INSERT ON audit_entry "
        'WHEN EXISTS (SELECT 1 FROM audit_entry WHERE "index" = NEW."index") '
        "BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only'); END"
    ),
    (
        "CREATE TRIGGER IF NOT EXISTS audit_head_update BEFORE UPDATE ON audit_head "
        "WHEN NEW.size < OLD.size OR NEW.origin <> OLD.origin "
        "BEGIN SELECT RAISE(ABORT, 'audit_head only grows'); END"
    ),
    (
        "CREATE TRIGGER IF NOT EXISTS audit_head_delete BEFORE DELETE ON audit_head "
        "BEGIN SELECT RAISE(ABORT, 'audit_head only grows'); END"
    ),
)

_POSTGRESQL = (
    (
        "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$"
    ),
    *(
        f"CREATE OR REPLACE TRIGGER {table}_{verb} BEFORE {verb} ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()"
        for table in _KEPT
        for verb in ("update", "delete", "truncate")
    ),
    (
        "CREATE OR REPLACE TRIGGER audit_head_update BEFORE UPDATE ON audit_head "
        "FOR EACH ROW WHEN (NEW.size < OLD.size OR NEW.origin <> OLD.origin) EXECUTE FUNCTION audit_refuse()"
    ),
    *(
        f"CREATE OR REPLACE TRIGGER audit_head_{verb} BEFORE {verb} ON audit_head "
        f"FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()"
        for verb in ("delete", "truncate")
    ),
)


def install_guards(connection: Connection) -> None:
    """Create the triggers; create_all does it by itself, a migration calls it after creating the tables."""
    for statement in _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL:
        connection.exec_driver_sql(statement)


@event.listens_for(metadata, "after_create")
def _after_create(_: sa.MetaData, connection: Connection, **__: Any) -> None:
    install_guards(connection)
