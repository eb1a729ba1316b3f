"""A journal of a few written entries, on each engine, and the search that follows it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from audit.batch import Ruling
from audit.ids import new_id
from audit.journal import Appended, Draft, Journal
from audit.models import metadata as journal_tables
from gateway.console.filters import Filter
from gateway.console.kinds import PARIS, day_of
from gateway.console.models import metadata
from gateway.console.projector import Projector
from gateway.console.search import Search
from gateway.database import Database

NOON = int(datetime(2026, 11, 20, 12, tzinfo=PARIS).timestamp() * 1000)
DAY_MS = 86_400_000
LISE, YANN = "1" * 32, "2" * 32
DIGEST = "c" * 64


@dataclass
class Clock:
    """Ours."""

    now: int = NOON

    def __call__(self) -> int:
        return self.now


@dataclass
class World:
    """A journal, what follows it, and short ways to write entries."""

    store: Database
    journal: Journal
    clock: Clock
    projector: Projector
    search: Search
    refs: list[str] = field(default_factory=list)

    async def append(self, kind: str, **members: Any) -> Appended:
        subject = members.pop("subject", None)
        draft = Draft(type=kind, members=members, time=self.clock.now, subject=subject)
        return await self.journal.append(draft)

    async def exchange(
        self,
        org: str = "ml-brume",
        *,
        purpose: str = "support.youth",
        sources: tuple[str, ...] = ("caf-brume",),
        fields: tuple[str, ...] = ("rsa.beneficiary",),
        actor: str = LISE,
        denied: str = "",
        **more: Any,
    ) -> str:
        """A decision and, unless it is denied for this reason, its release; gives the reference."""
        common = {"ref": new_id(), "org": org, "purpose": purpose, "actor": actor}
        decided = {**common, "catalogue": DIGEST, "epoch": 0, "sources": list(sources), **more}
        if denied:
            await self.append("exchange.decided", **decided, decision="deny", denials={denied: list(fields)})
            return common["ref"]
        await self.append(
            "exchange.decided", **decided, decision="permit", permits={"ml-jeunes-ressources@3": list(fields)}
        )
        states = {name.partition(".")[0]: "released" for name in fields}
        await self.append(
            "exchange.released", **common, states=states, commits=dict.fromkeys(fields, "x" * 32), subject=new_id()
        )
        return common["ref"]

    def days(self, **words: Any) -> Filter:
        """A filter of the last month."""
        today = day_of(self.clock.now)
        return Filter(**({"since": today - 30, "until": today} | words))


def stamp(_connection: Any, drafts: Any) -> Ruling:
    """A gate that refuses nothing: the draft's subject is the tag itself."""
    return Ruling([{"subject": each.subject} if each.subject else {} for each in drafts], moved=None)


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    for tables in (journal_tables, metadata):
        await database.write(tables.create_all)
    clock = Clock()
    journal = Journal(database, gate=stamp, origin="gateway.example/log", clock=clock, max_unpublished_ms=10**12)
    await journal.start()
    yield World(database, journal, clock, Projector(database), Search(database))
    await journal.close()
