"""Reads what a provider has signed, and encrypted where that was agreed: id_token and userinfo.

 1  encryption as registered: five segments or three, never the other (RFC 7516; ECDH-ES or RSA-OAEP, A256GCM)
 2  one signature algorithm, the one chosen at registration (RFC 8725 §3.1), no critical header, known `typ`
 3  the key by its id, from the provider's own published keys; the signature
 4  `iss`, `aud`, `azp`, dates (OpenID Connect Core 1.0 §3.1.3.7)

What the id_token says beyond that is checked in `id_token`; a userinfo is checked in `userinfo`. Refuses a key out of a
header, compressed content, an array of audiences with anybody else in it, a token that lives longer than an hour.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from gateway.oauth import jose
from gateway.oauth.errors import JwtRefused
from gateway.signin.errors import Fault, SigninRefused
from gateway.signin.metadata import Publications
from gateway.signin.providers import Level, Provider

SKEW = 30
_OLDEST = 300
_LONGEST = 3_600
_TYPES = frozenset({"", "jwt"})
_KEY_WRAPPING: Mapping[type, str] = {ECKey: "ECDH-ES", RSAKey: "RSA-OAEP"}
_CONTENT = "A256GCM"
_MAX_ENCRYPTED = 32_768


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the answer must agree with: the nonce, the rank of the least level, whether a fresh sign-in was asked for.

    `begun` is when it was asked (s).
    """

    nonce: str = field(repr=False)
    least: int
    fresh: bool
    begun: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What a good id_token says. `auth_time` in seconds, None when the provider does not tell."""

    sub: str = field(repr=False)
    level: Level
    strong: bool
    auth_time: int | None


async def id_token(
    token: object, provider: Provider, published: Publications, *, asked: Asked, access_token: str, now: int
) -> Signed:
    """Check an id_token; `now` in ms."""
    if not isinstance(token, str) or not token:
        raise SigninRefused(Fault.ID_TOKEN_MISSING)
    claims = await _verified(token, provider, published)
    seconds = now // 1000
    _parties(claims, provider)
    _dates(claims, seconds, required=True)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), asked.nonce.encode()):
        raise SigninRefused(Fault.NONCE)
    _access_token_hash(claims, access_token)
    level = _level(claims, provider, asked.least)
    methods = _methods(claims)
    return Signed(
        sub=_subject(claims),
        level=level,
        strong=level.second_factor or "mfa" in methods,
        auth_time=_auth_time(claims, asked, seconds),
    )


async def userinfo(token: str, provider: Provider, published: Publications, *, sub: str, now: int) -> Mapping[str, Any]:
    """Check a signed userinfo (OpenID Connect Core 1.0 §5.3.2); its `sub` must be the id_token's."""
    claims = await _verified(token, provider, published)
    _parties(claims, provider)
    _dates(claims, now // 1000, required=False)
    if not hmac.compare_digest(_subject(claims).encode(), sub.encode()):
        raise SigninRefused(Fault.USERINFO_SUBJECT)
    return claims


async def _verified(token: str, provider: Provider, published: Publications) -> Mapping[str, Any]:
    """1 to 3."""
    if provider.decryption:
        if token.count(".") != 4 or len(token) > _MAX_ENCRYPTED:
            raise SigninRefused(Fault.NOT_ENCRYPTED)
        token = decrypt(token, provider.decryption)
    try:
        read = jose.parse(token, types=_TYPES, algorithms=(provider.signature,))
        kid = read.kid
    except JwtRefused:
        raise SigninRefused(Fault.TOKEN_FORM) from None
    key = await published.key(kid)
    try:
        read.verify(key)
    except JwtRefused:
        raise SigninRefused(Fault.SIGNATURE) from None
    return read.claims


def decrypt(token: str, keys: Sequence[ECKey | RSAKey]) -> str:
    """The signed token inside; raises `SigninRefused`: `decryption`."""
    try:
        header = orjson.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "=="))
        kind = None if not isinstance(header, dict) else header.get("alg")
        if kind not in _KEY_WRAPPING.values() or header.get("enc") != _CONTENT or {"zip", "crit"} & header.keys():
            raise SigninRefused(Fault.DECRYPTION)
    except ValueError:
        raise SigninRefused(Fault.DECRYPTION) from None
    for key in keys:
        if _KEY_WRAPPING[type(key)] != kind:
            continue
        registry = jwe.JWERegistry(algorithms=[kind, _CONTENT], strict_check_header=False)
        try:
            plain = jwe.decrypt_compact(token, key, registry=registry).plaintext
        except (JoseError, ValueError, RecursionError):  # another key of ours, or an altered token
            continue
        if plain is not None:
            return plain.decode("ascii", "replace")
    raise SigninRefused(Fault.DECRYPTION)


