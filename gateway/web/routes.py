"""Every page's address, and the start: each role's own home."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.web import integrators, static, stay
from gateway.web.ask.routes import ask_routes
from gateway.web.dpo.oversight_routes import oversight_routes
from gateway.web.dpo.routes import dpo_routes
from gateway.web.me.routes import me_routes
from gateway.web.page import page, see, visitor_of
from gateway.web.pro.routes import pro_routes
from gateway.web.templates import render
from gateway.web.visitor import Visitor

HOMES = {"beneficiary": "/me", "professional": "/pro", "dpo": "/dpo", "operator": "/operator"}


async def get_start(request: Request) -> Response:
    """The visitor's own home, or the sign-in page."""
    visitor = await visitor_of(request)
    return see("/signin" if visitor is None else HOMES[visitor.role])


async def get_help(request: Request) -> Response:
    """Where to ask, legal notice, accessibility, cookies."""
    await visitor_of(request)
    return render(request, "help.html")


@page(role="operator")
async def get_operator(request: Request, visitor: Visitor) -> Response:  # noqa: ARG001  every page has its visitor
    """Where an operator works: not here."""
    return render(request, "operator.html")


def routes() -> list[Route]:
    """The pages. Each area lists its own."""
    return [
        Route("/", get_start, methods=["GET"]),
        Route("/help", get_help, methods=["GET"]),
        Route("/operator", get_operator, methods=["GET"]),
        *ask_routes(),
        *me_routes(),
        *pro_routes(),
        *oversight_routes(),
        *integrators.routes(),
        *dpo_routes(),
        *static.routes(),
        *stay.routes(),
    ]
