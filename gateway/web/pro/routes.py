"""Addresses of the professionals' pages."""

from starlette.routing import Route

from gateway.web.pro import pages

_GET, _POST = ["GET"], ["POST"]


def pro_routes() -> list[Route]:
    """All of them."""
    one = "/pro/ask/{authorisation}"
    return [
        Route("/pro", pages.get_home, methods=_GET),
        Route("/pro", pages.post_home, methods=_POST),
        Route(one, pages.get_ask, methods=_GET),
        Route(one, pages.post_ask, methods=_POST),
        Route(f"{one}/code", pages.post_code, methods=_POST),
        Route(f"{one}/done", pages.get_done, methods=_GET),
    ]
