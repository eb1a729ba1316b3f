"""Authenticates a client by private_key_jwt (RFC 7523 §2.2, narrowed by FAPI 2.0 §5.3.2.1).

 1. one authentication method, and it is this one
 2. the assertion is a well-formed signed JWT of an accepted kind (jose.py)
 3. its issuer is a registered partner, its key one of that partner's, by kid; its signature is good (who signs wrongly
    for a partner again and again is not listened to for a while, at that address: `rates.py`)
 4. the partner is active; iss = sub = client, aud is this server as one string, dates are sane and near
 5. a client_id parameter names the same client
 6. its jti was never used: last, so that a refused assertion uses up nothing (the token endpoint leaves this to
    the journal's entry about the token, which is one commit less)

An unknown client, an unknown key and a bad signature get the same answer, the lock of step 3 included.
Refuses shared secrets in any form.
"""

from gateway.oauth import claims, jose, rates
from gateway.oauth.errors import Fault, JwtRefused, refused, token_refused
from gateway.oauth.form import Attempt
from gateway.oauth.jose import Unverified
from gateway.oauth.partners import Partner, is_partner_id

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
METHOD = "private_key_jwt"
PARAMETER = "client_assertion"
MAX_LIFETIME_SECONDS = 3_600

_TYPES = frozenset({"", "jwt", "client-authentication+jwt"})


async def require_private_key_jwt(attempt: Attempt) -> None:
    """Step 1."""
    sent = attempt.parameters
    methods = [bool(attempt.headers(b"authorization")), "client_secret" in sent, PARAMETER in sent]
    if sum(methods) > 1:
        raise refused("two_methods")
    if not any(methods):
        raise refused("no_authentication")
    if PARAMETER not in sent:
        raise refused("other_method")
    if sent.get("client_assertion_type") != ASSERTION_TYPE:
        raise refused("assertion_type")


async def authenticate_client(attempt: Attempt) -> None:
    """Steps 2 to 5."""
    try:
        attempt.client = await _authenticate(attempt)
    except JwtRefused as refusal:
        raise token_refused(PARAMETER, refusal.fault) from None


async def _authenticate(attempt: Attempt) -> Partner:
    # 2
    assertion = jose.parse(attempt.parameters[PARAMETER], types=_TYPES)
    # 3
    client_id = assertion.claims.get("iss")
    if not is_partner_id(client_id):
        raise JwtRefused(Fault.ISSUER)
    rates.refuse_locked(attempt, client_id)  # registered or not: the lock tells nobody who is a client
    try:
        client = await _signer(attempt, client_id, assertion)
    except JwtRefused:
        attempt.server.limits.signed_wrongly(attempt.scope, client_id, attempt.now)
        raise
    attempt.server.limits.signed_well(attempt.scope, client.id)
    attempt.known_client = client.id
    # 4
    if not client.active:
        raise JwtRefused(Fault.SUSPENDED)
    claims.check_parties(assertion.claims, client_id=client.id, issuer=attempt.server.issuer)
    if assertion.claims.get("sub") != client.id:
        raise JwtRefused(Fault.PARTIES)
    expires_at = claims.check_dates(assertion.claims, now_seconds=attempt.now // 1000, longest=MAX_LIFETIME_SECONDS)
    jti = claims.token_id(assertion.claims)
    # 5
    if attempt.parameters.get("client_id", client.id) != client.id:
        raise JwtRefused(Fault.CLIENT_ID)
    attempt.once(PARAMETER, sender=client.id, jti=jti, expires_at=expires_at * 1000)
    return client


async def _signer(attempt: Attempt, client_id: str, assertion: Unverified) -> Partner:
    kid = assertion.kid  # first: a token without one is refused the same for everybody
    client = await attempt.server.partners.get(client_id, attempt.now)
    if client is None:
        raise JwtRefused(Fault.ISSUER)
    key = await attempt.server.partners.key(client, kid, attempt.now)
    if key is None:
        raise JwtRefused(Fault.KEY)
    assertion.verify(key)
    return client


async def use_up(attempt: Attempt) -> None:
    """Step 6."""
    while attempt.one_time:
        one = attempt.one_time.pop(0)
        if not await attempt.server.used.use(one, now=attempt.now):
            raise token_refused(one.parameter, Fault.REPLAYED)


CHECKS = (require_private_key_jwt, authenticate_client, rates.by_client)
STEPS = (*CHECKS, use_up)
