"""What is past its retention goes, oldest first; every proof made before or after still verifies."""

import asyncio
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from audit import merkle, shards, tiles
from audit.checkpoint import open_checkpoint
from audit.errors import NotPublished, Pruned, RetentionRefused, SignerRefused
from audit.merkle import CompactRange
from audit.models import (
    audit_attested,
    audit_checkpoint,
    audit_cosignature,
    audit_entry,
    audit_head,
    audit_seal,
    audit_tile,
    audit_timestamp,
)
from audit.reading import PublishedLog
from audit.retention import plan, prune, pruned_before, sweep
from audit.years import months_before
from tests.tampering import tamper
from tests.unit.audit.conftest import BASE, ORIGIN, linked

MONTH = 31 * 86_400_000
NEXT = f"{BASE}/2027"


async def append(log, count):
    async with log.journal() as journal:
        drafts = (linked(time=log.clock.now, seal=b"sealed") for _ in range(count))
        return await asyncio.gather(*(journal.append(draft) for draft in drafts))


async def cuts(log, *, months=12, quorum=False, whole=()):
    before = months_before(log.clock.now, months)
    return await log.database.read(lambda c: plan(c, before=before, quorum=quorum, whole=whole))


async def cut_all(log, **options):
    found = await cuts(log, **options)
    async with log.journal() as journal:
        for cut in found:
            await prune(journal, log.database, cut, months=36, justification="internal_control", now=log.clock.now)
    return found


async def present(log, table=audit_entry):
    query = sa.select(table.c.index).order_by(table.c.index)
    return list(await log.database.read(lambda c: c.execute(query).scalars()))


async def proved(log, year, index):
    """The inclusion of an entry in the newest checkpoint of its shard."""
    digest, proof = await PublishedLog(log.database).proof(year, index)
    head = open_checkpoint(proof.note, log.signer.vkey.named(f"{BASE}/{year}"))
    return merkle.verify_inclusion(index, head.size, digest, proof.path, head.root)


async def consistent(log, year, old, old_root):
    """The head of an earlier size is a beginning of the newest."""
    published = PublishedLog(log.database)

    def work(connection):
        served = published.serve(connection, year=year)
        return served, merkle.consistency_path(old, served.size, published.node(connection, served.shard, served.size))

    served, path = await log.database.read(work)
    head = open_checkpoint(served.note, log.signer.vkey.named(f"{BASE}/{year}"))
    return merkle.verify_consistency(old, head.size, old_root, head.root, path)


async def aged(log):
    """A year of 601 entries, published at 301 and to its end; the next one, thirteen months on, of 301."""
    await append(log, 300)
    early = await log.publish()
    await append(log, 300)
    log.clock.now += 13 * MONTH
    await append(log, 300)
    await log.publish()
    return early


async def test_a_closed_year_past_its_retention_loses_its_entries_and_no_proof(log):
    """Entries and seals are gone to the last one; inclusion, consistency and the publisher work as before."""
    early = await aged(log)
    (cut,) = await cut_all(log)
    assert (cut.shard.origin, cut.minimum, cut.entries, cut.whole) == (ORIGIN, 768, 601, False)
    assert (await present(log))[0] == 601
    assert (await present(log, audit_seal))[0] == 602
    assert await log.database.read(pruned_before) == 601
    assert await consistent(log, "2026", 301, early.root)
    assert all([await proved(log, "2026", index) for index in (0, 255, 256, 512, 600)])
    with pytest.raises(Pruned):
        await PublishedLog(log.database).bundle("2026", 0)
    with pytest.raises(Pruned):
        await PublishedLog(log.database).bundle("2026", 2, 89)
    assert (await log.publish()).size == 302
    assert await proved(log, "2027", 301)
    announced = await PublishedLog(log.database).bundle("2027", 1, 46)
    assert b'"justification":"internal_control","minimum":768,"months":36,"origin":"' + ORIGIN.encode() in announced
    assert await cuts(log) == []


async def test_the_open_year_is_cut_at_a_whole_tile(log):
    """C2SP: the minimum is a multiple of 256; what is published and old enough goes, the rest of its tile stays."""
    await append(log, 600)
    await log.publish()
    log.clock.now += 3 * MONTH
    await append(log, 10)
    early = await log.publish()
    assert await cuts(log, months=6) == []
    (cut,) = await cut_all(log, months=2)
    assert (cut.minimum, cut.entries) == (512, 512)
    assert (await present(log))[0] == 512
    assert await log.database.read(pruned_before) == 512
    assert (await log.publish()).size == 612
    assert await proved(log, "2026", 3)
    assert await consistent(log, "2026", 611, early.root)
    with pytest.raises(Pruned):
        await PublishedLog(log.database).bundle("2026", 1)
    assert await PublishedLog(log.database).bundle("2026", 2, 100)
    async with log.journal() as journal:
        assert (await journal.append(linked(time=log.clock.now))).index == 612


