"""Signals over real HTTP: who is told what, by which name, and what nobody is told."""

import json

import pytest

from consent.errors import ConsentError
from tests.receivers import Got, holds_by_key, holds_by_secret, receiving
from tests.registrations import change_status
from tests.unit.gateway.signals.conftest import MESSAGE, World


async def test_giving_and_withdrawing_are_told_to_the_recipient(world: World) -> None:
    """One event each, in order, with the recipient's own pseudonym, the authorisation, the purpose, the entry."""
    async with receiving() as receiver:
        made = await world.register(receiver.url)
        pseudonym = await world.person()
        authorisation = await world.give(pseudonym)
        done = await world.withdraw(pseudonym, authorisation)
        await world.deliver()
    assert receiver.types == ["authorisation.given", "authorisation.withdrawn"]
    event = receiver.got[1].event
    assert event["data"] == {
        "subject": pseudonym, "authorisation": authorisation, "purpose": "support.youth", "entry": done.appended.index,
    }  # fmt: skip
    assert set(event) == {"specversion", "id", "source", "type", "time", "datacontenttype", "data"}
    assert receiver.got[1].headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert all(holds_by_secret(got, made["secret"]) for got in receiver.got)
    assert not holds_by_secret(Got("POST", "/", receiver.got[0].headers, receiver.got[1].body), made["secret"])


async def test_a_signal_may_be_signed_by_our_key_instead(world: World) -> None:
    """Verified from the text of RFC 9421 with the key we publish; no secret exists then."""
    async with receiving() as receiver:
        made = await world.register(receiver.url, signature=MESSAGE)
        await world.give(await world.person())
        await world.deliver()
    keys = (await world.bed.http.get("/v1/webhooks/jwks")).json()
    assert "secret" not in made
    covered = holds_by_key(receiver.got[0], keys, origin=receiver.url.partition("/signals")[0])
    assert covered == ["@method", "@target-uri", "content-type", "content-digest", "webhook-id", "webhook-timestamp"]


async def test_a_source_hears_under_names_of_its_own(world: World) -> None:
    """Recipient and source can not join what they were told: pseudonym, event id, authorisation and entry differ."""
    async with receiving() as recipient, receiving() as source:
        await world.register(recipient.url)
        await world.register(source.url, "caf-brume")
        pseudonym = await world.person("lucas-perrin", "caf-brume")
        authorisation = await world.give(pseudonym)
        await world.withdraw(pseudonym, authorisation)
        await world.deliver()
    assert recipient.types == source.types == ["authorisation.given", "authorisation.withdrawn"]
    first, second = (got.event["data"] for got in source.got)
    assert set(first) == {"subject", "authorisation", "purpose"}
    assert first == second
    told = {value for got in source.got for value in [got.event["id"], *got.event["data"].values()]}
    heard = {value for got in recipient.got for value in [got.event["id"], *got.event["data"].values()]}
    assert told & heard == {"support.youth"}


async def test_a_source_that_never_linked_the_person_hears_nothing(world: World) -> None:
    """There would be no name to say."""
    async with receiving() as source:
        await world.register(source.url, "caf-brume")
        await world.give(await world.person())
        await world.deliver()
    assert source.got == []
    assert await world.rows() == []


async def test_no_signal_is_sent_for_what_did_not_happen(world: World) -> None:
    """A withdrawal that is refused leaves nothing in the outbox."""
    async with receiving() as receiver:
        await world.register(receiver.url)
        pseudonym = await world.person()
        authorisation = await world.give(pseudonym)
        await world.withdraw(pseudonym, authorisation)
        with pytest.raises(ConsentError):
            await world.withdraw(pseudonym, authorisation)
        await world.deliver()
    assert receiver.types == ["authorisation.given", "authorisation.withdrawn"]


async def test_only_what_was_subscribed_to_is_told(world: World) -> None:
    """`types` of the registration."""
    async with receiving() as receiver:
        await world.register(receiver.url, types=["authorisation.withdrawn"])
        pseudonym = await world.person()
        await world.withdraw(pseudonym, await world.give(pseudonym))
        await world.deliver()
    assert receiver.types == ["authorisation.withdrawn"]


async def test_a_suspended_partner_is_told_nothing(world: World) -> None:
    """Until it is let in again."""
    async with receiving() as receiver:
        await world.register(receiver.url)
        await world.give(await world.person())
        for status, count in (("suspended", 0), ("active", 1)):
            await world.services.store.write(
                lambda connection, status=status: change_status(connection, "ml-brume", status=status, now=0)
            )
            await world.deliver()
            assert len(receiver.got) == count


async def test_nothing_of_a_person_is_in_a_signal_or_a_table(world: World) -> None:
    """Names, numbers, references, the reason: searched in what left and in what is kept; secrets are sealed."""
    async with receiving() as receiver:
        made = await world.register(receiver.url)
        pseudonym = await world.person()
        await world.withdraw(pseudonym, await world.give(pseudonym))
        await world.deliver()
    person = world.bed.people["lucas-perrin"]
    kept = json.dumps([dict(row) for row in await world.rows()])
    left = "".join(got.body.decode() + json.dumps(got.headers) for got in receiver.got)
    subject = await world.bed.subject("ml-brume", pseudonym)
    canaries = [person.family_name, *person.given_names, *person.numbers.values(), "file-lucas-perrin", "reason"]
    assert [each for each in canaries if each.lower() in (left + kept).lower()] == []
    assert pseudonym in left
    assert pseudonym not in kept
    assert subject not in left
    assert made["secret"] not in kept + repr(world.services.endpoints) + repr(world.services.outbox)
