"""Writers and publishers killed at any moment, together, while PostgreSQL may stop as well."""

import asyncio
import random
from pathlib import Path

from tests.conftest import PostgresServer
from tests.crash.logs import Acknowledged, check, create, log_at
from tests.crash.roles import publish, running, start, write


async def round_of(url: str, home: Path, *, server: PostgresServer | None = None) -> None:
    """Two writers and two publishers, until they have acknowledged something and a moment more; then all are killed."""
    acknowledged = Acknowledged(home / "acknowledged")
    before = sum(1 for _ in acknowledged.read())
    roles = [(write, 12), (write, 12), (publish, "signer"), (publish, "signer")]
    with running(*(start(role, url, home, argument) for role, argument in roles)):
        await acknowledged.reach(before + 40)
        await asyncio.sleep(random.random())  # noqa: S311  any moment
        if server is not None:
            await asyncio.to_thread(server.stop, "immediate")
    if server is not None:
        await asyncio.to_thread(server.start)


async def test_killed_together_at_any_moment_they_have_lost_nothing(database_url: str, tmp_path: Path) -> None:
    """Three times: what either writer was told, and each head either publisher published, is in the one history."""
    url, kept = await create(database_url), 0
    for last in (False, False, True):
        await round_of(url, tmp_path)
        async with log_at(url, tmp_path / "signer") as log:
            acknowledged = Acknowledged(tmp_path / "acknowledged")
            before, kept = kept, await check(log, acknowledged, tmp_path / "copy" if last else None)
        assert kept > before
    heads = {line for line in Acknowledged(tmp_path / "acknowledged").read() if line[0] == "head"}
    assert len(heads) > 3


async def test_a_server_stopped_at_any_moment_has_lost_nothing(own_postgres: PostgresServer, tmp_path: Path) -> None:
    """-m immediate first, then everybody is killed: PostgreSQL recovers from its own log, and nothing is missing."""
    url, kept = await create(own_postgres.create_database()), 0
    for last in (False, True):
        await round_of(url, tmp_path, server=own_postgres)
        async with log_at(url, tmp_path / "signer") as log:
            acknowledged = Acknowledged(tmp_path / "acknowledged")
            before, kept = kept, await check(log, acknowledged, tmp_path / "copy" if last else None)
        assert kept > before
