"""A real gateway started on an old copy of its database: it signs nothing, releases nothing, and says why."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.crash.conftest import enter, town
from tests.crash.server import Server


def copy(source: Path, target: Path) -> None:
    """SQLite's own backup, also over a file that is open elsewhere."""
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


async def test_a_gateway_started_on_a_backup_releases_nothing_and_is_not_ready(tmp_path: Path) -> None:
    """From its first answer on: 503, `release_stopped`, and `/readyz` names the checkpoints."""
    path, backup = tmp_path / "passerelle.db", tmp_path / "backup.db"
    async with town(tmp_path, f"sqlite:///{path}") as where:
        async with Server(where.settings):
            await enter(where)
            pseudonym = await where.ready()
            assert (await where.exchange(pseudonym)).status_code == 200
            copy(path, backup)
            assert (await where.exchange(pseudonym)).status_code == 200
            await asyncio.sleep(1.3)  # the publisher signs each second
        copy(backup, path)
        async with Server(where.settings) as server:
            answer = await where.exchange(pseudonym)
            assert answer.status_code == 503, answer.text
            assert answer.json()["code"] == "release_stopped"
            assert not {"datasets", "proof"} & set(answer.json())
            ready = await where.bed.http.get("/readyz")
            assert (ready.status_code, ready.json()["checks"]["checkpoints"]) == (503, "signer_refused")
            assert "signer_refused" in server.output()
