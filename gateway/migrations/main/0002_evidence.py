"""The journal as evidence: shards, pruning, key successions, cosignatures, time-stamps, and what rests on them."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from audit.models import install_guards

revision = "0002"
down_revision = "0001"

_NUMBER = sa.BigInteger()


def upgrade() -> None:
    """Move the one log into shard 1, create the new tables, install the guards anew."""
    _shards()
    _tables()
    install_guards(op.get_bind())


def _shards() -> None:
    """Give head, tiles and checkpoints their shard; SQLite cannot change a primary key, so each table is copied."""
    _copy(
        "audit_head",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False, comment="shard: 1, 2, …"),
        sa.Column("origin", sa.String(256), nullable=False),
        sa.Column("first", _NUMBER, nullable=False, comment="position of its entry 0 over all shards"),
        sa.Column("size", _NUMBER, nullable=False),
        sa.Column("peaks", sa.LargeBinary(), nullable=False, comment="compact range: roots of complete subtrees"),
        sa.Column("root", sa.LargeBinary(32), nullable=False),
        sa.Column("minimum", _NUMBER, nullable=False, comment="entries below are pruned; a multiple of 256"),
        sa.Column("closed_at", _NUMBER, nullable=True, comment="NULL: the shard that is appended to"),
        sa.PrimaryKeyConstraint("id", name="audit_head_shard"),
        sa.UniqueConstraint("origin", name="audit_head_origin"),
        postgresql_with={"fillfactor": "10"},
        values="id, origin, 0, size, peaks, root, 0, NULL",
    )
    _copy(
        "audit_tile",
        sa.Column("shard", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("level", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("index", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(32), nullable=False),
        sa.Column("hashes", sa.LargeBinary(8192), nullable=False, comment="256 hashes; partial tiles are computed"),
        sa.PrimaryKeyConstraint("shard", "level", "index", name="audit_tile_shard"),
        values='1, level, "index", root, hashes',
    )
    _copy(
        "audit_checkpoint",
        sa.Column("shard", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("size", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("at", _NUMBER, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("shard", "size", name="audit_checkpoint_shard"),
        values="1, size, at, note",
    )


def _copy(table: str, *columns: sa.schema.SchemaItem, values: str, **options: Any) -> None:
    op.rename_table(table, f"{table}_before")
    op.create_table(table, *columns, **options)
    op.execute(f"INSERT INTO {table} SELECT {values} FROM {table}_before")
    op.drop_table(f"{table}_before")


def _tables() -> None:
    """Create and change what the models describe (rendered by Alembic)."""
    op.create_table(
        "audit_attested",
        sa.Column("shard", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "size", sa.BigInteger(), nullable=False, comment="newest checkpoint whose cosignatures met the quorum"
        ),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("shard"),
    )
    op.create_table(
        "audit_cosignature",
        sa.Column("shard", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("witness", sa.String(length=512), nullable=False, comment="public key text"),
        sa.Column("time", sa.BigInteger(), autoincrement=False, nullable=False, comment="the witness's, seconds UTC"),
        sa.Column("line", sa.Text(), nullable=False, comment="signature line of the note"),
        sa.PrimaryKeyConstraint("shard", "size", "witness", "time"),
    )
    op.create_table(
        "audit_key",
        sa.Column("key", sa.String(length=512), nullable=False, comment="public key text"),
        sa.Column("use", sa.String(length=16), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=True, comment="NULL: from the beginning"),
        sa.Column("until", sa.BigInteger(), nullable=True, comment="NULL: in force"),
        sa.Column("note", sa.Text(), nullable=True, comment="the succession, signed by the key before and by this one"),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "audit_timestamp",
        sa.Column("shard", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("authority", sa.String(length=256), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False, comment="the authority's, ms UTC"),
        sa.Column("token", sa.LargeBinary(), nullable=False, comment="RFC 3161 answer"),
        sa.PrimaryKeyConstraint("shard", "size", "authority", "at"),
    )
    op.create_table(
        "audit_witnessed",
        sa.Column("log", sa.String(length=64), nullable=False, comment="hex SHA-256 of the origin of a log of others"),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("note", sa.Text(), nullable=False, comment="its checkpoint, signed by the log and by us"),
        sa.PrimaryKeyConstraint("log"),
    )
    op.create_table(
        "consent_erasure",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("signatures", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=True),
        sa.Column("cancelled_at", sa.BigInteger(), nullable=True),
        sa.Column("executed_at", sa.BigInteger(), nullable=True),
        sa.Column("forget_at", sa.BigInteger(), nullable=True),
        sa.Column("forgotten_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_erasure")),
    )
    with op.batch_alter_table("consent_erasure", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_consent_erasure_subject"), ["subject"], unique=False)
