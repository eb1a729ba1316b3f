"""One key takes over from another: both in force for a while, signed under both, at no point without a valid key."""

import asyncio

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from audit import receipts, rotation, shards, succession, tiles
from audit.checkpoint import Checkpoint, open_checkpoint, sign_note
from audit.copying import copy_log
from audit.cosignature import cosigned
from audit.errors import NoteInvalid, RotationRefused
from audit.export import StoredLog
from audit.keys import Ed25519Signer, create_key, load_key
from audit.models import audit_key
from audit.publisher import Publisher
from audit.ring import Ring
from audit.signer_state import SignerState
from audit.trust import Trust
from audit.verify import verify_directory
from tests.unit.audit.conftest import BASE, NOW, ORIGIN, linked
from tests.unit.audit.rotating import ring_of
from tests.unit.audit.test_shards import NEW_YEAR


async def test_during_the_overlap_checkpoints_bear_both_signatures(world):
    """Whoever holds either key can verify; a running publisher needs no restart."""
    former = world.ring.vkey
    note = await world.publish()
    assert open_checkpoint(note, former.named(ORIGIN))
    following = await world.rotate()
    note = await world.publish()
    for vkey in (former, following):
        assert open_checkpoint(note, vkey.named(ORIGIN))
    assert await world.retire() == former
    note = await world.publish()
    assert open_checkpoint(note, following.named(ORIGIN))
    with pytest.raises(NoteInvalid):
        open_checkpoint(note, former.named(ORIGIN))


async def test_the_journal_holds_the_statement_signed_under_both(world):
    """The entry alone is enough to go from the older key to the newer one."""
    former = world.ring.vkey
    following = await world.rotate()
    (entry,) = await world.entries("key.rotated")
    note = succession.of_entry(entry)
    assert succession.read(note) == succession.Succession("log", former, following, NOW)
    await world.publish()
    await world.retire()
    (entry,) = await world.entries("key.retired")
    assert (entry["use"], entry["name"], entry["key"]) == ("log", BASE, succession.raw(former))


async def test_every_key_ever_used_is_published_with_its_validity(world):
    """From the oldest alone one comes to the newest, over two rotations, by statements that prove themselves."""
    keys = [world.ring.vkey]
    assert await world.published() == [succession.PublishedKey("log", str(keys[0]), None, None, None)]
    for turn in (1, 2):
        keys.append(await world.rotate(now=NOW + turn * 10_000))
        await world.publish()
        await world.retire(now=NOW + turn * 10_000 + 5000)
    found = await world.published()
    assert [(each.key, each.since, each.until) for each in found] == [
        (str(keys[0]), None, NOW + 15_000),
        (str(keys[1]), NOW + 10_000, NOW + 25_000),
        (str(keys[2]), NOW + 20_000, None),
    ]
    again = succession.from_json(succession.to_json(found))
    assert again == found
    notes = [each.succession for each in again if each.succession]
    assert succession.follow([keys[0]], reversed(notes)) == tuple(keys)
    assert succession.follow([keys[1]], notes) == tuple(keys[1:])
    stranger = Ed25519Signer(BASE, b"\5" * 32).vkey
    assert succession.follow([stranger], notes) == (stranger,)
    entries = await world.entries("key.rotated")
    assert [succession.of_entry(entry) for entry in entries] == notes


async def test_receipts_are_signed_by_the_newest_key_and_verify_with_either_list(world):
    """The former public text stays published, so a receipt of before still verifies."""
    ring = ring_of(world.folder, "receipt")
    before = receipts.issue(await world.journal.append(linked()), signer=ring.newest)
    former = ring.vkey
    following = await world.rotate(ring)
    after = receipts.issue(await world.journal.append(linked()), signer=ring.newest)
    await world.retire(ring)
    assert ring.vkeys == (following, former)
    for receipt in (before, after):
        assert receipts.verify(receipt, *ring.vkeys)
    with pytest.raises(Exception, match="has not signed"):
        receipts.verify(before, following)
    assert receipts.verify(after, following)


async def test_a_witness_key_takes_over_by_a_dated_statement(world):
    """It signs nothing undated; both cosign during the overlap."""
    ring = ring_of(world.folder, "witness")
    former = ring.vkey
    following = await world.rotate(ring)
    text = Checkpoint(ORIGIN, 1, b"\0" * 32).text()
    note = sign_note(text, world.log.signer) + "".join(key.cosign(text, NOW // 1000) for key in ring.signing)
    assert set(cosigned(note, [former, following])) == {former, following}
    (entry,) = await world.entries("key.rotated")
    assert succession.read(succession.of_entry(entry)).key == following
    await world.retire(ring)
    assert [key.vkey for key in ring.signing] == [following]


async def test_one_rotation_at_a_time(world):
    """Not a third key beside two, not by a host that does not know of the second, not two commands at once."""
    await world.rotate()
    with pytest.raises(RotationRefused, match="retire the former key first"):
        await world.rotate()
    elsewhere = world.folder.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "log.key").write_bytes(world.ring.file.read_bytes())
    (elsewhere / "log.key").chmod(0o600)
    with pytest.raises(RotationRefused, match="bring the file of the next key here"):
        await world.rotate(Ring(elsewhere, "log", load_key))
    with rotation.alone(world.folder), pytest.raises(RotationRefused, match="another command"):
        await world.retire()


async def test_a_further_host_retires_with_its_own_copy_of_the_next_key(world):
    """The journal is told once; each host puts its own files in order, and goes on publishing."""
    await world.publish()
    elsewhere = world.folder.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "log.key").write_bytes(world.ring.file.read_bytes())
    state = SignerState(elsewhere / "signer.json")
    state.of("2026")._path.write_bytes(world.log.state._path.read_bytes())
    following = await world.rotate()
    await world.publish()
    await world.retire()
    (elsewhere / "log.next.key").write_bytes(world.ring.file.read_bytes())
    for name in ("log.key", "log.next.key"):
        (elsewhere / name).chmod(0o600)
    there = Ring(elsewhere, "log", load_key)
    await world.retire(there)
    assert len(await world.entries("key.retired")) == 1
    assert there.vkeys == world.ring.vkeys
    await world.publish()
    publisher = Publisher(world.log.database, there, state=state, origin=BASE)
    newest = await publisher.publish_once(NOW)  # its own state was signed by the former key alone
    assert newest.size == world.log.state.read().size
    assert there.vkey == following


