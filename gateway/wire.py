"""How answers leave: head and body in one write, where uvicorn makes two.

A server may hold the head of an answer back until the first of its body comes (ASGI, `http.response.start`). uvicorn
writes it at once: for each answer a call of the system more, and a packet more to the client.
"""

from asyncio import Transport
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class WholeAnswers(HttpToolsProtocol):
    """uvicorn's protocol; only what an answer is written to is ours, by private names (tests/contract/test_wire.py)."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if cycle.scope["method"] != "HEAD":  # that answer has no body
            cycle.transport = _HeadHeld(cycle.transport)  # type: ignore[assignment]  # all of a transport that a cycle uses
        super()._start_asgi_task(cycle, app)


class _HeadHeld:
    """The transport of one answer. It does not know its cycle: the two would wait for the collector together."""

    __slots__ = ("_head", "_transport")

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._head: bytes | None = None

    def write(self, data: bytes) -> None:
        """Keep the head, which is the first write of an answer; "100 Continue" comes before and is none."""
        if self._head is None and data != _CONTINUE:
            self._head = data
        elif self._head:
            self._transport.write(self._head + data)
            self._head = b""
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Close the connection; a head whose body never came goes out first."""
        if self._head:
            self._transport.write(self._head)
        self._transport.close()

    def is_closing(self) -> bool:
        """As the transport's own."""
        return self._transport.is_closing()
