"""People as the partners name them: linking, pairwise pseudonyms, flags. Every change goes through the journal.

Answers for: one subject per person whatever partners declare at once; a pseudonym per partner that means nothing
elsewhere; no value in clear anywhere. Refuses to choose between several persons, and to tell a partner whether
somebody else already knew the person it links.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, NewType

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from audit.canonical import Json
from audit.journal import Appended, Draft, Journal
from audit.store import Store
from consent import links, models, restrictions
from consent.blind import BlindIndex
from consent.errors import (
    ConsentError,
    Contended,
    EpochChanged,
    FlagUnknown,
    PersonUnknown,
    ReferenceConflict,
    SubjectAmbiguous,
    SubjectErased,
)
from consent.guards import ChangeGuard, SubjectRef
from consent.identifiers import PERSONAL, check_reference, normalise
from consent.links import Declaration, Found, Known
from consent.vault import SubjectId, Vault, new_subject_id

Pseudonym = NewType("Pseudonym", str)
"""What one partner may keep of a person: random, meaningless to any other partner."""

FLAGS = frozenset({"restriction", "protected_address", "beneficiary_rsa"})
"""Situations a person can be in, as the policies' vocabulary spells them (erasure sets `tombstone` itself)."""

_ATTEMPTS = 32


@dataclass(frozen=True, slots=True)
class LinkedPerson:
    """The answer of a link: the same whether the person was known before or not."""

    pseudonym: Pseudonym


class _Moved(ConsentError):  # noqa: N818  caught here
    """What was found before taking the lock is no longer so: look again."""


class _Held(ConsentError):  # noqa: N818  caught here
    """A restriction stands."""


