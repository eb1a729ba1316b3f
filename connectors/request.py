"""Complete requests, built from parts that were parsed once.

Answers for cheap `httpx.Request`s: parsing an address costs more than the whole rest of a request (ADR 0004), so
an `Endpoint` parses its own once and only the query, the last path segment or the body is added per call.
Refuses to quote: what it is given is already percent-encoded (RFC 3986 §2.1), see `quoted`.
"""

from typing import Any
from urllib.parse import quote

import httpx

_NOTHING = httpx.ByteStream(b"")


def quoted(value: str) -> str:
    """`value` for a query or one path segment: everything but unreserved characters is encoded."""
    return value if value.isascii() and value.isalnum() else quote(value, safe="")


class Endpoint:
    """One method and address of a partner."""

    __slots__ = ("_fixed", "_method", "_parts", "_url")

    def __init__(self, method: str, address: str) -> None:
        self._method = method
        self._url = httpx.URL(address)
        self._parts: Any = self._url._uri_reference  # noqa: SLF001  private: contract test, ADR 0004
        self._fixed = [(b"Host", self._url.netloc), (b"Accept-Encoding", b"identity")]  # RFC 9110 §12.5.3

    def headers(self, **values: str) -> "Headers":
        """Headers for requests to this host, named in snake case."""
        return [
            *self._fixed,
            *((name.replace("_", "-").encode("ascii"), value.encode("ascii")) for name, value in values.items()),
        ]

    def request(
        self, headers: "Headers | httpx.Headers", *, query: str = "", segment: str = "", body: bytes | None = None
    ) -> httpx.Request:
        """The request with `query`, with `segment` added to the path, or with `body`."""
        url = self._url
        if query or segment:
            parts = self._parts
            path = f"{parts.path}/{segment}" if segment else parts.path
            url = httpx.URL.__new__(httpx.URL)
            url._uri_reference = type(parts)(  # noqa: SLF001
                parts.scheme, parts.userinfo, parts.host, parts.port, path, query or parts.query, parts.fragment
            )
        if body is None:
            return httpx.Request(self._method, url, headers=headers, stream=_NOTHING)
        length = (b"Content-Length", str(len(body)).encode())
        all_headers = [*(headers.raw if isinstance(headers, httpx.Headers) else headers), length]
        return httpx.Request(self._method, url, headers=all_headers, stream=httpx.ByteStream(body))


Headers = list[tuple[bytes, bytes]]
