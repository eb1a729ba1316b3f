"""A person erased: only the notices of the erasure are told, and only what was acknowledged is reported."""

import secrets
from pathlib import Path

import pytest
import sqlalchemy as sa

from audit.checkpoint import sign_note
from audit.keys import Ed25519Signer, Vkey
from consent.erasure import Erasures
from consent.rights import Correction
from gateway.signals.models import endpoint
from gateway.signals.outbox import erasure_notices
from tests.receivers import GOOD, answer, receiving
from tests.unit.gateway.signals.conftest import HOUR, SECOND, World

DAY = 24 * HOUR
OFFICERS = [Ed25519Signer(f"officer.example/{name}", secrets.token_bytes(32)) for name in ("ada", "bob")]


async def erase(world: World, pseudonym: str) -> str:
    """Two officers, three days, done; gives the id of the erasure."""
    services = world.services
    keys = [Vkey(each.name, each.vkey.public) for each in OFFICERS]
    erasures = Erasures(
        store=services.store, journal=services.journal, vault=services.vault, officers=keys, delay_ms=0,
        trace_ms=40 * DAY, told=services.outbox.erased,
    )  # fmt: skip
    found = await erasures.request(await world.bed.subject("ml-brume", pseudonym), now=world.clock.now)
    for officer in OFFICERS:
        await erasures.sign(found.id, sign_note(found.text, officer), now=world.clock.now)
    await erasures.execute(found.id, now=world.clock.now)
    world.erasures = erasures
    return found.id


async def test_an_erasure_drops_what_waits_and_tells_recipient_and_source(world: World) -> None:
    """Ordinary signals go at once, also those that wait for a repetition; the notice stays until acknowledged."""
    async with receiving(lambda _: answer(500)) as recipient, receiving() as source:
        await world.register(recipient.url)
        await world.register(source.url, "caf-brume")
        pseudonym = await world.person("lucas-perrin", "caf-brume")
        other = await world.person("ines-marchetti")
        subject = await world.bed.subject("ml-brume", pseudonym)
        await world.withdraw(pseudonym, await world.give(pseudonym))
        await world.give(other)
        await world.deliver()
        assert recipient.types == ["authorisation.given"] * 2
        await erase(world, pseudonym)
        recipient.script = lambda _: GOOD
        world.clock.now += SECOND
        await world.deliver()
        told = {(got.event["type"], got.event["data"]["subject"]) for got in recipient.got[2:]}
        assert ("erasure.requested", pseudonym) in told
        assert {name for name, who in told if who == pseudonym} == {"erasure.requested"}
        notice = next(got.event for got in recipient.got if got.event["type"] == "erasure.requested")
        assert notice["data"] == {"subject": pseudonym}
        assert source.got[-1].event["data"] == {"subject": world.given["lucas-perrin", "caf-brume"]}
        assert source.types[-1] == "erasure.requested"
        left = {row["type"] for row in await world.rows() if row["subject"] == subject}
        assert left == {"erasure.requested"}
        assert recipient.ids[-1] != source.ids[-1]


async def test_only_an_acknowledged_notice_is_reported_as_such(world: World) -> None:
    """One acknowledges, one fails, one has no webhook and is not in the list."""
    async with receiving() as recipient, receiving(lambda _: answer(500)) as source:
        await world.register(recipient.url)
        await world.register(source.url, "caf-brume")
        pseudonym = await world.person("lucas-perrin", "caf-brume")
        subject = await world.bed.subject("ml-brume", pseudonym)
        await world.give(pseudonym)
        await world.deliver()
        source.script = lambda _: answer(500)
        await erase(world, pseudonym)
        await world.deliver()
    found = await world.services.store.read(lambda connection: erasure_notices(connection, subject))
    assert [(each.partner, each.acknowledged_at is not None) for each in found] == [
        ("caf-brume", False), ("ml-brume", True),
    ]  # fmt: skip


async def test_a_notice_is_dropped_once_nobody_knows_the_person_s_name(world: World) -> None:
    """After the trace of the erasure has gone as well."""
    async with receiving(lambda _: answer(500)) as recipient:
        made = await world.register(recipient.url)
        pseudonym = await world.person()
        await world.give(pseudonym)
        erasure = await erase(world, pseudonym)
        await world.deliver()
        before = len(recipient.got)
        world.clock.now += 29 * DAY
        await world.services.store.write(
            lambda connection: connection.execute(sa.text("UPDATE consent_erasure SET forget_at = 0")) and None
        )
        await world.erasures.forget(erasure, now=world.clock.now)
        await world.deliver()
        row = (await world.services.endpoints.deliveries("ml-brume", made["id"], before=None))[0]
        assert (row["state"], row["outcome"]) == ("dropped", "person_forgotten")
        assert len(recipient.got) == before
        assert await world.services.endpoints.replay("ml-brume", made["id"], since=0, now=world.clock.now) == 0


