"""POST /oauth/token (RFC 6749 §3.2): a list of named steps, each of which lets the request pass or refuses it.

Other endpoints (introspection, revocation, pushed authorization requests) start with the same two groups, `form.STEPS`
and `client_authentication.STEPS`. Here the one-time ids, of the assertions and of the proof, are not used up by steps
of their own but by the entry of the journal that says what came of the request: one commit, before anything leaves.
"""

from gateway.oauth import client_authentication, form, grants, sender_constraint, tokens
from gateway.oauth.challenges import BEARER, DPOP
from gateway.oauth.form import Attempt


async def issue_token(attempt: Attempt) -> None:
    """Sign an access token of exactly the scopes that were asked for; answer with it once its entry is durable."""
    server = attempt.server
    token = tokens.issue(
        server,
        client_id=attempt.client.id,
        scopes=attempt.scopes,
        delegation=attempt.delegation,
        confirmation=attempt.confirmation,
        present=attempt.present,
        token_id=attempt.token_id,
        now=attempt.now,
    )
    grant = grants.NAMES[attempt.parameters["grant_type"]]
    await server.ledger.issued(token, client=attempt.client.id, grant=grant, spent=attempt.one_time, now=attempt.now)
    attempt.answer |= {
        "access_token": token.jwt,
        "token_type": DPOP if "jkt" in attempt.confirmation else BEARER,
        "expires_in": token.expires_at // 1000 - attempt.now // 1000,
        "scope": " ".join(sorted(attempt.scopes)),
    }


STEPS = (
    *form.STEPS,
    sender_constraint.read_proof,
    *client_authentication.CHECKS,
    sender_constraint.bind,
    *grants.STEPS,
    sender_constraint.use_proof,
    issue_token,
)
