"""Asking witnesses over real HTTP: who is asked when, and when a checkpoint counts as cosigned."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa
from tlog_scales.signing import Vkey as OtherVkey
from tlog_scales.signing import VkeySet
from tlog_scales.tlog import Checkpoint as OtherCheckpoint

from audit import attested, shards
from audit.checkpoint import split_note
from audit.cosignature import cosigned
from audit.errors import NotPublished, ReleaseStopped, StoreUnavailable
from audit.models import audit_cosignature
from audit.reading import PublishedLog
from gateway.witnesses import WitnessClient
from tests.unit.audit.conftest import BASE, NOW, ORIGIN, linked
from tests.unit.audit.neighbours import LOG, Ours, policy_of


async def test_a_checkpoint_is_served_once_enough_witnesses_have_cosigned_it(ours, three):
    """Not before; then with their lines, which tlog-scales accepts; the next one from the size they hold."""
    await ours.grow(3)
    with pytest.raises(NotPublished):
        await ours.published.served()
    assert set((await ours.ask()).values()) == {"ok"}
    for entries in (300, 9):
        checkpoint = await ours.grow(entries)
        await ours.ask()
        note = (await ours.published.served()).note
        assert (await ours.published.served()).size == checkpoint.size
        assert set(cosigned(note, [one.key.vkey for one in three])) == {one.key.vkey for one in three}
        other = OtherCheckpoint.from_text(note)
        texts = [str(LOG.vkey), *(str(one.key.vkey) for one in three)]
        assert len(VkeySet(*map(OtherVkey.from_string, texts)).verify(other.signatures, other)) == 4
    assert [body.split(b"\n")[0] for body in three[0].posts] == [b"old 0", b"old 4", b"old 304"]


async def test_what_nobody_needs_to_be_asked_is_not_asked(ours, three):
    """Idempotent: without news nothing is sent, by this process or, once it has heard them, by another."""
    await ours.grow(3)
    await ours.ask()
    await ours.ask()
    assert [len(one.posts) for one in three] == [1, 1, 1]


async def test_a_process_that_starts_asks_everybody_once(ours, three, client):
    """What they hold is only known by asking; then they cosign anew, from the size they told."""
    await ours.grow(3)
    await ours.ask()
    restarted = ours.another(client)
    await restarted.compare()
    await restarted.ask(NOW)
    assert [len(one.posts) for one in three] == [1, 1, 1]
    without_look = ours.another(client)
    for _ in range(2):
        await without_look.ask(NOW)
    assert [body.split(b"\n")[0] for body in three[0].posts] == [b"old 0", b"old 0", b"old 4"]


async def test_a_head_that_this_log_has_grown_past_is_no_contradiction(ours, three, client):
    """A restart after any outage: the witnesses hold less than there is, at every size, and it is ours."""
    for entries in (5, 3):  # and entry 0
        await ours.grow(entries)
        await ours.ask()
    await ours.grow(300)
    restarted = ours.another(client)
    await restarted.compare()
    assert not ours.held
    await restarted.ask(NOW)
    assert three[0].posts[-1].startswith(b"old 9\n")


async def test_nothing_is_asked_before_a_checkpoint_is_signed(ours, three):
    """An empty log has nothing to show."""
    async with ours.log.journal():
        await ours.ask()
    assert not three[0].posts


async def test_without_a_quorum_to_meet_the_newest_checkpoint_is_served_with_what_lines_there_are(ours):
    """A log whose policy asks for none is not held up by its witnesses."""
    await ours.grow(3)
    await ours.ask()
    plain = PublishedLog(ours.log.database)
    assert len(split_note((await plain.served()).note)[1]) == 4
    newest = await ours.grow(3)
    assert ((await plain.served()).size, len(split_note((await plain.served()).note)[1])) == (newest.size, 1)


async def test_our_own_key_and_witnesses_without_address_are_not_asked(log, three, client):
    """A file shared by the consortium names us too; our own word is worth nothing here."""
    lines = policy_of(three, 1).replace(f" {three[2].url}", "")
    ours = Ours(log, client, lines)
    ours.witnessing = ours.another(client, own=[three[1].key.vkey])
    await ours.grow(1)
    assert await ours.ask() == {"w0.example": "ok"}
    assert [len(one.posts) for one in three] == [1, 0, 0]


async def test_another_process_may_be_faster(ours, three, client):
    """A witness that holds a newer checkpoint of ours than the one we sent is right, and so are we."""
    first = asyncio.Lock()

    class Behind(WitnessClient):
        async def post(self, url: str, body: bytes) -> Any:
            async with first:
                if not three[0].posts:
                    await ours.grow(5)
                    await ours.ask()
            return await super().post(url, body)

    await ours.grow(3)
    behind = Behind()
    other = ours.another(behind)
    await other.ask(NOW)
    await behind.close()
    assert not ours.held
    assert set(other.faults.values()) == {None}
    assert (await ours.published.served()).size == 9


async def test_closed_shards_are_cosigned_too(ours, three):
    """The last head of the old year and the first of the new, each a log of its own."""
    await ours.grow(3)
    ours.log.clock.now += 366 * 86_400_000
    for one in three:
        one.now = ours.log.clock.now
    await ours.grow(2)
    assert set((await ours.ask()).values()) == {"ok"}
    every = await ours.log.database.read(shards.every)
    assert [shard.origin for shard in every] == [ORIGIN, f"{BASE}/2027"]
    for shard in every:
        size, note = await ours.log.database.read(lambda c, shard=shard: attested.served(c, shard, quorum=True))
        assert size == shard.size
        assert len(cosigned(note, [one.key.vkey for one in three])) == 3


async def test_release_stops_when_witnesses_are_missing_for_too_long(ours, three):
    """Four hours after the oldest entry without a quorum; appends never wait; it goes on when they are back."""
    hours = 3_600_000
    async with ours.log.journal(max_unwitnessed_ms=4 * hours, max_unpublished_ms=10**12) as journal:
        await journal.append(linked(release=True))
        await ours.publisher.publish_once(NOW)
        assert await journal.append(linked(release=True))
        ours.log.clock.now += 4 * hours
        assert await journal.append(linked(time=ours.log.clock(), release=True))
        ours.log.clock.now += 1
        assert await journal.append(linked(time=ours.log.clock()))
        with pytest.raises(ReleaseStopped, match="witnessed"):
            await journal.append(linked(time=ours.log.clock(), release=True))
        for one in three[:2]:
            one.now = ours.log.clock.now
        await ours.publisher.publish_once(ours.log.clock())
        await ours.ask()
        assert await journal.append(linked(time=ours.log.clock(), release=True))


async def test_cosignatures_cannot_be_removed(ours):
    """Append-only, like checkpoints."""
    await ours.grow(3)
    await ours.ask()
    for change in (audit_cosignature.delete(), audit_cosignature.update().values(line="x")):
        with pytest.raises((StoreUnavailable, sa.exc.IntegrityError)):
            await ours.log.database.write(lambda connection, change=change: connection.execute(change))
