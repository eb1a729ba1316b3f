"""Witnesses that are slow, dead or lying: each is named, and the others suffice."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from audit.checkpoint import split_note
from audit.cosignature import cosigned
from audit.witness import log_id
from gateway.witnesses import MAX_ANSWER, WitnessClient
from tests.unit.audit.conftest import NOW, ORIGIN
from tests.unit.audit.neighbours import KEYS, SIZE, Behaviour, Ours, always, policy_of


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def slow(_body: bytes) -> Response:
    await asyncio.sleep(3)
    return PlainTextResponse("")


def drip() -> Response:
    from starlette.responses import StreamingResponse

    async def drops() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x"
            await asyncio.sleep(0.1)

    return StreamingResponse(drops())


FAULTS: dict[str, tuple[Behaviour, str]] = {
    "slow": (slow, "witness_unavailable"),
    "dripping": (always(drip), "witness_unavailable"),
    "oversize": (always(lambda: PlainTextResponse("x" * (MAX_ANSWER + 1))), "witness_unavailable"),
    "failing": (always(lambda: PlainTextResponse("", 503)), "witness_unavailable"),
    "redirecting": (always(lambda: RedirectResponse("/elsewhere")), "witness_answer_invalid"),
    "refusing": (always(lambda: PlainTextResponse("", 403)), "witness_answer_invalid"),
    "silent": (always(lambda: PlainTextResponse("")), "witness_answer_invalid"),
    "talking rubbish": (always(lambda: Response(b"\xff\xfe\x00")), "witness_answer_invalid"),
    "conflict untyped": (always(lambda: PlainTextResponse("3\n", 409)), "witness_answer_invalid"),
    "conflict unsized": (always(lambda: Response("x\n", 409, headers=SIZE)), "witness_answer_invalid"),
    "conflict endless": (always(lambda: Response("2\n", 409, headers=SIZE)), "ok"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_one_faulty_witness_is_named_and_the_others_suffice(sqlite_log, three, client, fault):
    """Whatever it does, the quorum of the others is met in the same round, and its fault is told by code."""
    ours = Ours(sqlite_log, client, policy_of(three, 2))
    three[1].post, code = FAULTS[fault]
    checkpoint = await ours.grow(3)
    assert await ours.ask() == {"w0.example": "ok", "w1.example": code, "w2.example": "ok"}
    served_now = await ours.published.served()
    assert served_now.size == checkpoint.size
    assert three[1].key.vkey not in cosigned(served_now.note, [one.key.vkey for one in three])
    assert not ours.held


async def test_a_dead_witness_is_named_and_asked_again(sqlite_log, three, client):
    """Once it is back it cosigns, though nothing new was written."""
    text = policy_of(three, 2)
    dead = text.replace(three[1].url, f"http://127.0.0.1:{free_port()}/w")
    ours = Ours(sqlite_log, client, dead)
    await ours.grow(3)
    assert (await ours.ask())["w1.example"] == "witness_unavailable"
    ours.witnessing = Ours(sqlite_log, client, text).witnessing
    assert (await ours.ask())["w1.example"] == "ok"
    assert three[1].key.vkey in cosigned((await ours.published.served()).note, [three[1].key.vkey])


@pytest.mark.parametrize("lie", ["wrong key", "stale", "too early", "too late"])
async def test_a_false_cosignature_is_not_kept(sqlite_log, three, client, lie):
    """Of another key, of an older checkpoint, or dated away from our clock."""
    ours = Ours(sqlite_log, client, policy_of(three, 3))
    await ours.grow(3)
    await ours.ask()
    old = await three[1].witness.checkpoint(log_id(ORIGIN))
    lines = "".join(signature.line for signature in split_note(old)[1][1:])

    async def other_key(body: bytes) -> Response:
        text, _ = split_note(body.decode().partition("\n\n")[2])
        return PlainTextResponse(KEYS[3].cosign(text, NOW // 1000))

    behaviours: dict[str, Behaviour] = {"wrong key": other_key, "stale": always(lambda: PlainTextResponse(lines))}
    three[1].post = behaviours.get(lie)
    three[1].now += {"too early": -301_000, "too late": 301_000}.get(lie, 0)
    before = (await ours.published.served()).size
    newest = await ours.grow(2)
    assert (await ours.ask())["w1.example"] == "witness_answer_invalid"
    assert (await ours.published.served()).size == before < newest.size


async def test_lines_of_other_keys_beside_its_own_are_passed_over(sqlite_log, three, client):
    """A witness that signs with two keys is believed by the one we know; of two dates the earlier is kept."""
    ours = Ours(sqlite_log, client, policy_of(three, 3))

    async def several(body: bytes) -> Response:
        text, _ = split_note(body.decode().partition("\n\n")[2])
        return PlainTextResponse(
            KEYS[3].cosign(text, NOW // 1000) + "".join(KEYS[1].cosign(text, NOW // 1000 + late) for late in (9, 0))
        )

    three[1].post = several
    await ours.grow(3)
    await ours.ask()
    note = (await ours.published.served()).note
    assert KEYS[3].vkey.name not in note
    assert cosigned(note, [KEYS[1].vkey]) == {KEYS[1].vkey: NOW // 1000}
    assert note.count(KEYS[1].vkey.name) == 1


async def test_a_fault_with_one_shard_is_told_once(ours, three, caplog):
    """A witness that refuses the old year and cosigns the new one is faulty, not faulty and well by turns."""
    await ours.grow(3)
    ours.log.clock.now += 366 * 86_400_000
    for one in three:
        one.now = ours.log.clock.now

    async def new_year_only(body: bytes) -> Response:
        return PlainTextResponse("", 403) if b"/2026\n" in body else await three[1].honest(body)

    three[1].post = new_year_only
    for _ in range(3):
        await ours.grow(2)
        assert (await ours.ask())["w1.example"] == "witness_answer_invalid"
    assert caplog.text.count("w1.example: witness_answer_invalid") == 1
    assert cosigned((await ours.published.served()).note, [three[1].key.vkey])


async def test_asking_goes_on_after_any_failure(sqlite_log, three, client, caplog):
    """A database away is told once, and asked again; so is a witness."""
    ours = Ours(sqlite_log, client, policy_of(three, 2))
    await ours.grow(3)
    path = str(sqlite_log.database._path)
    os.rename(path, f"{path}.away")  # noqa: PTH104
    task = asyncio.create_task(ours.witnessing.run(sqlite_log.clock))
    await until(lambda: "cannot be asked" in caplog.text)
    await asyncio.sleep(0.1)
    assert caplog.text.count("cannot be asked: store_unavailable") == 1
    os.rename(f"{path}.away", path)  # noqa: PTH104
    await until(lambda: set(ours.codes().values()) == {"ok"})
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_bug_is_not_taken_for_a_fault_of_the_witness(sqlite_log, three, client, caplog):
    """What nobody foresaw is told by its class, and asking goes on."""

    class Broken(WitnessClient):
        async def post(self, url: str, body: bytes) -> Any:
            raise RuntimeError(url)

    ours = Ours(sqlite_log, client, policy_of(three, 2))
    await ours.grow(3)
    task = asyncio.create_task(ours.another(Broken()).run(sqlite_log.clock))
    await until(lambda: "cannot be asked: RuntimeError" in caplog.text)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert "127.0.0.1" not in caplog.text


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  what is waited for is told in no other way
            await asyncio.sleep(0.01)
