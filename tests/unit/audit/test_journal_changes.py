"""A change made with its entry: together or not at all, and before what waits once it is announced."""

import asyncio

import pytest
import sqlalchemy as sa

from audit.errors import JournalUnavailable, StoreUnavailable
from tests.unit.audit.appended import TooOftenError, stored
from tests.unit.audit.conftest import linked, stamp

counted = sa.Table("test_counted", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))


async def test_a_change_is_made_with_its_entry_and_knows_its_number(log):
    """The state an entry proves is in the same transaction."""
    await log.database.write(counted.metadata.create_all)
    async with log.journal() as journal:
        appended = await journal.append(linked(change=lambda c, index: c.execute(sa.insert(counted), {"id": index})))
    assert await log.database.read(lambda c: c.execute(sa.select(counted.c.id)).scalars().all()) == [appended.index]


async def test_a_failing_change_fails_its_own_entry_and_undoes_what_the_gate_counted_for_it(log):
    """The person's own count has no gap either: the gate is asked again without the failed entry."""
    await log.database.write(counted.metadata.create_all)
    rounds = []

    def gate(connection, drafts):
        rounds.append([draft.members["org"] for draft in drafts])
        for number, _ in enumerate(drafts, 10 * len(rounds)):
            connection.execute(sa.insert(counted), {"id": number})
        return stamp(connection, drafts)

    def fail(connection, index):
        raise TooOftenError

    def collide(connection, index):
        connection.execute(sa.insert(counted), {"id": 10})

    async with log.journal(gate=gate) as journal:
        drafts = [
            linked(
                members={"org": "ml-brume"}, change=lambda c, index: c.execute(sa.insert(counted), {"id": 100 + index})
            ),
            linked(members={"org": "caf-brume"}, change=fail),
            linked(members={"org": "ft-brume"}, change=collide),
            linked(members={"org": "siae-brume"}),
        ]
        outcomes = await asyncio.gather(*map(journal.append, drafts), return_exceptions=True)
    assert [type(one).__name__ for one in outcomes] == ["Appended", "TooOftenError", "IntegrityError", "Appended"]
    assert [outcomes[0].index, outcomes[3].index] == [1, 2]
    assert rounds == [["ml-brume", "caf-brume", "ft-brume"], ["ml-brume"], ["siae-brume"]]
    ids = await log.database.read(lambda c: sorted(c.execute(sa.select(counted.c.id)).scalars()))
    assert ids == [20, 30, 101]


async def test_a_change_that_fails_alone_leaves_nothing_of_the_gate_either(log):
    """Without a savepoint: its whole transaction is undone, and what follows finds no trace."""
    await log.database.write(counted.metadata.create_all)

    def gate(connection, drafts):
        connection.execute(sa.insert(counted), {"id": 7})
        return stamp(connection, drafts)

    def fail(connection, index):
        connection.execute(sa.insert(counted), {"id": 8})
        raise TooOftenError

    async with log.journal(gate=gate) as journal:
        with pytest.raises(TooOftenError):
            await journal.append(linked(change=fail))
        assert await log.database.read(lambda c: c.execute(sa.select(counted.c.id)).scalars().all()) == []
        assert (await journal.append(linked(change=lambda c, index: None))).index == 1


async def test_what_changes_something_goes_before_what_waits(log):
    """A withdrawal asked for later than a release is written before it."""
    async with log.journal() as journal:
        ordinary = [journal.append(linked(members={"org": "ml-brume"})) for _ in range(3)]
        changing = journal.append(linked(members={"org": "caf-brume"}, change=lambda c, index: None))
        *before, first = await asyncio.gather(*ordinary, changing)
    assert first.index == 1
    assert [one.index for one in before] == [2, 3, 4]


async def test_an_announced_change_is_waited_for(log):
    """An ordinary entry asked for while a change is on its way comes after it."""
    async with log.journal() as journal:
        with journal.first():
            ordinary = asyncio.create_task(journal.append(linked(members={"org": "ml-brume"})))
            await asyncio.sleep(0.01)
            assert not ordinary.done()
            first = await journal.append(linked(members={"org": "caf-brume"}, change=lambda c, index: None))
        assert (first.index, (await ordinary).index) == (1, 2)


async def test_an_announced_change_that_never_comes_holds_nothing_up_for_long(log):
    """Whoever announces cannot stop the journal."""
    async with log.journal() as journal:
        with journal.first():
            async with asyncio.timeout(5):
                assert (await journal.append(linked())).index == 1


async def test_an_announcement_that_stays_open_holds_up_once(log, monkeypatch):
    """Not each batch anew: its patience counts from its beginning."""
    waits = []
    timeout_at = asyncio.timeout_at
    monkeypatch.setattr(asyncio, "timeout_at", lambda when: waits.append(when) or timeout_at(when))
    async with log.journal() as journal:
        with journal.first():
            for _ in range(3):
                await journal.append(linked())
    assert len(waits) <= 1


async def test_who_comes_while_a_change_is_announced_waits_at_the_door(log):
    """Until the last of them has passed; nobody waits when none is announced."""
    async with log.journal() as journal:
        await journal.let_pass()
        with journal.first():
            with journal.first():
                waiting = asyncio.create_task(journal.let_pass())
                await asyncio.sleep(0)
            await asyncio.sleep(0.01)
            assert not waiting.done()
        await asyncio.wait_for(waiting, 0.02)


async def test_the_door_opens_however_long_a_change_is_announced(log):
    """Its patience counts from the beginning of the announcement: later comers do not wait at all."""
    async with log.journal() as journal:
        with journal.first():
            async with asyncio.timeout(5):
                await journal.let_pass()
            async with asyncio.timeout(0.01):
                await journal.let_pass()


async def test_when_every_change_fails_nothing_is_written(log):
    """A batch of failures ends without an entry."""

    def fail(connection, index):
        raise TooOftenError

    async with log.journal() as journal:
        outcomes = await asyncio.gather(
            *(journal.append(linked(change=fail)) for _ in range(3)), return_exceptions=True
        )
    assert [type(one) for one in outcomes] == [TooOftenError] * 3
    assert len(await stored(log)) == 1


async def test_a_database_failing_in_a_change_fails_the_whole_batch(log):
    """Nobody may rely on a transaction whose database has failed."""

    def fail(connection, index):
        connection.execute(sa.text("SELECT no_such_column FROM audit_entry"))

    async with log.journal() as journal:
        drafts = [linked(change=lambda c, index: None), linked(change=fail), linked(change=lambda c, index: None)]
        outcomes = await asyncio.gather(*map(journal.append, drafts), return_exceptions=True)
        assert [type(one) for one in outcomes] == [JournalUnavailable] * 3
        assert isinstance(outcomes[0].__cause__, StoreUnavailable)
        assert (await journal.append(linked())).index == 1
