"""How often one address may call what needs no token: so many at once, then so many per second, in this process.

A brake on whoever shouts, not a security boundary: behind a proxy all callers share one address. IPv6 addresses
count by their /64. Refuses nothing by itself; remembers a bounded number of addresses.
"""

import ipaddress
from collections import OrderedDict


class Pace:
    """Token buckets by address."""

    def __init__(self, *, burst: int = 40, per_second: float = 10, addresses: int = 4_096) -> None:
        self._burst = burst
        self._per_second = per_second
        self._addresses = addresses
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def allows(self, address: str, now: int) -> bool:
        """Count one call at `now` (ms), and tell whether it is within the pace."""
        key = network(address)
        step = 1000 / self._per_second
        full_at = max(self._full_at.get(key, 0), now) + step
        if full_at - now > self._burst * step:
            return False
        self._full_at[key] = full_at
        self._full_at.move_to_end(key)
        if len(self._full_at) > self._addresses:
            self._full_at.popitem(last=False)
        return True


def network(address: str) -> str:
    """Whom an address counts for: itself, or its /64; an IPv4 address in IPv6 form counts as IPv4."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv6Address) and known.ipv4_mapped is None:
        return str(ipaddress.IPv6Network((known, 64), strict=False))
    return str(getattr(known, "ipv4_mapped", None) or known)