class People:
    """The persons of a consortium."""

    def __init__(self, *, store: Store, journal: Journal, vault: Vault, blind: BlindIndex) -> None:
        self._store = store
        self._journal = journal
        self._vault = vault
        self._blind = blind

    async def link(
        self,
        *,
        partner: str,
        reference: str,
        identifiers: Mapping[str, Any],
        accepted_kinds: Collection[str],
        now: int,
        actor: str | None = None,
    ) -> LinkedPerson:
        """Link the partner's reference to the person its identifiers designate, a new one when nobody is.

        Raises `IdentifierInvalid`, `SubjectAmbiguous`, `ReferenceConflict`, or `Contended`: ask again.
        """
        declared = normalise(identifiers, accepted=accepted_kinds, now=now)
        said = Declaration(
            partner,
            check_reference(reference),
            self._blind.of_reference(partner, reference),
            declared,
            {kind: self._blind.of(kind, each.key) for kind, each in declared.items()},
        )
        for _ in range(_ATTEMPTS):
            try:
                return await self._link_once(said, actor=actor, now=now)
            except (_Moved, EpochChanged):
                continue
        raise Contended("this person keeps changing: ask again")

    async def _link_once(self, said: Declaration, *, actor: str | None, now: int) -> LinkedPerson:
        """One attempt: look, prepare everything, then change under the lock if nothing moved."""
        found = await self._store.read(lambda connection: links.look(connection, said))
        subject = found.person()
        if subject is None:
            return await self._create(said, found, actor=actor, now=now)
        known = await self._known(subject, said.partner)
        key = await self._vault.open(subject)
        if links.contradicts(said, known, key, subject):
            if found.by_reference is None:
                raise SubjectAmbiguous("the identifiers contradict what is known of this person")
            raise ReferenceConflict("this reference names another person")
        planned = links.plan(said, found, known, key=key, subject=subject, now=now)
        if not planned.needed:
            return LinkedPerson(Pseudonym(planned.pseudonym))

        def change(connection: Connection, _index: int) -> None:
            _still(connection, said, found)
            newest = links.read_known(connection, subject, said.partner)
            exact = bool(planned.unclaimed)
            if newest is None or newest.shape(said.partner, exact=exact) != known.shape(said.partner, exact=exact):
                raise _Moved("linked meanwhile")
            _guarded(lambda: links.write(connection, said, found, planned, subject=subject, now=now))

        members = {**_linked(said, actor), "epoch": known.epoch + planned.bump}
        guard = ChangeGuard(epoch=known.epoch, bump=planned.bump)
        await self._append("subject.linked", members, SubjectRef(subject, key), guard=guard, change=change, now=now)
        return LinkedPerson(Pseudonym(planned.pseudonym))

    async def _create(self, said: Declaration, found: Found, *, actor: str | None, now: int) -> LinkedPerson:
        subject = new_subject_id()
        key = await self._vault.create(subject, now=now)
        planned = links.plan(said, found, None, key=key, subject=subject, now=now)

        def change(connection: Connection, _index: int) -> None:
            _still(connection, said, found)
            links.create(connection, subject, now=now)
            _guarded(lambda: links.write(connection, said, found, planned, subject=subject, now=now))

        members = {**_linked(said, actor), "epoch": 0}
        guard = ChangeGuard(epoch=None)
        try:
            await self._append("subject.linked", members, SubjectRef(subject, key), guard=guard, change=change, now=now)
        except ConsentError:  # surely not written; when that is not known, an orphan key does no harm
            await self._vault.destroy(subject)
            raise
        return LinkedPerson(Pseudonym(planned.pseudonym))

    async def resolve(self, *, partner: str, pseudonym: str | None = None, reference: str | None = None) -> SubjectId:
        """The person a partner names by its pseudonym or by its own reference; `PersonUnknown` otherwise."""
        if pseudonym is not None and "\0" in pseudonym:  # PostgreSQL holds none
            raise PersonUnknown("this partner has no such person")
        names, references = models.partner_subject, models.reference
        query = sa.select(names.c.subject).where(names.c.partner == partner, names.c.pseudonym == pseudonym)
        if pseudonym is None and reference is not None:
            blind = self._blind.of_reference(partner, reference)
            query = sa.select(references.c.subject).where(references.c.partner == partner, references.c.blind == blind)
        subject = await self._store.read(lambda connection: connection.execute(query).scalar_one_or_none())
        if subject is None:
            raise PersonUnknown("this partner has no such person")
        return SubjectId(subject)

    async def designated(self, identifiers: Mapping[str, Any], *, now: int) -> SubjectId:
        """The one person these identifiers of the person's own designate, for a rights request or a check.

        Raises `IdentifierInvalid`; `PersonUnknown` when nobody is found, or nothing given may find anybody;
        `SubjectAmbiguous` when they designate several.
        """
        given = normalise(identifiers, accepted=PERSONAL | {"pivot"}, now=now)
        strong = [(kind, self._blind.of(kind, each.key)) for kind, each in given.items() if each.strong]
        claims = models.identifier.c
        query = sa.select(claims.subject).where(sa.tuple_(claims.kind, claims.blind).in_(strong)).distinct()
        ordered = query.order_by(claims.subject)
        found = await self._store.read(lambda connection: connection.execute(ordered).scalars().all())
        if not found:
            raise PersonUnknown("nobody here is designated by this")
        if len(found) > 1:
            raise SubjectAmbiguous("these identifiers designate several persons")
        return SubjectId(found[0])

    async def flag(
        self,
        subject: SubjectId,
        flag: str,
        *,
        present: bool,
        now: int,
        org: str | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Note a situation of the person, or that it is over.

        From the commit on no earlier decision releases anything. A restriction is not over, and nothing is written,
        while a request of theirs stands.
        """
        if flag not in FLAGS:
            raise FlagUnknown("not a flag of the closed list")
        said = (("org", org), ("actor", actor), ("reason", reason))
        why: dict[str, Json] = {name: each for name, each in said if each is not None}
        for _ in range(_ATTEMPTS):
            try:
                return await self._flag_once(subject, flag, present=present, why=why, now=now)
            except EpochChanged:
                continue
            except _Held:
                return None
        raise Contended("this person keeps changing: ask again")

    async def _flag_once(
        self, subject: SubjectId, flag: str, *, present: bool, why: Mapping[str, Json], now: int
    ) -> None:
        people = models.subject
        query = sa.select(people.c.epoch, people.c.flags).where(people.c.id == subject, people.c.erased_at.is_(None))
        row = await self._store.read(lambda connection: connection.execute(query).one_or_none())
        if row is None:
            raise PersonUnknown("no such person")
        flags = set(row.flags.split())
        if (flag in flags) == present:
            return
        flags ^= {flag}
        update = sa.update(people).where(people.c.id == subject).values(flags=" ".join(sorted(flags)))

        def change(connection: Connection, _index: int) -> None:
            if flag == restrictions.FLAG and not present and restrictions.stands(connection, subject):
                raise _Held("another request still holds it")
            connection.execute(update)

        members = {"flag": flag, "set": present, "epoch": row.epoch + 1, **why}
        ref = SubjectRef(subject, await self._vault.open(subject))
        guard = ChangeGuard(epoch=row.epoch)
        await self._append("subject.flagged", members, ref, guard=guard, change=change, now=now)

    async def _known(self, subject: SubjectId, partner: str) -> Known:
        known = await self._store.read(lambda connection: links.read_known(connection, subject, partner))
        if known is None:
            raise SubjectErased("this person was erased")
        return known

    async def _append(
        self,
        event: str,
        members: Mapping[str, Json],
        ref: SubjectRef,
        *,
        guard: ChangeGuard,
        change: Callable[[Connection, int], None],
        now: int,
    ) -> Appended:
        draft = Draft(type=event, members=members, time=now, subject=ref, guard=guard, change=change)
        return await self._journal.append(draft)


def _still(connection: Connection, said: Declaration, found: Found) -> None:
    """Under the lock: nobody linked these identifiers meanwhile."""
    if links.look(connection, said) != found:
        raise _Moved("linked meanwhile")


def _guarded(write: Callable[[], None]) -> None:
    """The unique constraints are the last word, should anything else have written."""
    try:
        write()
    except IntegrityError:
        raise _Moved("linked meanwhile") from None


def _linked(said: Declaration, actor: str | None) -> dict[str, Json]:
    return {"org": said.partner, "kinds": sorted(said.identifiers), **_by(actor)}


def _by(actor: str | None) -> dict[str, Json]:
    return {} if actor is None else {"actor": actor}
