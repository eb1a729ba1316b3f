"""Requests that are too much, or more than one, over real sockets: what was sent is bounded, and read once."""

import asyncio
import contextlib
import re
from typing import Any

import pytest

from gateway import connections
from tests.unit.gateway.test_connections import connect, heard, plain, serving

pytestmark = pytest.mark.asyncio

CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\na\r\n"


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANSWER_SECONDS", "_FLUSH_SECONDS"):
        monkeypatch.setattr(connections, name, 0.3)
    monkeypatch.setattr(connections, "_EVERY", 0.05)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Tells method, path, body and the headers whose name begins with x-."""
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message["more_body"]:
            break
    own = [name for name, _ in scope["headers"] if name.startswith(b"x-")]
    told = f"<{scope['method']} {scope['path']} {body!r} {own}>".encode()
    length = (b"content-length", str(len(told)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": told})


async def told(reader: asyncio.StreamReader) -> list[bytes]:
    return re.findall(rb"<.*?>", await heard(reader))


@pytest.mark.parametrize(
    ("said", "more"),
    [
        (b"GET / HTTP/1.1\r\n", b"x: y\r\n" * 5_000),
        (b"GET / HTTP/1.1\r\nx: ", b"y" * 30_000),
        (b"GET /", b"y" * 30_000),
        (CHUNKED + b"0\r\n", b"x: y\r\n" * 5_000),
        (CHUNKED + b"0\r\nx: ", b"y" * 30_000),
        (CHUNKED + b"1;x=", b"y" * 30_000),
    ],
    ids=["headers", "a header", "an address", "trailers", "a trailer", "an extension of a chunk"],
)
async def test_what_completes_nothing_is_not_taken_without_end(said: bytes, more: bytes) -> None:
    """Far less than the ten seconds of a head would bring is enough to be told so."""
    async with serving(plain) as port:
        reader, writer = await connect(port, said)
        hearing = asyncio.create_task(heard(reader))
        sent = 0
        with contextlib.suppress(OSError):
            while not hearing.done() and sent < 20 << 20:
                writer.write(more)
                sent += len(more)
                await asyncio.sleep(0.01)
        assert (await hearing)[:12] in {b"HTTP/1.1 400", b""}
        assert sent < 2 << 20
        writer.close()


async def test_a_long_head_and_a_long_body_that_arrive_are_read() -> None:
    """Three headers of the longest token each; a megabyte in pieces."""
    async with serving(echo) as port:
        head = b"".join(b"x-%d: %b\r\n" % (number, b"y" * 16_384) for number in range(3))
        reader, writer = await connect(port, b"GET /long HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n")
        chunks = b"8000\r\n%b\r\n" % (b"z" * 0x8000) * 32
        writer.write(CHUNKED.replace(b"1\r\na\r\n", b"") + chunks + b"0\r\n\r\n")
        first, second = await told(reader)
        assert first.endswith(b"[b'x-0', b'x-1', b'x-2']>")
        assert second.count(b"z") == 1 << 20
        writer.close()


async def test_what_follows_a_body_is_no_header() -> None:
    """A proxy sets or removes headers; it passes trailers on as they are."""
    async with serving(echo) as port:
        again = CHUNKED.replace(b"Connection: close\r\n", b"x-real: 1\r\n") + b"0\r\nx-forged: 1\r\n\r\n"
        reader, writer = await connect(port, again + again + CHUNKED + b"0\r\nx-forged: 1\r\n\r\n")
        assert await told(reader) == [*[b"<POST / b'a' [b'x-real']>"] * 2, b"<POST / b'a' []>"]
        writer.close()


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
async def test_the_body_of_a_request_to_change_the_protocol_is_no_other_request(protocol: bytes) -> None:
    """A proxy takes it for a body, and the answer to what it hides for that to somebody else's request."""
    async with serving(echo) as port:
        hidden = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
        head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: %b\r\nContent-Length: %d\r\n\r\n"
        for together in (True, False):
            reader, writer = await connect(port, head % (protocol, len(hidden)) + (hidden if together else b""))
            await asyncio.sleep(0 if together else 0.1)
            with contextlib.suppress(OSError):
                writer.write(hidden)
            assert await told(reader) == [b"<POST / b'' []>"]
            writer.close()


async def test_answers_nobody_takes_end_with_requests_sent_ahead() -> None:
    """The turn of the next one would never come."""
    async with serving(plain) as port:
        reader, writer = await connect(port, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(1.2)
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert len(await heard(reader)) < 20_000_000
        writer.close()
