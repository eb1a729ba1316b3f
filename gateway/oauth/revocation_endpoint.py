"""POST /oauth/revoke (RFC 7009): a client takes back a token of its own. When it answers 200, no process accepts it.

A token that is not one, has expired, is over already or is another client's gives 200 without effect (§2.2): the answer
tells nobody what a token is. `token_type_hint` may be anything, as §2.1 allows: there is one kind of token here, so
`unsupported_token_type` is for a type that this server knows and does not revoke, a partner's own assertions.
"""

from gateway.oauth import client_authentication, form
from gateway.oauth.challenges import BearerInvalid
from gateway.oauth.errors import refused
from gateway.oauth.form import Attempt
from gateway.oauth.verification import read, verify

_OURS_NEVER = frozenset({"urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token"})


async def require_token(attempt: Attempt) -> None:
    """§2.1: `token` is required; a hint that names what others issue is refused."""
    if "token" not in attempt.parameters:
        raise refused("token_missing")
    if attempt.parameters.get("token_type_hint") in _OURS_NEVER:
        raise refused("token_type")


async def revoke(attempt: Attempt) -> None:
    """End it, if there is something to end; the answer has no content."""
    server, now = attempt.server, attempt.now
    attempt.signed_answer = ""
    try:
        sent = attempt.parameters["token"].encode("utf-8", "surrogatepass")
        token = read(verify(sent, issuer=server.issuer, resource=server.resource, keys=server.keys, now=now))
    except BearerInvalid:
        return
    if token.client_id != attempt.client.id or token.expires_at <= now:
        return
    actor = None if token.actor is None else (token.chain[-1], token.actor.id)
    await server.ledger.revoked(token.ref, client=attempt.client.id, expires_at=token.expires_at, actor=actor, now=now)


STEPS = (*form.STEPS, *client_authentication.STEPS, require_token, revoke)
