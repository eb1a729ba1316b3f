"""A router for simulated servers, on plain ASGI 3: handlers are functions from a request to an answer.

Answers for: matching a path, reading a bounded body, sending an answer, and the ways a server can fail to
send one (late, never, cut short). Refuses to do: anything a handler could do itself; there is no middleware,
no framework and no state in here. A handler never awaits, so that one answer costs a few microseconds.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

BODY_LIMIT = 64 * 1024
NEVER = 3600.0  # a server that hangs: nobody waits that long

JSON = b"application/json; charset=utf-8"
HTML = b"text/html; charset=utf-8"


@dataclass(slots=True, kw_only=True)  # not frozen: that costs a microsecond per request
class Request:
    """What a handler may look at."""

    method: str
    path: str
    query: bytes = b""
    headers: Headers = ()
    body: bytes = field(default=b"", repr=False)
    scheme: str = "http"
    variables: MutableMapping[str, str] = field(default_factory=dict)

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header, its name in lower case."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def parameters(self) -> dict[str, list[str]]:
        """The query string; an empty value counts as given."""
        return parse_qs(self.query.decode("latin-1"), keep_blank_values=True)

    def form(self) -> dict[str, str]:
        """The form of the body, first value of each name."""
        pairs = parse_qs(self.body.decode("latin-1"), keep_blank_values=True)
        return {name: values[0] for name, values in pairs.items()}

    def json(self) -> Any:
        """The JSON of the body; raises ValueError."""
        try:
            return json.loads(self.body)
        except RecursionError:
            raise ValueError from None

    def bearer(self) -> str:
        """The bearer token, empty when there is none."""
        value = self.header(b"authorization") or b""
        return value[7:].strip().decode("latin-1") if value[:7].lower() == b"bearer " else ""

    def base(self) -> str:
        """The address the caller used, without its path."""
        return f"{self.scheme}://{(self.header(b'host') or b'sandbox').decode('latin-1')}"


@dataclass(slots=True, kw_only=True)
class Answer:
    """A whole answer, and how it is sent: after `wait` seconds, and complete or cut short."""

    status: int
    headers: Headers = ()
    body: bytes = field(default=b"", repr=False)
    wait: float = 0.0
    manner: Literal["complete", "cut"] = "complete"

    def plus(self, *headers: tuple[bytes, bytes]) -> "Answer":
        """The same answer with more headers."""
        return Answer(
            status=self.status,
            headers=(*self.headers, *headers),
            body=self.body,
            wait=self.wait,
            manner=self.manner,
        )


Handler = Callable[[Request], Answer]
Route = tuple[str, str, Handler]


def encode(value: Any) -> bytes:
    """JSON as these partners send it: UTF-8, no blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def reply(status: int, value: Any = None, *, headers: Headers = (), content_type: bytes = JSON) -> Answer:
    """A JSON answer; bytes are sent as they are, None is an answer without a body."""
    if value is None:
        return Answer(status=status, headers=((b"content-length", b"0"), *headers) if status != 204 else headers)
    body = value if isinstance(value, bytes) else encode(value)
    lead = ((b"content-type", content_type), (b"content-length", str(len(body)).encode()))
    return Answer(status=status, headers=(*lead, *headers), body=body)


def redirect(location: str) -> Answer:
    """A redirect a browser follows and a connector must not."""
    return reply(302, headers=((b"location", location.encode("latin-1", "replace")),))


class Router:
    """A table of routes, exact ones first, and what to do when an institution is switched off."""

    def __init__(self) -> None:
        self._exact: dict[tuple[str, str], tuple[str, Handler]] = {}
        self._patterns: list[tuple[str, tuple[str, ...], str, Handler]] = []
        self._down: dict[str, Callable[[], Answer]] = {}
        self.outages: set[str] = set()

    def mount(
        self, prefix: str, routes: Iterable[Route], *, institution: str = "", down: Callable[[], Answer] | None = None
    ) -> None:
        """Add the routes of one simulated server below its prefix."""
        if down:
            self._down[institution] = down
        for method, path, handler in routes:
            full = prefix + path
            if "{" in full:
                self._patterns.append((method, tuple(full.split("/")), institution, handler))
            else:
                self._exact[method, full] = (institution, handler)

    @property
    def institutions(self) -> frozenset[str]:
        """Those that can be switched off."""
        return frozenset(self._down)

    def routes(self) -> list[tuple[str, str]]:
        """Method and path of every route."""
        return [*self._exact, *((method, "/".join(parts)) for method, parts, _, _ in self._patterns)]

    def answer(self, request: Request) -> Answer:
        """The answer of the handler, of an outage, or 404 and 405."""
        found = self._exact.get((request.method, request.path)) or self._match(request)
        if found is None:
            return self._nothing(request)
        institution, handler = found
        if institution in self.outages:
            return self._down[institution]()
        return handler(request)

    def _match(self, request: Request) -> tuple[str, Handler] | None:
        parts = request.path.split("/")
        for method, pattern, institution, handler in self._patterns:
            if method == request.method and _fits(pattern, parts):
                request.variables.update(
                    {name[1:-1]: part for name, part in zip(pattern, parts, strict=True) if name[:1] == "{"}
                )
                return institution, handler
        return None

    def _nothing(self, request: Request) -> Answer:
        parts = request.path.split("/")
        allowed = {method for method, path in self._exact if path == request.path}
        allowed |= {method for method, pattern, _, _ in self._patterns if _fits(pattern, parts)}
        if allowed:
            names = ", ".join(sorted(allowed)).encode()
            return reply(405, {"error": "method not allowed in the sandbox"}, headers=((b"allow", names),))
        return reply(404, {"error": "no such path in the sandbox"})


def _fits(pattern: tuple[str, ...], parts: list[str]) -> bool:
    return len(pattern) == len(parts) and all(
        part if name[:1] == "{" else name == part for name, part in zip(pattern, parts, strict=True)
    )


class Application:
    """The ASGI application over a router."""

    def __init__(self, router: Router) -> None:
        self.router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (or the start and stop messages of the server)."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        method: str = scope["method"]
        body = b"" if method in {"GET", "DELETE"} else await _read(receive)
        if body is None:
            answer = reply(413, {"error": "body too large for the sandbox"})
        else:
            answer = self.router.answer(
                Request(
                    method=method,
                    path=scope["path"],
                    query=scope["query_string"],
                    headers=tuple(scope["headers"]),
                    body=body,
                    scheme=scope.get("scheme", "http"),
                )
            )
        if answer.wait and await _left(receive, answer.wait):
            return
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        more = answer.manner == "cut"  # the server then closes the connection in the middle of the answer
        await send({"type": "http.response.body", "body": answer.body, "more_body": more})


async def _read(receive: Receive) -> bytes | None:
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return body
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > BODY_LIMIT:
            return None
    return body


async def _left(receive: Receive, seconds: float) -> bool:
    """Wait, and say whether the caller went away meanwhile."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        else:
            await send({"type": "lifespan.shutdown.complete"})
            return
