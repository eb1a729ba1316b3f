"""Whether appends slow down as the log grows: durable appends per second in logs of 1,000 to 10,000,000 entries.

A log is filled through the journal's own write path (hashes, tiles, head and all, so that it starts and adds up) with
small entries in large batches, its tag index built afterwards; then real entries are appended by 64 waiting clients.
Each size continues the log of the one before. Refuses to leave anything: databases live in a temporary folder, of
which ten million entries take about 6 GB.
"""

import asyncio
import os
import secrets
import statistics
from collections.abc import Sequence
from functools import partial

import asyncpg
import uvloop
from sqlalchemy import Connection, make_url
from sqlalchemy.schema import CreateIndex

from audit import shards, tiles
from audit.merkle import CompactRange, leaf_hash
from audit.models import audit_entry
from audit.rows import write_rows
from bench.append import Figures, appending, drive, fresh, now, urls
from gateway.database import open_database

SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
_CHUNK = 8_192
_CLIENTS = 64
_WINDOWS = 3


def measure(engines: Sequence[str], *, most: int, seconds: float) -> list[dict[str, float | str]]:
    """Figures by engine and size: medians of windows of `seconds`."""
    found: list[dict[str, float | str]] = []
    for engine in engines:
        with urls([engine]) as [(url, _)]:
            uvloop.run(fresh(url))
            for size in (each for each in SIZES if each <= most):
                uvloop.run(fill(url, size))
                rate, cpu, p99 = uvloop.run(_appends(url, seconds))
                found.append({"engine": engine, "size": size, "rate": rate, "cpu": cpu, "p99": p99})
    return found


async def _appends(url: str, seconds: float) -> Figures:
    async with open_database(url) as database, appending(database, state=None) as append:
        await drive(append, clients=_CLIENTS, seconds=1)
        windows = [await drive(append, clients=_CLIENTS, seconds=seconds) for _ in range(_WINDOWS)]
    rate, cpu, p99 = (statistics.median(column) for column in zip(*windows, strict=True))
    return rate, cpu, p99


async def fill(url: str, size: int) -> None:
    """Bring a log to this size."""
    async with open_database(url) as database, appending(database, state=None):
        pass  # begins the log
    (index,) = audit_entry.indexes
    await maintain(url, f"DROP INDEX {index.name}")
    async with open_database(url) as database:
        while not await database.write(partial(_grow, size=size)):
            pass
    # what a log that grew slowly has behind it: statistics, and no backlog of pages to write
    settle = ("PRAGMA wal_checkpoint(TRUNCATE)",) if url.startswith("sqlite") else ("VACUUM (ANALYZE)", "CHECKPOINT")
    await maintain(url, str(CreateIndex(index)), *settle)
    await asyncio.sleep(1)


async def maintain(url: str, *statements: str) -> None:
    """Outside a transaction, and without the gateway's time limits."""
    if url.startswith("sqlite"):
        async with open_database(url) as database:
            for each in statements:
                await database.read(lambda connection, each=each: connection.exec_driver_sql(each).close())  # type: ignore[misc]
        return
    place = make_url(url)
    server = await asyncpg.connect(host=str(place.query["host"]), user=place.username, database=place.database)
    for each in statements:
        await server.execute(each)
    await server.close()


def _grow(connection: Connection, size: int) -> bool:
    """Append a chunk; True when the log is large enough."""
    shard = shards.current(connection)
    if shard is None or shard.size >= size:
        return True
    count, at = min(_CHUNK, size - shard.size), now()
    random = secrets.token_bytes(32 * count).hex()
    tags = [random[start : start + 32] for start in range(0, len(random), 64)]
    leaves = [
        b'{"id":"%b","org":"ml-brume","subject":"%b","time":%d,"type":"subject.linked","v":1}'
        % (random[64 * number + 32 : 64 * number + 64].encode(), tag.encode(), at)
        for number, tag in enumerate(tags)
    ]
    hashes = [leaf_hash(leaf) for leaf in leaves]
    after = CompactRange.from_bytes(shard.size, shard.peaks)
    after.extend(hashes)
    first, seal = shard.first + shard.size, os.urandom(60)
    write_rows(
        connection, at=at, shard=shard,
        entries=list(zip(tags, hashes, leaves, strict=True)),
        seals=[(position, seal) for position in range(first, first + count, 2)],
        tiles=tiles.filled_by(connection, shard, hashes),
        head=(after.size, after.to_bytes(), after.root()), moved=None,
    )  # fmt: skip
    return False
