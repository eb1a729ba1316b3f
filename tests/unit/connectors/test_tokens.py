"""One credential for all: a single renewal, and no loss when one of those who wait goes away."""

import asyncio

from connectors.tokens import Granted, NotGranted, TokenCache
from tests.unit.connectors.factories import NOW


async def test_who_leaves_does_not_take_the_renewal_along(clock):
    """The first to ask is cancelled; the others still get the credential it asked for."""
    go = asyncio.Event()

    async def renew():
        await go.wait()
        return Granted(value="t", expires_at=NOW + 600_000)

    cache = TokenCache(renew, clock=clock)
    first, second = asyncio.ensure_future(cache.get()), asyncio.ensure_future(cache.get())
    await asyncio.sleep(0)
    first.cancel()
    go.set()
    assert (await second).value == "t"
    assert cache.ready().value == "t"
    assert "'t'" not in repr(cache.ready())


async def test_the_old_credential_serves_for_its_last_minute(clock):
    """A renewal that fails early costs nothing until the end."""
    answers = [Granted(value="t", expires_at=NOW + 600_000), NotGranted(detail="source_failed")]
    answers += [NotGranted(detail="source_failed")]

    async def renew():
        return answers.pop(0)

    cache = TokenCache(renew, clock=clock)
    await cache.get()
    clock.advance(570)
    assert cache.ready() is None
    assert (await cache.get()).value == "t"
    clock.advance(31)
    assert await cache.get() == NotGranted(detail="source_failed")


async def test_a_refused_account_is_not_offered_again_at_once(clock):
    """Accounts get locked: a minute passes before the next attempt."""
    attempts = []

    async def renew():
        attempts.append(1)
        return NotGranted(detail="credentials_rejected")

    cache = TokenCache(renew, clock=clock)
    for _ in range(5):
        assert (await cache.get()).detail == "credentials_rejected"
    assert len(attempts) == 1
    clock.advance(61)
    await cache.get()
    assert len(attempts) == 2


async def test_an_unforeseen_error_of_the_renewal_shows_nothing(clock):
    """Its text may hold the secret that was sent."""

    async def renew():
        raise ValueError("SECRET")

    assert await TokenCache(renew, clock=clock).get() == NotGranted(detail="connector_failed")


async def test_only_the_rejected_credential_is_dropped(clock):
    """A late rejection of an old credential leaves the new one alone."""
    old = Granted(value="old", expires_at=NOW + 600_000)

    async def renew():
        return Granted(value="new", expires_at=NOW + 600_000)

    cache = TokenCache(renew, clock=clock)
    new = await cache.get()
    cache.drop(old)
    assert cache.ready() is new
    cache.drop(new)
    assert cache.ready() is None


async def test_closing_ends_a_renewal(clock):
    """No task outlives its connector."""

    async def renew():
        await asyncio.sleep(60)

    cache = TokenCache(renew, clock=clock)
    waiting = asyncio.ensure_future(cache.get())
    await asyncio.sleep(0)
    await cache.close()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    await cache.close()
