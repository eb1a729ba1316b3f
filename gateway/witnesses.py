"""HTTP to the witnesses, for `audit.witnessing`: one second, 64 KiB, no redirect, no cookie, no compression.

Refuses an answer beyond these bounds, and a policy whose witnesses are not reached by https (http on this machine
only): the signatures would hold, but a refusal made up on the way would be believed.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from audit.errors import AuditError, PolicyInvalid, WitnessUnavailable
from audit.keys import Vkey
from audit.policy import Policy, parse_policy
from audit.reading import PublishedLog
from audit.store import Store
from audit.witnessing import Answer, Witnessing
from gateway.database import open_database
from gateway.keys import GatewayKeys, load
from gateway.settings import Settings

MAX_ANSWER = 64 * 1024
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


def read_policy(path: str) -> Policy:
    """Read a policy file of the settings."""
    try:
        policy = parse_policy(Path(path).read_bytes().decode())  # names reach logs and readiness: no other octets here
    except (OSError, UnicodeDecodeError):
        raise PolicyInvalid(f"{path} cannot be read") from None
    for name, witness in policy.witnesses.items():
        if witness.url is not None and not _reachable(witness.url):
            raise PolicyInvalid(f"{path}: the URL of {name} must be https:// (http:// only on this machine)")
    return policy


def _reachable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    plain = not (parts.query or parts.fragment or parts.username or parts.password)
    return plain and bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and host in _LOCAL))


def witnesses_of(
    settings: Settings,
    policy: Policy,
    *,
    store: Store,
    log: PublishedLog,
    keys: GatewayKeys,
    client: "WitnessClient",
    hold: Callable[[AuditError], None],
) -> Witnessing:
    """Who asks the witnesses of the policy; our own key does not count among them."""
    return Witnessing(
        store,
        log=log,
        policy=policy,
        transport=client,
        vkeys=lambda origin: [Vkey(origin, vkey.public) for vkey in keys.log.vkeys],
        hold=hold,
        own=keys.witness.vkeys,
        interval=settings.witness_interval_seconds,
    )


async def compare(settings: Settings) -> Mapping[str, AuditError | None]:
    """Compare the journal with what its witnesses hold, once; gives what each of them makes doubtful."""
    if not settings.witness_policy:
        return {}
    policy, keys, client = read_policy(settings.witness_policy), load(settings), WitnessClient()
    async with open_database(settings.main_url) as store:
        log = PublishedLog(store)
        one = witnesses_of(settings, policy, store=store, log=log, keys=keys, client=client, hold=lambda _: None)
        try:
            await one.compare()
        finally:
            await client.close()
    return one.faults


class WitnessClient:
    """Keeps connections to the witnesses; close it."""

    def __init__(self, *, seconds: float = 1.0) -> None:
        self._timeout = aiohttp.ClientTimeout(total=seconds)
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes) -> Answer:
        """See `audit.witnessing.Transport`."""
        return await self._ask("POST", url, body)

    async def get(self, url: str) -> Answer:
        """See `audit.witnessing.Transport`."""
        return await self._ask("GET", url, None)

    async def _ask(self, method: str, url: str, body: bytes | None) -> Answer:
        try:
            async with self._open().request(method, url, data=body, allow_redirects=False) as answer:
                whole = bytearray()
                async for chunk in answer.content.iter_any():
                    whole += chunk
                    if len(whole) > MAX_ANSWER:
                        raise WitnessUnavailable("it answers more than an answer holds")
                if answer.status >= 500:
                    raise WitnessUnavailable(f"it answered {answer.status}")
                return Answer(answer.status, answer.content_type, bytes(whole))
        except (aiohttp.ClientError, OSError, ValueError) as error:  # a time-out is an OSError
            name = type(error).__name__
        raise WitnessUnavailable(f"it does not answer: {name}")  # outside: the library's error holds the address

    def _open(self) -> aiohttp.ClientSession:
        """The session, made on the loop that uses it."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                timeout=self._timeout,
                headers={"User-Agent": "passerelle", "Accept-Encoding": "identity"},
                skip_auto_headers=("Content-Type",),
            )
        return self._session

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
