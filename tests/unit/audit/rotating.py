"""One host's keys, and its journal and publisher while they change."""

import sqlalchemy as sa

from audit import rotation, shards, succession, tiles
from audit.canonical import loads
from audit.cosignature import create_cosigner, load_cosigner
from audit.keys import Ed25519Signer, create_key, load_key
from audit.models import audit_entry
from audit.publisher import Publisher
from audit.ring import Ring
from tests.unit.audit.conftest import BASE, NOW, linked

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


def statement():
    former, key = Ed25519Signer(BASE, b"\1" * 32), Ed25519Signer(BASE, b"\2" * 32)
    return succession.declare("log", former, key, now=NOW), former, key
