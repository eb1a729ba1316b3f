"""A rotation killed at every step: there is a key that signs, and running it again completes it."""

import asyncio
import os
import signal
import stat
import sys
import traceback

import sqlalchemy as sa

from audit import rotation, succession
from audit.canonical import loads
from audit.journal import Journal
from audit.keys import create_key, load_key
from audit.models import audit_entry, metadata
from audit.publisher import Publisher
from audit.ring import Ring
from audit.signer_state import SignerState
from gateway.database import open_database
from tests.unit.audit.conftest import BASE, NOW, linked, stamp


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
