"""Appending: durable, numbered without gap, one order for all, and honest when something fails."""

import asyncio
import json

import pytest
import sqlalchemy as sa

from audit import merkle
from audit.canonical import dumps
from audit.errors import EntryInvalid, JournalBusy, JournalInconsistent, JournalUnavailable, StoreUnavailable
from audit.models import audit_head, audit_seal
from audit.sequencing import prepare
from tests.unit.audit.appended import TooOftenError, refuse, stored
from tests.unit.audit.conftest import NOW, linked, stamp


async def test_an_appended_entry_is_stored_in_canonical_form_with_its_proof(log):
    """What append returns is what the database holds, and proves itself."""
    async with log.journal() as journal:
        appended = await journal.append(linked(members={"org": "ml-brume", "kinds": ["nir"]}))
    row = (await stored(log))[1]
    entry = json.loads(row.leaf)
    assert (row.index, row.leaf, row.hash) == (1, appended.leaf, appended.leaf_hash)
    assert dumps(entry) == row.leaf
    assert entry.pop("id") != entry.pop("subject") == row.subject
    assert entry == {"v": 1, "type": "subject.linked", "time": NOW, "org": "ml-brume", "kinds": ["nir"]}
    assert merkle.leaf_hash(row.leaf) == row.hash
    assert merkle.verify_inclusion(appended.index, appended.size, appended.leaf_hash, appended.path(), appended.root)


async def test_many_appended_at_once_share_few_batches_and_leave_no_gap(log):
    """Group commit: whoever waits goes with the next batch; numbers are contiguous, each entry is proved."""
    async with log.journal() as journal:
        appended = await asyncio.gather(*(journal.append(linked()) for _ in range(1_200)))
    assert sorted(one.index for one in appended) == list(range(1, 1_201))
    assert len({one.size for one in appended}) <= 4
    for one in appended[::7]:
        assert merkle.verify_inclusion(one.index, one.size, one.leaf_hash, one.path(), one.root)
    rows = await stored(log)
    assert [row.index for row in rows] == list(range(1_201))
    assert merkle.root(row.hash for row in rows) == max(appended, key=lambda one: one.size).root


async def test_what_the_gate_refuses_takes_no_number(log):
    """A refused entry leaves no trace and no gap; the others of its batch are not disturbed."""
    async with log.journal(gate=refuse("caf-brume")) as journal:
        drafts = [linked(members={"org": org}) for org in ("ml-brume", "caf-brume", "ft-brume", "caf-brume")]
        outcomes = await asyncio.gather(*map(journal.append, drafts), return_exceptions=True)
    assert [type(one).__name__ for one in outcomes] == ["Appended", "TooOftenError", "Appended", "TooOftenError"]
    assert [outcomes[0].index, outcomes[2].index] == [1, 2]
    assert len(await stored(log)) == 3


async def test_a_batch_of_refusals_writes_nothing(log):
    """When all are refused the head does not move."""
    async with log.journal(gate=refuse("ml-brume")) as journal:
        with pytest.raises(TooOftenError):
            await journal.append(linked())
    assert len(await stored(log)) == 1


@pytest.mark.parametrize(
    ("gate", "refused"),
    [
        (lambda c, drafts: [{}] * len(drafts), EntryInvalid),
        (lambda c, drafts: [{"subject": "Morvan"}] * len(drafts), EntryInvalid),
        (lambda c, drafts: [], JournalUnavailable),
        (lambda c, drafts: 1 / 0, JournalUnavailable),
    ],
    ids=["no tag", "a name as tag", "no answer", "broken"],
)
async def test_a_gate_that_does_not_do_its_work_lets_nothing_through(sqlite_log, gate, refused):
    """A release without tag, or without a guard that was checked, is never written."""
    async with sqlite_log.journal(gate=gate) as journal:
        with pytest.raises(refused):
            await journal.append(linked())
    assert len(await stored(sqlite_log)) == 1


