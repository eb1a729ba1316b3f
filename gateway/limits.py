"""How often one client, and one address, may ask: so many a minute each, in this process, remembered within bounds.

A bucket holds a minute's worth and fills again steadily. Buckets brake; they are no proof of anything: a client has one
in each process, an address may be shared, and what was not heard of for long is forgotten first. IPv6 counts by /64.

An address is that of the socket. Where the socket is that of a proxy named in the settings, it is the last one in
`X-Forwarded-For` that is not such a proxy: what stands further left was written by who asks.

The lock is of an address *and* the client it names: who signs wrongly for somebody locks itself out, never them.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from gateway.pace import network

if TYPE_CHECKING:
    from gateway.settings import Settings

RATE = "passerelle.rate"
"""Where in the scope the edge finds the headers of the answer."""

WRONG_SIGNATURES = 10  # at once, then two a minute
_RELIEF_MS = 30_000
_REMEMBERED = 16_384
_FORWARDED = b"x-forwarded-for"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class TooOften(Exception):  # noqa: N818  an answer, not a fault
    """The API refuses a client that asks too often; the edge makes a problem of it."""

    code = "too_many_requests"

    def __init__(self, wait: int) -> None:
        super().__init__(self.code)
        self.members = {"retry_after": wait}


@dataclass(frozen=True, slots=True)
class Standing:
    """What is left of a bucket after one more request; `wait` (s) is 0 when it was within the rate."""

    limit: int
    remaining: int
    reset: int
    wait: int

    def headers(self) -> dict[str, str]:
        """As integrators of French public APIs know them."""
        told = {"RateLimit-Limit": self.limit, "RateLimit-Remaining": self.remaining, "RateLimit-Reset": self.reset}
        return {name: str(value) for name, value in (told | ({"Retry-After": self.wait} if self.wait else {})).items()}


class Buckets:
    """Buckets of one size by key: `burst` at once, then one every `step_ms`."""

    def __init__(self, *, burst: int, step_ms: float, remembered: int = _REMEMBERED) -> None:
        self._burst = burst
        self._step = step_ms
        self._remembered = remembered
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()

    def take(self, key: Hashable, now: int) -> Standing:
        """Count one request at `now` (ms), unless it is over the rate."""
        full_at = max(self._full_at.get(key, 0.0), now) + self._step
        over = full_at - now - self._burst * self._step
        if over > 0:
            return Standing(self._burst, 0, ceil((full_at - self._step - now) / 1000), max(1, ceil(over / 1000)))
        self._full_at[key] = full_at
        self._full_at.move_to_end(key)
        if len(self._full_at) > self._remembered:
            self._full_at.popitem(last=False)
        return Standing(self._burst, int(-over // self._step), ceil((full_at - now) / 1000), 0)

    def wait(self, key: Hashable, now: int) -> int:
        """Seconds until one more would be within the rate; counts nothing."""
        over = max(self._full_at.get(key, 0.0), now) + self._step - now - self._burst * self._step
        return max(1, ceil(over / 1000)) if over > 0 else 0

    def forget(self, key: Hashable) -> None:
        """Fill the bucket."""
        self._full_at.pop(key, None)

    def __len__(self) -> int:
        return len(self._full_at)


class Limits:
    """The limits of one process; a rate of 0 is none."""

    def __init__(
        self, *, client_rate: int = 0, address_rate: int = 0, api_rate: int = 0, proxies: Collection[Network] = ()
    ) -> None:
        self._clients = _a_minute(client_rate)
        self._addresses = _a_minute(address_rate)
        self._api = _a_minute(api_rate)
        self._wrong = Buckets(burst=WRONG_SIGNATURES, step_ms=_RELIEF_MS)
        self._proxies = tuple(proxies)

    def of_address(self, where: str, scope: Mapping[str, Any], now: int) -> Standing | None:
        """One more request of this address to this place."""
        return None if self._addresses is None else self._addresses.take((where, self.network(scope)), now)

    def of_client(self, where: str, client: str, now: int) -> Standing | None:
        """One more request of this client, which has proved who it is, to this place."""
        return None if self._clients is None else self._clients.take((where, client), now)

    def of_api(self, client: str, now: int) -> Standing | None:
        """One more request of this client to the API; raises `TooOften`."""
        if self._api is None:
            return None
        standing = self._api.take(client, now)
        if standing.wait:
            raise TooOften(standing.wait)
        return standing

    def locked(self, scope: Mapping[str, Any], client: str, now: int) -> int:
        """Seconds until this address may sign for this client again, 0 when it may."""
        return self._wrong.wait((self.network(scope), client), now) if len(self._wrong) else 0

    def signed_wrongly(self, scope: Mapping[str, Any], client: str, now: int) -> None:
        """The signature was not that of this client."""
        self._wrong.take((self.network(scope), client), now)

    def signed_well(self, scope: Mapping[str, Any], client: str) -> None:
        """It was: what went before is forgotten."""
        if len(self._wrong):
            self._wrong.forget((self.network(scope), client))

    def network(self, scope: Mapping[str, Any]) -> str:
        """Whom a request counts for: an IPv4 address, the /64 of an IPv6 address, "" where there is no socket."""
        peer = scope.get("client")
        return network(address(scope, peer[0], self._proxies)) if peer else ""


def address(scope: Mapping[str, Any], peer: str, proxies: Collection[Network]) -> str:
    """The address a request comes from; see the module."""
    if not proxies or not _within(peer, proxies):
        return peer
    lines = [value.decode("latin-1") for name, value in scope["headers"] if name == _FORWARDED]
    for told in reversed(",".join(lines).split(",")):
        candidate = told.strip()
        if not _is_address(candidate):
            break
        peer = candidate
        if not _within(candidate, proxies):
            break
    return peer


def proxies_of(text: str) -> tuple[Network, ...]:
    """The networks of a setting, blank-separated; ValueError."""
    return tuple(ipaddress.ip_network(word) for word in text.split())


def limits_of(settings: "Settings") -> Limits:
    """The limits an operator has set."""
    return Limits(
        client_rate=settings.client_rate,
        address_rate=settings.address_rate,
        api_rate=settings.api_rate,
        proxies=proxies_of(settings.proxies),
    )


def _a_minute(rate: int) -> Buckets | None:
    return Buckets(burst=rate, step_ms=60_000 / rate) if rate else None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _within(text: str, networks: Collection[Network]) -> bool:
    try:
        known = ipaddress.ip_address(text)
    except ValueError:
        return False
    mapped = known.ipv4_mapped if isinstance(known, ipaddress.IPv6Address) else None
    return any((mapped or known) in each for each in networks)
