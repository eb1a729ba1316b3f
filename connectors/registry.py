"""Asks several sources at once and never fails for one of them.

Answers for concurrency between sources and for the deadline of the whole. What protects one source (bounded
concurrency, breaker, Retry-After) lives in its connector's client, where every call passes (guard.py).
Refuses to decide which source is asked: the caller names them.
"""

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from connectors import api_particulier, france_travail, rdv_insertion
from connectors.base import Ask, Clock, Connector, Fetched, Health, Outcome, now_ms, same_for_all
from connectors.errors import ConnectorConfigInvalid, SourceUnknown
from connectors.watch import Watch

_GRACE = 0.05  # a connector keeps the deadline itself; the registry's own is for one that does not


_BUILDERS: Mapping[str, Callable[..., Connector]] = MappingProxyType(
    {
        "api_particulier": api_particulier.build,
        "france_travail": france_travail.build,
        "rdv_insertion": rdv_insertion.build,
    }
)


def build(config: Mapping[str, Any], *, clock: Clock = now_ms) -> Connector:
    """The connector that `config` describes; raises ConnectorConfigInvalid naming the wrong key."""
    name = config.get("connector")
    if not isinstance(name, str) or name not in _BUILDERS:
        raise ConnectorConfigInvalid("connector", f"must be one of {', '.join(sorted(_BUILDERS))}")
    return _BUILDERS[name](config, clock=clock)


class Registry:
    """The sources of one gateway."""

    def __init__(self, sources: Mapping[str, Connector], *, clock: Clock = now_ms) -> None:
        self.sources: Mapping[str, Connector] = MappingProxyType(dict(sources))
        self._clock = clock
        self._watch = Watch()

    async def fetch(self, asks: Mapping[str, Ask], *, deadline: float) -> Mapping[str, Mapping[str, Fetched]]:
        """Every source's answer before `deadline` (loop time); raises SourceUnknown only."""
        for source in asks:
            if source not in self.sources:
                raise SourceUnknown(source)
        if len(asks) == 1:  # the common case needs no task
            [(source, ask)] = asks.items()
            return {source: await self._one(source, ask, deadline)}
        answers = await asyncio.gather(*(self._one(source, ask, deadline) for source, ask in asks.items()))
        return dict(zip(asks, answers, strict=True))

    async def _one(self, source: str, ask: Ask, deadline: float) -> Mapping[str, Fetched]:
        task = self._watch.begin(deadline + _GRACE)
        try:
            return await self.sources[source].fetch(ask, deadline=deadline)
        except asyncio.CancelledError:
            if not self._watch.timed_out(task):
                raise
            detail = "deadline"
        except Exception:  # noqa: BLE001  the text of an unforeseen error may hold a value: only its code goes on
            detail = "connector_failed"
        finally:
            self._watch.end(task)
        return same_for_all(ask, Outcome.unavailable, detail=detail, collected_at=self._clock())

    def health(self) -> Mapping[str, Health]:
        """How each source is doing, from real traffic."""
        return {source: connector.health() for source, connector in self.sources.items()}

    async def close(self) -> None:
        """Give every connection back."""
        self._watch.close()
        for connector in self.sources.values():
            await connector.close()