async def test_an_entry_about_nobody_has_no_tag(sqlite_log):
    """What concerns the log or a partner is in nobody's list."""
    async with sqlite_log.journal() as journal:
        await journal.append(linked(type="partner.registered", subject=None))
    row = (await stored(sqlite_log))[1]
    assert row.subject is None
    assert "subject" not in json.loads(row.leaf)


async def test_sealed_salts_lie_beside_the_entry_and_can_be_erased(log):
    """Erasing salts is a right; the entry and its proofs stay."""
    async with log.journal() as journal:
        first, second = await asyncio.gather(journal.append(linked(seal=b"sealed")), journal.append(linked()))
    seals = sa.select(audit_seal.c.index, audit_seal.c.sealed)
    assert await log.database.read(lambda c: c.execute(seals).all()) == [(first.index, b"sealed")]
    assert second.index != first.index
    await log.database.write(lambda c: c.execute(sa.delete(audit_seal)))
    async with log.journal():
        assert len(await stored(log)) == 3


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"type": "subject.renamed"}, "type"),
        ({"members": {"org": "Élodie Morvan"}}, "org"),
        ({"time": NOW - 301_000}, "clock"),
        ({"time": NOW + 301_000}, "clock"),
        ({"members": {"org": "ml-brume", "kinds": [f"kind_{n}" for n in range(500)]}}, "4096 bytes"),
    ],
)
async def test_an_entry_that_may_not_be_is_refused_before_it_waits(sqlite_log, changes, told):
    """Vocabulary, size and date are checked before the lock is taken."""
    async with sqlite_log.journal() as journal:
        with pytest.raises(EntryInvalid, match=told):
            await journal.append(linked(**changes))


def test_words_that_are_no_plain_strings_are_written_all_the_same():
    """Keys that are members of a StrEnum give the same bytes."""

    class Word(str):
        __slots__ = ()

    members = {"ref": "a" * 32, "org": "ml-brume", "purpose": "support.youth", "reason": "moved"}
    plain = prepare(linked(members=members | {"states": {"rsa": "no_data"}}), entry_id="b" * 32)
    worded = prepare(linked(members=members | {"states": {Word("rsa"): Word("no_data")}}), entry_id="b" * 32)
    assert (plain.low, plain.high) == (worded.low, worded.high)


async def test_pushes_back_when_too_many_wait(sqlite_log):
    """A full queue says so at once instead of making everybody wait."""
    async with sqlite_log.journal(max_waiting=3, max_batch=2) as journal:
        outcomes = await asyncio.gather(*(journal.append(linked()) for _ in range(5)), return_exceptions=True)
        assert [type(one).__name__ for one in outcomes] == ["Appended"] * 3 + ["JournalBusy"] * 2
        assert isinstance(outcomes[4], JournalBusy)
        assert (await journal.append(linked())).index == 4


async def test_whoever_gives_up_before_the_batch_leaves_no_entry(sqlite_log):
    """A cancelled waiter is not written, and the others are."""
    async with sqlite_log.journal() as journal:
        given_up, kept = asyncio.create_task(journal.append(linked())), asyncio.create_task(journal.append(linked()))
        await asyncio.sleep(0)
        given_up.cancel()
        assert (await kept).index == 1
        with pytest.raises(asyncio.CancelledError):
            await given_up
    assert len(await stored(sqlite_log)) == 2


async def test_whoever_gives_up_during_the_batch_does_not_break_it(log):
    """The entry is written; only nobody is told."""
    tasks = []

    def gate(connection, drafts):  # the batch is under way: now two of the three give up
        loop.call_soon_threadsafe(tasks[0].cancel)
        loop.call_soon_threadsafe(tasks[1].cancel)
        return refuse("caf-brume")(connection, drafts)

    async with log.journal(gate=gate) as journal:
        loop = asyncio.get_running_loop()
        drafts = [linked(members={"org": org}) for org in ("ml-brume", "caf-brume", "ft-brume")]
        tasks += [asyncio.create_task(journal.append(draft)) for draft in drafts]
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one).__name__ for one in outcomes] == ["CancelledError", "CancelledError", "Appended"]
    assert (outcomes[2].index, len(await stored(log))) == (2, 3)