async def test_what_no_checkpoint_covers_stays_whatever_its_age(log):
    """Nothing goes before somebody outside can hold a proof of it."""
    await append(log, 300)
    log.clock.now += 3 * MONTH
    assert await cuts(log, months=2) == []
    await log.publish()
    assert [cut.minimum for cut in await cuts(log, months=2)] == [256]


async def test_where_witnesses_are_asked_their_quorum_must_cover_it(log):
    """A checkpoint that only the operator signed binds nobody."""
    await aged(log)
    assert await cuts(log, quorum=True) == []
    attested = {"shard": 1, "size": 600, "at": 0}
    await log.database.write(lambda c: c.execute(sa.insert(audit_attested), attested))
    assert [cut.minimum for cut in await cuts(log, quorum=True)] == [512]
    await log.database.write(lambda c: c.execute(sa.update(audit_attested).values(size=601)))
    assert [cut.minimum for cut in await cuts(log, quorum=True)] == [768]


async def test_what_an_interrupted_run_has_left_is_removed_by_the_next(log):
    """Announced and raised in one transaction; the removal can be repeated from anywhere."""
    await aged(log)
    (cut,) = await cuts(log)

    class StopsError(Exception):
        pass

    class StopsAfterAnnouncement:
        def __init__(self, store):
            self.read = store.read

        async def write(self, work):
            raise StopsError

    async with log.journal() as journal:
        with pytest.raises(StopsError):
            await prune(
                journal, StopsAfterAnnouncement(log.database), cut, months=12, justification="", now=log.clock.now
            )
    assert (await present(log))[0] == 0
    assert all([await proved(log, "2026", index) for index in (0, 600)])
    with pytest.raises(Pruned):
        await PublishedLog(log.database).bundle("2026", 0)
    await sweep(log.database)
    await sweep(log.database)
    assert (await present(log))[0] == 601


async def test_two_commands_at_once_announce_one_cut(log):
    """The second finds the minimum raised and refuses."""
    await aged(log)
    (cut,) = await cuts(log)
    async with log.journal() as journal:
        parts = {"months": 12, "justification": "", "now": log.clock.now}
        done = await asyncio.gather(
            *(prune(journal, log.database, cut, **parts) for _ in range(2)), return_exceptions=True
        )
    assert [type(one) for one in done if one is not None] == [RetentionRefused]
    assert (await present(log))[0] == 601


async def test_a_whole_year_leaves_its_final_checkpoint_cosignatures_and_time_stamps(log):
    """Nothing else of it remains; the years after still continue it, and its publisher has nothing to say."""
    await append(log, 300)
    await log.publish()
    await append(log, 300)
    await log.publish()
    await append(log, 1)
    await log.publish()
    cosigned = [{"shard": 1, "size": size, "witness": "w", "time": 1, "line": "-"} for size in (301, 602)]
    stamped = {"shard": 1, "size": 601, "authority": "a", "at": 1, "token": b""}
    await log.database.write(lambda c: c.execute(sa.insert(audit_cosignature), cosigned))
    await log.database.write(lambda c: c.execute(sa.insert(audit_timestamp), stamped))
    log.clock.now += 13 * MONTH
    await append(log, 300)
    await log.publish()
    (cut,) = await cut_all(log, whole=[ORIGIN])
    assert cut.whole
    first = await log.database.read(lambda c: shards.named(c, ORIGIN))

    def rest(connection):
        checkpoints = sa.select(audit_checkpoint.c.size).where(audit_checkpoint.c.shard == 1).order_by("size")
        tiled = sa.select(sa.func.count()).where(audit_tile.c.shard == 1)
        lines = sa.select(audit_cosignature.c.size)
        return [list(connection.execute(query).scalars()) for query in (checkpoints, tiled, lines)]

    assert await log.database.read(rest) == [[601, 602], [0], [602]]
    note = await log.database.read(lambda c: tiles.newest_checkpoint(c, first)[1])
    assert open_checkpoint(note, log.signer.vkey) == first.head
    with pytest.raises(Pruned):
        await log.database.read(lambda c: tiles.read_tile(c, first, 0, index=0))
    with pytest.raises(Pruned):
        await PublishedLog(log.database).proof("2026", 3)
    assert (await log.publish()).origin == NEXT
    assert [one.whole for one in await cut_all(log, whole=[ORIGIN])] == [True]  # again, when it was interrupted


