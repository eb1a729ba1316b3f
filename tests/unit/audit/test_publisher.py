"""The publisher signs what it has read back, and never two histories."""

import asyncio
import logging

import pytest
import sqlalchemy as sa

from audit import shards, tiles
from audit.checkpoint import open_checkpoint
from audit.errors import KeyRefused, ReleaseStopped, SignerRefused, StoreUnavailable
from audit.keys import Ed25519Signer
from audit.models import audit_checkpoint, audit_entry, audit_head, audit_tile
from audit.signer_state import Signed, SignerState
from tests.tampering import tamper
from tests.unit.audit.conftest import BASE, ORIGIN, linked


def newest_checkpoint(connection):
    return tiles.newest_checkpoint(connection, shards.current(connection))


async def append(log, count):
    async with log.journal() as journal:
        return await asyncio.gather(*(journal.append(linked()) for _ in range(count)))


async def test_a_checkpoint_is_signed_stored_and_remembered(log):
    """The note in the database is the one in the signer state, about the head of the log."""
    appended = await append(log, 300)
    checkpoint = await log.publish()
    size, note = await log.database.read(newest_checkpoint)
    assert open_checkpoint(note, log.signer.vkey) == checkpoint
    assert (checkpoint.origin, checkpoint.size, size) == (ORIGIN, 301, 301)
    assert checkpoint.root == max(appended, key=lambda one: one.size).root
    assert log.state.read().note == note


async def test_without_news_nothing_is_signed(log):
    """A checkpoint per head, not per second."""
    assert await log.publish() is None
    await append(log, 3)
    assert (await log.publish()).size == 4
    assert await log.publish() is None


async def test_each_round_goes_on_from_the_last(log):
    """Only new entries are read again, whatever the sizes between tiles."""
    for count in (1, 254, 1, 1, 300, 600):
        await append(log, count)
        size = (await log.publish()).size
    assert size == 1_158
    sizes = sa.select(audit_checkpoint.c.size).order_by(audit_checkpoint.c.size)
    assert await log.database.read(lambda c: list(c.execute(sizes).scalars())) == [2, 256, 257, 258, 558, 1_158]


async def test_a_crash_between_signing_and_storing_is_made_good(log):
    """The signer state has the note: the next round stores it, and signs nothing else."""
    await append(log, 3)
    publisher = log.publisher(store=NoWrites(log.database))
    with pytest.raises(StoreUnavailable):
        await publisher.publish_once(log.clock())
    note = log.state.read().note
    assert (await log.publish()).size == 4
    assert (await log.database.read(newest_checkpoint))[1] == note


class NoWrites:
    """A store that reads only."""

    def __init__(self, store):
        self.read, self.dialect = store.read, store.dialect

    async def write(self, work):
        raise StoreUnavailable("read only")


async def test_two_publishers_on_one_state_sign_one_history(log):
    """Compare-and-set: the slower one signs nothing, whatever the interleaving."""
    await append(log, 600)
    done = await asyncio.gather(*(log.publish() for _ in range(4)))
    assert {one.size for one in done if one is not None} == {601}
    await append(log, 10)
    assert (await log.publish()).size == 611


async def test_a_publisher_that_lost_the_race_stores_nothing(log):
    """What another signed meanwhile stays the last signed head."""
    await append(log, 3)

    class Raced(SignerState):
        def replace(self, expected, signed):
            return super().replace(signed, signed)

    state = Raced(log.states._path)
    assert await log.publisher(state=state).publish_once(log.clock()) is None
    assert log.state.read() is None


async def test_a_publisher_of_another_host_continues_from_a_copy_of_the_state(log, tmp_path):
    """Its own state lags behind what others published; it catches up and agrees."""
    await append(log, 300)
    await log.publish()
    copied = tmp_path / "copy-2026.json"
    copied.write_bytes(log.state._path.read_bytes())
    await append(log, 300)
    await log.publish()
    elsewhere = log.publisher(state=SignerState(tmp_path / "copy.json"))
    assert (await elsewhere.publish_once(log.clock())).size == 601
    await append(log, 5)
    assert (await elsewhere.publish_once(log.clock())).size == 606


ENTRY, HEAD, TILE = sa.update(audit_entry), sa.update(audit_head), sa.update(audit_tile)
at = audit_entry.c.index.__eq__
level = audit_tile.c.level.__eq__


