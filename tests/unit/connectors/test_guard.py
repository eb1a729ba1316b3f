"""Places are given in order, and none is lost to those who leave."""

import asyncio

import pytest

from connectors.guard import Places
from connectors.watch import TICK, Watch


async def test_places_are_given_in_the_order_of_asking():
    """First come, first served, also for who comes while a place is free and others wait."""
    places = Places(1)
    assert places.take_at_once()
    assert not places.take_at_once()
    order = []

    async def visit(name):
        await places.take()
        order.append(name)
        places.give()

    waiting = [asyncio.ensure_future(visit(name)) for name in "abc"]
    await asyncio.sleep(0)
    places.give()
    await asyncio.gather(*waiting)
    assert order == ["a", "b", "c"]
    assert places.take_at_once()


async def test_a_free_place_is_taken_without_waiting_by_who_asks_to_wait():
    """Asking to wait when there is no need gives the place."""
    places = Places(1)
    await asyncio.wait_for(places.take(), 1)
    assert not places.take_at_once()


@pytest.mark.parametrize("given_first", [True, False])
async def test_who_leaves_while_waiting_takes_no_place_along(given_first):
    """Cancelled before or in the very moment the place is given: the next one has it."""
    places = Places(1)
    places.take_at_once()
    first, second = asyncio.ensure_future(places.take()), asyncio.ensure_future(places.take())
    await asyncio.sleep(0)
    if given_first:
        places.give()
        first.cancel()
    else:
        first.cancel()
        await asyncio.sleep(0)
        places.give()
    await asyncio.wait_for(second, 1)
    assert first.cancelled()
    places.give()
    assert places.take_at_once()


async def test_the_watch_ends_what_lasts_too_long_and_only_that():
    """One timer, several calls, each with its own end."""
    watch = Watch()

    async def call(seconds, until):
        task = watch.begin(asyncio.get_running_loop().time() + until)
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            if not watch.timed_out(task):
                raise
            return "timed out"
        finally:
            watch.end(task)
        return "done"

    assert await asyncio.gather(call(0.01, 1), call(1, 0.05), call(0.1, 1)) == ["done", "timed out", "done"]
    loop = asyncio.get_running_loop()
    started = loop.time()
    assert await call(1, 0) == "timed out"
    assert loop.time() - started < TICK + 0.1
    assert asyncio.current_task().cancelling() == 0


async def test_a_cancellation_of_the_caller_is_never_taken_for_a_time_out():
    """Even when both happen in the same instant."""
    watch = Watch()

    async def call():
        task = watch.begin(0)
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            if not watch.timed_out(task):
                raise
            return "timed out"
        finally:
            watch.end(task)

    for moment in (0, TICK):
        task = asyncio.ensure_future(call())
        await asyncio.sleep(0)
        if moment:
            watch._tick()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    watch.close()
    watch.close()


def test_a_watch_needs_a_task():
    """Outside a task nothing can be ended."""
    errors = []

    def outside():
        with pytest.raises(RuntimeError) as raised:
            Watch().begin(0)
        errors.append(raised.value)

    loop = asyncio.new_event_loop()
    loop.call_soon(outside)
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert len(errors) == 1
