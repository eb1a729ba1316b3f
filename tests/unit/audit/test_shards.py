"""A log per calendar year: closed and opened by exactly one, chained to the one before, published to its end."""

import asyncio
import json
import multiprocessing
import time
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from audit import receipts, shards, tiles, years
from audit.checkpoint import open_checkpoint
from audit.errors import JournalInconsistent, NotPublished, ReleaseStopped, SignerRefused
from audit.export import export_directory
from audit.ids import new_id
from audit.journal import Journal
from audit.models import audit_entry, audit_head
from audit.publisher import Publisher
from audit.verify import verify_directory
from gateway.database import open_database
from tests.tampering import tamper
from tests.unit.audit.conftest import BASE, NOW, ORIGIN, Clock, linked, stamp

NEW_YEAR = int(datetime(2027, 1, 1, tzinfo=UTC).timestamp() * 1000)
NEXT = f"{BASE}/2027"


async def append(log, count, **changes):
    async with log.journal() as journal:
        return await asyncio.gather(*(journal.append(linked(time=log.clock.now, **changes)) for _ in range(count)))


async def entry(log, position):
    query = sa.select(audit_entry.c.leaf).where(audit_entry.c.index == position)
    return json.loads(await log.database.read(lambda c: c.execute(query).scalar_one()))


async def checkpoint_of(log, shard):
    _, note = await log.database.read(lambda c: tiles.newest_checkpoint(c, shard))
    return open_checkpoint(note, log.signer.vkey.named(shard.origin))


async def test_a_new_year_closes_the_shard_and_opens_the_next(log):
    """Positions go on over both, each tree begins at 0, entry 0 names the last head of the year before."""
    old = await append(log, 300)
    log.clock.now = NEW_YEAR
    new = await append(log, 300)
    first, second = await log.database.read(shards.every)
    assert (first.origin, first.size, first.closed_at) == (ORIGIN, 301, NEW_YEAR)
    assert (second.origin, second.first, second.size, second.closed_at) == (NEXT, 301, 301, None)
    assert sorted(one.index for one in old) == list(range(1, 301))
    assert sorted(one.index for one in new) == list(range(302, 602))
    assert sorted(one.leaf_index for one in new) == list(range(1, 301))
    assert await log.publish() == second.head
    assert await checkpoint_of(log, first) == first.head
    created = await entry(log, 301)
    assert years.continues(created, first.head)
    assert created["previous_size"] == 301
    for change in ({"previous": NEXT}, {"previous_size": 300}, {"previous_root": "A" * 43 + "="}):
        assert not years.continues(created | change, first.head)


async def test_receipts_of_both_years_verify_with_the_one_key(log):
    """The key is the log's, its name the shard's; the index is the one in the shard's tree."""
    old, signer = await append(log, 3), log.receipt_signer.named(f"{BASE}/receipt")
    log.clock.now = NEW_YEAR
    for one, origin in [(each, ORIGIN) for each in old] + [(each, NEXT) for each in await append(log, 3)]:
        receipt = receipts.issue(one, signer=signer)
        assert (receipt["origin"], receipt["index"]) == (origin, one.leaf_index)
        assert receipts.verify(receipt, signer.vkey)["type"] == "subject.linked"
        assert receipts.verify(receipt, signer.vkey.named(f"{origin}/receipt"))["type"] == "subject.linked"


async def test_without_traffic_the_publisher_turns_the_year_and_publishes_both(log):
    """Any number of publishers may notice; one closes, one final checkpoint covers everything."""
    await append(log, 5)
    log.clock.now = NEW_YEAR + 1
    await asyncio.gather(*(log.publish() for _ in range(3)))
    await log.publish()
    first, second = await log.database.read(shards.every)
    assert (first.closed_at, second.size) == (NEW_YEAR + 1, 1)
    assert await checkpoint_of(log, first) == first.head
    assert await checkpoint_of(log, second) == second.head
    assert await log.publish() is None


