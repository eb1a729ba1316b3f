"""An id_token as subject token (RFC 8693): the professional signed in at the partner, through ProConnect.

 1. a signed JWT, ES256 whatever the provider offers beside it, of an issuer of the operator's list
 2. its key is one the issuer publishes (fetched as partners' keys are: guarded, remembered, asked for rarely)
 3. aud is one client id that the list gives to this partner; azp, if there is one, is the same
 4. it is minutes old at most; the level (`acr`) is on the list, and one of the ways (`amr`) where the list names some
 5. it was given for this organisation: siret is the partner's
 6. it is used once: the digest of what was signed, since not every provider gives a jti

No nonce is looked at: it belongs to the partner's own session, which has checked it. The professional's id is prefixed
with the issuer's name, which no id of a partner's own assertion may begin with.
"""

import hashlib

from gateway.oauth import claims as rules
from gateway.oauth import jose, keys
from gateway.oauth.claims import Claims
from gateway.oauth.errors import Fault, JwtRefused
from gateway.oauth.form import Attempt
from gateway.oauth.identity_issuers import IdentityIssuer
from gateway.oauth.professionals import PARAMETER, text
from gateway.oauth.tokens import Delegation, Professional

MAX_AGE_SECONDS = 300

_TYPES = frozenset({"", "jwt"})
_ALGORITHMS = (keys.ALGORITHM,)
_MAX_ID = 96


async def accept(attempt: Attempt) -> Delegation:
    """Check the subject token for the authenticated client and use it up, or raise `JwtRefused`."""
    known, client, now = attempt.server.issuers, attempt.client, attempt.now
    # 1
    token = jose.parse(attempt.parameters[PARAMETER], types=_TYPES, algorithms=_ALGORITHMS)
    said = token.claims
    issuer = known.by_issuer.get(said["iss"]) if isinstance(said.get("iss"), str) else None
    if issuer is None or known.published is None:
        raise JwtRefused(Fault.ISSUER)
    # 2
    key = await known.published.find(f"issuer:{issuer.name}", issuer.jwks_uri, kid=token.kid, now=now)
    if key is None:
        raise JwtRefused(Fault.KEY)
    token.verify(key)
    # 3
    audience = said.get("aud")
    if not isinstance(audience, str) or audience not in issuer.clients.get(client.id, ()):
        raise JwtRefused(Fault.AUDIENCE)
    if said.get("azp", audience) != audience:
        raise JwtRefused(Fault.AUTHORIZED_PARTY)
    # 4
    expires_at = rules.check_dates(said, now_seconds=now // 1000, longest=MAX_AGE_SECONDS)
    if "iat" not in said:
        raise JwtRefused(Fault.DATES)
    if said["iat"] < now // 1000 - MAX_AGE_SECONDS:
        raise JwtRefused(Fault.EXPIRED)
    ways = _level(issuer, said)
    # 5
    if said.get("siret") != client.siret:
        raise JwtRefused(Fault.ORGANISATION)
    rules.check_confirmation(said, attempt.confirmation)
    delegation = Delegation(professional=_read(issuer, said), auth_time=said.get("auth_time"), amr=ways)
    # 6
    digest = hashlib.sha256(token.signing_input).hexdigest()  # not of the signature, which can be written in two ways
    attempt.once(PARAMETER, sender=f"issuer:{issuer.name}", jti=digest, expires_at=expires_at * 1000)
    return delegation


def _level(issuer: IdentityIssuer, said: Claims) -> tuple[str, ...]:
    level, ways = said.get("acr"), said.get("amr", [])
    if not isinstance(level, str) or level not in issuer.acr:
        raise JwtRefused(Fault.LEVEL)
    if not isinstance(ways, list) or not all(isinstance(way, str) for way in ways):
        raise JwtRefused(Fault.LEVEL)
    if issuer.amr and issuer.amr.isdisjoint(ways):
        raise JwtRefused(Fault.LEVEL)
    return tuple(sorted(issuer.amr.intersection(ways)))


def _read(issuer: IdentityIssuer, said: Claims) -> Professional:
    subject = text(said, "sub", _MAX_ID)
    if not subject.isascii() or " " in subject:
        raise JwtRefused(Fault.PROFESSIONAL)
    return Professional(
        id=f"{issuer.name}:{subject}",
        family_name=text(said, "usual_name" if "usual_name" in said else "family_name", 100),
        given_name=text(said, "given_name", 100),
        acr=said["acr"],
    )