def _parties(claims: Mapping[str, Any], provider: Provider) -> None:
    """4: `iss`, `aud`, `azp`."""
    if claims.get("iss") != provider.issuer:
        raise SigninRefused(Fault.TOKEN_ISSUER)
    if claims.get("aud") not in (provider.client_id, [provider.client_id]):
        raise SigninRefused(Fault.TOKEN_AUDIENCE)
    if claims.get("azp", provider.client_id) != provider.client_id:
        raise SigninRefused(Fault.TOKEN_AUDIENCE)


def _dates(claims: Mapping[str, Any], now: int, *, required: bool) -> None:
    """4: not expired, not from the future, not old, not for ever. A userinfo may go without."""
    expires, issued, not_before = (claims.get(name) for name in ("exp", "iat", "nbf"))
    if required and (expires is None or issued is None):
        raise SigninRefused(Fault.TOKEN_DATES)
    for date in (expires, issued, not_before):
        if date is not None and type(date) is not int:
            raise SigninRefused(Fault.TOKEN_DATES)
    rules = (
        expires is not None and expires + SKEW <= now,
        expires is not None and expires > now + _LONGEST,
        issued is not None and not now - _OLDEST <= issued <= now + SKEW,
        not_before is not None and not_before > now + SKEW,
    )
    if any(rules):
        raise SigninRefused(Fault.TOKEN_DATES)


def _subject(claims: Mapping[str, Any]) -> str:
    sub = claims.get("sub")
    if not isinstance(sub, str) or not 1 <= len(sub) <= 255 or not sub.isascii() or not sub.isprintable():
        raise SigninRefused(Fault.SUBJECT)
    if sub != sub.strip():
        raise SigninRefused(Fault.SUBJECT)
    return sub


def _access_token_hash(claims: Mapping[str, Any], access_token: str) -> None:
    """`at_hash` where there is one (§3.1.3.8): the left half of SHA-256 of the access token."""
    if "at_hash" in claims:
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        if claims["at_hash"] != base64.urlsafe_b64encode(half).rstrip(b"=").decode():
            raise SigninRefused(Fault.ACCESS_TOKEN_HASH)


def _level(claims: Mapping[str, Any], provider: Provider, least: int) -> Level:
    rank = provider.rank(claims.get("acr"))
    if rank is None or rank < least:
        raise SigninRefused(Fault.LEVEL)
    return provider.levels[rank]


def _methods(claims: Mapping[str, Any]) -> frozenset[str]:
    """`amr` (RFC 8176). Not every organisation behind a provider tells it: nothing told is no second factor."""
    methods = claims.get("amr", [])
    if not isinstance(methods, list) or not all(isinstance(each, str) for each in methods):
        raise SigninRefused(Fault.METHODS)
    return frozenset(methods)


def _auth_time(claims: Mapping[str, Any], asked: Asked, now: int) -> int | None:
    """Not from the future; and not before we asked, when a fresh sign-in was asked for."""
    at = claims.get("auth_time")
    if (at is not None and (type(at) is not int or not 0 < at <= now + SKEW)) or (
        asked.fresh and (at is None or at < asked.begun - SKEW)
    ):
        raise SigninRefused(Fault.NOT_FRESH)
    return at
