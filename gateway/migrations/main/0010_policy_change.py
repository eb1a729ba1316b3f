"""Catalogues, their signatures and activations; what DPOs noted of requests and alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Create what the models describe (rendered by Alembic)."""
    op.create_table(
        "catalogue_bundle",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_catalogue_bundle")),
    )
    op.create_table(
        "catalogue_active",
        sa.Column("entry", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("widening", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("entry", name=op.f("pk_catalogue_active")),
    )
    op.create_table(
        "catalogue_approval",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("signer", sa.String(length=64), nullable=False),
        sa.Column("human", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", "previous", "signer", name=op.f("pk_catalogue_approval")),
    )
    op.create_table(
        "oversight_stage",
        sa.Column("request", sa.String(length=32), nullable=False),
        sa.Column("stage", sa.String(length=24), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("org", sa.String(length=41), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("request", "stage", name=op.f("pk_oversight_stage")),
    )
    op.create_table(
        "oversight_judgement",
        sa.Column("entry", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("alert", sa.String(length=32), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("org", sa.String(length=41), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("entry", name=op.f("pk_oversight_judgement")),
    )
    with op.batch_alter_table("oversight_judgement", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_oversight_judgement_alert"), ["alert"], unique=False)
