"""What the authorization server writes into the journal: tokens given, refused, taken back, and how much noise.

A token leaves after its entry is durable, and the entry uses up the one-time ids the request came with: one commit for
both, shared by all requests of the moment (`gate.py`). What a client did that proved itself is an entry of its own,
paid for with an assertion that is used up by it; everything else is counted, and the counts are an entry a minute at
most for each process: whoever shouts cannot fill the journal.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from audit.canonical import Json
from audit.errors import AuditError
from audit.journal import Draft, Journal
from audit.store import Store
from gateway.oauth import replay, revocation
from gateway.oauth.errors import EndedBefore
from gateway.oauth.gate import Spend
from gateway.oauth.replay import OneTime
from gateway.oauth.revocation import Ending, TokenRef

EVERY_SECONDS = 60

ActorTag = Callable[[str, str], str]
"""The journal's name of a professional, from the partner that vouches for them and their id there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A signed access token, not given out yet, and what is written about it."""

    jwt: str = field(repr=False)
    ref: TokenRef
    scopes: frozenset[str]
    binding: str
    expires_at: int  # ms
    authorisation: str | None = None  # what a present person gave
    actor: tuple[str, str] | None = field(default=None, repr=False)  # the partner that vouches, the id there
    through: tuple[str, ...] = ()  # the partners it came through, the last one first


class Ledger:
    """See the module. `tag` names professionals."""

    def __init__(self, journal: Journal, store: Store, *, tag: ActorTag) -> None:
        self._journal = journal
        self._store = store
        self._tag = tag
        self._noise: Counter[str] = Counter()
        self._since = 0

    async def issued(self, token: Issued, *, client: str, grant: str, spent: Sequence[OneTime], now: int) -> None:
        """Write that a token was given, and use up `spent`.

        Raises `IdUsed` when one of them was used before, `BearerInvalid` when the partner, or the token it was got
        for, is over, `AuditError` when nobody knows: the token must then not leave.
        """
        members: dict[str, Json] = {
            "org": client,
            "token": token.ref.names[0],
            "grant": grant,
            "scopes": sorted(token.scopes),
            "binding": token.binding,
            "until": token.expires_at,
        }
        if token.authorisation is not None:
            members["authorisation"] = token.authorisation
        if token.actor is not None:
            members["actor"] = self._tag(*token.actor)
        if token.through:
            members["through"] = list(token.through)
        parents = [name for name in token.ref.names[1:] if ":" not in name]
        if parents:
            members["parent"] = parents[0]
        await self._journal.append(
            Draft(type="token.issued", members=members, time=now, guard=Spend(tuple(spent)), token=token.ref)
        )

    async def refused(self, *, client: str, endpoint: str, detail: str, spent: Sequence[OneTime], now: int) -> None:
        """Write that a request of a client that proved itself was refused; raises as `issued`."""
        members: dict[str, Json] = {"org": client, "endpoint": endpoint, "reason": detail.replace(".", "_")}
        await self._journal.append(Draft(type="token.refused", members=members, time=now, guard=Spend(tuple(spent))))

    async def revoked(
        self, token: TokenRef, *, client: str, expires_at: int, actor: tuple[str, str] | None, now: int
    ) -> None:
        """End a token; when this returns, no process accepts it any more. A second time writes nothing."""
        members: dict[str, Json] = {"org": client, "token": token.names[0], "until": expires_at}
        if actor is not None:
            members["actor"] = self._tag(*actor)
        ending = Ending(token.names[0], expires_at)
        draft = Draft(type="token.revoked", members=members, time=now, guard=ending, change=ending.write)
        with suppress(EndedBefore):
            await self._journal.append(draft)

    async def take_back(self, partner: str, token_id: str, until: int, now: int) -> None:
        """End a token of this partner by its id, good until then (ms): its code came a second time."""
        token = TokenRef((revocation.token_name(token_id),), now)
        await self.revoked(token, client=partner, expires_at=until, actor=None, now=now)

    def count(self, detail: str, now: int) -> None:
        """Note a request that was refused before anybody had proved who asks."""
        if not self._noise:
            self._since = now
        self._noise[detail.replace(".", "_")] += 1

    async def settle(self, now: int) -> None:
        """Write down the noise, if there was any, and forget endings and one-time ids that have no use any more."""
        counts, since = dict(self._noise), self._since
        self._noise.clear()
        if counts:
            members: dict[str, Json] = {"since": since, "until": now, "counts": counts}
            await self._journal.append(Draft(type="token.noise", members=members, time=now))
        await self._store.write(partial(revocation.purge, now=now))
        while await self._store.write(partial(replay.purge, now=now)) == replay.PURGE_AT_ONCE:  # noqa: ASYNC110  bounded
            await asyncio.sleep(0)

    async def run(self, clock: Callable[[], int]) -> None:
        """Settle every minute, and once more when told to stop."""
        try:
            while True:
                await asyncio.sleep(EVERY_SECONDS)
                with suppress(AuditError):  # counted, not kept: noise is no proof of anything
                    await self.settle(clock())
        finally:
            with suppress(AuditError):
                await self.settle(clock())
