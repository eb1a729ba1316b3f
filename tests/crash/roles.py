"""What child processes do: write, publish, or go through a day of a log in steps. They end by being killed."""

import asyncio
import contextlib
import multiprocessing
import os
import random
from collections.abc import Iterator
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from sqlalchemy import event

from audit.errors import AuditError
from audit.publisher import Publisher
from gateway.database import open_database
from tests.crash.logs import Acknowledged, Log, Midnight, draft, export, log_at, now, publisher_of, year_of
from tests.crash.steps import SteppedStore, Steps, counted_files, die

_context = multiprocessing.get_context("forkserver")  # a fork of a process that has done nothing but import
_context.set_forkserver_preload([__name__])


def start(role: Any, *arguments: Any) -> BaseProcess:
    """Start a process in this role."""
    process = _context.Process(target=role, args=arguments, daemon=True)
    process.start()
    return process


@contextlib.contextmanager
def running(*processes: BaseProcess) -> Iterator[None]:
    """SIGKILL them all at the end; none may have ended before."""
    try:
        yield
        assert [process.exitcode for process in processes] == [None] * len(processes)
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.join(20)
            process.close()


def write(url: str, home: Path, clients: int) -> None:
    """Append for ever, and note what was acknowledged; a database that is away is tried again."""
    asyncio.run(_write(url, home, clients))


def careless(url: str, home: Path, clients: int) -> None:
    """The same, on a connection that was told not to flush after it was checked: what a trial must notice."""
    from audit import start as starting
    from gateway import database

    async def unchecked(_: Any) -> None:
        return None

    starting.check_durability = unchecked
    database._durable_sqlite = lambda engine: event.listen(engine, "connect", _unflushed)
    asyncio.run(_write(url, home, clients))


def _unflushed(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=OFF", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")


async def _write(url: str, home: Path, clients: int) -> None:
    acknowledged = Acknowledged(home / "acknowledged")
    while True:
        with contextlib.suppress(AuditError, OSError):
            quiet = random.choice((0, 0, 16))  # noqa: S311  whoever goes without the lock meets those who do not
            async with log_at(url, home / "unused", max_batch=16, quiet=quiet) as log:
                await asyncio.gather(*(_client(log, acknowledged) for _ in range(clients)))
        await asyncio.sleep(0.05)


async def _client(log: Log, acknowledged: Acknowledged) -> None:
    while True:
        try:
            acknowledged.entries([await log.journal.append(draft())])
        except AuditError:
            await asyncio.sleep(0.05)


def publish(url: str, home: Path, state: str) -> None:
    """Publish for ever, as fast as there is news."""
    asyncio.run(_publish(url, home, home / state))


async def _publish(url: str, home: Path, state: Path) -> None:
    acknowledged = Acknowledged(home / "acknowledged")
    async with open_database(url) as database:
        publisher = publisher_of(database, state)
        while True:
            with contextlib.suppress(AuditError):
                await publish_and_note(publisher, acknowledged)
            await asyncio.sleep(0.01)


async def publish_and_note(publisher: Publisher, acknowledged: Acknowledged) -> None:
    """Publish what is new, and note its head."""
    published = await publisher.publish_once(now())
    if published is not None:
        acknowledged.head(published)


def stepwise(work: Any, url: str, home: Path, at: int) -> None:
    """Do this work and die at that step; a process that completes leaves the list of its steps."""
    steps = Steps(at, die)
    with counted_files(steps):
        asyncio.run(work(url, home, steps))
    (home / "completed").write_text("\n".join(steps.names), "ascii")
    os._exit(0)


async def day(url: str, home: Path, step: Steps) -> None:
    """Start, append so much that a tile fills, publish, release, publish; note each acknowledgement."""
    acknowledged = Acknowledged(home / "acknowledged")
    async with log_at(url, home / "signer", around=partial(SteppedStore, step=step)) as log:
        acknowledged.entries(await log.append(256))
        await publish_and_note(log.publisher, acknowledged)
        acknowledged.entries(await log.append(1, release=True))
        await publish_and_note(log.publisher, acknowledged)


async def copying(url: str, home: Path, step: Steps) -> None:
    """Export the log."""
    async with open_database(url) as database:
        await export(SteppedStore(database, step), home / "copy")


async def new_year(url: str, home: Path, step: Steps) -> None:
    """Append and publish in the last second of the log's year, and in the first of the next."""
    acknowledged = Acknowledged(home / "acknowledged")
    clock = Midnight(await year_of(url))
    async with log_at(url, home / "signer", around=partial(SteppedStore, step=step), clock=clock) as log:
        for clock.moment in (-1_000, 1_000):
            acknowledged.entries(await log.append(3, time=clock()))
            await log.publisher.publish_once(clock())