async def test_a_clock_that_lags_behind_writes_into_the_new_year(log):
    """A closed shard is never opened again, whatever a replica's clock says."""
    await append(log, 1)
    log.clock.now = NEW_YEAR
    await append(log, 1)
    log.clock.now = NEW_YEAR - 2000
    (late,) = await append(log, 1)
    assert late.batch.origin == NEXT


async def test_a_year_without_any_entry_is_left_out(log):
    """The next shard bears the name of the year in which somebody looks."""
    await append(log, 1)
    log.clock.now = NEW_YEAR + 400 * 86_400_000
    await append(log, 1)
    assert [shard.origin for shard in await log.database.read(shards.every)] == [ORIGIN, f"{BASE}/2028"]


async def test_two_journals_that_race_across_new_year_close_the_shard_once(log, database_url):
    """Whoever holds the head's lock first opens the year; the others find it, and no position is lost or doubled."""
    async with open_database(database_url) as other:
        journals = [
            Journal(store, gate=stamp, origin=BASE, clock=log.clock, max_batch=4) for store in (log.database, other)
        ]
        await asyncio.gather(*(journal.start() for journal in journals))
        try:
            before = [journal.append(linked()) for journal in journals for _ in range(40)]
            waiting = asyncio.gather(*before)
            await asyncio.sleep(0.01)
            log.clock.now = NEW_YEAR
            after = await asyncio.gather(
                *(journal.append(linked(time=NEW_YEAR)) for journal in journals for _ in range(40))
            )
            appended = [*await waiting, *after]
        finally:
            await asyncio.gather(*(journal.close() for journal in journals))
    first, second = await log.database.read(shards.every)
    assert sorted([first.first, second.first, *(one.index for one in appended)]) == list(range(162))
    assert first.size + second.size == 162
    for one in appended:
        receipts.verify(receipts.issue(one, signer=log.receipt_signer.named(f"{BASE}/receipt")), RECEIPT_KEY(log))
    assert {one.batch.origin for one in after} == {NEXT}
    assert await log.publish() == second.head


def RECEIPT_KEY(log):  # noqa: N802
    return log.receipt_signer.vkey.named(f"{BASE}/receipt")


def crossing(url: str, midnight: float, results) -> None:
    """A process whose clock passes New Year at `midnight` while it appends."""

    def clock() -> int:
        return NEW_YEAR + int((time.time() - midnight) * 1000)

    async def work():
        places = []
        async with open_database(url) as store:
            journal = Journal(store, gate=stamp, origin=BASE, clock=clock, max_batch=8)
            await journal.start()
            while clock() < NEW_YEAR + 400:
                done = await asyncio.gather(*(journal.append(linked(time=clock())) for _ in range(16)))
                places += [(one.index, one.batch.origin) for one in done]
            await journal.close()
        results.put(places)

    asyncio.run(work())


async def test_two_processes_that_race_across_new_year_close_the_shard_once(log, database_url):
    """The same with clocks that run, in processes of their own."""
    context = multiprocessing.get_context("spawn")
    results, midnight = context.Queue(), time.time() + 4
    racing = [context.Process(target=crossing, args=(database_url, midnight, results)) for _ in range(2)]
    for process in racing:
        process.start()
    places = [place for _ in racing for place in await asyncio.to_thread(results.get, True, 60)]
    for process in racing:
        await asyncio.to_thread(process.join, 30)
    results.close()
    first, second = await log.database.read(shards.every)
    assert {(first.first + first.size), second.first} == {second.first}
    created = {0, second.first}
    assert sorted(index for index, _ in places) == [n for n in range(second.first + second.size) if n not in created]
    assert all((origin == ORIGIN) == (index < second.first) for index, origin in places)
    assert {origin for _, origin in places} == {ORIGIN, NEXT}
    assert years.continues(await entry(log, second.first), first.head)
    log.clock.now = NEW_YEAR
    assert await log.publish() == second.head


