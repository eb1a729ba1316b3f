"""What was given, kept as it was given: terms stored once by digest, each person's part in the transaction of giving.

Answers for: a record read years later has the bytes it was given with, whatever the catalogue says by then; its digest
is named by the entry that gives it, and both are checked at each reading. Refuses to let anything be given under terms
that were not kept (`TermsUnknown`), and to give out a record that was altered (`RecordAltered`).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from audit import shards, tiles
from audit.canonical import dumps, loads
from audit.errors import NotCanonical
from audit.merkle import leaf_hash
from audit.models import audit_entry
from audit.store import Store
from consent import record_27560
from consent.carrying import FREEZING, Tell, Told
from consent.errors import RecordAltered, TermsUnknown
from consent.models import authorisation, frozen, partner_subject, terms, terms_line
from consent.models import mandate as mandates
from consent.record_27560 import Place, Whole
from consent.states import Mandate, Record, read_record
from policies.catalogue import Catalogue

_NAMED = (partner_subject.c.subject == authorisation.c.subject) & (
    partner_subject.c.partner == authorisation.c.recipient
)
_WRITTEN = (
    sa.select(authorisation, partner_subject.c.pseudonym)
    .join(partner_subject, _NAMED)
    .where(authorisation.c.id == sa.bindparam("id"))
)

_ENTRY = sa.select(audit_entry.c.hash, audit_entry.c.leaf).where(audit_entry.c.index == sa.bindparam("entry"))


async def keep_terms(store: Store, catalogue: Catalogue) -> None:
    """Store the terms of every line of a catalogue; those that are known stay as they are."""
    known = sa.select(terms_line.c.recipient, terms_line.c.purpose).where(terms_line.c.catalogue == catalogue.digest)
    kept = await store.read(lambda connection: {tuple(row) for row in connection.execute(known)})
    if kept >= catalogue.tables.keys():
        return
    lines = {line: dumps(catalogue.terms(*line)) for line in sorted(catalogue.tables)}

    def work(connection: Connection) -> None:
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        for (recipient, purpose), content in lines.items():
            digest = hashlib.sha256(content).hexdigest()
            row = {"catalogue": catalogue.digest, "recipient": recipient, "purpose": purpose, "terms": digest}
            connection.execute(insert(terms).on_conflict_do_nothing(), {"digest": digest, "content": content.decode()})
            connection.execute(insert(terms_line).on_conflict_do_nothing(), row)

    await store.write(work)


def both(*hooks: Tell) -> Tell:
    """Several hooks as one, in their order."""

    def tell(connection: Connection, told: Told) -> None:
        for hook in hooks:
            hook(connection, told)

    return tell


class Freezer:
    """Goes into `Authorisations(told=…, digest=…)`: freezes what is given, in the transaction that gives it."""

    def __init__(self) -> None:
        self._terms: dict[str, Mapping[str, Any]] = {}  # by digest: content that never changes
        self._lines: dict[tuple[str, str, str], str] = {}

    def digest(self, connection: Connection, record: Record) -> str:
        """Of the record that is to be frozen. Raises `TermsUnknown`."""
        return self._written(connection, record, _pseudonym(connection, record))["digest"]

    def told(self, connection: Connection, told: Told) -> None:
        """Under the journal's lock; raises `RecordAltered` when what is frozen is not what the entry names."""
        if told.event == "tombstoned":
            connection.execute(sa.delete(frozen).where(frozen.c.authorisation == told.record_id))
        if told.event not in FREEZING:
            return
        row: Any = dict(connection.execute(_WRITTEN, {"id": told.record_id}).mappings().one())
        subject_ref = row.pop("pseudonym")
        written = self._written(connection, read_record(row, {}), subject_ref)
        if written["digest"] != told.record:
            raise RecordAltered("this record is not the one its entry names")
        connection.execute(sa.insert(frozen), {**written, "entry": told.entry})

    def _written(self, connection: Connection, record: Record, subject_ref: str) -> dict[str, str]:
        digest = self._line(connection, record)
        own = record_27560.own(record, mandate=_mandate(connection, record))
        content = record_27560.whole(own, self.terms(connection, digest), subject_ref=subject_ref)
        return {
            "authorisation": record.id,
            "subject": record.subject,
            "terms": digest,
            "own": dumps(own).decode(),
            "digest": hashlib.sha256(dumps(content)).hexdigest(),
        }

    async def read(self, store: Store, record: Record) -> Whole:
        """Put a record together as it was given; one that was not given as it was asked."""
        return await store.read(lambda connection: self.whole(connection, record))

    def whole(self, connection: Connection, record: Record) -> Whole:
        """See `read`."""
        subject_ref = _pseudonym(connection, record)
        kept = connection.execute(sa.select(frozen).where(frozen.c.authorisation == record.id)).one_or_none()
        if kept is None:
            own = record_27560.own(_as_asked(record))
            shared = self.terms(connection, self._line(connection, record))
            content = record_27560.whole(own, shared, subject_ref=subject_ref)
            return Whole(content=content, subject_ref=subject_ref, digest=None, place=None)
        try:
            stored: Any = loads(kept.own.encode())
            content = record_27560.whole(stored, self.terms(connection, kept.terms), subject_ref=subject_ref)
        except (KeyError, NotCanonical):
            raise RecordAltered("this record is not one") from None
        if hashlib.sha256(dumps(content)).hexdigest() != kept.digest:
            raise RecordAltered("this record is not what was given")
        return Whole(content=content, subject_ref=subject_ref, digest=kept.digest, place=_place(connection, kept))

    def terms(self, connection: Connection, digest: str) -> Mapping[str, Any]:
        """Terms by digest; raises `RecordAltered`."""
        known = self._terms.get(digest)
        if known is None:
            text = connection.execute(sa.select(terms.c.content).where(terms.c.digest == digest)).scalar_one()
            if hashlib.sha256(text.encode()).hexdigest() != digest:
                raise RecordAltered("these terms are not those of their digest")
            read: Any = loads(text.encode())
            known = self._terms[digest] = dict(read)
        return known

    def _line(self, connection: Connection, record: Record) -> str:
        line = (record.catalogue, record.recipient, record.purpose)
        if line not in self._lines:
            at = (terms_line.c.catalogue, terms_line.c.recipient, terms_line.c.purpose)
            query = sa.select(terms_line.c.terms).where(
                *(column == value for column, value in zip(at, line, strict=True))
            )
            found = connection.execute(query).scalar_one_or_none()
            if found is None:
                raise TermsUnknown("the terms of this request were not kept: a new request is needed")
            self._lines[line] = found
        return self._lines[line]


