"""The life of authorisations, from the request to the tombstone. Every transition goes through the journal.

What each one needs is planned in `moves.py` and `measures.py` and carried out by `carrying.py`; the table of all of
them is `states.TRANSITIONS`. Refuses, with a named error and nothing written, whatever that table does not allow.
"""

from collections.abc import Callable

from audit.journal import Journal
from audit.store import Store
from consent import cascades, measures, moves
from consent.carrying import (
    BESIDE,
    EVERY,
    LINE,
    ONE,
    PENDING,
    Carrier,
    Digest,
    Look,
    Tell,
    Told,
    Transition,
    blank,
    successor,
)
from consent.planning import Move, Standing
from consent.states import By, Record, Request, effective_state
from consent.vault import SubjectId, Vault

__all__ = ["Authorisations", "Told", "Transition"]

_CLOCK = By(kind="clock", channel="system")

_Planned = Callable[[Standing, Record], Move]


class Authorisations:
    """The authorisations of a consortium.

    `told` is called inside the transaction of each transition, `digest` before that of each that freezes a record.
    """

    def __init__(
        self, *, store: Store, journal: Journal, vault: Vault, told: Tell | None = None, digest: Digest | None = None
    ) -> None:
        self._carrier = Carrier(store=store, journal=journal, vault=vault, told=told, digest=digest)

    async def request(self, subject: SubjectId, asked: Request, *, by: By, now: int) -> Transition:
        """Ask. Consent waits for the person's answer; on the other bases the authorisation is active at once.

        Raises `RequestPending`, `RequestTooSoon` or `AuthorisationExists`.
        """
        line = {"purpose": asked.purpose, "recipient": asked.recipient}
        waits = (await self._carrier.standing(subject, Look(PENDING, line))).records
        for each in waits:
            if effective_state(each, now) == "lapsed":
                await self.lapse(each.id, subject=subject, by=_CLOCK, now=now)
        new = blank(subject, asked, now=now)

        def plan(found: Standing) -> tuple[Record, Move]:
            return new, moves.request(found, asked, by=by, now=now)

        return await self._carrier.carry_out(subject, plan, Look(LINE, line), by=by, now=now)

    async def defer(self, authorisation: str, *, subject: SubjectId, by: By, now: int) -> Transition:
        """The person will answer later: seven more days, once."""
        return await self._move(
            authorisation, lambda _, record: moves.defer(record, by=by, now=now), subject=subject, by=by, now=now
        )

    async def remind(self, authorisation: str, *, subject: SubjectId, by: By, now: int) -> Transition:
        """Note the one reminder of who answers later."""
        return await self._move(
            authorisation, lambda _, record: moves.remind(record, by=by, now=now), subject=subject, by=by, now=now
        )

    async def lapse(self, authorisation: str, *, subject: SubjectId, by: By, now: int) -> Transition:
        """Write down that nobody answered in time. Nothing waits for it."""
        return await self._move(
            authorisation, lambda _, record: moves.lapse(record, by=by, now=now), subject=subject, by=by, now=now
        )

    async def give(
        self,
        authorisation: str,
        *,
        subject: SubjectId,
        fields: frozenset[str],
        explicit: frozenset[str] = frozenset(),
        notice: str | None = None,
        valid_until: int | None = None,
        by: By,
        now: int,
    ) -> Transition:
        """The person says yes to `fields`; `explicit` are those given by a separate, explicit yes.

        Raises `RequestLapsed`, `StateConflict`, `FieldsNotRequested`.
        """

        def plan(found: Standing, record: Record) -> Move:
            return moves.give(
                found, record, fields=fields, explicit=explicit, notice=notice, valid_until=valid_until, by=by, now=now
            )

        return await self._move(authorisation, plan, subject=subject, by=by, now=now)

    async def refuse(self, authorisation: str, *, subject: SubjectId, by: By, now: int) -> Transition:
        """The person says no; asking again is closed for 90 days."""
        return await self._move(
            authorisation,
            lambda found, record: moves.refuse(found, record, by=by, now=now),
            subject=subject,
            by=by,
            now=now,
        )

    async def renew(
        self,
        authorisation: str,
        *,
        subject: SubjectId,
        fields: frozenset[str] | None = None,
        notice: str | None = None,
        valid_until: int | None = None,
        by: By,
        now: int,
    ) -> Transition:
        """The person says yes again: a new record of the same lineage, the old one is superseded.

        Raises `WiderThanGiven` for more than was given, or for longer.
        """

        def plan(found: Standing) -> tuple[Record, Move]:
            old = found.record(authorisation)
            move = moves.renew(old, fields=fields, notice=notice, valid_until=valid_until, by=by, now=now)
            return successor(old, now=now), move

        return await self._about(authorisation, plan, subject=subject, by=by, now=now)

    async def pause(
        self, authorisation: str, *, subject: SubjectId, reason: str | None = None, by: By, now: int
    ) -> Transition:
        """Stop at once, until resumed by the same."""
        with self._carrier.first():
            return await self._move(
                authorisation,
                lambda _, record: measures.pause(record, reason=reason, by=by, now=now),
                subject=subject,
                by=by,
                now=now,
            )

    async def resume(self, authorisation: str, *, subject: SubjectId, by: By, now: int) -> Transition:
        """Let a paused authorisation go on."""
        return await self._move(
            authorisation, lambda _, record: measures.resume(record, by=by, now=now), subject=subject, by=by, now=now
        )

    async def narrow(
        self,
        authorisation: str,
        *,
        subject: SubjectId,
        fields: frozenset[str] | None = None,
        valid_until: int | None = None,
        by: By,
        now: int,
    ) -> Transition:
        """Fewer fields, or for less long; raises `WiderThanGiven` otherwise."""
        return await self._move(
            authorisation,
            lambda _, record: measures.narrow(record, fields=fields, valid_until=valid_until, by=by, now=now),
            subject=subject,
            by=by,
            now=now,
        )

    async def withdraw(
        self, authorisation: str, *, subject: SubjectId, by: By, now: int, told: Tell | None = None
    ) -> Transition:
        """The person takes consent back: once this returns, nothing more leaves, on any replica."""
        with self._carrier.first():
            return await self._move(
                authorisation,
                lambda _, record: moves.withdraw(record, by=by, now=now),
                subject=subject,
                by=by,
                now=now,
                told=told,
            )

    async def invalidate(self, authorisation: str, *, subject: SubjectId, reason: str, by: By, now: int) -> Transition:
        """What it rested on is gone; `reason` is one of `states.REASONS`."""
        return await self._move(
            authorisation,
            lambda _, record: measures.invalidate(record, reason=reason, by=by, now=now),
            subject=subject,
            by=by,
            now=now,
        )

    async def invalidate_where(
        self,
        *,
        reason: str,
        purpose: str | None = None,
        recipient: str | None = None,
        basis: str | None = None,
        notice: str | None = None,
        subject: SubjectId | None = None,
        mandate: str | None = None,
        by: By,
        now: int,
    ) -> int:
        """Invalidate all that rested on what is named, each with its own entry; gives how many. May be run again."""
        named = {"purpose": purpose, "recipient": recipient, "basis": basis}
        named |= {"notice": notice, "subject": subject, "mandate": mandate}
        return await cascades.run(
            self._carrier.store,
            {name: value for name, value in named.items() if value is not None},
            lambda each, whose: self.invalidate(each, subject=whose, reason=reason, by=by, now=now),
        )

    async def revoke(self, authorisation: str, *, subject: SubjectId, reference: str, by: By, now: int) -> Transition:
        """The controller or an authority ends it; `reference` names the decision (`SAN-2026-012`)."""
        with self._carrier.first():
            return await self._move(
                authorisation,
                lambda _, record: measures.revoke(record, reference=reference, by=by, now=now),
                subject=subject,
                by=by,
                now=now,
            )

    async def object_to(self, authorisation: str, *, subject: SubjectId, by: By, now: int) -> Transition:
        """The person objects to a public task: same effect as withdrawing, until it is examined, within a month."""
        with self._carrier.first():
            return await self._move(
                authorisation,
                lambda _, record: measures.object_to(record, by=by, now=now),
                subject=subject,
                by=by,
                now=now,
            )

    async def uphold(self, authorisation: str, *, subject: SubjectId, by: By, now: int) -> Transition:
        """The objection prevails, for good."""
        return await self._move(
            authorisation, lambda _, record: measures.uphold(record, by=by, now=now), subject=subject, by=by, now=now
        )

    async def override(
        self, authorisation: str, *, subject: SubjectId, grounds: str, cosigned: By, by: By, now: int
    ) -> Transition:
        """Controller and DPO set the objection aside together; `grounds` is the SHA-256 of what the person reads."""
        return await self._move(
            authorisation,
            lambda _, record: measures.override(record, grounds=grounds, cosigned=cosigned, by=by, now=now),
            subject=subject,
            by=by,
            now=now,
        )

    async def expire(self, authorisation: str, *, subject: SubjectId, by: By, now: int) -> Transition:
        """Write down an end. Decisions never wait for it: they look at the clock and the uses themselves."""
        return await self._move(
            authorisation, lambda _, record: moves.expire(record, by=by, now=now), subject=subject, by=by, now=now
        )

    async def hold(self, authorisation: str, *, subject: SubjectId, by: By, now: int) -> Transition:
        """Keep an ended authorisation for a dispute."""
        return await self._move(
            authorisation, lambda _, record: measures.hold(record, by=by, now=now), subject=subject, by=by, now=now
        )

    async def free(self, authorisation: str, *, subject: SubjectId, by: By, now: int) -> Transition:
        """The dispute is over."""
        return await self._move(
            authorisation, lambda _, record: measures.free(record, by=by, now=now), subject=subject, by=by, now=now
        )

    async def tombstone(self, authorisation: str, *, subject: SubjectId, by: By, now: int) -> Transition:
        """Drop the content of what ended long ago."""
        return await self._move(
            authorisation, lambda _, record: measures.tombstone(record, by=by, now=now), subject=subject, by=by, now=now
        )

    async def authorisations_of(self, subject: SubjectId) -> tuple[Record, ...]:
        """The person's own list, newest request first."""
        return (await self._carrier.standing(subject, Look(EVERY))).records

    async def get(self, authorisation: str, *, subject: SubjectId) -> Record:
        """One of the person's; raises `AuthorisationUnknown`."""
        look = Look(ONE, {"authorisation": authorisation})
        return (await self._carrier.standing(subject, look)).record(authorisation)

    async def _move(
        self,
        authorisation: str,
        plan: _Planned,
        *,
        subject: SubjectId,
        by: By,
        now: int,
        told: Tell | None = None,
    ) -> Transition:
        def about(found: Standing) -> tuple[Record, Move]:
            newest = found.record(authorisation)
            return newest, plan(found, newest)

        return await self._about(authorisation, about, subject=subject, by=by, now=now, told=told)

    async def _about(
        self,
        authorisation: str,
        plan: Callable[[Standing], tuple[Record, Move]],
        *,
        subject: SubjectId,
        by: By,
        now: int,
        told: Tell | None = None,
    ) -> Transition:
        beside = Look(BESIDE, {"authorisation": authorisation})
        return await self._carrier.carry_out(subject, plan, beside, by=by, now=now, told=told)
