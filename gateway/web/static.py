"""The style sheet, the one script, the icon and the logo, under an address that changes with their content."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.problems import Refusal
from gateway.services import Services

_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}

_ICON = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#0a4a8f"/>'
    b'<path d="M2 11a6 6 0 0 1 12 0" fill="none" stroke="#fff" stroke-width="2"/></svg>'
)


async def get_style(request: Request) -> Response:
    """The style sheet and the operator's tokens."""
    services: Services = request.scope["services"]
    if request.url.path != services.pages.style_path:
        raise Refusal("not_found")
    return Response(services.pages.style, headers=_FOR_EVER, media_type="text/css; charset=utf-8")


async def get_script(request: Request) -> Response:
    """The script of signed-in pages: the warning before an idle session ends."""
    services: Services = request.scope["services"]
    if request.url.path != services.pages.script_path:
        raise Refusal("not_found")
    return Response(services.pages.script, headers=_FOR_EVER, media_type="text/javascript; charset=utf-8")


async def get_logo(request: Request) -> Response:
    """The operator's logo."""
    services: Services = request.scope["services"]
    if services.pages.logo is None:
        raise Refusal("not_found")
    return Response(services.pages.logo, headers={"Cache-Control": "max-age=3600"}, media_type="image/svg+xml")


async def get_icon(request: Request) -> Response:  # noqa: ARG001  the same for everybody
    """The icon of a tab: a bridge. Without one of ours, browsers ask for one, or the pages' policy refuses it."""
    return Response(_ICON, headers={"Cache-Control": "public, max-age=86400"}, media_type="image/svg+xml")


def routes() -> list[Route]:
    """The addresses."""
    return [
        Route("/static/{digest}/style.css", get_style, methods=["GET"]),
        Route("/static/{digest}/idle.js", get_script, methods=["GET"]),
        Route("/static/icon.svg", get_icon, methods=["GET"]),
        Route("/static/logo.svg", get_logo, methods=["GET"]),
    ]
