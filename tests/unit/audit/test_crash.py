"""A writer killed in the middle: what it had acknowledged is there, once, and the log goes on."""

import json
import signal
import subprocess
import sys
import time

import pytest
import sqlalchemy as sa

from audit import merkle
from audit.models import audit_entry
from tests.unit.audit.conftest import linked

WRITER = """
import asyncio, sys
from gateway.database import open_database
from tests.unit.audit.conftest import NOW, BASE, linked, stamp
from audit.journal import Journal

async def main():
    async with open_database(sys.argv[1]) as database:
        journal = Journal(database, gate=stamp, origin=BASE, clock=lambda: NOW, max_batch=16)
        await journal.start()

        async def client():
            while True:
                done = await journal.append(linked())
                print(done.index, done.leaf.decode(), flush=True)

        await asyncio.gather(*(client() for _ in range(24)))

asyncio.run(main())
"""


def write_and_kill(url, *, entries):
    """Run a writer, SIGKILL it after so many acknowledgements, give all it had said."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True)
    lines = [process.stdout.readline() for _ in range(entries)]
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read()  # not communicate(): it would miss what readline() had read ahead
    process.stdout.close()
    process.wait(20)
    assert process.returncode == -signal.SIGKILL
    lines += [line for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    return [line.rstrip("\n").split(" ", 1) for line in lines]


@pytest.mark.parametrize("rounds", [3])
async def test_every_acknowledged_entry_survives_sigkill_once_and_in_its_place(log, database_url, rounds):
    """Kill -9 at any point: nothing acknowledged is lost or numbered twice, nothing has a gap, the tree holds."""
    async with log.journal():
        pass
    acknowledged = []
    for number in range(rounds):
        acknowledged += write_and_kill(database_url, entries=150 + 97 * number)
    rows = await wait_until_quiet(log)
    assert [row.index for row in rows] == list(range(len(rows)))
    leaves = {row.index: row.leaf.decode() for row in rows}
    assert len(acknowledged) == len({index for index, _ in acknowledged})
    assert all(leaves[int(index)] == leaf for index, leaf in acknowledged)
    assert len({json.loads(leaf)["id"] for leaf in leaves.values()}) == len(leaves)
    async with log.journal() as journal:
        appended = await journal.append(linked())
    assert appended.index == len(rows)
    assert appended.root == merkle.root([*(row.hash for row in rows), appended.leaf_hash])
    assert (await log.publish()).size == len(rows) + 1


async def wait_until_quiet(log):
    """A PostgreSQL backend may still commit the batch its killed client had sent."""
    query = sa.select(audit_entry).order_by(audit_entry.c.index)
    count = -1
    while True:
        rows = await log.database.read(lambda connection: connection.execute(query).all())
        if len(rows) == count:
            return rows
        count = len(rows)
        time.sleep(0.3)  # noqa: ASYNC251  nothing else runs


async def test_a_database_that_stops_and_returns_loses_nothing_acknowledged(postgres):
    """`pg_ctl stop -m immediate`: appends are refused meanwhile, what was acknowledged is there afterwards."""
    from audit.errors import JournalUnavailable
    from audit.journal import Journal
    from audit.models import metadata
    from gateway.database import open_database
    from tests.unit.audit.conftest import BASE, NOW, stamp

    async with open_database(postgres.create_database()) as database:
        await database.write(metadata.create_all)
        journal = Journal(database, gate=stamp, origin=BASE, clock=lambda: NOW)
        await journal.start()
        kept = [await journal.append(linked()) for _ in range(5)]
        postgres.stop("immediate")
        try:
            with pytest.raises(JournalUnavailable):
                await journal.append(linked())
        finally:
            postgres.start()
        appended = None
        while appended is None:  # each pooled connection learns it once
            try:
                appended = await journal.append(linked())
            except JournalUnavailable:
                time.sleep(0.05)  # noqa: ASYNC251  nothing else runs
        await journal.close()
        assert appended.index == 6
        hashes = sa.select(audit_entry.c.hash).order_by(audit_entry.c.index)
        stored = await database.read(lambda connection: connection.execute(hashes).scalars().all())
        assert [stored[one.index] for one in kept] == [one.leaf_hash for one in kept]
        assert merkle.root(stored) == appended.root
