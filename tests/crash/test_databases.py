"""A database that fails: a clear error, nothing released, and it recovers without a restart (P2)."""

import asyncio
import contextlib
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from audit.errors import StoreUnavailable
from tests.crash.conftest import SLOW_SECONDS, Town, enter, town
from tests.crash.server import Server
from tests.crash.test_kill import check

STORE_CODES = {"store_unavailable", "journal_unavailable"}
LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=5)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


def unavailable(answer: httpx.Response) -> None:
    """503 with a code of the store and when to try again; no data, no receipt."""
    body = answer.json()
    assert answer.status_code == 503, answer.text
    assert body["code"] in STORE_CODES
    assert "retry-after" in answer.headers
    assert not {"datasets", "proof"} & set(body)


async def recovered(where: Town, pseudonym: str) -> str:
    """Wait until both sides have opened their connections anew, ten seconds at most; gives `pseudonym`."""
    until = time.monotonic() + 10
    while True:
        with contextlib.suppress(StoreUnavailable):
            await where.bed.size()
            nobody = await where.exchange("psn_" + "0" * 32)
            if nobody.status_code == 404 or time.monotonic() > until:
                return pseudonym
        await asyncio.sleep(0.1)


async def releases(where: Town) -> int:
    return sum(entry["type"] == "exchange.released" for entry in await where.bed.journal())


async def test_a_postgresql_that_stops_releases_nothing_and_comes_back(own_postgres, tmp_path: Path) -> None:
    """Stopped -m immediate, also between the two entries: 503, and 200 again once it is back, same process."""
    async with town(tmp_path, own_postgres.create_database()) as where, Server(where.settings) as server:
        await enter(where)
        pseudonym, slow = await where.ready(), await where.ready(slow=True)
        assert (await where.exchange(pseudonym)).status_code == 200
        pid, before = server.pid, await releases(where)
        under_way = asyncio.create_task(where.exchange(slow))
        await asyncio.sleep(SLOW_SECONDS / 2)
        await asyncio.to_thread(own_postgres.stop, "immediate")
        for answer in await asyncio.gather(under_way, *(where.exchange(pseudonym) for _ in range(8))):
            unavailable(answer)
        ready = await where.bed.http.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        await asyncio.to_thread(own_postgres.start)
        await recovered(where, slow)
        answers = [await where.exchange(pseudonym) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200] * 4
        assert server.pid == pid
        journal = await where.bed.journal()
        assert sum(entry["type"] == "exchange.released" for entry in journal) == before + 4
        refs = [entry["ref"] for entry in journal if entry["type"] == "exchange.decided"]
        assert len(refs) == len(set(refs)) > before + 4  # decided, not delivered: the slow one and those refused


async def test_postgresql_restarting_under_load_leaves_no_answer_without_entry(own_postgres, tmp_path: Path) -> None:
    """Eight clients go on while it restarts twice: each 200 has its entry, everything else is a 503."""
    async with town(tmp_path, own_postgres.create_database()) as where, Server(where.settings):
        await enter(where)
        people = [await where.ready() for _ in range(8)]
        answers: list[httpx.Response] = []
        until = time.monotonic() + 60

        async def client(pseudonym: str) -> None:
            while time.monotonic() < until:
                answers.append(await where.exchange(pseudonym))
                await asyncio.sleep(0.02)

        clients = [asyncio.create_task(client(pseudonym)) for pseudonym in people]
        for _ in range(2):
            await asyncio.sleep(0.7)
            await asyncio.to_thread(own_postgres.stop, "immediate")
            await asyncio.sleep(0.3)
            await asyncio.to_thread(own_postgres.start)
            until = time.monotonic() + 0.7
        await asyncio.gather(*clients)
        for answer in answers:
            if answer.status_code != 200 and answer.json()["code"] != "exchange_denied":
                unavailable(answer)
        answers += [await where.exchange(await recovered(where, pseudonym)) for pseudonym in people]
        assert [answer.status_code for answer in answers[-8:]] == [200] * 8
        assert await check(where, answers) > 8


async def test_a_locked_sqlite_is_told_within_its_patience(tmp_path: Path) -> None:
    """BEGIN EXCLUSIVE in another process: 503 after the busy time-out, 200 once the lock is gone."""
    path = tmp_path / "passerelle.db"
    async with town(tmp_path, f"sqlite:///{path}") as where, Server(where.settings):
        await enter(where)
        pseudonym = await where.ready()
        before = await releases(where)
        with locked(path) as locker:
            started = time.monotonic()
            asked = asyncio.create_task(where.exchange(pseudonym))
            await asyncio.sleep(0.5)
            assert (await where.bed.http.get("/livez")).status_code == 200
            unavailable(await asked)
            assert time.monotonic() - started < 13  # its own five seconds, after those of the publisher
            locker.communicate()
        assert await releases(where) == before
        assert (await where.exchange(pseudonym)).status_code == 200


async def test_a_full_disk_lets_nothing_leave_and_room_lets_it_go_on(tmp_path: Path) -> None:
    """The database's files may not grow (RLIMIT_FSIZE of the process): 503, then 200 when they may again."""
    async with town(tmp_path, f"sqlite:///{tmp_path}/passerelle.db") as where, Server(where.settings) as server:
        await enter(where)
        pseudonym = await where.ready()
        assert (await where.exchange(pseudonym)).status_code == 200
        largest = max(entry.stat().st_size for entry in os.scandir(tmp_path) if entry.is_file())
        _, hard = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (largest + 20_000, hard))
        answers = [await where.exchange(pseudonym) for _ in range(12)]
        full = [answer for answer in answers if answer.status_code != 200]
        assert full
        for answer in full:
            unavailable(answer)
        given = len(answers) - len(full)
        assert await releases(where) == 1 + given
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (hard, hard))
        assert (await where.exchange(pseudonym)).status_code == 200
        assert await releases(where) == 2 + given


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes, where mounting one is permitted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "passerelle-test", disk]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not permitted here; the test above stands for it")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def fill(disk: Path) -> Path:
    """Leave no room; gives the file that takes it."""
    filler = disk / "filler"
    handle = os.open(filler, os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while True:
            os.write(handle, b"\0" * 4096)
    os.close(handle)
    assert shutil.disk_usage(disk).free < 4096
    return filler


def locked(path: Path) -> subprocess.Popen[bytes]:
    """Another process that holds the database's exclusive lock until its input ends."""
    locker = subprocess.Popen([sys.executable, "-c", LOCK, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert locker.stdout is not None
    assert locker.stdout.readline() == b"locked\n"
    return locker


async def test_a_really_full_disk_lets_nothing_leave(tiny_disk: Path, tmp_path: Path) -> None:
    """ENOSPC itself: 503, and 200 again once there is room."""
    async with town(tmp_path, f"sqlite:///{tiny_disk}/passerelle.db") as where, Server(where.settings):
        await enter(where)
        pseudonym = await where.ready()
        assert (await where.exchange(pseudonym)).status_code == 200
        filler = fill(tiny_disk)
        answers = [await where.exchange(pseudonym) for _ in range(6)]
        for answer in answers[2:]:
            unavailable(answer)
        given = sum(answer.status_code == 200 for answer in answers)
        filler.unlink()
        assert (await where.exchange(pseudonym)).status_code == 200
        assert await releases(where) == 2 + given
