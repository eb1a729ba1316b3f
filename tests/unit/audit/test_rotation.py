"""One key takes over from another: both in force for a while, signed under both, at no point without a valid key."""

import asyncio
import os
import signal
import stat
import sys
import traceback

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from audit import receipts, rotation, shards, succession, tiles
from audit.canonical import loads
from audit.checkpoint import Checkpoint, open_checkpoint, sign_note
from audit.copying import copy_log
from audit.cosignature import cosigned, create_cosigner, load_cosigner
from audit.errors import KeyRefused, NoteInvalid, RotationRefused
from audit.export import StoredLog
from audit.journal import Journal
from audit.keys import Ed25519Signer, create_key, load_key
from audit.models import audit_entry, audit_key, metadata
from audit.publisher import Publisher
from audit.ring import Ring
from audit.signer_state import SignerState
from audit.trust import Trust
from audit.verify import verify_directory
from gateway.database import open_database
from tests.unit.audit.conftest import BASE, NOW, ORIGIN, linked, stamp
from tests.unit.audit.test_shards import NEW_YEAR

USES = {
    "log": (BASE, create_key, load_key),
    "receipt": (f"{BASE}/receipt", create_key, load_key),
    "witness": (f"{BASE}/witness", create_cosigner, load_cosigner),
}


def ring_of(folder, use="log"):
    name, create, load = USES[use]
    ring = Ring(folder, use, load)
    if not ring.file.exists() and not ring.next_file.exists():
        create(ring.file, name)
    return ring


@pytest.fixture
def folder(tmp_path):
    """Where keys lie."""
    made = tmp_path / "keys"
    made.mkdir(mode=0o700)
    return made


class World:
    """A journal, a publisher, and the keys of one host."""

    def __init__(self, log, journal, folder):
        self.log, self.journal, self.folder = log, journal, folder
        self.ring = ring_of(folder)
        self.publisher = Publisher(log.database, self.ring, state=log.states, origin=BASE)

    async def rotate(self, ring=None, now=NOW):
        ring = ring or self.ring
        return await rotation.rotate(self.journal, self.log.database, ring, create=USES[ring.use][1], now=now)

    async def retire(self, ring=None, now=NOW + 1000):
        return await rotation.retire(self.journal, self.log.database, ring or self.ring, now=now)

    async def publish(self):
        await self.journal.append(linked())
        await self.publisher.publish_once(NOW)
        shard = await self.log.database.read(shards.current)
        return (await self.log.database.read(lambda c: tiles.newest_checkpoint(c, shard)))[1]

    async def published(self):
        current = {self.ring.use: self.ring.vkeys}
        return await self.log.database.read(lambda c: rotation.published_keys(c, current))

    async def entries(self, kind):
        query = sa.select(audit_entry.c.leaf).order_by(audit_entry.c.index)
        leaves = await self.log.database.read(lambda c: list(c.execute(query).scalars()))
        return [entry for entry in map(loads, leaves) if entry["type"] == kind]


@pytest.fixture
async def world(log, folder):
    async with log.journal() as journal:
        yield World(log, journal, folder)


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


def test_a_ring_refuses_what_it_cannot_use(folder):
    """No key at all, keys of different names: a sentence, not a guess."""
    with pytest.raises(KeyRefused, match="missing"):
        _ = Ring(folder, "log", load_key).vkey
    ring = ring_of(folder)
    assert ring.name == BASE
    create_key(ring.next_file, "other.example")
    with pytest.raises(KeyRefused, match="different names"):
        _ = ring.vkeys


def statement():
    former, key = Ed25519Signer(BASE, b"\1" * 32), Ed25519Signer(BASE, b"\2" * 32)
    return succession.declare("log", former, key, now=NOW), former, key


def test_a_statement_that_one_of_the_two_has_not_signed_is_refused():
    """Neither the old key alone nor the new one can make a succession."""
    note, former, key = statement()
    text = succession.read(note).text()
    for signers in ((former,), (key,)):
        with pytest.raises(NoteInvalid):
            succession.read(sign_note(text, *signers))
    with pytest.raises(NoteInvalid):
        succession.read(note.replace(str(NOW), str(NOW + 1)))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\nlog\n", "\ntoken\n"),
        lambda text: text.replace(f"\n{NOW}\n", "\nlater\n"),
        lambda text: text.replace(f"\n{NOW}\n", f"\n0{NOW}\n"),
        lambda text: text + "more\n",
        lambda text: text.replace("+", "-"),
        lambda text: text.replace(f"{BASE}/succession", "other.example/succession"),
    ],
)
def test_a_statement_has_one_form(change):
    """Whatever is signed under both but is not a statement of ours leads nowhere."""
    note, former, key = statement()
    with pytest.raises(NoteInvalid, match="not a statement"):
        succession.read(sign_note(change(succession.read(note).text()), former, key))


