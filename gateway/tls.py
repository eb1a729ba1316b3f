"""TLS that the gateway ends itself, with certificates of partners asked for (RFC 8705 §3, RFC 9325).

TLS 1.2 with forward secrecy at least. A certificate is asked for and not required: people have none. One that is shown
must be of an authority in the settings' file, or stand there itself, else the connection does not come about. What was
shown is told to the application by the TLS extension of ASGI, once per connection.

Refuses to start on files that cannot be used.
"""

import asyncio
import ssl
from typing import Any

from gateway.connections import BoundedProtocol
from gateway.settings import Settings

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"  # of TLS 1.2; those of 1.3 all qualify


class TlsRefused(Exception):  # noqa: N818  the start is refused, with a sentence
    """A certificate or key file cannot be used."""

    code = "tls_refused"


class TlsProtocol(BoundedProtocol):
    """HTTP over TLS whose ASGI scope tells the client's certificate."""

    _told: dict[object, object]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its base
        """The handshake is over: what the client has shown stays the same for the whole connection."""
        super().connection_made(transport)
        connection = transport.get_extra_info("ssl_object")
        shown = None if connection is None else connection.getpeercert(binary_form=True)
        self._told = {
            "client_cert_chain": [] if shown is None else [ssl.DER_cert_to_PEM_cert(shown)],
            "client_cert_name": None,
            "client_cert_error": None,
            "server_cert": None,
            "tls_version": None,
            "cipher_suite": None,
        }

    def on_message_begin(self) -> None:
        """Each request of the connection is told the same."""
        super().on_message_begin()
        self.scope["extensions"] = {"tls": self._told}


def server_options(settings: Settings) -> dict[str, Any]:
    """What `uvicorn.Config` is given beside the rest; nothing when a proxy ends TLS."""
    if not settings.tls_key:
        return {"http": BoundedProtocol}
    context = _context(settings)
    return {"http": TlsProtocol, "ssl_context_factory": lambda _config, _default: context}


def _context(settings: Settings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
        if settings.tls_client_ca:
            context.load_verify_locations(cafile=settings.tls_client_ca)
            context.verify_mode = ssl.CERT_OPTIONAL
    except (OSError, ssl.SSLError) as error:
        raise TlsRefused(f"the files of TLS cannot be used: {error.strerror or type(error).__name__}") from None
    return context
