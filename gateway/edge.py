"""What surrounds every request: its id, its one log line, its errors, its response headers. Pure ASGI."""

import re
import time
from collections.abc import Mapping
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from audit.ids import new_id
from gateway.limits import RATE
from gateway.logging import place
from gateway.oauth.verification import NONCE
from gateway.problems import Refusal, code_of, problem
from gateway.services import Services
from gateway.web.page import error_page, wants_page
from gateway.web.problems import PageProblem

# a UUID or a trace id: no form that an identifier of a person could take
_REQUEST_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HEADERS = (  # a page says otherwise for itself
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"strict-transport-security", b"max-age=63072000"),
)


class Edge:
    """Gives each request an id, turns errors into problems, writes one line per request.

    Endpoints find the services in `scope["services"]` and add what they want in the line to `scope["line"]`:
    codes, slugs, numbers, never a value of a person or of the request.
    """

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services
        self._log = structlog.get_logger().bind()  # bound once: the lazy one is bound anew for every line

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; other ASGI scopes pass through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope)
        line: dict[str, Any] = {}
        # "app" makes the router raise its 404 and 405 instead of answering them in its own form
        scope.update(services=self._services, line=line, app=self, reference=request_id)
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = {name for name, _ in message["headers"]}
                missing = [header for header in _HEADERS if header[0] not in own]
                message["headers"] = [*message["headers"], *missing, (b"x-request-id", request_id.encode())]
                if RATE in scope:
                    told = scope[RATE].headers().items()
                    message["headers"] += [(name.lower().encode(), value.encode()) for name, value in told]
                if NONCE in scope:  # kept with it, the answer would give an old nonce later (RFC 9449 §8)
                    kept = [header for header in message["headers"] if header[0] != b"cache-control"]
                    nonce = (b"dpop-nonce", scope[NONCE].encode())
                    message["headers"] = [*kept, nonce, (b"cache-control", b"no-store")]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:  # noqa: BLE001  the last resort: nothing unforeseen may reach the client
            known = _unrouted(error) if isinstance(error, HTTPException) else error
            line["code"] = known.code if isinstance(known, PageProblem) else code_of(known)
            if line["code"] == "internal_error" or getattr(known, "__cause__", None) is not None:
                line["where"] = place(error)
            if not status:
                answer = self._refused(scope, known, line["code"], request_id)
                await answer(scope, receive, send_with_headers)
        finally:
            write = self._log.error if line.get("code") == "internal_error" else self._log.info
            milliseconds = round((time.perf_counter() - started) * 1000, 2)
            # the route's own template, never the path, which could hold a pseudonym
            route = getattr(scope.get("route"), "path", None)
            write("request", id=request_id, method=scope["method"], route=route, status=status, ms=milliseconds, **line)

    def _refused(self, scope: Scope, error: BaseException, code: str, request_id: str) -> Response:
        if wants_page(scope):
            return error_page(scope, code, reference=request_id)
        return problem(error, instance=f"urn:passerelle:request:{request_id}", base_url=self._services.base_url)


def _unrouted(error: HTTPException) -> Refusal:
    headers: Mapping[str, str] = error.headers or {}
    return Refusal("method_not_allowed" if error.status_code == 405 else "not_found", headers=headers)


def _request_id(scope: Scope) -> str:
    """The caller's X-Request-Id when it is harmless, else one of ours."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given = str(value, "latin-1").lower()
            return given if _REQUEST_ID.fullmatch(given) else new_id()
    return new_id()