def _as_asked(record: Record) -> Record:
    """What a request would become if all of it were given."""
    if record.fields:
        return record
    events = record.record["events"][:1]
    return replace(record, state="requested", fields=record.requested, record={**record.record, "events": events})


def _pseudonym(connection: Connection, record: Record) -> str:
    names = partner_subject
    query = sa.select(names.c.pseudonym).where(names.c.subject == record.subject, names.c.partner == record.recipient)
    pseudonym: str = connection.execute(query).scalar_one()
    return pseudonym


def _mandate(connection: Connection, record: Record) -> Mandate | None:
    if record.mandate is None:
        return None
    row = connection.execute(sa.select(mandates).where(mandates.c.id == record.mandate)).one()
    return Mandate(
        id=row.id,
        capacity=row.capacity,
        valid_from=row.valid_from,
        valid_until=row.until,
        checked_at=row.checked_at,
    )


def _place(connection: Connection, kept: Any) -> Place:
    """Where its entry stands; raises `RecordAltered` unless it names this record. Of a pruned one the hash is left."""
    shard = next(each for each in reversed(shards.every(connection)) if each.first <= kept.entry)
    index = kept.entry - shard.first
    if index < shard.minimum:
        (digest,) = tiles.hashes_at(connection, shard, 0, start=index, end=index + 1)
    else:
        row = connection.execute(_ENTRY, {"entry": kept.entry}).one_or_none()
        if row is None or leaf_hash(row.leaf) != row.hash or not _names(row.leaf, kept):
            raise RecordAltered("this record is not the one its entry names")
        digest = row.hash
    return Place(origin=shard.origin, index=index, leaf_hash=bytes(digest))


def _names(leaf: bytes, kept: Any) -> bool:
    try:
        entry: Any = loads(bytes(leaf))
        named = (entry["authorisation"], entry.get("record", kept.digest))  # the first entries named no record
    except (KeyError, TypeError, NotCanonical):
        return False
    return bool(named == (kept.authorisation, kept.digest))
