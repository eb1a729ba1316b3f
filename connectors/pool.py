"""The connections under `PartnerTransport`: aiohttp in the place where httpx keeps its own pool.

Answers for one complete, bounded answer per request (RFC 9110): at most `max_answer` bytes are ever held, no
redirect is followed, no cookie kept, no proxy or netrc taken from the environment, certificates verified.
Refuses encoded bodies: identity is asked for, and a small compressed body may hide a large one.
Its errors carry a code of `base.DETAILS` and nothing else: no address, header or value.
"""

import ssl
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from types import TracebackType
from typing import Self, cast

import aiohttp
import httpcore
from multidict import CIMultiDict
from yarl import URL

MAX_ANSWER = 1 << 20
Target = tuple[bytes, bytes, int | None, bytes]
"""Scheme, host, port, path with query."""

Answer = tuple[int, Sequence[tuple[bytes, bytes]], bytes]
"""Status, headers as they came, whole body."""

_OURS = ("User-Agent", "Accept", "Accept-Encoding")  # sent only when the request carries them
_OURS_WITH_BODY = (*_OURS, "Content-Type")


class Body:
    """A body that has already been read, as httpx expects to iterate it."""

    __slots__ = ("_content",)

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content

    async def aclose(self) -> None:
        """Nothing is held: the connection went back with the last byte."""


class PoolResponse:
    """What httpx reads of httpcore's response."""

    __slots__ = ("extensions", "headers", "status", "stream")

    def __init__(self, *, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.stream = Body(body)
        self.extensions: dict[str, object] = {}


class AiohttpPool:
    """Stands for `httpcore.AsyncConnectionPool`."""

    def __init__(
        self,
        *,
        limit: int = 10,
        max_answer: int = MAX_ANSWER,
        connect_timeout: float = 5.0,
        tls: ssl.SSLContext | None = None,
        proxy: str | None = None,
    ) -> None:
        self._limit = limit
        self._max_answer = max_answer
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout)
        self._tls: ssl.SSLContext | bool = tls if tls is not None else True
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> aiohttp.ClientSession:
        """The session, made on the loop that uses it."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._limit, ssl=self._tls, ttl_dns_cache=60),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=self._timeout,
            proxy=self._proxy,
        )
        return self._session

    async def handle_async_request(self, request: httpcore.Request) -> PoolResponse:
        """As httpx calls it: send `request`, read the whole answer, give the connection back."""
        body = None
        if request.method != b"GET":
            body = b"".join([part async for part in cast("AsyncIterable[bytes]", request.stream)])
        parts, method, headers = request.url, request.method.decode(), request.headers
        target = (parts.scheme, parts.host, parts.port, parts.target)
        status, raw, whole = await self.answer(method, target, headers, body=body, timeout=self._time_out(request))
        return PoolResponse(status=status, headers=raw, body=whole)

    async def answer(
        self,
        method: str,
        target: Target,
        headers: Iterable[tuple[bytes, bytes]],
        *,
        body: bytes | None = None,
        timeout: aiohttp.ClientTimeout | None = None,  # noqa: ASYNC109  aiohttp's own
    ) -> Answer:
        """The same without httpx's types; raises httpcore's errors."""
        session = self._session or self._open()
        sent = CIMultiDict([(name.decode(), value.decode("latin-1")) for name, value in headers])
        ours = _OURS if body is None else _OURS_WITH_BODY
        try:
            response = await session.request(
                method,
                _address(target),
                headers=sent,
                skip_auto_headers=None if all(name in sent for name in ours) else ours,  # None: aiohttp's short way
                data=body,
                allow_redirects=False,
                timeout=timeout or self._timeout,
            )
            try:
                return response.status, response.raw_headers, await self._whole(response)
            except BaseException:
                response.close()  # the rest is never read: the connection cannot be used again
                raise
        except (aiohttp.ClientError, OSError) as error:  # a time-out is an OSError
            failure = _named(error)
        raise failure  # outside the handler: the library's error, which holds the address, is not chained

    def _time_out(self, request: httpcore.Request) -> aiohttp.ClientTimeout:
        """The time-outs an AsyncClient sets, if it does; a connector bounds the whole call instead."""
        asked = request.extensions.get("timeout")
        if not asked:
            return self._timeout
        return aiohttp.ClientTimeout(total=None, connect=asked.get("connect"), sock_read=asked.get("read"))

    async def _whole(self, response: aiohttp.ClientResponse) -> bytes:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise _Unacceptable("unreadable")
        room = self._max_answer - (response.content_length or 0)
        parts = []
        if room >= 0:
            room = self._max_answer
            content = response.content
            while room >= 0 and not content.at_eof():
                part = await content.readany()
                room -= len(part)
                parts.append(part)
        if room < 0:
            raise _Unacceptable("answer_too_large")
        return b"".join(parts)

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _address(target: Target) -> URL:
    scheme, host, port, path_and_query = target
    path, _, query = path_and_query.decode().partition("?")
    return URL.build(scheme=scheme.decode(), host=host.decode(), port=port, path=path, query_string=query, encoded=True)


class _Unacceptable(aiohttp.ClientError):
    """The answer breaks a limit; its text is a code of `base.DETAILS`."""


def _named(error: Exception) -> Exception:
    """The same failure in httpcore's words, which httpx translates, with a code for its whole text."""
    if isinstance(error, _Unacceptable):
        return httpcore.RemoteProtocolError(str(error))
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return httpcore.ConnectTimeout("timeout")
    if isinstance(error, TimeoutError):
        return httpcore.ReadTimeout("timeout")
    if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.InvalidURL, aiohttp.ServerFingerprintMismatch)):
        return httpcore.ConnectError("connection_failed")
    if isinstance(error, aiohttp.ClientResponseError):
        return httpcore.RemoteProtocolError("unreadable")
    return httpcore.ReadError("connection_broken")
