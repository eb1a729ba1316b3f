"""A look-up gives the route that trying all of them in turn gives."""

import contextlib

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router

from gateway.routing import Routes


class Named:
    """An ASGI application that takes every method."""

    async def __call__(self, scope, receive, send):
        await PlainTextResponse(f"any {scope['route'].path}")(scope, receive, send)


async def named(request: Request) -> Response:
    route, given = request.scope["route"], request.path_params
    return PlainTextResponse(f"{sorted(route.methods)} {route.path} {given} {request.scope['endpoint'] is named}")


@contextlib.asynccontextmanager
async def lifespan(_app):
    yield


ROUTES = [
    Route("/token", Named()),
    Route("/people", named, methods=["GET"]),
    Route("/people", named, methods=["POST"]),
    Route("/people/{id}", named, methods=["GET"]),
    Route("/people/new", named, methods=["GET"]),  # taken by the one before
    Route("/people/{id}", named, methods=["POST"]),
    Route("/people/all", named, methods=["POST"]),
    Route("/last", named, methods=["PUT"]),
]


async def asked(app, method: str, path: str) -> tuple[int, str, set[str]]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as http:
        answer = await http.request(method, path)
    return answer.status_code, answer.text, set(answer.headers.get("allow", "").split(", "))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "BREW"])
@pytest.mark.parametrize(
    "path",
    ["/token", "/token/", "//token", "/people", "/people/7", "/people/new", "/people/all", "/last", "/last%0A",
     "/%6Cast", "/nothing", "/"],
)  # fmt: skip
async def test_the_same_route_answers_as_when_all_are_tried_in_turn(method, path):
    """Order, methods, 404 and 405 are Starlette's."""
    theirs = Router(ROUTES, redirect_slashes=False)
    assert await asked(Routes(ROUTES, lifespan=lifespan), method, path) == await asked(theirs, method, path)


async def test_it_starts_and_stops():
    """What has no path goes Starlette's way too."""
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent = []

    async def receive():
        return next(messages)

    async def send(message):
        sent.append(message["type"])

    await Routes(ROUTES, lifespan=lifespan)({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
