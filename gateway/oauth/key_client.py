"""Fetches a partner's key set as from a stranger: https to a public address, five seconds, 64 KiB, JSON, no redirect.

Refuses http even on this machine. The hosts of the setting are excepted from the guard, and from nothing else. The
library's errors hold addresses: only a code of our own leaves this module.
"""

import ssl
from collections.abc import Collection

import aiohttp
import orjson
from yarl import URL

from gateway.addresses import AddressRefused, normal
from gateway.oauth.published_keys import KeysUnavailable
from gateway.outgoing import open_session

MAX_BYTES = 65_536
SECONDS = 5.0


class KeyClient:
    """Keeps connections to those who publish keys; close it."""

    def __init__(
        self, *, allowed: Collection[str] = (), seconds: float = SECONDS, tls: ssl.SSLContext | None = None
    ) -> None:
        self._allowed = frozenset(allowed)
        self._seconds = seconds
        self._tls = tls
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def fetch(self, uri: str) -> object:
        """The document under this address; raises `KeysUnavailable`."""
        try:
            target = URL(normal(uri, ()), encoded=True)
            session = self._open(guarded=target.host not in self._allowed)
            headers = {"Accept": "application/jwk-set+json, application/json"}
            async with session.get(target, headers=headers, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise KeysUnavailable("status")
                return orjson.loads(await _body(answer))
        except (AddressRefused, aiohttp.InvalidURL):
            raise KeysUnavailable("address") from None
        except TimeoutError:
            raise KeysUnavailable("time") from None
        except aiohttp.ClientConnectorError as error:
            inside = isinstance(error.os_error, PermissionError)
            raise KeysUnavailable("address" if inside else "connection") from None
        except (aiohttp.ClientError, OSError):
            raise KeysUnavailable("connection") from None
        except ValueError:
            raise KeysUnavailable("no_json") from None

    async def close(self) -> None:
        """Close the connections."""
        for session in self._sessions.values():
            await session.close()

    def _open(self, *, guarded: bool) -> aiohttp.ClientSession:
        if guarded not in self._sessions:
            self._sessions[guarded] = open_session(guarded=guarded, seconds=self._seconds, tls=self._tls)
        return self._sessions[guarded]


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """At most 64 KiB, whatever length was announced."""
    body = bytearray()
    async for part in answer.content.iter_any():
        body += part
        if len(body) > MAX_BYTES:
            raise KeysUnavailable("size")
    return bytes(body)
