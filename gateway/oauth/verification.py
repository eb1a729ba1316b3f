"""Who is calling the API: the access token of a request, checked (RFC 9068 §4, RFC 6750 §2.1).

 1. exactly one Authorization header, with one Bearer token; no other place is ever looked at
 2. typ at+jwt, ES256, one of our keys by kid, signature
 3. iss, aud, dates, client, subject and actor that fit together
 4. the partner exists and is active, with the scopes it has now

1 and 4 are done for each request, 2 and 3 once per token: a verified token is remembered by its digest until
it expires. Revoked token ids (RFC 7009) and the proof of possession (RFC 9449, RFC 8705) will be steps of
`Verifier.caller`, outside what is remembered.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from gateway.oauth import jose, keys
from gateway.oauth.claims import CLOCK_SKEW_SECONDS, Claims
from gateway.oauth.errors import (
    BearerInvalid,
    BearerMalformed,
    BearerMissing,
    JwtRefused,
    ScopeInsufficient,
)
from gateway.oauth.keys import TokenKeys
from gateway.oauth.partners import Partner, Partners
from gateway.oauth.tokens import TYPE, Professional

RawHeaders = Iterable[tuple[bytes, bytes]]

_TYPES = frozenset({TYPE})
_ALGORITHMS = (keys.ALGORITHM,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The authenticated caller of an API request; `actor` is None for a token of the partner itself."""

    partner: Partner
    scopes: frozenset[str]
    actor: Professional | None = field(repr=False)
    token_id: str

    def require(self, *scopes: str) -> None:
        """Raise `ScopeInsufficient` unless the token carries all of these scopes."""
        if not self.scopes.issuperset(scopes):
            raise ScopeInsufficient(frozenset(scopes))


@dataclass(slots=True)
class _Verified:
    """A token whose signature and claims were checked."""

    client_id: str
    expires_at: int
    scopes: frozenset[str]
    actor: Professional | None
    token_id: str
    caller: Caller | None = None


class Verifier:
    """Turns the headers of a request into its caller."""

    def __init__(self, *, issuer: str, resource: str, keys: TokenKeys, partners: Partners, size: int = 8_192) -> None:
        self._issuer = issuer
        self._resource = resource
        self._keys = keys
        self._partners = partners
        self._size = size
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()
        self._believed = keys.state

    async def caller(self, headers: RawHeaders, now: int) -> Caller:
        """The caller of a request with these ASGI headers (`request.headers.raw`), or `BearerRefused`."""
        # 1
        token = _bearer(headers)
        # 2, 3
        if self._keys.state is not self._believed:
            self._believed = self._keys.state
            self._verified.clear()  # one that was exposed must not live on in memory
        digest = hashlib.sha256(token).digest()
        verified = self._verified.get(digest)
        if verified is None:
            verified = self._remember(digest, self._verify(token, now))
        else:
            self._verified.move_to_end(digest)
        if verified.expires_at <= now:
            self._verified.pop(digest, None)
            raise BearerInvalid("expired")
        # 4
        partner = await self._partners.get(verified.client_id, now)
        if partner is None or not partner.active:
            raise BearerInvalid("partner")
        caller = verified.caller
        if caller is None or caller.partner is not partner:
            caller = verified.caller = Caller(
                partner=partner,
                scopes=verified.scopes & partner.scopes,
                actor=verified.actor,
                token_id=verified.token_id,
            )
        return caller

    def _remember(self, digest: bytes, verified: _Verified) -> _Verified:
        self._verified[digest] = verified
        if len(self._verified) > self._size:
            self._verified.popitem(last=False)
        return verified

    def _verify(self, token: bytes, now: int) -> _Verified:
        try:
            unverified = jose.parse(token.decode("ascii"), types=_TYPES, algorithms=_ALGORITHMS)
            key = self._keys.by_kid.get(unverified.kid)
            if key is None:
                raise BearerInvalid("key")
            unverified.verify(key)
        except JwtRefused as refused:
            raise BearerInvalid(refused.fault.value) from None
        except UnicodeDecodeError:
            raise BearerInvalid("form") from None
        return self._read(unverified.claims, now // 1000)

    def _read(self, claims: Claims, now_seconds: int) -> _Verified:
        if claims.get("iss") != self._issuer:
            raise BearerInvalid("issuer")
        if claims.get("aud") != self._resource:
            raise BearerInvalid("audience")
        expires_at, issued_at = claims.get("exp"), claims.get("iat")
        if type(expires_at) is not int or type(issued_at) is not int:
            raise BearerInvalid("dates")
        if issued_at > now_seconds + CLOCK_SKEW_SECONDS:
            raise BearerInvalid("future")
        client_id, scope, token_id = (claims.get(name) for name in ("client_id", "scope", "jti"))
        if not (isinstance(client_id, str) and isinstance(scope, str) and isinstance(token_id, str)):
            raise BearerInvalid("claims")
        return _Verified(client_id, expires_at * 1000, frozenset(scope.split(" ")), _actor(claims, client_id), token_id)


def _bearer(headers: RawHeaders) -> bytes:
    values = [value for name, value in headers if name == b"authorization"]
    if not values:
        raise BearerMissing("missing")
    if len(values) > 1:
        raise BearerMalformed("several")
    scheme, _, token = values[0].partition(b" ")
    if scheme.lower() != b"bearer":
        raise BearerMissing("scheme")
    if not token or len(token) > jose.MAX_TOKEN:
        raise BearerMalformed("form")
    return token


def _actor(claims: Claims, client_id: str) -> Professional | None:
    subject, act = claims.get("sub"), claims.get("act")
    if act is None and subject == client_id:
        return None
    prefix = client_id + ":"
    if act != {"sub": client_id} or not isinstance(subject, str) or not subject.startswith(prefix):
        raise BearerInvalid("subject")
    names: dict[str, Any] = {name: claims.get(name) for name in ("family_name", "given_name", "role", "acr")}
    return Professional(id=subject.removeprefix(prefix), **names)
