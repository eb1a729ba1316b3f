"""A log that goes on from an older state, or twice from the same: refused by whoever remembers, and shown to others."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tlog_scales.backend import LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.tlog import ConsistencyProofInvalid

from audit import receipts
from audit.errors import ReleaseStopped
from tests.conftest import PostgresServer
from tests.crash.logs import RECEIPTS, Log, accepted, create, export, log_at, now
from tests.crash.roles import start

Copy = Callable[[str, Path], str]
"""Copies a database that nobody has open; gives the address of the copy."""


@pytest.fixture
def copied(request: pytest.FixtureRequest) -> Copy:
    """A file copied on SQLite; pg_dump and a restore on PostgreSQL."""

    def copy(url: str, home: Path) -> str:
        if url.startswith("sqlite"):
            path = url.removeprefix("sqlite:///")
            return f"sqlite:///{shutil.copy(path, home / f'copy-{len(list(home.iterdir()))}.db')}"
        server: PostgresServer = request.getfixturevalue("postgres")
        restored = server.create_database()
        dump = subprocess.run(
            ["pg_dump", "--no-owner", url], capture_output=True, check=True, timeout=60, env=os.environ
        ).stdout
        subprocess.run(["psql", "-q", "-v", "ON_ERROR_STOP=1", restored], input=dump, check=True, timeout=60)
        return restored

    return copy


async def refused(log: Log, reason: str = "") -> None:
    """Nothing is signed, and at once nothing released, with a code and a sentence; other entries are taken."""
    await log.publisher.round(now())
    assert log.publisher.fault is not None
    assert log.publisher.fault.code == "signer_refused"
    assert reason in str(log.publisher.fault)
    with pytest.raises(ReleaseStopped, match="contradicted") as told:
        await log.append(1, release=True)
    assert told.value.code == "release_stopped"
    await log.append(1)


def remove(folder: Path, pattern: str) -> None:
    """Unlink the files of that name."""
    for path in folder.glob(pattern):
        path.unlink()


@pytest.mark.parametrize("more", [0, 2, 9])
async def test_a_restored_backup_is_neither_signed_nor_released_from(
    database_url: str, copied: Copy, tmp_path: Path, more: int
) -> None:
    """Whether it is still behind what was signed, as large, or has grown past it."""
    url = await create(database_url)
    async with log_at(url, tmp_path / "signer") as log:
        await log.append(4)
        await log.publisher.publish_once(now())
    backup = copied(url, tmp_path)
    async with log_at(url, tmp_path / "signer") as log:
        await log.append(2)
        assert (await log.publisher.publish_once(now())).size == 7
    async with log_at(backup, tmp_path / "signer") as log:
        await log.append(more)
        await refused(log, {0: "rolled back", 2: "not the one that was signed"}.get(more, "head"))
    async with log_at(url, tmp_path / "signer") as log:  # the true one goes on
        await log.append(1)
        await log.publisher.publish_once(now())
        await export(log.store, tmp_path / "out")
    accepted(tmp_path / "out", 8)


async def test_of_two_that_go_on_from_one_state_with_one_signer_only_one_is_signed(
    database_url: str, copied: Copy, tmp_path: Path
) -> None:
    """Split brain on one host: whoever comes first has the history, the other is refused and stops releasing."""
    url = await create(database_url)
    async with log_at(url, tmp_path / "signer") as log:
        await log.append(300)
        await log.publisher.publish_once(now())
    twin = copied(url, tmp_path)
    async with log_at(url, tmp_path / "signer") as first, log_at(twin, tmp_path / "signer") as second:
        await first.append(3)
        await second.append(5)
        assert (await first.publisher.publish_once(now())).size == 304
        await refused(second)
        await first.append(3)
        assert (await first.publisher.publish_once(now())).size == 307
        await refused(second)
        await export(first.store, tmp_path / "out")
    accepted(tmp_path / "out", 307)


async def test_two_hosts_that_go_on_apart_are_shown_by_whatever_was_kept(
    database_url: str, copied: Copy, tmp_path: Path
) -> None:
    """Two databases and two memories: each log is whole by itself; together, and beside one receipt, they are not."""
    url = await create(database_url)
    async with log_at(url, tmp_path / "signer") as log:
        await log.append(300)
        await log.publisher.publish_once(now())
    twin = copied(url, tmp_path)
    shutil.copytree(tmp_path, tmp_path / "other", ignore=shutil.ignore_patterns("*.db*"))
    async with (
        log_at(url, tmp_path / "signer") as first,
        log_at(twin, tmp_path / "other" / "signer") as second,
    ):
        [kept] = await first.append(1)
        await second.append(5)
        for log, out, size in ((first, "one", 302), (second, "two", 306)):
            assert (await log.publisher.publish_once(now())).size == size
            await export(log.store, tmp_path / out)
            accepted(tmp_path / out, size)
    one, two = (TilesReader(LocalBackend(tmp_path / out)) for out in ("one", "two"))
    heads = one.get_checkpoint(), two.get_checkpoint()
    with pytest.raises(ConsistencyProofInvalid):
        two.get_consistency_proof(302, 306).check(heads[0].root_hash, heads[1].root_hash)
    assert one.get_entry(kept.index) == kept.leaf
    assert two.get_entry(kept.index) != kept.leaf
    assert receipts.verify(receipts.issue(kept, signer=RECEIPTS), RECEIPTS.vkey)


async def test_a_tail_lost_after_it_was_signed_is_refused(tmp_path: Path) -> None:
    """The write-ahead file of SQLite removed after a kill: commits that were acknowledged are gone, and it is told."""
    url = await create(f"sqlite:///{tmp_path}/passerelle.db")
    async with log_at(url, tmp_path / "signer") as log:
        await log.append(10)
        await log.publisher.publish_once(now())
    process = start(_leave_a_tail, url, str(tmp_path / "signer"))
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    assert (tmp_path / "passerelle.db-wal").stat().st_size > 0
    remove(tmp_path, "passerelle.db-*")
    async with log_at(url, tmp_path / "signer") as log:
        assert len(await log.leaves()) == 11
        await refused(log, "rolled back")


def _leave_a_tail(url: str, state: str) -> None:
    """Append, publish, and be killed before SQLite has moved anything out of its write-ahead file."""
    import asyncio

    async def work() -> None:
        async with log_at(url, Path(state)) as log:
            await log.append(3)
            await log.publisher.publish_once(now())
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(work())


async def test_a_lost_memory_is_not_made_anew(tmp_path: Path) -> None:
    """Without the signer state a log that was published is not signed any more: whoever lost it must look."""
    url = await create(f"sqlite:///{tmp_path}/passerelle.db")
    async with log_at(url, tmp_path / "signer") as log:
        await log.publisher.publish_once(now())
        remove(tmp_path, "signer*")
        await log.append(1)
        await refused(log, "state is gone")