async def test_a_log_made_before_there_were_shards_is_the_first_of_them(log):
    """It bears the base name and ends at the first start; its signer state is the one without a year."""
    await log.database.write(lambda c: shards.begin(c, BASE, previous=None, now=NOW))
    await log.publish()
    assert [shard.origin for shard in await log.database.read(shards.every)] == [BASE, ORIGIN]
    await append(log, 1)
    await log.publish()
    assert log.states.read().size == 1
    assert log.state.read().size == 2


async def test_releases_stop_while_the_end_of_a_closed_shard_is_unpublished(log):
    """The oldest unpublished entry counts, in whichever shard it lies."""
    await append(log, 2)
    await log.publish()
    await append(log, 1)
    log.clock.now = NEW_YEAR + 1
    with pytest.raises(ReleaseStopped):
        await append(log, 1, release=True)
    await log.publish()
    await append(log, 1, release=True)


async def test_a_backup_from_before_new_year_is_refused_once_the_new_year_was_signed(sqlite_log, tmp_path):
    """The old shard had its last head: what is added to it would be a second history."""
    log = sqlite_log
    await append(log, 3)
    await log.publish()
    backup = tmp_path / "backup.db"
    await log.database.write(lambda c: None)
    await log.database.read(lambda c: c.exec_driver_sql("VACUUM INTO ?", (str(backup),)))
    log.clock.now = NEW_YEAR
    await log.publish()
    log.clock.now = NEW_YEAR - 1
    async with open_database(f"sqlite:///{backup}") as log.database:
        await append(log, 1)
        with pytest.raises(SignerRefused, match="a later shard was signed"):
            await log.publish()
        log.clock.now = NEW_YEAR
        with pytest.raises(SignerRefused, match="a later shard was signed"):
            await log.publish()


async def test_a_shard_that_does_not_continue_the_one_before_is_not_signed(sqlite_log):
    """Entry 0 is compared with the head of the shard before, before the first signature."""
    log = sqlite_log
    await append(log, 3)
    await log.publish()
    log.clock.now = NEW_YEAR
    await append(log, 3)
    for leaf in (b"{}", b"not JSON", b"[]"):
        await tampered(log, leaf)
        with pytest.raises(SignerRefused, match="does not continue"):
            await log.publish()


async def tampered(log, leaf):
    await tamper_again(log, sa.update(audit_entry).where(audit_entry.c.index == 4).values(leaf=leaf))


async def tamper_again(log, statement):
    from audit.models import install_guards

    await log.database.write(install_guards)
    await tamper(log.database, statement)


async def test_a_finished_shard_that_was_altered_since_is_told(sqlite_log):
    """A publisher looks once at every shard when it starts, also at those long finished."""
    log = sqlite_log
    await append(log, 3)
    log.clock.now = NEW_YEAR
    await append(log, 3)
    await log.publish()
    await tamper(log.database, sa.update(audit_head).where(audit_head.c.id == 1).values(root=b"\0" * 32))
    with pytest.raises(SignerRefused, match="not the one that was signed"):
        await log.publish()


async def test_a_shard_is_found_by_name(log):
    """What others keep is an origin and an index in it."""
    await append(log, 2)
    log.clock.now = NEW_YEAR
    await append(log, 2)

    def work(connection):
        return shards.named(connection, NEXT), shards.current(connection)

    named, current = await log.database.read(work)
    assert named == current
    assert await log.database.read(lambda c: shards.named(c, "other.example/2026")) is None


async def test_a_log_that_was_never_started_has_no_shard(log):
    """Nothing to lock, nothing to turn, nothing published."""
    assert await log.database.read(shards.current) is None
    await shards.turn_when_due(log.database, base=BASE, now=NEW_YEAR)
    with pytest.raises(JournalInconsistent, match="no head"):
        await log.database.write(shards.locked)
    await log.database.write(lambda c: shards.begin(c, ORIGIN, previous=None, now=NOW))
    with pytest.raises(NotPublished):
        await checkpoint_of(log, await log.database.read(shards.current))


