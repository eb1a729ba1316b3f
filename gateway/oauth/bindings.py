"""What a partner's tokens are bound to, and the certificates and addresses it registers for that.

`dpop`    a token works with proofs of one key only (RFC 9449): what a registration asks for unless it says otherwise
`mtls`    a token works over TLS with one client certificate only (RFC 8705 §3)
`bearer`  whoever holds the token may use it: for a partner that can do neither, said in so many words

A certificate is expected in one of three forms: `san_dns:<name>` and `subject_dn:<RFC 4514>` for one that a
certification authority made (RFC 8705 §2.1), `sha256:<thumbprint>` for one that the partner made (§2.2).
Refuses wildcards, addresses without TLS and addresses that carry a fragment or a user name.
"""

import re
from collections.abc import Collection
from typing import Literal, TypeGuard, get_args
from urllib.parse import urlsplit

from cryptography.x509 import Name

from gateway.addresses import LONGEST
from gateway.oauth.errors import PartnerInvalid

Binding = Literal["dpop", "mtls", "bearer"]

MAX_CERTIFICATES = 8
MAX_REDIRECT_URIS = 8
MAX_ADDRESS = LONGEST
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

_DNS = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")
_ADDRESS = re.compile(rf"[!-~]{{1,{MAX_ADDRESS}}}")


def is_binding(text: str) -> TypeGuard[Binding]:
    """Whether this is one of the three."""
    return text in get_args(Binding)


def check_binding(binding: str, certificates: Collection[str]) -> tuple[Binding, tuple[str, ...]]:
    """The binding and its certificates in their one form, or `PartnerInvalid`."""
    if not is_binding(binding):
        raise PartnerInvalid("binding", "must be dpop, mtls or bearer")
    if len(certificates) > MAX_CERTIFICATES:
        raise PartnerInvalid("certificates", f"must be at most {MAX_CERTIFICATES}")
    if (binding == "mtls") != bool(certificates):
        raise PartnerInvalid("certificates", "must be given for the binding mtls, and for no other")
    return binding, tuple(sorted({_certificate(each) for each in certificates}))


def check_redirect_uris(addresses: Collection[str]) -> tuple[str, ...]:
    """Addresses that people may be sent back to, compared as they are written (RFC 9700 §2.1)."""
    if len(addresses) > MAX_REDIRECT_URIS:
        raise PartnerInvalid("redirect_uris", f"must be at most {MAX_REDIRECT_URIS}")
    for address in addresses:
        _check_address("redirect_uris", address)
    return tuple(sorted(set(addresses)))


def check_jwks_uri(address: str | None) -> str | None:
    """Where a partner publishes its keys."""
    if address is not None:
        _check_address("jwks_uri", address)
        if not address.startswith("https://"):
            raise PartnerInvalid("jwks_uri", "must be an https address")
    return address


def _certificate(text: str) -> str:
    kind, _, value = text.partition(":")
    match kind:
        case "san_dns" if _DNS.fullmatch(value.lower()):
            return f"{kind}:{value.lower()}"
        case "sha256" if _THUMBPRINT.fullmatch(value):
            return text
        case "subject_dn" if len(value) <= MAX_ADDRESS:
            try:
                name = Name.from_rfc4514_string(value)
            except ValueError:
                name = Name([])
            if name.rdns:
                return f"{kind}:{name.rfc4514_string()}"
    raise PartnerInvalid("certificates", "must be san_dns:<name>, subject_dn:<RFC 4514> or sha256:<43 of base64url>")


def _check_address(member: str, address: str) -> None:
    if _ADDRESS.fullmatch(address) is None:
        raise PartnerInvalid(member, f"must be at most {MAX_ADDRESS} printable ASCII characters")
    try:
        parts = urlsplit(address)
        _ = parts.port  # looks at it
    except ValueError:
        raise PartnerInvalid(member, "is not an address") from None
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not secure or not parts.hostname or "@" in parts.netloc or "#" in address:
        raise PartnerInvalid(member, "must be an https address (http on one machine only), no user name, no fragment")