def test_a_key_cannot_take_over_under_another_name():
    """A name is for ever."""
    former, key = Ed25519Signer(BASE, b"\1" * 32), Ed25519Signer("other.example", b"\2" * 32)
    with pytest.raises(NoteInvalid, match="not a statement"):
        succession.read(succession.declare("log", former, key, now=NOW))


def test_a_statement_is_no_checkpoint():
    """Its second line is a word, where a checkpoint has its size."""
    note, former, _ = statement()
    with pytest.raises(NoteInvalid, match="not a checkpoint"):
        open_checkpoint(note, former.vkey)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": [1]}', '{"keys": [{"use": "log"}]}'])
def test_a_damaged_list_of_keys_is_refused(text):
    """A file from elsewhere is read strictly."""
    with pytest.raises(NoteInvalid, match="not a list of keys"):
        succession.from_json(text)


# --- killed at every step


class Dies:
    """Kills this process at the n-th file operation on keys, or just before or after a transaction."""

    def __init__(self, at, folder):
        self.at, self.count, self.folder = at, 0, str(folder)

    def step(self):
        self.count += 1
        if self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def __call__(self, event, arguments):
        if event in {"open", "os.rename", "os.remove", "os.link"} and str(arguments[0]).startswith(self.folder):
            self.step()


class Stepped:
    """A store that counts before and after each transaction."""

    def __init__(self, store, dies):
        self.read, self.remote, self._store, self._dies = store.read, store.remote, store, dies

    async def write(self, work):
        return await self._counted(self._store.write, work)

    async def each(self, work):
        return await self._counted(self._store.each, work)

    async def _counted(self, run, work):
        self._dies.step()
        done = await run(work)
        self._dies.step()
        return done


async def whole_rotation(url, folder, dies):
    """Rotate, publish, retire; a run that finds a part done goes on from there."""
    async with open_database(url) as database:
        journal = Journal(Stepped(database, dies), gate=stamp, origin=BASE, clock=lambda: NOW)
        await journal.start()
        ring = Ring(folder, "log", load_key)
        store, state = Stepped(database, dies), SignerState(folder.parent / "signer")
        publisher = Publisher(store, ring, state=state, origin=BASE)
        if not ring.next_file.exists() and not list(folder.glob("log.*.vkey")):
            await rotation.rotate(journal, store, ring, create=create_key, now=NOW)
        await journal.append(linked())
        await publisher.publish_once(NOW)
        if ring.next_file.exists():
            await rotation.retire(journal, store, ring, now=NOW)
        await journal.close()


def killed_at(at, url, folder):
    """Run it in a process that dies at this step; tells whether it lived to the end."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            dies = Dies(at, folder)
            sys.addaudithook(dies)
            asyncio.run(whole_rotation(url, folder, dies))
            status = 0
        except BaseException:  # noqa: BLE001  told by the parent
            traceback.print_exc()
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return not os.WIFSIGNALED(status)


def test_killed_at_any_step_of_a_rotation_there_are_valid_keys_and_an_honest_journal(database_url, tmp_path):
    """Signal 9 at step 1, 2, 3…: whoever looks finds a key that signs; running it again completes it, once."""
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o700)
    former = create_key(folder / "log.key", BASE).vkey

    async def tables():
        async with open_database(database_url) as database:
            await database.write(metadata.create_all)

    async def look():
        ring = Ring(folder, "log", load_key)
        async with open_database(database_url) as database:
            query = sa.select(audit_entry.c.leaf).order_by(audit_entry.c.index)
            leaves = [loads(leaf) for leaf in await database.read(lambda c: list(c.execute(query).scalars()))]
            keys = await database.read(lambda c: rotation.published_keys(c, {"log": ring.vkeys}))
        for path in folder.glob("*.key"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        rotated = [entry["key"] for entry in leaves if entry["type"] == "key.rotated"]
        assert {succession.raw(key.vkey) for key in ring.signing} <= {succession.raw(former), *rotated}
        believed = succession.follow([former], [key.succession for key in keys if key.succession])
        assert {key.vkey for key in ring.signing} <= set(believed)
        return [sum(entry["type"] == kind for entry in leaves) for kind in ("key.rotated", "key.retired")], ring

    asyncio.run(tables())
    at = 1
    while not killed_at(at, database_url, folder):
        counts, _ = asyncio.run(look())
        assert max(counts) <= 1
        at += 1
    counts, ring = asyncio.run(look())
    assert counts == [1, 1]
    assert len(ring.signing) == 1
    assert ring.vkeys[1:] == (former,)
    assert at > 8
    assert {path.name for path in folder.iterdir() if not path.name.startswith(("tmp", "."))} == {
        "log.key",
        ring.former_file(former).name,
        "rotation.lock",
    }
