"""Rebuilding the search by command."""

from gateway.console.projector import Projector
from gateway.database import open_database
from gateway.schema import require_current
from gateway.settings import Settings


async def reindex(settings: Settings) -> int:
    """Read the whole journal again; gives how many entries the search knows then."""
    async with open_database(settings.main_url) as store, open_database(settings.keys_url) as key_store:
        await require_current(store, key_store)
        return await Projector(store).reindex()