@pytest.mark.parametrize(
    "statements",
    [
        [ENTRY.where(at(400)).values(leaf=b"{}")],
        [ENTRY.where(at(400)).values(hash=b"\0" * 32)],
        [sa.delete(audit_entry).where(at(400))],
        [sa.delete(audit_entry).where(at(599))],
        [TILE.where(audit_tile.c.index == 1).values(hashes=b"\0" * 8192)],
        [TILE.where(audit_tile.c.index == 1).values(root=b"\0" * 32)],
        [TILE.where(audit_tile.c.index == 0).values(root=b"\0" * 32)],
        [sa.delete(audit_tile).where(audit_tile.c.index == 1)],
        [sa.delete(audit_tile).where(audit_tile.c.index == 0)],
        [HEAD.values(root=b"\0" * 32)],
        [HEAD.values(size=601)],
        [HEAD.values(origin="other.example")],
    ],
)
async def test_nothing_is_signed_over_altered_storage(sqlite_log, statements):
    """A flipped byte in an entry, a tile or the head stops the log instead of being signed."""
    await append(sqlite_log, 300)
    await sqlite_log.publish()
    await append(sqlite_log, 299)
    before = sqlite_log.state.read()
    await tamper(sqlite_log.database, *statements)
    with pytest.raises(SignerRefused):
        await sqlite_log.publish()
    assert sqlite_log.state.read() == before


async def test_a_tile_that_vanished_later_is_missed(sqlite_log):
    """The tree is rebuilt from all tiles of the right edge, not only from the new ones."""
    await append(sqlite_log, 800)
    await sqlite_log.publish()
    await append(sqlite_log, 3)
    await tamper(sqlite_log.database, sa.delete(audit_tile).where(audit_tile.c.index == 0))
    with pytest.raises(SignerRefused, match="missing"):
        await sqlite_log.publish()


async def test_upper_tiles_are_compared_as_well(sqlite_log):
    """A tile of the second level must hold the roots of the first."""
    from audit.rehash import compare_upper

    await append(sqlite_log, 300)
    await sqlite_log.database.read(lambda c: compare_upper(c, shards.current(c), 1, old_size=0, new_size=301))
    row = {"shard": 1, "level": 1, "index": 0, "root": b"\0" * 32, "hashes": b"\0" * 8192}
    await sqlite_log.database.write(lambda c: c.execute(sa.insert(audit_tile), row))
    tiles = [{"shard": 1, "level": 0, "index": n, "root": b"%032d" % n, "hashes": b""} for n in range(1, 256)]
    await sqlite_log.database.write(lambda c: c.execute(sa.insert(audit_tile), tiles))
    with pytest.raises(SignerRefused, match="tile"):
        await sqlite_log.database.read(lambda c: compare_upper(c, shards.current(c), 1, old_size=0, new_size=65_536))


async def test_a_restored_backup_is_refused(sqlite_log, tmp_path):
    """A log smaller than what was signed lost entries that somebody may hold a proof of."""
    from gateway.database import open_database

    await append(sqlite_log, 3)
    backup = tmp_path / "backup.db"
    await sqlite_log.database.write(lambda c: None)
    await sqlite_log.database.read(lambda c: c.exec_driver_sql("VACUUM INTO ?", (str(backup),)))
    await append(sqlite_log, 3)
    await sqlite_log.publish()
    async with open_database(f"sqlite:///{backup}") as restored:
        with pytest.raises(SignerRefused, match="rolled back"):
            await sqlite_log.publisher(store=restored).publish_once(sqlite_log.clock())
        sqlite_log.database = restored
        await append(sqlite_log, 3)
        with pytest.raises(SignerRefused, match="not the one"):  # as large, another history
            await sqlite_log.publish()
        await append(sqlite_log, 3)
        with pytest.raises(SignerRefused, match="not the head"):  # larger, another history
            await sqlite_log.publish()


async def test_what_another_host_published_is_not_contradicted(log, tmp_path):
    """A checkpoint of ours in the database that this history does not pass through stops the publisher."""
    from audit.checkpoint import Checkpoint, sign_note

    await append(log, 3)
    forged = sign_note(Checkpoint(ORIGIN, 6, b"\0" * 32).text(), log.signer)
    await log.publish()
    row = {"shard": 1, "size": 6, "at": 0, "note": forged}
    await log.database.write(lambda c: c.execute(sa.insert(audit_checkpoint), row))
    with pytest.raises(SignerRefused, match="rolled back"):
        await log.publish()
    await append(log, 6)
    with pytest.raises(SignerRefused, match="contradicts the log"):
        await log.publish()


async def test_checkpoints_of_another_key_are_not_continued(log):
    """The wrong key file must not sign, and a note nobody here signed is told."""
    await append(log, 3)
    await log.publish()
    stranger = Ed25519Signer(BASE, b"\5" * 32)
    with pytest.raises(SignerRefused, match="published checkpoint was not signed"):
        await log.publisher(signer=stranger).publish_once(log.clock())
    with pytest.raises(KeyRefused):
        log.publisher(origin="other.example")


