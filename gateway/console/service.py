"""The DPO's console without its pages, put together: what follows the journal beside the server, and what pages ask."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from audit import succession
from audit.inspection import Inspection
from audit.journal import Journal
from audit.keys import Vkey
from audit.publisher import Publisher
from audit.reading import PublishedLog
from audit.rotation import published_keys
from audit.store import Store
from audit.witnessing import Witnessing
from consent.subjects import People
from consent.vault import Vault
from gateway.console import entries
from gateway.console.entries import Entry
from gateway.console.exports import Exports
from gateway.console.integrity import Integrity
from gateway.console.persons import Persons
from gateway.console.projector import Projector
from gateway.console.search import Search
from gateway.keys import GatewayKeys
from gateway.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """What the pages of a DPO are given."""

    projector: Projector
    search: Search
    integrity: Integrity
    persons: Persons
    exports: Exports
    store: Store
    log: PublishedLog
    vkeys: Callable[[str], Sequence[Vkey]]

    async def read(self, positions: Sequence[int]) -> dict[int, Entry]:
        """Read entries in the journal and check each (`entries.py`)."""
        return await self.store.read(partial(entries.read, log=self.log, positions=positions, vkeys=self.vkeys))

    async def run(self) -> None:
        """Follow and inspect the journal until cancelled."""
        await asyncio.gather(self.projector.run(), self.integrity.inspection.run())


def open_console(
    settings: Settings,
    keys: GatewayKeys,
    *,
    store: Store,
    log: PublishedLog,
    publisher: Publisher,
    witnessing: Witnessing | None,
    journal: Journal,
    vault: Vault,
    people: People,
    clock: Callable[[], int],
) -> Console:
    """Build it on an open database."""

    def vkeys(origin: str) -> list[Vkey]:
        return [vkey.named(origin) for vkey in keys.log.vkeys]

    async def beside() -> Mapping[str, bytes]:
        """The public halves: what an extract lies beside."""
        current = {"log": keys.log.vkeys, "receipt": keys.receipt.vkeys}
        published = await store.read(partial(published_keys, current=current))
        shown = {"keys": succession.to_json(published).encode(), "log.vkey": f"{keys.log.vkeys[0]}\n".encode()}
        if settings.witness_policy:
            shown["policy"] = await asyncio.to_thread(Path(settings.witness_policy).read_bytes)
        return shown

    search = Search(store)
    return Console(
        projector=Projector(store),
        search=search,
        exports=Exports(
            store=store,
            journal=journal,
            search=search,
            log=log,
            vkeys=vkeys,
            beside=beside,
            folder=settings.home / "exports",
            clock=clock,
        ),
        store=store,
        log=log,
        vkeys=vkeys,
        persons=Persons(store=store, journal=journal, vault=vault, people=people, clock=clock),
        integrity=Integrity(
            store,
            inspection=Inspection(store, vkeys=vkeys, clock=clock),
            publisher=publisher,
            witnessing=witnessing,
            contact=settings.incident_contact,
            max_unpublished_ms=settings.max_unpublished_seconds * 1000,
        ),
    )
