"""Keys that partners publish themselves (`jwks_uri`, RFC 7591 §2), remembered for a while.

 1. a key by its kid, out of what was fetched less than `LIFE_MS` ago
 2. unknown, or older: ask again, at most once per `PAUSE_MS` and partner, however many wait for it, whoever made us ask
 3. the address does not answer: what it said last, for `stale_ms` at most
 4. it answers with a set: exactly that set counts, an empty one too; a set that shows a private key counts as empty

Refuses to remember more than the last answer, and to ask any address but the one of the registration.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog

from gateway.oauth import jwks
from gateway.oauth.errors import PartnerInvalid
from gateway.oauth.jose import VerificationKey

LIFE_MS = 300_000
PAUSE_MS = 30_000

Fetch = Callable[[str], Awaitable[object]]
"""Gives the JSON document under an address, or raises `KeysUnavailable`."""

_log = structlog.get_logger("gateway.oauth")


class KeysUnavailable(Exception):  # noqa: N818  an answer, not a fault
    """The address gave no key set; `code` says why, in a word of ours."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class _Held:
    """What one address said."""

    uri: str
    keys: Mapping[str, VerificationKey] = field(default_factory=dict)
    answered_at: int | None = None
    asked_at: int | None = None
    failed: bool = False
    asking: asyncio.Task[None] | None = None

    def fresh(self, now: int) -> bool:
        """Whether it counts without asking. A clock that went back does not lengthen its life."""
        return self.answered_at is not None and 0 <= now - self.answered_at < LIFE_MS


class PublishedKeys:
    """The published keys of all partners, as this process knows them. Times in milliseconds."""

    def __init__(self, fetch: Fetch, *, stale_ms: int) -> None:
        self._fetch = fetch
        self._stale = max(stale_ms, LIFE_MS)
        self._held: dict[str, _Held] = {}

    async def find(self, partner: str, uri: str, *, kid: str, now: int) -> VerificationKey | None:
        """The key that this partner publishes under this kid."""
        held = self._held.get(partner)
        if held is None or held.uri != uri:
            held = self._held[partner] = _Held(uri)
        # 1
        if held.fresh(now) and kid in held.keys:
            return held.keys[kid]
        # 2
        if held.asking is None and (held.asked_at is None or not 0 <= now - held.asked_at < PAUSE_MS):
            held.asked_at = now
            held.asking = asyncio.create_task(self._ask(partner, held, now))
        if held.asking is not None:
            await asyncio.shield(held.asking)  # one who hangs up does not end it for the others
        # 3
        if held.answered_at is None or not 0 <= now - held.answered_at < (self._stale if held.failed else LIFE_MS):
            return None
        return held.keys.get(kid)

    async def close(self) -> None:
        """Give up what is under way."""
        tasks = [held.asking for held in self._held.values() if held.asking is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, partner: str, held: _Held, now: int) -> None:
        try:
            document = await self._fetch(held.uri)
            held.keys = self._read(partner, document)  # 4
            held.answered_at, held.failed = now, False
        except KeysUnavailable as unavailable:
            held.failed = True
            _log.warning("partner_keys_unavailable", partner=partner, reason=unavailable.code)
        finally:
            held.asking = None

    @staticmethod
    def _read(partner: str, document: object) -> Mapping[str, VerificationKey]:
        try:
            kept = jwks.usable(document)
        except jwks.PrivateKeyShown:
            _log.error("partner_keys_exposed", partner=partner)
            return {}
        except PartnerInvalid:
            raise KeysUnavailable("no_key_set") from None
        _log.info("partner_keys_fetched", partner=partner, keys=[jwks.thumbprint(key) for key in kept])
        return jwks.load(kept)
