"""DPoP proofs: the sender of a request holds the private key its token is bound to (RFC 9449 §4.3).

 1. one proof
 2. a well-formed JWT of typ dpop+jwt whose alg is in the list
 3. its own public key, P-256, Ed25519 or RSA of 2048 bits at least, without any private member
 4. the signature is of that key
 5. htm is the method as it is; htu is the address under which the gateway is known, never what Host says
 6. iat is less than a minute away, in either direction
 7. ath is the digest of the token it comes with, at the API
 8. nonce is one of ours, where nonces are asked for
 9. jti was never used with this key (`possession.py`, after everything else)

Refuses to look at the certificate or key address a header may name (x5c, jku, x5u).
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import orjson

from gateway.oauth import claims, jose, jwks
from gateway.oauth.errors import Fault, JwtRefused, PartnerInvalid
from gateway.oauth.jose import VerificationKey
from gateway.oauth.nonces import Nonces

TYPE = "dpop+jwt"
HEADER = b"dpop"
NONCE_HEADER = "DPoP-Nonce"
WINDOW_SECONDS = 60

_TYPES = frozenset({TYPE})
_MAX_JWK = 4_096
_MAX_ADDRESS = 2_048
_PORTS = {"http": 80, "https": 443}
_ADDRESS = re.compile(rf"[!-~]{{1,{_MAX_ADDRESS}}}")
_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")

Address = tuple[str, str, int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A proof whose steps 1 to 8 held: who signed it, and what makes it usable once."""

    jkt: str
    jti: str
    expires_at: int
    nonce_age: int | None = None


def read(headers: Iterable[tuple[bytes, bytes]], name: bytes = HEADER) -> str | None:
    """Step 1: the proof of a request, None when it has none."""
    values = [value for key, value in headers if key == name]
    if not values:
        return None
    if len(values) > 1:
        raise JwtRefused(Fault.SEVERAL)
    try:
        return values[0].decode("ascii")
    except UnicodeDecodeError:
        raise JwtRefused(Fault.FORM) from None


def check(
    proof: str, *, method: str, address: str, now: int, token: bytes | None = None, nonces: Nonces | None = None
) -> Proof:
    """Steps 2 to 8, for a request with this method to this address; `now` in milliseconds."""
    # 2
    unverified = jose.parse(proof, types=_TYPES)
    # 3
    key, jkt = _key(unverified.header.get("jwk"))
    # 4
    unverified.verify(key)
    # 5
    said: Any = unverified.claims
    if said.get("htm") != method:
        raise JwtRefused(Fault.METHOD)
    if not same_address(said.get("htu"), address):
        raise JwtRefused(Fault.ADDRESS)
    # 6
    issued_at, seconds = said.get("iat"), now // 1000
    if type(issued_at) is not int:
        raise JwtRefused(Fault.DATES)
    if issued_at > seconds + WINDOW_SECONDS:
        raise JwtRefused(Fault.FUTURE)
    if issued_at < seconds - WINDOW_SECONDS:
        raise JwtRefused(Fault.STALE)
    # 7
    if token is not None and said.get("ath") != token_hash(token):
        raise JwtRefused(Fault.TOKEN_HASH)
    # 8
    age = None if nonces is None else nonces.age(said.get("nonce"), now)
    if nonces is not None and age is None:
        raise JwtRefused(Fault.NONCE)
    expires_at = (issued_at + WINDOW_SECONDS) * 1000
    return Proof(jkt=jkt, jti=claims.token_id(said), expires_at=expires_at, nonce_age=age)


def token_hash(token: bytes) -> str:
    """The ath of an access token."""
    return jose.encode(hashlib.sha256(token).digest())


def same_address(one: object, other: str) -> bool:
    """Whether both name the same resource: without query and fragment, normalised (RFC 3986 §6.2.2, §6.2.3)."""
    if one == other:
        return True
    normal = _normal(one) if isinstance(one, str) else None
    return normal is not None and normal == _normal(other)


def _normal(address: str) -> Address | None:
    if _ADDRESS.fullmatch(address) is None:
        return None
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    path = _without_dots(_ESCAPED.sub(_escape, parts.path)) or "/"
    return parts.scheme, parts.hostname, port or _PORTS[parts.scheme], path


def _escape(found: re.Match[str]) -> str:
    character = chr(int(found[0][1:], 16))
    return character if _UNRESERVED.fullmatch(character) else found[0].upper()


def _without_dots(path: str) -> str:
    """RFC 3986 §5.2.4."""
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == "..":
            del kept[max(1, len(kept) - 1) :]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")
    return "/".join(kept)


def _key(jwk: object) -> tuple[VerificationKey, str]:
    try:
        members = orjson.dumps(jwk)
    except TypeError:  # too deep, or characters that are none
        raise JwtRefused(Fault.PROOF_KEY) from None
    if len(members) > _MAX_JWK:
        raise JwtRefused(Fault.PROOF_KEY)
    try:
        return _parsed(members)
    except PartnerInvalid:
        raise JwtRefused(Fault.PROOF_KEY) from None


@lru_cache(maxsize=1_024)  # a sender proves itself with the same key each time; reading it costs as much as a signature
def _parsed(members: bytes) -> tuple[VerificationKey, str]:
    return jwks.of_header(orjson.loads(members))
