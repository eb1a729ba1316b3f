"""POST /oauth/par (RFC 9126): a partner says, with its key and away from the browser, what it will ask of a person.

Everything is checked here, so that what the browser carries is one secret address and nothing else. Only the code flow,
only with PKCE S256, only to an address the partner has registered, letter by letter (RFC 9700 §2.1); what is asked is
one `authorization_details` (RFC 9396). Refuses request objects (RFC 9101) and addresses of requests (§2.1).
"""

import re

from gateway.oauth import client_authentication, details, form, pkce, sender_constraint
from gateway.oauth.errors import refused
from gateway.oauth.flows import PUSHED_SECONDS, Pushed
from gateway.oauth.form import Attempt

_STATE = re.compile(r"[\x20-\x7e]{1,512}")
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")


async def refuse_request_objects(attempt: Attempt) -> None:
    """Neither by value nor by address."""
    for name in ("request", "request_uri"):
        if name in attempt.parameters:
            raise refused(f"pushed_{name}")


async def check_response(attempt: Attempt) -> None:
    """A code, in the query."""
    if attempt.parameters.get("response_type") != "code":
        raise refused("response_type")
    if attempt.parameters.get("response_mode", "query") != "query":
        raise refused("response_mode")


async def check_redirect_uri(attempt: Attempt) -> None:
    """One of the partner's own, compared letter by letter."""
    if not attempt.client.redirect_uris:
        raise refused("no_redirect_uri")
    if attempt.parameters.get("redirect_uri") not in attempt.client.redirect_uris:
        raise refused("redirect_uri")


async def check_words(attempt: Attempt) -> None:
    """The partner's state, and the key its code will be bound to."""
    sent = attempt.parameters
    if "state" in sent and _STATE.fullmatch(sent["state"]) is None:
        raise refused("state")
    announced = sent.get("dpop_jkt")
    if announced is not None and _THUMBPRINT.fullmatch(announced) is None:
        raise refused("dpop_jkt")
    if announced is not None and attempt.proof is not None and attempt.proof.jkt != announced:
        raise refused("dpop_jkt")
    if sent.get("resource", attempt.server.resource) != attempt.server.resource:
        raise refused("target")


async def keep(attempt: Attempt) -> None:
    """Within the partner's line and scopes; then it is kept."""
    presence, sent, client = attempt.server.presence, attempt.parameters, attempt.client
    if presence is None:
        raise refused("server")
    wish = details.read(sent.get("authorization_details"), presence.catalogue, recipient=client.id)
    needed = details.scopes_of(wish.fields)
    asked = frozenset(sent["scope"].split(" ")) if "scope" in sent else needed
    if not needed <= client.scopes or asked != needed:
        raise refused("details_scope")
    pushed = Pushed(
        partner=client.id,
        redirect_uri=sent["redirect_uri"],
        state=sent.get("state"),
        challenge=pkce.challenge(sent),
        jkt=sent.get("dpop_jkt") if attempt.proof is None else attempt.proof.jkt,
        wish=wish,
    )
    attempt.answer |= {
        "request_uri": await presence.flows.push(pushed, now=attempt.now),
        "expires_in": PUSHED_SECONDS,
    }


STEPS = (
    *form.STEPS,
    sender_constraint.read_proof,
    *client_authentication.STEPS,
    refuse_request_objects,
    check_response,
    check_redirect_uri,
    check_words,
    sender_constraint.use_proof,
    client_authentication.use_up,
    keep,
)
