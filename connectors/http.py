"""The one HTTP client of the connectors: the httpx API over aiohttp's connections.

Answers for what every call to a partner must respect, in this order:
 1  the source is not called while it asked to wait, nor while its breaker is open (guard.py)
 2  a fair place among the calls under way, inside the deadline
 3  one bounded answer: at most 1 MiB, no redirect, time-outs (pool.py)
 4  JSON only, strict UTF-8, bounded nesting (RFC 8259 §8.1, §9)
 5  what the answer teaches about the source: Retry-After, failures
Refuses to follow, to guess or to repeat what has an effect. A fault is a `Reply` with a code, never an
exception: the text of a library's error may hold an address with its query.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple, cast

import httpcore
import httpx
import orjson

from connectors.base import Clock
from connectors.guard import Guard, Limits, Refusal
from connectors.pool import AiohttpPool, Answer
from connectors.watch import Watch

MAX_DEPTH = 64
_SHALLOW = 32  # fewer brackets than this cannot nest too deep: no need to look
_LONGEST_WAIT = 86_400
_DEFAULT_WAIT = 60
_PATIENCE = 1.0  # a call given less time than this proves nothing about the source when it ends

_COUNTED = frozenset({"timeout", "connection_failed", "connection_broken", "not_json"})  # towards the breaker

USER_AGENT = "passerelle/0.1"
_HTTPX_OWN: Final = httpx.AsyncHTTPTransport.handle_async_request


class PartnerTransport(httpx.AsyncHTTPTransport):
    """httpx's transport with aiohttp's connections under it.

    `handle_async_request` stays httpx's own: that is what pytest-httpx replaces. Only the pool is ours; it is a
    private attribute, hence one minor version of httpx and a contract test (tests/contract/test_transport.py).
    """

    def __init__(self, pool: AiohttpPool) -> None:  # httpx's own would build a TLS context and a pool for nothing
        self._pool = pool  # type: ignore[assignment]
        self._connections = pool

    def answer(self, request: httpx.Request) -> Coroutine[Any, Any, Answer]:
        """The whole answer; raises httpx's or httpcore's errors.

        Straight from the pool: httpx's method would translate the request and the answer once more, for a third of
        the cost of a call. When that method is replaced, by pytest-httpx, it is asked.
        """
        if httpx.AsyncHTTPTransport.handle_async_request is not _HTTPX_OWN:
            return self._replaced(request)
        url = request.url
        body = None if request.method == "GET" else b"".join(cast("Iterable[bytes]", request.stream))
        target = (url.raw_scheme, url.raw_host, url.port, url.raw_path)
        return self._connections.answer(request.method, target, request.headers.raw, body=body)

    async def _replaced(self, request: httpx.Request) -> Answer:
        response = await self.handle_async_request(request)
        return response.status_code, response.headers.raw, await response.aread()


class Reply(NamedTuple):
    """What came back. `fault` is a code of `base.DETAILS`, empty when the exchange itself went well."""

    status: int = 0
    data: Any = None
    headers: Sequence[tuple[bytes, bytes]] = ()
    fault: str = ""
    retry_after: int | None = None

    def __repr__(self) -> str:
        return f"Reply(status={self.status}, fault={self.fault!r})"

    def header(self, name: bytes) -> str:
        """The value of the header `name` (in small letters), empty when there is none."""
        return header_of(self.headers, name)


def header_of(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> str:
    """The same, without the search for an encoding that httpx makes each time."""
    for key, value in headers:
        if len(key) == len(name) and key.lower() == name:
            return value.decode("latin-1")
    return ""


class PartnerClient:
    """Calls one source."""

    def __init__(
        self,
        pool: AiohttpPool,
        *,
        limits: Limits,
        clock: Clock,
        call_timeout: float = 20.0,
        about_person: Callable[[Any], bool] = lambda _body: False,
    ) -> None:
        self.guard = Guard(limits, clock=clock)
        self.clock = clock
        self._about_person = about_person  # whether the body of a server error speaks of this person only
        self._transport = PartnerTransport(pool)
        self._call_timeout = call_timeout
        self._watch = Watch()

    async def call(self, request: httpx.Request, *, deadline: float) -> Reply:
        """Send `request` and read its answer before `deadline` (loop time)."""
        guard = self.guard
        refusal = guard.refusal()  # 1
        if refusal is not None:
            return Reply(fault=refusal.detail, retry_after=refusal.retry_after)
        try:
            if not guard.place_at_once() and (refusal := await self._place(deadline)) is not None:  # 2
                return Reply(fault=refusal.detail, retry_after=refusal.retry_after)
            try:
                return await self._in_place(request, deadline)
            finally:
                guard.leave()
        finally:
            guard.release()

    async def _place(self, deadline: float) -> Refusal | None:
        """Wait for a place; None when there is one, to be given back."""
        try:
            async with asyncio.timeout_at(deadline):
                refusal = await self.guard.place(deadline=deadline)
        except TimeoutError:
            return Refusal("deadline", None)
        if refusal is None:
            refusal = self.guard.closed()  # a 429 may have arrived meanwhile
            if refusal is not None:
                self.guard.leave()
        return refusal

    async def _in_place(self, request: httpx.Request, deadline: float) -> Reply:
        started = time.monotonic()  # the loop's time, without asking for the loop
        until = min(deadline, started + self._call_timeout)
        if until <= started:
            return Reply(fault="deadline")
        reply = await self._exchange(request, until)
        if reply.fault == "connection_broken" and request.method == "POST":
            # A kept connection may die under the request. aiohttp repeats a GET by itself; our POSTs are
            # searches and sign-ins, as safe to repeat.
            reply = await self._exchange(request, until)
        if reply.fault == "timeout" and until - started < _PATIENCE:
            return Reply(fault="deadline")
        self._learn(reply)  # 5
        return reply

    async def _exchange(self, request: httpx.Request, until: float) -> Reply:
        task = self._watch.begin(until)
        try:
            answer = await self._transport.answer(request)  # 3
        except asyncio.CancelledError:
            if not self._watch.timed_out(task):
                raise
            return Reply(fault="timeout")
        except (httpx.TimeoutException, httpcore.TimeoutException):
            return Reply(fault="timeout")
        except (httpx.ConnectError, httpcore.ConnectError):
            return Reply(fault="connection_failed")
        except (httpx.RemoteProtocolError, httpcore.RemoteProtocolError) as error:
            text = str(error)
            return Reply(fault=text if text in ("answer_too_large", "unreadable") else "connection_broken")
        except (httpx.HTTPError, httpcore.NetworkError, httpcore.ProtocolError):
            return Reply(fault="connection_broken")
        finally:
            self._watch.end(task)
        return self._read(*answer)

    def _read(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> Reply:
        if 300 <= status < 400:
            return Reply(status=status, fault="redirected")
        data, fault = decode(header_of(headers, b"content-type"), body) if body else (None, "")  # 4
        if fault and status >= 400:  # an error page is no drift: its status says enough
            data, fault = None, ""
        wait = retry_after(headers, now=self.clock()) if status in (429, 503) else None
        return Reply(status=status, data=data, headers=headers, fault=fault, retry_after=wait)

    def _learn(self, reply: Reply) -> None:
        guard = self.guard
        if reply.fault:
            guard.failed(reply.fault, counts=reply.fault in _COUNTED)
        elif reply.status < 400:
            guard.answered()
        elif reply.status == 401:
            guard.failed("credentials_rejected", counts=False)
        elif reply.status == 429:
            guard.wait(reply.retry_after or _DEFAULT_WAIT, detail="too_many_requests")
        elif reply.status >= 500:
            if reply.retry_after is not None:
                guard.wait(reply.retry_after, detail="source_failed")
            guard.failed("source_failed", counts=not self._about_person(reply.data))
        else:
            guard.answered()

    def patience(self) -> float:
        """When (loop time) a call begun now is given up: the deadline of what is done for many callers."""
        return time.monotonic() + self._call_timeout

    async def close(self) -> None:
        """Give every connection back."""
        self._watch.close()
        await self._transport.aclose()


def decode(content_type: str, body: bytes) -> tuple[Any, str]:
    """The JSON value of `body`, or None and the code of what is wrong with it."""
    if content_type != "application/json":
        kind = content_type.partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            return None, "not_json"
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None, "unreadable"
    if body.count(b"[") + body.count(b"{") > _SHALLOW and _too_deep(data):
        return None, "answer_too_deep"
    return data, ""


def _too_deep(data: Any) -> bool:
    level = [data]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for value in level
            if isinstance(value, (dict, list))
            for child in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return False
    return True


def retry_after(headers: Sequence[tuple[bytes, bytes]], *, now: int) -> int | None:
    """Seconds to wait as the source says it: Retry-After in either form, else RateLimit-Reset."""
    text = header_of(headers, b"retry-after")
    epoch = not text  # as API Particulier writes RateLimit-Reset
    text = text or header_of(headers, b"ratelimit-reset")
    seconds: int | None = None
    if text.isascii() and text.isdigit():
        seconds = int(text[:12])
        if epoch and seconds > now // 2000:
            seconds -= now // 1000
    elif text:
        try:
            seconds = round(parsedate_to_datetime(text).timestamp() - now / 1000)
        except (ValueError, OverflowError):
            seconds = None
    return None if seconds is None else min(max(seconds, 1), _LONGEST_WAIT)