async def test_an_exchange_across_new_year_is_no_alarm_and_nothing_else_is_excused(log, tmp_path):
    """Decided in the old log, released in the new: within minutes of its beginning, once, and told."""
    told, failed = await verified_across(log, tmp_path / "a", late=0)
    assert (told, failed) == ("1 decided in the year before: look there", [])
    told, failed = await verified_across(log, tmp_path / "b", late=300_001)
    assert failed == ["releases"]


async def verified_across(log, out, late):
    about = {"ref": new_id(), "org": "ml-brume", "purpose": "support.youth", "actor": "f" * 32}
    decided = {"catalogue": "c" * 64, "epoch": 1, "decision": "permit", "permits": {"ml-jeunes@1": ["rsa.since"]}}
    released = {"states": {"rsa": "released"}, "commits": {"rsa.since": "A" * 32}}
    steps = [("released", released, NEW_YEAR + late)]
    if not late:  # else nobody ever decided
        steps.insert(0, ("decided", decided, NEW_YEAR - 1))
    for kind, more, now in steps:
        log.clock.now = now
        async with log.journal() as journal:
            await journal.append(linked(type=f"exchange.{kind}", members={**about, **more}, time=now))
    await log.publish()
    await export_directory(log.database, out, vkey=log.signer.vkey.named(BASE))
    report = verify_directory(out, log.signer.vkey.named(BASE))
    return next(check.detail for check in report.checks if check.name == "releases"), report.failed()


async def test_processes_that_start_an_empty_log_together_make_one(log, database_url):
    """Whoever comes second finds the log of the first, and checks it."""
    async with open_database(database_url) as other:
        journals = [Journal(store, gate=stamp, origin=BASE, clock=log.clock) for store in (log.database, other) * 3]
        await asyncio.gather(*(journal.start() for journal in journals))
        await asyncio.gather(*(journal.close() for journal in journals))
    assert [shard.size for shard in await log.database.read(shards.every)] == [1]


async def test_a_log_of_another_name_is_not_published(log):
    """Also when nobody has published it yet."""
    await log.database.write(lambda c: shards.begin(c, "other.example/2026", previous=None, now=NOW))
    with pytest.raises(SignerRefused, match="another origin"):
        await log.publish()


async def test_held_publishers_sign_nothing_until_started_anew(log):
    """Who holds the publisher has seen a longer log elsewhere: nothing is signed, nothing leaves."""
    told = []
    await append(log, 2)
    publisher = Publisher(log.database, log.signer.named(BASE), state=log.states, origin=BASE, on_hold=told.append)
    error = SignerRefused("a witness holds more")
    publisher.hold(error)
    with pytest.raises(SignerRefused, match="a witness holds more"):
        await publisher.publish_once(NOW)
    assert (told, publisher.fault, log.state.read()) == ([error], error, None)
    async with log.journal() as journal:
        journal.hold(error)
        with pytest.raises(ReleaseStopped):
            await journal.append(linked(release=True))
        assert (await journal.append(linked())).index == 3


def test_names_of_shards_are_read_back():
    """The base name, then the year; nothing else is a shard of this log."""
    assert years.origin_of("a.example/log", NEW_YEAR) == "a.example/log/2027"
    assert years.origin_of("a.example/log", NEW_YEAR - 1) == "a.example/log/2026"
    parts = {"a.example/log/2027": "2027", "a.example/log": "", "a.example/log/20270": None, "b.example/2027": None}
    assert {origin: years.part("a.example/log", origin) for origin in parts} == parts
    assert years.base_of("a.example/log/2027") == years.base_of("a.example/log") == "a.example/log"
    assert Clock()() == NOW
