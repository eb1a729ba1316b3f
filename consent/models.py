"""Tables of the person's side: subjects, links, pseudonyms, authorisations; and the separate key table.

No value identifying a person stands in clear: identifiers are sealed under the subject's key and found through keyed
blind indexes.
"""

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

_CONVENTION = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}

metadata = MetaData(naming_convention=_CONVENTION)
"""Goes with the gateway's database."""

keys_metadata = MetaData(naming_convention=_CONVENTION)
"""Goes to the key store: another database, with a backup life of its own (erasure = losing a row of it)."""

# Without rows numbered by SQLite (`sqlite_with_rowid`) a look-up by key walks one tree instead of two.

# The hot row: read by each look-up and by the gate, written once per batch. Everything a decision needs stands
# here ready to use; `identifiers` is a sealed copy of the unambiguous links, so that one decryption serves all.
subject = Table(
    "consent_subject",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("epoch", BigInteger, nullable=False),  # + 1 at each change of choices, links or flags
    Column("counter", BigInteger, nullable=False),  # entries about this person so far
    Column("uses", Text, nullable=False),  # JSON {window key or "authorisation:<id>": count}
    Column("flags", Text, nullable=False),  # blank-separated
    Column("ambiguous", Text, nullable=False),  # kinds declared with several values, blank-separated
    Column("identifiers", LargeBinary, nullable=True),  # sealed JSON {kind: value}
    Column("created_at", BigInteger, nullable=False),
    Column("erased_at", BigInteger, nullable=True),
    sqlite_with_rowid=False,
)

# Who may be found by what: one subject per strong identifier, on every replica.
identifier = Table(
    "consent_identifier",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("blind", String(64), primary_key=True),
    Column("subject", String(32), nullable=False, index=True),
)

# Which accounts of identity providers a person signs in with; found by a keyed digest of issuer and `sub`.
account = Table(
    "consent_account",
    metadata,
    Column("blind", String(64), primary_key=True),
    Column("subject", String(32), nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),  # JSON {iss, sub}
    Column("created_at", BigInteger, nullable=False),
)

