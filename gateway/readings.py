"""Who has read entries: an entry `log.read` is durable before any entry of the journal leaves by HTTP.

One entry covers what one token reads of one span of 65,536 entries, so that a mirror of a million entries leaves
sixteen and an hourly one leaves one. Refuses to let entries leave when the journal cannot say so.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from audit.canonical import Json
from audit.journal import Draft, Journal
from gateway.actors import actor_tag
from gateway.oauth.verification import Caller

SPAN = 65_536
_REMEMBERED = 4_096

_Key = tuple[str, str, int]


class Readings:
    """Journals readings of entries, once per token and span in each process."""

    def __init__(self, journal: Journal, *, actors: bytes, clock: Callable[[], int]) -> None:
        self._journal = journal
        self._actors = actors
        self._clock = clock
        self._known: OrderedDict[_Key, asyncio.Task[object]] = OrderedDict()

    async def note(self, caller: Caller, *, origin: str, index: int) -> None:
        """Make sure that the journal says this caller reads the span of this entry."""
        key = (caller.token.names[0], origin, index // SPAN)
        task = self._known.get(key)
        if task is None:
            task = self._known[key] = asyncio.create_task(self._append(caller, origin, index // SPAN))
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        try:
            await asyncio.shield(task)
        except Exception:
            self._known.pop(key, None)
            raise

    async def _append(self, caller: Caller, origin: str, span: int) -> None:
        members: dict[str, Json] = {
            "org": caller.partner.id, "what": "bundles", "log": origin, "first": span * SPAN, "end": (span + 1) * SPAN,
        }  # fmt: skip
        if caller.actor is not None:
            members["actor"] = actor_tag(self._actors, caller.partner.id, caller.actor.id)
        await self._journal.append(Draft(type="log.read", members=members, time=self._clock()))
