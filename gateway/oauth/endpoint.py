"""An OAuth endpoint: named steps as an ASGI application, so that it answers every method and fault in its own form.

Each step lets the request pass or refuses it. A refusal is an entry of the journal when the client had proved who it
is, and a count when it had not (`ledger.py`).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import orjson
import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from audit.errors import AuditError
from gateway.oauth import rates
from gateway.oauth.challenges import BearerInvalid
from gateway.oauth.client_authentication import METHOD
from gateway.oauth.errors import Fault, IdUsed, TokenRequestRefused, refused, token_refused
from gateway.oauth.form import Attempt, ClientGone
from gateway.oauth.server import AuthorizationServer

Step = Callable[[Attempt], Awaitable[None]]

NOT_STORED = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_log = structlog.get_logger("gateway.oauth")


class Endpoint:
    """`name` is that of the entries about its refusals."""

    def __init__(self, server: AuthorizationServer, steps: Sequence[Step], *, name: str, status: int = 200) -> None:
        self._server = server
        self._steps = (rates.by_address, *steps)
        self._name = name
        self._status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the steps; whatever happens, the answer has the form of RFC 6749 §5."""
        attempt = Attempt(self._server, scope, receive, self._server.clock(), self._name)
        try:
            for step in self._steps:
                await step(attempt)
            content = orjson.dumps(attempt.answer) if attempt.signed_answer is None else attempt.signed_answer
            response = Response(
                content, self._status, headers=NOT_STORED | attempt.answer_headers, media_type=attempt.media_type
            )
        except ClientGone:
            return
        except Exception as error:  # noqa: BLE001  no traceback: a message or a local could hold a token
            response = await self._refuse(attempt, error)
        await response(scope, receive, send)

    async def _refuse(self, attempt: Attempt, error: Exception) -> Response:
        refusal = _refusal_of(error, coded=attempt.present is not None)
        try:
            if refusal.status < 500:
                refusal = await self._write_down(attempt, refusal)
        except Exception as second:  # noqa: BLE001  idem
            error, refusal = second, _refusal_of(second, coded=False)
        fault = {"fault": type(error).__name__} if refusal.status == 500 else {}
        _log.warning(
            "token_refused", error=refusal.code, detail=refusal.detail, partner=attempt.known_client,
            endpoint=self._name, **fault,
        )  # fmt: skip
        return _answer(refusal, attempt.answer_headers)

    async def _write_down(self, attempt: Attempt, refusal: TokenRequestRefused) -> TokenRequestRefused:
        ledger = self._server.ledger
        if not attempt.authenticated or refusal.replay or refusal.status == 429:
            ledger.count(refusal.detail, attempt.now)
            return refusal
        try:
            await ledger.refused(
                client=attempt.client.id, endpoint=self._name, detail=refusal.detail, spent=attempt.one_time,
                now=attempt.now,
            )  # fmt: skip
        except IdUsed as used:  # what it came with had been used: that is what is wrong with it
            replay = token_refused(used.parameter, Fault.REPLAYED)
            ledger.count(replay.detail, attempt.now)
            return replay
        return refusal


def _refusal_of(error: Exception, *, coded: bool) -> TokenRequestRefused:
    if isinstance(error, TokenRequestRefused):
        return error
    if isinstance(error, IdUsed):
        return token_refused(error.parameter, Fault.REPLAYED)
    if isinstance(error, BearerInvalid):  # the partner, or the token this one was asked for with, ended meanwhile
        return refused("code_used" if coded else "ended")  # of a code: it came a second time before its token had left
    return refused("store" if isinstance(error, AuditError) else "server")


def _answer(refusal: TokenRequestRefused, more: Mapping[str, str]) -> Response:
    headers = {**NOT_STORED, **more}
    if refusal.status == 401:  # RFC 9110 §15.5.2 wants a challenge with each 401, whatever the method
        headers["WWW-Authenticate"] = f'{METHOD} realm="passerelle"'
    if refusal.status == 405:
        headers["Allow"] = "POST"
    if refusal.status == 503:
        headers["Retry-After"] = "1"
    body = orjson.dumps({"error": refusal.code, "error_description": refusal.refusal.description})
    return Response(body, refusal.status, headers=headers, media_type="application/json")
