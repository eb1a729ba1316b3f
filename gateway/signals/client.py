"""One attempt over HTTP: ten seconds, no redirect, no cookie, nothing read but the status and `Retry-After`.

Refuses connections to addresses that are not public (`addresses.py`), except to the hosts of the setting. The library's
errors hold addresses: only a code of our own leaves this module.
"""

import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal

import aiohttp
from yarl import URL

from gateway.addresses import AddressRefused, normal
from gateway.outgoing import open_session

Word = Literal[
    "acknowledged", "gone", "redirected", "refused", "timed_out", "tls_failed", "address_refused", "unreachable"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of an attempt. `retry_at` (ms) is what the receiver asked for."""

    word: Word
    status: int | None = None
    retry_at: int | None = None

    @property
    def acknowledged(self) -> bool:
        """Whether the receiver has it: any 2xx."""
        return self.word == "acknowledged"


class SignalClient:
    """Keeps connections to receivers; close it."""

    def __init__(
        self, *, allowed: Collection[str] = (), seconds: float = 10.0, tls: ssl.SSLContext | None = None
    ) -> None:
        self._allowed = frozenset(allowed)
        self._tls = tls
        self._seconds = seconds
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, now: int) -> Outcome:
        """Send one signal."""
        try:
            target = URL(normal(url, self._allowed), encoded=True)  # the setting may have changed since
            session = self._open(guarded=target.host not in self._allowed)
            async with session.post(target, data=body, headers=headers, allow_redirects=False) as answer:
                answer.close()  # a 2xx says all: its body is neither wanted nor waited for
                return _outcome(answer.status, answer.headers.get("Retry-After"), now)
        except Exception as error:  # noqa: BLE001  whatever a receiver sends, the attempt is over and is settled
            return Outcome(word=_fault(error))

    def _open(self, *, guarded: bool) -> aiohttp.ClientSession:
        """The session, made on the loop that uses it."""
        if guarded not in self._sessions:
            self._sessions[guarded] = open_session(guarded=guarded, seconds=self._seconds, tls=self._tls)
        return self._sessions[guarded]

    async def close(self) -> None:
        """Close the connections."""
        for session in self._sessions.values():
            await session.close()


def _outcome(status: int, retry_after: str | None, now: int) -> Outcome:
    if 200 <= status < 300:
        return Outcome(word="acknowledged", status=status)
    word: Word = "gone" if status == 410 else "redirected" if 300 <= status < 400 else "refused"
    return Outcome(word=word, status=status, retry_at=_retry_at(retry_after, now))


def _retry_at(text: str | None, now: int) -> int | None:
    """RFC 9110 §10.2.3: seconds or a date."""
    if text is None:
        return None
    if text.isascii() and text.isdecimal() and len(text) < 9:
        return now + int(text) * 1000
    try:
        return int(parsedate_to_datetime(text).timestamp() * 1000)
    except (ValueError, ArithmeticError):  # a year beyond the calendar overflows
        return None


def _fault(error: Exception) -> Word:
    if isinstance(error, AddressRefused | aiohttp.InvalidURL):
        return "address_refused"
    if isinstance(error, TimeoutError):
        return "timed_out"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return "tls_failed"
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, PermissionError):
        return "address_refused"
    return "unreachable"