async def test_a_journal_that_is_not_running_refuses(sqlite_log):
    """Before start and after close nothing is accepted."""
    async with sqlite_log.journal() as journal:
        pass
    with pytest.raises(JournalUnavailable):
        await journal.append(linked())
    from audit.journal import Journal

    idle = Journal(sqlite_log.database, gate=stamp, origin=sqlite_log.origin, clock=sqlite_log.clock)
    with pytest.raises(JournalUnavailable):
        await idle.append(linked())
    await idle.close()


async def test_closing_writes_what_waits(sqlite_log):
    """Nobody who was accepted is left without an answer."""
    async with sqlite_log.journal(max_batch=2) as journal:
        tasks = [asyncio.create_task(journal.append(linked())) for _ in range(7)]
        await asyncio.sleep(0)
    assert {task.result().index for task in tasks} == set(range(1, 8))


class Failing:
    """A store that fails once, before or after the commit."""

    def __init__(self, store, *, when):
        self.store, self.when, self.dialect, self.remote = store, when, store.dialect, store.remote

    async def read(self, work):
        return await self.store.read(work)

    async def write(self, work):
        return await self._once(self.store.write, work)

    async def each(self, work):
        return await self._once(self.store.each, work)

    async def _once(self, run, work):
        when, self.when = self.when, None
        if when == "before":
            raise StoreUnavailable("gone")
        result = await run(work)
        if when == "after":
            raise StoreUnavailable("gone")
        return result


@pytest.mark.parametrize(("when", "entries"), [("before", 2), ("after", 4)])
async def test_when_the_store_fails_nobody_is_told_the_entry_is_written(log, when, entries):
    """The outcome is unknown, so every waiter of the batch is refused; numbering goes on without a gap."""
    store = Failing(log.database, when=None)
    async with log.journal() as journal:
        journal._store = store
        store.when = when
        outcomes = await asyncio.gather(*(journal.append(linked()) for _ in range(2)), return_exceptions=True)
        assert [type(one) for one in outcomes] == [JournalUnavailable] * 2
        assert (await journal.append(linked())).index == entries - 1
    assert [row.index for row in await stored(log)] == list(range(entries))


async def test_a_head_that_vanished_is_not_made_anew(sqlite_log):
    """A journal writes to the log it was started on, or not at all."""
    async with sqlite_log.journal() as journal:
        await sqlite_log.database.write(lambda c: c.exec_driver_sql("DROP TRIGGER audit_head_delete"))
        await sqlite_log.database.write(lambda c: c.execute(sa.delete(audit_head)))
        with pytest.raises(JournalUnavailable) as refused:
            await journal.append(linked())
    assert isinstance(refused.value.__cause__, JournalInconsistent)


async def test_two_journals_on_one_database_share_one_order(log, database_url):
    """Any number of processes may append: numbers are unique, contiguous, and each receipt holds."""
    from gateway.database import open_database

    async with open_database(database_url) as other, log.journal(max_batch=8) as first:
        second = type(first)(other, gate=stamp, origin=log.origin, clock=log.clock, max_batch=8)
        await second.start()
        appends = [journal.append(linked()) for _ in range(60) for journal in (first, second)]
        appended = await asyncio.gather(*appends)
        await second.close()
    assert sorted(one.index for one in appended) == list(range(1, 121))
    for one in appended:
        assert merkle.verify_inclusion(one.index, one.size, one.leaf_hash, one.path(), one.root)
    async with log.journal():
        assert len(await stored(log)) == 121


async def test_two_journals_starting_at_once_create_one_log(log, database_url):
    """The first entry is written once."""
    from gateway.database import open_database

    async with open_database(database_url) as other:
        from audit.journal import Journal

        journals = [Journal(store, gate=stamp, origin=log.origin, clock=log.clock) for store in (log.database, other)]
        await asyncio.gather(*(journal.start() for journal in journals))
        assert [json.loads(row.leaf)["type"] for row in await stored(log)] == ["log.created"]
        await asyncio.gather(*(journal.close() for journal in journals))
