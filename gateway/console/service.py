"""The DPO's console without its pages, put together: what follows the journal beside the server, and what pages ask."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from audit.inspection import Inspection
from audit.keys import Vkey
from audit.publisher import Publisher
from audit.store import Store
from audit.witnessing import Witnessing
from gateway.console.integrity import Integrity
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

    async def run(self) -> None:
        """Follow and inspect the journal until cancelled."""
        await asyncio.gather(self.projector.run(), self.integrity.inspection.run())


def open_console(
    settings: Settings,
    keys: GatewayKeys,
    *,
    store: Store,
    publisher: Publisher,
    witnessing: Witnessing | None,
    clock: Callable[[], int],
) -> Console:
    """Build it on an open database."""

    def vkeys(origin: str) -> list[Vkey]:
        return [vkey.named(origin) for vkey in keys.log.vkeys]

    return Console(
        projector=Projector(store),
        search=Search(store),
        integrity=Integrity(
            store,
            inspection=Inspection(store, vkeys=vkeys, clock=clock),
            publisher=publisher,
            witnessing=witnessing,
            contact=settings.incident_contact,
            max_unpublished_ms=settings.max_unpublished_seconds * 1000,
        ),
    )