async def test_only_a_year_past_its_retention_to_the_end_goes_whole(log):
    """Not the open one, not one with young entries, none that does not exist."""
    await aged(log)
    for named in (NEXT, "other.example/2026"):
        with pytest.raises(RetentionRefused):
            await cuts(log, whole=[named])
    with pytest.raises(RetentionRefused, match="not old enough"):
        await cuts(log, months=36, whole=[ORIGIN])
    with pytest.raises(RetentionRefused, match="one before it stays"):
        await cuts(log, months=36, whole=[NEXT])


REMOVALS = {
    "an entry above the minimum": sa.delete(audit_entry).where(audit_entry.c.index == 512),
    "entries on both sides of it": sa.delete(audit_entry),
    "a tile of a shard that is not wholly pruned": sa.delete(audit_tile),
    "a checkpoint of it": sa.delete(audit_checkpoint),
    "a lower minimum": sa.update(audit_head).values(minimum=256),
}


@pytest.mark.parametrize("what", REMOVALS)
async def test_the_database_refuses_to_remove_what_was_not_announced(log, what):
    """The guards know the minimum: announced first, removed after."""
    await append(log, 600)
    await log.publish()
    log.clock.now += 3 * MONTH
    await cut_all(log, months=2)
    with pytest.raises(IntegrityError):
        await log.database.write(lambda c: c.execute(REMOVALS[what]))


async def test_a_publisher_that_lags_behind_the_pruning_catches_up_from_the_tiles(log):
    """Its signer state is older than what is gone: hashes are enough; without them it refuses."""
    await append(log, 100)
    await log.publish()
    kept = log.state._path.read_text()
    await append(log, 900)
    last = await log.publish()
    log.clock.now += 3 * MONTH
    await cut_all(log, months=2)
    newest = await log.publish()
    log.state._path.write_text(kept)
    assert await log.publish() == newest
    assert log.state.read().range().root() == newest.root != last.root
    log.state._path.write_text(kept)
    if log.database.dialect == "sqlite":
        await append(log, 1)
        await tamper(log.database, sa.delete(audit_tile).where(audit_tile.c.index == 1))
        with pytest.raises(SignerRefused, match="tiles are missing"):
            await log.publish()


async def test_a_year_that_ends_with_a_whole_tile_has_no_partial_one_to_keep(log):
    """600 or 512 entries: all hashes of a removed year stay."""
    await append(log, 511)
    log.clock.now += 13 * MONTH
    await append(log, 1)
    await log.publish()
    await cut_all(log)
    first = await log.database.read(lambda c: shards.named(c, ORIGIN))
    assert (first.size, first.minimum) == (512, 512)
    edge = await log.database.read(lambda c: tiles.right_edge(c, first, 512))
    assert edge.root() == first.root == CompactRange.from_bytes(512, first.peaks).root()
    assert await proved(log, "2026", 511)


async def test_nothing_is_planned_in_an_empty_or_unpublished_log(log):
    """No shard, no checkpoint: nothing to remove, nothing was."""
    assert await log.database.read(lambda c: plan(c, before=2**42, quorum=False)) == []
    assert await log.database.read(pruned_before) == 0
    await append(log, 1)
    with pytest.raises(NotPublished):
        await log.database.read(lambda c: tiles.newest_checkpoint(c, shards.current(c)))
    assert await log.database.read(lambda c: plan(c, before=2**42, quorum=False)) == []


@pytest.mark.parametrize(
    ("day", "months", "then"),
    [
        ((2027, 3, 31), 12, (2026, 3, 31)),
        ((2027, 3, 31), 1, (2027, 2, 28)),
        ((2028, 3, 31), 1, (2028, 2, 29)),
        ((2028, 2, 29), 12, (2027, 2, 28)),
        ((2027, 1, 15), 36, (2024, 1, 15)),
        ((2027, 1, 31), 2, (2026, 11, 30)),
    ],
)
def test_months_are_those_of_the_calendar(day, months, then):
    """A month that is shorter ends earlier, never later."""
    at, expected = (int(datetime(*each, 12, tzinfo=UTC).timestamp() * 1000) for each in (day, then))
    assert months_before(at, months) == expected
