"""POST /oauth/introspect (RFC 7662): whether a token is good now, and what it carries, for who may know.

Who may know: the client it was issued to, and a client registered for `tokens:introspect`, a protected resource. For
anybody else, and for any token that is not good, the answer is `{"active": false}` and nothing more (§2.2): expired,
revoked, forged, foreign and of a suspended partner look alike. With `Accept: application/token-introspection+jwt` the
answer is signed for the one who asked (RFC 9701); it has neither `sub` nor `exp` at its top and a type of its own, so
that nobody can take it for an access token (§8.1). Names of professionals are never told: who needs them has the token.
"""

from typing import Any

from gateway.oauth import client_authentication, form, jose, keys
from gateway.oauth.challenges import BEARER, DPOP, BearerInvalid
from gateway.oauth.claims import Claims
from gateway.oauth.errors import refused
from gateway.oauth.form import Attempt
from gateway.oauth.verification import read, verify

SCOPE = "tokens:introspect"
TYPE = "token-introspection+jwt"
MEDIA_TYPE = f"application/{TYPE}"

_SHOWN = ("iss", "aud", "sub", "client_id", "scope", "jti", "iat", "exp", "act", "cnf", "acr", "auth_time",
          "authorization_details")  # fmt: skip
_INACTIVE: dict[str, Any] = {"active": False}


async def require_token(attempt: Attempt) -> None:
    """§2.1: `token` is required; a hint may say anything, there is one kind of token to look at."""
    if "token" not in attempt.parameters:
        raise refused("token_missing")


async def introspect(attempt: Attempt) -> None:
    """Look at it as the API would."""
    attempt.answer |= await _state(attempt)


async def sign_answer(attempt: Attempt) -> None:
    """RFC 9701 §5, when asked for."""
    if not any(MEDIA_TYPE in _media_types(value) for value in attempt.headers(b"accept")):
        return
    server = attempt.server
    claims = {
        "iss": server.issuer,
        "aud": attempt.client.id,
        "iat": attempt.now // 1000,
        "token_introspection": attempt.answer,
    }
    signing = server.keys.signing
    header = {"typ": TYPE, "alg": keys.ALGORITHM, "kid": signing.kid}
    attempt.signed_answer = jose.sign(claims, header=header, key=signing.private)
    attempt.media_type = MEDIA_TYPE


async def _state(attempt: Attempt) -> dict[str, Any]:
    server, now = attempt.server, attempt.now
    try:
        sent = attempt.parameters["token"].encode("utf-8", "surrogatepass")
        claims = verify(sent, issuer=server.issuer, resource=server.resource, keys=server.keys, now=now)
        token = read(claims)
    except BearerInvalid:
        return _INACTIVE
    if token.client_id != attempt.client.id and SCOPE not in attempt.client.scopes:
        return _INACTIVE
    owner = await server.partners.get(token.client_id, now)
    if token.expires_at <= now or owner is None or not owner.active or await server.revoked.covers(token.ref):
        return _INACTIVE
    return {"active": True, **_shown(claims), "scope": " ".join(sorted(token.scopes & owner.scopes))}


def _shown(claims: Claims) -> dict[str, Any]:
    bound = claims.get("cnf", {})
    kind = {"token_type": DPOP if "jkt" in bound else BEARER}
    return {name: claims[name] for name in _SHOWN if name in claims} | kind


def _media_types(header: bytes) -> list[str]:
    parts = header.decode("latin-1").split(",")
    return [part.partition(";")[0].strip().lower() for part in parts]


STEPS = (*form.STEPS, *client_authentication.STEPS, require_token, introspect, sign_answer)
