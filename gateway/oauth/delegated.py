"""An access token as subject token (RFC 8693): a partner acts for a professional whom another partner vouches for.

 1. a token of ours, not over in any way, of a partner that is active
 2. it names a professional: a machine's token, or one of a person who was there, never becomes a professional's
 3. the partner that vouches said, in its assertion, who may act on (`may_act`, §4.4), and that is this client
 4. the chain of those who act is short, and nobody is in it twice
 5. a token that was bound gives a bound one: exchanged, it does not become one that whoever holds it may use

What comes of it lives no longer than the token it was got with, ends with it, and has no scope more than it.
"""

from gateway.oauth.challenges import BearerInvalid
from gateway.oauth.errors import Fault, JwtRefused, refused
from gateway.oauth.form import Attempt
from gateway.oauth.tokens import MAX_CHAIN, Delegation
from gateway.oauth.verification import read, verify

PARAMETER = "subject_token"
_FAULTS = frozenset(Fault)


async def accept(attempt: Attempt) -> Delegation:
    """Check the subject token for the authenticated client, or raise `JwtRefused`."""
    server, client, now = attempt.server, attempt.client, attempt.now
    # 1
    try:
        sent = attempt.parameters[PARAMETER].encode("utf-8", "surrogatepass")
        claims = verify(sent, issuer=server.issuer, resource=server.resource, keys=server.keys, now=now)
        token = read(claims)
    except BearerInvalid as invalid:
        raise JwtRefused(_fault(invalid.detail)) from None
    if token.expires_at <= now:
        raise JwtRefused(Fault.EXPIRED)
    owner = await server.partners.get(token.client_id, now)
    if owner is None or not owner.active or await server.revoked.covers(token.ref):
        raise JwtRefused(Fault.REVOKED)
    # 2
    if token.actor is None:
        raise JwtRefused(Fault.PROFESSIONAL)
    # 3
    if claims.get("may_act") != {"sub": client.id}:
        raise JwtRefused(Fault.MAY_ACT)
    # 4
    if len(token.chain) >= MAX_CHAIN or client.id in token.chain:
        raise JwtRefused(Fault.CHAIN)
    # 5
    if (token.jkt or token.certificate) and not attempt.confirmation:
        raise JwtRefused(Fault.CONFIRMATION)
    if not attempt.scopes <= token.scopes & owner.scopes:
        raise refused("scope")
    return Delegation(
        professional=token.actor,
        auth_time=token.auth_time,
        chain=token.chain,
        prior=tuple(name for name in token.ref.names if ":" not in name),
        until=token.expires_at,
    )


def _fault(detail: str) -> Fault:
    return Fault(detail) if detail in _FAULTS else Fault.FORM
