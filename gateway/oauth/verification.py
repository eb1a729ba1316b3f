"""Who is calling the API: the access token of a request, checked (RFC 9068 §4, RFC 6750 §2.1).

 1. exactly one Authorization header, with one Bearer or DPoP token; no other place is ever looked at
 2. typ at+jwt, ES256, one of our keys by kid, signature
 3. iss, aud, dates, client, subject and actor that fit together
 4. the partner exists and is active, with the scopes it has now
 5. the request comes from the sender the token is bound to (RFC 9449 §7, RFC 8705 §3); an unbound token is good
    only for a partner that is registered for bearer tokens

1, 4 and 5 are done for each request, 2 and 3 once per token: a verified token is remembered by its digest until
it expires. Revoked token ids (RFC 7009) will be a step of `Verifier.caller`, outside what is remembered. The proof
of step 5 is used last: a refused request uses up nothing.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from gateway.oauth import certificates, dpop, jose, keys
from gateway.oauth.challenges import (
    BEARER,
    DPOP,
    BearerInvalid,
    BearerMalformed,
    BearerMissing,
    BearerRefused,
    Downgraded,
    LevelInsufficient,
    NonceWanted,
    ProofRefused,
    ScopeInsufficient,
)
from gateway.oauth.claims import CLOCK_SKEW_SECONDS, Claims
from gateway.oauth.errors import CertificateRefused, Fault, JwtRefused
from gateway.oauth.keys import TokenKeys
from gateway.oauth.partners import Partner, Partners
from gateway.oauth.possession import Possession
from gateway.oauth.presence import Present, read_present
from gateway.oauth.tokens import TYPE, Professional

Request = Mapping[str, Any]
"""An ASGI scope: its headers, method and path, and what its connection tells of TLS."""

AUTHORIZATION = (b"authorization", dpop.HEADER)
"""The headers with the token and its proof."""

NONCE = "passerelle.dpop_nonce"
"""Where in the scope the edge finds a new nonce to send with the answer."""

_TYPES = frozenset({TYPE})
_ALGORITHMS = (keys.ALGORITHM,)
_SCHEMES = {b"bearer": BEARER, b"dpop": DPOP}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The authenticated caller of an API request; `actor` is None for a token of the partner itself.

    `present` is the person who was there when they said yes, for a token got with a code.
    """

    partner: Partner
    scopes: frozenset[str]
    actor: Professional | None = field(repr=False)
    token_id: str
    auth_time: int | None = None
    scheme: str = BEARER
    present: Present | None = field(default=None, repr=False)

    def require(self, *scopes: str) -> None:
        """Raise `ScopeInsufficient` unless the token carries all of these scopes."""
        if not self.scopes.issuperset(scopes):
            raise ScopeInsufficient(frozenset(scopes), scheme=self.scheme)

    def require_level(self, *acr_values: str, now: int, max_age: int | None = None) -> None:
        """Raise `LevelInsufficient` unless the person signed in at one of these levels, at most `max_age` seconds ago.

        `now` in milliseconds. A token of the partner itself has nobody who signed in (RFC 9470 §3).
        """
        strong = self.actor is not None and (not acr_values or self.actor.acr in acr_values)
        recent = max_age is None or (self.auth_time is not None and now // 1000 - self.auth_time <= max_age)
        if not (strong and recent):
            raise LevelInsufficient(acr_values, max_age, scheme=self.scheme)


@dataclass(slots=True)
class _Verified:
    """A token whose signature and claims were checked."""

    client_id: str
    expires_at: int
    scopes: frozenset[str]
    actor: Professional | None
    token_id: str
    auth_time: int | None
    jkt: str | None
    certificate: str | None
    present: Present | None = None
    caller: Caller | None = None


class Verifier:
    """Turns the headers of a request into its caller."""

    def __init__(
        self,
        *,
        issuer: str,
        resource: str,
        keys: TokenKeys,
        partners: Partners,
        senders: Possession | None = None,
        size: int = 8_192,
    ) -> None:
        self._issuer = issuer
        self._resource = resource
        self._keys = keys
        self._partners = partners
        self._senders = senders
        self._size = size
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()

    async def caller(self, request: Request, now: int, *, where: tuple[bytes, bytes] = AUTHORIZATION) -> Caller:
        """The caller of this request, or `BearerRefused`; `where` are the headers of the token and of its proof."""
        # 1
        scheme, token = _credentials(request, where[0])
        try:
            # 2, 3
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
            # 5
            if scheme is not BEARER or partner.binding != "bearer" or verified.jkt or verified.certificate:
                await self._confirm(request, scheme, token, verified, partner, now=now, header=where[1])
        except BearerRefused as refused:
            refused.scheme = scheme
            raise
        caller = verified.caller
        if caller is None or caller.partner is not partner:
            caller = verified.caller = Caller(
                partner=partner,
                scopes=verified.scopes & partner.scopes,
                actor=verified.actor,
                token_id=verified.token_id,
                auth_time=verified.auth_time,
                scheme=scheme,
                present=verified.present,
            )
        return caller

    async def _confirm(
        self,
        request: Request,
        scheme: str,
        token: bytes,
        verified: _Verified,
        partner: Partner,
        *,
        now: int,
        header: bytes,
    ) -> None:
        """Step 5: each key the token is bound to has signed this request, or its connection."""
        senders = self._senders
        bound = {"dpop": verified.jkt, "mtls": verified.certificate, "bearer": ""}[partner.binding]
        if bound is None or senders is None:
            raise BearerInvalid("unbound")
        if verified.jkt is None and scheme is DPOP:
            raise BearerInvalid("scheme")
        if verified.jkt is not None and scheme is BEARER:
            raise Downgraded("scheme")
        if verified.certificate is not None:
            _check_certificate(senders, request, verified.certificate)
        if verified.jkt is not None:
            await _check_proof(senders, request, token, verified.jkt, now=now, header=header)

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
        signed_in = claims.get("auth_time")
        jkt, certificate = _confirmation(claims)
        present = read_present(claims)
        return _Verified(
            client_id=client_id,
            expires_at=expires_at * 1000,
            scopes=frozenset(scope.split(" ")),
            actor=_actor(claims, client_id) if present is None else None,
            token_id=token_id,
            auth_time=signed_in if type(signed_in) is int else None,
            jkt=jkt,
            certificate=certificate,
            present=present,
        )


def _credentials(request: Request, header: bytes) -> tuple[str, bytes]:
    values = [value for name, value in request["headers"] if name == header]
    if not values:
        raise BearerMissing("missing")
    if len(values) > 1:
        raise BearerMalformed("several")
    word, _, token = values[0].partition(b" ")
    scheme = _SCHEMES.get(word.lower())
    if scheme is None:
        raise BearerMissing("scheme")
    if not token or len(token) > jose.MAX_TOKEN:
        raise BearerMalformed("form", scheme=scheme)
    return scheme, token


def _check_certificate(senders: Possession, request: Request, bound: str) -> None:
    try:
        shown = senders.certificates.shown(request)
    except CertificateRefused as refused:
        raise BearerInvalid(f"certificate.{refused.detail}") from None
    if shown is None or certificates.thumbprint(shown) != bound:
        raise BearerInvalid("certificate")


async def _check_proof(
    senders: Possession, request: Request, token: bytes, bound: str, *, now: int, header: bytes
) -> None:
    proof = None
    try:
        proof = senders.proof(request, now, header=header, token=token)
        if proof is None:
            raise ProofRefused(None)
        if proof.jkt != bound:
            raise BearerInvalid("key")  # the proof is good, the token is not this sender's
        await senders.use(proof, now)
    except JwtRefused as refused:
        nonce = senders.new_nonce(None, now)
        if refused.fault is Fault.NONCE and nonce is not None:
            raise NonceWanted(nonce) from None
        raise ProofRefused(refused.fault) from None
    if (nonce := senders.new_nonce(proof, now)) is not None and isinstance(request, MutableMapping):
        request[NONCE] = nonce


def _confirmation(claims: Claims) -> tuple[str | None, str | None]:
    """The key and the certificate the token is bound to; a binding we do not know is not one we can keep."""
    if "cnf" not in claims:
        return None, None
    bound = claims["cnf"]
    if not isinstance(bound, dict) or not bound or not bound.keys() <= {"jkt", "x5t#S256"}:
        raise BearerInvalid("confirmation")
    if not all(isinstance(value, str) and value for value in bound.values()):
        raise BearerInvalid("confirmation")
    return bound.get("jkt"), bound.get("x5t#S256")


def _actor(claims: Claims, client_id: str) -> Professional | None:
    subject, act = claims.get("sub"), claims.get("act")
    if act is None and subject == client_id:
        return None
    prefix = client_id + ":"
    if act != {"sub": client_id} or not isinstance(subject, str) or not subject.startswith(prefix):
        raise BearerInvalid("subject")
    names: dict[str, Any] = {name: claims.get(name) for name in ("family_name", "given_name", "role", "acr")}
    return Professional(id=subject.removeprefix(prefix), **names)
