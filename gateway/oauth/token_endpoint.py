"""POST /oauth/token (RFC 6749 §3.2): a list of named steps, each of which lets the request pass or refuses it.

Later endpoints (introspection, revocation, pushed authorization requests) start with the same two groups,
`form.STEPS` and `client_authentication.STEPS`.
"""

from collections.abc import Awaitable, Callable

import orjson
import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from audit.errors import StoreUnavailable
from gateway.oauth import client_authentication, form, grants, sender_constraint, tokens
from gateway.oauth.challenges import BEARER, DPOP
from gateway.oauth.client_authentication import METHOD
from gateway.oauth.errors import TokenRequestRefused, refused
from gateway.oauth.form import Attempt, ClientGone
from gateway.oauth.server import AuthorizationServer

_NOT_STORED = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_log = structlog.get_logger("gateway.oauth")

Step = Callable[[Attempt], Awaitable[None]]


async def sign_token(attempt: Attempt) -> None:
    """Answer with an access token of exactly the scopes that were asked for."""
    server = attempt.server
    attempt.answer |= {
        "access_token": tokens.issue(
            server,
            client_id=attempt.client.id,
            scopes=attempt.scopes,
            delegation=attempt.delegation,
            confirmation=attempt.confirmation,
            present=attempt.present,
            token_id=attempt.token_id,
            now=attempt.now,
        ),
        "token_type": DPOP if "jkt" in attempt.confirmation else BEARER,
        "expires_in": server.lifetime,
        "scope": " ".join(sorted(attempt.scopes)),
    }


STEPS = (
    *form.STEPS,
    sender_constraint.read_proof,
    *client_authentication.STEPS,
    sender_constraint.bind,
    *grants.STEPS,
    sender_constraint.use_proof,
    sign_token,
)


class TokenEndpoint:
    """The endpoint as an ASGI application, so that it answers every method and fault in its own form."""

    steps: tuple[Step, ...] = STEPS
    status = 200

    def __init__(self, server: AuthorizationServer) -> None:
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the steps; whatever happens, the answer has the form of RFC 6749 §5."""
        attempt = Attempt(self._server, scope, receive, self._server.clock())
        try:
            for step in self.steps:
                await step(attempt)
            headers = _NOT_STORED | attempt.answer_headers
            body = orjson.dumps(attempt.answer)
            response = Response(body, self.status, headers=headers, media_type="application/json")
        except ClientGone:
            return
        except TokenRequestRefused as refusal:
            response = _refusal(attempt, refusal)
        except StoreUnavailable:
            response = _refusal(attempt, refused("store"))
        except Exception as error:  # noqa: BLE001  no traceback: a message or a local could hold a token
            response = _refusal(attempt, refused("server"), fault=type(error).__name__)
        await response(scope, receive, send)


def _refusal(attempt: Attempt, refusal: TokenRequestRefused, **operator: str) -> Response:
    shown = refusal.refusal
    _log.warning("token_refused", error=shown.error, detail=refusal.detail, partner=attempt.known_client, **operator)
    headers = _NOT_STORED | attempt.answer_headers
    if shown.status == 401:  # RFC 9110 §15.5.2 wants a challenge with each 401, whatever the method
        headers["WWW-Authenticate"] = f'{METHOD} realm="passerelle"'
    if shown.status == 405:
        headers["Allow"] = "POST"
    if shown.status == 503:
        headers["Retry-After"] = "1"
    body = orjson.dumps({"error": shown.error, "error_description": shown.description})
    return Response(body, shown.status, headers=headers, media_type="application/json")
