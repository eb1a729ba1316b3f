"""The emergency stop: while it is on nothing leaves, through no process, from its entry in the journal on.

1. turning it on or off is an entry; the row that says so is written in the same transaction
2. the journal's gate reads the row under the same lock: no release is written after that entry (`consent.guards`)
3. each process looks once a second and refuses before any source is asked (`serve.py`)

Everything else goes on: people stop and answer, partners get tokens, DPOs search.
"""

import sqlalchemy as sa
from sqlalchemy import Connection

from audit.canonical import Json
from audit.journal import Draft, Journal
from audit.store import Store
from gateway.models import freeze as table
from policies.vocabulary import INCIDENT_FREEZE

_NONE: frozenset[str] = frozenset()
_ON = frozenset({INCIDENT_FREEZE})


def frozen() -> sa.ColumnElement[bool]:
    """Select whether it is on, for the gate."""
    return sa.exists(sa.select(table.c.id)).correlate(None)


class Freeze:
    """The stop of one gateway's database, as this process knows it."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self._store = store
        self._journal = journal
        self.switches = _NONE
        """What decisions are given."""

    async def look(self) -> bool:
        """Read whether it is on."""
        query = sa.select(table.c.id)
        on = await self._store.read(lambda connection: connection.execute(query).first()) is not None
        self.switches = _ON if on else _NONE
        return on

    async def turn(self, *, on: bool, reason: str, now: int) -> bool:
        """Turn it on or off; False when it was so already. `reason` is a code: lower case letters and underscores."""
        if await self.look() == on:
            return False

        def change(connection: Connection, index: int) -> None:
            connection.execute(sa.delete(table))
            if on:
                connection.execute(sa.insert(table), {"id": 1, "at": now, "entry": index})

        members: dict[str, Json] = {"on": on, "reason": reason}
        await self._journal.append(Draft(type="gateway.frozen", members=members, time=now, change=change))
        await self.look()
        return True