async def test_a_lost_signer_state_is_not_made_anew(log):
    """Without memory of what was signed the publisher could sign a second history."""
    await append(log, 3)
    await log.publish()
    log.state._path.unlink()
    with pytest.raises(SignerRefused, match="state is gone"):
        await log.publish()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"size": 3, "peaks": "00", "note": ""}', '{"size": "3", "peaks": "", "note": ""}']
)
async def test_an_unreadable_signer_state_is_not_an_empty_one(sqlite_log, text):
    """A damaged file is a reason to stop and look."""
    await append(sqlite_log, 1)
    sqlite_log.state._path.write_text(text)
    with pytest.raises(SignerRefused, match="not a signer state"):
        await sqlite_log.publish()


async def test_a_signer_state_must_agree_with_its_own_note(sqlite_log):
    """The range to continue from is the one that was signed, by this key."""
    await append(sqlite_log, 3)
    await sqlite_log.publish()
    signed = sqlite_log.state.read()
    sqlite_log.state.replace(signed, Signed(4, b"\0" * 32, signed.note))
    with pytest.raises(SignerRefused, match="its own note"):
        await sqlite_log.publish()
    sqlite_log.state.replace(sqlite_log.state.read(), Signed(4, signed.peaks, signed.note.replace("4\n", "5\n")))
    with pytest.raises(SignerRefused, match="state was not signed"):
        await sqlite_log.publish()


async def test_running_publishes_by_itself_and_tells_a_fault_once(log, caplog):
    """A refusal is loud, lasts as long as its cause, and stops nothing else."""
    publisher = log.publisher()
    task = asyncio.create_task(publisher.run(log.clock, interval=0.01))

    async def until(condition):
        while not condition():  # noqa: ASYNC110  the publisher has no event to wait for
            await asyncio.sleep(0.01)

    with caplog.at_level(logging.CRITICAL):
        await append(log, 3)
        await asyncio.wait_for(until(lambda: (signed := log.state.read()) and signed.size == 4), 10)
        kept = log.state._path.read_text()
        log.state._path.write_text("{}")
        await asyncio.wait_for(until(lambda: publisher.fault is not None), 10)
        await asyncio.sleep(0.05)
        assert publisher.fault.code == "signer_refused"
        log.state._path.write_text(kept)
        await asyncio.wait_for(until(lambda: publisher.fault is None), 10)
        publisher._keys._key = None  # a key service that fails in its own way
        await append(log, 1)
        await asyncio.wait_for(until(lambda: publisher.fault is not None), 10)
        assert (publisher.fault.code, str(publisher.fault)) == ("audit_error", "AttributeError")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [record.levelname for record in caplog.records] == ["CRITICAL"] * 2
    assert "signer_refused" in caplog.text


async def test_a_contradiction_is_not_lifted_by_another_failure(sqlite_log, monkeypatch):
    """A database that is away for a moment says nothing about the log: only a round that succeeds does."""
    log = sqlite_log
    held = []
    publisher = log.publisher(on_hold=held.append)
    await append(log, 3)
    await publisher.round(log.clock())
    kept = log.state._path.read_text()
    log.state._path.write_text("{}")
    await publisher.round(log.clock())

    async def away(_):
        raise StoreUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(log.database, "read", away)
        await publisher.round(log.clock())
    assert publisher.fault.code == "store_unavailable"
    log.state._path.write_text(kept)
    await publisher.round(log.clock())
    assert [error and error.code for error in held] == [None, "signer_refused", "signer_refused", None]


async def test_releases_stop_when_entries_wait_too_long_for_a_checkpoint(log):
    """Nothing leaves on entries the operator could still rewrite; everything else goes on."""
    async with log.journal() as journal:
        assert (await journal.append(linked(release=True))).index == 1
        log.clock.now += 60_001
        drafts = [linked(time=log.clock.now, release=release) for release in (True, False, True)]
        outcomes = await asyncio.gather(*map(journal.append, drafts), return_exceptions=True)
        assert [type(one).__name__ for one in outcomes] == ["ReleaseStopped", "Appended", "ReleaseStopped"]
        with pytest.raises(ReleaseStopped):
            await journal.append(linked(time=log.clock.now, release=True))
        await log.publish()
        assert (await journal.append(linked(time=log.clock.now, release=True))).index == 3
        log.clock.now += 60_000
        assert (await journal.append(linked(time=log.clock.now, release=True))).index == 4


async def test_a_signer_state_is_written_whole_and_by_its_owner_only(tmp_path):
    """No temporary file remains, and compare-and-set refuses what is not expected."""
    state = SignerState(tmp_path / "signer.json")
    first, second = Signed(0, b"", "a"), Signed(1, b"\0" * 32, "b")
    assert state.replace(None, first)
    assert not state.replace(None, second)
    assert not state.replace(second, second)
    assert state.replace(first, second)
    assert state.read() == second
    assert sorted(path.name for path in tmp_path.iterdir()) == ["signer.json", "signer.json.lock"]
    assert (tmp_path / "signer.json").stat().st_mode & 0o077 == 0
