"""The DPO's console without its pages, put together: what follows the journal beside the server, and what pages ask."""

import asyncio
from dataclasses import dataclass

from audit.store import Store
from gateway.console.projector import Projector
from gateway.console.search import Search


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """What the pages of a DPO are given."""

    projector: Projector
    search: Search

    async def run(self) -> None:
        """Follow the journal until cancelled."""
        await asyncio.gather(self.projector.run())


def open_console(store: Store) -> Console:
    """Build it on an open database."""
    return Console(projector=Projector(store), search=Search(store))