async def test_a_log_key_goes_only_after_a_checkpoint_bears_the_next_signature(world):
    """Otherwise those who hold the newest key alone could not verify the newest checkpoint."""
    with pytest.raises(RotationRefused, match="no key is there to take over"):
        await world.retire()
    await world.publish()
    await world.rotate()
    with pytest.raises(RotationRefused, match=r"no checkpoint of .*/2026 bears"):
        await world.retire()
    await world.publish()
    await world.retire()


async def test_a_key_that_nobody_journaled_cannot_take_over(world):
    """A file put there by hand is no rotation."""
    create_key(world.ring.next_file, BASE)
    with pytest.raises(RotationRefused, match="knows of no rotation"):
        await world.retire()


async def test_key_rows_are_only_ever_added_and_ended(world):
    """Whoever has the application's rights can neither rewrite nor revive a key."""
    await world.rotate()
    await world.publish()
    former = await world.retire()
    mine = audit_key.c.key == str(former)
    for statement in (
        sa.delete(audit_key),
        sa.update(audit_key).values(use="receipt"),
        sa.update(audit_key).where(mine).values(until=None),
        sa.update(audit_key).where(mine).values(until=NOW + 5),
    ):
        with pytest.raises(IntegrityError):
            await world.log.database.write(lambda c, statement=statement: c.execute(statement))


async def test_two_hosts_that_retire_at_once_tell_the_journal_once(world):
    """The row's end is set by one of them."""
    former = world.ring.vkey
    await world.rotate()
    await world.publish()
    parts = {"now": NOW}
    done = await asyncio.gather(
        *(rotation._journal_retirement(world.journal, "log", former, **parts) for _ in range(2)),
        return_exceptions=True,
    )
    assert [type(one) for one in done if one is not None] == [RotationRefused]
    assert len(await world.entries("key.retired")) == 1


async def test_interrupted_between_two_steps_it_is_completed_by_running_it_again(world):
    """Journaled but not yet in force; former key removed but the next one not yet in its place."""
    following = await world.rotate()
    world.ring.next_file.rename(world.ring.staged_file)
    assert world.ring.vkey != following
    assert await world.rotate() == following
    await world.publish()
    world.ring.file.unlink()
    assert await world.retire() == following
    assert world.ring.vkeys == (following,)
    assert [len(await world.entries(kind)) for kind in ("key.rotated", "key.retired")] == [1, 0]


async def test_an_exported_log_is_verified_across_rotations_with_the_oldest_key_alone(world, tmp_path):
    """The list of keys beside the log leads there; a stranger's key, or a list without statements, does not."""
    oldest = world.ring.vkey
    await world.publish()
    for turn in (1, 2):
        await world.rotate(now=NOW + turn)
        await world.publish()
        await world.retire(now=NOW + turn)
    await world.publish()
    out = tmp_path / "copy"
    stored = StoredLog(world.log.database, {"log": world.ring.vkeys})
    await copy_log(stored, out, Trust(world.ring.vkeys))
    for given in (oldest, oldest.named(ORIGIN), world.ring.vkey):
        assert "checkpoint" not in verify_directory(out, given).failed()
    stranger = Ed25519Signer(BASE, b"\5" * 32).vkey
    assert verify_directory(out, stranger).failed() == ["checkpoint"]
    (out / "keys").write_text('{"keys": []}')
    assert verify_directory(out, oldest).failed() == ["checkpoint"]
    assert "checkpoint" not in verify_directory(out, Trust(world.ring.vkeys)).failed()
    assert succession.follow([oldest], ["damaged"]) == (oldest,)


async def test_finished_years_need_no_signature_of_the_next_key(world):
    """Their final checkpoint bears the key of its time; only what will be continued must bear both."""
    former = world.ring.vkey
    await world.publish()
    world.log.clock.now = NEW_YEAR
    await world.publisher.publish_once(NEW_YEAR)
    following = await world.rotate(now=NEW_YEAR)
    await world.publisher.publish_once(NEW_YEAR)
    await world.retire(now=NEW_YEAR)
    first = await world.log.database.read(lambda c: shards.named(c, ORIGIN))
    note = (await world.log.database.read(lambda c: tiles.newest_checkpoint(c, first)))[1]
    assert open_checkpoint(note, former.named(ORIGIN)) == first.head
    anew = Publisher(world.log.database, world.ring, state=world.log.states, origin=BASE)
    assert (await anew.publish_once(NEW_YEAR)).origin == f"{BASE}/2027"
    assert world.ring.vkey == following
