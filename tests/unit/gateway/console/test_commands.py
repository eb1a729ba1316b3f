"""`passerelle console reindex`: what the search knows, made anew from the journal."""

from pathlib import Path

from gateway.console.commands import reindex
from gateway.database import open_database
from gateway.schema import migrate
from tests.bed import bed, settings_of


async def test_the_search_is_made_anew_by_command(database_url: str, tmp_path: Path) -> None:
    """Every entry again, on the tables of a real gateway; run twice, it is the same."""
    known = settings_of(tmp_path, database_url=database_url, sandbox_url="http://127.0.0.1:9")
    async with open_database(known.main_url) as store, open_database(known.keys_url) as key_store:
        await migrate(store, key_store)
    async with bed(tmp_path, database_url=database_url, sandbox_url="http://127.0.0.1:9") as gateway:
        await gateway.partner("ml-brume")
        size = await gateway.size()
    assert [await reindex(known), await reindex(known)] == [size, size]
