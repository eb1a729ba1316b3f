"""The three grants: a partner for itself (RFC 6749 §4.4), a named professional (RFC 8693), a person who is present.

The last is the code of RFC 6749 §4.1, for who said yes on our pages (`presence.py`).

A scope is never implied: what is asked must be named, and must be part of the registration. No refresh token:
the client can always sign again.
"""

from collections.abc import Awaitable, Callable

from gateway.oauth import client_authentication, delegated, identity_tokens, presence, professionals
from gateway.oauth.dpop import same_address
from gateway.oauth.errors import JwtRefused, refused, token_refused
from gateway.oauth.form import Attempt
from gateway.oauth.tokens import Delegation

CLIENT_CREDENTIALS = "client_credentials"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105
JWT = "urn:ietf:params:oauth:token-type:jwt"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105


async def choose_grant(attempt: Attempt) -> None:
    """The grant must be one of ours."""
    name = attempt.parameters.get("grant_type")
    if name is None:
        raise refused("grant_missing")
    if name not in GRANTS:
        raise refused("grant")


async def check_scope(attempt: Attempt) -> None:
    """Distinct names, each of them registered for this client. A code has its own: what the person gave."""
    if attempt.parameters["grant_type"] == presence.GRANT:
        return
    text = attempt.parameters.get("scope")
    if text is None:
        raise refused("scope_missing")
    names = text.split(" ")
    scopes = frozenset(names)
    if "" in scopes or len(scopes) != len(names):
        raise refused("scope_form")
    if not scopes <= attempt.client.scopes:
        raise refused("scope")
    attempt.scopes = scopes


async def check_target(attempt: Attempt) -> None:
    """A client that asks for another audience must not get a token for ours (RFC 8707 §2, RFC 8693 §2.2.2)."""
    sent, ours = attempt.parameters, attempt.server.resource
    wanted = sent.get("resource", ours)
    if "#" in wanted or "?" in wanted or not same_address(wanted, ours) or sent.get("audience", ours) != ours:
        raise refused("target")


async def run_grant(attempt: Attempt) -> None:
    """What the chosen grant asks for beyond the client itself."""
    await GRANTS[attempt.parameters["grant_type"]](attempt)


async def _client_credentials(_attempt: Attempt) -> None:
    """The authenticated client is the subject: nothing more to check."""


async def _token_exchange(attempt: Attempt) -> None:
    sent = attempt.parameters
    if "actor_token" in sent or "actor_token_type" in sent:
        raise refused("actor_token")
    if sent.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
        raise refused("requested_token_type")
    if professionals.PARAMETER not in sent:
        raise refused("subject_token_missing")
    accept = SUBJECTS.get(sent.get("subject_token_type", ""))
    if accept is None:
        raise refused("subject_token_type")
    try:
        attempt.delegation = await accept(attempt)
    except JwtRefused as refusal:
        raise token_refused(professionals.PARAMETER, refusal.fault) from None
    attempt.answer["issued_token_type"] = ACCESS_TOKEN


async def _code(attempt: Attempt) -> None:
    await client_authentication.use_up(attempt)  # a request sent again must not use up a code
    await presence.exchange_code(attempt)


SUBJECTS: dict[str, Callable[[Attempt], Awaitable[Delegation]]] = {
    JWT: professionals.accept,
    ID_TOKEN: identity_tokens.accept,
    ACCESS_TOKEN: delegated.accept,
}

GRANTS: dict[str, Callable[[Attempt], Awaitable[None]]] = {
    CLIENT_CREDENTIALS: _client_credentials,
    TOKEN_EXCHANGE: _token_exchange,
    presence.GRANT: _code,
}

NAMES = {CLIENT_CREDENTIALS: "client_credentials", TOKEN_EXCHANGE: "token_exchange", presence.GRANT: presence.GRANT}
"""The grants as the journal names them."""

STEPS = (choose_grant, check_scope, check_target, run_grant)
