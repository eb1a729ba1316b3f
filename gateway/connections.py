"""How long a connection may keep us waiting, and how many there may be: who opens many and says little stops nobody.

    head     complete within 10 s of the connection; the next one's within the time a connection may idle
    body     complete within 10 s of its head; a late one is answered 408 (RFC 9110 §15.5.9), whatever the address
    answer   taken within 30 s, where it is more than fits the socket's buffers
    number   below the limit of open files; over it, those that keep us waiting go, the longest first
    size     64 KiB that complete neither a head, nor a piece of a body, nor a request; then 400 (RFC 9110 §5.4)

What follows a body (trailers) is no header: proxies do not look at it. After a request to speak another protocol
nothing more is read: the parser takes its body for that protocol's, and would take it for requests.

One look a second at all connections and no timer for any: a request costs three readings of the clock. Refuses to close
one that waits for us. A TLS handshake that never ends is not counted here: the event loop ends it after a minute.
"""

import asyncio
import heapq
import math
import resource
from collections.abc import Iterable
from functools import cache
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.problems import Refusal, problem

HEAD_SECONDS = 10.0
BODY_SECONDS = 10.0
ANSWER_SECONDS = 30.0
KEEP_ALIVE_SECONDS = 30
MOST_BYTES = 1 << 16  # a token, a proof of possession and a certificate of 16 KiB each fit

_EVERY = 1.0
_FLUSH_SECONDS = 5.0
_MOST = 8_192
_RESERVED = 256  # open files: databases, sources, receivers
_NEVER = math.inf


class BoundedProtocol(HttpToolsProtocol):
    """HTTP of one connection; `due` is when (loop time) what we wait for must have come."""

    due = _NEVER
    _refused = False
    _undelivered = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its base
        """One more; room is made for it."""
        super().connection_made(transport)
        self.due = self.loop.time() + HEAD_SECONDS
        most = capacity()
        if len(self.connections) > most:
            waiting = (each for each in self.connections if isinstance(each, BoundedProtocol) and each.due < _NEVER)
            for each in heapq.nsmallest(1 + most // 16, waiting, key=lambda one: one.due):
                each.connections.discard(each)
                each.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Some more; what completes nothing is kept in memory, and only so much of it."""
        self._undelivered += len(data)
        super().data_received(data)
        if self._undelivered > MOST_BYTES and not self.transport.is_closing():
            self.send_400_response("More than a request holds.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; what comes after the body of the same request is none (RFC 9110 §6.5.1)."""
        if self.cycle is None or self.cycle.scope is not self.scope:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A request begins: its body is due."""
        super().on_headers_complete()
        self._undelivered = 0
        self.due = self.loop.time() + BODY_SECONDS
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """A piece of it."""
        super().on_body(body)
        self._undelivered = 0

    def on_message_complete(self) -> None:
        """The whole request is here."""
        super().on_message_complete()
        self._undelivered = 0
        self.due = _NEVER if not self.cycle.response_complete else self.loop.time() + KEEP_ALIVE_SECONDS

    def on_response_complete(self) -> None:
        """The answer is out; the next request may be here already."""
        super().on_response_complete()
        self.due = self._next()

    def pause_writing(self) -> None:
        """The client does not take the answer."""
        super().pause_writing()
        self.due = self.loop.time() + ANSWER_SECONDS

    def resume_writing(self) -> None:
        """It does."""
        super().resume_writing()
        self.due = self._next()

    def close_overdue(self) -> None:
        """What was due has not come."""
        if self.pipeline and not (self.flow.write_paused or self.transport.is_closing()):
            return  # of a request whose turn has not come: on_response_complete starts its time
        if self.transport.is_closing() or self._refused:  # what was written before had its time
            self.transport.abort()
            return
        cycle, self.due = self.cycle, self.loop.time() + _FLUSH_SECONDS
        if cycle is None or not cycle.more_body or cycle.response_started:
            self.transport.close()
            return
        self._refused = True  # closed at once, with more of the body on its way, the answer could be lost
        self.transport.pause_reading()
        self.transport.write(_too_slow(cycle.scope))
        cycle.disconnected = True
        cycle.message_event.set()

    def _next(self) -> float:
        if self.cycle.more_body:
            return self.loop.time() + BODY_SECONDS
        return self.loop.time() + KEEP_ALIVE_SECONDS if self.cycle.response_complete else _NEVER


async def sweep(connections: Iterable[object]) -> None:
    """Look at all connections again and again."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(_EVERY)
        now = loop.time()
        for each in list(connections):
            if isinstance(each, BoundedProtocol) and each.due <= now:
                each.close_overdue()


@cache
def capacity() -> int:
    """How many connections fit below the limit of open files, beside what else needs some."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if limit == resource.RLIM_INFINITY else min(_MOST, max(limit - _RESERVED, limit // 2))


def _too_slow(scope: Any) -> bytes:
    """The problem, on the wire: the application is still waiting for the body and says nothing any more."""
    scope["line"]["late"] = True
    instance = f"urn:passerelle:request:{scope['reference']}"
    answer = problem(Refusal("body_too_slow"), instance=instance, base_url=scope["services"].base_url)
    head = [b"HTTP/1.1 408 Request Timeout", *(b": ".join(each) for each in answer.raw_headers), b"connection: close"]
    return b"\r\n".join([*head, b"", bytes(answer.body)])
