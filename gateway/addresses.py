"""Where a partner may make us call (signals, its keys): https to public addresses, never into our own network.

Checked twice: at registration, where the name is resolved to tell the partner at once, and on each connection, on the
very address it is made to, so that a name which resolves differently later gets nowhere (SSRF, DNS rebinding). Hosts of
the setting are excepted, and only they may be reached by http, on this machine. Refuses credentials and fragments.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Collection
from typing import Any

from yarl import URL

_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
LONGEST = 500
_UNICAST = ipaddress.ip_network("2000::/3")
_DOCUMENTATION = ipaddress.ip_network("3fff::/20")  # RFC 9637: Python 3.11 does not know it
_EMBEDDING = (ipaddress.ip_network("::ffff:0:0/96"), ipaddress.ip_network("64:ff9b::/96"))


class AddressRefused(Exception):  # noqa: N818  a refusal is an answer, not a fault
    """Not an address we call for a partner; `reason` is a code."""

    code = "webhook_address_refused"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.members = {"errors": [{"pointer": "/url", "reason": reason}]}


def normal(text: str, allowed: Collection[str]) -> str:
    """The address as it will be called and signed; raises `AddressRefused`."""
    try:
        url = URL(text)
        host, port = url.host, url.port
    except ValueError:
        raise AddressRefused("not_an_address") from None
    if not host or not port or not text.isascii() or len(text) > LONGEST or not text.isprintable():
        raise AddressRefused("not_an_address")
    if url.user is not None or url.password is not None or "#" in text:
        raise AddressRefused("credentials_or_fragment")
    if url.scheme != "https" and not (url.scheme == "http" and host in _LOCAL and host in allowed):
        raise AddressRefused("https_only")
    return str(url.with_path(url.raw_path, encoded=True, keep_query=True))  # never without a path


async def check(text: str, allowed: Collection[str]) -> str:
    """Also resolve it: every address of the name must be public. Gives the normal form."""
    address = normal(text, allowed)
    url = URL(address)
    if url.host in allowed:
        return address
    try:
        found = await asyncio.get_running_loop().getaddrinfo(str(url.host), url.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressRefused("name_unknown") from None
    if not all(public(each[4][0]) for each in found):
        raise AddressRefused("address_not_public")
    return address


def public(text: str | int) -> bool:
    """Whether an address of the Internet: not of this machine, of a private, link-local, shared or other network.

    Of IPv6 that is what lies in 2000::/3 (RFC 4291 §2.4), the one part given out yet. An IPv4 address written as IPv6
    (RFC 4291 §2.5.5.2, RFC 6052 §2.1), or inside an address of a tunnel, is judged as itself.
    """
    try:
        address = ipaddress.ip_address(str(text).partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if any(address in network for network in _EMBEDDING):
            return public(str(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)))
        inner = address.sixtofour or (address.teredo or (None, None))[1]
        if address not in _UNICAST or address in _DOCUMENTATION or (inner is not None and not public(str(inner))):
            return False
    return address.is_global and not address.is_multicast


def guarded_socket(info: tuple[Any, ...]) -> socket.socket:
    """A socket for one resolved address, or `PermissionError`: the last word before a connection is made."""
    family, kind, protocol, _, where = info
    if not public(where[0]):
        raise PermissionError("not a public address")
    return plain_socket((family, kind, protocol, "", where))


def plain_socket(info: tuple[Any, ...]) -> socket.socket:
    """A socket for one resolved address, whichever: for the hosts of the setting."""
    made = socket.socket(info[0], info[1], info[2])
    made.setblocking(False)
    return made
