"""Batches without the lock, on PostgreSQL: as good as under it, and written only where the log was left."""

import asyncio
import threading
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from audit.batch import Docket, LockNeeded
from audit.errors import ReleaseStopped
from audit.models import audit_entry, audit_head, audit_seal, metadata
from gateway.database import open_database
from tests.unit.audit.conftest import NOW, linked, make_log, stamp


@pytest.fixture
def postgres_url(postgres):
    """A database of its own."""
    return postgres.create_database()


@pytest.fixture
async def log(postgres_url, tmp_path):
    """An empty log on PostgreSQL."""
    async with open_database(postgres_url) as database:
        await database.write(metadata.create_all)
        yield make_log(database, tmp_path)


async def rows(log):
    """The indices of the entries as stored."""
    query = sa.select(audit_entry.c.index).order_by(audit_entry.c.index)
    return await log.database.read(lambda connection: list(connection.execute(query).scalars()))


class Meddling:
    """A gate in the middle of which something happens elsewhere, once, as soon as the log is not locked."""

    def __init__(self, meddle):
        self.meddle = meddle
        self.locked = []

    def __call__(self, connection, drafts):
        self.locked.append(drafts.locked)
        if not drafts.locked and self.meddle is not None:
            meddle, self.meddle = self.meddle, None
            thread = threading.Thread(target=lambda: asyncio.run(meddle()))
            thread.start()
            thread.join()
        return stamp(connection, drafts)


def elsewhere(url, tmp_path, clock=None, **draft):
    """Another process: it appends one entry."""

    async def append():
        async with open_database(url) as database:
            other = make_log(database, tmp_path)
            other.clock.now = clock or NOW
            async with other.journal() as journal:
                await journal.append(linked(**{"time": other.clock.now} | draft))

    return append


async def test_a_log_that_is_left_alone_is_written_in_one_statement(log):
    """No BEGIN, no lock, no COMMIT: the rows, with seals and filled tiles, in the form the lock would give them."""
    statements = []
    async with log.journal() as journal:
        for _ in range(2):
            await journal.append(linked())
        engine = log.database._engine
        sa.event.listen(engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
        sa.event.listen(engine, "begin", lambda _: statements.append("begin"))
        appended = await asyncio.gather(*(journal.append(linked(seal=b"s")) for _ in range(300)))
    writes = [each for each in statements if each.startswith("WITH head")]
    assert not [each for each in statements if "FOR UPDATE" in each]
    assert len(writes) <= 2
    assert sorted(one.index for one in appended) == list(range(3, 303))
    assert await rows(log) == list(range(303))
    sealed = sa.select(sa.func.count()).select_from(audit_seal)
    assert await log.database.read(lambda connection: connection.scalar(sealed)) == 300
    assert (await log.publish()).size == 303  # which hashes every entry again


async def test_who_wrote_in_between_comes_first(log, postgres_url, tmp_path):
    """The batch that was judged on an older log is judged again, under the lock; both are written once."""
    gate = Meddling(elsewhere(postgres_url, tmp_path))
    async with log.journal(gate=gate) as journal:
        for _ in range(2):
            await journal.append(linked())
        assert (await journal.append(linked())).index == 4
        assert gate.locked == [True, True, False, True]
        await journal.append(linked())
        assert gate.locked[4:] == [True]  # the log was not as we had left it: somebody writes beside us
        await journal.append(linked())
        assert gate.locked[5:] == [False]
    assert await rows(log) == list(range(7))
    assert (await log.publish()).size == 7


async def test_the_lock_is_taken_until_nobody_else_has_written_for_a_while(log):
    """Two processes that write in turn would only find each other's batches."""
    gate = Meddling(None)
    async with log.journal(gate=gate, quiet=3) as journal:
        for _ in range(6):
            await journal.append(linked())
    assert gate.locked == [True] * 4 + [False] * 2


async def test_a_year_that_another_turned_in_between_is_not_written_any_more(log, postgres_url, tmp_path):
    """The shard is closed: its size is as it was, and nothing follows."""
    new_year = int(datetime(2027, 1, 1, 0, 0, 1, tzinfo=UTC).timestamp() * 1000)
    gate = Meddling(elsewhere(postgres_url, tmp_path, clock=new_year))
    async with log.journal(gate=gate) as journal:
        for _ in range(2):
            await journal.append(linked())
        late = await journal.append(linked())
    assert (late.batch.origin, late.index) == ("journal.val-de-brume.example/2027", 5)
    heads = sa.select(audit_head.c.origin, audit_head.c.size).order_by(audit_head.c.id)
    found = await log.database.read(lambda connection: [tuple(row) for row in connection.execute(heads)])
    assert [size for _, size in found] == [3, 3]


async def test_a_root_that_is_not_ours_is_not_continued(log):
    """The same size is not enough: another log of that size was put there. The lock shows its own head."""
    gate = Meddling(None)
    async with log.journal(gate=gate) as journal:
        for _ in range(2):
            await journal.append(linked())
        other = sa.update(audit_head).values(root=b"0" * 32)
        await log.database.write(lambda connection: connection.execute(other))
        await journal.append(linked())
    assert gate.locked == [True, True, False, True]


async def test_what_was_pruned_meanwhile_is_read_again_under_the_lock(log):
    """A tile of hashes is then made of other rows: what is remembered of the head does not do."""
    gate = Meddling(None)
    pruned = sa.update(audit_head).values(minimum=1)
    async with log.journal(gate=gate) as journal:
        for _ in range(2):
            await journal.append(linked())
        await journal.append(linked(change=lambda connection, _: connection.execute(pruned)))
        for _ in range(2):
            await journal.append(linked())
    assert gate.locked == [True, True, True, False, True, False]


async def test_releases_stop_without_the_lock_too(log):
    """An entry waits for a checkpoint for too long: the release is refused, other entries are written."""
    async with log.journal(max_unpublished_ms=1_000) as journal:
        for _ in range(2):
            await journal.append(linked())
        log.clock.now += 1_001
        outcomes = await asyncio.gather(
            journal.append(linked(release=True)), journal.append(linked()), return_exceptions=True
        )
        assert [type(one).__name__ for one in outcomes] == ["ReleaseStopped", "Appended"]
        with pytest.raises(ReleaseStopped):
            await journal.append(linked(release=True))
        await log.publish()
        await journal.append(linked(release=True))
    assert await rows(log) == list(range(5))


async def test_a_gate_that_must_write_gets_the_lock(log):
    """Nothing of the batch was written before: the gate is asked anew, under the lock."""
    asked = []

    def gate(connection, drafts):
        asked.append(drafts.locked)
        if not drafts.locked:
            raise LockNeeded
        return stamp(connection, drafts)

    async with log.journal(gate=gate) as journal:
        appended = [await journal.append(linked()) for _ in range(3)]
    assert asked == [True, True, False, True]
    assert [one.index for one in appended] == [1, 2, 3]


async def test_what_changes_something_is_written_under_the_lock(log):
    """A change may run again and needs its transaction."""
    gate = Meddling(None)
    done = []
    async with log.journal(gate=gate) as journal:
        for _ in range(3):
            await journal.append(linked(change=lambda _, index: done.append(index)))
    assert gate.locked == [True] * 3
    assert done == [1, 2, 3]


def test_a_gate_is_told_that_the_lock_is_held_unless_it_is_not():
    """Who makes a docket without saying is on the safe side."""
    assert Docket([]).locked
