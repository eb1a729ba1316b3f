"""Calls to identity providers: ten seconds in all, no redirect, no cookie, no proxy of the environment, 64 KiB at most.

Refuses to tell more than `unreachable`: an error of the library may hold an address with a code in it.
"""

import asyncio
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, NamedTuple

import httpx
import orjson

from gateway.signin.errors import Fault, SigninRefused

MAX_ANSWER = 64 * 1024
_SECONDS = 10.0
_JSON = frozenset({"application/json", "application/jwk-set+json"})


class Answer(NamedTuple):
    """What came back, whatever its status."""

    status: int
    kind: str
    body: bytes

    def __repr__(self) -> str:
        return f"Answer(status={self.status})"

    def json(self, fault: Fault) -> dict[str, Any]:
        """The JSON object of a 200; anything else is this fault, but a failure of theirs is `unreachable`."""
        if self.status >= 500:
            raise SigninRefused(Fault.UNREACHABLE)
        if self.status != 200 or self.kind not in _JSON:
            raise SigninRefused(fault)
        try:
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            value = None
        if not isinstance(value, dict):
            raise SigninRefused(fault)
        return value


class Outbound:
    """Keeps connections to the providers; close it."""

    def __init__(self) -> None:
        self._opened: httpx.AsyncClient | None = None

    async def get(self, url: str, *, bearer: str | None = None) -> Answer:
        """Read one address, with an access token in the header when there is one."""
        return await self._send("GET", url, {} if bearer is None else {"Authorization": f"Bearer {bearer}"}, None)

    async def post(self, url: str, form: Mapping[str, str]) -> Answer:
        """Send a form."""
        return await self._send("POST", url, {}, form)

    async def _send(self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None) -> Answer:
        try:
            async with (
                asyncio.timeout(_SECONDS),
                self._client().stream(method, url, headers=headers, data=form) as answer,
            ):
                body = bytearray()
                async for chunk in answer.aiter_raw():
                    body += chunk
                    if len(body) > MAX_ANSWER:
                        raise SigninRefused(Fault.UNREACHABLE)
                kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
                return Answer(answer.status_code, kind, bytes(body))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError):  # a time-out is an OSError
            raise SigninRefused(Fault.UNREACHABLE) from None

    def _client(self) -> httpx.AsyncClient:
        """The client, made at the first call: its TLS context takes a while."""
        if self._opened is None:
            self._opened = httpx.AsyncClient(
                timeout=_SECONDS,
                follow_redirects=False,
                trust_env=False,
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                headers={"User-Agent": "passerelle", "Accept-Encoding": "identity"},
            )
        return self._opened

    async def close(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            await self._opened.aclose()
