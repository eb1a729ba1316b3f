"""The certificate a client has shown, from the TLS connection or from the proxy that ended it (RFC 8705, RFC 9440).

A proxy proves itself with a shared secret beside `Client-Cert`: whoever reaches the gateway past the proxy can write
that header too, so without the secret it is refused, wherever it comes from. Where a secret is set, only the
header is looked at: the connection then is the proxy's. That the certificate's chain is good, and that the client
holds its key, has been checked by whoever ended TLS.
"""

import binascii
import hashlib
import hmac
import re
import ssl
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from gateway.oauth.errors import CertificateRefused
from gateway.oauth.jose import encode

CERTIFICATE_HEADER = b"client-cert"
SECRET_HEADER = b"client-cert-secret"
_BYTES = re.compile(rb":([A-Za-z0-9+/]+={0,2}):")  # a byte sequence of RFC 8941 §3.3.5
_MAX = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """Where certificates of clients are taken from; `expected` tells whether there is any way for one to come."""

    proxy_secret: bytes | None = field(default=None, repr=False)
    direct: bool = False

    @property
    def expected(self) -> bool:
        """Whether tokens can be bound to certificates here."""
        return self.direct or self.proxy_secret is not None

    def shown(self, scope: Mapping[str, Any]) -> bytes | None:
        """The certificate of this request (DER), None without one; `CertificateRefused` when it cannot be believed."""
        told = [value for name, value in scope["headers"] if name == CERTIFICATE_HEADER]
        if self.proxy_secret is None:
            if told:
                raise CertificateRefused("unproven")
            return _of_connection(scope) if self.direct else None
        if not told:
            return None
        secrets = [value for name, value in scope["headers"] if name == SECRET_HEADER]
        if len(secrets) != 1 or not hmac.compare_digest(secrets[0], self.proxy_secret):
            raise CertificateRefused("unproven")
        found = _BYTES.fullmatch(told[0].strip()) if len(told) == 1 and len(told[0]) <= _MAX else None
        if found is None:
            raise CertificateRefused("form")
        try:
            return b64decode(found[1], validate=True)
        except binascii.Error:
            raise CertificateRefused("form") from None


def thumbprint(der: bytes) -> str:
    """The x5t#S256 of a certificate (RFC 8705 §3.1)."""
    return encode(hashlib.sha256(der).digest())


def check(der: bytes, *, expected: tuple[str, ...], now: int) -> None:
    """Whether it is one that was registered (`bindings.py` tells the forms) and of today, or `CertificateRefused`."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        names = {f"subject_dn:{certificate.subject.rfc4514_string()}", f"sha256:{thumbprint(der)}"} | _dns(certificate)
    except (ValueError, TypeError, x509.InvalidVersion, x509.UnsupportedGeneralNameType, x509.DuplicateExtension):
        raise CertificateRefused("form") from None
    if names.isdisjoint(expected):
        raise CertificateRefused("unknown")
    today = datetime.fromtimestamp(now / 1000, UTC)
    if not certificate.not_valid_before_utc <= today <= certificate.not_valid_after_utc:
        raise CertificateRefused("expired")


def _dns(certificate: x509.Certificate) -> set[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {f"san_dns:{name.lower()}" for name in names.get_values_for_type(x509.DNSName)}


def _of_connection(scope: Mapping[str, Any]) -> bytes | None:
    """What the server tells by the TLS extension of ASGI: the client's own certificate comes first."""
    told = (scope.get("extensions") or {}).get("tls") or {}
    chain = tuple(told.get("client_cert_chain") or ())
    if not chain:
        return None
    if told.get("client_cert_error"):
        raise CertificateRefused("unproven")
    return ssl.PEM_cert_to_DER_cert(chain[0])
