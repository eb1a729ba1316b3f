"""First tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table; the last revision installs the guards of the journal."""
    op.create_table(
        "audit_checkpoint",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("size"),
    )
    op.create_table(
        "audit_entry",
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="journal's clock when the batch was written, ms UTC"),
        sa.Column("span", sa.SmallInteger(), nullable=False, comment="index >> 20"),
        sa.Column("subject", sa.String(length=32), nullable=True, comment="tag; the person finds its lines by it"),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False, comment="canonical JSON, as hashed"),
        sa.PrimaryKeyConstraint("index"),
    )
    op.create_index(
        "audit_entry_span_subject",
        "audit_entry",
        ["span", "subject"],
        unique=False,
        sqlite_where=sa.text("subject IS NOT NULL"),
        postgresql_where=sa.text("subject IS NOT NULL"),
    )
    op.create_table(
        "audit_pruning",
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False, comment="of an entry log.pruned"),
        sa.PrimaryKeyConstraint("index"),
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.String(length=256), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("peaks", sa.LargeBinary(), nullable=False, comment="compact range: roots of complete subtrees"),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("id = 1", name="audit_head_single"),
        postgresql_with={"fillfactor": "10"},
    )
    op.create_table(
        "audit_seal",
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "sealed", sa.LargeBinary(), nullable=False, comment="salts of the entry's commitments, sealed; erasable"
        ),
        sa.PrimaryKeyConstraint("index"),
    )
    op.create_table(
        "audit_tile",
        sa.Column("level", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column(
            "hashes", sa.LargeBinary(length=8192), nullable=False, comment="256 hashes; partial tiles are computed"
        ),
        sa.PrimaryKeyConstraint("level", "index"),
    )
    op.create_table(
        "consent_authorisation",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("recipient", sa.String(length=41), nullable=False),
        sa.Column("purpose", sa.String(length=80), nullable=False),
        sa.Column("slot", sa.String(length=8), nullable=True),
        sa.Column("basis", sa.String(length=24), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("requested", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("explicit", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_until", sa.BigInteger(), nullable=True),
        sa.Column("max_uses", sa.Integer(), nullable=True),
        sa.Column("catalogue", sa.String(length=64), nullable=False),
        sa.Column("notice", sa.String(length=64), nullable=True),
        sa.Column("channel", sa.String(length=24), nullable=True),
        sa.Column("method", sa.String(length=24), nullable=True),
        sa.Column("lineage_id", sa.String(length=32), nullable=False),
        sa.Column("supersedes", sa.String(length=32), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_authorisation")),
    )
    op.create_index(
        "ix_consent_authorisation_subject", "consent_authorisation", ["subject", "requested_at"], unique=False
    )
    op.create_index(
        "uq_consent_authorisation_slot",
        "consent_authorisation",
        ["subject", "purpose", "recipient", "slot"],
        unique=True,
        sqlite_where=sa.text("slot IS NOT NULL"),
        postgresql_where=sa.text("slot IS NOT NULL"),
    )
    op.create_table(
        "consent_identifier",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("blind", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("kind", "blind", name=op.f("pk_consent_identifier")),
    )
    op.create_index(op.f("ix_consent_identifier_subject"), "consent_identifier", ["subject"], unique=False)
    op.create_table(
        "consent_link",
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("declared_by", sa.String(length=41), nullable=False),
        sa.Column("blind", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "kind", "declared_by", name=op.f("pk_consent_link")),
    )
    op.create_table(
        "consent_partner_subject",
        sa.Column("pseudonym", sa.String(length=36), nullable=False),
        sa.Column("partner", sa.String(length=41), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("pseudonym", name=op.f("pk_consent_partner_subject")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_consent_partner_subject_subject_partner"),
        "consent_partner_subject",
        ["subject", "partner"],
        unique=True,
    )
    op.create_table(
        "consent_reference",
        sa.Column("partner", sa.String(length=41), nullable=False),
        sa.Column("blind", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("partner", "blind", name=op.f("pk_consent_reference")),
    )
    op.create_index(op.f("ix_consent_reference_subject"), "consent_reference", ["subject"], unique=False)
    op.create_table(
        "consent_subject",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("uses", sa.Text(), nullable=False),
        sa.Column("flags", sa.Text(), nullable=False),
        sa.Column("ambiguous", sa.Text(), nullable=False),
        sa.Column("identifiers", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("erased_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_subject")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "oauth_partner",
        sa.Column("id", sa.String(length=41), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("siret", sa.String(length=14), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("jwks", sa.JSON(), nullable=False),
        sa.Column("batch_jobs", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("status IN ('active', 'suspended')", name=op.f("ck_oauth_partner_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_partner")),
    )
    op.create_table(
        "oauth_used_jti",
        sa.Column("partner", sa.String(length=41), nullable=False),
        sa.Column("jti", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("partner", "jti", name=op.f("pk_oauth_used_jti")),
    )
    op.create_index(op.f("ix_oauth_used_jti_expires_at"), "oauth_used_jti", ["expires_at"], unique=False)
    op.create_table(
        "gateway_idempotency",
        sa.Column("partner", sa.String(length=41), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("body", sa.String(length=64), nullable=False),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("partner", "key"),
    )
    op.create_index(op.f("ix_gateway_idempotency_expires_at"), "gateway_idempotency", ["expires_at"], unique=False)
