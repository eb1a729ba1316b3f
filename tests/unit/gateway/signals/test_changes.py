"""A source says that data has changed: told to those who may have it now, and to nobody else."""

from typing import Any

from tests.receivers import receiving
from tests.unit.gateway.signals.conftest import World


async def announce(world: World, pseudonym: str, *datasets: str) -> Any:
    body = {"subject": {"pseudonym": pseudonym}, "datasets": list(datasets)}
    return await world.call("POST", "/v1/source-changes", "caf-brume", body)


async def test_only_whoever_may_have_it_now_is_told(world: World) -> None:
    """Not before the yes, not for another dataset or source, not while restricted, not after the withdrawal."""
    async with receiving() as recipient, receiving() as source:
        await world.register(recipient.url, types=["source.changed"])
        await world.register(source.url, "caf-brume", types=["source.changed"])
        pseudonym = await world.person("lucas-perrin", "caf-brume")
        own = world.given["lucas-perrin", "caf-brume"]
        subject = await world.bed.subject("ml-brume", pseudonym)
        people, now = world.services.people, world.clock.now
        said = [await announce(world, own, "rsa")]
        authorisation = await world.give(pseudonym)
        said += [await announce(world, own, "registration"), await announce(world, own, "rsa", "registration")]
        await people.flag(subject, "restriction", present=True, now=now)
        said.append(await announce(world, own, "rsa"))
        await people.flag(subject, "restriction", present=False, now=now)
        await world.withdraw(pseudonym, authorisation)
        said.append(await announce(world, own, "rsa"))
        await world.deliver()
    assert [(each.status_code, each.content) for each in said] == [(204, b"")] * 5
    assert [got.event["data"] for got in recipient.got] == [
        {"subject": pseudonym, "authorisation": authorisation, "purpose": "support.youth"}
    ]
    assert source.got == []


async def test_what_cannot_be_read_is_refused(world: World) -> None:
    """Unknown dataset, nobody named, somebody else's pseudonym, no scope."""
    pseudonym = await world.person("lucas-perrin", "caf-brume")
    own = world.given["lucas-perrin", "caf-brume"]
    said = await announce(world, own, "rsa", "wealth")
    assert said.json()["errors"] == [{"pointer": "/datasets/1", "reason": "unknown"}]
    assert (await announce(world, pseudonym, "rsa")).json()["code"] == "person_unknown"
    said = await world.call("POST", "/v1/source-changes", "caf-brume", {"subject": {}, "datasets": ["rsa"]})
    assert said.json()["errors"] == [{"pointer": "/subject", "reason": "pseudonym_or_reference"}]
    world.tokens["caf-brume"] = await world.bed.token("caf-brume", scopes=["webhooks:write"])
    assert (await announce(world, own, "rsa")).json()["code"] == "insufficient_scope"