async def test_what_was_acknowledged_is_reported_until_the_trace_is_gone(world: World) -> None:
    """A month later, and by who has deleted its webhook since; one that is disabled still owes an answer."""
    async with receiving() as recipient, receiving(lambda _: answer(410)) as source:
        made = await world.register(recipient.url)
        await world.register(source.url, "caf-brume")
        pseudonym = await world.person("lucas-perrin", "caf-brume")
        subject = await world.bed.subject("ml-brume", pseudonym)
        await world.give(pseudonym)
        erasure = await erase(world, pseudonym)
        await world.deliver()

        async def told() -> list[tuple[str, bool]]:
            found = await world.services.store.read(lambda connection: erasure_notices(connection, subject))
            return [(each.partner, each.acknowledged_at is not None) for each in found]

        at_once = [("caf-brume", False), ("ml-brume", True)]
        assert await told() == at_once
        world.clock.now += 31 * DAY
        await world.deliver()
        assert await told() == at_once
        world.tokens["ml-brume"] = await world.bed.token("ml-brume")
        assert (await world.call("DELETE", f"/v1/webhooks/{made['id']}")).status_code == 204
        assert (await world.call("GET", "/v1/webhooks")).json() == {"webhooks": []}
        assert (await world.call("GET", f"/v1/webhooks/{made['id']}/deliveries")).status_code == 404
        assert await told() == at_once
        world.clock.now += 9 * DAY
        await world.erasures.forget(erasure, now=world.clock.now)
        await world.deliver()
    assert await world.rows() == []
    query = sa.select(endpoint.c.partner)
    left = await world.services.store.read(lambda connection: connection.execute(query).scalars().all())
    assert left == ["caf-brume"]


@pytest.mark.parametrize(("days", "owed"), [(29, 2), (31, 0)])
async def test_what_waits_at_a_disabled_webhook_is_owed_for_thirty_days(world: World, days: int, owed: int) -> None:
    """As long as it could be replayed, from the disabling on; of an erased person the notice alone, as ever."""
    async with receiving(lambda _: answer(410)) as recipient:
        made = await world.register(recipient.url)
        pseudonym, other = await world.person(), await world.person("ines-marchetti")
        await world.withdraw(pseudonym, await world.give(pseudonym))
        await world.give(other)
        world.clock.now += 31 * DAY  # what is older than the disabling waits as long after it
        await world.deliver()
        await erase(world, other)
        world.clock.now += days * DAY
        await world.deliver()
        assert len(await world.rows()) == owed + 1
        world.tokens["ml-brume"] = await world.bed.token("ml-brume")
        recipient.got.clear()
        recipient.script = lambda _: GOOD
        assert (await world.call("POST", f"/v1/webhooks/{made['id']}/enable")).status_code == 200
        await world.deliver()
    of_them = [got.event["type"] for got in recipient.got if got.event["data"]["subject"] == pseudonym]
    assert of_them == ["authorisation.given", "authorisation.withdrawn"][:owed]
    assert [got.event["type"] for got in recipient.got if got.event["data"]["subject"] == other] == [
        "erasure.requested"
    ]


async def test_what_happens_while_a_webhook_is_disabled_has_its_own_thirty_days(world: World) -> None:
    """However long it is disabled: the last thirty days are there when it comes back."""
    async with receiving(lambda _: answer(410)) as recipient:
        await world.register(recipient.url)
        first = await world.give(pseudonym := await world.person())
        await world.deliver()
        world.clock.now += 40 * DAY
        await world.withdraw(pseudonym, first)
        await world.deliver()
    assert [row["type"] for row in await world.rows()] == ["authorisation.withdrawn"]


async def test_nothing_delivered_is_kept_longer_than_it_can_be_replayed(world: World) -> None:
    """Thirty days, and an hour at most until somebody looks."""
    async with receiving() as recipient:
        await world.register(recipient.url)
        await world.give(await world.person())
        await world.deliver()
        world.clock.now += 30 * DAY
        await world.deliver()
        assert len(await world.rows()) == 1
        world.clock.now += HOUR
        await world.deliver()
    assert await world.rows() == []


async def test_a_correction_tells_the_recipient_to_ask_again(world: World) -> None:
    """`source.changed`: whom and where in the journal, not what."""
    async with receiving() as recipient:
        await world.register(recipient.url)
        pseudonym = await world.person()
        subject = await world.bed.subject("ml-brume", pseudonym)
        told = Correction(subject=subject, recipient="ml-brume", source="caf-brume", at=world.clock.now, entry=7)
        await world.services.store.write(lambda connection: world.services.outbox.corrected(connection, told))
        await world.deliver()
    assert [(got.event["type"], got.event["data"]) for got in recipient.got] == [
        ("source.changed", {"subject": pseudonym, "entry": 7})
    ]


async def test_whoever_knows_the_tables_finds_no_outbox_key(world: World, tmp_path: Path) -> None:
    """The names sources know authorisations by come from the gateway's own key."""
    assert "key" not in repr(world.services.outbox)
    assert world.services.keys.naming.hex() not in repr(world.services.keys)
