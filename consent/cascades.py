"""Ending all authorisations that rested on something that is gone. Each ends by its own transition and entry.

Bounded pages, in the order of their ids, so that one run is one walk over the table whatever stops it; running it
again goes on where nothing has been done yet. Refuses to end everything: something that is gone must be named.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa

from audit.store import Store
from consent.errors import StateConflict, SubjectErased
from consent.models import authorisation as table
from consent.states import LIVE
from consent.vault import SubjectId
from policies.catalogue import Catalogue

_PAGE = 128


async def resting_on(store: Store, named: Mapping[str, str]) -> int:
    """Count the live authorisations a cascade of these names would end."""
    query = sa.select(sa.func.count()).select_from(table).where(*_live(named))
    return await store.read(lambda connection: connection.execute(query).scalar_one())


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """A purpose of a recipient that the catalogue serves no longer, or on another basis; `count` still live."""

    recipient: str
    purpose: str
    basis: str
    reason: str
    count: int


async def retired(store: Store, catalogue: Catalogue) -> tuple[Retired, ...]:
    """Compare what is live with what the catalogue serves. Decisions already deny all of it."""
    lines = sa.select(table.c.recipient, table.c.purpose, table.c.basis, sa.func.count().label("live"))
    lines = lines.where(table.c.state.in_(sorted(LIVE))).group_by(table.c.recipient, table.c.purpose, table.c.basis)
    ordered = lines.order_by(table.c.recipient, table.c.purpose, table.c.basis)
    rows = await store.read(lambda connection: connection.execute(ordered).all())
    return tuple(
        Retired(
            recipient=row.recipient,
            purpose=row.purpose,
            basis=row.basis,
            reason="exchange_retired" if _served(catalogue, row.purpose) else "purpose_retired",
            count=row.live,
        )
        for row in rows
        if catalogue.basis_of(row.recipient, row.purpose) != row.basis
    )


def _served(catalogue: Catalogue, purpose: str) -> bool:
    return purpose in catalogue.purposes and not catalogue.purposes[purpose].banned


def _live(named: Mapping[str, str]) -> list[sa.ColumnElement[bool]]:
    return [table.c.state.in_(sorted(LIVE)), *(table.c[name] == value for name, value in named.items())]


def _page(connection: sa.Connection, *, named: Mapping[str, str], last: str) -> list[tuple[str, SubjectId]]:
    query = sa.select(table.c.id, table.c.subject).where(table.c.id > last, *_live(named)).order_by(table.c.id)
    return [(row.id, SubjectId(row.subject)) for row in connection.execute(query.limit(_PAGE))]
