"""What each channel asks of who says yes, says no, or takes it back; and a yes that waits before it takes effect.

Answers for: one table, so that taking back never asks for more than giving did (GDPR 7-3; a test compares). A yes said
to a professional waits (24 hours as delivered) unless the person confirmed it by a code: meanwhile the request stays
`deferred`, a notice goes to the person, and dropping the answer takes one word. Refuses a yes with a step missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from audit.store import Store
from consent import moves
from consent.errors import (
    AssistanceIncomplete,
    AuthorisationUnknown,
    ConsentError,
    MandateRefused,
    NotEntitled,
    RequestLapsed,
    StateConflict,
    SubjectErased,
)
from consent.models import held as table
from consent.planning import Standing
from consent.records import Authorisations, Transition
from consent.representatives import Mandates
from consent.states import By, Record
from consent.vault import SubjectId


def _steps(text: str) -> frozenset[str]:
    return frozenset(text.split())


GIVING: Mapping[str, frozenset[str]] = {
    "page": _steps("sign_in"),
    "link": _steps("link proof"),
    "counter": _steps("professional person_present witness"),
    "sms": _steps("own_number code"),
    "phone": _steps("professional witness own_number code"),
    "paper": _steps("signed_paper"),
    "letter": _steps("signed_paper"),
}
"""By channel, every step of a yes. `proof` is a sign-in or a code."""

STOPPING: Mapping[str, frozenset[str]] = {
    "page": _steps("sign_in"),
    "link": _steps("link proof"),
    "counter": _steps("professional person_present"),
    "sms": _steps("own_number"),
    "phone": _steps("professional"),
    "paper": _steps("signed_paper"),
    "letter": _steps("signed_paper"),
}
"""By channel, every step of a no, of "later", and of taking back."""

_GONE = (AuthorisationUnknown, MandateRefused, NotEntitled, RequestLapsed, StateConflict, SubjectErased)
_AT_ONCE = 200


def require(channel: str, shown: frozenset[str], *, table: Mapping[str, frozenset[str]]) -> None:
    """Raise `AssistanceIncomplete` unless what the channel asks for was shown; an unknown channel asks for itself."""
    missing = table.get(channel, frozenset({channel})) - shown
    if missing:
        raise AssistanceIncomplete(missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Yes:
    """What was agreed to."""

    fields: frozenset[str]
    explicit: frozenset[str] = frozenset()


class Assistance:
    """Answers given with a professional's help; `delay_ms` is what an unconfirmed yes waits."""

    def __init__(self, *, store: Store, authorisations: Authorisations, mandates: Mandates, delay_ms: int) -> None:
        self._store = store
        self._authorisations = authorisations
        self._mandates = mandates
        self._delay_ms = delay_ms

    async def give(self, record: Record, yes: Yes, *, by: By, now: int) -> tuple[Transition | None, int]:
        """Take a yes, and tell when it takes effect: now when confirmed, else later. Raises what `give` raises."""
        if by.confirmed is not None or not self._delay_ms:
            return await self._give(record, yes, by=by, now=now), now
        planned = Standing(0, (record,))  # what could not be given now is refused now
        moves.give(
            planned, record, fields=yes.fields, explicit=yes.explicit, notice=None, valid_until=None, by=by, now=now
        )
        effective_at = now + self._delay_ms
        done = None
        if (
            by.kind == "subject" and record.state == "requested"
        ):  # the entry of what was said, and a deadline of its own
            done = await self._authorisations.defer(record.id, subject=record.subject, by=by, now=now)
        due = record.due if done is None else done.record.due
        if due is None or due <= effective_at:
            raise RequestLapsed("too late for an answer that has to wait")
        await self._hold(record, yes, by=by, effective_at=effective_at)
        return done, effective_at

    async def drop(self, authorisation: str, *, subject: SubjectId) -> bool:
        """The person thinks better of it; false when nothing waits, or it takes effect at this very moment."""
        mine = (table.c.authorisation == authorisation, table.c.subject == subject, table.c.claimed_at.is_(None))
        gone = sa.delete(table).where(*mine)
        return await self._store.write(lambda connection: connection.execute(gone).rowcount) > 0

    async def waits(self, authorisation: str) -> int | None:
        """When an answer that waits takes effect."""
        query = sa.select(table.c.effective_at).where(table.c.authorisation == authorisation)
        return await self._store.read(lambda connection: connection.execute(query).scalar_one_or_none())

    async def waiting(self, subject: SubjectId) -> Sequence[str]:
        """The person's requests with an answer that waits."""
        query = sa.select(table.c.authorisation).where(table.c.subject == subject).order_by(table.c.authorisation)
        return await self._store.read(lambda connection: connection.execute(query).scalars().all())

    async def settle(self, *, now: int) -> int:
        """Give what has waited long enough; tells how many. On several processes at once each is given once.

        Each is claimed first, so that dropping it either comes before, or is told that it came too late.
        """
        query = sa.select(table).where(table.c.effective_at <= now)
        ordered = query.order_by(table.c.effective_at, table.c.authorisation).limit(_AT_ONCE)
        given = 0
        for row in await self._store.read(lambda connection: connection.execute(ordered).all()):
            mine = (table.c.authorisation == row.authorisation, table.c.answer == row.answer)
            claim = sa.update(table).where(*mine).values(claimed_at=now)
            if not await self._store.write(lambda connection, claim=claim: connection.execute(claim).rowcount):  # type: ignore[misc]
                continue
            try:
                await self._take_effect(row.authorisation, row.subject, orjson.loads(row.answer), now=now)
                given += 1
            except _GONE:  # answered otherwise, over, or given by another process: what stands is what counts
                pass
            except ConsentError:  # looked at again; nobody else waits for it
                continue
            done = sa.delete(table).where(*mine)
            await self._store.write(lambda connection, done=done: connection.execute(done) and None)  # type: ignore[misc]
        return given

    async def _take_effect(self, id_: str, subject: SubjectId, said: Mapping[str, Any], *, now: int) -> None:
        record = await self._authorisations.get(id_, subject=subject)
        mandate = None
        if said["mandate"] is not None:
            mandate = await self._mandates.check(
                said["mandate"], subject=subject, holder=None, purpose=record.purpose, present=True, now=now
            )
        yes = Yes(fields=frozenset(said["fields"]), explicit=frozenset(said["explicit"]))
        await self._give(record, yes, by=By(**said["by"], representative=mandate), now=now)

    async def _give(self, record: Record, yes: Yes, *, by: By, now: int) -> Transition:
        return await self._authorisations.give(
            record.id, subject=record.subject, fields=yes.fields, explicit=yes.explicit, by=by, now=now
        )

    async def _hold(self, record: Record, yes: Yes, *, by: By, effective_at: int) -> None:
        said = {
            "fields": sorted(yes.fields),
            "explicit": sorted(yes.explicit),
            "mandate": None if by.representative is None else by.representative.id,
            "by": {name: getattr(by, name) for name in ("kind", "channel", "actor", "method", "witness", "evidence")},
        }
        row = {
            "authorisation": record.id,
            "subject": record.subject,
            "effective_at": effective_at,
            "answer": orjson.dumps(said).decode(),
        }

        def work(connection: Connection) -> None:
            connection.execute(sa.delete(table).where(table.c.authorisation == record.id))
            connection.execute(sa.insert(table), row)

        await self._store.write(work)
