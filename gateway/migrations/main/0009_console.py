"""What the DPO's search reads."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_FOLLOWED = ("actor", "ref", "authorisation")


def upgrade() -> None:
    """Create what the models describe; `passerelle console reindex` or the running gateway fills it."""
    _entries()
    _counts()
    _given()


def _entries() -> None:
    op.create_table(
        "console_kind",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("org", sa.String(length=41), nullable=False),
        sa.Column("purpose", sa.String(length=128), nullable=False),
        sa.Column("decision", sa.String(length=8), nullable=False),
        sa.Column("job", sa.String(length=48), nullable=False),
        sa.Column("sources", sa.Text(), nullable=False),
        sa.Column("datasets", sa.Text(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_console_kind"),
    )
    op.create_index("ix_console_kind_digest", "console_kind", ["digest"], unique=True)
    op.create_table(
        "console_line",
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(length=32), nullable=True),
        sa.Column("ref", sa.String(length=32), nullable=True),
        sa.Column("authorisation", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("index", name="pk_console_line"),
    )
    op.create_index("ix_console_line_kind_day_index", "console_line", ["kind", "day", "index"])
    for name in _FOLLOWED:
        known = sa.text(f"{name} IS NOT NULL")
        op.create_index(
            f"ix_console_line_{name}", "console_line", [name, "day"], sqlite_where=known, postgresql_where=known
        )


def _counts() -> None:
    op.create_table(
        "console_tally",
        sa.Column("kind", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "day", name="pk_console_tally"),
    )
    op.create_table(
        "console_field",
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("org", sa.String(length=41), nullable=False),
        sa.Column("purpose", sa.String(length=128), nullable=False),
        sa.Column("field", sa.String(length=81), nullable=False),
        sa.Column("releases", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", "org", "purpose", "field", name="pk_console_field"),
    )
    op.create_table(
        "console_cursor",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_console_cursor"),
    )


def _given() -> None:
    op.create_table(
        "console_person",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_console_person"),
    )
    op.create_index("ix_console_person_expires_at", "console_person", ["expires_at"])
    op.create_table(
        "console_export",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=40), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_console_export"),
    )
    op.create_index("ix_console_export_expires_at", "console_export", ["expires_at"])
