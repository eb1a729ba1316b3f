"""Several sources at once, and no exception for the fault of one."""

import asyncio

import pytest

from connectors.base import Ask, Fetched, Health, Outcome, Supply
from connectors.errors import ConnectorError, SourceUnknown
from connectors.registry import Registry
from tests.unit.connectors.factories import AGENT, NOW, SIRET, ask


class Source:
    """A connector in a test's hands: answers after `delay`, or breaks."""

    def __init__(self, *, delay=0.0, error=None):
        self.datasets = {"rsa": Supply(fields=frozenset({"rsa.since"}), needs=(frozenset({"pivot"}),))}
        self.delay = delay
        self.error = error
        self.closed = False

    async def fetch(self, ask, *, deadline):
        await asyncio.sleep(self.delay)
        if self.error:
            raise self.error
        return {"rsa": Fetched(dataset="rsa", outcome=Outcome.no_data, collected_at=NOW)}

    def health(self):
        return Health(state="up")

    async def close(self):
        self.closed = True


def soon(seconds=1.0):
    return asyncio.get_running_loop().time() + seconds


async def test_sources_are_asked_at_the_same_time():
    """The slowest decides, not the sum."""
    registry = Registry({name: Source(delay=0.1) for name in ("a", "b", "c")}, clock=lambda: NOW)
    started = asyncio.get_running_loop().time()
    fetched = await registry.fetch({name: ask("rsa.since") for name in ("a", "b", "c")}, deadline=soon())
    assert asyncio.get_running_loop().time() - started < 0.2
    assert [fetched[name]["rsa"].outcome for name in ("a", "b", "c")] == [Outcome.no_data] * 3


async def test_a_source_that_breaks_or_sleeps_leaves_the_others_alone():
    """Partial failure is normal: the others' data arrive, in time."""
    registry = Registry(
        {"good": Source(), "bad": Source(error=KeyError("SECRET")), "asleep": Source(delay=60)}, clock=lambda: NOW
    )
    asks = {name: ask("rsa.since", "aah.since") for name in registry.sources}
    fetched = await registry.fetch(asks, deadline=soon(0.1))
    assert fetched["good"]["rsa"].outcome is Outcome.no_data
    assert {(item.outcome, item.detail) for item in fetched["bad"].values()} == {
        (Outcome.unavailable, "connector_failed")
    }
    assert {item.detail for item in fetched["asleep"].values()} == {"deadline"}
    assert set(fetched["asleep"]) == {"rsa", "aah"}
    assert "SECRET" not in repr(fetched)


async def test_one_source_needs_no_task():
    """The common case."""
    registry = Registry({"a": Source()}, clock=lambda: NOW)
    assert (await registry.fetch({"a": ask("rsa.since")}, deadline=soon()))["a"]["rsa"].collected_at == NOW


async def test_a_source_nobody_configured_is_an_error_of_the_caller():
    """It is not an outcome: the catalogue and the settings disagree."""
    with pytest.raises(SourceUnknown) as raised:
        await Registry({}).fetch({"caf-brume": ask("rsa.since")}, deadline=soon())
    assert raised.value.code == "source_unknown"
    assert isinstance(raised.value, ConnectorError)


async def test_a_cancelled_exchange_stays_cancelled():
    """Cancellation is the caller's, not a fault of the source."""
    registry = Registry({"a": Source(delay=60)}, clock=lambda: NOW)
    task = asyncio.ensure_future(registry.fetch({"a": ask("rsa.since")}, deadline=soon(60)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_health_and_closing_reach_every_source():
    """One call for all."""
    registry = Registry({"a": Source(), "b": Source()}, clock=lambda: NOW)
    assert {name: item.state for name, item in registry.health().items()} == {"a": "up", "b": "up"}
    await registry.close()
    assert all(source.closed for source in registry.sources.values())


def test_an_ask_shows_nobody():
    """A repr may end in a log."""
    shown = repr(Ask(fields=("rsa.since",), identifiers={"nir": "SECRET"}, actor=AGENT, recipient_siret=SIRET))
    assert "SECRET" not in shown
    assert AGENT.family_name not in shown
    assert AGENT.id not in shown


def test_a_row_is_never_shown():
    """Neither are the values that came back."""
    row = {"rsa.since": "SECRET"}
    assert "SECRET" not in repr(Fetched(dataset="rsa", outcome=Outcome.found, rows=(row,), collected_at=NOW))
