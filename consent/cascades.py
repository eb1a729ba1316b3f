"""Ending all authorisations that rested on something that is gone. Each ends by its own transition and entry.

Bounded pages, in the order of their ids, so that one run is one walk over the table whatever stops it; running it
again goes on where nothing has been done yet.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import sqlalchemy as sa

from audit.store import Store
from consent.errors import StateConflict, SubjectErased
from consent.models import authorisation as table
from consent.states import LIVE
from consent.vault import SubjectId

_PAGE = 128


async def run(store: Store, named: Mapping[str, str], end: Callable[[str, SubjectId], Awaitable[Any]]) -> int:
    """Call `end` for each live authorisation whose columns are as `named`; gives how many it ended."""
    if not named:
        raise StateConflict("a cascade names what is gone")
    ended, last = 0, ""
    while rows := await store.read(partial(_page, named=named, last=last)):
        outcomes = await asyncio.gather(*(end(id_, subject) for id_, subject in rows), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, StateConflict | SubjectErased):
                raise outcome
        ended += sum(not isinstance(outcome, BaseException) for outcome in outcomes)
        last = rows[-1][0]
    return ended


def _page(connection: sa.Connection, *, named: Mapping[str, str], last: str) -> list[tuple[str, SubjectId]]:
    where = [table.c[name] == value for name, value in named.items()]
    query = sa.select(table.c.id, table.c.subject).where(table.c.id > last, table.c.state.in_(sorted(LIVE)), *where)
    return [(row.id, SubjectId(row.subject)) for row in connection.execute(query.order_by(table.c.id).limit(_PAGE))]
