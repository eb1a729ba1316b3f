"""Connections that say little, or too slowly, over real sockets: they end, and nobody else waits for them."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway import connections
from gateway.app import build_app
from gateway.connections import BoundedProtocol, capacity
from gateway.serve import _serve
from tests.bed import Bed, bed

timed = pytest.mark.asyncio

HEAD = b"POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
LATE = HEAD + b"Content-Length: 100\r\n\r\na"


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The times of production, thirty times shorter."""
    for name, seconds in {"HEAD": 0.4, "BODY": 0.4, "ANSWER": 1.0, "_FLUSH": 0.2}.items():
        monkeypatch.setattr(connections, f"{name}_SECONDS", seconds)
    monkeypatch.setattr(connections, "_EVERY", 0.05)


@contextlib.asynccontextmanager
async def serving(app: Any) -> AsyncIterator[int]:
    """As `passerelle serve` does it; gives the port."""
    listening = socket.create_server(("127.0.0.1", 0))
    stop: asyncio.Task[None] = asyncio.create_task(asyncio.Event().wait())  # type: ignore[arg-type]
    server = asyncio.create_task(_serve(app, listening, {"http": BoundedProtocol, "lifespan": "off"}, until=stop))
    try:
        yield listening.getsockname()[1]
    finally:
        stop.cancel()
        await server
        listening.close()


def gateway_in(home: Path) -> contextlib.AbstractAsyncContextManager[Bed]:
    return bed(home, database_url=f"sqlite:///{home}/passerelle.db", sandbox_url="http://127.0.0.1:9")


async def connect(port: int, said: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    return reader, writer


async def heard(reader: asyncio.StreamReader) -> bytes:
    """Until the other side closes."""
    found = b""
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionResetError):
            while piece := await reader.read(65_536):
                found += piece
    return found


async def drip(writer: asyncio.StreamWriter, each: bytes) -> None:
    with contextlib.suppress(OSError):
        while True:
            writer.write(each)
            await writer.drain()
            await asyncio.sleep(0.1)


@timed
@pytest.mark.parametrize(
    ("said", "more"),
    [(b"", b""), (b"", b"\r\n"), (b"GET /livez", b"z"), (HEAD, b"x: y\r\n")],
    ids=["nothing", "empty lines", "an endless address", "an endless head"],
)
async def test_a_connection_without_a_whole_head_is_closed(said: bytes, more: bytes) -> None:
    """However often another piece of it comes."""
    async with serving(plain) as port:
        reader, writer = await connect(port, said)
        dripping = asyncio.create_task(drip(writer, more))
        started = time.monotonic()
        assert await heard(reader) == b""
        assert 0.3 < time.monotonic() - started < 3
        dripping.cancel()
        writer.close()


@timed
async def test_a_body_that_does_not_come_is_answered_408(tmp_path: Path) -> None:
    """On every kind of address, with the shape of every problem; what comes in time is read, in several pieces too."""
    async with gateway_in(tmp_path) as opened, serving(build_app(opened.services)) as port:
        for path in (b"/oauth/token", b"/oauth/par", b"/signin/choice", b"/r/x"):
            reader, writer = await connect(port, LATE.replace(b"/oauth/token", path))
            dripping = asyncio.create_task(drip(writer, b"a"))
            answer = await heard(reader)
            assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n"), path
            assert b"connection: close" in answer
            assert b'"code":"body_too_slow"' in answer
            dripping.cancel()
            writer.close()
        reader, writer = await connect(port, LATE)
        for _ in range(3):
            await asyncio.sleep(0.05)
            writer.write(b"b" * 33)
        assert (await reader.readline()).startswith(b"HTTP/1.1 400")
        writer.close()


@timed
async def test_hundreds_of_silent_connections_stop_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the number that fits, who keeps us waiting longest goes; who asks is answered."""
    monkeypatch.setattr(connections, "capacity", lambda: 40)
    monkeypatch.setattr(connections, "HEAD_SECONDS", 60)
    monkeypatch.setattr(connections, "BODY_SECONDS", 60)
    async with gateway_in(tmp_path) as opened, serving(build_app(opened.services)) as port:
        silent = [await connect(port, b"" if number % 2 else LATE) for number in range(200)]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            for _ in range(5):
                assert (await http.get("/livez")).status_code == 200
        await asyncio.sleep(0.1)
        assert sum(reader.at_eof() or reader.exception() is not None for reader, _ in silent) >= 160
        for _, writer in silent:
            writer.close()


@timed
async def test_who_waits_for_us_is_not_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither late nor over the number: an answer under way is finished; an idle connection serves again."""
    monkeypatch.setattr(connections, "capacity", lambda: 1)
    async with serving(plain) as port:
        reader, writer = await connect(port, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(0.1)
        others = [await connect(port) for _ in range(3)]
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        await asyncio.sleep(0.6)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"HTTP/1.1 200" in await heard(reader)
        for _, other in [*others, (reader, writer)]:
            other.close()


@timed
async def test_requests_sent_ahead_have_their_own_time() -> None:
    """A second one on the same connection, whose body comes after the first one's answer."""
    async with serving(plain) as port:
        second = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\n"
        reader, writer = await connect(port, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" + second)
        await asyncio.sleep(0.95)
        writer.write(b"a")
        assert (await heard(reader)).count(b"HTTP/1.1 200") == 2
        writer.close()


@timed
async def test_an_answer_nobody_takes_ends() -> None:
    """A reader that stops reading holds neither memory nor a place."""
    async with serving(plain) as port:
        reader, writer = await connect(port, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(2)
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert len(await heard(reader)) < 20_000_000
        writer.close()


def test_the_number_stays_below_the_limit_of_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the limit is."""
    for limit, most in {256: 128, 1024: 768, 1_048_576: 8192, -1: 8192}.items():
        capacity.cache_clear()
        monkeypatch.setattr("resource.getrlimit", lambda _what, limit=limit: (limit, limit))
        assert capacity() == most
    capacity.cache_clear()


async def plain(scope: Any, receive: Any, send: Any) -> None:
    """An application of three addresses."""
    while (await receive()).get("more_body"):
        pass
    if scope["path"] == "/slow":
        await asyncio.sleep(0.8)
    body = b"a" * (20_000_000 if scope["path"] == "/large" else 2)
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    for start in range(0, len(body), 65_536):
        more = start + 65_536 < len(body)
        await send({"type": "http.response.body", "body": body[start : start + 65_536], "more_body": more})
