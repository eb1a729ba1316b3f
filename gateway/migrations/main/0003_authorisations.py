"""The whole life of authorisations: when what waits is due, reminders, mandates, holds, and what rests on them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create and change what the models describe, then give what waits its date."""
    _tables()
    op.execute("UPDATE consent_authorisation SET due = requested_at + 604800000 WHERE state = 'requested'")
    op.execute("UPDATE consent_authorisation SET due = changed_at + 2419200000 WHERE state = 'objection_lodged'")


def _tables() -> None:  # noqa: PLR0915  a statement per table and index
    """Create and change what the models describe (rendered by Alembic)."""
    op.create_table(
        "consent_confirmation",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("bound", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_confirmation")),
    )
    with op.batch_alter_table("consent_confirmation", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_consent_confirmation_subject_sent_at"), ["subject", "sent_at"], unique=False
        )

    op.create_table(
        "consent_contact",
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("preference", sa.String(length=8), nullable=False),
        sa.Column("lang", sa.String(length=2), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_consent_contact")),
    )
    with op.batch_alter_table("consent_contact", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_consent_contact_number"), ["number"], unique=False)

    op.create_table(
        "consent_frozen",
        sa.Column("authorisation", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("terms", sa.String(length=64), nullable=False),
        sa.Column("own", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("authorisation", name=op.f("pk_consent_frozen")),
    )
    with op.batch_alter_table("consent_frozen", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_consent_frozen_subject"), ["subject"], unique=False)

    op.create_table(
        "consent_held",
        sa.Column("authorisation", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("effective_at", sa.BigInteger(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("claimed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("authorisation", name=op.f("pk_consent_held")),
    )
    with op.batch_alter_table("consent_held", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_consent_held_effective_at"), ["effective_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_consent_held_subject"), ["subject"], unique=False)

    op.create_table(
        "consent_invitation",
        sa.Column("authorisation", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("visit", sa.String(length=64), nullable=True),
        sa.Column("visit_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("authorisation", name=op.f("pk_consent_invitation")),
    )
    with op.batch_alter_table("consent_invitation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_consent_invitation_digest"), ["digest"], unique=True)
        batch_op.create_index(batch_op.f("ix_consent_invitation_subject"), ["subject"], unique=False)
        batch_op.create_index(batch_op.f("ix_consent_invitation_visit"), ["visit"], unique=True)

    op.create_table(
        "consent_mandate",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("holder", sa.String(length=32), nullable=False),
        sa.Column("capacity", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("purposes", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_mandate")),
    )
    with op.batch_alter_table("consent_mandate", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_consent_mandate_subject"), ["subject"], unique=False)
        batch_op.create_index(batch_op.f("ix_consent_mandate_until"), ["until"], unique=False)

    op.create_table(
        "consent_notice",
        sa.Column("id", sa.String(length=96), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("authorisation", sa.String(length=32), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("tries_left", sa.Integer(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_notice")),
    )
    with op.batch_alter_table("consent_notice", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_consent_notice_done_at_due_at"), ["done_at", "due_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_consent_notice_subject"), ["subject"], unique=False)

    op.create_table(
        "consent_right",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("right", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=41), nullable=True),
        sa.Column("authorisation", sa.String(length=32), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("extended", sa.String(length=40), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_right")),
    )
    with op.batch_alter_table("consent_right", schema=None) as batch_op:
        batch_op.create_index("ix_consent_right_due", ["state", "due"], unique=False)
        batch_op.create_index("ix_consent_right_subject", ["subject", "received_at"], unique=False)

    op.create_table(
        "consent_terms",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_consent_terms")),
    )
    op.create_table(
        "consent_terms_line",
        sa.Column("catalogue", sa.String(length=64), nullable=False),
        sa.Column("recipient", sa.String(length=41), nullable=False),
        sa.Column("purpose", sa.String(length=80), nullable=False),
        sa.Column("terms", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("catalogue", "recipient", "purpose", name=op.f("pk_consent_terms_line")),
    )
    op.create_table(
        "signal_delivery",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("endpoint", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("type", sa.String(length=48), nullable=False),
        sa.Column("authorisation", sa.String(length=32), nullable=True),
        sa.Column("purpose", sa.String(length=80), nullable=True),
        sa.Column("entry", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=9), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("tried_at", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("claim", sa.String(length=32), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.String(length=24), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_signal_delivery")),
    )
    with op.batch_alter_table("signal_delivery", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_signal_delivery_at"), ["at"], unique=False)
        batch_op.create_index(
            "ix_signal_delivery_due",
            ["endpoint", "due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )
        batch_op.create_index(batch_op.f("ix_signal_delivery_endpoint_id"), ["endpoint", "id"], unique=True)
        batch_op.create_index("ix_signal_delivery_listed", ["endpoint", "seq"], unique=False)
        batch_op.create_index(
            "ix_signal_delivery_pending",
            ["endpoint", "subject", "seq"],
            unique=False,
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )
        batch_op.create_index("ix_signal_delivery_subject", ["subject"], unique=False)

    op.create_table(
        "signal_endpoint",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("partner", sa.String(length=41), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("types", sa.Text(), nullable=False),
        sa.Column("signature", sa.String(length=24), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(length=24), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signal_endpoint")),
    )
    with op.batch_alter_table("signal_endpoint", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_signal_endpoint_partner"), ["partner"], unique=False)

    with op.batch_alter_table("consent_authorisation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("mandate", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("due", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("reminded_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("held_at", sa.BigInteger(), nullable=True))
        batch_op.create_index(
            "ix_consent_authorisation_ending",
            ["valid_until"],
            unique=False,
            sqlite_where=sa.text("slot = 'current'"),
            postgresql_where=sa.text("slot = 'current'"),
        )
        batch_op.create_index(
            "ix_consent_authorisation_waiting",
            ["due"],
            unique=False,
            sqlite_where=sa.text("slot = 'pending'"),
            postgresql_where=sa.text("slot = 'pending'"),
        )
