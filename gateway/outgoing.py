"""Connections to addresses that partners name: guarded on the socket, without cookies, compression or redirects.

Whoever uses a session checks the address first (`addresses.normal`) and passes `allow_redirects=False`.
"""

import ssl

import aiohttp

from gateway.addresses import guarded_socket, plain_socket


def open_session(*, guarded: bool, seconds: float, tls: ssl.SSLContext | None = None) -> aiohttp.ClientSession:
    """A session for public addresses only, or, unguarded, for hosts of a setting; made on the loop that uses it."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            socket_factory=guarded_socket if guarded else plain_socket,
            use_dns_cache=False,
            limit=0,
            ssl=tls or True,
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=min(seconds, 5.0)),
        headers={"User-Agent": "passerelle", "Accept-Encoding": "identity"},
    )
