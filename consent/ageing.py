"""What time alone ends, written down without anybody asking.

Requests nobody answered, authorisations that are over, the content of those that ended four years ago (GDPR 5-1-e).

Nothing waits for it: decisions look at the clock and the uses themselves. A bounded number at a time, each by its own
transition and entry; any number of processes may run it.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import sqlalchemy as sa

from audit.store import Store
from consent.errors import ConsentError
from consent.models import authorisation as table
from consent.records import Authorisations, Transition
from consent.states import KEPT_MS, LIVE, TERMINAL, By
from consent.vault import SubjectId

_AT_ONCE = 200
_CLOCK = By(kind="clock", channel="system")

_End = Callable[..., Awaitable[Transition]]


class Ageing:
    """The clock's own transitions."""

    def __init__(self, *, store: Store, authorisations: Authorisations) -> None:
        self._store = store
        self._authorisations = authorisations

    async def round(self, now: int) -> int:
        """Write down what is due, gives how many: at most 200 of each kind."""
        theirs = self._authorisations
        done = 0
        for end, due in ((theirs.lapse, _unanswered(now)), (theirs.expire, _over(now)), (theirs.tombstone, _old(now))):
            done += await self._end(end, due, now)
        return done

    async def _end(self, end: _End, due: Sequence[sa.ColumnElement[bool]], now: int) -> int:
        query = sa.select(table.c.id, table.c.subject).where(*due).order_by(table.c.id).limit(_AT_ONCE)
        rows: Sequence[Any] = await self._store.read(lambda connection: connection.execute(query).all())
        done = 0
        for id_, subject in rows:
            try:
                await end(id_, subject=SubjectId(subject), by=_CLOCK, now=now)
                done += 1
            except ConsentError:  # answered, ended or erased meanwhile
                continue
        return done


def _unanswered(now: int) -> Sequence[sa.ColumnElement[bool]]:
    return table.c.slot == "pending", table.c.state.in_(("requested", "deferred")), table.c.due <= now


def _over(now: int) -> Sequence[sa.ColumnElement[bool]]:
    live = sorted(LIVE - {"requested", "deferred", "objection_lodged"})
    return table.c.slot == "current", table.c.state.in_(live), table.c.valid_until <= now


def _old(now: int) -> Sequence[sa.ColumnElement[bool]]:
    """Ids sort by the time they were made: what is younger than that is not even looked at."""
    limit = now - KEPT_MS
    return (
        table.c.id < f"{limit & (1 << 48) - 1:012x}",
        table.c.state.in_(sorted(TERMINAL - {"tombstoned"})),
        table.c.changed_at <= limit,
        table.c.held_at.is_(None),
    )
