"""Who is calling the API: the access token of a request, checked (RFC 9068 §4, RFC 6750 §2.1).

 1. exactly one Authorization header, with one Bearer or DPoP token; no other place is ever looked at
 2. typ at+jwt, ES256, one of our keys by kid, signature
 3. iss, aud, dates, client, subject and actor that fit together
 4. the partner exists and is active, with the scopes it has now
 5. the request comes from the sender the token is bound to (RFC 9449 §7, RFC 8705 §3); an unbound token is good
    only for a partner that is registered for bearer tokens
 6. neither the token, nor one it was got with, nor all of a partner's was taken back (RFC 7009)

1, 4, 5 and 6 are done for each request, 2 and 3 once per token: a verified token is remembered by its digest until it
expires. An exchange does 6 under the journal's lock instead, twice (`gate.py`): it asks for `presented`.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from gateway.limits import RATE, Limits
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
from gateway.oauth.revocation import RevokedTokens, TokenRef, partner_name, token_name
from gateway.oauth.tokens import MAX_CHAIN, TYPE, Professional

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
    `vouching` is the id of the partner that names the actor: the caller, or who delegated to it.
    """

    partner: Partner
    scopes: frozenset[str]
    actor: Professional | None = field(repr=False)
    vouching: str
    token: TokenRef
    auth_time: int | None = None
    scheme: str = BEARER
    present: Present | None = field(default=None, repr=False)

    def require(self, *scopes: str) -> None:
        """Raise `ScopeInsufficient` unless the token carries all of these scopes."""
        if not self.scopes.issuperset(scopes):
            raise ScopeInsufficient(frozenset(scopes), scheme=self.scheme)

    def require_recent(self, max_age: int, now: int) -> None:
        """Raise `LevelInsufficient` unless the professional signed in at most `max_age` seconds ago (RFC 9470 §3).

        `now` in milliseconds. A sign-in of unknown hour is not recent; a token of the partner itself has none.
        """
        if self.actor is not None and (self.auth_time is None or now // 1000 - self.auth_time > max_age):
            raise LevelInsufficient(max_age=max_age, scheme=self.scheme)


@dataclass(slots=True)
class Verified:
    """A token whose signature and claims were checked."""

    client_id: str
    expires_at: int
    scopes: frozenset[str]
    actor: Professional | None
    chain: tuple[str, ...]
    """Partners that act, the present one first; the last one vouches for the actor. Empty for a partner itself."""
    ref: TokenRef
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
        revoked: RevokedTokens,
        senders: Possession | None = None,
        limits: Limits | None = None,
        max_age: int = 0,
        size: int = 8_192,
    ) -> None:
        self._issuer = issuer
        self._resource = resource
        self._keys = keys
        self._partners = partners
        self._revoked = revoked
        self._senders = senders
        self._limits = limits
        self._max_age = max_age  # seconds since a professional's sign-in; 0: whenever it was
        self._size = size
        self._verified: OrderedDict[bytes, Verified] = OrderedDict()
        self._believed = keys.state

    async def caller(self, request: Request, now: int, *, where: tuple[bytes, bytes] = AUTHORIZATION) -> Caller:
        """The caller of this request, or `BearerRefused`; `where` are the headers of the token and of its proof."""
        caller = await self.presented(request, now, where=where)
        await self.still(caller)
        return caller

    async def still(self, caller: Caller) -> None:
        """Step 6: raise `BearerInvalid` when the token was taken back."""
        if await self._revoked.covers(caller.token):
            raise BearerInvalid("revoked", scheme=caller.scheme)

    async def presented(self, request: Request, now: int, *, where: tuple[bytes, bytes] = AUTHORIZATION) -> Caller:
        """The caller without step 6, for who hands `Caller.token` to the journal before anything is done or told."""
        # 1
        scheme, token = _credentials(request, where[0])
        try:
            # 2, 3
            if self._keys.state is not self._believed:
                self._believed = self._keys.state
                self._verified.clear()  # what a key that was exposed has signed must not live on in memory
            digest = hashlib.sha256(token).digest()
            verified = self._verified.get(digest)
            if verified is None:
                claims = verify(token, issuer=self._issuer, resource=self._resource, keys=self._keys, now=now)
                verified = self._remember(digest, read(claims))
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
        if self._limits is not None and (rate := self._limits.of_api(partner.id, now)) and isinstance(request, dict):
            request[RATE] = rate
        caller = verified.caller
        if caller is None or caller.partner is not partner:
            caller = verified.caller = Caller(
                partner=partner,
                scopes=verified.scopes & partner.scopes,
                actor=verified.actor,
                vouching=verified.chain[-1] if verified.chain else partner.id,
                token=verified.ref,
                auth_time=verified.auth_time,
                scheme=scheme,
                present=verified.present,
            )
        if self._max_age:
            caller.require_recent(self._max_age, now)
        return caller

    async def _confirm(
        self,
        request: Request,
        scheme: str,
        token: bytes,
        verified: Verified,
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

    def _remember(self, digest: bytes, verified: Verified) -> Verified:
        self._verified[digest] = verified
        if len(self._verified) > self._size:
            self._verified.popitem(last=False)
        return verified


def verify(token: bytes, *, issuer: str, resource: str, keys: TokenKeys, now: int) -> Claims:
    """Step 2 and what step 3 says of the issuer, the audience and the dates: the claims of a token of ours.

    Says nothing about whether it has expired.
    """
    try:
        unverified = jose.parse(token.decode("ascii"), types=_TYPES, algorithms=_ALGORITHMS)
        key = keys.by_kid.get(unverified.kid)
        if key is None:
            raise BearerInvalid("key")
        unverified.verify(key)
    except JwtRefused as refused:
        raise BearerInvalid(refused.fault.value) from None
    except UnicodeDecodeError:
        raise BearerInvalid("form") from None
    claims = unverified.claims
    if claims.get("iss") != issuer:
        raise BearerInvalid("issuer")
    if claims.get("aud") != resource:
        raise BearerInvalid("audience")
    expires_at, issued_at = claims.get("exp"), claims.get("iat")
    if type(expires_at) is not int or type(issued_at) is not int:
        raise BearerInvalid("dates")
    if issued_at > now // 1000 + CLOCK_SKEW_SECONDS:
        raise BearerInvalid("future")
    return claims


def read(claims: Claims) -> Verified:
    """Step 3: client, subject and actors that fit together."""
    client_id, scope, token_id = (claims.get(name) for name in ("client_id", "scope", "jti"))
    if not (isinstance(client_id, str) and isinstance(scope, str) and isinstance(token_id, str)):
        raise BearerInvalid("claims")
    chain, prior = _chain(claims.get("act")), claims.get("prior", [])
    if not isinstance(prior, list) or not all(isinstance(name, str) for name in prior):
        raise BearerInvalid("claims")
    signed_in = claims.get("auth_time")
    jkt, certificate = _confirmation(claims)
    present = read_present(claims)
    return Verified(
        client_id=client_id,
        expires_at=claims["exp"] * 1000,
        scopes=frozenset(scope.split(" ")),
        actor=_actor(claims, client_id, chain) if present is None else None,
        chain=chain,
        ref=TokenRef((token_name(token_id), *prior, *map(partner_name, chain or (client_id,))), claims["iat"] * 1000),
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


def _chain(act: object) -> tuple[str, ...]:
    """Who acts, from the outside in (RFC 8693 §4.1)."""
    chain: list[str] = []
    while act is not None:
        if not isinstance(act, Mapping) or not isinstance(act.get("sub"), str) or len(chain) == MAX_CHAIN:
            raise BearerInvalid("subject")
        chain.append(act["sub"])
        act = act.get("act")
    return tuple(chain)


def _actor(claims: Claims, client_id: str, chain: tuple[str, ...]) -> Professional | None:
    subject = claims.get("sub")
    if not chain and subject == client_id:
        return None
    if not chain or chain[0] != client_id or not isinstance(subject, str) or not subject.startswith(chain[-1] + ":"):
        raise BearerInvalid("subject")
    names: dict[str, Any] = {name: claims.get(name) for name in ("family_name", "given_name", "role", "acr")}
    return Professional(id=subject.removeprefix(chain[-1] + ":"), **names)
