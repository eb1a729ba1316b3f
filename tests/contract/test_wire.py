"""The private parts of uvicorn that gateway/wire.py relies on: read this when uvicorn's version changes."""

import asyncio
import contextlib
import inspect
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from gateway.wire import _CONTINUE, WholeAnswers

TEN = (b"content-length", b"10")
ONE_PART = ({"type": "http.response.body", "body": b"0123456789"},)
TWO_PARTS = (
    {"type": "http.response.body", "body": b"01234", "more_body": True},
    {"type": "http.response.body", "body": b"56789"},
)


class _Counted(WholeAnswers):
    """Tells what each write to the connection was."""

    writes: list[bytes]

    def connection_made(self, transport: Any) -> None:
        super().connection_made(_Told(transport, type(self).writes))


class _Told:
    def __init__(self, transport: Any, writes: list[bytes]) -> None:
        self._transport, self._writes = transport, writes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        self._writes.append(bytes(data))
        self._transport.write(data)


@contextlib.asynccontextmanager
async def serving(*messages: dict[str, Any], fails: bool = False) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that answers everything so; its port and its writes."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        for message in messages:
            await send(message)
        if fails:
            raise ConnectionAbortedError

    protocol = type("Protocol", (_Counted,), {"writes": []})
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, log_config=None, log_level="critical", lifespan="off", ws="none", http=protocol, date_header=False
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110  uvicorn tells it in no other way
        await asyncio.sleep(0.01)
    try:
        yield listening.getsockname()[1], protocol.writes
    finally:
        server.should_exit = True
        await task


async def ask(port: int, method: str = "GET", *, more: str = "", body: bytes = b"") -> bytes:
    """Everything the server sends until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{method} / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{more}\r\n".encode())
    got = b""
    if body:
        got = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        writer.write(body)
    got += await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()
    return got


def start(*headers: tuple[bytes, bytes], status: int = 200) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def test_a_cycle_is_started_where_its_transport_is_replaced_and_uses_nothing_else_of_it():
    """What `_HeadHeld` has is all that uvicorn asks of it."""
    assert list(inspect.signature(HttpToolsProtocol._start_asgi_task).parameters) == ["self", "cycle", "app"]
    used = inspect.getsource(RequestResponseCycle).split("self.transport.")[1:]
    assert {each.partition("(")[0] for each in used} == {"write", "close", "is_closing"}
    assert _CONTINUE.decode().strip() in inspect.getsource(RequestResponseCycle.receive)


async def test_head_and_body_leave_together():
    """One write for the whole answer."""
    async with serving(start(TEN), *ONE_PART) as (port, writes):
        assert (await ask(port)).endswith(b"\r\n\r\n0123456789")
    assert len(writes) == 1


@pytest.mark.parametrize("headers", [(TEN,), ()])
async def test_a_body_in_parts_follows_the_head(headers):
    """The first part takes the head along, the others go as they come."""
    async with serving(start(*headers), *TWO_PARTS) as (port, writes):
        whole = await ask(port)
    assert whole.replace(b"\r\n5\r\n", b"\r\n").count(b"01234") == 1
    assert whole.count(b"HTTP/1.1 200") == 1
    assert b"01234" in writes[0]
    assert b"56789" in writes[1]


async def test_an_answer_to_head_has_no_body_to_wait_for():
    """It leaves at once."""
    async with serving(start(TEN), *ONE_PART) as (port, _):
        whole = await ask(port, "HEAD")
    assert whole.startswith(b"HTTP/1.1 200")
    assert whole.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_body_leaves(status):
    """An empty body is a body."""
    async with serving(start(status=status), {"type": "http.response.body", "body": b""}) as (port, _):
        assert (await ask(port)).startswith(f"HTTP/1.1 {status}".encode())


async def test_a_head_whose_body_never_came_leaves_before_the_connection_closes():
    """As uvicorn does it."""
    async with serving(start(TEN), fails=True) as (port, _):
        assert (await ask(port)).startswith(b"HTTP/1.1 200")


async def test_the_word_to_go_on_does_not_wait():
    """RFC 9110 §10.1.1: the client sends its body only then."""
    async with serving(start(TEN), *ONE_PART) as (port, _):
        more = "expect: 100-continue\r\ncontent-length: 2\r\n"
        whole = await ask(port, "POST", more=more, body=b"ab")
    assert whole.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200")
