"""The professional assertion: a partner-signed one-time JWT that names the human behind a request.

It is the subject token of a token exchange (RFC 8693). Its own typ keeps it apart from client assertions,
access tokens and id tokens, so that none of them can be passed off as a person (RFC 8725 §3.11).
"""

from typing import Any

from gateway.oauth import claims, jose
from gateway.oauth.claims import Claims
from gateway.oauth.errors import Fault, JwtRefused
from gateway.oauth.form import Attempt
from gateway.oauth.partners import is_partner_id
from gateway.oauth.tokens import Delegation, Professional

TYPE = "passerelle-professional+jwt"
PARAMETER = "subject_token"
MAX_LIFETIME_SECONDS = 300

_TYPES = frozenset({TYPE})
_MAX_ID, _MAX_NAME, _MAX_WORD = 128, 100, 128


async def accept(attempt: Attempt) -> Delegation:
    """Check the subject token of the authenticated client and use it up, or raise `JwtRefused`."""
    assertion = jose.parse(attempt.parameters[PARAMETER], types=_TYPES)
    client = attempt.client
    key = await attempt.server.partners.key(client, assertion.kid, attempt.now)
    if key is None:
        raise JwtRefused(Fault.KEY)
    assertion.verify(key)
    claims.check_parties(assertion.claims, client_id=client.id, issuer=attempt.server.issuer)
    if assertion.claims.get("azp") != client.id:
        raise JwtRefused(Fault.AUTHORIZED_PARTY)
    claims.check_confirmation(assertion.claims, attempt.confirmation)
    expires_at = claims.check_dates(assertion.claims, now_seconds=attempt.now // 1000, longest=MAX_LIFETIME_SECONDS)
    jti = claims.token_id(assertion.claims)
    delegation = _read(assertion.claims)
    if attempt.server.issuers.names(delegation.professional.id):  # an id that only a provider gives
        raise JwtRefused(Fault.PROFESSIONAL)
    attempt.once(PARAMETER, sender=client.id, jti=jti, expires_at=expires_at * 1000)
    return delegation


def _read(of: Claims) -> Delegation:
    professional_id = text(of, "sub", _MAX_ID)
    if not professional_id.isascii() or " " in professional_id:
        raise JwtRefused(Fault.PROFESSIONAL)
    professional = Professional(
        id=professional_id,
        family_name=text(of, "family_name", _MAX_NAME),
        given_name=text(of, "given_name", _MAX_NAME),
        role=text(of, "role", _MAX_WORD) if "role" in of else None,
        acr=text(of, "acr", _MAX_WORD) if "acr" in of else None,
    )
    return Delegation(professional=professional, auth_time=of.get("auth_time"), may_act=_may_act(of))


def _may_act(of: Claims) -> str | None:
    """Who may act on for the professional (RFC 8693 §4.4): one partner, named."""
    if "may_act" not in of:
        return None
    named = of["may_act"]
    if not isinstance(named, dict) or named.keys() != {"sub"} or not is_partner_id(named["sub"]):
        raise JwtRefused(Fault.MAY_ACT)
    return named["sub"]


def text(of: Claims, name: str, longest: int) -> str:
    """Printable only: names travel on in headers, where a line break would start a new one."""
    value: Any = of.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= longest or not value.isprintable() or not value.strip():
        raise JwtRefused(Fault.PROFESSIONAL)
    return value