# What each partner declared. Two different `blind` for one (subject, kind) make the kind ambiguous.
link = Table(
    "consent_link",
    metadata,
    Column("subject", String(32), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("declared_by", String(41), primary_key=True),
    Column("blind", String(64), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

# The name one partner knows one person by: random, so nothing joins two partners' files.
partner_subject = Table(
    "consent_partner_subject",
    metadata,
    Column("pseudonym", String(36), primary_key=True),
    Column("partner", String(41), nullable=False),
    Column("subject", String(32), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "subject", "partner", unique=True),
    sqlite_with_rowid=False,
)

# The partner's own references (a partner may hold two files about one person).
reference = Table(
    "consent_reference",
    metadata,
    Column("partner", String(41), primary_key=True),
    Column("blind", String(64), primary_key=True),
    Column("subject", String(32), nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

# `slot` is where the record stands for its (subject, purpose, recipient): `pending` waits for the person,
# `current` is the one decisions read (whatever its state), NULL is history. At most one record per slot.
authorisation = Table(
    "consent_authorisation",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("subject", String(32), nullable=False),
    Column("recipient", String(41), nullable=False),
    Column("purpose", String(80), nullable=False),
    Column("slot", String(8), nullable=True),
    Column("basis", String(24), nullable=False),
    Column("state", String(24), nullable=False),
    Column("requested", Text, nullable=False),  # fields asked for, blank-separated, sorted; frozen
    Column("fields", Text, nullable=False),  # fields in force (given, or later narrowed)
    Column("explicit", Text, nullable=False),  # of these, given by explicit consent (GDPR 9-2-a)
    Column("valid_from", BigInteger, nullable=False),
    Column("valid_until", BigInteger, nullable=True),
    Column("max_uses", Integer, nullable=True),
    Column("catalogue", String(64), nullable=False),  # digest the request was built from
    Column("notice", String(64), nullable=True),  # digest of the text the person read
    Column("channel", String(24), nullable=True),
    Column("method", String(24), nullable=True),
    Column("mandate", String(32), nullable=True),  # under which a representative gave it
    Column("lineage_id", String(32), nullable=False),
    Column("supersedes", String(32), nullable=True),
    Column("version", Integer, nullable=False),
    Column("requested_at", BigInteger, nullable=False),
    Column("decided_at", BigInteger, nullable=True),
    Column("changed_at", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=True),  # waiting: when it lapses; objected to: when the answer is due
    Column("reminded_at", BigInteger, nullable=True),  # once at most
    Column("held_at", BigInteger, nullable=True),  # kept for a dispute since
    Column("entry", BigInteger, nullable=False),  # index of the last journal entry about this record
    Column("record", Text, nullable=False),  # JSON: the rest of ISO/IEC TS 27560, and the events so far
    Index(
        "uq_consent_authorisation_slot",
        "subject",
        "purpose",
        "recipient",
        "slot",
        unique=True,
        sqlite_where=sa.text("slot IS NOT NULL"),
        postgresql_where=sa.text("slot IS NOT NULL"),
    ),
    Index("ix_consent_authorisation_subject", "subject", "requested_at"),
    Index(
        "ix_consent_authorisation_waiting",
        "due",
        sqlite_where=sa.text("slot = 'pending'"),
        postgresql_where=sa.text("slot = 'pending'"),
    ),
    Index(
        "ix_consent_authorisation_ending",
        "valid_until",
        sqlite_where=sa.text("slot = 'current'"),
        postgresql_where=sa.text("slot = 'current'"),
    ),
)

# What all records of one line of a catalogue say alike (ISO/IEC TS 27560), once, by digest; and which it was in which
# catalogue. Neither is ever changed or deleted: records given long ago are read with it.
terms = Table(
    "consent_terms",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("content", Text, nullable=False),  # canonical JSON
)

terms_line = Table(
    "consent_terms_line",
    metadata,
    Column("catalogue", String(64), primary_key=True),
    Column("recipient", String(41), primary_key=True),
    Column("purpose", String(80), primary_key=True),
    Column("terms", String(64), nullable=False),
)

# What was given, as it was given: written in the transaction of giving, never changed.
frozen = Table(
    "consent_frozen",
    metadata,
    Column("authorisation", String(32), primary_key=True),
    Column("subject", String(32), nullable=False, index=True),
    Column("terms", String(64), nullable=False),
    Column("own", Text, nullable=False),  # canonical JSON: this person's part
    Column("digest", String(64), nullable=False),  # SHA-256 of the canonical whole
    Column("entry", BigInteger, nullable=False),  # index of the journal entry that gave it
)

# What two officers ask for, and what became of it. Kept for ever: it names an opaque id nobody can join any more.
erasure = Table(
    "consent_erasure",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("subject", String(32), nullable=False, index=True),
    Column("text", Text, nullable=False),  # what the officers sign
    Column("signatures", Text, nullable=False),  # their lines (C2SP signed note)
    Column("requested_at", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=True),  # since the second signature: not before this
    Column("cancelled_at", BigInteger, nullable=True),
    Column("executed_at", BigInteger, nullable=True),
    Column("forget_at", BigInteger, nullable=True),  # when the key that finds the entries goes as well
    Column("forgotten_at", BigInteger, nullable=True),
)

# One live link per request. Neither its token nor the visit it opens is kept: keyed digests are.
invitation = Table(
    "consent_invitation",
    metadata,
    Column("authorisation", String(32), primary_key=True),
    Column("subject", String(32), nullable=False, index=True),
    Column("digest", String(64), nullable=True),  # NULL once opened
    Column("expires_at", BigInteger, nullable=False),
    Column("visit", String(64), nullable=True),
    Column("visit_until", BigInteger, nullable=True),
    Index(None, "digest", unique=True),
    Index(None, "visit", unique=True),
)

# Codes sent to people's phones. `bound` is the digest of the one act a code confirms.
confirmation = Table(
    "consent_confirmation",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("subject", String(32), nullable=False),
    Column("bound", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("sent_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=True),
    Index(None, "subject", "sent_at"),
)

# A yes said to a professional, until it takes effect; gone when it has, or when the person thinks better of it.
held = Table(
    "consent_held",
    metadata,
    Column("authorisation", String(32), primary_key=True),
    Column("subject", String(32), nullable=False, index=True),
    Column("effective_at", BigInteger, nullable=False, index=True),
    Column("answer", Text, nullable=False),  # JSON: what was said, and before whom
    Column("claimed_at", BigInteger, nullable=True),  # since then it takes effect and cannot be dropped any more
)

# Who may act for somebody else, until when. No name, no date of birth: a tag, and the digest of the document seen.
mandate = Table(
    "consent_mandate",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("subject", String(32), nullable=False, index=True),
    Column("holder", String(32), nullable=False),
    Column("capacity", String(16), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("purposes", Text, nullable=False),  # blank-separated; empty: every purpose
    Column("checked_at", BigInteger, nullable=False),
    Column("valid_from", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=True),
    Column("settled_at", BigInteger, nullable=True),  # since then, what the end of it invalidates is invalidated
    Column("entry", BigInteger, nullable=False),
    Index(None, "until"),
)

# How somebody wants to hear that there is something new, and where; found by number for a STOP that arrives.
contact = Table(
    "consent_contact",
    metadata,
    Column("subject", String(32), primary_key=True),
    Column("preference", String(8), nullable=False),
    Column("lang", String(2), nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # JSON {way: address}
    Column("number", String(64), nullable=True, index=True),
    Column("changed_at", BigInteger, nullable=False),
    Column("entry", BigInteger, nullable=False),
)

# What people are told, each once: `id` says about what, `tries_left` how many attempts remain.
notice = Table(
    "consent_notice",
    metadata,
    Column("id", String(96), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("subject", String(32), nullable=False, index=True),
    Column("authorisation", String(32), nullable=False),  # or the mandate
    Column("due_at", BigInteger, nullable=False),  # after a claim: when another process may try
    Column("tries_left", Integer, nullable=False),
    Column("done_at", BigInteger, nullable=True),
    Column("outcome", String(16), nullable=True),
    Index(None, "done_at", "due_at"),
)

# Every request under GDPR 15 to 21 with its clock. Kept after an erasure: an opaque id and dates, nothing else.
right = Table(
    "consent_right",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("subject", String(32), nullable=False),
    Column("right", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(40), nullable=True),  # of a restriction, of a refusal
    Column("fields", Text, nullable=False),  # what is contested, blank-separated, sorted
    Column("source", String(41), nullable=True),  # the institution that must correct
    Column("authorisation", String(32), nullable=True),  # what is objected to
    Column("received_at", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("sent_at", BigInteger, nullable=True),  # to the source
    Column("extended", String(40), nullable=True),  # why more time is taken
    Column("answered_at", BigInteger, nullable=True),
    Column("ended_at", BigInteger, nullable=True),  # a restriction's
    Column("entry", BigInteger, nullable=False),  # index of the last journal entry about this request
    Index("ix_consent_right_subject", "subject", "received_at"),
    Index("ix_consent_right_due", "state", "due"),
)

# What somebody wrote when they objected: nobody has to write anything. Sealed under the person's key.
said_words = Table(
    "consent_words",
    metadata,
    Column("authorisation", String(32), primary_key=True),
    Column("subject", String(32), nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("written_at", BigInteger, nullable=False),
)

subject_key = Table(
    "subject_key",
    keys_metadata,
    Column("subject", String(32), primary_key=True),
    Column("scope", String(8), nullable=False),  # "whole", or after an erasure "tags"
    Column("wrapped", LargeBinary, nullable=False),
    Column("kek", String(32), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
