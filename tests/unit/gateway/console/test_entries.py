"""An entry is shown as the journal holds it, and says itself whether it is what was signed."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from audit import merkle, proofs
from audit.keys import Ed25519Signer, Vkey
from audit.models import audit_entry, audit_head, audit_tile
from audit.publisher import Publisher
from audit.reading import PublishedLog
from audit.signer_state import SignerState
from gateway.console import entries
from gateway.console.entries import Entry
from tests.tampering import tamper
from tests.unit.gateway.console.conftest import World

SIGNER = Ed25519Signer("gateway.example/log", b"\1" * 32)


def vkeys(origin: str) -> Sequence[Vkey]:
    return [SIGNER.vkey.named(origin)]


async def publish(world: World, home: Path) -> None:
    publisher = Publisher(world.store, SIGNER, state=SignerState(home / "signer"), origin="gateway.example/log")
    await publisher.publish_once(world.clock.now)


async def read(world: World, *positions: int) -> dict[int, Entry]:
    log = PublishedLog(world.store)
    return await world.store.read(lambda connection: entries.read(connection, log, positions, vkeys))


@pytest.fixture
async def long(world: World, tmp_path: Path) -> World:
    """More than a tile of entries, published, and one that is not yet."""
    for _ in range(130):
        await world.exchange()
    await publish(world, tmp_path)
    await world.exchange(denied="withdrawn")
    return world


async def test_an_entry_is_proved_up_to_the_signed_root(long: World) -> None:
    """With the very proof that is downloaded; what is younger than the checkpoint waits; what is not there is not."""
    found = await read(long, 0, 100, 260, 261, 999)
    assert {position: entry.state for position, entry in found.items()} == {
        0: "proved", 100: "proved", 260: "proved", 261: "waiting",
    }  # fmt: skip
    entry = found[100]
    assert entry.proof is not None
    assert entry.leaf is not None
    proofs.verify(proofs.parse(entry.written()), merkle.leaf_hash(entry.leaf), *vkeys(entry.origin))
    assert (entry.number, entry.year, entry.content["type"]) == (100, "2026", "exchange.released")


_entry = sa.update(audit_entry).where(audit_entry.c.index == 9)
CHANGES = {
    "its bytes": _entry.values(leaf=b'{"type":"exchange.released"}'),
    "bytes and hash": _entry.values(leaf=b"{}", hash=merkle.leaf_hash(b"{}")),
    "removed": sa.delete(audit_entry).where(audit_entry.c.index == 9),
    "its tile": sa.update(audit_tile).where(audit_tile.c.index == 0).values(hashes=b"\0" * 8192),
}


@pytest.mark.parametrize("what", sorted(CHANGES))
async def test_an_entry_that_is_not_what_was_signed_says_so(long: World, what: str) -> None:
    """Whatever was touched: the entry, its hash, its tile; gone without a retention is altered as well."""
    await tamper(long.store, CHANGES[what])
    assert (await read(long, 9))[9].state == "altered"


async def test_of_a_removed_entry_the_commitment_still_verifies(long: World) -> None:
    """Past its retention nothing of what it said is left; that it was there is proved by the tile."""
    leaf = (await read(long, 9))[9].leaf
    assert leaf is not None
    await tamper(
        long.store, sa.update(audit_head).values(minimum=256), sa.delete(audit_entry).where(audit_entry.c.index < 256)
    )
    entry = (await read(long, 9))[9]
    assert (entry.state, entry.leaf, entry.content) == ("removed", None, {})
    assert entry.leaf_hash == merkle.leaf_hash(leaf)
    assert entry.proof is not None
    proofs.verify(entry.proof, merkle.leaf_hash(leaf), *vkeys(entry.origin))


async def test_a_checkpoint_of_a_foreign_key_proves_nothing(long: World) -> None:
    """The page does not believe whoever signed: it has the journal's keys."""
    log = PublishedLog(long.store)
    other = Ed25519Signer("gateway.example/log", b"\7" * 32)
    found = await long.store.read(
        lambda connection: entries.read(connection, log, [9], lambda origin: [other.vkey.named(origin)])
    )
    assert found[9].state == "altered"
    assert found[9].proof is None
